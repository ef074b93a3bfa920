"""Standard input, or any other stream of bytes, as a source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from scanner.models import Chunk, Kind, Note, Origin, Skipped
from scanner.sources.interface import Undivided
from scanner.sources.windows import OVERLAP, WINDOW, windows


class Stream(Undivided):
    """Reads a binary stream to its end, in bounded memory, once. `name` is what findings call it."""

    def __init__(self, stream: BinaryIO, name: str = "", *, window: int = WINDOW, overlap: int = OVERLAP) -> None:
        self._stream, self._name = stream, name
        self._window, self._overlap = window, overlap

    def chunks(self) -> Iterator[Chunk | Skipped | Note]:
        origin = Origin(self._name, Kind.STDIN)
        try:
            yield from windows(self._stream.read, origin, size=self._window, overlap=self._overlap)
        except OSError as error:
            yield Skipped(str(self), f"reading failed before its end: {error.strerror or type(error).__name__}")

    def weight(self) -> int:
        """0: how much will come is not known, and it is read here in any case."""
        return 0

    def __str__(self) -> str:
        return self._name or "standard input"


__all__ = ["Stream"]
