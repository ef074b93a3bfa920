"""Every step of every rule on a line is told, and no candidate's secret is shown."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable

import pytest

from scanner.explain import Explanation, explain
from scanner.fakes import Fake, KeyMaker
from scanner.matcher import Matcher
from scanner.models import MASK, Chunk, Origin
from scanner.rule import RuleSet


def told(matcher: Matcher, text: bytes, line: int = 1, path: str = "settings.py") -> Explanation:
    return explain(matcher, Chunk(text, Origin(path)), line)


def verdict(explanation: Explanation, rule_id: str) -> str:
    return next(trial.verdict for trial in explanation.trials if trial.rule_id == rule_id)


def test_a_finding(matcher: Matcher, new_key: Callable[..., Fake]) -> None:
    key = new_key("logtalk-api-key", "live")
    explanation = told(matcher, b"first\nKEY=" + key.key + b"\n", 2)
    assert verdict(explanation, "logtalk-api-key") == "yes: a finding"
    assert explanation.text == f"KEY=lt_live_{MASK}"
    steps = next(trial.steps for trial in explanation.trials if trial.rule_id == "logtalk-api-key")
    assert any("bits a character" in step for step in steps)
    assert "environment: live" in steps
    assert [finding.rule_id for finding in explanation.findings] == ["logtalk-api-key"]
    assert key.secret.decode() not in repr(explanation)


def test_near_misses(matcher: Matcher, rules: RuleSet) -> None:
    maker = KeyMaker(rules.get("github-personal-access-token"), random.Random())
    key = maker.make().key
    rule = "github-personal-access-token"
    assert "too short" in verdict(told(matcher, b"x=" + key[:20]), rule)
    assert "right before or after" in verdict(told(matcher, b"x=" + key + b"abc"), rule)
    bad = key[:-1] + (b"0" if key[-1:] != b"0" else b"1")
    explanation = told(matcher, b"x=" + bad)
    assert verdict(explanation, rule) == "no: a check fails"
    assert any("checksum" in step for trial in explanation.trials for step in trial.steps)
    assert bad[4:].decode() not in repr(explanation)


def test_a_more_specific_rule_has_the_bytes(matcher: Matcher, new_key: Callable[..., Fake]) -> None:
    key = new_key("github-personal-access-token").key
    explanation = told(matcher, b"remote = https://anna:" + key + b"@git.acme.test/x.git")
    assert "more specific" in verdict(explanation, "url-basic-auth")


def test_switched_off_and_sample(rules: RuleSet, new_key: Callable[..., Fake]) -> None:
    key = new_key("logtalk-api-key", "live").key
    off = Matcher(rules.select(disable=["logtalk-api-key"]))
    assert "switched off" in verdict(told(off, b"x=" + key), "logtalk-api-key")
    fake = new_key("logtalk-api-key", "live", synthetic=True).key
    assert "synthetic" in verdict(told(Matcher(rules), b"x=" + fake), "logtalk-api-key")


def test_example_files(matcher: Matcher, rules: RuleSet) -> None:
    key = KeyMaker(rules.get("linkt-api-key"), random.Random(3)).make().key
    explanation = told(matcher, b"LINKT_API_KEY=" + key, path=".env.example")
    assert any("example file" in step for trial in explanation.trials for step in trial.steps)


@pytest.mark.parametrize("line", [0, 3, 99])
def test_no_such_line(matcher: Matcher, line: int) -> None:
    with pytest.raises(IndexError):
        told(matcher, b"one\ntwo\n", line)


def test_no_piece_of_a_key_in_what_another_rule_says(matcher: Matcher, new_key: Callable[..., Fake]) -> None:
    key, other = new_key("github-personal-access-token"), new_key("github-fine-grained-token")
    for text in (
        b"curl -u " + key.key + b":" + other.key + b" https://acme.io",
        b"postgres://" + key.key + b":" + other.key + b"@db.acme.io/x",
        b'"' + other.key + b" " + key.key + b'"',
    ):
        explanation = told(matcher, text)
        assert explanation.findings
        assert not any(one.secret[4:20].decode() in repr(explanation) for one in (key, other))


def test_a_key_that_would_fit_but_for_its_end_is_hidden(matcher: Matcher, new_key: Callable[..., Fake]) -> None:
    key = new_key("github-personal-access-token")
    explanation = told(matcher, b"x=" + key.key + b"abc")
    assert explanation.text == f"x=ghp_{MASK}abc"


def test_a_password_that_stands_twice(matcher: Matcher, new_key: Callable[..., Fake]) -> None:
    secret = new_key("heroku-legacy-api-key").secret
    explanation = told(matcher, b"HEROKU_API_KEY=" + secret + b"  # it is " + secret + b", really")
    assert explanation.findings
    assert secret.decode() not in repr(explanation)


def test_a_candidate_of_the_line_before(matcher: Matcher, new_key: Callable[..., Fake]) -> None:
    """A check turns it down, because the file is an example; it may be real all the same."""
    secret = new_key("linkt-api-key").secret
    text = b'# linkt\nAPI_KEY = "' + secret + b'"\n'
    assert matcher_finds(matcher, text)
    explanation = told(matcher, text, 2, ".env.example")
    assert not explanation.findings
    assert secret.decode() not in repr(explanation)


def matcher_finds(matcher: Matcher, text: bytes) -> bool:
    return any(matcher.find(Chunk(text, Origin("settings.py"))))


def test_the_last_line_of_a_key_in_base64_of_many_lines(matcher: Matcher, new_key: Callable[..., Fake]) -> None:
    wrapped = base64.encodebytes(b"#" * 1500 + b"\nTOKEN=" + new_key("github-personal-access-token").key + b"\n")
    last = len(wrapped.splitlines())
    explanation = told(matcher, wrapped, last)
    assert explanation.findings
    assert explanation.text == MASK
