"""Huge content in bounded memory: a byte stream cut into chunks that overlap, so that no key is cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from scanner.models import Chunk, Origin

WINDOW = 16 * 1024 * 1024
"""Bytes a window reports from. Content up to this size is one chunk."""

OVERLAP = 64 * 1024
"""Bytes of context on both sides: four times what the widest pattern may match."""

_CONTINUATION = bytes(range(0x80, 0xC0))  # bytes that continue a UTF-8 character: no column of their own


def windows(
    read: Callable[[int], bytes], origin: Origin, *, size: int = WINDOW, overlap: int = OVERLAP
) -> Iterator[Chunk]:
    """Cuts what `read(count)` gives, until it gives b"", into chunks with context on both sides.

    Each byte lies in the `[start, end)` of exactly one chunk. Content that fits into `size` bytes (empty
    content too) is one chunk with start 0 and end -1. About `size + 2 * overlap` bytes are held between two
    chunks, as long as the caller lets go of the last one. Every chunk begins at an even offset, so UTF-16 is
    never cut within a unit. `read` may return less than asked for; when it fails, what it gave before is still
    yielded, then its `OSError` is raised.
    """
    if size < 2 or overlap < 2 or size % 2 or overlap % 2:
        raise ValueError("size and overlap are even and at least 2")
    data, failure = _read_fully(read, b"", size + overlap)
    if len(data) <= size:
        yield Chunk(data, origin)
        if failure is not None:
            raise failure
        return
    place = Chunk(b"", origin)  # offset, line and column of data[0]
    start = 0
    while len(data) > start + size:
        end = start + size
        yield replace(place, data=data, start=start, end=end)
        drop = end - overlap
        if drop > 0:
            place = advance(place, data, drop)
            data = data[drop:]
            end -= drop
        start = end
        if failure is None:
            data, failure = _read_fully(read, data, start + size + overlap)
    yield replace(place, data=data, start=start, end=-1)
    if failure is not None:
        raise failure


def advance(place: Chunk, data: bytes, count: int) -> Chunk:
    """The chunk, that begins `count` bytes into `data`; `place` says where `data` begins."""
    lines = data.count(b"\n", 0, count)
    begin = data.rfind(b"\n", 0, count) + 1
    column = len(data[begin:count].translate(None, _CONTINUATION)) + (1 if lines else place.column)
    return replace(
        place, data=b"", start=0, end=-1, offset=place.offset + count, line=place.line + lines, column=column
    )


def _read_fully(read: Callable[[int], bytes], data: bytes, total: int) -> tuple[bytes, OSError | None]:
    """`data` and what follows it, up to `total` bytes; less only at the end of the stream, or when it failed."""
    pieces = [data] if data else []
    missing = total - len(data)
    failure = None
    try:
        while missing > 0 and (piece := read(missing)):
            pieces.append(piece)
            missing -= len(piece)
    except OSError as error:
        failure = error
    return (pieces[0] if len(pieces) == 1 else b"".join(pieces)), failure


__all__ = ["OVERLAP", "WINDOW", "advance", "windows"]
