"""Where in a match a keyword can stand: what makes a prefilter's hit cheap to confirm."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import takewhile
from re import _constants as sre  # type: ignore[attr-defined]
from typing import Any

from scanner.pattern.tree import charset, first, width

_FEW = 3
_MANY_PLACES = 6
_MANY_TEXTS = 512
_MANY_CHARACTERS = 64

Place = tuple[int, int]
"""The least and the most bytes after the beginning of a match."""

_Text = tuple[bytes, bool]
"""What a match can begin with, and whether more is known of it."""

_Items = list[tuple[Any, Any]]
_Places = dict[bytes, set[Place]]


def keyword_places(tree: Any, keywords: Sequence[bytes]) -> dict[bytes, list[Place]] | None:
    """How many bytes after the beginning of a match each keyword can stand; None when the pattern's fixed characters do
    not show that every match has a keyword.

    Every match has one of the keywords at one of its places. Equal numbers mean a fixed place: the fastest kind.
    Keywords are compared without case.
    """
    cover = _cover(tree, keywords)
    if cover is None:
        return None
    return {keyword: _few(cover.get(keyword.lower(), set())) for keyword in keywords}


def _few(places: set[Place]) -> list[Place]:
    """The places in order, many of them made one. A keyword that no match needs is looked for at the beginning."""
    if len(places) > _MANY_PLACES:
        return [(min(low for low, _ in places), max(high for _, high in places))]
    apart: list[Place] = []
    for low, high in sorted(places):
        if apart and low <= apart[-1][1]:
            apart[-1] = apart[-1][0], max(high, apart[-1][1])
        else:
            apart.append((low, high))
    return apart or [(0, 0)]


def _cover(tree: Any, keywords: Sequence[bytes]) -> _Places | None:
    """Places of the keywords such that every match has one of them there: of several such choices that with the
    narrowest places. None when no part of the pattern must hold a keyword."""
    lowered = sorted({keyword.lower() for keyword in keywords})
    best: tuple[tuple[int, int, int], _Places] | None = None
    for found in _choices(_opened(tree), [], 0, 0, lowered):
        spans = [high - low for places in found.values() for low, high in places]
        price = max(spans), sum(spans), len(spans)
        if best is None or price < best[0]:
            best = price, found
        if price[0] == 0:
            break
    return best and best[1]


def _choices(items: _Items, rest: _Items, low: int, high: int, keywords: Sequence[bytes]) -> Iterator[_Places]:
    """Choices of places, each enough by itself, for keywords that begin in `items`, which stand `low` to `high` bytes
    after the beginning of a match, before `rest`."""
    wanted = frozenset(keyword[0] for keyword in keywords)
    for at, (op, arg) in enumerate(items):
        behind = items[at + 1 :] + rest
        begins = high == 0 or not wanted.isdisjoint(first([(op, arg)], True))
        texts = _begun([(op, arg), *behind], keywords) if begins else None
        if texts is not None:
            yield {word: {(low + spot, high + spot) for spot in spots} for word, spots in texts.items()}
        elif op is sre.BRANCH:
            yield from _every(arg[1], behind, low, high, keywords)
        elif op in (sre.MAX_REPEAT, sre.MIN_REPEAT) and arg[0]:
            yield from _choices(_opened(arg[2]), [], low, high, keywords)
        least, most = width([(op, arg)])
        low, high = low + least, high + most


def _every(branches: Any, behind: _Items, low: int, high: int, keywords: Sequence[bytes]) -> Iterator[_Places]:
    """The narrowest choice of every branch together; nothing when one of them has none."""
    together: _Places = {}
    for branch in branches:
        chosen = min(_choices(_opened(branch), behind, low, high, keywords), key=_widest, default=None)
        if chosen is None:
            return
        for word, places in chosen.items():
            together.setdefault(word, set()).update(places)
    yield together


def _widest(found: _Places) -> int:
    return max(high - low for places in found.values() for low, high in places)


def _opened(items: Any) -> _Items:
    """The items with those of groups in the place of the groups."""
    opened: _Items = []
    for op, arg in items:
        opened += _opened(arg[3]) if op is sre.SUBPATTERN else [(op, arg)]
    return opened


def _begun(items: _Items, keywords: Sequence[bytes]) -> dict[bytes, set[int]] | None:
    """Where in the texts that `items` can begin with keywords stand, one in each text; None when one has none."""
    run = bytes([arg for _, arg in takewhile(lambda item: item[0] is sre.LITERAL, items)]).lower()
    sure = [(run.find(keyword), keyword) for keyword in keywords if keyword in run]
    if sure:
        at, keyword = min(sure)
        return {keyword: {at}}
    found: dict[bytes, set[int]] = {}
    for text, _ in _expand(items, [(b"", True)], keywords):
        spots = [(text.find(keyword), keyword) for keyword in keywords if keyword in text]
        if not spots:
            return None
        at, keyword = min(spots)
        found.setdefault(keyword, set()).add(at)
    return found


def _expand(items: Any, texts: list[_Text], keywords: Sequence[bytes]) -> list[_Text]:
    """Continues each open text by `items`, in lower case; a text closes where the pattern stops being enumerable."""
    for op, arg in items:
        if op is sre.LITERAL:
            texts = _longer(texts, [bytes([arg]).lower()], keywords)
        elif op is sre.IN and len(characters := charset(arg, False)) <= _MANY_CHARACTERS:
            texts = _longer(texts, sorted({bytes([value]).lower() for value in characters}), keywords)
        elif op is sre.SUBPATTERN:
            texts = _expand(arg[3], texts, keywords)
        elif op is sre.BRANCH:
            closed, opened = _sorted_out(texts)
            texts = closed + [item for branch in arg[1] for item in _expand(branch, opened, keywords)]
        elif op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            least, most, inner = arg
            for _ in range(min(least, _MANY_CHARACTERS)):
                texts = _expand(inner, texts, keywords)
                if not any(is_open for _, is_open in texts):
                    break
            if most - least > _FEW or least > _MANY_CHARACTERS:
                return [(text, False) for text, _ in texts]
            closed, opened = _sorted_out(texts)
            for _ in range(least, most):
                closed += opened
                opened = _expand(inner, opened, keywords)
            texts = closed + opened
        else:
            return [(text, False) for text, _ in texts]
        if not any(is_open for _, is_open in texts):
            break
    return texts


def _longer(texts: list[_Text], step: list[bytes], keywords: Sequence[bytes]) -> list[_Text]:
    """The open texts with each of these behind them; those that hold a keyword close when they become too many."""
    closed, opened = _sorted_out(texts)
    if len(closed) + len(opened) * len(step) > _MANY_TEXTS:
        done = [item for item in opened if any(keyword in item[0] for keyword in keywords)]
        closed += [(text, False) for text, _ in done]
        opened = [item for item in opened if item not in done]
    if len(closed) + len(opened) * len(step) > _MANY_TEXTS:
        return closed + [(text, False) for text, _ in opened]
    return closed + [(text + more, True) for text, _ in opened for more in step]


def _sorted_out(texts: list[_Text]) -> tuple[list[_Text], list[_Text]]:
    return [item for item in texts if not item[1]], [item for item in texts if item[1]]


__all__ = ["keyword_places"]
