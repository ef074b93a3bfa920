"""What of coloured lines is to be looked at: most of a coloured log has no more to hide than one without colours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from scanner.colours import without
from scanner.look import Look
from scanner.own_keys import Key
from scanner.worth import NEXT

NEAR = 1024
"""So many bytes before a coloured stretch are looked at without their colours, too."""

_APART = 4096
"""Lines that are farther apart are looked at one by one."""


def signs(
    look: Callable[[bytes], Look], data: bytes, start: int, end: int, keys: Sequence[Key]
) -> Iterator[int]:
    """The lines of data[start:end] in which there is something to look at (so says `look`) once the colours are taken
    off, beside what was seen with them: `keys`."""
    known = {(key.start, key.end, key.rule.id) for key in keys}
    at = data.find(b"\x1b", start, end)
    while at >= 0:
        first, last = data.rfind(b"\n", start, at) + 1 or start, at
        while (more := data.rfind(b"\x1b", last + 1, min(end, last + _APART))) > 0:
            last = more
        stop = data.find(b"\n", last, end) + 1 or end
        behind = data.find(b"\n", stop, end) + 1 or end  # a value may stand on the line behind its name
        yield from _seen(look, data, first, behind, known)
        at = data.find(b"\x1b", stop, end)


def _seen(
    look: Callable[[bytes], Look], data: bytes, first: int, end: int, known: set[tuple[int, int, str]]
) -> Iterator[int]:
    """The lines of data[first:end] in which there is something to look at once the colours are taken off."""
    at = max(0, first - NEAR)
    plain = without(data[at:end])
    seen = look(plain)
    places = {*seen.signs, *(place for place, _ in seen.events)}
    for place, _ in seen.events:  # what it tells of may stand on the lines behind it
        line = plain.find(b"\n", place, place + NEXT) + 1
        while line > 0:
            places.add(line)
            line = plain.find(b"\n", line, place + NEXT) + 1
    whole: dict[int, list[Key]] = {}
    for key in seen.keys:
        whole.setdefault(key.start, []).append(key)
    counted = 0
    for place in sorted({*places, *whole}):
        for _ in range(plain.count(b"\n", counted, place)):
            at = data.find(b"\n", at, end) + 1
        counted = place
        if at < first:
            continue
        if place in places or not all(_uncut(data, at, end, plain, key, known) for key in whole[place]):
            yield at


def _uncut(
    data: bytes, line: int, end: int, plain: bytes, key: Key, known: set[tuple[int, int, str]]
) -> bool:
    """Whether a key of a line without its colours is one of those that are known already, and nowhere else on it."""
    start = data.find(plain[key.start : key.end], line, end)
    if (start, start + key.end - key.start, key.rule.id) not in known:
        return False
    first, last = plain.rfind(b"\n", 0, key.start) + 1, plain.find(b"\n", key.end)
    secret = plain[key.secret_start : key.secret_end]
    return plain.count(secret, first, last if last >= 0 else len(plain)) == 1


__all__ = ["NEAR", "signs"]
