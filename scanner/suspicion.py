"""What in some bytes could be a key, whatever the path they turn out to have: what the sieve asks of its finds.

Says too much, never too little: rules for certain files look everywhere, and a value that points decide on is judged
for every place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property

from scanner import decode
from scanner.models import BREAKS, NEAR, Suspect
from scanner.prefilter.interface import Prefilter
from scanner.probe import Probe, Windows
from scanner.rule import Keyword, Rule, RuleSet
from scanner.tables import Tables, any_of

DEPTH = 3
"""How many encodings around a key are taken off."""

_SHORT = 256
"""A key in a longer encoded stretch, or one of several lines, is taken to stay in all that follows: it may, though the
stretch changes far from it."""

EDGE = 64
"""A keyword may reach over the edge of a window by so many bytes."""


class Suspicion:
    """The rules that findings are reported of, without their paths."""

    def __init__(self, rules: RuleSet, tables: Tables, prefilter: Prefilter) -> None:
        self._rules, self._tables, self._prefilter = rules, tables, prefilter

    @cached_property
    def wanted(self) -> Sequence[Rule]:
        """The rules that findings are reported of, save those for certain files only: see `reads`."""
        apart = {rule.id for rule in self._apart}
        return [rule for rule in self._selected if not rule.whole and rule.id not in apart]

    @cached_property
    def reaches(self) -> dict[str, int]:
        """How far the rules look that look farther than `NEAR` bytes, or `BREAKS` lines."""
        return {rule.id: self._far[rule.id] for rule in self.wanted if rule.id in self._far}

    def reads(self, path: str) -> bool:
        """Whether content of that path is not for looking at here: rules for whole files, or rules that look far and at
        such files only (and would often look in vain), look at it."""
        names, paths = self._apart_globs
        name = path.rsplit("/", 1)[-1]
        return bool(names.match(name) or paths.match(path) or self._tables.whole(path))

    @cached_property
    def _selected(self) -> Sequence[Rule]:
        return [rule for rule in self._rules if rule.id in self._rules.selected]

    @cached_property
    def _far(self) -> dict[str, int]:
        owners = [owner for one in self._tables.far.values() for owner in one.owners]
        far = {rule.id: NEAR for rule in self._selected if rule.breaks > BREAKS}
        return far | {probe.rule.id: probe.reach for probe, _ in owners}

    @cached_property
    def _apart(self) -> Sequence[Rule]:
        return [rule for rule in self._selected if rule.files and not rule.whole and rule.id in self._far]

    @cached_property
    def _apart_globs(self) -> tuple[re.Pattern[str], re.Pattern[str]]:
        globs = {glob for rule in self._apart for glob in rule.files}
        return any_of(glob for glob in globs if "/" not in glob), any_of(glob for glob in globs if "/" in glob)

    def suspects(
        self, data: bytes, start: int, end: int, rules: frozenset[str], far: frozenset[str]
    ) -> Iterator[Suspect]:
        """What could be keys of these rules (their ids) and touches data[start:end], whatever the path; of those in
        `far`, also what has its keyword farther away."""
        seen: set[tuple[str, int, int]] = set()
        known: Windows = {}
        for probe, keyword, at in self._places_of(data, start, end, rules, far):
            if not probe.worth(data, keyword, at):
                continue
            for one in probe.attempts(data, keyword, at, known):
                place = probe.rule.id, one.start, one.end
                if place not in seen and one.end > start and one.start < end:
                    seen.add(place)
                    where = probe.places(data, one)
                    if where:
                        yield Suspect(data[one.start : one.end], probe.rule.id, where)

    def _places_of(
        self, data: bytes, start: int, end: int, rules: frozenset[str], far: frozenset[str]
    ) -> Iterator[tuple[Probe, Keyword, int]]:
        owners, distant = self._tables.of(rules | far)
        margin = NEAR if far else EDGE
        for number, at in self._prefilter.hits(data, max(0, start - margin), min(len(data), end + margin)):
            if number in owners:
                for probe, keyword in owners[number]:
                    yield probe, keyword, at
        for one in distant if far else ():
            yield from one.places(data, start - one.behind, start)
            yield from one.places(data, end, end + one.before)

    def disguised(self, data: bytes, start: int, end: int) -> Iterator[Suspect]:
        """What could be keys in encoded text that touches data[start:end], whatever the path."""
        for view in decode.views(data, max(0, start - EDGE), min(len(data), end + EDGE)):
            for rule_id, begin, stop, where in self._unwrapped(view, 1):
                first, last = view.span(begin, stop)
                text = data[first:last]
                yield Suspect(text if len(text) <= _SHORT and b"\n" not in text else b"", rule_id, where)

    def _unwrapped(self, view: decode.View, depth: int) -> Iterator[tuple[str, int, int, int]]:
        data = view.data
        known: Windows = {}
        owners = self._tables.at(None)[0]
        for number, at in self._prefilter.hits(data, 0, len(data)):
            for probe, keyword in owners[number]:
                for one in probe.attempts(data, keyword, at, known) if probe.worth(data, keyword, at) else ():
                    where = probe.places(data, one)
                    if where:
                        yield probe.rule.id, one.start, one.end, where
        if depth < DEPTH:
            for inner in decode.views(data, 0, len(data)):
                for rule_id, begin, stop, where in self._unwrapped(inner, depth + 1):
                    yield rule_id, *inner.span(begin, stop), where


__all__ = ["DEPTH", "EDGE", "Suspicion"]
