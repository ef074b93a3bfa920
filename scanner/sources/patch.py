"""Patch text as a source: what a patch adds, where it will stand in the new files.

A patch is read as its author may have forged it: whatever does not parse is scanned as plain text.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from typing import BinaryIO, NamedTuple

from scanner.models import Chunk, Kind, Note, Origin, Skipped
from scanner.sources.change import show_path
from scanner.sources.interface import Undivided
from scanner.sources.patch_header import FileHeader, first_line, name_in
from scanner.sources.windows import OVERLAP, advance

WINDOW = 1024 * 1024
"""A hunk longer than this is scanned in pieces, with context around each."""

_LINE = 64 * 1024  # a longer line is taken in pieces
_HUNK = re.compile(
    rb"(@@+) ((?:-[0-9]{1,18}(?:,[0-9]{1,18})? )+)\+([0-9]{1,18})(?:,([0-9]{1,18}))? \1(?![@])", re.DOTALL
)
_COUNT = re.compile(rb"-[0-9]+(?:,([0-9]+))? ")
_MESSAGE = re.compile(rb"(?:From|commit) [0-9a-f]{7,64}\b|(?:From|Subject|Author|Date): ")
_PACKED = re.compile(rb"(?:literal|delta) [0-9]+|[A-Za-z](?:[!#-&(-+\-0-9;-Z^-~]{5})+")
_BLANK = frozenset({b"\n", b"\r\n", b"\r"})


class Patch(Undivided):
    """Unified and git patches, combined ones too, any number of them in one stream, mail headers between them.

    Findings are those that touch an added line, at their place in the new file; context lines are context.
    Commit messages and new names of files are content as well. Binary content is `Skipped`, and so is what an
    end amid a hunk leaves out; lines that belong to no patch are scanned as plain text, and a `Note` tells.
    Reads in bounded memory, once. `name` is what the stream is called.
    """

    def __init__(self, stream: BinaryIO, name: str = "", *, window: int = WINDOW, overlap: int = OVERLAP) -> None:
        self._stream, self._name = stream, name
        self._window, self._overlap = window, overlap

    def chunks(self) -> Iterator[Chunk | Skipped | Note]:
        reader = _Reader(str(self), self._window, self._overlap)
        try:
            while piece := self._stream.readline(_LINE):
                yield from reader.feed(piece)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            yield Skipped(str(self), f"reading failed before its end: {reason}")
        yield from reader.flush()

    def weight(self) -> int:
        """0: how much will come is not known, and it is read here in any case."""
        return 0

    def __str__(self) -> str:
        return self._name or "the patch"


class _Text:
    """A run of content whose lines are added or context, given away in chunks as it grows."""

    def __init__(self, origin: Origin, offset: int, line: int, window: int, overlap: int) -> None:
        self._place = Chunk(b"", origin, offset=offset, line=line)
        self._data = bytearray()
        self._added: list[tuple[int, int]] = []
        self._window, self._overlap = window, overlap
        self.size = 0

    def add(self, piece: bytes, *, added: bool) -> Iterator[Chunk]:
        start = len(self._data)
        self._data += piece
        self.size += len(piece)
        if added:
            if self._added and self._added[-1][1] == start:
                start = self._added.pop()[0]
            self._added.append((start, len(self._data)))
        if len(self._data) > self._window + 2 * self._overlap:
            yield from self._give(len(self._data) - self._overlap)

    def without_newline(self) -> None:
        """The last line has no line break, says the patch."""
        if self._data.endswith(b"\n"):
            del self._data[-1]
            if self._added and self._added[-1][1] > len(self._data):
                self._added[-1] = self._added[-1][0], len(self._data)

    def flush(self) -> Iterator[Chunk]:
        yield from self._give(len(self._data))

    def _give(self, until: int) -> Iterator[Chunk]:
        """Chunks for what was added before `until`; what follows, and context before it, is kept."""
        data, place, at = bytes(self._data), self._place, 0
        for start, end in self._added:
            if start >= until:
                break
            low, high = max(0, start - self._overlap), min(len(data), end + self._overlap)
            place, at = advance(place, data[at:low], low - at), low
            piece = data if (low, high) == (0, len(data)) else data[low:high]
            yield Chunk(
                piece, place.origin, start - low, min(end, until) - low, place.offset, place.line, place.column
            )
        keep = max(0, until - self._overlap)
        self._place = advance(self._place, data, keep)
        self._data = bytearray(data[keep:])
        self._added = [(max(start, until) - keep, end - keep) for start, end in self._added if end > until]


class _Hunk:
    """A hunk while it is read: how many lines it says are left, and its new side."""

    def __init__(self, found: re.Match[bytes], text: _Text) -> None:
        self.text = text
        self.parents = len(found[1]) - 1
        self.old = [int(count or 1) for count in _COUNT.findall(found[2])]
        self.new = int(found[4] or 1)
        self.unruly = len(self.old) != self.parents
        self.last: tuple[bytes, bytes] = (b"", b"")
        self.new_is_last = False

    @property
    def open(self) -> bool:
        return self.new > 0 or any(left > 0 for left in self.old)

    @property
    def counts_fit(self) -> bool:
        return not self.unruly and self.new == 0 and not any(self.old)

    def sort(self, line: bytes) -> bytes:
        r"""What a line is: "+" added, " " context, "-" removed, "\" about the line before, "" none of the hunk's."""
        if self.open:
            marks = b" " * self.parents if line in _BLANK else line[: self.parents]
            if line.startswith(b"\\"):
                return b"\\"
            if marks.strip(b" +-") or len(marks) < self.parents:
                return b""
            return b"-" if b"-" in marks else b"+" if b"+" in marks else b" "
        if line.startswith(b"\\"):
            return b"\\"
        if line.startswith(b"+") and not line.startswith(b"+++ "):  # more lines than the hunk told
            self.unruly = True
            return b"+"
        return b""

    def count(self, line: bytes, sort: bytes) -> None:
        marks = line[: self.parents].ljust(self.parents) if line not in _BLANK else b" " * self.parents
        for parent, mark in enumerate(marks[: len(self.old)]):
            self.old[parent] -= mark == (ord("-") if sort == b"-" else ord(" "))
        self.new -= sort != b"-"
        self.last = self.last[1], line
        self.new_is_last = sort != b"-"


class _Line(NamedTuple):
    """A line that was read, and where it stands in the patch."""

    text: bytes
    offset: int
    number: int

    @property
    def plain(self) -> bytes:
        return self.text.rstrip(b"\r\n")


_NONE = _Line(b"", 0, 0)


class _Reader:
    """The patch line by line: pieces in, chunks out."""

    def __init__(self, name: str, window: int, overlap: int) -> None:
        self._name, self._window, self._overlap = name, window, overlap
        self._line = 0
        self._offset = 0
        self._at_start = True  # of a line
        self._into = b""  # where the rest of a long line goes: a sort as in `_Hunk.sort`, or "" for plain text
        self._file: FileHeader | None = None
        self._announced = True
        self._hunk: _Hunk | None = None
        self._text: _Text | None = None
        self._held = _NONE  # a "--- " line, until the next line tells what it is
        self._first = _NONE  # the line that announced the file, until another one bears it out
        self._text_end = 0
        self._sizes: dict[bytes, int] = {}
        self._packed = False
        self._expected = False  # plain text that belongs here: a message, a signature
        self._strays, self._first_stray, self._unruly = 0, 0, 0

    def feed(self, piece: bytes) -> Iterator[Chunk | Skipped]:
        """Takes the next line, or piece of a line."""
        if self._at_start:
            self._line += 1
            yield from self._whole_line(_Line(piece, self._offset, self._line))
        elif self._hunk is not None and self._into:
            if self._into in b"+ ":
                yield from self._hunk.text.add(piece, added=self._into == b"+")
        else:
            yield from self._plain(_Line(piece, self._offset, self._line))
        self._offset += len(piece)
        self._at_start = piece.endswith(b"\n")

    def flush(self) -> Iterator[Chunk | Skipped | Note]:
        """What is left at the end of the stream, and what there is to say."""
        if self._hunk is not None and self._hunk.open:
            yield Skipped(self._name, f"it ends amid a hunk, at line {self._line}: the rest is not there")
            self._hunk.unruly = False
            self._hunk.old, self._hunk.new = [], 0
        yield from self._end_hunk()
        yield from self._release()
        yield from self._end_file()
        yield from self._end_text()
        if not self._offset:
            yield Note(f"{self._name}: nothing to read: the patch is empty")
        if self._strays:
            several = self._strays > 1
            lines = f"{self._strays} lines belong" if several else "1 line belongs"
            read = f"{'were' if several else 'was'} scanned as plain text, from line {self._first_stray} on"
            yield Note(f"{self._name}: {lines} to no patch and {read}")
        if self._unruly:
            headers = "1 hunk header does" if self._unruly == 1 else f"{self._unruly} hunk headers do"
            yield Note(f"{self._name}: {headers} not tell the right number of lines")

    # --- lines ---

    def _whole_line(self, line: _Line) -> Iterator[Chunk | Skipped]:
        if self._hunk is not None:
            sort = self._hunk.sort(line.text)
            if sort:
                self._into = sort
                yield from self._in_hunk(self._hunk, line.text, sort)
                return
            yield from self._leave_hunk(self._hunk, line.plain)
        self._into = b""
        if self._held.text:
            if line.text.startswith(b"+++ "):
                yield from self._names(line.plain)
                return
            yield from self._release()
        yield from self._outside(line)

    def _in_hunk(self, hunk: _Hunk, line: bytes, sort: bytes) -> Iterator[Chunk]:
        if sort == b"\\":
            if hunk.new_is_last:
                hunk.text.without_newline()
            return
        hunk.count(line, sort)
        if sort != b"-":
            content = line if line in _BLANK else line[hunk.parents :]
            yield from hunk.text.add(content, added=sort == b"+")

    def _leave_hunk(self, hunk: _Hunk, line: bytes) -> Iterator[Chunk]:
        """The hunk is over. One that told too many lines may have taken the next file's names for its own."""
        old, new = hunk.last
        swallowed = hunk.open and old.startswith(b"--- ") and new.startswith(b"+++ ") and _HUNK.match(line)
        yield from self._end_hunk()
        if swallowed:
            yield from self._end_file()
            self._file = FileHeader(name_in(old.rstrip(b"\r\n")), name_in(new.rstrip(b"\r\n")))
            self._announced = False

    def _outside(self, line: _Line) -> Iterator[Chunk | Skipped]:
        found = _HUNK.match(line.plain)
        if found:
            yield from self._begin_hunk(found)
            return
        header = first_line(line.plain)
        if header is not None:
            yield from self._end_file()
            self._file, self._announced, self._packed, self._first = header, False, False, line
        elif line.text.startswith(b"--- ") and line.text.endswith(b"\n"):
            self._held = line
        elif not (yield from self._in_header(line.plain)):
            yield from self._stray(line)

    def _in_header(self, line: bytes) -> Generator[Skipped, None, bool]:
        """Reads a line between a file's names and its content; its value is False when it is none."""
        if self._packed and (not line or _PACKED.fullmatch(line)):
            return True
        self._packed = False
        file = self._file or FileHeader()
        if line == b"GIT binary patch" and self._file is not None:
            self._packed = True
        elif not file.binary(line):
            taken = self._file is not None and not self._announced and file.take(line)
            if taken:
                self._bear_out()
            return taken
        self._bear_out()
        if not file.gone:
            what = show_path(file.path) or self._name
            yield Skipped(what, f"its content is binary and not in {self._name} as text; scan the file itself")
        return True

    def _names(self, line: bytes) -> Iterator[Chunk]:
        """A "--- " line and the "+++ " line behind it."""
        old, new = name_in(self._held.plain), name_in(line)
        self._held, self._packed = _NONE, False
        file = self._file
        if file is None or self._announced:  # names without a line that announces the file
            yield from self._end_file()
            file = self._file = FileHeader()
            self._announced = False
        self._bear_out()
        if not file.combined:
            file.old, file.new = old, new

    def _bear_out(self) -> None:
        """What seemed to be the first line about a file was one."""
        self._first, self._expected = _NONE, False

    def _release(self) -> Iterator[Chunk]:
        """The line that was held is no name after all."""
        held, self._held = self._held, _NONE
        if held.text:
            yield from self._stray(held)

    # --- content ---

    def _begin_hunk(self, found: re.Match[bytes]) -> Iterator[Chunk]:
        self._bear_out()
        yield from self._end_text()
        yield from self._announce()
        path = self._path
        if not path:
            text = self._new_text(Origin(self._name, Kind.PATCH), self._offset, int(found[3]))
        else:
            origin = Origin(show_path(path), Kind.PATCH)
            if path not in self._sizes:
                self._sizes[path] = 0
                yield Chunk(b"", origin)  # so that it counts as one content, wherever its first change stands
            text = self._new_text(origin, self._sizes[path], int(found[3]))
        self._hunk = _Hunk(found, text)

    def _new_text(self, origin: Origin, offset: int, line: int) -> _Text:
        return _Text(origin, offset, line, self._window, self._overlap)

    @property
    def _path(self) -> bytes:
        return self._file.path if self._file else b""

    def _end_hunk(self) -> Iterator[Chunk]:
        hunk, self._hunk = self._hunk, None
        if hunk is not None:
            yield from hunk.text.flush()
            self._sizes[self._path] = self._sizes.get(self._path, 0) + hunk.text.size
            self._unruly += not hunk.counts_fit

    def _announce(self) -> Iterator[Chunk]:
        """The name of a file that is new, as content."""
        if not self._announced and self._file is not None and self._file.name_is_new:
            name = self._file.path
            yield Chunk(name, Origin(show_path(name), Kind.PATH_NAME))
        self._announced = True

    def _end_file(self) -> Iterator[Chunk]:
        first, self._first = self._first, _NONE
        if first.text:  # nothing followed: it was no patch
            yield from self._stray(first)
            self._announced = True
        yield from self._end_text()
        yield from self._announce()
        self._file = None

    def _stray(self, line: _Line) -> Iterator[Chunk]:
        """A line that stands in no hunk and is no header: it belongs to a message, or to no patch at all."""
        plain = line.plain
        if plain.rstrip(b" ") == b"--" or _MESSAGE.match(plain):
            self._expected = True
        elif plain and not self._expected:
            self._strays += 1
            self._first_stray = self._first_stray or line.number
        yield from self._plain(line)

    def _plain(self, line: _Line) -> Iterator[Chunk]:
        """Text, or a piece of it, outside of hunks."""
        if self._text is not None and line.offset != self._text_end:
            yield from self._end_text()
        if self._text is None:
            self._text = self._new_text(Origin(self._name, Kind.PATCH), line.offset, line.number)
        self._text_end = line.offset + len(line.text)
        yield from self._text.add(line.text, added=True)

    def _end_text(self) -> Iterator[Chunk]:
        text, self._text = self._text, None
        if text is not None:
            yield from text.flush()


__all__ = ["WINDOW", "Patch"]
