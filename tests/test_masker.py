"""Masking a stream: no secret comes out, everything else does, alike however the stream was cut."""

from __future__ import annotations

import base64
import json
import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from itertools import pairwise
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import scanner
from scanner.colours import Plain
from scanner.fakes import Fake, KeyMaker
from scanner.known_secrets import forms, from_environment, worth
from scanner.masker import LONGEST, Masker, known
from scanner.models import MASK
from scanner.rule import Rule, RuleSet
from scanner.stretch import Stretches

STARS = MASK.encode()
NewKey = Callable[..., Fake]


@pytest.fixture(scope="module")
def stretches(rules: RuleSet) -> Stretches:
    return Stretches(rules, "bulk")


def masked(stretches: Stretches, pieces: Iterable[bytes]) -> bytes:
    masker = Masker(stretches=stretches)
    return b"".join([*(masker.feed(piece) for piece in pieces), masker.flush()])


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


def check(stretches: Stretches, data: bytes, places: Iterable[int]) -> bytes:
    """Masks the data whole, cut, and again; all that must hold for any data. Returns what came out."""
    whole = masked(stretches, [data])
    assert masked(stretches, cut(data, places)) == whole
    assert masked(stretches, [whole]) == whole
    at = 0
    for number, piece in enumerate(whole.split(STARS)):
        found = data.find(piece, at)
        assert found >= 0, "something that was not there came out"
        assert number or found == 0, "the beginning is not the beginning"
        at = found + len(piece)
    assert data.endswith(whole.rpartition(STARS)[2])
    return whole


# --- every rule ---



def test_no_key_of_any_rule_comes_out_in_any_of_its_examples(rules: RuleSet, stretches: Stretches) -> None:
    rng = random.Random()
    for rule in (rule for rule in rules if not rule.whole):  # a stream is no file
        maker = KeyMaker(rule, rng)
        for example in rule.examples:
            text, keys = maker.render(example)
            data = b"first line\n" + text + b"\nnext line\nlast line"
            places = range(len(data)) if example is rule.examples[0] else [rng.randrange(len(data)) for _ in range(4)]
            whole = check(stretches, data, places)
            for key in keys:
                assert key.secret.strip() not in whole, f"{rule.id} in {example.text!r}"


CONTEXTS = [
    b"TOKEN=%s\n", b'{"token": "%s", "id": 7}\n', b"GET /v1/me?access_token=%s&page=2 HTTP/1.1\n",
    b"Authorization: Bearer %s\r\n", b"+    token = '%s'\n", b"api_key: %s\n", b"https://example.io/?token=%s\n",
    b"2026-11-22T10:00:00Z INFO [web-1] login with token=%s from 10.0.0.1\n",
    b"\x1b[32mtoken\x1b[0m=\x1b[1;31m%s\x1b[0m\n", b"%s", b"a\0b token=%s\0\n",
    "clé=1 où token=".encode() + b"%s \xe9\n", b"\xff\xfe token=%s\n",
]  # fmt: skip


@pytest.fixture(scope="module")
def own_formats(rules: RuleSet) -> list[Rule]:
    """Rules whose keys are known by themselves, one line long, with nothing around them."""
    chosen = [rule for rule in rules if not rule.context and not rule.files and rule.most < 300]
    rng = random.Random(0)
    keys = {rule.id: KeyMaker(rule, rng).make().key for rule in chosen}
    fits = re.compile(rb"[A-Za-z0-9_.:/+=~-]+")  # what may stand in all of the contexts as it is
    return [
        rule for rule in chosen if re.fullmatch(rule.pattern.encode(), keys[rule.id]) and fits.fullmatch(keys[rule.id])
    ]


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_split_of_any_text_with_keys(data: st.DataObject, own_formats: list[Rule], stretches: Stretches) -> None:
    draw = data.draw
    rng = random.Random(draw(st.integers(0, 2**32)))
    text, secrets = b"", []
    for _ in range(draw(st.integers(1, 4))):
        rule = draw(st.sampled_from(own_formats))
        key = KeyMaker(rule, rng).make()
        text += draw(st.one_of(st.binary(max_size=30), st.sampled_from([b"", b"log line\n", b"\r\n", b"\x1b[0m"])))
        context = draw(st.sampled_from(CONTEXTS[:7]))
        text += b"\n" + context % key.key + b"\n"
        secrets.append(key.secret)
    whole = check(stretches, text, draw(st.lists(st.integers(0, 2000), max_size=12)))
    for secret in secrets:
        assert secret not in whole


@pytest.mark.parametrize("context", CONTEXTS)
def test_a_key_in_every_context(context: bytes, new_key: NewKey, stretches: Stretches) -> None:
    for rule_id in ("github-personal-access-token", "logtalk-api-key", "stripe-secret-key", "slack-bot-token"):
        key = new_key(rule_id)
        whole = check(stretches, context % key.key, range(0, 400, 7))
        assert whole == context % (key.key[: key.secret_start] + STARS + key.key[key.secret_end :])


def test_colours_inside_a_key_stay_and_the_key_goes(new_key: NewKey, stretches: Stretches) -> None:
    key = new_key("github-personal-access-token")
    half = key.secret_start + 11
    data = b"x \x1b[1mtoken=" + key.key[:half] + b"\x1b[31m" + key.key[half:-3] + b"\x1b[0m" + key.key[-3:] + b" y\n"
    whole = masked(stretches, [data])
    assert whole == b"x \x1b[1mtoken=ghp_" + STARS + b"\x1b[31m\x1b[0m y\n"
    assert masked(stretches, cut(data, range(len(data)))) == whole
    assert masked(stretches, [whole]) == whole


CODES = st.sampled_from([b"\x1b[31m", b"\x1b[0m", b"\x1b]8;;x\x07", b"\x1b"])


@given(st.lists(st.one_of(st.binary(max_size=6), CODES)))
def test_plain_text_knows_where_its_bytes_stood(pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    plain = Plain(data)
    for start in range(len(plain.data)):
        for end in range(start + 1, min(len(plain.data), start + 8) + 1):
            stood = plain.pieces(start, end)
            assert b"".join(data[low:high] for low, high in stood) == plain.data[start:end]
            assert plain.find(stood[0][0]) == start


# --- what is held back, and what is not ---


def test_a_line_leaves_when_it_is_whole(new_key: NewKey, stretches: Stretches) -> None:
    key = new_key("github-personal-access-token").key
    masker = Masker(stretches=stretches)
    for line in (b"hello\n", b"GET /api 200\r\n", b"token=" + key + b"\n", b"password: x\n", b"\n", b"Cookie: a=b\n"):
        assert masker.feed(line) == line.replace(key[4:], STARS)
        assert masker.held == 0


def pem(new_key: NewKey, kind: str = "privatekey-rsa") -> tuple[bytes, bytes]:
    fake = new_key(kind)
    body = base64.b64encode(b"\x30\x82\x04\xa4" + random.Random().randbytes(1190))
    lines = b"\n".join(body[at : at + 64] for at in range(0, len(body), 64))
    head = fake.key[: fake.secret_start]
    return head, lines


def test_a_private_key_is_hidden_to_its_foot(new_key: NewKey, stretches: Stretches) -> None:
    head, body = pem(new_key)
    data = b"reading key\n" + head + b"\n" + body + b"\n" + head.replace(b"BEGIN", b"END") + b"\ndone\n"
    whole = check(stretches, data, range(0, len(data), 5))
    assert whole == b"reading key\n" + head + STARS + head.replace(b"BEGIN", b"END") + b"\ndone\n"


def test_a_private_key_with_the_time_before_every_line(new_key: NewKey, stretches: Stretches) -> None:
    head, body = pem(new_key)
    lines = [b"starting", head, *body.split(b"\n"), head.replace(b"BEGIN", b"END"), b"done"]
    data = b"".join(b"2026-11-22T10:00:%02dZ web_1  | %s\n" % (number, line) for number, line in enumerate(lines))
    whole = check(stretches, data, range(0, len(data), 5))
    assert not any(line in whole for line in body.split(b"\n"))
    assert whole.count(b"\n") == data.count(b"\n")
    assert b"done\n" in whole
    assert b"starting\n" in whole


def test_a_private_key_longer_than_any_is_hidden_to_its_end(new_key: NewKey, stretches: Stretches) -> None:
    head, _ = pem(new_key)
    body = base64.b64encode(b"\x30\x82\x04\xa4" + random.Random().randbytes(60_000))
    lines = [body[at : at + 64] for at in range(0, len(body), 64)]
    data = head + b"\n" + b"\n".join(lines) + b"\n" + head.replace(b"BEGIN", b"END") + b"\nafter it\n"
    masker = Masker(stretches=stretches)
    whole = masker.feed(data) + masker.flush()
    assert not any(line in whole for line in lines)
    assert whole.endswith(b"\nafter it\n")
    assert masker.report.cut > 0


def test_base64_in_lines_is_looked_into(new_key: NewKey, stretches: Stretches) -> None:
    key = new_key("github-personal-access-token").key
    text = b"some configuration\n" * 4 + b"github_token = " + key + b"\nport = 80\n" + b"more of that\n" * 6
    packed = base64.encodebytes(text)
    data = b"data follows\n" + packed + b"that was it\n"
    whole = check(stretches, data, range(0, len(data), 3))
    assert whole == b"data follows\n" + STARS + b"\nthat was it\n"


def test_a_value_on_the_line_behind_its_name(new_key: NewKey, stretches: Stretches) -> None:
    key = new_key("generic-secret")
    data = b"client_secret:\n  " + key.key + b"\nport: 80\n"
    assert check(stretches, data, range(len(data))) == b"client_secret:\n  " + STARS + b"\nport: 80\n"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_wide_text_gets_a_wide_mask(encoding: str, new_key: NewKey, stretches: Stretches) -> None:
    key = new_key("github-personal-access-token").key.decode()
    data = f"first line\r\ntoken={key}\r\nlast line\r\n".encode(encoding)
    whole = masked(stretches, [data])
    assert whole.decode(encoding) == f"first line\r\ntoken=ghp_{MASK}\r\nlast line\r\n"
    assert masked(stretches, cut(data, range(0, 200, 3))) == whole


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("before", [b"", b"=", b"\0", b"x\0"])
@pytest.mark.parametrize("behind", [b"", b"'", b"\0", b"\n"])
def test_wide_text_inside_of_other_text_is_masked_whole(
    encoding: str, before: bytes, behind: bytes, new_key: NewKey, stretches: Stretches
) -> None:
    for rule in ("github-personal-access-token", "algolia-admin-api-key"):
        key = new_key(rule)
        text = f"ALGOLIA_ADMIN_KEY={key.key.decode()}".encode(encoding)
        data = b"line\nwide" + before + text + behind + b"end\n"
        whole = masked(stretches, [data])
        assert masked(stretches, cut(data, range(0, 100, 7))) == whole
        assert key.secret.decode().encode(encoding)[1:-1] not in whole


def test_a_line_without_an_end_is_masked_in_bounded_memory(new_key: NewKey, stretches: Stretches) -> None:
    keys = [new_key("github-personal-access-token").key for _ in range(6)]
    filler = b"lorem ipsum dolor sit amet " * 12_000
    data = filler + filler.join(b" token=" + key + b" " for key in keys) + filler
    masker = Masker(stretches=stretches)
    out = []
    for at in range(0, len(data), 50_000):
        out.append(masker.feed(data[at : at + 50_000]))
        assert masker.held <= LONGEST
    out.append(masker.flush())
    whole = b"".join(out)
    assert whole == masked(stretches, [data])
    expected = data
    for key in keys:
        expected = expected.replace(key, b"ghp_" + STARS)
    assert whole == expected


# --- a line that has only begun ---

SAFE = [b"Password: ", b"Continue? [y/N] ", b"user@host:~/dir$ ", b"Downloading  45%\r", b"\x1b[32muser\x1b[0m $ ",
        b"Password for 'https://user@github.com': "]  # fmt: skip


@pytest.mark.parametrize("prompt", SAFE)
def test_a_prompt_is_shown(prompt: bytes, stretches: Stretches) -> None:
    masker = Masker(stretches=stretches)
    assert masker.feed(b"line\n" + prompt) == b"line\n"
    assert masker.settled() == prompt
    assert masker.settled() == b""
    assert masker.feed(b"yes\n") == b"yes\n"


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_is_shown_early_is_what_comes_out_in_the_end(
    data: st.DataObject, own_formats: list[Rule], stretches: Stretches
) -> None:
    rng = random.Random(data.draw(st.integers(0, 2**32)))
    text = b""
    for _ in range(data.draw(st.integers(1, 3))):
        key = KeyMaker(data.draw(st.sampled_from(own_formats)), rng).make().key
        text += data.draw(st.sampled_from([b"$ ", b"login: ", b"a b c\n", b"token\n", b"x=1 y=2 ", b"curl -u ann:"]))
        text += data.draw(st.sampled_from(CONTEXTS[:9])) % key
    masker = Masker(stretches=stretches)
    out = []
    for piece in cut(text, data.draw(st.lists(st.integers(0, 1000), max_size=20))):
        out.append(masker.feed(piece))
        out.append(masker.settled())
    out.append(masker.flush())
    assert b"".join(out) == masked(stretches, [text])


# --- secrets that are known ---


def test_known_values_are_hidden_in_every_form(rules: RuleSet) -> None:
    value = 'Tr0ub4dor&3 "quoted" \\ /päth+x'
    raw = value.encode()
    wanted = [
        raw, quote(value).encode(), quote(value, safe="").encode(), json.dumps(value)[1:-1].encode(),
        json.dumps(value, ensure_ascii=False)[1:-1].encode(),
    ]  # fmt: skip
    made = Stretches(rules, "aho", known([value]))
    for form in wanted:
        assert check(made, b"say " + form + b" twice " + form + b"\n", range(0, 90, 4)).count(STARS) == 2
    for before in (b"", b"a", b"ab"):
        whole = check(made, b"Basic " + base64.b64encode(before + b":" + raw + b":x") + b"\n", [])
        assert STARS in whole
        assert base64.b64encode(raw)[8:24] not in whole


def test_a_known_value_of_several_lines(rules: RuleSet) -> None:
    value = b"first half of it\nsecond half of it\nand the rest"
    made = Stretches(rules, "aho", known([value]))
    data = b"before\n" + value + b"\nafter\n"
    assert check(made, data, range(len(data))) == b"before\n" + STARS + b"\nafter\n"


def test_what_of_the_environment_is_taken() -> None:
    environment = {
        "APP_TOKEN": "s3cr3t-value", "DB_PASSWORD": "hunter2hunter2", "API_KEY": "true", "KEY_FILE": "/etc/key.pem",
        "SSH_AUTH_SOCK": "/tmp/agent.1", "PATH": "/usr/bin:/bin", "SECRET_PATH": "/run/secrets/x", "TOKEN": "abc",
        "PUBLIC_KEY": "pk-something-public", "SECRET": "12345", "AUTH_TOKEN": "/var/run/token",
    }  # fmt: skip
    assert set(known((), environment)) == {b"s3cr3t-value", b"hunter2hunter2"}
    assert b"true" in from_environment(environment)


@pytest.mark.parametrize("value", ["", "short", "true", "password", "/etc/passwd", "aaaaaaaaaa", "1234567", "  \n "])
def test_trivial_values_are_not_taken(value: str) -> None:
    assert not worth(value.encode())


@given(st.binary(min_size=6, max_size=60))
def test_every_form_is_long_enough_to_be_told_from_text(value: bytes) -> None:
    assert value in forms(value)
    assert all(len(form) >= 6 for form in forms(value))


# --- the function, and what loads ---


def test_mask_takes_text_and_bytes(new_key: NewKey) -> None:
    key = new_key("github-personal-access-token").key
    assert scanner.mask(b"token " + key) == b"token ghp_" + STARS
    assert scanner.mask("tökén " + key.decode()) == f"tökén ghp_{MASK}"
    text = "nothing \udc80 here"
    assert scanner.mask(text) is text


def test_engines_mask_alike(rules: RuleSet, new_key: NewKey) -> None:
    data = b"".join(b"line %d token=%s x\n" % (number, new_key("stripe-secret-key").key) for number in range(40))
    assert len({masked(Stretches(rules, engine), [data]) for engine in ("aho", "bulk", "auto")}) == 1


def test_masking_loads_little(rules: RuleSet) -> None:
    program = (
        "import scanner, sys\n"
        "assert 'scanner.masker' not in sys.modules\n"
        "scanner.MaskingFilter; scanner.MaskingProcessor\n"
        "scanner.mask('hello')\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules} - set(sys.stdlib_module_names)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) - {"__main__", "_distutils_hack"} == {"ahocorasick", "scanner"}


# --- lines that were folded ---

FOLDS = [(b"\n", b""), (b"\r\n", b"    "), (b"\\\n", b"  "), (b"\n", b"  > "), (b"\n", b"\t| ")]


@pytest.mark.parametrize("rule", ["github-personal-access-token", "gitlab-personal-access-token", "npm-access-token"])
def test_a_key_that_was_folded(rule: str, new_key: NewKey, stretches: Stretches) -> None:
    for end, margin in FOLDS:
        made = new_key(rule)
        key, public = made.key, made.secret_start
        for cut in range(public + 1, len(key)):
            begun, rest = b"12:00 login with " + key[:cut] + end, margin + key[cut:] + b" by ann\nnext line\n"
            whole = b"12:00 login with " + key[:public] + STARS + end + margin + b" by ann\nnext line\n"
            masker = Masker(stretches=stretches)
            assert masker.feed(begun) + masker.feed(rest) == whole
            assert masker.held == 0
            assert masked(stretches, [begun + rest]) == whole
            assert masked(stretches, [whole]) == whole


def test_a_key_over_three_lines(new_key: NewKey, stretches: Stretches) -> None:
    key = new_key("github-personal-access-token").key
    text = b"a " + key[:8] + b"\n  " + key[8:24] + b"\n  " + key[24:] + b"\n"
    assert masked(stretches, [text]) == b"a ghp_" + STARS + b"\n  \n  \n"


def test_a_line_that_only_looks_as_if_a_key_began_waits_for_one_line(new_key: NewKey, stretches: Stretches) -> None:
    key = new_key("github-personal-access-token").key
    for begun in (b"cut off: " + key[:14] + b"\n", b"the prefix is ghp_\n", b"sk_live_\n"):
        masker = Masker(stretches=stretches)
        assert masker.feed(begun) == b""
        assert masker.feed(b"connected to the database\n") == begun + b"connected to the database\n"
    masker = Masker(stretches=stretches)
    assert masker.feed(b"whole: " + key + b"\n") == b"whole: ghp_" + STARS + b"\n"


def test_lines_that_each_begin_a_key_are_not_held_without_end(stretches: Stretches) -> None:
    masker = Masker(stretches=stretches)
    line = b"ghp_abc\n"
    assert masker.feed(line * 100)
    assert masker.held <= 12 * len(line)
