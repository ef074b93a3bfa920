"""Pack files, read by ourselves: where objects begin, and what they hold, without a git process.

Only for what can be had faster that way. Whatever is unusual (another version, an object that does not inflate, an
index that does not fit) is an `OddPackError`, and the caller reads through git instead.
Format: https://git-scm.com/docs/gitformat-pack.
"""

from __future__ import annotations

import mmap
import sys
import zlib
from array import array
from collections.abc import Sequence
from pathlib import Path

KINDS = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}
"""The types of whole objects in a pack."""

COMMIT, TREE = 1, 2
_KIND, _OFFSET_DELTA, _ID_DELTA = 7 << 4, 6 << 4, 7 << 4
_HEADER = 32  # no header is longer
_LARGE = 1 << 31
_MANY = 4_000_000  # of more objects, what is kept here of each would fill the memory
_BRIEF = 32 * 1024  # what is packed into so few bytes cannot make more than 32 MiB


class OddPackError(ValueError):
    """A pack that is not read here. The text says why."""


class Index:
    """The ids of a pack's objects, and where each begins, in the order of the pack. `width`: the length of a raw id."""

    def __init__(self, path: Path, width: int) -> None:
        data = path.read_bytes()
        count = int.from_bytes(data[1028:1032], "big")
        names, places = 1032, 1032 + (width + 4) * count
        if count > _MANY:
            raise OddPackError("too many objects")
        if data[:8] != b"\xfftOc\0\0\0\2" or len(data) < places + 4 * count + 2 * width:
            raise OddPackError("its index is of another version, or cut short")
        found = array("I", data[places : places + 4 * count])
        if found.itemsize != 4:
            raise OddPackError("no four-byte numbers on this machine")
        if sys.byteorder == "little":
            found.byteswap()
        if count and max(found) >= _LARGE:
            raise OddPackError("larger than 2 GiB")
        self._order = sorted(range(count), key=found.__getitem__)
        self._names, self.width = data[names : names + width * count], width
        self.offsets = array("I", map(found.__getitem__, self._order))
        self.pack = path.with_suffix(".pack")
        self.end = self.pack.stat().st_size - width

    def raw_id(self, position: int) -> bytes:
        """The raw id of the object at a position in the pack's order."""
        at = self._order[position] * self.width
        return self._names[at : at + self.width]


class Pack:
    """A mapped pack file. Use it as a context manager."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if self._map[:8] != b"PACK\0\0\0\2":
            raise OddPackError("of another version")

    def __enter__(self) -> Pack:
        return self

    def __exit__(self, *error: object) -> None:
        self._map.close()

    def bases(self, offsets: array[int]) -> array[int]:
        """For each object the position of the one it is a delta of; -1 for one that is kept whole."""
        data, places = self._map, dict(zip(offsets, range(len(offsets)), strict=True))
        found = array("i", [-1]) * len(offsets)
        for position, offset in enumerate(offsets):
            head = data[offset : offset + _HEADER]
            kind = head[0] & _KIND
            if kind == _ID_DELTA:
                raise OddPackError("a delta that names its base")
            if kind != _OFFSET_DELTA:
                continue
            at = 0
            while head[at] & 128:
                at += 1
            at += 1
            back = head[at] & 127
            while head[at] & 128:
                at += 1
                back = (back + 1) << 7 | head[at] & 127
            base = places.get(offset - back, -1)
            if not 0 <= base < position:
                raise OddPackError("a base is not in the pack")
            found[position] = base
        return found

    def kind(self, offset: int) -> int:
        """The type of what is kept at an offset."""
        return (self._map[offset] & _KIND) >> 4

    def entry(self, offset: int, end: int) -> tuple[int, int, int]:
        """Kind and size of what is kept at an offset, and where its content begins."""
        head = self._map[offset : min(end, offset + _HEADER)]
        byte, at = head[0], 1
        kind, size, shift = byte >> 4 & 7, byte & 15, 4
        while byte & 128:
            byte = head[at]
            at += 1
            size |= (byte & 127) << shift
            shift += 7
        if kind == _OFFSET_DELTA >> 4:
            while head[at] & 128:
                at += 1
            at += 1
        return kind, size, offset + at

    def content(self, start: int, end: int, size: int) -> bytes:
        """The inflated bytes of an entry. Raises `OddPackError` when they are damaged or not of that size."""
        try:
            if end - start < _BRIEF:
                found = zlib.decompress(self._map[start:end], bufsize=size + 1)
            else:
                found = zlib.decompressobj().decompress(self._map[start:end], size + 1)
        except zlib.error as error:
            raise OddPackError("an object does not inflate") from error
        if len(found) != size:
            raise OddPackError("an object is not of the size it says")
        return found


def packs(objects: Path, width: int) -> Sequence[Index]:
    """The packs of an object folder, whatever they are called (`git maintenance` makes `loose-*`). Raises
    `OddPackError` when one of them is odd."""
    try:
        return [Index(path, width) for path in sorted((objects / "pack").glob("*.idx"))]
    except OSError as error:
        raise OddPackError("cannot be read") from error


__all__ = ["COMMIT", "KINDS", "TREE", "Index", "OddPackError", "Pack", "packs"]
