"""Following logs while they are written: what is appended, whatever becomes of the file."""

# Names are plain text here, as in `walk`.
# ruff: noqa: PTH116

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

from scanner.models import Chunk, Kind, Origin, Skipped
from scanner.sources.log_text import readable, whole_until
from scanner.sources.walk import not_a_file, reason_of
from scanner.sources.windows import advance

CONTEXT = 32 * 1024
"""Bytes before what is new that are looked at with it: a key may begin in them."""

LEAVING = 10.0
"""For so many seconds a file that was rotated away is still read: who writes it may not have noticed yet."""

_AT_ONCE = 4 << 20
_PACKED = (b"\x1f\x8b", b"BZ", b"\xfd7", b"\x28\xb5")  # compressed since: it was read before, or is no news
_OPEN = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_CLOEXEC", 0)


class Followed:
    """One log that is followed by its name, from its end at this moment, or with `whole` from its beginning.

    A file that takes its place (rotation) is read from its beginning, and the old one for a while longer; one that is
    cut short is read from its beginning again. A file that is not there is waited for, which is told once.
    """

    def __init__(self, path: str, *, whole: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self.path, self._whole, self._clock = path, whole, clock
        self._tail: _Tail | None = None
        self._leaving: list[tuple[float, _Tail]] = []
        self._waiting = False
        self._files = 0
        self._begun = time.time()
        self._known: set[tuple[int, int]] = set()
        self._told = list(self._open())

    def news(self, *, idle: bool = False) -> Iterator[Chunk | Skipped]:
        """What has come since the last call, in whole lines; with `idle` (nothing came for a while) the beginning of a
        line or of a block, too. Each content in chunks of its own, with what stands before it as context; the number of
        the file (the first, the one that took its place, ...) is the origin's `object_id`."""
        yield from self._told
        self._told = []
        for _, tail in self._leaving:
            yield from tail.news(idle=idle)
        while self._leaving and self._leaving[0][0] < self._clock():
            _, tail = self._leaving.pop(0)
            yield from tail.news(idle=True)
            tail.close()
        if self._tail is None:
            yield from self._reopen(idle)
        if self._tail is not None:
            yield from self._tail.news(idle=idle)
            if self._tail.left(self.path):
                self._leaving.append((self._clock() + LEAVING, self._tail))
                self._tail, self._whole = None, True
                yield from self.news(idle=idle)

    def close(self) -> None:
        """Lets go of all files."""
        for tail in (*(tail for _, tail in self._leaving), *([self._tail] if self._tail else [])):
            tail.close()
        self._leaving, self._tail = [], None

    def _reopen(self, idle: bool) -> Iterator[Chunk | Skipped]:
        """Opens what has the name now. What was missed is looked for afterwards: no file can come and go between."""
        had_one = self._files > 0
        yield from self._open()
        if self._tail is not None and had_one:
            missed = list(self._missed())
            self._leaving += [(self._clock() + LEAVING, tail) for tail in missed]
            for tail in missed:
                yield from tail.news(idle=idle)

    def _open(self) -> Iterator[Skipped]:
        try:
            handle = os.open(self.path, _OPEN)
        except OSError as error:
            yield from self._wait("there is no such file" if isinstance(error, FileNotFoundError) else reason_of(error))
            return
        mode = os.fstat(handle).st_mode
        if not stat.S_ISREG(mode):
            os.close(handle)
            yield from self._wait(not_a_file(mode))
            return
        self._waiting = False
        self._tail = self._new(handle)
        if not self._whole:
            self._tail.skip()

    def _new(self, handle: int) -> _Tail:
        about = os.fstat(handle)
        self._known.add((about.st_dev, about.st_ino))
        self._files += 1
        return _Tail(handle, Origin(self.path, Kind.LOG, str(self._files)))

    def _missed(self) -> Iterator[_Tail]:
        """Files that came and were rotated away since the last look: their names begin with this one's, they were
        written since the following began, and nobody has read them."""
        folder, name = os.path.split(self.path)
        with suppress(OSError), os.scandir(folder or ".") as entries:
            beside = [(entry.stat().st_mtime_ns, entry.path) for entry in entries if _rotated(entry, name)]
            for written, path in sorted(beside):
                if written >= self._begun * 1e9:
                    yield from self._unread(path)

    def _unread(self, path: str) -> Iterator[_Tail]:
        with suppress(OSError):
            handle = os.open(path, _OPEN)
            about = os.fstat(handle)
            if (about.st_dev, about.st_ino) in self._known or os.pread(handle, 2, 0) in _PACKED:
                os.close(handle)
            else:
                yield self._new(handle)

    def _wait(self, reason: str) -> Iterator[Skipped]:
        self._whole = True  # whatever comes is new
        if not self._waiting:
            self._waiting = True
            yield Skipped(self.path, f"{reason}; waiting for it")


def _rotated(entry: os.DirEntry[str], name: str) -> bool:
    return entry.name.startswith((f"{name}.", f"{name}-")) and entry.is_file(follow_symlinks=False)


class _Tail:
    """One opened file, read as it grows."""

    def __init__(self, handle: int, origin: Origin) -> None:
        self._handle, self._position, self._held = handle, 0, b""
        self._context = Chunk(b"", origin)

    def skip(self) -> None:
        """Passes over what is there already; lines are counted."""
        while piece := self._take():
            self._advance(self._context.data + piece)

    def news(self, *, idle: bool) -> Iterator[Chunk]:
        while piece := self._take():
            self._held += piece
            yield from self._give(whole_until(self._held))
        if idle:
            yield from self._give(len(self._held))

    def left(self, path: str) -> bool:
        """Whether another file has the name now, or this one was cut short."""
        about = os.fstat(self._handle)
        if about.st_size < self._position:
            return True
        try:
            named = os.stat(path)
        except OSError:
            return False
        return (named.st_dev, named.st_ino) != (about.st_dev, about.st_ino)

    def close(self) -> None:
        with suppress(OSError):
            os.close(self._handle)

    def _take(self) -> bytes:
        try:
            piece = os.read(self._handle, _AT_ONCE)
        except OSError:
            return b""
        self._position += len(piece)
        return piece

    def _give(self, end: int) -> Iterator[Chunk]:
        if not end:
            return
        fresh, self._held = readable(self._held[:end]), self._held[end:]
        before = self._context.data
        yield replace(self._context, data=before + fresh, start=len(before), end=len(before) + len(fresh))
        self._advance(before + fresh)

    def _advance(self, data: bytes) -> None:
        drop = max(0, len(data) - CONTEXT)
        self._context = replace(advance(self._context, data, drop), data=data[drop:])


__all__ = ["Followed"]
