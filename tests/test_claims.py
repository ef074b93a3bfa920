"""What tokens say of themselves: told where it has a shape, never their secrets."""

from __future__ import annotations

import base64
import json
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.claims import Claims, moment, web_token
from scanner.matcher import Matcher
from scanner.models import Chunk, Origin


def token(header: object, payload: object) -> str:
    parts = [json.dumps(header).encode(), json.dumps(payload).encode(), secrets.token_bytes(32)]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def test_algorithm_issuer_and_end(matcher: Matcher) -> None:
    made = token({"alg": "RS256", "typ": "JWT"}, {"iss": "https://login.acme.io/v2", "sub": "17", "exp": 1_700_000_000})
    (found,) = matcher.find(Chunk(f"SESSION={made}\n".encode(), Origin("a.log")))
    assert found.facts == (("algorithm", "RS256"), ("issuer", "https://login.acme.io/v2"))
    assert found.expires == "2023-11-14T22:13:20Z"


def test_without_an_end(matcher: Matcher) -> None:
    (found,) = matcher.find(Chunk(token({"alg": "none-such"}, {"sub": "x" * 9}).encode(), Origin("a")))
    assert (found.facts, found.expires) == ((("algorithm", "none-such"),), "")


@pytest.mark.parametrize(
    "issuer",
    ["Jane Doe", "a@acme.io", "https://u:pw@acme.io", "acme.io/?key=1", "<b>", "\x1b[1m", "a" * 300, 7, None, ["x"]],
)
def test_what_has_no_shape_is_not_told(issuer: object) -> None:
    assert web_token(token({"alg": "a b"}, {"iss": issuer}).encode()) == Claims()


def test_a_key_in_the_place_of_an_issuer_is_hidden(matcher: Matcher) -> None:
    key = "lt_live_" + "".join(secrets.choice("abcdefghjkmnp23456789") for _ in range(32))
    made = token({"alg": "HS256"}, {"iss": key})
    found = [one for one in matcher.find(Chunk(made.encode(), Origin("a"))) if one.facts]
    assert all(key[8:] not in text for one in found for _, text in one.facts)


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)))
def test_any_end_can_be_claimed(value: object) -> None:
    told = moment(value)
    assert not told or (len(told) == 20 and told.endswith("Z"))


@given(st.binary(max_size=200))
def test_any_bytes_can_claim(data: bytes) -> None:
    assert web_token(data) == Claims()
    deep = b".".join([base64.urlsafe_b64encode(b"[" * 5000)] * 2)
    assert web_token(deep) == Claims()
