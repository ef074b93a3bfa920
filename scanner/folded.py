"""Lines that a terminal or a logger folded: a key that one ends with may go on at the beginning of the next."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from scanner.colours import Plain
from scanner.hidden import Hidden
from scanner.models import MASK
from scanner.own_keys import Key, OwnKeys

_BREAK = re.compile(rb"\\?\r?\n(?:[ \t]{0,64}(?:[|>+] (?=[!-~]))?)")
"""Where a line was folded: a sign before the break, indentation behind it, a sign behind that."""

_TO_END = re.compile(rb"[!-~]{1,2048}\r?\n")
_PRINTED = bytes(range(0x21, 0x7F))
_WIDEST, _LONGEST = 4096, 2048
_MOST_LINES = 12  # no key is folded more often, and a line that begins one may stand on every line of a log
_DATE = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DIGIT, _LETTER = re.compile(rb"[0-9]"), re.compile(rb"[A-Za-z]")


def runs_out(own: OwnKeys, data: bytes, at: int, end: int) -> bool:
    """Whether a key that begins at the keyword at `at` may go on behind the end of its line, which is in data[:end]."""
    found = _TO_END.match(data, at, end)
    return found is not None and own.begun(data, at, _before_break(data, found.end()))


def _before_break(data: bytes, end: int) -> int:
    """Where that ends which stands before the line break that ends at `end`, and before the sign of a fold."""
    end -= 2 if data.endswith(b"\r\n", 0, end) else 1
    return end - 1 if data.endswith(b"\\", 0, end) else end


def unfolded(data: bytes, first: int) -> bytes:
    """The end of data[first:], whole lines, in one line, with what a key could have in it only; nothing where so many
    lines wait already that the next is not waited for."""
    if data.count(b"\n", first) >= _MOST_LINES:
        return b""
    joined = Plain(data[max(first, len(data) - _WIDEST) :], _BREAK).data
    return joined[max(len(joined.rstrip(_PRINTED)), len(joined) - _LONGEST) :]


def folded(data: bytes, first: int, keys: Sequence[Key], find: Callable[[bytes], list[Key]]) -> Iterator[Hidden]:
    """What of keys is secret that stand on several of the lines data[first:], beside `keys`, which stand on one."""
    if data.find(b"\n", first, len(data) - 1) < 0:
        return
    known = {key.start for key in keys}
    joined = Plain(data[first:], _BREAK)
    for key in find(joined.data):
        pieces = [(first + low, first + high) for low, high in joined.pieces(key.start, key.end)]
        if pieces[0][0] not in known and pieces[1:] and all(_goes_on(key, data[low:high]) for low, high in pieces[1:]):
            for number, (low, high) in enumerate(joined.pieces(key.secret_start, key.secret_end)):
                yield Hidden(first + low, first + high, key.rule.id, b"" if number else MASK.encode())


def _goes_on(key: Key, rest: bytes) -> bool:
    """Whether what stands at the beginning of a line reads like the rest of a key, and not like a line of its own: a
    date is none, and where keys may be longer or shorter, a word is none."""
    if _DATE.match(rest):
        return False
    return key.rule.least == key.rule.most or (_DIGIT.search(rest) is not None and _LETTER.search(rest) is not None)


__all__ = ["folded", "runs_out", "unfolded"]
