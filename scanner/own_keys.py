"""Keys of formats of their own, which nothing around them decides about: found in one step, their verdicts remembered.

A log that holds keys holds the same ones over and over, and a rule's checks cost twenty times what finding a key does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple, cast

from scanner.checks import cut_behind
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
    before = -1
    for key in keys:
        if key[0] <= before:
            break
        before = key[0]
    else:
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


class _Way:
    """How one rule's keys are found at one of its keywords. What is said of a key by itself is remembered."""

    def __init__(self, probe: Probe, keyword: Keyword) -> None:
        self._probe, self._keyword = probe, keyword
        rule = probe.rule
        self.pattern, self.pattern_text = _bounded(rule), rule.pattern
        self.low = keyword.low if keyword.low == keyword.high else -1
        left = f"[{rule.left}]".encode("ascii") if rule.left else b"(?!)"
        self.risky = _OPENS | {value for value in range(256) if re.match(left, bytes([value]))}
        self.plain = self.low >= 0 and "score" not in dict(rule.checks)
        self.verdicts: dict[bytes, Key] = {}

    def alone(self, value: bytes) -> Key:
        """What is said of a match in plain surroundings, which can only speak against it: a key whose places count from
        its beginning; `_NONE`; or `_NEAR` for what has to be looked at where it stands."""
        keys = list(self._confirmed(value, self.low))
        whole = len(keys) == 1 and keys[0][:2] == (0, len(value))
        found = keys[0] if whole else _NEAR if keys else _NONE
        self.verdicts[value] = found
        return found

    def across(self, data: bytes, at: int, end: int) -> re.Match[bytes] | None:
        """The first match that holds the keyword at `at`."""
        if self.low >= 0:
            return self.pattern.match(data, at - self.low, end) if at >= self.low else None
        return _across(self.pattern, self._keyword, data, at, min(end, at + self._probe.rule.most + 1))

    def closely(self, data: bytes, at: int, end: int, hit: re.Match[bytes]) -> Iterator[Key]:
        """The keys where they stand, with what stands around them."""
        begin, stop = hit.span()
        base = begin - AROUND if begin > AROUND else 0
        line = data.find(b"\n", stop, min(stop + AROUND, end))
        near = data[base : line + 1 if line >= 0 else min(stop + AROUND, end)]
        for key in self._confirmed(near, at - base):
            yield key.moved(base)

    def _confirmed(self, data: bytes, at: int) -> Iterator[Key]:
        probe = self._probe
        for one in probe.attempts(data, self._keyword, at, {}):
            if next(probe.objections(data, one), None) is None or probe.sample(data, one):
                yield Key(one.start, one.end, one.secret_start, one.secret_end, one.rule, one.environment)


class OwnKeys:
    """Finds the keys that a keyword of such a rule begins."""

    def __init__(self, owners: Owners) -> None:
        self._ways = [_Way(probe, keyword) for probe, keyword in owners]
        self._plain = [(way.pattern.match, way.low, way.risky, way.verdicts, way) for way in self._ways if way.plain]
        self._others = [way for way in self._ways if not way.plain]
        self._most = REMEMBERED // len(self._ways)

    def find(self, data: bytes, at: int, end: int, found: list[Key]) -> None:
        """Adds the keys around the keyword at `at` to what was found; nothing behind `end` is looked at."""
        for match, low, risky, verdicts, way in self._plain:
            hit = match(data, at - low, end) if at >= low else None
            if hit is None:
                continue
            value = hit.group()
            key = verdicts.get(value)
            if key is None:
                if len(verdicts) >= self._most:
                    verdicts.clear()
                key = way.alone(value)
            if key is _NONE:
                continue
            begin, stop = hit.span()
            before = data[begin - 1] if begin else 0
            if (
                key is _NEAR
                or before in risky
                or (before == _EQUALS and data.startswith(b"%", begin - 2))
                or (stop < end and data[stop] > _SPACE and cut_behind(data, stop, stop + AROUND))
            ):
                found += way.closely(data, at, end, hit)
            else:
                found.append(Key(begin, stop, begin + key[2], begin + key[3], key[4], key[5]))
        for way in self._others:
            hit = way.across(data, at, end)
            if hit is not None:
                found += way.closely(data, at, end, hit)


    def begun(self, data: bytes, at: int, end: int) -> bool:
        """Whether a key may have begun at the keyword at `at` that goes on behind data[:end]."""
        return any(
            unfinished(way.pattern_text).match(data, at - way.low, end) is not None
            for way in self._ways if 0 <= way.low <= at
        )  # fmt: skip


_NONE = Key(0, 0, 0, 0, cast("Rule", None))
_NEAR = Key(0, 0, 0, 0, cast("Rule", None))
_SPACE, _EQUALS = ord(" "), ord("=")
_OPENS = frozenset(b"{(<")
"""Behind one of these (or `%=`) a key may be a reference: looked at where it stands; see `checks.reference`."""


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
