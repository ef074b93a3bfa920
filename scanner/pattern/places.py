"""Where in a match a keyword can stand: what makes a prefilter's hit cheap to confirm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from re import _constants as sre  # type: ignore[attr-defined]
from typing import Any

from scanner.pattern.tree import charset, folds, width

_MANY_PLACES = 6
_MANY_PREFIXES = 512


@dataclass(frozen=True, slots=True)
class Literal:
    """A run of fixed characters at the pattern's top level, `low`–`high` bytes after its beginning."""

    text: bytes
    low: int
    high: int


def keyword_places(tree: Any, most: int, keywords: Sequence[bytes]) -> dict[bytes, list[tuple[int, int]]]:
    """How many bytes after the beginning of a match, which has `most` bytes at most, each keyword can stand: pairs of
    (least, most).

    Every match has one of the keywords at one of its places. Equal numbers mean a fixed place: the fastest kind.
    Keywords are compared without case.
    """
    fixed = _fixed_places(_prefixes(tree), keywords)
    if fixed is not None:
        return {keyword: [(at, at) for at in sorted(places)] for keyword, places in fixed.items()}
    places: dict[bytes, list[tuple[int, int]]] = {}
    for keyword in keywords:
        spots = [
            (literal.low + at, literal.high + at)
            for literal in _literals(tree)
            for at in _occurrences(literal.text.lower(), keyword.lower())
        ]
        places[keyword] = spots if len(spots) == 1 and len(keywords) == 1 else [(0, most)]
    return places


def certain(tree: Any, keywords: Sequence[bytes]) -> bool:
    """Whether a pattern's fixed characters alone show that every match has one of the keywords; False says nothing."""
    if _fixed_places(_prefixes(tree), keywords) is not None:
        return True
    lowered = [keyword.lower() for keyword in keywords]
    return any(keyword in literal.text.lower() for literal in _literals(tree) for keyword in lowered)


def _occurrences(text: bytes, wanted: bytes) -> list[int]:
    return [at for at in range(len(text) - len(wanted) + 1) if text.startswith(wanted, at)]


def _fixed_places(prefixes: Sequence[bytes], keywords: Sequence[bytes]) -> dict[bytes, set[int]] | None:
    """Places for each keyword such that every prefix has a keyword at one of them, or None."""
    fixed: dict[bytes, set[int]] = {keyword: set() for keyword in keywords}
    for prefix in {prefix.lower() for prefix in prefixes}:
        spots = [(prefix.find(keyword.lower()), keyword) for keyword in keywords if keyword.lower() in prefix]
        if not spots:
            return None
        at, keyword = min(spots)
        fixed[keyword].add(at)
    if max(map(len, fixed.values())) > _MANY_PLACES:
        return None
    return {keyword: spots or {0} for keyword, spots in fixed.items()}


def _prefixes(tree: Any) -> list[bytes]:
    """All texts a match can begin with, as far as fixed characters, small classes and alternatives go."""
    return [text for text, _ in _expand(tree, [(b"", True)], False)]


def _expand(items: Any, texts: list[tuple[bytes, bool]], fold: bool) -> list[tuple[bytes, bool]]:
    """Continues each open text by `items`; a text closes where the pattern stops being enumerable."""
    for op, arg in items:
        if op is sre.LITERAL:
            step = [bytes([arg])]
        elif op is sre.IN and len(characters := charset(arg, False)) <= 8:
            step = [bytes([value]) for value in sorted(characters)]
        elif op is sre.SUBPATTERN:
            texts = _expand(arg[3], texts, folds(arg, fold))
            continue
        elif op in (sre.MAX_REPEAT, sre.MIN_REPEAT) and arg[:2] == (0, 1):
            texts = [*(item for item in texts if item[1]), *_expand(arg[2], texts, fold)]
            continue
        elif op is sre.BRANCH:
            closed = [item for item in texts if not item[1]]
            opened = [item for item in texts if item[1]]
            texts = closed + [item for branch in arg[1] for item in _expand(branch, opened, fold)]
            continue
        else:
            return [(text, False) for text, _ in texts]
        if len(texts) * len(step) > _MANY_PREFIXES:
            return [(text, False) for text, _ in texts]
        texts = [(text + more, True) for text, is_open in texts if is_open for more in step] + [
            item for item in texts if not item[1]
        ]
    return texts


def _literals(items: Any) -> list[Literal]:
    """Runs of fixed bytes at the top level (groups opened), with their distance from the beginning."""
    runs: list[Literal] = []
    run = bytearray()
    low = high = 0

    def close() -> None:
        if run:
            runs.append(Literal(bytes(run), low - len(run), high - len(run)))
            run.clear()

    def walk(part: Any) -> None:
        nonlocal low, high
        for op, arg in part:
            if op is sre.LITERAL:
                run.append(arg)
                low, high = low + 1, high + 1
            elif op is sre.SUBPATTERN:
                walk(arg[3])
            else:
                close()
                least, most = width([(op, arg)])
                low, high = low + least, high + most

    walk(items)
    close()
    return runs
