"""Keys in disguise: UTF-16, base64 (also in lines, gzipped, nested), hexadecimal, percent and backslash escapes.

Each encoded stretch of the data becomes a `View` that the matcher scans like any other text. Everything is
bounded: the output of one decoding, and the matcher's depth of nesting.
"""

from __future__ import annotations

import binascii
import re
import zlib
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from scanner.checksums import unpad

MAX_DECODED = 8 << 20
"""No decoding yields more bytes than this (a compression bomb stops there)."""

_LONG = 64 * 1024
_BASE64_CHARS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_="


@dataclass(frozen=True, slots=True)
class View:
    """A decoded stretch: what it says (`data`), where it stands (`start`, `end`, in the encoded data), and how
    many encoded bytes one decoded byte takes (`scale`; 0 when places inside cannot be told apart)."""

    name: str
    start: int
    end: int
    data: bytes = field(repr=False)
    scale: int = 0

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where the decoded bytes [start, end) stand in the encoded data."""
        if not self.scale:
            return self.start, self.end
        return self.start + start * self.scale, self.start + end * self.scale


def views(data: bytes, start: int, end: int) -> Iterator[View]:
    """The encoded stretches that touch data[start:end]. A view may begin before and end after it."""
    if data.find(b"\0", start, end) >= 0:
        yield from _utf16(data, start, end)
    yield from _packed(data, start, end)
    if data.find(b"%", start, end) >= 0:
        yield from _escaped(data, start, end, _PERCENT, _ANY_PERCENT, "percent")
    if data.find(b"\\", start, end) >= 0:
        yield from _escaped(data, start, end, _BACKSLASH, _BACKSLASH, "escape")


def signs(data: bytes, start: int, end: int) -> Iterator[tuple[int, bytes | None]]:
    """Where in data[start:end], which are whole lines, something stands that might be encoded, UTF-16 aside: a place in
    every line in which `views` could yield something, with what it says (None: not known before the next line is)."""
    shapes = data[start:end].translate(_SHAPES)
    at = shapes.find(_NEEDLE)
    while at >= 0:
        begin = start + at
        stop = shapes.find(b" ", at + _LEAST)
        stop = len(shapes) if stop < 0 else stop
        if _WORTH_A_LOOK.match(data, begin) is not None:
            done = start + stop
            done += 2 if data.startswith(b"==", done) else data.startswith(b"=", done)
            run = data[begin:done]
            view = _unpack(run, begin, done)
            lined = _LINED <= len(run) <= _WIDEST and (view is not None or len(run) % 2)
            if lined and _LINE_END.match(data, done, end):
                yield begin, None
            elif view is not None:
                yield begin, view.data
        at = shapes.find(_NEEDLE, stop)
    for byte, sign, escape in ((b"%", _PERCENT, _ANY_PERCENT), (b"\\", _BACKSLASH, _BACKSLASH)):
        if data.find(byte, start, end) >= 0:
            yield from ((view.start, view.data) for view in _escaped(data, start, end, sign, escape, ""))


def wrapped(data: bytes, start: int, width: int) -> int:
    """How many base64 characters of a text that may go on in the next line stand at the end of data, whose last line
    begins at `start`; 0 when it does not go on. `width` is what this said of the line before."""
    end = _LINE_END.search(data, max(start, len(data) - 48))
    if end is None or end.end() < len(data):
        return 0
    begin, stop = max(start, _edge(data, end.start(), -1)), end.start()
    length = stop - begin
    if not _LINED <= length <= _WIDEST:
        return 0
    if length == width and not data[start:begin].strip(b" \t\"'+"):
        return width
    return length if _unpack(data[begin : stop - length % 4], begin, stop) is not None else 0


# --- UTF-16 ---

_UTF16 = (
    (re.compile(rb"(?:[\t\r\n\x20-\x7e]\x00){8,}"), 0),
    (re.compile(rb"(?:\x00[\t\r\n\x20-\x7e]){8,}"), 1),
)
_PLAIN = frozenset(b"\t\r\n") | frozenset(range(0x20, 0x7F))
_WIDE = bytes(0x61 if value in _PLAIN else 0x20 if value else 0x30 for value in range(256))
_PAIRS = (b"a0" * 8, b"0a" * 8)


def _utf16(data: bytes, start: int, end: int) -> Iterator[View]:
    """Text in one byte order also reads as the other, shifted by one byte and one character shorter: of two runs that
    overlap, the longer is the text."""
    low, high = max(0, start - _LONG), min(len(data), end + _LONG)
    kinds = data[low:high].translate(_WIDE)
    orders = [
        list(_wide_runs(data, kinds, low, pattern, needle))
        for (pattern, _), needle in zip(_UTF16, _PAIRS, strict=True)
    ]
    for (_, parity), own, other in zip(_UTF16, orders, reversed(orders), strict=True):
        for begin, stop in own:
            if stop <= start or begin >= end or _covered(begin, stop, other):
                continue
            yield View("utf-16", begin, stop, data[begin:stop][parity::2], 2)


def _wide_runs(
    data: bytes, kinds: bytes, low: int, pattern: re.Pattern[bytes], needle: bytes
) -> Iterator[tuple[int, int]]:
    """Where the pattern matches, in a twentieth of the time that searching for it takes in binary content."""
    at = kinds.find(needle)
    while at >= 0:
        found = pattern.match(data, low + at, low + len(kinds))
        if found is None:
            return
        yield found.span()
        at = kinds.find(needle, found.end() - low)


def _covered(begin: int, stop: int, runs: list[tuple[int, int]]) -> bool:
    """Whether a longer one of these runs (in order, none overlapping) overlaps by more than a character."""
    at = max(0, bisect_right(runs, (begin, 0)) - 1)
    while at < len(runs) and runs[at][0] < stop - 2:
        if runs[at][1] > begin + 2 and runs[at][1] - runs[at][0] > stop - begin:
            return True
        at += 1
    return False


# --- base64 and hexadecimal ---

_LINED, _WIDEST = 48, 128  # the lengths of lines that a text is broken into
_LEAST = 28  # base64 of 20 characters or more: shorter keys are hardly known by themselves
_SHAPES = bytes(0x61 if value in _BASE64_CHARS[:-1] else 0x20 for value in range(256))
_IS_BASE64 = bytes(shape == 0x61 for shape in _SHAPES)
_NEEDLE = b"a" * _LEAST
_EQUALS = ord("=")
_HEX = re.compile(rb"(?:[0-9a-fA-F]{2}){12,}\Z")
_TEXT = re.compile(rb"[\t\r\n\x20-\x7e]*\Z")
_WRAP = re.compile(rb"[ \t\"'+\\,]{0,40}\r?\n[ \t\"'+]{0,80}")
# In base64 of ASCII and UTF-16 every fourth character stands for a byte below 128; gzip and zlib have other beginnings.
_PLAUSIBLE = re.compile(rb"[A-Za-f].{3}[A-Za-f].{3}[A-Za-f]|H4sI|e(?:AE|F4|J[wxyz]|N[opqr])")

_WORTH_A_LOOK = re.compile(
    rb"[/_\-]*(?:[A-Za-f].{3}[A-Za-f].{3}[A-Za-f]|H4sI|e(?:AE|F4|J[wxyz]|N[opqr]))|(?:0[9adAD]|[2-7][0-9A-Fa-f]){12}"
)
_LINE_END = re.compile(rb"[ \t\"'+\\,]{0,40}\r?\n")


def _packed(data: bytes, start: int, end: int) -> Iterator[View]:
    """Stretches of base64 characters that touch data[start:end] and are long enough to hold a key, decoded.

    Replacing every such character by one letter and searching for a row of it is seven times as fast as a
    regular expression (700 MB/s against 100).
    """
    low = _edge(data, start, -1)
    shapes = data[low : _edge(data, end, 1)].translate(_SHAPES)
    at = shapes.find(_NEEDLE)
    while at >= 0:
        stop = shapes.find(b" ", at + _LEAST)
        stop = len(shapes) if stop < 0 else stop
        begin, done = low + at, low + stop
        if begin <= start and _LINED <= done - begin <= _WIDEST:  # what is looked at begins inside of a text in lines
            first, last = _first_line(data, begin, done)
            if _wrapped(data, first, last)[1] >= done:  # else the lines before do not lead as far as here
                begin, done = first, last
        if data[done : done + 1] == b"=":
            done += 2 if data[done : done + 2] == b"==" else 1
        worth = _WORTH_A_LOOK.match(data, begin) is not None  # most are not: names, paths, other encodings
        view = _unpack(data[begin:done], begin, done) if worth else None
        if view is not None:
            yield view
        if _LINED <= done - begin <= _WIDEST and data[done - 1] != _EQUALS and _WRAP.match(data, done):
            whole, done = _wrapped(data, begin, done)
            view = _unpack(whole, begin, done) if worth else None
            if view is not None:
                yield view
            stop = max(stop, min(len(shapes), done - low))
        at = shapes.find(_NEEDLE, stop)


def _edge(data: bytes, at: int, step: int) -> int:
    """Where the run of base64 characters around a place begins (step -1) or ends (step 1), at most 64 kB away."""
    limit = max(0, at - _LONG) if step < 0 else min(len(data), at + _LONG)
    width = 128
    if at == limit or (step < 0 and not _IS_BASE64[data[at - 1]]) or (step > 0 and not _IS_BASE64[data[at]]):
        return at
    while at != limit:
        other = max(limit, at - width) if step < 0 else min(limit, at + width)
        shapes = data[min(at, other) : max(at, other)].translate(_SHAPES)
        gap = shapes.rfind(b" ") if step < 0 else shapes.find(b" ")
        if gap >= 0:
            return other + gap + 1 if step < 0 else at + gap
        at, width = other, width * 4
    return at


def _wrapped(data: bytes, start: int, end: int) -> tuple[bytes, int]:
    """A base64 text in lines: all lines of one length, and a last one that is not longer."""
    width = end - start
    pieces = [data[start:end]]
    while sum(map(len, pieces)) < _LONG:
        gap = _WRAP.match(data, end)
        line = _LINE.match(data, gap.end()) if gap else None
        if line is None or len(line.group()) > width:
            break
        pieces.append(line.group())
        end = line.end()
        if len(line.group()) < width:
            break
    return b"".join(pieces), end


def _first_line(data: bytes, start: int, end: int) -> tuple[int, int]:
    """Of a text in lines of one length, one of which is data[start:end], the first that is at most 64 kB away."""
    limit, width = max(0, start - _LONG), end - start
    while True:
        line = data.rfind(b"\n", limit, start)
        if line < 0 or data[line + 1 : start].strip(b" \t\"'+"):
            return start, start + width
        last = max(limit, line - 48)
        last += len(data[last:line].rstrip(b" \t\"'+\\,\r"))
        first = last - width
        if first < limit or _edge(data, last, -1) != first:
            return start, start + width
        start = first


_LINE = re.compile(rb"[A-Za-z0-9+/_\-]{2,128}={0,2}(?![A-Za-z0-9+/_\-=])")


def _unpack(run: bytes, start: int, end: int) -> View | None:
    if len(run) % 2 == 0 and _HEX.match(run):
        plain = binascii.unhexlify(run)
        return View("hex", start, end, plain) if _TEXT.match(plain) else None
    if run[0] in b"/_-":
        run = run.lstrip(b"/_-")
    if _PLAUSIBLE.match(run) is None:
        return None
    plain = unpad(run[:-1] if len(run.rstrip(b"=")) % 4 == 1 else run) or b""
    if plain[:2] == b"\x1f\x8b":
        return View("base64+gzip", start, end, _inflate(plain, 31))
    if plain[:1] == b"\x78" and plain[1:2] in (b"\x01", b"\x5e", b"\x9c", b"\xda"):
        return View("base64+zlib", start, end, _inflate(plain, 15))
    if _TEXT.match(plain[:48]) or (b"\0" in plain[:8] and _UTF16[0][0].search(plain)):
        return View("base64", start, end, plain)
    return None


def _inflate(packed: bytes, window: int) -> bytes:
    """As much as can be decompressed, up to the limit; damage ends it early."""
    try:
        return zlib.decompressobj(window).decompress(packed, MAX_DECODED)
    except zlib.error:
        return b""


# --- escapes ---

_PERCENT = re.compile(rb"%(?:2[1-9A-Fa-f]|[3-6][0-9A-Fa-f]|7[0-9A-Ea-e])")  # a printable character; %02x is none
_ANY_PERCENT = re.compile(rb"%[0-9A-Fa-f]{2}")
_BACKSLASH = re.compile(rb"\\(?:u00[0-9a-fA-F]{2}|x[0-9a-fA-F]{2})")
_TOKEN_END = re.compile(rb"[\s\"'<>`]")
_TOKEN = 512


def _escaped(
    data: bytes, start: int, end: int, sign: re.Pattern[bytes], escape: re.Pattern[bytes], name: str
) -> Iterator[View]:
    done = -1
    for found in sign.finditer(data, start, end):
        if found.start() < done:
            continue
        begin, stop = _token(data, found.start(), found.end())
        done = stop
        text = data[begin:stop]
        plain = escape.sub(_byte, text)
        if plain != text:
            yield View(name, begin, stop, plain)


def _byte(found: re.Match[bytes]) -> bytes:
    return bytes([int(found.group()[-2:], 16)])


def _token(data: bytes, start: int, end: int) -> tuple[int, int]:
    """The stretch without white space or quotation marks around a place, bounded on both sides."""
    head = data[max(0, start - _TOKEN) : start]
    cut = max((found.end() for found in _TOKEN_END.finditer(head)), default=0)
    after = _TOKEN_END.search(data, end, end + 4 * _TOKEN)
    return start - len(head) + cut, after.start() if after else min(len(data), end + 4 * _TOKEN)
