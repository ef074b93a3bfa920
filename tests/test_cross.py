"""Every rule's keys against all other rules: each is reported as exactly that rule's, in the rule's own examples and in
places that say nothing. Where several rules know a key, who keeps it is decided, and not left to chance."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from scanner.fakes import Fake, KeyMaker
from scanner.hits import Hit
from scanner.matcher import Matcher
from scanner.models import Chunk, Origin
from scanner.probe import specificity
from scanner.proof import by_chance
from scanner.rule import Rule, RuleSet, load_rules

COLLISIONS = Path(__file__).parent / "data" / "collisions.tsv"
NEUTRAL = ("X={}\n", '"token": "{}"\n', "see {} there\n")
SLICES = 16


@dataclass(frozen=True, slots=True)
class Text:
    """Some text, and the keys of a rule in it."""

    data: bytes
    path: str
    keys: tuple[Fake, ...]
    maker: KeyMaker


def texts(rule: Rule, rng: random.Random) -> Iterator[Text]:
    """The rule's own examples with fresh keys, and, where its keys can stand by themselves, places that say nothing."""
    maker = KeyMaker(rule, rng)
    for example in rule.examples:
        data, keys = maker.render(example)
        yield Text(data, example.path or "settings.txt", tuple(keys), maker)
    if rule.context or rule.whole:
        return
    alone, path = re.compile(rule.pattern.encode()), rule.examples[0].path if rule.files else ""
    for place in NEUTRAL:
        key = maker.make()
        if alone.fullmatch(key.key):
            yield Text(place.encode().replace(b"{}", key.key), path or "settings.txt", (key,), maker)


def spans(text: Text) -> Iterator[tuple[Fake, int, int]]:
    at = 0
    for key in text.keys:
        at = text.data.index(key.key, at)
        yield key, at, at + len(key.key)
        at += len(key.key)


@pytest.mark.parametrize("part", range(SLICES))
def test_a_key_is_reported_as_its_own_rules(part: int, matcher: Matcher, rules: RuleSet) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    wrong = []
    for rule in list(rules)[part::SLICES]:
        for text in texts(rule, random.Random(f"{seed} {rule.id}")):
            found = list(matcher.find(Chunk(text.data, Origin(text.path))))
            for key, start, end in spans(text):
                told = {one.rule_id for one in found if one.location.start < end and one.location.end > start}
                if told != {rule.id} and not by_chance(text.maker, matcher, key):
                    wrong.append((rule.id, sorted(told)))
    assert wrong == [], f"seed {seed}"


@cache
def _rivals() -> dict[tuple[str, str], frozenset[str]]:
    """For each rule and each other rule of its sort that knows its keys, by what the key is decided."""
    rules = load_rules()
    matcher = Matcher(rules)
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for rule in rules:
        for number in range(2):  # the same keys in every run: what is listed must not depend on chance
            for text in texts(rule, random.Random(f"{number} {rule.id}")):
                for rival, by in _contested(rule, matcher, text):
                    found[rule.id, rival].add(by)
    return {pair: frozenset(by) for pair, by in found.items()}


_DECIDED = ("kind", "confidence", "priority", "length", "keyword", "place", "name")
"""What `specificity` compares, in this order. All behind priority is chance: nobody said who should keep the key."""


def _contested(rule: Rule, matcher: Matcher, text: Text) -> Iterator[tuple[str, str]]:
    hits = [hit for hit in matcher._confirmed(text.data, 0, len(text.data), text.path, 0) if not hit.decoded]
    for _, start, end in spans(text):
        here = [hit for hit in hits if hit.start < end and hit.end > start]
        own = min((specificity(hit.attempt) for hit in here if hit.attempt.rule.id == rule.id), default=None)
        for hit in here if own else ():
            if hit.attempt.rule.id != rule.id:
                yield hit.attempt.rule.id, _by(own or specificity(hit.attempt), hit)


def _by(own: tuple[object, ...], rival: Hit) -> str:
    other = specificity(rival.attempt)
    return next(name for name, one, two in zip(_DECIDED, own, other, strict=True) if one != two)


def _listed() -> dict[tuple[str, str], str]:
    rows = [line.split("\t") for line in COLLISIONS.read_text().splitlines() if line and not line.startswith("#")]
    assert all(len(row) == 3 and row[2] for row in rows), "winner, loser, reason"
    assert len({(row[0], row[1]) for row in rows}) == len(rows)
    return {(row[0], row[1]): row[2] for row in rows}


def test_collisions_are_listed_with_their_reasons() -> None:
    """Two rules of one sort that know the same key: a new such pair is either a mistake in one of them, or belongs into
    the list with the reason why the first one keeps the key."""
    met = {pair for pair, by in _rivals().items() if by != {"kind"}}
    listed = _listed()
    assert sorted(met - listed.keys()) == []
    assert sorted(listed.keys() - met) == []


def test_collisions_are_decided_on_purpose() -> None:
    chance = {pair for pair, by in _rivals().items() if by & {"length", "keyword", "place", "name"}}
    assert sorted(chance) == []
