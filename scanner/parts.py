"""The other values that a key needs (an account id, a host, the public half of a pair), found near it.

Where several stand near, the nearest is meant: in the same block of text, on the nearest line, before the key rather
than behind it, as people write pairs. What is found depends on the NEAR bytes around the key only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from scanner.hits import Hit
from scanner.models import NEAR, Finding, ScanResult, Secret
from scanner.rule import Part

Look = Callable[[bytes, int, int], Sequence[Hit]]
"""Gives the keys that touch data[start:end]."""

_MOST = 400
"""So many matches of a part's pattern are looked at, no more: hostile text is full of them."""


@dataclass(frozen=True, slots=True)
class Place:
    """Bytes in which a key stands, at [start, end)."""

    data: bytes
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Found:
    """A part's value, and the key that it is by itself, where a rule found it."""

    value: bytes
    hit: Hit | None = None


def find(part: Part, places: Iterable[Place], look: Look) -> Found | None:
    """The part's value near a key that stands at several places (an encoded one stands in what it says, and in the
    content); the first place that has one decides. None where none is near."""
    for place in places:
        near = _keys(part, place, look) if part.rules else _matches(part, place)
        best = min(near, key=lambda one: _distance(place, one[0], one[1]), default=None)
        if best is not None:
            return best[2]
    return None


def _keys(part: Part, place: Place, look: Look) -> Iterator[tuple[int, int, Found]]:
    low, high = max(0, place.start - NEAR), min(len(place.data), place.end + NEAR)
    for hit in look(place.data, low, high):
        apart = low < hit.end <= place.start or place.end <= hit.start < high
        if apart and hit.attempt.rule.id in part.rules:
            yield hit.start, hit.end, Found(hit.data[hit.attempt.start : hit.attempt.end], hit)


def _matches(part: Part, place: Place) -> Iterator[tuple[int, int, Found]]:
    if not part.pattern:
        return
    low, high = max(0, place.start - NEAR), min(len(place.data), place.end + NEAR)
    far = min(len(place.data), high + NEAR)
    if part.follows:
        behind = _compiled(part.pattern, follows=True).match(place.data, place.end, far)
        found: Iterable[re.Match[bytes]] = [behind] if behind is not None else []
    else:
        found = _compiled(part.pattern).finditer(place.data, low, far)
    for match in islice(found, _MOST):
        apart = match.end() <= place.start or match.start() >= place.end
        if apart and match.end() <= high:
            group = "value" if "value" in match.re.groupindex else 0
            yield match.start(), match.end(), Found(match.group(group) or b"")


@lru_cache(maxsize=1024)
def _compiled(pattern: str, *, follows: bool = False) -> re.Pattern[bytes]:
    before = "" if follows else "(?<![A-Za-z0-9])"
    return re.compile(f"{before}(?:{pattern})(?![A-Za-z0-9])".encode("ascii"))


_BREAK = re.compile(rb"\n[ \t\r]{0,80}(?=\n)|\n[ \t]{0,80}\[|[{}]|\n---")


def _distance(place: Place, start: int, end: int) -> tuple[int, int, bool, int, int]:
    """What orders candidates: ends of blocks between (a blank line, a section, a brace), lines between, behind the key
    or before it, bytes between, and the place."""
    behind = start >= place.end
    between = place.data[place.end : start] if behind else place.data[end : place.start]
    breaks = sum(1 for _ in _BREAK.finditer(between))
    return breaks, between.count(b"\n"), behind, len(between), start


def absorb(result: ScanResult) -> ScanResult:
    """The result without the findings that are a part of another finding at the same path: an id and its secret are one
    leak. A finding that is a sample absorbs samples only."""
    taken = {(found.location.path, *one): bool(found.sample) for found in _samples_first(result.findings)
             for one in found.absorbed}  # fmt: skip
    if not taken:
        return result
    kept = tuple(one for one in result.findings if not _is_taken(one, taken))
    return ScanResult(kept, result.skipped, result.stats, result.notes)


def _samples_first(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda one: not one.sample)


def _is_taken(one: Finding, taken: Mapping[tuple[str, str, Secret], bool]) -> bool:
    by_sample = taken.get((one.location.path, one.rule_id, one.secret))
    return by_sample is not None and (not by_sample or bool(one.sample))


__all__ = ["Found", "Place", "absorb", "find"]
