"""The text of a log as a person reads it: without colours, and with blocks of several lines as they were written.

CI systems and `kubectl logs --timestamps` put a time before every line, which tears a private key apart. Lines stay
where they are, so their numbers are those of the log.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

_COLOURS = re.compile(
    rb"\x1b(?:\[[0-?]{0,64}[ -/]{0,4}[@-~]|\][^\x07\x1b\n]{0,2048}(?:\x07|\x1b\\)|[ -/]{1,2}[0-~]|[=>78MDEHc])"
)
_SECTION = re.compile(rb"section_(?:start|end):\d{1,12}:[\w.-]{1,128}(?:\[[^\]\n]{0,128}\])?\r")
_BLOCK = re.compile(rb"^(?P<before>[^\n]{1,200}?)-----BEGIN [A-Z0-9 ]{0,40}-----", re.MULTILINE)
_LONGEST_BLOCK = 400  # lines
_PIECE = 1 << 20
_LONGEST_LINE = 8 << 20


def readable(data: bytes) -> bytes:
    """Whole lines of a log without colours and section marks; inside a PEM block that has the same sort of prefix on
    every line (times, names of services) without that prefix."""
    if b"\x1b" in data:
        data = _COLOURS.sub(b"", data)
    if b"section_" in data:
        data = _SECTION.sub(b"", data)
    if b"-----BEGIN " in data:
        data = _unprefixed(data)
    return data


def _unprefixed(data: bytes) -> bytes:
    out, at = [], 0
    for block in _BLOCK.finditer(data):
        if block.start() < at:
            continue
        shape = _shape(block["before"])
        here = data.find(b"\n", block.end()) + 1
        out.append(data[at : here or len(data)])
        at = here or len(data)
        for _ in range(_LONGEST_BLOCK):
            stop = data.find(b"\n", at) + 1 or len(data)
            line = data[at:stop]
            prefix = shape.match(line)
            if not line or prefix is None:
                break
            out.append(line[prefix.end() :])
            at = stop
            if b"-----END " in line:
                break
    out.append(data[at:])
    return b"".join(out)


def _shape(prefix: bytes) -> re.Pattern[bytes]:
    """What looks like the prefix: the same text, with any digits."""
    return re.compile(re.sub(rb"\d{1,30}", rb"\\d{1,30}", re.escape(prefix)))


def reader(read: Callable[[int], bytes]) -> Callable[[int], bytes]:
    """Reads the readable text of what `read(count)` gives. May return less than asked for; b"" at the end only."""
    pieces = _pieces(read)
    left = b""

    def give(count: int) -> bytes:
        nonlocal left
        while not left:
            piece = next(pieces, None)
            if piece is None:
                return b""
            left = piece
        given, left = left[:count], left[count:]
        return given

    return give


def _pieces(read: Callable[[int], bytes]) -> Iterator[bytes]:
    held = b""
    while piece := read(_PIECE):
        held += piece
        end = whole_until(held)
        if end:
            yield readable(held[:end])
            held = held[end:]
    if held:
        yield readable(held)


def whole_until(data: bytes) -> int:
    """Up to where data holds whole lines, and no block that has begun without an end. A line over 8 MiB, and a block
    over some hundred lines, is taken as it comes."""
    end = data.rfind(b"\n") + 1
    begun = data.rfind(b"-----BEGIN ", 0, end)
    if begun >= 0 and data.find(b"-----END ", begun) < 0 and data.count(b"\n", begun) < _LONGEST_BLOCK:
        end = data.rfind(b"\n", 0, begun) + 1
    return len(data) if end == 0 and len(data) > _LONGEST_LINE else end


__all__ = ["readable", "reader", "whole_until"]
