"""What holds for every input: the prefilter loses nothing, cutting changes nothing, and nothing shows a secret."""

from __future__ import annotations

import copy
import json
import pickle
import random
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.fakes import Fake, KeyMaker
from scanner.matcher import Matcher
from scanner.models import MASK, NEAR, Chunk, Finding, Origin, Parcel, Secret
from scanner.probe import Probe
from scanner.proof import by_chance, prove
from scanner.rule import Example, RuleSet, load_rules

RULES = load_rules()
MATCHER = Matcher(RULES)
SHORT = [rule for rule in RULES if not rule.context and not rule.files and rule.key_first and rule.most < 300]

CONTEXTS = [
    "{0}", "API_KEY={0}", 'key = "{0}"', '{{"token": "{0}"}}', "Authorization: Bearer {0}", "-H 'X-Api-Key: {0}'",
    "https://api.acme.net/v1?key={0}&x=1", "<token>{0}</token>",
    "2026-01-02T03:04:05Z INFO sent {0} ok", "+  secret: {0}",
    "\x1b[32m{0}\x1b[0m", "# {0}.", "({0})", "`{0}`", "{0},{0}", "\\n{0}\\n",
]  # fmt: skip


def draw_key(draw: st.DrawFn) -> tuple[str, Fake]:
    rule = draw(st.sampled_from(SHORT))
    return rule.id, KeyMaker(rule, random.Random(draw(st.integers(0, 2**32)))).make()


@st.composite
def texts(draw: st.DrawFn) -> tuple[bytes, list[Fake]]:
    """Lines of noise with keys of random rules in random contexts."""
    parts, keys = [], []
    for _ in range(draw(st.integers(1, 5))):
        parts.append(draw(st.one_of(st.text(max_size=60).map(lambda text: text.encode()), st.binary(max_size=60))))
        _, key = draw_key(draw)
        keys.append(key)
        parts.append(draw(st.sampled_from(CONTEXTS)).format(key.key.decode("latin-1")).encode("latin-1"))
    return b"\n".join(parts), keys


def found(matcher: Matcher, chunk: Chunk) -> list[tuple[str, int, int, str, str]]:
    return [(f.rule_id, f.location.start, f.location.end, f.masked, f.text) for f in matcher.find(chunk)]


@settings(max_examples=120, deadline=None)
@given(texts())
def test_prefilter_and_pattern_find_what_the_pattern_alone_finds(made: tuple[bytes, list[Fake]]) -> None:
    data, _ = made
    for rule in SHORT:
        probe = Probe(rule)
        alone = set()
        at = 0
        while (match := probe._pattern.search(data, at)) is not None:
            alone |= {(a.start, a.end) for a in probe._accept(data, match)}
            at = match.start() + 1
        pointed = {
            (attempt.start, attempt.end)
            for owner, keyword, place in MATCHER.places(data, 0, len(data))
            if owner.rule.id == rule.id
            for attempt in owner.attempts(data, keyword, place, {})
        }
        assert pointed <= alone
        # A match that begins inside a longer one of the same rule is the same key, cut.
        assert all(any(p[0] <= a[0] and a[1] <= p[1] for p in pointed) for a in alone), rule.id


@settings(max_examples=150, deadline=None)
@given(texts(), st.data())
def test_cutting_into_windows_changes_nothing(made: tuple[bytes, list[Fake]], data: st.DataObject) -> None:
    text, _ = made
    whole = found(MATCHER, Chunk(text, Origin("t")))
    cuts = sorted({0, len(text), *data.draw(st.lists(st.integers(0, len(text)), max_size=4))})
    pieces = set()
    for start, end in pairwise(cuts):
        pieces |= set(found(MATCHER, Chunk(text, Origin("t"), start, end)))
    assert sorted(pieces) == sorted(whole)


@settings(max_examples=150, deadline=None)
@given(texts())
def test_no_secret_in_anything_that_can_be_shown(made: tuple[bytes, list[Fake]]) -> None:
    text, keys = made
    findings = list(MATCHER.find(Chunk(text, Origin("t"))))
    shown = " ".join(f"{f.text} {f.masked} {f.variable} {f!r} {f!s} {f.secret!r} {f.secret:>9}" for f in findings)
    caught = {f.secret.reveal() for f in findings}
    for key in keys:
        if key.secret in caught and len(key.secret) >= 8:
            assert key.secret.decode("latin-1") not in shown
    assert all(f.text.count(MASK) >= 1 for f in findings)
    for f in findings:
        for attempt in (pickle.dumps, json.dumps):
            with pytest.raises(TypeError):
                attempt(f)
        with pytest.raises(TypeError):
            pickle.dumps(f.secret)
        assert repr(copy.copy(f.secret)) == MASK


@settings(max_examples=100, deadline=None)
@given(texts())
def test_a_parcel_carries_findings_unchanged(made: tuple[bytes, list[Fake]]) -> None:
    findings = tuple(MATCHER.find(Chunk(made[0], Origin("t"))))
    assert pickle.loads(pickle.dumps(Parcel(findings))).findings == findings  # noqa: S301 - our own bytes
    assert all(f.secret.reveal().decode("latin-1") not in repr(Parcel(findings)) for f in findings)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=3000))
def test_hostile_bytes_never_crash(data: bytes) -> None:
    for f in MATCHER.find(Chunk(data, Origin("t"))):
        assert 0 <= f.location.start < f.location.end <= len(data)


@settings(max_examples=60, deadline=None)
@given(texts())
def test_mask_leaves_the_rest_alone(made: tuple[bytes, list[Fake]]) -> None:
    text = made[0].decode("utf-8", "replace")
    once = MATCHER.mask(text)
    assert MATCHER.mask(once) == once
    assert all(piece in text for piece in re.split(re.escape(MASK), once))


HOSTILE = {
    "keywords": b"sk_live_ghp_AKIA",
    "names": b"api_key=token=secret=",
    "urls": b"https://a:b://",
    "armour": b"-----BEGIN RSA PRIVATE KEY-----",
    "dots": b"eyJ.",
    "base64": b"QUJDREVGR0hJSktMTU5P",
    "percent": b"%41",
    "escapes": b"\\x41",
    "nul": b"\0a",
    "letters": b"a",
    "spaces": b" ",
    "quotes": b"\"'",
}


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE.keys())
def test_work_grows_no_faster_than_hostile_content(piece: bytes) -> None:
    """Eight times the bytes may take ten times the steps, not sixty-four. Steps are calls, which do not depend on the
    machine; what one call costs is bounded, because patterns are."""

    def steps(size: int) -> int:
        data = (piece * (size // len(piece) + 1))[:size]
        count = 0

        def tick(*_: object) -> None:
            nonlocal count
            count += 1

        before = sys.getprofile()
        sys.setprofile(tick)
        try:
            list(MATCHER.find(Chunk(data, Origin("t"))))
        finally:
            sys.setprofile(before)
        return count

    steps(4_000)
    assert steps(64_000) <= 10 * steps(8_000) + 2_000


def test_the_more_specific_rule_keeps_the_bytes(matcher: Matcher, new_key: Callable[..., Fake]) -> None:
    pat = new_key("github-personal-access-token").key
    for text in (b"https://user:" + pat + b"@github.com/o/r.git", b"password = '" + pat + b"'", b"GITHUB_TOKEN=" + pat):
        assert [f.rule_id for f in matcher.find(Chunk(text, Origin("t")))] == ["github-personal-access-token"]


def test_a_rule_that_is_switched_off_still_masks(rules: RuleSet, new_key: Callable[..., Fake]) -> None:
    one, other = new_key("github-personal-access-token"), new_key("logtalk-api-key", "live")
    only = Matcher(rules.select(["github-personal-access-token"]))
    (finding,) = only.find(Chunk(one.key + b" " + other.key, Origin("t")))
    assert other.secret.decode() not in finding.text


def test_far_reaching_keys_are_found_whatever_part_changed(matcher: Matcher, rules: RuleSet) -> None:
    key = KeyMaker(rules.get("privatekey-rsa"), random.Random()).make().key
    while len(key) < 3 * NEAR:
        key = key[:-1] + b"\n" + bytes(random.choices(b"ABCDEFGHabcdefgh0123456789+/", k=64))
    data = b"x\n" * 4000 + key + b"\n-----END RSA PRIVATE KEY-----\n" + b"y\n" * 4000
    whole = [f.location for f in matcher.find(Chunk(data, Origin("t")))]
    assert len(whole) == 1
    middle = data.index(key) + len(key) // 2
    assert [f.location for f in matcher.find(Chunk(data, Origin("t"), middle, middle + 1))] == whole


ALLOWS = {
    "any": ("keysweep:allow", "", ""),
    "reason": ("keysweep:allow a test server's key", "", "a test server's key"),
    "rule": ("keysweep:allow[logtalk-api-key] rotated", "logtalk-api-key", "rotated"),
    "rule without brackets": ("keysweep:allow logtalk-api-key rotated", "logtalk-api-key", "rotated"),
    "provider": ("keysweep:allow logtalk", "logtalk", ""),
    "end of comment": ("keysweep:allow known -->", "", "known"),
}


@pytest.mark.parametrize(("comment", "rule_id", "reason"), ALLOWS.values(), ids=ALLOWS.keys())
def test_inline_allow(
    comment: str, rule_id: str, reason: str, matcher: Matcher, new_key: Callable[..., Fake]
) -> None:
    key = new_key("logtalk-api-key", "live").key
    data = b"a = 1\nkey = " + key + b"  # " + comment.encode() + b"\nother = " + key + b"\n"
    first, second = matcher.find(Chunk(data, Origin("t")))
    assert first.allow is not None
    assert (first.allow.rule_id, first.allow.reason) == (rule_id, reason)
    assert second.allow is None


def lines_of(finding: Finding) -> tuple[int, int, int, int]:
    at = finding.location
    return at.line, at.column, at.end_line, at.end_column


def test_positions_are_lines_and_characters(matcher: Matcher, new_key: Callable[..., Fake]) -> None:
    key = new_key("logtalk-api-key", "live").key
    data = "α = 1\r\nβγ: ".encode() + key + b"\n"
    (finding,) = matcher.find(Chunk(data, Origin("t")))
    assert lines_of(finding) == (2, 5, 2, 45)
    (later,) = matcher.find(Chunk(data, Origin("t"), offset=1000, line=11))
    assert lines_of(later) == (12, 5, 12, 45)
    assert later.location.start == finding.location.start + 1000


def test_a_secret_that_stands_twice_on_a_line_is_hidden_twice(matcher: Matcher, new_key: Callable[..., Fake]) -> None:
    key = new_key("logtalk-api-key", "live")
    text = b"key=" + key.key + b" again " + key.secret + b" end"
    (finding,) = matcher.find(Chunk(text, Origin("t")))
    assert finding.text == f"key=lt_live_{MASK} again {MASK} end"


def test_the_public_part_stays_whatever_another_rule_takes_for_a_secret(
    matcher: Matcher, new_key: Callable[..., Fake]
) -> None:
    key = new_key("logtalk-api-key", "live")
    (finding,) = matcher.find(Chunk(b"LOGTALK_API_KEY=" + key.key, Origin("t")))
    assert finding.text == f"LOGTALK_API_KEY=lt_live_{MASK}"


def test_example_files_hold_values_to_be_replaced_but_no_real_keys(
    matcher: Matcher, rules: RuleSet, new_key: Callable[..., Fake]
) -> None:
    known = b"LOGTALK_API_KEY=" + new_key("logtalk-api-key", "live").key
    named = b"LINKT_API_KEY=" + KeyMaker(rules.get("linkt-api-key"), random.Random(7)).make().key
    for path, expected in ((".env", 2), ("deploy/.env.example", 1), ("settings.sample.toml", 1), ("example/app.py", 2)):
        assert len(list(matcher.find(Chunk(known + b"\n" + named + b"\n", Origin(path))))) == expected, path


def test_broken_promises_are_told(rules: RuleSet, matcher: Matcher) -> None:
    rule = rules.get("logtalk-api-key")
    liar = replace(rule, counterexamples=(Example("k={key}"), Example("k={key:cut}")), examples=(Example("nothing"),))
    texts = [problem.text for problem in prove(liar, matcher, 1)]
    assert any("fires on the counterexample" in text for text in texts)
    assert any("no place for a key" in text for text in texts)
    assert any("two examples" in text for text in texts)


def test_a_key_that_is_another_rules_by_chance_says_nothing(rules: RuleSet, matcher: Matcher) -> None:
    maker = KeyMaker(rules.get("marketstack-access-key"), random.Random())
    token = KeyMaker(rules.get("github-personal-access-token"), random.Random()).make()
    assert by_chance(maker, matcher, token)
    assert not by_chance(maker, matcher, Fake(b"0123456789abcdef" * 2, 0, 32))


def test_a_likeness_of_more_than_a_few_keys_is_told(rules: RuleSet, matcher: Matcher) -> None:
    maker = KeyMaker(replace(rules.get("github-personal-access-token"), id="acme-token"), random.Random())
    assert not by_chance(maker, matcher, maker.make())


def test_secrets_compare_by_value_and_hide() -> None:
    one, same, other = Secret(b"abc"), Secret(b"abc"), Secret(b"abd")
    assert one == same
    assert one != other
    assert len({one, same, other}) == 2
    assert f"{one}{one!r}{one:>20}" == MASK * 3


def shown(finding: Finding) -> str:
    reason = finding.allow.reason if finding.allow else ""
    return "\n".join((finding.text, finding.masked, finding.variable, reason))


def pieces(secret: bytes) -> set[str]:
    """What is long enough to help somebody who guesses the rest."""
    return {secret[at : at + 10].decode() for at in range(len(secret) - 9)}


@pytest.mark.parametrize("before", range(120, 200, 8))
def test_a_key_that_the_reason_of_an_allow_cuts(matcher: Matcher, new_key: Callable[..., Fake], before: int) -> None:
    key, other = new_key("github-personal-access-token"), new_key("github-personal-access-token")
    text = key.key + b" # keysweep:allow " + b"x " * (before // 2) + other.key + b" and more words, to the end"
    findings = list(matcher.find(Chunk(text, Origin("a.py"))))
    assert findings[0].allow is not None
    assert not any(piece in shown(finding) for piece in pieces(other.secret) for finding in findings)


def test_a_password_that_stands_in_the_reason_of_its_allow(matcher: Matcher, new_key: Callable[..., Fake]) -> None:
    secret = new_key("heroku-legacy-api-key").secret
    text = b"HEROKU_API_KEY=" + secret + b"  # keysweep:allow it is " + secret + b" everywhere"
    findings = list(matcher.find(Chunk(text, Origin("a.py"))))
    assert findings
    assert not any(secret.decode() in shown(finding) for finding in findings)


@pytest.mark.parametrize("gap", range(0, 130, 10))
def test_a_key_that_stands_again_where_a_line_is_cut(matcher: Matcher, new_key: Callable[..., Fake], gap: int) -> None:
    """The second time it is no finding: letters follow."""
    key, other = new_key("github-personal-access-token"), new_key("logtalk-api-key")
    text = key.key + b" " + key.key + b"AAAA " + b"." * gap + b' "' + other.key + b'"'
    findings = list(matcher.find(Chunk(text, Origin("a.py"))))
    assert [finding.rule_id for finding in findings] == ["github-personal-access-token", "logtalk-api-key"]
    assert not any(piece in shown(finding) for piece in pieces(key.secret) for finding in findings)


@pytest.mark.parametrize("gap", [b" ", b"=", b" , ", b'", "'])
def test_the_end_of_a_key_is_no_name_of_the_next(matcher: Matcher, new_key: Callable[..., Fake], gap: bytes) -> None:
    for rule_id in ("sentry-org-token", "anthropic-api-key", "gitlab-personal-access-token"):
        for _ in range(8):
            key, next_key = new_key(rule_id), new_key("logtalk-api-key")
            text = b'"' + key.key + gap + next_key.key + b'"'
            for finding in matcher.find(Chunk(text, Origin("a.py"))):
                assert not any(piece in shown(finding) for piece in pieces(key.secret))
