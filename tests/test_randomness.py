"""What is drawn at random is told from what a person wrote."""

import random
import re
import string
from keyword import kwlist
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.randomness import looks_random, score

HEX = string.digits + "abcdef"
BASE62 = string.ascii_letters + string.digits
ALPHABETS = {
    "hex": HEX,
    "upper hex": HEX.upper(),
    "base32": string.ascii_uppercase + "234567",
    "lower and digits": string.ascii_lowercase + string.digits,
    "letters": string.ascii_letters,
    "base62": BASE62,
    "base64": BASE62 + "+/",
    "base64url": BASE62 + "-_",
}


@pytest.mark.parametrize("name", ALPHABETS)
@pytest.mark.parametrize(("length", "least"), [(16, 0.98), (24, 0.995), (40, 1.0)])
def test_random_strings_look_random(name: str, length: int, least: float) -> None:
    rng = random.Random(f"{name} {length}")
    drawn = ["".join(rng.choices(ALPHABETS[name], k=length)).encode() for _ in range(1000)]
    assert sum(map(looks_random, drawn)) / len(drawn) >= least


@pytest.mark.parametrize(
    "text",
    [
        "authentication",
        "getUserAccountByExternalId",
        "get_user_account_by_external_id",
        "DATABASE_CONNECTION_STRING",
        "my-application-staging-token",
        "src/components/authentication/login.tsx",
        "/var/run/secrets/kubernetes.io/serviceaccount/token",
        "config.services.database.password",
        "This is an ordinary sentence of English",
        "aws_secretsmanager_secret_version",
        "XMLHttpRequestFactory",
        "postgres-password",
        "Accept-Language",
        "2024-01-31",
        "version-1.22.333",
        "1234567890123456",
        "password123",
        "correct horse battery staple",
        "",
        "k9Z",
    ],
)
def test_what_people_write_does_not(text: str) -> None:
    assert not looks_random(text.encode())


def test_words_of_the_standard_library_do_not() -> None:
    """The words and identifiers of a whole module: 99 in 100 are told from keys."""
    source = Path(re.__file__).parent.parent.joinpath("argparse.py").read_bytes()
    words = sorted(set(re.findall(rb"[A-Za-z_]{8,60}", source)))
    assert len(words) > 300
    assert sum(map(looks_random, words)) / len(words) < 0.01


def test_python_keywords_do_not() -> None:
    assert not any(looks_random(word.encode()) for word in kwlist)


@given(st.lists(st.sampled_from(["user", "token", "name", "client", "read", "value", "data"]), min_size=2, max_size=8))
def test_any_spelling_of_an_identifier_reads_as_words(words: list[str]) -> None:
    camel = words[0] + "".join(word.title() for word in words[1:])
    spellings = ["_".join(words), "-".join(words), ".".join(words), "/".join(words), "_".join(words).upper(), camel]
    assert [text for text in spellings if looks_random(text.encode())] == []


@given(st.binary(max_size=300))
def test_any_bytes_get_an_answer_and_always_the_same(value: bytes) -> None:
    assert looks_random(value) is looks_random(value)
    assert score(value) == score(value)


@given(st.text(alphabet=string.digits, max_size=60))
def test_numbers_never_look_random(number: str) -> None:
    assert not looks_random(number.encode())


def test_the_score_ranks_keys_above_words() -> None:
    assert score(b"kX7Qz0vT2mWb9RyL") > 0 > score(b"authenticationToken")
    assert score(b"") == 0
