"""What a terminal is told while something goes on: how far a long scan, or the asking after it, is, after a moment only
and wiped away at the end; and that what is typed is waited for."""

from __future__ import annotations

import sys
import time
from types import TracebackType

_AFTER = 1.0
_EVERY = 0.1


class Progress:
    """Called by the pipeline with bytes done, parts done, parts in all; draws on standard error."""

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted
        self._begun = time.monotonic()
        self._drawn_at = 0.0
        self._drawn = False

    def __call__(self, size: int, done: int, total: int) -> None:
        """Draws at most every tenth of a second, and not at all within the first."""
        if not self._due():
            return
        took = self.took
        share = done / total if total else 0.0
        bar = "#" * round(share * 24)
        left = f", {duration(took / share - took)} left" if share > 0.02 else ""
        self._draw(f"[{bar:<24}] {share:4.0%}  {amount(size)}, {amount(round(size / took))}/s{left}")

    def keys(self, done: int, total: int) -> None:
        """The same for keys that providers are asked about."""
        if not self._due():
            return
        bar = "#" * round(24 * done / total if total else 24)
        self._draw(f"[{bar:<24}] {done:,} of {total:,} keys asked about")

    def say(self, sentence: str) -> None:
        """A line of its own on standard error, above the bar."""
        self._wipe()
        sys.stderr.write(f"keysweep: {sentence}\n")
        sys.stderr.flush()

    def _due(self) -> bool:
        """Whether it is time to draw (again)."""
        now = time.monotonic()
        if not self._wanted or now - self._begun < _AFTER or now - self._drawn_at < _EVERY:
            return False
        self._drawn_at, self._drawn = now, True
        return True

    def _draw(self, line: str) -> None:
        sys.stderr.write(f"\r{line:<78}")
        sys.stderr.flush()

    def _wipe(self) -> None:
        if self._drawn:
            sys.stderr.write(f"\r{'':<78}\r")
            sys.stderr.flush()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._wipe()

    @property
    def took(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._begun


def invite() -> None:
    """Tells who sits at the terminal that standard input is read, and how to end it."""
    if sys.stdin.isatty():
        sys.stderr.write("keysweep: reading the terminal; end with Ctrl-D\n")
        sys.stderr.flush()


def amount(size: int) -> str:
    """A number of bytes for people: `512 B`, `1.4 MB`."""
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError


def duration(seconds: float) -> str:
    """A time for people: `0.4 s`, `12 s`, `3 min 20 s`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
