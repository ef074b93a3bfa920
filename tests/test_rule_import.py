"""Rules of other scanners: what is carried over is proved by our own test, what is not is said. All are made up."""

from __future__ import annotations

import random
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scanner import pattern
from scanner.errors import KeysweepError
from scanner.fakes import KeyMaker
from scanner.rule import Rule
from scanner.rule_file import read_rules
from scanner.rule_import import formats
from scanner.rule_import.regex import ExpressionError
from scanner.rule_import.regex import read as read_expression
from scanner.rule_import.rewrite import rewrite
from tests.commands import keysweep

GITLEAKS = """\
title = "made up"

[extend]
useDefault = true
disabledRules = ["some-default"]

[allowlist]
paths = ['''(^|/)vendor/''']
regexes = ['''anything''']

[[rules]]
id = "acme-token"
description = "Acme token"
regex = '''\\b(acmetok_(?:live|test)_[a-zA-Z0-9]{32,})\\b'''
keywords = ["acmetok_"]
entropy = 3.2

[[rules]]
id = "zorbit"
description = "Zorbit API key"
regex = '''(?i)[\\w.-]{0,40}(?:zorbit)[ \\w.-]{0,20}\\s?["']?\\s?[:=]\\s?["']?([a-f0-9]{32})(?:["'\\s;]|$)'''
keywords = ["zorbit"]
tags = ["x"]

  [[rules.allowlists]]
  regexTarget = "secret"
  regexes = ['''^[0-9]+$''', '''^deadbeef''']
  stopwords = ["abc"]
  paths = ['''test''']
  commits = ["abcdef"]

[[rules]]
id = "Quuxly near"
description = "Quuxly"
regex = '''[a-f0-9]{38}'''
keywords = ["quuxly"]
path = '''(?i)\\.(?:env|ini)$'''

[[rules]]
id = "second"
regex = '''(?:blip|blop)-(user|team)-([0-9a-z]{24})'''
secretGroup = 2

[rules.allowlist]
regexes = ['''^[0-9a-f]+$''']

[[rules]]
id = "looked around"
regex = '''(?<![a-z])flarn_(?!test)[0-9A-F]{30}(?=;)'''

[[rules]]
id = "by-name-only"
path = '''\\.pem$'''

[[rules]]
id = "twice"
regex = '''gnarl_([a-z])\\1{20}'''

[[rules]]
id = "helper"
regex = '''helper_[a-z]{20}'''
skipReport = true

[[rules]]
id = "no-words"
regex = '''[0-9]{12}'''

[[rules]]
id = "ours"
regex = '''AKIA[A-Z2-7]{16}'''
"""

BETTERLEAKS = """\
[[rules]]
id = "acme-token"
regex = '''acmetok_[a-zA-Z0-9]{32}'''
filter = '''entropy(finding.secret) <= 3.25 || failsTokenEfficiency(finding.secret)'''
validate = '''{"result": "valid"}'''
components = [{ id = "other", within = "5L" }]
"""

NOSEY_PARKER = """\
rules:
- name: Blorp Key
  id: np.blorp.1
  pattern: |
    (?xi)
    blorp [_-]? (?: key | token )   # a comment
    ["'\\s:=]{1,5}
    (?P<TOKEN> [a-z0-9]{30} )
    \\b
  min_entropy: 3.0
  confidence: medium
  pattern_requirements: {min_digits: 2, min_uppercase: 0, ignore_if_contains: [test]}
  validation: {type: Http}
  examples:
  - 'blorp_key = "KEY"'
  - 'nothing'
  negative_examples:
  - 'blorp_key = "short"'
  - 'blorp_key = "KEY"'
  references:
  - https://blorp.example/docs
  - http://blorp.example/plain
- {name: Hidden, id: x.2, pattern: 'abcdef[0-9]{20}', visible: false}
"""

PATTERNS_DB = """\
patterns:
  - pattern:
      name: Flurb Token
      regex: "flurb-[0-9a-z]{22}"
      confidence: high
  - pattern:
      name: Weak
      regex: "[0-9]{10}"
      confidence: low
"""


def imported(place: Path, name: str, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    """What comes of a file of rules."""
    (place / name).write_text(text)
    return keysweep(place, "rules", "import", name, *options)


def said(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """What was said of each rule."""
    lines = [line.partition(": ") for line in done.stderr.splitlines() if ": " in line]
    return {name: text for name, _, text in lines}


def carried(place: Path, provider: str) -> dict[str, Rule]:
    """The rules of the file that was written, which our own test accepts."""
    file = place / "out" / f"{provider}.yaml"
    proved = keysweep(place, "rules", "test", "out")
    assert proved.returncode == 0, proved.stdout + proved.stderr
    return {rule.id: rule for rule in read_rules(file.read_bytes(), file.name)}


def test_gitleaks(tmp_path: Path) -> None:
    done = imported(tmp_path, ".gitleaks.toml", GITLEAKS, "--output", "out")
    assert done.returncode == 3, done.stderr
    rules = carried(tmp_path, "gitleaks")
    assert sorted(rules) == [
        "gitleaks-acme-token", "gitleaks-looked-around", "gitleaks-quuxly-near", "gitleaks-second", "gitleaks-zorbit",
    ]  # fmt: skip
    token = rules["gitleaks-acme-token"]
    assert token.pattern == "(?P<public>acmetok_(?:live|test)_)(?P<secret>[0-9A-Za-z]{32,256})"
    assert ([word.text for word in token.keywords], token.checks) == (["acmetok_"], (("entropy", 3.2),))
    assert rules["gitleaks-quuxly-near"].context
    assert rules["gitleaks-quuxly-near"].files == ("*.env", "*.ini")
    assert rules["gitleaks-zorbit"].checks == (("reject", ("number",)),)
    assert rules["gitleaks-second"].checks == (("reject", ("hex",)),)
    assert "(?P<secret>[0-9a-z]{24})" in rules["gitleaks-second"].pattern
    words = said(done)
    assert "a repeat without end became one of at most 256" in words["acme-token"]
    assert "anchors were left out" in words["acme-token"]
    for lost in ("stopwords", "allowed paths", "allowed commits", "values that it allows"):
        assert lost in words["zorbit"]
    assert "became context words" in words["Quuxly near"]
    assert "look-ahead was left out" in words["looked around"] and "look-behind was left out" in words["looked around"]
    assert words["by-name-only"] == "left out: it looks at names of files, not at their content"
    assert words["twice"] == "left out: its pattern has a back-reference"
    assert words["helper"] == "left out: it only helps other rules (skipReport)"
    assert words["no-words"].startswith("left out: no text of three characters")
    assert words["ours"].startswith("not needed: its keys are found by aws-")
    assert "keysweep's own stand in their place" in done.stderr
    assert "disabled default rules have no counterpart here: some-default" in done.stderr
    assert "belong into `exclude`: (^|/)vendor/" in done.stderr
    assert "5 rules of 10 carried over, 1 not needed, 4 left out into " in done.stderr


def test_what_was_carried_over_finds_keys(tmp_path: Path) -> None:
    imported(tmp_path, "rules.toml", GITLEAKS, "--output", "out", "--provider", "acme")
    rules = carried(tmp_path, "acme")
    key = KeyMaker(rules["acme-token"], random.Random()).make()
    (tmp_path / "a.env").write_bytes(b"TOKEN=" + key.key + b"\n")
    done = keysweep(tmp_path, "files", "a.env", "--rules", "out")
    assert done.returncode == 1
    assert "[acme-token]" in done.stdout
    assert key.secret.decode() not in done.stdout


def test_betterleaks(tmp_path: Path) -> None:
    done = imported(tmp_path, "b.toml", BETTERLEAKS, "--output", "out")
    assert done.returncode == 0, done.stderr
    assert carried(tmp_path, "b")["b-acme-token"].checks == (("entropy", 3.25),)
    words = said(done)["acme-token"]
    assert "its filter expression was left out, save the least entropy" in words
    assert "(validate) was left out" in words and "(components) was left out" in words


def test_nosey_parker_and_kingfisher(tmp_path: Path) -> None:
    rng = random.Random()
    key = "".join(rng.choice("abcdefghijkmnpqrstuvwxyz0123456789") for _ in range(28)) + "4q"
    done = imported(tmp_path, "np.yml", NOSEY_PARKER.replace("KEY", key), "--output", "out")
    assert done.returncode == 3
    rule = carried(tmp_path, "np")["np-blorp-1"]
    assert (rule.name, rule.confidence) == ("Blorp Key", "medium")
    assert rule.checks == (("entropy", 3), ("needs", ("digit",)))
    assert rule.references == ("https://blorp.example/docs",)
    assert 'blorp_key = "{key}"' in [one.text for one in rule.examples]
    assert 'blorp_key = "short"' in [one.text for one in rule.counterexamples]
    assert key not in (tmp_path / "out/np.yaml").read_text() + done.stderr + done.stdout
    words = said(done)
    assert "1 of its negative examples are left out" in words["np.blorp.1"]
    assert "its validation was left out" in words["np.blorp.1"]
    assert "ignore_if_contains of its requirements was left out" in words["np.blorp.1"]
    assert words["x.2"] == "left out: it only helps other rules (visible: false)"


def test_secrets_patterns_db_to_standard_output(tmp_path: Path) -> None:
    done = imported(tmp_path, "db.yml", PATTERNS_DB, "--provider", "flurb")
    assert done.returncode == 3
    rules = read_rules(done.stdout.encode(), "flurb.yaml")
    assert [(rule.id, rule.confidence) for rule in rules] == [("flurb-token", "high")]
    assert "1 rule of 2 carried over, 1 left out\n" in done.stderr


def test_one_file_can_extend_another(tmp_path: Path) -> None:
    rule = "[[rules]]\nid = '{0}'\nregex = '''{0}tok_[a-z0-9]{{30}}'''\ndescription = '{1}'\n"
    (tmp_path / "base").mkdir()
    three = rule.format("aaa", "old") + rule.format("bbb", "") + rule.format("ccc", "")
    (tmp_path / "base/base.toml").write_text(three)
    extend = "[extend]\npath = 'base/base.toml'\ndisabledRules = ['bbb']\n"
    imported(tmp_path, "own.toml", extend + rule.format("aaa", "new"), "--output", "out")
    rules = carried(tmp_path, "own")
    assert sorted(rules) == ["own-aaa", "own-ccc"]
    assert rules["own-aaa"].name == "new"
    (tmp_path / "base/base.toml").write_text("[extend]\npath = '../own.toml'\n")
    done = keysweep(tmp_path, "rules", "import", "own.toml", "--provider", "x")
    assert done.returncode == 2
    assert "goes in a circle" in done.stderr


def test_a_file_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "db.yml").write_text(PATTERNS_DB)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/db.yaml").write_text("mine\n")
    done = keysweep(tmp_path, "rules", "import", "db.yml", "--output", "out")
    assert done.returncode == 2
    assert "is there already" in done.stderr
    assert (tmp_path / "out/db.yaml").read_text() == "mine\n"


# --- files that are no good ---

BAD = {
    "no.toml": (None, "no.toml: no such file"),
    "a.toml": (b"rules = 1\n", "a.toml: 'rules' must be a list of tables"),
    "b.toml": (b"= 1\n", "b.toml: not TOML: "),
    "c.toml": (b"\xff", "c.toml: not TOML: not UTF-8"),
    "d.toml": (b"title = 'x'\n", "d.toml: holds no rules"),
    "e.toml": (b"a = " + b"[" * 100_000, "e.toml: not TOML"),
    "f.yml": (b"a: 1\n", "f.yml: neither rules of gitleaks"),
    "g.yml": (b"- 1\n", "g.yml: neither rules of gitleaks"),
    "h.yml": (b"provider: x\nrules: [{id: a}]\n", "this is a rule file of keysweep's already"),
    "i.yml": (b"rules: " + b"[" * 100_000, "i.yml:1: not YAML that can be read: nested too deeply"),
    "j.yml": (b"- " * 100_000 + b"a", "j.yml:1: not YAML that can be read: nested too deeply"),
    "k.yml": (b"a: &x [1]\nb: *x\n", "aliases are not allowed"),
    "l.toml": (b"[[rules]]\nid='a'\nregex='''a'''\n" * 5_001, "more than 5000"),
    "m.toml": (b"#" * (formats.LARGEST + 1), "larger than 8 MiB"),
    "n.toml": (b"[extend]\npath = 'gone.toml'\n", "gone.toml: no such file"),
    "p.toml": (b'[extend]\npath = "a\\u0000b"\n', "p.toml: [extend] path cannot be the name of a file"),
    "q.toml": (b'[extend]\npath = "' + b"a" * 300 + b'"\n', "q.toml: [extend] path cannot be the name of a file"),
    "r.toml": (b"a = " + b"9" * 5000, "r.toml: not TOML that can be read: a number of thousands of digits"),
    "o.toml": (b"[extend]\npath = '.'\n", "it is no regular file"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_is_no_good_is_refused_with_one_sentence(name: str, tmp_path: Path) -> None:
    data, words = BAD[name]
    if data is not None:
        (tmp_path / name).write_bytes(data)
    done = keysweep(tmp_path, "rules", "import", name)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_rule_file_of_ours_that_nests_too_deep_is_refused_as_well() -> None:
    for text in (b"[" * 400_000, b"- " * 400_000 + b"a", b"rules: " + b"{a: " * 100_000):
        with pytest.raises(KeysweepError, match="nested too deeply"):
            read_rules(text[: 1 << 20], "x.yaml")


HOSTILE = [
    "(" * 100_000, "a{99999}{99999}", "(?:a*)*" * 100, "(?:(?:a|a)*)*b", "a*" * 500, "[" * 9_000, "(?i" * 900,
    "x{1000}" * 1000, "(?P<a>" * 30 + ")" * 30, "\\", "[a", "a{5,2}", "*", "(?<n", "(?P=n)", "\\p{L}", "[z-a]",
    "[[:foo:]]",
    "(?(1)a|b)", "(?>a)", "[a&&b]", "\\x{110000}", "\\x{D800}", ")", "a|" * 9_000, "\\Q" + "a" * 17_000,
]  # fmt: skip


@pytest.mark.parametrize("expression", HOSTILE, ids=lambda text: text[:12])
def test_hostile_expressions_are_refused_or_read_at_once(expression: str) -> None:
    try:
        made = rewrite(read_expression(expression), 0)
        pattern.shape(made.text)
    except (ExpressionError, pattern.PatternError) as error:
        assert 10 < len(str(error)) < 300


# --- expressions ---


@pytest.mark.parametrize(
    ("expression", "group", "text"),
    [
        ("abc_[0-9]{8}", 0, "(?P<public>abc_)(?P<secret>[0-9]{8})"),
        ("(?i)abc_[a-f]{8}x", 0, "(?P<public>(?i:abc_))(?P<secret>[A-Fa-f]{8}(?i:x))"),
        ("(?i:a|b)c{9}", 0, "(?P<secret>(?:(?i:a)|(?i:b))c{9})"),
        ("(?i)foo|ba(?-i)r1234567", 0, "(?P<secret>(?:(?i:foo)|(?i:ba)r1234567))"),
        (r"^\bkey=(?P<v>[[:alnum:]_]{9})\b$", 1, "key=(?P<secret>[0-9A-Z_a-z]{9})"),
        (r"\Qa.b\E-(\d{9})", 1, r"a\.b-(?P<secret>[0-9]{9})"),
        (r"é=(\w{9})", 1, r"\xc3\xa9=(?P<secret>[0-9A-Z_a-z]{9})"),
        (r"ab\x2d\u{2D}c.{9}", 0, r"(?P<public>ab--c)(?P<secret>[^\n]{9})"),
        (r"(?s)abc.{9}", 0, r"(?P<public>abc)(?P<secret>[\x00-\xff]{9})"),
        (r"(?x) a b c # no" + "\n" + r" [ x y ] {9} \ ", 0, r"(?P<public>abc)(?P<secret>[xy]{9} )"),
        ("abc_(?:[0-9]+-)*[0-9]{9}", 0, "(?P<public>abc_)(?P<secret>(?:[0-9]{1,256}-){0,16}[0-9]{9})"),
        ("abc_[0-9]++(?#no)z", 0, "(?P<secret>abc_[0-9]{1,256}z)"),
        ("(?:key=(a{9})|tok=(b{9}))", 1, "(?P<secret>(?:key=a{9}|tok=b{9}))"),
        (r"(?:^|[^a-z])(abc_[0-9]{9})(?:[^a-z]|$)", 1, "(?P<public>abc_)(?P<secret>[0-9]{9})"),
        (r"['\"](abc_[0-9]{9})['\"]", 1, "[\"'](?P<secret>abc_[0-9]{9})[\"']"),
        ("a{2}?b{3,}?c{0,4}?d{9}", 0, "(?P<secret>a{2}b{3,256}?c{0,4}?d{9})"),
    ],
)
def test_expressions_as_patterns_of_ours(expression: str, group: int, text: str) -> None:
    made = rewrite(read_expression(expression), group)
    assert made.text == text
    pattern.shape(made.text)


_SETS = st.sampled_from(["[a-f]", "[0-9]", "\\d", "[A-Za-z]", "[xyz_]", "a", "b", "-", "\\.", "[^a-z]", "[\\w-]"])
_COUNTS = st.sampled_from(["", "", "?", "{3}", "{2,4}", "{1,3}?", "*", "+"])
_EXPRESSIONS = st.recursive(
    st.tuples(_SETS, _COUNTS).map("".join),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map("".join),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: f"(?:{'|'.join(parts)})"),
        inner.map(lambda part: f"(?i:{part})"),
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(expression=_EXPRESSIONS, seed=st.integers(0, 1 << 30))
@example(expression="(?i:a|b)-(?:x|)", seed=1)
def test_whatever_the_original_matches_is_matched(expression: str, seed: int) -> None:
    """Ours may find more, never less (the stated limits of repeats aside)."""
    try:
        made = rewrite(read_expression(f"key_{expression}"), 0)
    except ExpressionError:
        return
    original = f"key_{expression}".encode()
    drawn = pattern.sample(re._parser.parse(original), random.Random(seed), spread=6)  # type: ignore[attr-defined]
    if re.fullmatch(original, drawn):
        assert re.fullmatch(made.text.encode(), drawn), made.text
    assert any(word.encode() in drawn.lower() for word in made.literals)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab()[]{}|*+?^$\\.-,:<>=!PQEdxi019&#\n ", max_size=40))
def test_any_text_is_read_or_refused(expression: str) -> None:
    try:
        made = rewrite(read_expression(expression), 0)
    except ExpressionError:
        return
    re.compile(made.text.encode())
