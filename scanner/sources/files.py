"""Files and folders as a source: everything below the paths that were named, read as bytes."""

# Names are plain text here, not pathlib's: a walk over a million of them must not normalise, copy or parse each.
# ruff: noqa: PTH115, PTH118

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import accumulate

from scanner.models import Chunk, Finding, Kind, Location, Note, Origin, Skipped
from scanner.sources.interface import Source, Undivided
from scanner.sources.walk import Run, Walk, reason_of, shown, unreadable
from scanner.sources.windows import OVERLAP, WINDOW, windows

_BETWEEN_NAMES = b"\n\n"  # an empty line, so that no name is context for its neighbour
_NAMES_AT_ONCE = 1024 * 1024
_OPEN = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOCTTY", 0)
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)  # a FIFO that takes a file's place must not stop the scan
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_LINK_MET = {"ELOOP", "EMLINK", "EFTYPE"}  # what O_NOFOLLOW says of a link: Linux and macOS, FreeBSD, NetBSD


class Files:
    """Folders (with all below them) and single files, as bytes, in an order that is always the same.

    Links are not followed, except those that are named themselves; the text of a link is content. What is no
    regular file is `Skipped` and never opened. A `.git` folder is history, not files: of it only the
    configuration is read (remote URLs hold passwords). The names of files and folders are content as well.
    Paths are shown as they were given, relative or absolute, with `/`. `exclude` holds patterns as in a
    .gitignore file, for paths relative to the current folder; `max_size` is in bytes.
    """

    def __init__(
        self,
        paths: Iterable[str | os.PathLike[str]],
        *,
        exclude: Iterable[str] = (),
        max_size: int | None = None,
        window: int = WINDOW,
        overlap: int = OVERLAP,
    ) -> None:
        self._paths = [os.fspath(path) for path in paths]
        self._exclude = tuple(exclude)
        self._cut = _Cut(max_size, window, overlap)

    def chunks(self) -> Iterator[Chunk | Skipped | Note]:
        for part in self.partitions(1):
            yield from part.chunks()

    def partitions(self, count: int) -> Sequence[Source]:
        """What cannot be read, then names, then about `count` lists of files of about the same size."""
        walk = self._walk
        return [_Remarks(tuple(walk.skipped), tuple(walk.notes())), *self._names(), *self._lists(max(count, 1))]

    def locate(self, findings: Sequence[Finding]) -> Sequence[Finding]:
        """Tells each finding in a name which name it is."""
        return [self._locate(found) if found.origin.kind is Kind.PATH_NAME else found for found in findings]

    def weight(self) -> int:
        return sum(folder.weight() for folder in self._walk.folders)

    def __str__(self) -> str:
        return ", ".join(map(shown, self._paths))

    @cached_property
    def _walk(self) -> Walk:
        walk = Walk(self._exclude, several=len(self._paths) > 1)
        for path in self._paths:
            walk.add(path)
        return walk

    def _lists(self, count: int) -> Iterator[FileList]:
        target = -(-self.weight() // count)
        runs: list[Run] = []
        size = 0
        for run in (piece for folder in self._walk.folders for piece in folder.runs(target)):
            if runs and size + run.size > target:
                yield FileList(self._walk.base, tuple(runs), self._cut)
                runs, size = [], 0
            runs.append(run)
            size += run.size
        if runs:
            yield FileList(self._walk.base, tuple(runs), self._cut)

    def _names(self) -> Iterator[_Names]:
        names: list[str] = []
        size = offset = 0
        for name in (name for folder in self._walk.folders for name in folder.names):
            names.append(name)
            size += _name_size(name)
            if size >= _NAMES_AT_ONCE:
                yield _Names(tuple(names), offset)
                offset += size
                names, size = [], 0
        if names:
            yield _Names(tuple(names), offset)

    @cached_property
    def _name_ends(self) -> list[int]:
        return list(accumulate(sum(map(_name_size, folder.names)) for folder in self._walk.folders))

    def _locate(self, found: Finding) -> Finding:
        at = found.location
        number = bisect_right(self._name_ends, at.start)
        folder = self._walk.folders[number]
        begin = self._name_ends[number - 1] if number else 0
        for name in folder.names:
            if at.start < begin + _name_size(name):
                break
            begin += _name_size(name)
        path = shown(folder.prefix + name)
        place = _place(path, os.fsencode(name), at.start - begin, at.end - begin)
        return replace(found, location=place, origin=replace(found.origin, path=path))


@dataclass(frozen=True, slots=True)
class _Cut:
    """How much of a file is read at all, and how much at once."""

    max_size: int | None
    window: int
    overlap: int


@dataclass(frozen=True, slots=True)
class _Remarks(Undivided):
    """What the walk itself could not read, and what it has to say."""

    skipped: tuple[Skipped, ...]
    notes: tuple[Note, ...]

    def chunks(self) -> Iterator[Chunk | Skipped | Note]:
        yield from self.skipped
        yield from self.notes

    def weight(self) -> int:
        return 0

    def __str__(self) -> str:
        return "the list of what cannot be read"


@dataclass(frozen=True, slots=True)
class _Names(Undivided):
    """Names of files and folders, as one content. `offset` is where it begins in the list of all names."""

    names: tuple[str, ...]
    offset: int

    def chunks(self) -> Iterator[Chunk | Skipped | Note]:
        data = b"".join(os.fsencode(name) + _BETWEEN_NAMES for name in self.names)
        yield Chunk(data, Origin("", Kind.PATH_NAME), offset=self.offset)

    def weight(self) -> int:
        return sum(map(len, self.names))

    def __str__(self) -> str:
        return f"the names of {len(self.names)} files and folders"


@dataclass(frozen=True, slots=True)
class FileList:
    """Files to read, by name. Whatever became of them since they were listed, nothing here stops the scan."""

    base: str
    runs: tuple[Run, ...]
    cut: _Cut

    def chunks(self) -> Iterator[Chunk | Skipped | Note]:
        for run in self.runs:
            read = self._link if run.links else partial(self._file, follow=run.follow)
            opened = os.path.join(self.base, run.prefix)
            for name in run.names:
                yield from read(opened + name, shown(run.prefix + name))

    def partitions(self, count: int) -> Sequence[Source]:
        """About `count` lists, down to one file each."""
        pieces = [
            replace(run, names=(name,), size=run.size // len(run.names)) for run in self.runs for name in run.names
        ]
        share = max(1, -(-len(pieces) // max(count, 1)))
        return [replace(self, runs=tuple(pieces[at : at + share])) for at in range(0, len(pieces), share)]

    def locate(self, findings: Sequence[Finding]) -> Sequence[Finding]:
        """Nothing to add here: `Files` itself knows the names."""
        return findings

    def weight(self) -> int:
        return sum(run.size for run in self.runs)

    def __str__(self) -> str:
        first, last = self.runs[0], self.runs[-1]
        one = shown(first.prefix + first.names[0])
        count = sum(len(run.names) for run in self.runs)
        return one if count == 1 else f"{one} … {shown(last.prefix + last.names[-1])} ({count} files)"

    def _file(self, opened: str, path: str, *, follow: bool) -> Iterator[Chunk | Skipped]:
        try:
            handle = os.open(opened, _OPEN | _NONBLOCK | (0 if follow else _NOFOLLOW))
        except OSError as error:
            if _name_of(error) in _LINK_MET and not follow:
                yield from self._link(opened, path)  # it was a file when it was listed
            else:
                yield Skipped(path, reason_of(error))
            return
        try:
            status = os.fstat(handle)
            if refused := self._refuses(status):
                yield Skipped(path, refused)
                return
            read = _reader(handle, status.st_size)
            yield from windows(read, Origin(path), size=self.cut.window, overlap=self.cut.overlap)
        except OSError as error:
            yield Skipped(path, f"reading failed before its end: {reason_of(error)}")
        finally:
            os.close(handle)

    def _refuses(self, status: os.stat_result) -> str:
        if why := unreadable(status):
            return why
        if self.cut.max_size is not None and status.st_size > self.cut.max_size:
            return f"larger than the limit: {status.st_size} bytes of at most {self.cut.max_size}"
        return ""

    def _link(self, opened: str, path: str) -> Iterator[Chunk | Skipped]:
        try:
            target = os.fsencode(os.readlink(opened))
        except OSError as error:
            changed = _name_of(error) == "EINVAL"  # it is no link any more
            yield Skipped(path, "it changed while the scan was running" if changed else reason_of(error))
        else:
            yield Chunk(target, Origin(path))


def _name_of(error: OSError) -> str:
    import errno  # noqa: PLC0415 - seldom needed

    return errno.errorcode.get(error.errno or 0, "")


def _reader(handle: int, size: int) -> Callable[[int], bytes]:
    """Reads what is asked for, but asks for no more than the file is said to hold, and a little: memory for a
    whole window is not set aside for a small file."""
    likely = max(size + 1, 65536)
    return lambda count: os.read(handle, min(count, likely))


def _name_size(name: str) -> int:
    return len(os.fsencode(name)) + len(_BETWEEN_NAMES)


def _place(path: str, name: bytes, start: int, end: int) -> Location:
    def line(at: int) -> int:
        return name.count(b"\n", 0, at) + 1

    def column(at: int) -> int:
        return len(name[name.rfind(b"\n", 0, at) + 1 : at].decode("utf-8", "replace")) + 1

    return Location(path, start, end, line(start), column(start), line(end), column(end))


__all__ = ["FileList", "Files"]
