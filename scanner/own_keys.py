"""Keys of formats of their own, which nothing around them decides about: found in one step, their verdicts remembered.

A log that holds keys holds the same ones over and over, and a rule's checks cost twenty times what finding a key does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from scanner.models import Confidence
from scanner.pattern.unfinished import may_cross, unfinished
from scanner.probe import AROUND, Attempt, Probe
from scanner.rule import Keyword, Rule
from scanner.tables import Owners

REMEMBERED = 20_000
"""So many verdicts are kept, then forgotten all at once."""

_WIDEST = 2048
_FARTHEST = 256
_ANYONES = frozenset({"generic", "http", "url"})


class Key(NamedTuple):
    """A confirmed key: the stretch it takes up, and the secret in it."""

    start: int
    end: int
    secret_start: int
    secret_end: int
    rule: Rule
    environment: str = ""

    def moved(self, by: int) -> Key:
        """The same key in data that begins elsewhere."""
        return Key(
            self.start + by, self.end + by, self.secret_start + by, self.secret_end + by, self.rule, self.environment
        )

    @property
    def attempt(self) -> Attempt:
        """As the matcher has it."""
        return Attempt(self.rule, self.start, self.end, self.secret_start, self.secret_end, self.environment)


def in_order(keys: list[Key]) -> list[Key]:
    """The keys by place, each once."""
    if len(keys) < 2:
        return keys
    keys.sort(key=_place)
    return [
        key for number, key in enumerate(keys)
        if not number or key.start != keys[number - 1].start or _place(key) != _place(keys[number - 1])
    ]  # fmt: skip


def _place(key: Key) -> tuple[int, int, str]:
    return key[0], key[1], key[4].id


def own_format(probe: Probe, keyword: Keyword) -> bool:
    """Whether the rule's keys are of a format of their own: on one line, near the keyword, sure."""
    rule = probe.rule
    if rule.context or not rule.key_first or rule.priority < 0 or rule.provider in _ANYONES:
        return False
    if rule.confidence is not Confidence.HIGH or rule.most > _WIDEST or keyword.high > _FARTHEST:
        return False
    return not (may_cross(rule.pattern) and unfinished(rule.pattern).crosses)


class OwnKeys:
    """Finds the keys that a keyword of such a rule begins."""

    def __init__(self, owners: Owners) -> None:
        self._ways = [
            (_bounded(probe.rule), keyword.low == keyword.high, probe, keyword)
            for probe, keyword in owners
        ]
        self._verdicts: dict[tuple[bytes, int], list[Sequence[Key] | None]] = {}

    def find(self, data: bytes, at: int, end: int) -> Sequence[Key]:
        """The keys around the keyword at `at`; nothing behind `end` is looked at."""
        found: list[Key] = []
        for number, (pattern, fixed, probe, keyword) in enumerate(self._ways):
            if fixed:
                hit = pattern.match(data, at - keyword.high, end) if at >= keyword.high else None
            else:
                hit = _across(pattern, keyword, data, at, min(end, at + probe.rule.most + 1))
            if hit is None:
                continue
            begin = hit.start()
            base = begin - AROUND if begin > AROUND else 0
            stop = hit.end()
            line = data.find(b"\n", stop, min(stop + AROUND, end))
            near = data[base : line + 1 if line >= 0 else min(stop + AROUND, end)]
            verdict = self._verdict(number, probe, keyword, near, at - base)
            found += [
                Key(one[0] + base, one[1] + base, one[2] + base, one[3] + base, one[4], one[5]) for one in verdict
            ]
        return found

    def _verdict(self, number: int, probe: Probe, keyword: Keyword, near: bytes, at: int) -> Sequence[Key]:
        known = self._verdicts.get((near, at))
        if known is None:
            if len(self._verdicts) >= REMEMBERED // len(self._ways):
                self._verdicts.clear()
            known = self._verdicts[near, at] = [None] * len(self._ways)
        verdict = known[number]
        if verdict is None:
            verdict = known[number] = [
                Key(one.start, one.end, one.secret_start, one.secret_end, one.rule, one.environment)
                for one in probe.attempts(near, keyword, at, {})
                if probe.sample(near, one) or next(probe.objections(near, one), None) is None
            ]
        return verdict


def _bounded(rule: Rule) -> re.Pattern[bytes]:
    right = f"(?![{rule.right}])" if rule.right else ""
    return re.compile(f"(?:{rule.pattern}){right}".encode("ascii"))


def _across(
    pattern: re.Pattern[bytes], keyword: Keyword, data: bytes, at: int, end: int
) -> re.Match[bytes] | None:
    """The first match that holds the keyword at `at`."""
    begin, last, stop = max(0, at - keyword.high), at - keyword.low, at + len(keyword.text)
    while begin <= last:
        hit = pattern.search(data, begin, end)
        if hit is None or hit.start() > last:
            return None
        if hit.end() >= stop:
            return hit
        begin = hit.start() + 1
    return None


FILLER = b"\x7f"
"""What stands in the place of a known key: no part of any word."""


def nothing_new(blank: bytes, start: int, end: int) -> bool:
    """Whether all of a stretch belongs to known keys."""
    return blank[start : start + 1] == FILLER and not blank[start:end].strip(FILLER)


def blanked(data: bytes, keys: Sequence[Key], start: int = 0) -> bytes:
    """The data from `start` on (what stands before is as it was) with FILLER in the place of every key."""
    if not keys:
        return data
    pieces, at = [], 0
    for key in keys:
        begin = max(key.start, at, start)
        if key.end > begin:
            pieces += [data[at:begin], FILLER * (key.end - begin)]
            at = key.end
    return b"".join([*pieces, data[at:]])


__all__ = ["FILLER", "REMEMBERED", "Key", "OwnKeys", "blanked", "in_order", "nothing_new", "own_format"]
