"""The parse tree of a pattern, and what can be read off it: widths, characters, groups.

Uses `re._parser`, the standard library's own parser of regular expressions (3.11 and later); it is private, so all
knowledge of it stays in this package, and the tests compare what is read with `re` on generated matches.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Sequence
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as sre_parser  # type: ignore[attr-defined]
from typing import Any

Charset = frozenset[int]
ALL: Charset = frozenset(range(256))
_DIGIT: Charset = frozenset(b"0123456789")
WORD: Charset = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_SPACE: Charset = frozenset(b" \t\n\r\f\v")
_CATEGORIES: dict[Any, Charset] = {
    sre.CATEGORY_DIGIT: _DIGIT,
    sre.CATEGORY_NOT_DIGIT: ALL - _DIGIT,
    sre.CATEGORY_WORD: WORD,
    sre.CATEGORY_NOT_WORD: ALL - WORD,
    sre.CATEGORY_SPACE: _SPACE,
    sre.CATEGORY_NOT_SPACE: ALL - _SPACE,
}


class PatternError(ValueError):
    """The pattern is not of the language; the text says why."""


def parse(pattern: str) -> Any:
    """The parse tree of a pattern (as bytes, ASCII). Raises `PatternError`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Python warns of what it may read differently one day
            return sre_parser.parse(pattern.encode("ascii"))
    except (FutureWarning, DeprecationWarning) as error:
        what = str(error).partition(" at position")[0].lower()
        raise PatternError(f"it can be read in two ways ({what}): escape [, -, &, | and ~ in a class") from error
    except UnicodeEncodeError as error:
        raise PatternError("the pattern has a character outside ASCII; write bytes as \\xNN") from error
    except (re.error, OverflowError, RecursionError) as error:
        raise PatternError(f"not a regular expression: {error}") from error


def charset(items: Sequence[Any], fold: bool) -> Charset:
    """The characters of a class; `fold` for those that are compared without case."""
    chosen: set[int] = set()
    negate = False
    for op, arg in items:
        if op is sre.NEGATE:
            negate = True
        elif op is sre.LITERAL:
            chosen.add(arg)
        elif op is sre.RANGE:
            chosen.update(range(arg[0], arg[1] + 1))
        elif op is sre.CATEGORY:
            chosen |= _CATEGORIES[arg]
        else:
            raise PatternError(f"not supported in a character class: {op}")
    folded = _fold(chosen) if fold else chosen
    return ALL - folded if negate else frozenset(folded)


def _fold(chosen: Iterable[int]) -> set[int]:
    return {twin for value in chosen for twin in (*bytes([value]).lower(), *bytes([value]).upper())}


def single(op: Any, arg: Any, fold: bool) -> Charset | None:
    """The characters of a one-byte element, None for any other element."""
    if op is sre.LITERAL:
        return frozenset(_fold([arg])) if fold else frozenset([arg])
    if op is sre.NOT_LITERAL:
        return ALL - (frozenset(_fold([arg])) if fold else frozenset([arg]))
    if op is sre.ANY:
        return ALL - frozenset(b"\n")
    if op is sre.IN:
        return charset(arg, fold)
    return None


def folds(arg: Any, fold: bool) -> bool:
    """Whether a group's inside is compared without case."""
    _, added, removed, _ = arg
    return (fold or bool(added & sre.SRE_FLAG_IGNORECASE)) and not removed & sre.SRE_FLAG_IGNORECASE


def width(items: Any) -> tuple[int, int]:
    """The least and the most bytes that a match of `items` has."""
    least = most = 0
    for op, arg in items:
        if op is sre.SUBPATTERN:
            low, high = width(arg[3])
        elif op is sre.BRANCH:
            widths = [width(branch) for branch in arg[1]]
            low, high = min(w[0] for w in widths), max(w[1] for w in widths)
        elif op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            inner = width(arg[2])
            low, high = inner[0] * arg[0], inner[1] * int(arg[1])
        else:
            low = high = 1
        least, most = least + low, most + high
    return least, most


def breaks(items: Any, fold: bool) -> int:
    """The most line breaks that a match of `items` holds."""
    found = 0
    for op, arg in items:
        chosen = single(op, arg, fold)
        if chosen is not None:
            found += ord("\n") in chosen
        elif op is sre.SUBPATTERN:
            found += breaks(arg[3], folds(arg, fold))
        elif op is sre.BRANCH:
            found += max(breaks(branch, fold) for branch in arg[1])
        else:
            found += int(arg[1]) * breaks(arg[2], fold)
    return found


def first(items: Any, fold: bool) -> Charset:
    """The bytes that a match of `items` can begin with."""
    found: Charset = frozenset()
    for op, arg in items:
        chosen = single(op, arg, fold)
        if chosen is not None:
            return found | chosen
        if op is sre.SUBPATTERN:
            found |= first(arg[3], folds(arg, fold))
            least = width(arg[3])[0]
        elif op is sre.BRANCH:
            found |= frozenset().union(*(first(branch, fold) for branch in arg[1]))
            least = width([(op, arg)])[0]
        else:
            found |= first(arg[2], fold)
            least = arg[0] * width(arg[2])[0]
        if least:
            return found
    return found


def head(items: Any) -> bytes:
    """The fixed characters that every match of `items` begins with."""
    found = bytearray()
    for op, arg in items:
        if op is sre.SUBPATTERN and not folds(arg, False):
            found += head(arg[3])
            if all(inner is sre.LITERAL for inner, _ in arg[3]):
                continue
        elif op is sre.LITERAL:
            found.append(arg)
            continue
        break
    return bytes(found)


def every(items: Any, fold: bool) -> Charset:
    """All bytes that can occur in a match of `items`."""
    found: Charset = frozenset()
    for op, arg in items:
        chosen = single(op, arg, fold)
        if chosen is not None:
            found |= chosen
        elif op is sre.SUBPATTERN:
            found |= every(arg[3], folds(arg, fold))
        elif op is sre.BRANCH:
            found |= frozenset().union(*(every(branch, fold) for branch in arg[1]))
        else:
            found |= every(arg[2], fold)
    return found


def group(items: Any, number: int) -> Any | None:
    """What stands in the group of that number; None for none, or for one inside of a repeat."""
    for op, arg in items:
        if op is sre.SUBPATTERN:
            if arg[0] == number:
                return arg[3]
            inside = group(arg[3], number)
            if inside is not None:
                return inside
    return None


def edge(items: Any, side: int) -> int | None:
    """The number of the outermost group at the beginning (0) or end (-1) of the pattern."""
    while len(items):
        op, arg = items[side]
        if op is not sre.SUBPATTERN:
            return None
        if arg[0] is not None:
            return int(arg[0])
        items = arg[3]
    return None


def last_charset(items: Any, fold: bool) -> Charset:
    """What the last element could go on with: empty when it is a fixed character."""
    if not len(items):
        return frozenset()
    op, arg = items[-1]
    if op is sre.SUBPATTERN:
        return last_charset(arg[3], folds(arg, fold))
    if op is sre.BRANCH:
        return frozenset().union(*(last_charset(branch, fold) for branch in arg[1]))
    if op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
        found = every(arg[2], fold)
        return found if arg[0] else found | last_charset(items[:-1], fold)
    return frozenset() if op is sre.LITERAL else single(op, arg, fold) or frozenset()
