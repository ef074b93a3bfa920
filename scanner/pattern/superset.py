"""Simpler patterns that match wherever a pattern does, for engines that look at everything at once.

Upper limits of repeats are taken off and large lower ones lowered (small automata, and never fewer matches), groups
lose their names, and every character is written as its number, so that no engine reads it differently.
"""

from __future__ import annotations

from collections.abc import Iterable
from re import _constants as sre  # type: ignore[attr-defined]
from typing import Any

from scanner.models import BREAKS
from scanner.pattern.tree import ALL, Charset, breaks, folds, parse, single, width

_MOST = 256  # a repeat of more is asked for so many times only
_TIGHT = 3  # a repeat between two limits so near each other keeps both
_OPENING = 256  # a beginning ends at the first part that can be longer, or can hold more line breaks than `BREAKS`
_CUT = 48


_NEEDS: dict[str, Charset] = {
    "digit": frozenset(b"0123456789"),
    "other": ALL - frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_.-/"),
}
_LEAST = 4


def superset(pattern: str, needs: Iterable[str] = ()) -> bytes:
    """An expression that matches in every text in which the pattern does.

    `needs` are characters that the secret must hold (as in the check `needs`): a longer run that holds one has half of
    its least length on one side of it, which few words have.
    """
    items = parse(pattern)
    wanted = next((_NEEDS[need] for need in needs if need in _NEEDS), None)
    run = _run(items) if wanted is not None else None
    if wanted is not None and run is not None:
        least, chosen, rest = run
        if wanted.isdisjoint(rest):
            side, held = b"%s{%d}" % (_class(chosen), least // 2), chosen & wanted
            return b"(?:%s%s|%s%s)" % (side, _class(held), _class(held), side) if held else b"(?!)"
    return _items(items, False)


def needing(pattern: str, needs: Iterable[str]) -> bytes:
    """A look-ahead that holds where a match begins whose secret has the characters it must have (as in the check
    `needs`); nothing when the pattern does not show where they would stand."""
    items = parse(pattern)
    wanted = next((_NEEDS[need] for need in needs if need in _NEEDS), None)
    run = _run(items) if wanted is not None else None
    if wanted is None or run is None or not wanted.isdisjoint(run[2]):
        return b""
    others, held, most = run[1] - wanted, run[1] & wanted, width(items)[1]
    return b"(?=%s{0,%d}%s)" % (_class(others), most, _class(held)) if others and held else b""


def _run(items: Any) -> tuple[int, Charset, Charset] | None:
    """Of a pattern that is one run of characters, all of it secret: the least length, the characters, and those of what
    may come behind."""
    if len(items) != 1 or items[0][0] is not sre.SUBPATTERN or items[0][1][0] is None:
        return None
    (op, arg), *rest = items[0][1][3]
    fold = folds(items[0][1], False)
    chosen = _one(arg[2], fold) if op is sre.MAX_REPEAT else None
    if chosen is None or arg[0] < _LEAST:
        return None
    behind: set[int] = set()
    for other, about in rest:
        last = _one(about[2], fold) if other is sre.MAX_REPEAT else None
        if last is None:
            return None
        behind |= last
    return arg[0], chosen, frozenset(behind)


def _one(items: Any, fold: bool) -> Charset | None:
    """The characters of what is one character."""
    if len(items) != 1:
        return None
    op, arg = items[0]
    return single(op, arg, fold)


def opening(pattern: str) -> bytes:
    """An expression that matches where every match of the pattern begins, at most some hundred bytes long and with
    `BREAKS` line breaks at most."""
    return _opening(parse(pattern), False, BREAKS)


def before_breaks(pattern: str) -> tuple[bytes, int]:
    """An expression for what every match of the pattern has at its beginning before there can be a line break, what may
    be left out at the very beginning left out, and how far it goes at most; empty when that is nothing. Where it
    matches, the pattern may, too."""
    items, most = _needed(parse(pattern)), 0
    for op, arg in items:
        if breaks([(op, arg)], False):
            most = most if op in (sre.MAX_REPEAT, sre.MIN_REPEAT) and not arg[0] else _OPENING
            break
        most += width([(op, arg)])[1]
    return _opening(items, False, 0), min(most, _OPENING)


def _needed(items: Any) -> list[tuple[Any, Any]]:
    """The items, without those at the beginning that a match can do without."""
    rest = list(items)
    while rest:
        op, arg = rest[0]
        if op in (sre.MAX_REPEAT, sre.MIN_REPEAT) and not arg[0]:
            del rest[0]
            continue
        if op is sre.SUBPATTERN:
            inner = _needed(arg[3])
            if not inner:
                del rest[0]
                continue
            rest[0] = op, (*arg[:3], inner)
        break
    return rest


def _items(items: Any, fold: bool) -> bytes:
    return b"".join([_item(op, arg, fold) for op, arg in items])


def _item(op: Any, arg: Any, fold: bool) -> bytes:
    chosen = single(op, arg, fold)
    if chosen is not None:
        return _class(chosen)
    if op is sre.SUBPATTERN:
        return b"(?:%s)" % _items(arg[3], folds(arg, fold))
    if op is sre.BRANCH:
        return b"(?:%s)" % b"|".join([_items(branch, fold) for branch in arg[1]])
    least, most, inner = arg
    return b"(?:%s)%s" % (_items(inner, fold), _repeat(least, int(most)))


def _repeat(least: int, most: int) -> bytes:
    if most <= _MOST and most - least <= _TIGHT:
        return b"{%d,%d}" % (least, most)
    return b"{%d,}" % min(least, _MOST)


def _class(chosen: Charset) -> bytes:
    ordered = sorted(chosen)
    ranges: list[list[int]] = []
    for value in ordered:
        if ranges and ranges[-1][1] == value - 1:
            ranges[-1][1] = value
        else:
            ranges.append([value, value])
    text = b"".join([b"\\x%02x" % low if low == high else b"\\x%02x-\\x%02x" % (low, high) for low, high in ranges])
    return text if len(ordered) == 1 else b"[%s]" % text


def _opening(items: Any, fold: bool, lines: int) -> bytes:
    out: list[bytes] = []
    left = _OPENING
    for op, arg in items:
        left -= width([(op, arg)])[1]
        more = breaks([(op, arg)], fold)
        if left >= 0 and lines >= more:
            out.append(_item(op, arg, fold))
            lines -= more
            continue
        if op is sre.SUBPATTERN:
            out.append(b"(?:%s)" % _opening(arg[3], folds(arg, fold), lines))
        elif op is sre.BRANCH:
            out.append(b"(?:%s)" % b"|".join([_opening(branch, fold, lines) for branch in arg[1]]))
        elif op in (sre.MAX_REPEAT, sre.MIN_REPEAT) and arg[0] and not breaks(arg[2], fold):
            out.append(b"(?:%s){%d}" % (_items(arg[2], fold), min(arg[0], _CUT)))
        break
    return b"".join(out)


__all__ = ["before_breaks", "needing", "opening", "superset"]
