"""The pattern language: a part of Python's `re` over bytes, of bounded cost on every input.

No look-around, no back-reference, no anchor, no unbounded repeat, and no parts that can share a text in so many ways
that a backtracking engine would try them for ever.
"""

from __future__ import annotations

from re import _constants as sre  # type: ignore[attr-defined]
from typing import Any

from scanner.pattern.effort import effort
from scanner.pattern.tree import PatternError, folds, single, width

MAX_WIDTH = 16 * 1024
"""The longest match a pattern may have, in bytes."""

MAX_EFFORT = 30_000_000
"""The most steps that a pattern may take at one place, whatever stands there: what the longest keys need, the values
of a Kubernetes Secret behind some 30 lines and a PGP block behind 500 bytes of headers. Tenths of a second at worst."""


def check(items: Any) -> None:
    """Refuses what is outside the language. Raises `PatternError` with the reason."""
    _check(items, False)
    most = width(items)[1]
    if most > MAX_WIDTH:
        raise PatternError(f"it may match {most} bytes, more than {MAX_WIDTH}: give repeats smaller largest counts")
    try:
        steps = effort(items)
    except RecursionError as error:
        raise PatternError("it nests too deeply, or has too many parts") from error
    if steps > MAX_EFFORT:
        raise PatternError(
            "its repeats can share what they match in several ways, so many that it could take for ever: put a "
            "character between them that the repeat before it cannot hold, or give them smaller largest counts"
        )


def _check(items: Any, fold: bool) -> None:
    for op, arg in items:
        if single(op, arg, fold) is not None:
            continue
        if op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            if arg[1] is sre.MAXREPEAT:
                raise PatternError("an unbounded repeat (*, + or {n,}) is not allowed: give a largest count")
            _check(arg[2], fold)
        elif op is sre.SUBPATTERN:
            _check(arg[3], folds(arg, fold))
        elif op is sre.BRANCH:
            for branch in arg[1]:
                _check(branch, fold)
        elif op in (sre.ASSERT, sre.ASSERT_NOT):
            raise PatternError("look-ahead and look-behind are not allowed; boundaries are added for you")
        elif op is sre.AT:
            raise PatternError("anchors (^, $, \\b) are not allowed; boundaries are added for you")
        else:
            raise PatternError(f"not supported in a pattern: {str(op).lower()}")
