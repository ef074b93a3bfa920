"""What the matcher asks of a prefilter."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol


class Prefilter(Protocol):
    """Says where a key might be. It may say too much, never too little: every place where a rule could match has one
    of the rule's keywords, and that keyword's place is among the answers."""

    def hits(self, data: bytes, start: int, end: int) -> Iterable[tuple[int, int]]:
        """Pairs (number of the keyword, byte offset in data where it begins) for keywords inside data[start:end],
        compared without case (ASCII). In any order; a pair may come twice."""
