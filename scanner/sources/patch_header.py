"""What a patch says of a file before its first hunk: names, and whether they are new."""

from __future__ import annotations

import re
from dataclasses import dataclass

NOTHING = b"/dev/null"

_PREFIX = re.compile(rb"[abciow12]/")  # git's own: a/ b/, and with diff.mnemonicPrefix i/ w/ c/ o/ 1/ 2/
_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|.)", re.DOTALL)
_ESCAPED = {b"a": b"\a", b"b": b"\b", b"t": b"\t", b"n": b"\n", b"v": b"\v", b"f": b"\f", b"r": b"\r"}

_EXTENDED = re.compile(
    rb"index [0-9a-f,]{4,}\.\.[0-9a-f]{4,}( [0-7]{6})?|(old|new|deleted file|new file) mode [0-7,]{6,}"
    rb"|mode [0-7,]+\.\.[0-7]+|(dis)?similarity index [0-9]{1,3}%|={60,}"
)
_NAMED = re.compile(rb"(rename|copy) (from|to) (.+)", re.DOTALL)
_BINARY = re.compile(rb"Binary files (?:(.+) and (.+) )?differ", re.DOTALL)


@dataclass(slots=True)
class FileHeader:
    """One file of a patch, as far as it is known. `moved` is the new name of a rename or copy."""

    old: bytes = b""
    new: bytes = b""
    bare: bool = False  # the names have no a/ and b/ before them
    fresh: bool = False
    gone: bool = False
    moved: bytes = b""
    combined: bool = False

    @property
    def path(self) -> bytes:
        """The file's name after the patch; b"" when it is not told."""
        if self.moved or self.combined:
            return self.moved or self.new
        old, new = self.old, self.new
        if new in (b"", NOTHING):
            return b"" if old in (b"", NOTHING) else self._strip(old, b"")
        return self._strip(new, old)

    @property
    def name_is_new(self) -> bool:
        """Whether the patch brings the name itself."""
        return not self.gone and (self.fresh or bool(self.moved) or (self.old == NOTHING and self.new != NOTHING))

    def _strip(self, name: bytes, other: bytes) -> bytes:
        if self.bare or name == other:
            return name
        tail = name.partition(b"/")[2]
        if tail and (_PREFIX.match(name) or tail == other.partition(b"/")[2]):
            return tail
        return name

    def take(self, line: bytes) -> bool:
        """Reads a line between the first of the header and the names; False for what does not belong there."""
        named = _NAMED.fullmatch(line)
        if named:
            if named[2] == b"to":
                self.moved = unquoted(named[3])
            return True
        if line.startswith(b"new file mode "):
            self.fresh = True
        elif line.startswith(b"deleted file mode "):
            self.gone = True
        return _EXTENDED.fullmatch(line) is not None

    def binary(self, line: bytes) -> bool:
        """Whether the line says that the content is binary; it may name the file."""
        told = _BINARY.fullmatch(line)
        if told is None:
            return False
        if told[2] is not None:
            self.gone = self.gone or told[2] == NOTHING
            if not self.new:
                self.old, self.new = unquoted(told[1]), unquoted(told[2])
        return True


def first_line(line: bytes) -> FileHeader | None:
    """The header that a `diff …` line or svn's `Index: …` begins."""
    if line.startswith((b"diff --cc ", b"diff --combined ")):
        return FileHeader(new=unquoted(line.split(b" ", 2)[2]), combined=True)
    if line.startswith(b"diff --git "):
        old, new = _pair(line[len(b"diff --git ") :])
        return FileHeader(old, new, bare=bool(new) and old == new)
    if line.startswith(b"Index: "):
        return FileHeader(new=line[len(b"Index: ") :], bare=True)
    return FileHeader() if line.startswith(b"diff -") else None


def name_in(line: bytes) -> bytes:
    """The name in a `--- ` or `+++ ` line; what stands behind a tab is a date."""
    rest = line[4:]
    return unquoted(rest if rest.startswith(b'"') else rest.partition(b"\t")[0])


def unquoted(name: bytes) -> bytes:
    """A name as git writes it, quoted like a string in C where it must be."""
    quoted = _QUOTED.match(name)
    return _ESCAPE.sub(_unescaped, quoted[1]) if quoted else name


def _unescaped(found: re.Match[bytes]) -> bytes:
    code = found[1]
    if code[:1].isdigit():
        return bytes([int(code, 8) & 0xFF])
    return _ESCAPED.get(code, code)


def _pair(names: bytes) -> tuple[bytes, bytes]:
    """Both names of a `diff --git` line; empty when they cannot be told apart (they follow in other lines then)."""
    first = _QUOTED.match(names)
    if first:
        return unquoted(names), unquoted(names[first.end() + 1 :])
    if names.endswith(b'"'):
        start = names.find(b' "')
        return names[:start], unquoted(names[start + 1 :])
    middle = len(names) // 2
    old, new = names[:middle], names[middle + 1 :]
    same = names[middle : middle + 1] == b" " and (old == new or old.partition(b"/")[2] == new.partition(b"/")[2])
    return (old, new) if same else (b"", b"")


__all__ = ["NOTHING", "FileHeader", "first_line", "name_in", "unquoted"]
