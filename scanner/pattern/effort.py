"""How much a pattern could cost at one place, whatever stands there.

A backtracking engine tries every way in which the parts of a pattern can share a text. `effort` bounds the number of
its steps from above. What makes it small are characters that end a part: where the next part begins with none of those
that a part holds, the text has one place only where the one can end and the other begin. Where they overlap, ways
multiply. All of this is arithmetic on the parse tree; no text is tried.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from math import prod
from re import _constants as sre  # type: ignore[attr-defined]
from typing import Any, Protocol

from scanner.pattern.tree import Charset, folds, single

ENDLESS = 10**12
"""Counts end here: nobody needs to know more."""

Follow = Charset | None
"""The characters one of which comes next; None for anything, or the end of the text."""

_BACK = 32
"""So many parts are looked back for what ended. Any number gives a true bound; this one makes long patterns quick."""

_STEPS = 2_000_000
"""So many steps are spent on telling the branches of an alternative apart, then all are taken to be alike."""

_END: Charset = frozenset([256])


def effort(items: Any) -> int:
    """The most steps (a character compared, a part begun or ended) that a match of `items` takes from one place on,
    `ENDLESS` for that many and more."""
    return _row(items, False).effort()


class _Part(Protocol):
    """One part. `first` and `held` are the characters that it can begin with and hold, `least` and `most` its widths,
    `empty` in how many ways it can match nothing, `idle` the most steps of one that cannot begin."""

    first: Charset
    held: Charset
    least: int
    most: int
    empty: int
    idle: int

    def ways(self, follow: Follow) -> int:
        """In how many ways it can match from one place on, empty ones aside, before one of the characters given."""

    def same(self) -> int:
        """In how many ways it can match one and the same text."""

    def effort(self) -> int:
        """The most steps of one that can begin."""


class _Run:
    """One character of a class, `low` to `high` times."""

    def __init__(self, chosen: Charset, low: int = 1, high: int = 1) -> None:
        self.first = self.held = chosen if high else frozenset()
        self.least, self.most = low, high
        self.empty = int(not low)
        self.idle = 1

    def ways(self, follow: Follow) -> int:
        if follow is not None and not self.held & follow:
            return 1
        return self.most - max(self.least, 1) + 1

    def same(self) -> int:
        return 1

    def effort(self) -> int:
        return self.most


class _Choice:
    """One of several rows."""

    def __init__(self, rows: Sequence[_Row]) -> None:
        self._rows = rows
        self.first: Charset = frozenset().union(*(row.first for row in rows))
        self.held: Charset = frozenset().union(*(row.held for row in rows))
        self.least, self.most = min(row.least for row in rows), max(row.most for row in rows)
        self.empty = sum(row.empty for row in rows)
        self.idle = 1 + sum(row.idle for row in rows)
        self.ways = cache(self._ways)
        self.same = cache(self._same)
        self.effort = cache(self._effort)

    def _ways(self, follow: Follow) -> int:
        return self._worst([row.ways(follow) for row in self._rows], follow)

    def _same(self) -> int:
        return self._worst([row.same() for row in self._rows], _END)

    def _effort(self) -> int:
        return min(ENDLESS, sum(row.effort() for row in self._rows))

    def _worst(self, counts: Sequence[int], follow: Follow) -> int:
        """The most ways of rows that can match at one place: most differ in their first characters."""
        if max(counts) == sum(counts):
            return sum(counts)
        leads = Leads()
        for row, count in zip(self._rows, counts, strict=True):
            leads.add(tuple(row.lead(follow)), count)
        return min(ENDLESS, leads.worst())


@dataclass(slots=True)
class _Fork:
    """Where beginnings part: the counts of all that come by here, and of those that end here. `single` when each way on
    from here is one character."""

    all: int = 0
    ended: int = 0
    single: bool = True
    ways: dict[Charset, _Fork] = field(default_factory=dict)


class Leads:
    """Beginnings of rows, each with a count, as a tree: most rows differ early, so few are compared with each other."""

    def __init__(self) -> None:
        self._different: dict[tuple[Charset, ...], None] = {}
        self._root = _Fork()

    def add(self, lead: tuple[Charset, ...], count: int) -> None:
        """One more row."""
        self._different[lead] = None
        fork = self._root
        fork.all += count
        for held in lead:
            fork.single &= len(held) == 1
            fork = fork.ways.setdefault(held, _Fork())
            fork.all += count
        fork.ended += count

    def worst(self) -> int:
        """The most that can begin at one place; all of them where it takes too long to tell."""
        most = steps = 0
        for lead in self._different:
            found = 0
            waiting = [(0, self._root)]
            while waiting:
                at, fork = waiting.pop()
                if at == len(lead):
                    found += fork.all
                    continue
                found += fork.ended
                held = lead[at]
                quick = fork.single and len(held) == 1
                steps += 1 if quick else len(fork.ways)
                if steps > _STEPS:
                    return self._root.all
                ways = [held] if quick else [way for way in fork.ways if way & held]
                waiting += [(at + 1, fork.ways[way]) for way in ways if way in fork.ways]
            most = max(most, found)
        return most


class _Rounds:
    """A row of several parts, or of one that is not a character, `low` to `high` times."""

    def __init__(self, row: _Row, low: int, high: int) -> None:
        self._row = row
        self._low, self._high = low, high
        self.first, self.held = (row.first, row.held) if high else (frozenset(), frozenset())
        self.least, self.most = row.least * low, row.most * high
        self.empty = 1 if not high else int(not low) + row.empty
        self.idle = 1 + row.idle
        self.ways = cache(self._ways)
        self.same = cache(self._same)
        self.effort = cache(self._effort)

    def _ways(self, follow: Follow) -> int:
        row, low, high = self._row, max(1, self._low), self._high
        if not row.least or not high:
            return _powers(row.ways(None), low, high)
        found = _powers(row.ways(row.first), low - 1, high - 1) * row.ways(follow)
        if follow is not None and not row.first & follow:  # what comes next says whether there is another round
            found = min(found, int(row.ways(row.first | follow) ** min(high, 40)))
        return min(ENDLESS, found)

    def _same(self) -> int:
        row, low, high = self._row, max(1, self._low), self._high
        if not row.least or not high:
            return _powers(row.ways(None), low, high) + self.empty
        if row.ways(None) == 1:
            return 1  # each round ends at one place only, so does each number of rounds
        again, last = row.ways(row.first), row.same()
        if row.counted():
            return min(ENDLESS, int(again ** min(high - 1, 40)) * last)
        return min(ENDLESS, _powers(again, low - 1, high - 1) * last)

    def _effort(self) -> int:
        again = self._row.ways(self._row.first if self._row.least else None)
        return min(ENDLESS, _powers(again, 0, self._high - 1) * self._row.effort())


class _Row:
    """Parts that follow each other."""

    def __init__(self, parts: Sequence[_Part]) -> None:
        self._parts = parts
        self.least, self.most = sum(part.least for part in parts), sum(part.most for part in parts)
        self.held: Charset = frozenset().union(*(part.held for part in parts))
        self.first = self._begins(0, frozenset()) or frozenset()
        self.empty = prod(part.empty for part in parts)
        self.idle = 1 + sum(part.idle * max(1, part.empty) for part in parts)
        self._free = [part.ways(None) for part in parts]
        self._to = cache(self._count_to)
        self._same = cache(self._count_same)
        self.effort = cache(self._effort)

    def ways(self, follow: Follow) -> int:
        """In how many ways the row can match from one place on, ends at different places included."""
        return self._to(0, len(self._parts), follow)

    def same(self) -> int:
        """In how many ways it can match one and the same text."""
        return self._same(0, len(self._parts))

    def counted(self) -> bool:
        """Whether a text of several rows shows how many they are: by its length, or by what they begin with."""
        if self.least == self.most:
            return True
        begins, *rest = self._parts
        return begins.most == begins.least == 1 and not any(begins.held & part.held for part in rest)

    def lead(self, follow: Follow) -> list[Charset]:
        """What characters of the row are known by their place, and what follows them."""
        found: list[Charset] = []
        for at, part in enumerate(self._parts):
            if isinstance(part, _Run) and part.least == part.most:
                found += [part.held] * part.most
                continue
            begins = self._begins(at, follow)
            return found if begins is None else [*found, begins]
        return found if follow is None else [*found, follow]

    def _begins(self, at: int, follow: Follow) -> Follow:
        """What the parts from that one on can begin with, and what follows them where they can be empty."""
        found: Charset = frozenset()
        for part in self._parts[at:]:
            found |= part.first
            if part.least:
                return found
        return None if follow is None else found | follow

    def _effort(self) -> int:
        total = come = 1  # `come`: how often a part is begun, whatever stands there
        for at, part in enumerate(self._parts):
            if total >= ENDLESS:
                return ENDLESS
            fits = self._to(0, at, part.first)
            total += come * part.idle + fits * part.effort()
            come = min(ENDLESS, fits * self._free[at] + come * part.empty)
        return min(ENDLESS, total + come)

    def _count_to(self, begin: int, end: int, follow: Follow) -> int:
        """In how many ways a match that began with the part `begin` can come to the part `end` where one of the
        characters `follow` stands."""
        if begin == end:
            return 1
        part = self._parts[end - 1]
        found = self._to(begin, end - 1, part.first) * part.ways(follow)
        if part.empty:
            found += self._to(begin, end - 1, follow) * part.empty
        held: Charset = frozenset()
        starts = follow
        for at in range(end - 1, max(begin, end - _BACK) - 1, -1):
            part = self._parts[at]
            held |= part.held
            if found <= 1 or follow is None or starts is None or held & follow:
                break
            starts = part.first | starts if part.empty else part.first
            found = min(found, self._to(begin, at, starts) * self._same(at, end))  # they end where another one follows
        return min(found, ENDLESS)

    def _count_same(self, begin: int, end: int) -> int:
        """In how many ways the parts from `begin` to `end` can match one and the same text: of those that vary in
        length, the others settle how long the last one is."""
        free = [self._free[at] + self._parts[at].empty for at in range(begin, end)]
        found = prod(free)
        for at in range(begin, end):
            part = self._parts[at]
            if free[at - begin] > 1:
                before = self._to(begin, at, None if part.empty else part.first)
                found = min(found, before * part.same() * prod(free[at - begin + 1 :]))
        return min(found, ENDLESS)


def _row(items: Any, fold: bool) -> _Row:
    return _Row(list(_parts(items, fold)))


def _parts(items: Any, fold: bool) -> Iterator[_Part]:
    """The parts of a tree, its groups dissolved."""
    for op, arg in items:
        chosen = single(op, arg, fold)
        if chosen is not None:
            yield _Run(chosen)
        elif op is sre.SUBPATTERN:
            yield from _parts(arg[3], folds(arg, fold))
        elif op is sre.BRANCH:
            yield _Choice([_row(branch, fold) for branch in arg[1]])
        else:
            low, high, inner = arg
            chosen = single(inner[0][0], inner[0][1], fold) if len(inner) == 1 else None
            yield _Rounds(_row(inner, fold), low, int(high)) if chosen is None else _Run(chosen, low, int(high))


def _powers(base: int, low: int, high: int) -> int:
    """The sum of the powers of `base` from `low` to `high`."""
    if base <= 1:
        return base * (high - low + 1)
    found = 0
    for exponent in range(low, min(high, low + 40) + 1):
        found += base**exponent
    return min(ENDLESS, found)


__all__ = ["ENDLESS", "Leads", "effort"]
