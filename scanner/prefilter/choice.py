"""Which prefilter: pyahocorasick for small work, Vectorscan once there is much to read (and it is installed)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from scanner.errors import UsageError
from scanner.prefilter.aho import AhoPrefilter
from scanner.prefilter.interface import Prefilter

ENOUGH = 2 << 20
"""After so many bytes Vectorscan's start (an import of 8 ms, at most 40 ms of compiling) has paid for itself."""


def prefilter(keywords: Sequence[bytes], engine: str) -> Prefilter:
    """The prefilter of that name: `aho`, `vectorscan`, or `auto`; `bulk` is `auto` where there is certainly much to
    read. Raises UsageError for what cannot be had."""
    if engine == "bulk":
        return _vectorscan(keywords) or AhoPrefilter(keywords)
    if engine == "aho":
        return AhoPrefilter(keywords)
    if engine == "vectorscan":
        found = _vectorscan(keywords)
        if found is None:
            raise UsageError(
                "engine vectorscan: the package 'hyperscan' is not installed; "
                "pip install hyperscan brings it; or use --engine auto"
            )
        return found
    return _Growing(keywords)


def _vectorscan(keywords: Sequence[bytes]) -> Prefilter | None:
    try:
        from scanner.prefilter.vectorscan import VectorscanPrefilter  # noqa: PLC0415 - an optional wheel, 8 ms to import
    except ImportError:
        return None
    return VectorscanPrefilter(keywords)


class _Growing:
    """Begins with pyahocorasick and changes to Vectorscan when the work turns out to be large."""

    def __init__(self, keywords: Sequence[bytes]) -> None:
        self._keywords = keywords
        self._inner: Prefilter = AhoPrefilter(keywords)
        self._left = ENOUGH

    def hits(self, data: bytes, start: int, end: int) -> Iterable[tuple[int, int]]:
        """See `Prefilter.hits`."""
        if self._left > 0:
            self._left -= end - start
            if self._left <= 0:
                self._inner = _vectorscan(self._keywords) or self._inner
        return self._inner.hits(data, start, end)
