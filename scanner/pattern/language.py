"""The pattern language: a part of Python's `re` over bytes, of bounded cost on every input.

No look-around, no back-reference, no anchor, no unbounded repeat, and no repeat that could be read in two ways (which
is what makes a backtracking engine explode).
"""

from __future__ import annotations

from re import _constants as sre  # type: ignore[attr-defined]
from typing import Any

from scanner.pattern.tree import Charset, PatternError, every, first, folds, single, varying, width


def check(items: Any, fold: bool) -> None:
    """Refuses what is outside the language."""
    for op, arg in items:
        if single(op, arg, fold) is not None:
            continue
        if op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            _check_repeat(arg, fold)
        elif op is sre.SUBPATTERN:
            check(arg[3], folds(arg, fold))
        elif op is sre.BRANCH:
            for branch in arg[1]:
                check(branch, fold)
        elif op in (sre.ASSERT, sre.ASSERT_NOT):
            raise PatternError("look-ahead and look-behind are not allowed; boundaries are added for you")
        elif op is sre.AT:
            raise PatternError("anchors (^, $, \\b) are not allowed; boundaries are added for you")
        else:
            raise PatternError(f"not supported in a pattern: {str(op).lower()}")


def _check_repeat(arg: Any, fold: bool) -> None:
    _, high, inner = arg
    if high is sre.MAXREPEAT:
        raise PatternError("an unbounded repeat (*, + or {n,}) is not allowed: give a largest count")
    check(inner, fold)
    if high > 1 and not _unambiguous(inner, fold):
        raise PatternError(
            "a repeat of something that itself varies can be read in several ways and could take for ever: "
            "let the repeated part begin or end with a character that cannot occur in the rest of it"
        )


def _unambiguous(items: Any, fold: bool) -> bool:
    """Whether repeating `items` can be read in one way only, as far as a simple look can tell."""
    if len(items) == 1:
        op, arg = items[0]
        if single(op, arg, fold) is not None:
            return True
        if op is sre.SUBPATTERN:
            return _unambiguous(arg[3], folds(arg, fold))
        if op is sre.BRANCH:
            return _disjoint_branches(arg[1], fold)
    least, most = width(items)
    if least == most:
        return True
    if least == 0 or not _apart(items, fold):
        return False
    free = varying(items, fold)
    op, arg = items[-1]
    last = single(op, arg, fold)
    return not first(items, fold) & free or (last is not None and not last & free)


def _apart(items: Any, fold: bool) -> bool:
    """Whether no two parts of varying length can share what they match: else each round could be split in several ways,
    and the ways of all rounds multiply. Something between them that the first cannot hold keeps them apart."""
    seen: Charset = frozenset()
    for item in items:
        if width([item])[0] and not every([item], fold) & seen:
            seen = frozenset()
        free = varying([item], fold)
        if free & seen:
            return False
        seen |= free
    return True


def _disjoint_branches(branches: Any, fold: bool) -> bool:
    seen: Charset = frozenset()
    for branch in branches:
        least, most = width(branch)
        begins = first(branch, fold)
        if least == 0 or begins & seen or (least != most and not _unambiguous(branch, fold)):
            return False
        seen |= begins
    return True
