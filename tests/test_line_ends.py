"""Files with the line ends of Windows: the same keys are found, and the line ends are no part of them."""

from __future__ import annotations

import random
import re

import pytest

from scanner.fakes import KeyMaker
from scanner.matcher import Matcher
from scanner.models import Chunk, Origin
from scanner.proof import MODEL_PATH
from scanner.rule import Example, Rule, load_rules

RULES = load_rules()
"""Every example of every rule is looked at, some hundred rules in one test."""

ARMOUR = 80
"""A key that may hold so many line breaks is armoured: a made one has them anywhere, as no real one has."""

_SPACES = re.compile(rb"\s{2,}")  # as many as a made key may hold: with longer line ends there would be too many


@pytest.fixture(scope="module")
def matcher() -> Matcher:
    return Matcher(RULES)


def secrets(matcher: Matcher, example: Example, text: bytes) -> list[tuple[str, bytes]]:
    chunk = Chunk(text, Origin(example.path or MODEL_PATH))
    return [(finding.rule_id, finding.secret.reveal()) for finding in matcher.find(chunk)]


def as_on_windows(text: bytes) -> bytes:
    return re.sub(rb"\r?\n", b"\r\n", text)


def differing(matcher: Matcher, rule: Rule) -> list[str]:
    """The examples in which another key is found when the lines end as on Windows. Shows no key."""
    maker = KeyMaker(rule, random.Random(1))
    told = []
    for example in rule.examples:
        made = maker.render(example)[0].replace(b"\r", b"") + b"\n"
        text = _SPACES.sub(lambda found: b"\n" + found[0].replace(b"\n", b"")[:2], made)
        here = [(name, as_on_windows(secret)) for name, secret in secrets(matcher, example, text)]
        if secrets(matcher, example, as_on_windows(text)) != here:
            told.append(f"{rule.id}: {example.text[:60]!r}")
    return told


@pytest.mark.parametrize("letters", ["ab", "cd", "efg", "hijkl", "mno", "p", "qr", "st", "uvwxyz0123456789"])
def test_line_ends_are_no_part_of_a_key(letters: str, matcher: Matcher) -> None:
    chosen = [rule for rule in RULES if rule.id[0] in letters and rule.breaks < ARMOUR]
    assert chosen
    assert [told for rule in chosen for told in differing(matcher, rule)] == []


def test_the_last_value_of_a_kubernetes_secret_ends_before_its_line(matcher: Matcher) -> None:
    maker = KeyMaker(RULES.get("kubernetes-secret-data"), random.Random(3))
    example = Example("kind: Secret\r\ndata:\r\n  {key}\r\n")
    found = [secret for _, secret in secrets(matcher, example, maker.render(example)[0])]
    assert found
    assert not any(secret.endswith(b"\r") for secret in found)
