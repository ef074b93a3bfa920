"""Proves rules with their own examples: fresh keys in every context, through the whole matcher."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

from scanner.errors import KeysweepError
from scanner.fakes import Fake, KeyMaker
from scanner.matcher import Matcher
from scanner.models import Chunk, Finding, Origin
from scanner.rule import Example, Rule

_FURTHER = 50
MODEL_PATH = "settings.txt"
"""The file name an example stands in when it names none."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A promise of a rule file that does not hold. `text` shows no key."""

    rule: Rule
    text: str

    def __str__(self) -> str:
        return f"{self.rule.file}:{self.rule.line}: rule '{self.rule.id}': {self.text}"


def prove(rule: Rule, matcher: Matcher, seed: int) -> Iterator[Problem]:
    """Tries the rule's examples, counterexamples and samples. Yields what does not hold; nothing when all does."""
    maker = KeyMaker(rule, random.Random(seed))  # noqa: S311 - keys for a test, never used to protect anything
    try:
        for example in rule.examples:
            yield from _example(rule, matcher, maker, example)
        for example in rule.counterexamples:
            yield from _counterexample(rule, matcher, maker, example)
    except KeysweepError as error:
        yield Problem(rule, str(error))
    for sample in rule.samples:
        if not any(_recognised(matcher, example, sample) for example in rule.examples):
            yield Problem(rule, f"the sample '{sample[:8]}…' is not recognised as documented")
    yield from _complete(rule)


def _example(rule: Rule, matcher: Matcher, maker: KeyMaker, example: Example) -> Iterator[Problem]:
    text, keys = maker.render(example)
    if not keys and "{key" not in example.text:
        yield Problem(rule, f"the example '{example.text[:60]}' has no place for a key ({{key}})")
    findings = _findings(matcher, example, text)
    for key in keys:
        problem = _judge(rule, key, findings)
        if problem and not by_chance(maker, matcher, key):
            yield Problem(rule, f"in the example '{example.text[:80]}' {problem}")


def by_chance(maker: KeyMaker, matcher: Matcher, key: Fake) -> bool:
    """Whether a key happens to be one of another rule, too, so that nothing can be said of its own rule by it: one in
    some 10,000 random keys begins with another's prefix. A likeness that one of 50 further keys shows is no chance."""
    return _another(maker.rule, matcher, key) and not any(
        _another(maker.rule, matcher, maker.make()) for _ in range(_FURTHER)
    )


def _another(rule: Rule, matcher: Matcher, key: Fake) -> bool:
    """Whether a key with nothing around it is taken for another rule's."""
    return any(finding.rule_id != rule.id for finding in matcher.find(Chunk(key.key, Origin(MODEL_PATH))))


def _judge(rule: Rule, key: Fake, findings: list[Finding]) -> str:
    mine = [finding for finding in findings if finding.rule_id == rule.id]
    if any(finding.secret.reveal() == key.secret for finding in mine):
        shown = any(key.secret in finding.text.encode() for finding in findings)
        return "the key was shown" if shown and len(key.secret) >= 8 else ""
    if mine:
        return "a key was found, but not the whole of it, or more than it"
    others = sorted({finding.rule_id for finding in findings})
    return f"the key was taken by {', '.join(others)}" if others else "the key was not found"


def _counterexample(rule: Rule, matcher: Matcher, maker: KeyMaker, example: Example) -> Iterator[Problem]:
    text, _ = maker.render(example)
    if any(finding.rule_id == rule.id and not finding.sample for finding in _findings(matcher, example, text)):
        yield Problem(rule, f"it fires on the counterexample '{example.text[:80]}'")


def _findings(matcher: Matcher, example: Example, text: bytes) -> list[Finding]:
    return list(matcher.find(Chunk(text, Origin(example.path or MODEL_PATH))))


def _recognised(matcher: Matcher, example: Example, sample: str) -> bool:
    text = re.sub(r"\{key(:\w+)?\}", lambda _: sample, example.text).encode()
    return any(finding.sample for finding in _findings(matcher, example, text))


def _complete(rule: Rule) -> Iterator[Problem]:
    if len(rule.examples) < 2:
        yield Problem(rule, "it needs two examples or more")
    for environment in rule.environment_names if len(rule.environment_names) > 1 else ():
        if not any(f"{{key:{environment}}}" in example.text for example in rule.examples):
            yield Problem(rule, f"it tells {environment} keys apart, so an example needs {{key:{environment}}}")
    texts = [example.text for example in rule.counterexamples]
    if not any("{key:cut}" in text for text in texts):
        yield Problem(rule, "it needs a counterexample with a cut key ({key:cut})")
    if len(texts) < 3:
        yield Problem(rule, "it needs three counterexamples: a cut key, a near miss, a placeholder")
