"""Log files as a source: plain, rotated and compressed ones, read as the text that was logged."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import IO, TYPE_CHECKING, BinaryIO, Protocol, cast

from scanner.models import Chunk, Finding, Kind, Note, Origin, Skipped
from scanner.sources.interface import Source, Undivided
from scanner.sources.log_text import reader
from scanner.sources.walk import Walk, reason_of, shown, unreadable
from scanner.sources.windows import windows

if TYPE_CHECKING:
    import zstandard

_MAGIC = ((b"\x1f\x8b", "gzip"), (b"BZh", "bzip2"), (b"\xfd7zXZ\0", "xz"), (b"\x28\xb5\x2f\xfd", "zstandard"))
_BROKEN = (OSError, EOFError, zlib.error, lzma.LZMAError)
_NO_ZSTD = "compressed with Zstandard; pip install zstandard brings what reads it"
LAYERS = 3
"""A log that was compressed more often than that is not read."""

MOST = 64 << 30
"""A compressed log is read to its 64th GiB: a bomb must end."""


class Logs:
    """Log files, and those in folders, in an order that is always the same.

    What a file is, its first bytes say, not its name: gzip, bzip2, xz and Zstandard are decompressed. `exclude` as in
    `Files`.
    """

    def __init__(self, paths: Iterable[str], *, exclude: Iterable[str] = ()) -> None:
        self._paths, self._exclude = list(paths), tuple(exclude)

    @cached_property
    def _walk(self) -> Walk:
        walk = Walk(self._exclude, several=len(self._paths) > 1)
        for path in self._paths:
            walk.add(path)
        return walk

    def chunks(self) -> Iterator[Chunk | Skipped | Note]:
        for part in self.partitions(1):
            yield from part.chunks()

    def partitions(self, count: int) -> Sequence[Source]:
        walk = self._walk
        links = 0
        found: list[Source] = []
        for run in (run for folder in walk.folders for run in folder.runs(1)):
            if run.links:
                links += len(run.names)
                continue
            opened = os.path.join(walk.base, run.prefix)  # noqa: PTH118 - names are text, as `walk` has them
            found += [LogFile(opened + name, shown(run.prefix + name), run.size) for name in run.names]
        remarks = [Note(f"links are not followed: {links}; name a link to read what it points to")] if links else []
        return [Told((*walk.skipped, *walk.notes(), *remarks)), *found]

    def locate(self, findings: Sequence[Finding]) -> Sequence[Finding]:
        return findings

    def weight(self) -> int:
        return sum(folder.weight() for folder in self._walk.folders)

    def __str__(self) -> str:
        return ", ".join(map(shown, self._paths))


@dataclass(frozen=True, slots=True)
class Told(Undivided):
    """What cannot be read, and remarks."""

    items: tuple[Skipped | Note, ...]

    def chunks(self) -> Iterator[Chunk | Skipped | Note]:
        return iter(self.items)

    def weight(self) -> int:
        return 0

    def __str__(self) -> str:
        return "the list of what cannot be read"


@dataclass(frozen=True, slots=True)
class LogFile(Undivided):
    """One log file. Whatever becomes of it while it is read, nothing here stops the scan."""

    opened: str
    path: str
    size: int = 0

    def chunks(self) -> Iterator[Chunk | Skipped | Note]:
        try:
            with open(self.opened, "rb", buffering=0, opener=_opener) as file:
                if why := unreadable(os.fstat(file.fileno())):
                    yield Skipped(self.path, why)
                    return
                yield from log_chunks(file, self.path)
        except OSError as error:
            yield Skipped(self.path, reason_of(error))

    def weight(self) -> int:
        return self.size

    def __str__(self) -> str:
        return self.path


@dataclass(frozen=True, slots=True)
class LogStream(Undivided):
    """A log that comes on a stream, compressed perhaps."""

    stream: BinaryIO
    name: str = ""

    def chunks(self) -> Iterator[Chunk | Skipped | Note]:
        yield from log_chunks(self.stream, self.name)

    def weight(self) -> int:
        return 0

    def __str__(self) -> str:
        return self.name or "standard input"


def log_chunks(stream: IO[bytes], path: str) -> Iterator[Chunk | Skipped]:
    """The text of one log, in chunks. What is damaged is read as far as it goes, and the rest is `Skipped`."""
    kinds: list[str] = []
    try:
        text = _Headed(stream)
        while text.kind:
            kinds.append(text.kind)
            if len(kinds) > LAYERS:
                yield Skipped(path or "standard input", f"compressed more than {LAYERS} times over")
                return
            opened = _opened(text, text.kind)
            if opened is None:
                yield Skipped(path or "standard input", _NO_ZSTD)
                return
            text = _Headed(_Bounded(opened))
        sound = _Sound(text)
        yield from windows(reader(sound.read), Origin(path, Kind.LOG))
        if sound.ended is not None:
            raise sound.ended
    except _TooLongError:
        yield Skipped(path or "standard input", f"it decompresses to more than {MOST >> 30} GiB; the rest was not read")
    except _BROKEN as error:
        damaged = f"damaged {' in '.join(reversed(kinds))}: reading stopped before its end"
        failed = f"reading failed before its end: {_reason(error)}"
        yield Skipped(path or "standard input", damaged if kinds else failed)


def _reason(error: BaseException) -> str:
    return reason_of(error) if isinstance(error, OSError) else type(error).__name__


class _Readable(Protocol):
    def read(self, count: int = ..., /) -> bytes:
        """Up to `count` bytes; b"" at the end."""


class _Headed:
    """A stream whose first bytes were looked at: `kind` says how it is compressed, "" for not at all."""

    def __init__(self, stream: _Readable) -> None:
        sound = _Sound(stream)
        self._head = b""
        while len(self._head) < 8 and (piece := sound.read(8 - len(self._head))):
            self._head += piece
        self._stream, self._ended = stream, sound.ended
        self.kind = next((name for magic, name in _MAGIC if self._head.startswith(magic)), "")

    def read(self, count: int = -1) -> bytes:
        """Up to `count` bytes; b"" at the end."""
        if self._head:
            whole = self._head if count < 0 else self._head[:count]
            self._head = self._head[len(whole) :]
            return whole
        if self._ended is not None:
            raise self._ended
        return self._stream.read(count)


class _TooLongError(Exception):
    """What a compressed log holds has no end in sight."""


class _Bounded:
    """Decompressed text, which must end."""

    def __init__(self, text: _Readable) -> None:
        self._text, self._left = text, MOST

    def read(self, count: int = -1) -> bytes:
        data = self._text.read(count)
        self._left -= len(data)
        if self._left < 0:
            raise _TooLongError
        return data


class _Sound:
    """What can be read of a log, to where it is damaged: the text before that is given, and looks like all there is."""

    def __init__(self, text: _Readable) -> None:
        self._text = text
        self.ended: Exception | None = None

    def read(self, count: int) -> bytes:
        """Up to `count` bytes; b"" at the end, and where `ended` says why there is no more."""
        try:
            return b"" if self.ended else self._text.read(count)
        except (_TooLongError, *_BROKEN) as error:
            self.ended = error
            return b""


class _AsItComes:
    """A file of Python's that decompresses: asked for much, it would keep what stands before a damage to itself."""

    def __init__(self, file: gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile) -> None:
        self._file = file

    def read(self, count: int = -1) -> bytes:
        """Up to `count` bytes; b"" at the end."""
        return self._file.read1(count)


def _opened(head: _Headed, kind: str) -> _Readable | None:
    """What gives the text of a log of that kind; None when nothing here can."""
    file = cast("BinaryIO", head)
    if kind == "gzip":
        return _AsItComes(gzip.GzipFile(fileobj=file, mode="rb"))
    if kind == "bzip2":
        return _AsItComes(bz2.BZ2File(file, "rb"))
    if kind == "xz":
        return _AsItComes(lzma.LZMAFile(file, "rb"))
    if kind == "zstandard":
        return _zstandard(file)
    return head


def _zstandard(file: BinaryIO) -> _Readable | None:
    try:
        import zstandard  # noqa: PLC0415 - an optional package
    except ImportError:
        return None
    return _Zstandard(file, zstandard.ZstdDecompressor(max_window_size=1 << 27))


class _Zstandard:
    """Frames of Zstandard, one after the other. One that is cut short or damaged is an EOFError."""

    def __init__(self, stream: BinaryIO, packer: zstandard.ZstdDecompressor) -> None:
        self._stream, self._packer = stream, packer
        self._frame = packer.decompressobj()
        self._left = self._given = b""
        self._begun = False

    def read(self, count: int = -1) -> bytes:
        """Up to `count` bytes; b"" at the end."""
        while not self._given and self._more():
            pass
        given, self._given = self._given[:count], self._given[count:]
        return given

    def _more(self) -> bool:
        """Decompresses a little more; False at the end. 4 KiB make 128 MiB at most."""
        from zstandard import ZstdError  # noqa: PLC0415 - it is loaded already

        packed = self._left or self._stream.read(4096)
        self._left = b""
        if not packed:
            if self._begun:
                raise EOFError
            return False
        try:
            self._given, self._begun = self._frame.decompress(packed), True
        except ZstdError as error:
            raise EOFError from error
        if self._frame.eof:
            self._left, self._frame, self._begun = self._frame.unused_data, self._packer.decompressobj(), False
        return True


def _opener(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0))


__all__ = ["LogFile", "LogStream", "Logs", "log_chunks"]
