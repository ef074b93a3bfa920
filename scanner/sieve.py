"""Sifting: a quick answer to whether changed content could hold a key, for histories read as packs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from scanner.models import NEAR, Suspect
from scanner.prefilter.screen import Screen
from scanner.rule import Rule

_NOTHING: frozenset[str] = frozenset()


class Closely(Protocol):
    """What a sieve asks of the matcher."""

    @property
    def wanted(self) -> Sequence[Rule]:
        """The rules that are looked for."""

    @property
    def reaches(self) -> dict[str, int]:
        """How far the rules look that look farther than `NEAR`."""

    def suspects(
        self, data: bytes, start: int, end: int, rules: frozenset[str], far: frozenset[str]
    ) -> Iterator[Suspect]:
        """What could be keys of these rules (their ids) and touches data[start:end]; of those in `far`, also what
        has its keyword farther away."""

    def disguised(self, data: bytes, start: int, end: int) -> Iterator[Suspect]:
        """What could be keys in encoded text that touches data[start:end]."""


def sieve(matcher: Closely, *, compile_now: bool) -> Sieve | None:
    """A sieve for the matcher's rules. None when its expressions were never compiled, and that may not be done now
    (some seconds, once for each user and set of rules)."""
    made = Sieve(matcher)
    return made if made.open(compile_now=compile_now) else None


class Sieve:
    """Looks at windows of content with all rules at once, and closely only where one of them could find something.

    Says too much, never too little: what the matcher would find in content of any path, it names.
    """

    def __init__(self, matcher: Closely) -> None:
        self._matcher, self._reach = matcher, matcher.reaches
        self._screen = Screen(matcher.wanted, frozenset(self._reach))

    def open(self, *, compile_now: bool) -> bool:
        """Loads what it looks with, or compiles it; False when neither could be done."""
        return self._screen.open(compile_now=compile_now)

    def could_hold(self, data: bytes) -> bool:
        """Whether anything in it could be a key."""
        return bool(self.look(data, [(0, len(data))], _NOTHING)[0])

    def look(
        self, data: bytes, windows: Sequence[tuple[int, int]], far: frozenset[str]
    ) -> tuple[list[Suspect], frozenset[str]]:
        """What could be keys and touches the windows; and `far` (the far-reaching rules that could have begun in the
        content's base) with those that could begin in the windows."""
        seen = self._screen.look(_text(data, windows))
        if seen.far:
            far |= seen.far
        distant = self._distant(data, windows, far) if far else _NOTHING
        if not (seen.rules or seen.disguise or distant):
            return [], far
        found: list[Suspect] = []
        alone = len(windows) == 1
        for start, end in windows:
            here = seen if alone else self._screen.look(data[start:end])
            farther = distant if alone or not distant else self._distant(data, [(start, end)], distant)
            if here.rules or farther:
                found += self._matcher.suspects(data, start, end, here.rules, farther)
            if here.disguise:
                found += self._matcher.disguised(data, max(0, start - NEAR), min(len(data), end + NEAR))
        return found, far

    def _distant(self, data: bytes, windows: Sequence[tuple[int, int]], far: frozenset[str]) -> frozenset[str]:
        """Which of the far-reaching rules could find something that touches the windows."""
        reach = max(map(self._reach.__getitem__, far))
        return self._screen.distant(_text(data, _widened(windows, reach, len(data)))) & far


def _widened(windows: Sequence[tuple[int, int]], reach: int, size: int) -> list[tuple[int, int]]:
    wide: list[tuple[int, int]] = []
    for start, end in windows:
        low, high = max(0, start - reach), min(size, end + reach)
        if wide and low <= wide[-1][1]:
            wide[-1] = wide[-1][0], high
        else:
            wide.append((low, high))
    return wide


def _text(data: bytes, windows: Sequence[tuple[int, int]]) -> bytes:
    """The windows as one text."""
    if len(windows) == 1:
        start, end = windows[0]
        return data if end - start >= len(data) else data[start:end]
    return b"\n".join([data[start:end] for start, end in windows])


__all__ = ["Sieve", "sieve"]
