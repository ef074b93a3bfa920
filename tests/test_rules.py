"""Every shipped rule proves itself, with fresh keys in every run; the rules together keep the project's promises."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner import pattern, rule_file, rule_store
from scanner.errors import KeysweepError, RuleError
from scanner.fakes import KeyMaker
from scanner.matcher import Matcher
from scanner.models import Chunk, Origin
from scanner.proof import prove
from scanner.rule import Rule, RuleSet, load_rules
from scanner.yaml_nodes import plain_yaml

SHIPPED = load_rules(cache=False)
FILES = sorted(rule_store.shipped_folder().glob("*.yaml"))
FOUNDERS = {"logtalk", "legba", "sk-api", "linkt", "logic64"}


@pytest.mark.parametrize("rule", SHIPPED, ids=lambda rule: rule.id)
def test_rule_keeps_its_promises(rule: Rule, matcher: Matcher) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    problems = [str(problem) for problem in prove(rule, matcher, seed)]
    assert not problems, f"seed {seed}: {problems}"


def test_breadth() -> None:
    providers = {rule.provider for rule in SHIPPED}
    assert len(SHIPPED) >= 100
    assert len(providers) >= 70
    assert providers >= FOUNDERS


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_file_fits_the_schema_and_its_name(file: Path) -> None:
    schema = json.loads((rule_store.shipped_folder() / "schema.json").read_text())
    content = plain_yaml(file.read_bytes(), file.name)
    jsonschema.Draft202012Validator(schema).validate(content)
    assert content["provider"] == file.stem


def test_schema_and_loader_know_the_same_keys() -> None:
    schema = json.loads((rule_store.shipped_folder() / "schema.json").read_text())
    assert set(schema["properties"]) == set(rule_file.FILE_KEYS)
    assert set(schema["$defs"]["rule"]["properties"]) == set(rule_file.RULE_KEYS)
    assert set(schema["required"]) == {key for key, needed in rule_file.FILE_KEYS.items() if needed}
    assert set(schema["$defs"]["rule"]["required"]) == {key for key, needed in rule_file.RULE_KEYS.items() if needed}


@pytest.mark.parametrize("rule", [rule for rule in SHIPPED if not rule.context], ids=lambda rule: rule.id)
def test_pattern_tree_agrees_with_re(rule: Rule) -> None:
    tree, compiled = pattern.parse(rule.pattern), re.compile(rule.pattern.encode())
    rng = random.Random(rule.id)
    for _ in range(20):
        made = pattern.sample(tree, rng)
        assert compiled.fullmatch(made)
        assert rule.least <= len(made) <= rule.most
        assert rule.whole or any(
            made.lower().find(keyword.text.encode(), keyword.low, keyword.high + len(keyword.text)) >= 0
            for keyword in rule.keywords
        )


def test_fake_keys_are_recognised_where_there_is_room(matcher: Matcher, rules: RuleSet) -> None:
    marked = 0
    for rule in rules:
        if rule.context or not rule.key_first:
            continue
        key = KeyMaker(rule, random.Random()).make(synthetic=True).key
        found = [f for f in matcher.find(Chunk(b"x = " + key + b"\n", Origin("t"))) if f.rule_id == rule.id]
        marked += bool(found) and all(f.sample == "synthetic" for f in found)
    assert marked >= 60


def test_cache_gives_the_same_rules(own_cache: Path) -> None:
    first, second = load_rules(), load_rules()
    assert list(first) == list(second) == list(SHIPPED)
    assert first.digest == second.digest


@pytest.mark.parametrize("damage", [b"", b"{}", b"\xff" * 50, b"seal\n[[1]]"])
def test_damaged_cache_is_rebuilt(own_cache: Path, damage: bytes) -> None:
    load_rules()
    stored = sorted(own_cache.glob("rules-*.json"))
    assert stored
    for file in stored:
        file.write_bytes(damage)
    assert list(load_rules()) == list(SHIPPED)


def test_a_forged_cache_with_a_right_seal_cannot_leave_out_a_field(own_cache: Path) -> None:
    load_rules()
    for file in own_cache.glob("rules-*.json"):
        key = file.stem.removeprefix("rules-")
        file.write_bytes(rule_store._encode([], key).replace(b"[]", b"[[]]"))
    assert list(load_rules()) == list(SHIPPED)


GOOD = """\
provider: acme
name: Acme
rotate: https://acme.example/keys
references: [https://acme.example/docs]
rules:
  - id: acme-key
    name: Acme key
    description: Opens Acme.
    keywords: [acme_]
    pattern: '(?P<public>acme_)(?P<secret>[a-z0-9]{24})'
    severity: high
    confidence: high
    examples: ['ACME={key}', 'x: {key}']
    counterexamples: ['ACME={key:cut}', 'ACME={key:long}', 'ACME=acme_your_key_here']
"""

BAD = {
    "not yaml": ("rules:", "rules: [", 6, "not YAML"),
    "unknown key": ("    severity: high", "    severty: high", 11, "unknown key 'severty'"),
    "missing key": ("    confidence: high\n", "", 6, "has no 'confidence'"),
    "twice": ("    severity: high", "    severity: high\n    severity: low", 12, "stands twice"),
    "severity": ("severity: high", "severity: awful", 11, "a severity is one of"),
    "id": ("id: acme-key", "id: other-key", 6, "begin with 'acme-'"),
    "group": ("(?P<secret>", "(?P<hidden>", 10, "unknown group 'hidden'"),
    "no secret": ("(?P<secret>[a-z0-9]{24})", "[a-z0-9]{24}", 10, "'secret' is missing"),
    "unbounded": ("{24}", "{24,}", 10, "unbounded"),
    "regex": ("{24}", "{24", 10, "can match nothing|missing|keywords|not a regular"),
    "look": ("(?P<public>", "(?<!x)(?P<public>", 10, "look-ahead and look-behind"),
    "keyword": ("[acme_]", "[umbrella_]", 9, "without any of the keywords"),
    "short keyword": ("[acme_]", "[ac]", 9, "three or more characters"),
    "check": ("    severity: high", "    checks: {entropy: lots}\n    severity: high", 11, "takes a number"),
    "no check": ("    severity: high", "    checks: {magic: true}\n    severity: high", 11, "no check 'magic'"),
    "alias": ("    severity: high", "    severity: *x", 11, "alias"),
    "explosive": ("[a-z0-9]{24}", "(?:[a-z]{1,9}){1,9}", 10, "several ways"),
    "explosive inside": ("[a-z0-9]{24}", "(?:x[a-z]{1,9}[b-y]{1,9}){1,9}", 10, "several ways"),
    "nested set": ("    severity: high", "    left: '[^'\n    severity: high", 11, "not the inside of a character"),
    "two sets": ("    severity: high", "    right: 'a]b[c'\n    severity: high", 11, "not the inside of a character"),
    "difference": ("[a-z0-9]{24}", "[a-z--x]{24}", 10, "two ways .possible set difference.: escape"),
    "number": ("name: Acme key", "name: 12", 7, "must be a text"),
    "both forms": ("    severity: high", "    context: [acme]\n    severity: high", 6, "either"),
}


@pytest.mark.parametrize(("old", "new", "line", "reason"), BAD.values(), ids=BAD.keys())
def test_bad_file_is_refused_with_line_and_reason(old: str, new: str, line: int, reason: str) -> None:
    assert rule_file.read_rules(GOOD.encode(), "acme.yaml")
    text = GOOD.replace(old, new, 1)
    assert text != GOOD
    if old == "{24}" and new == "{24":
        text = GOOD.replace("(?P<secret>[a-z0-9]{24})", "(?P<secret>[a-z0-9")
        reason = "not a regular expression"
    with pytest.raises(RuleError, match=reason) as caught:
        rule_file.read_rules(text.encode(), "acme.yaml")
    assert caught.value.line == line
    assert str(caught.value).startswith(f"acme.yaml:{line}: ")


def test_an_id_used_twice_names_both_files(tmp_path: Path) -> None:
    for name in ("one.yaml", "two.yaml"):
        (tmp_path / name).write_text(GOOD)
    with pytest.raises(RuleError, match=r"two\.yaml:6: .*taken by .*one\.yaml:6"):
        load_rules([tmp_path])


def test_a_rule_file_that_is_no_file_is_not_left_out(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(GOOD)
    (tmp_path / "two.yaml").symlink_to("nowhere")
    with pytest.raises(KeysweepError, match=r"two\.yaml: cannot be read"):
        load_rules([tmp_path])


def test_a_rule_file_without_an_end_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "one.yaml").open("wb") as file:
        file.truncate(64 << 30)
    with pytest.raises(RuleError, match=r"one\.yaml:1: the file is larger than 1 MiB"):
        load_rules([tmp_path])


_words = st.text("abcdefghijklmnopqrstuvwxyz", min_size=3, max_size=12)


@settings(max_examples=60, deadline=None)
@given(prefix=_words, size=st.integers(16, 60), severity=st.sampled_from(["critical", "high", "medium", "low", "note"]))
def test_rule_files_round_trip(prefix: str, size: int, severity: str) -> None:
    text = GOOD.replace("acme_", prefix + "_").replace("{24}", f"{{{size}}}")
    text = text.replace("severity: high", f"severity: {severity}")
    first = rule_file.read_rules(text.encode(), "acme.yaml")
    again = rule_store._decode(rule_store._encode(first, "k"), "k")
    dumped = yaml.safe_dump(yaml.safe_load(text))
    second = rule_file.read_rules(dumped.encode(), "acme.yaml")
    assert again == first
    assert [rule.pattern for rule in second] == [rule.pattern for rule in first]
    assert second[0].severity == severity


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400))
def test_hostile_rule_files_are_refused_in_a_sentence(data: bytes) -> None:
    with pytest.raises(RuleError, match=r"^bad\.yaml:\d+: "):
        rule_file.read_rules(data, "bad.yaml")
