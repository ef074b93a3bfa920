"""Text without its terminal colours, and where each of its bytes stood: a key that a terminal shows in one piece may
be cut by colour codes."""

from __future__ import annotations

import re
from bisect import bisect_right

_SEQUENCE = re.compile(
    rb"\x1b(?:\[[0-?]{0,64}[ -/]{0,4}[@-~]"  # colours, cursor
    rb"|\][^\x07\x1b\n]{0,2048}(?:\x07|\x1b\\)"  # titles, links
    rb"|[ -/]{1,2}[0-~]|[=>78MDEHc])"
)


def without(data: bytes) -> bytes:
    """What a terminal would show of some bytes. Lines stay lines."""
    return _SEQUENCE.sub(b"", data)


class Plain:
    """What a terminal would show of some bytes: `data`, without control sequences; or without what else is left out."""

    def __init__(self, data: bytes, without: re.Pattern[bytes] = _SEQUENCE) -> None:
        pieces: list[bytes] = []
        self._at: list[int] = []  # where a piece begins here ...
        self._was: list[int] = []  # ... and where it stood
        at = length = 0
        for found in without.finditer(data):
            if found.start() > at:
                self._add(length, at)
                pieces.append(data[at : found.start()])
                length += found.start() - at
            at = found.end()
        self._add(length, at)
        pieces.append(data[at:])
        self.data = b"".join(pieces)

    def _add(self, here: int, there: int) -> None:
        self._at.append(here)
        self._was.append(there)

    def pieces(self, start: int, end: int) -> list[tuple[int, int]]:
        """Where data[start:end] stood: the stretches between the sequences that cut it."""
        number = max(0, bisect_right(self._at, start) - 1)
        found = []
        while start < end:
            last = number + 1 == len(self._at)
            stop = end if last else min(end, self._at[number + 1])
            shift = self._was[number] - self._at[number]
            if start < stop:
                found.append((start + shift, stop + shift))
            start, number = max(start, stop), number + 1
        return found

    def find(self, was: int) -> int:
        """Where in the plain data the first byte stands that stood at or behind a place."""
        number = bisect_right(self._was, was) - 1
        if number < 0:
            return 0
        limit = self._at[number + 1] if number + 1 < len(self._at) else len(self.data)
        return min(limit, self._at[number] + was - self._was[number])


__all__ = ["Plain", "without"]
