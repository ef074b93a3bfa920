"""Values that a key needs, found near it: which of several, hidden as keys are, and one finding for a pair."""

from __future__ import annotations

import base64
import copy
import pickle
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from gitrepo import GitRepo
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.errors import RuleError
from scanner.fakes import Fake
from scanner.matcher import Matcher
from scanner.models import NEAR, Chunk, Confidence, Finding, Origin, Parcel, ScanResult, Severity
from scanner.parts import absorb
from scanner.pipeline import scan
from scanner.rule import RuleSet, load_rules
from scanner.rule_file import read_rules
from scanner.sources.files import Files
from scanner.sources.git_history import GitHistory

NewKey = Callable[..., Fake]
ACME = """\
provider: acme
name: Acme
rotate: https://acme.io/keys
references: [https://acme.io/docs]
rules:
  - id: acme-account
    name: Acme account
    description: Names an account.
    keywords: [acct_]
    pattern: '(?P<public>acct_[a-z0-9]{4})(?P<secret>[a-z0-9]{12})'
    severity: low
    confidence: high
    examples: ['{key}', 'a={key}']
    counterexamples: ['{key:cut}', '{key:long}', 'acct_your_account']
  - id: acme-key
    name: Acme key
    description: Opens Acme.
    keywords: [acme_]
    pattern: '(?P<public>acme_)(?P<secret>[a-z0-9]{24})'
    severity: high
    confidence: medium
    parts:
      account: {rule: acme-account, absorb: true, shown: true}
      host: {pattern: '(?P<value>[a-z0-9-]{1,40}\\.acme\\.io)(?::\\d{2,5})?', config: host, default: api.acme.io}
      region: {config: region, default: eu}
    examples: ['{key}', 'a={key}']
    counterexamples: ['{key:cut}', '{key:long}', 'acme_your_key']
"""
ACME_RULES = read_rules(ACME.encode(), "acme.yaml")
DICE = random.SystemRandom()


def word(length: int) -> str:
    return "".join(DICE.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=length))


def account() -> str:
    return "acct_" + word(16)


def key() -> str:
    return "acme_" + word(24)


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Matcher:
    file = tmp_path_factory.mktemp("rules") / "acme.yaml"
    file.write_text(ACME)
    return Matcher(load_rules([file], shipped=False))


def look(matcher: Matcher, text: str) -> list[Finding]:
    return list(matcher.find(Chunk(text.encode(), Origin("a.txt"))))


def parts(finding: Finding) -> dict[str, str]:
    return {name: value.reveal().decode() for name, value in finding.parts}


def test_a_key_is_whole_and_hidden(acme: Matcher) -> None:
    secret = key()
    (found,) = look(acme, secret)
    assert found.key.reveal().decode() == secret
    assert found.secret.reveal().decode() == secret.removeprefix("acme_")
    assert not found.parts
    assert secret[5:] not in f"{found}{found!r}{found.key}{found.key:>9}"


def test_parts_are_found_on_both_sides_and_hidden(acme: Matcher) -> None:
    owner, secret = account(), key()
    for text in (f"{owner}\n{secret}\nhttps://shop.acme.io:8443/v1", f"shop.acme.io\n{secret} {owner}"):
        found = next(one for one in look(acme, text) if one.rule_id == "acme-key")
        assert parts(found) == {"account": owner, "host": "shop.acme.io"}
        assert found.facts == (("account", owner),)
        assert found.confidence is Confidence.HIGH
        assert found.absorbed[0][0] == "acme-account"
        assert "shop.acme.io" not in f"{found.parts!r}"
        assert owner not in f"{found.absorbed!r}"


def test_nothing_of_a_finding_is_lost_or_seen_on_its_way_to_another_process(acme: Matcher) -> None:
    found = tuple(look(acme, f"{account()}\n{key()} x.acme.io"))
    assert pickle.loads(pickle.dumps(Parcel(found))).findings == found  # noqa: S301 - our own bytes
    assert copy.deepcopy(found[0].key) is found[0].key
    with pytest.raises(TypeError):
        pickle.dumps(found[0])


def test_the_nearest_in_the_same_block_is_meant(acme: Matcher) -> None:
    owners, keys = [account() for _ in range(3)], [key() for _ in range(3)]
    pairs = list(zip(owners, keys, strict=True))
    texts = (
        "\n".join(f"[p{at}]\nid = {owner}\nkey = {secret}" for at, (owner, secret) in enumerate(pairs)),
        "\n".join(f"A{at}_IDENTIFIER={owner}\nA{at}_KEY={secret}" for at, (owner, secret) in enumerate(pairs)),
        "\n\n".join(f"key: {secret}\nid: {owner}" for owner, secret in pairs),
        str([{"key": secret, "id": owner} for owner, secret in pairs]),
    )
    for text in texts:
        found = [one for one in look(acme, text) if one.rule_id == "acme-key"]
        assert [(parts(one)["account"], one.key.reveal().decode()) for one in found] == pairs


@pytest.mark.parametrize("gap", [1, NEAR - 21, NEAR - 1, NEAR, NEAR + 1, 5 * NEAR])
def test_how_near_is_near(acme: Matcher, gap: int) -> None:
    for text in (f"{account()}{' ' * gap}{key()}", f"{key()}{' ' * gap}{account()}"):
        found = next(one for one in look(acme, text) if one.rule_id == "acme-key")
        assert bool(found.parts) is (gap < NEAR)
    host = look(acme, f"shop.acme.io{' ' * gap}{key()}")[-1]
    assert bool(host.parts) is (gap + len("shop.acme.io") <= NEAR)


def test_what_only_looks_like_a_part_is_none(acme: Matcher) -> None:
    for text in (f"x{account()}", "acct_xxxxxxxxxxxxxxxx", f"x{word(5)}acme.io", "shop.acme.iota"):
        assert not look(acme, f"{text} {key()}")[-1].parts


def test_a_pair_in_one_encoded_text(acme: Matcher) -> None:
    owner, secret = account(), key()
    found = look(acme, "data: " + base64.b64encode(f"{owner}:{secret}@shop.acme.io".encode()).decode())
    pair = next(one for one in found if one.rule_id == "acme-key")
    assert parts(pair) == {"account": owner, "host": "shop.acme.io"}


FILLING = st.sampled_from(["\n", " ", "id=", "\n\n", "{", "x.acme.io ", "text " * 9, "text\n" * 40, "-" * 300])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(FILLING, st.sampled_from(["KEY", "ACCOUNT"])), max_size=25), st.randoms())
def test_no_cut_changes_what_a_key_has_for_parts(pieces: list[str], rng: random.Random) -> None:
    matcher = Matcher(RuleSet(ACME_RULES))
    data = " ".join({"KEY": key(), "ACCOUNT": account()}.get(piece, piece) for piece in pieces).encode()
    whole = list(matcher.find(Chunk(data, Origin("a"))))
    cuts = sorted({0, len(data), *(rng.randint(0, len(data)) for _ in range(3))})
    found = {}
    for start, end in pairwise(cuts):
        first, last = max(0, start - 4096), min(len(data), end + 4096)
        piece = Chunk(data[first:last], Origin("a"), start - first, end - first, first)
        found |= {(one.location.start, one.rule_id): one for one in matcher.find(piece)}
    got = [found[at] for at in sorted(found)]
    assert [(one.key, one.parts, one.confidence) for one in got] == [(o.key, o.parts, o.confidence) for o in whole]


# --- one finding ---


def test_a_pair_is_one_finding_and_an_id_alone_is_low(tmp_path: Path, acme: Matcher) -> None:
    pair, alone = account(), account()
    (tmp_path / "pair.env").write_text(f"ID={pair}\nKEY={key()}\n" + "#\n" * 900 + f"AGAIN={pair}\n")
    (tmp_path / "alone.env").write_text(f"ID={alone}\nCOPY={pair}\n")
    result = scan(Files([tmp_path]), acme)
    told = {(Path(one.location.path).name, one.rule_id, one.severity) for one in result.findings}
    assert told == {("pair.env", "acme-key", Severity.HIGH), ("alone.env", "acme-account", Severity.LOW)}
    assert len(result.findings) == 3


def test_a_pair_whose_other_half_is_switched_off_keeps_what_is_left(tmp_path: Path, acme: Matcher) -> None:
    (tmp_path / "a.env").write_text(f"ID={account()}\nKEY={key()}\n")
    quiet = Matcher(acme.rules.select(disable=["acme-key"]))
    assert [one.rule_id for one in scan(Files([tmp_path]), quiet).findings] == ["acme-account"]


def test_a_sample_absorbs_samples_only(acme: Matcher) -> None:
    owner, secret = look(acme, f"{account()} {key()}")
    sample = "documented"
    for mine, other, left in (("", "", 1), (sample, "", 2), (sample, sample, 1), ("", sample, 1)):
        pair = (replace(owner, sample=other), replace(secret, sample=mine))
        assert len(absorb(ScanResult(pair)).findings) == left


def _edits(owner: str, secret: str) -> Iterator[str]:
    filler = "".join(f"# line {at} of a long file\n" for at in range(300))
    yield f"{filler}ID={owner}\n{filler}"
    yield f"{filler}ID={owner}\nKEY={secret}\n{filler}"
    yield f"{filler}ID={owner}\nHOST=a.acme.io\nKEY={secret}\n{filler}more\n"
    yield f"{filler}ID={owner}\nHOST=b.acme.io\n{filler}more\n"


def test_in_a_history_a_pair_is_one_finding_however_many_processes(tmp_path: Path, acme: Matcher) -> None:
    repo = GitRepo.new(tmp_path / "repo")
    for at, text in enumerate(_edits(account(), key())):
        repo.write("a.env", text)
        repo.commit(f"edit {at}")
    results = [scan(GitHistory(repo.path), acme, jobs=jobs).findings for jobs in (1, 2)]
    assert results[0] == results[1]
    assert [one.rule_id for one in results[0]] == ["acme-key"]
    assert parts(results[0][0])["host"] == "a.acme.io"


def test_aws_pairs(matcher: Matcher, new_key: NewKey) -> None:
    access, secret, token = (
        new_key(rule).key.decode() for rule in ("aws-access-key-id", "aws-secret-access-key", "aws-session-token")
    )
    text = f"[default]\naws_access_key_id = {access}\naws_secret_access_key = {secret}\n"
    found = absorb(ScanResult(tuple(look(matcher, f"{text}aws_session_token = {token}\n")))).findings
    assert [one.rule_id for one in found] == ["aws-secret-access-key"]
    assert parts(found[0]) == {"key_id": access, "session_token": token}
    assert found[0].facts == (("key_id", access),)
    (alone,) = look(matcher, f"aws_access_key_id = {access}\n")
    assert alone.severity is Severity.LOW


# --- rule files ---

BAD = {
    "account: {rule: acme-account, absorb: true, shown: true}": {
        "key: {rule: acme-account}": "not 'key'",
        "Account: {rule: acme-account}": "lower-case letters",
        "account: {rule: acme-account, pattern: x}": "is had from",
        "account: {absorb: true}": "is had from",
        "account: {pattern: 'acct_[a-z]{9}', absorb: true}": "names the key's 'rule'",
        "account: {pattern: 'acct_[a-z]+'}": "unbounded",
        "account: {pattern: '(acct)_'}": "no group but",
        "account: {pattern: '(?P<secret>acct)_'}": "no group but",
        "account: {pattern: 'a{641}'}": "at most 640",
        "account: {pattern: '(?:a)?'}": "at least 1 byte",
        "account: {rule: acme-account, shown: often}": "true or false",
        "account: {rule: acme-account, secret: true}": "unknown key 'secret'",
    }
}


@pytest.mark.parametrize(("old", "new", "reason"), [(o, n, r) for o, rest in BAD.items() for n, r in rest.items()])
def test_a_bad_part_is_refused_with_its_line(old: str, new: str, reason: str) -> None:
    with pytest.raises(RuleError, match=reason) as caught:
        read_rules(ACME.replace(old, new).encode(), "acme.yaml")
    assert caught.value.line == 23


def test_a_part_of_a_rule_that_is_not_there(tmp_path: Path) -> None:
    file = tmp_path / "acme.yaml"
    file.write_text(ACME.replace("rule: acme-account", "rule: acme-user"))
    with pytest.raises(RuleError, match="'acme-user', which is not there"):
        load_rules([file])
