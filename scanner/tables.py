"""Which rules have to be asked where: by keyword, and by the path of the content."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from fnmatch import translate
from functools import cached_property

from scanner.models import NEAR
from scanner.probe import AROUND, Probe
from scanner.rule import Keyword, Rule, RuleSet

Hits = Callable[[bytes, int, int], Iterable[tuple[int, int]]]
"""Which keywords stand where in a stretch of data, by number; see `Prefilter`."""

Owners = tuple[tuple[Probe, Keyword], ...]
"""The rules that a keyword belongs to, and its places in each."""


class Far:
    """A keyword of far-reaching rules: how many bytes behind and before it they look at."""

    __slots__ = ("before", "behind", "owners", "text")

    def __init__(self, text: bytes, owners: Owners) -> None:
        self.text, self.owners = text, owners
        self.behind = max(probe.rule.most - keyword.low for probe, keyword in owners) + AROUND
        self.before = max(keyword.high for _, keyword in owners) + AROUND

    def places(self, data: bytes, first: int, last: int) -> Iterator[tuple[Probe, Keyword, int]]:
        """Where the keyword stands in data[first:last]."""
        base = max(0, first)
        part = data[base : max(base, last)].lower()
        at = part.find(self.text)
        while at >= 0:
            for probe, keyword in self.owners:
                yield probe, keyword, base + at
            at = part.find(self.text, at + 1)


def distant(
    chosen: Mapping[int, Far], hits: Hits, data: bytes, window: tuple[int, int], seen: tuple[int, int]
) -> Iterator[tuple[Probe, Keyword, int]]:
    """Where keywords of far-reaching rules stand outside of data[seen], near enough to data[window] for their rules.
    Few are looked for one by one, many by the prefilter."""
    (start, end), (low, high) = window, seen
    if len(chosen) <= _FEW:
        for _, one in sorted(chosen.items()):
            yield from one.places(data, start - one.behind, low + len(one.text) - 1)
            if one.before > NEAR:
                yield from one.places(data, high - len(one.text) + 1, end + one.before)
        return
    longest = max(len(one.text) for one in chosen.values())
    first = max(0, start - max(one.behind for one in chosen.values()))
    for number, at in hits(data, first, min(len(data), low + longest)) if low > 0 else ():
        one_there = chosen.get(number)
        if one_there is not None and start - one_there.behind <= at < low:
            yield from ((probe, keyword, at) for probe, keyword in one_there.owners)
    last = min(len(data), end + max(one.before for one in chosen.values()))
    for number, at in hits(data, max(0, high - longest), last) if high < len(data) else ():
        one_there = chosen.get(number)
        if one_there is None or one_there.before <= NEAR:
            continue
        if at > high - len(one_there.text) and at + len(one_there.text) <= end + one_there.before:
            yield from ((probe, keyword, at) for probe, keyword in one_there.owners)


_FEW = 6

Table = tuple[tuple[Owners, ...], dict[int, Far]]
"""For each keyword its owners, and the far-reaching keywords by number."""


class Tables:
    """The rules by keyword, and, for each path, those of them that look at files of that path."""

    def __init__(self, rules: RuleSet) -> None:
        self._rules = rules
        self._known: dict[frozenset[str], Table] = {}
        self._chosen: dict[frozenset[str], tuple[dict[int, Owners], list[Far]]] = {}
        self._here: tuple[str | None, Table | None] = ("", None)

    @cached_property
    def keywords(self) -> tuple[tuple[bytes, Owners], ...]:
        """Each distinct keyword, with the rules it belongs to. Its place in here is its number."""
        table: dict[bytes, list[tuple[Probe, Keyword]]] = {}
        for probe in map(Probe, self._rules):
            for keyword in probe.rule.keywords:
                table.setdefault(keyword.text.encode(), []).append((probe, keyword))
        return tuple((text, tuple(owners)) for text, owners in sorted(table.items()))

    @cached_property
    def far(self) -> dict[int, Far]:
        """Keywords of rules that reach farther than NEAR, by number."""
        return {
            number: Far(text, owners)
            for number, (text, all_owners) in enumerate(self.keywords)
            if (owners := tuple(owner for owner in all_owners if owner[0].reach > NEAR))
        }

    def of(self, rules: frozenset[str]) -> tuple[dict[int, Owners], list[Far]]:
        """The keywords of these rules with their owners among them, and the far-reaching keywords of these rules."""
        found = self._chosen.get(rules)
        if found is None:
            if len(self._chosen) > _REMEMBERED:
                self._chosen.clear()
            numbers = {number for rule_id in rules for number in self._numbers.get(rule_id, ())}
            owned = {number: _among(self.keywords[number][1], rules) for number in numbers}
            far = [self.far[number] for number in sorted(numbers & self.far.keys())]
            found = self._chosen[rules] = (
                owned,
                [Far(one.text, here) for one in far if (here := _among(one.owners, rules))],
            )
        return found

    @cached_property
    def _numbers(self) -> dict[str, list[int]]:
        """The numbers of each rule's keywords."""
        found: dict[str, list[int]] = {}
        for number, (_, owners) in enumerate(self.keywords):
            for rule_id in {probe.rule.id for probe, _ in owners}:
                found.setdefault(rule_id, []).append(number)
        return found

    def at(self, path: str | None) -> Table:
        """What looks at files of that path; without a path, every rule. Neighbouring chunks are mostly of one path."""
        here = self._here[1]
        if here is None or self._here[0] != path:
            here = self._table(self._elsewhere(path))
            self._here = path, here
        return here

    def whole(self, path: str | None) -> tuple[Probe, ...]:
        """The rules for whole small files that look at files of that path."""
        if not path or not (self._whole_names.match(path.rsplit("/", 1)[-1]) or self._whole_paths.match(path)):
            return ()
        return tuple(probe for probe in self._whole if probe.rule.applies_to(path))

    @cached_property
    def _whole(self) -> tuple[Probe, ...]:
        return tuple(Probe(rule) for rule in self._rules if rule.whole)

    @cached_property
    def _whole_names(self) -> re.Pattern[str]:
        return any_of({glob for probe in self._whole for glob in probe.rule.files if "/" not in glob})

    @cached_property
    def _whole_paths(self) -> re.Pattern[str]:
        return any_of({glob for probe in self._whole for glob in probe.rule.files if "/" in glob})

    def _table(self, elsewhere: frozenset[str]) -> Table:
        if elsewhere not in self._known:
            owners = [owners for _, owners in self.keywords]
            for number in self._limited:
                owners[number] = _without(owners[number], elsewhere)
            far = {
                number: Far(one.text, here)
                for number, one in self.far.items()
                if (here := _without(one.owners, elsewhere))
            }
            self._known[elsewhere] = tuple(owners), far
        return self._known[elsewhere]

    @cached_property
    def _limited(self) -> tuple[int, ...]:
        """The keywords of rules that look at certain files only."""
        return tuple(
            number
            for number, (_, owners) in enumerate(self.keywords)
            if any(probe.rule.files for probe, _ in owners)
        )

    def _elsewhere(self, path: str | None) -> frozenset[str]:
        """The rules that do not look at files of that path."""
        if path is None:
            return frozenset()
        globs = self._globs
        name = path.rsplit("/", 1)[-1]
        here = set(globs.names.get(name, ()))
        dot = name.find(".")
        while dot >= 0:
            here.update(globs.endings.get(name[dot:], ()))
            dot = name.find(".", dot + 1)
        if globs.any_name.match(name) or globs.any_path.match(path):
            here.update(rule_id for rule_id in globs.others if self._rules.by_id[rule_id].applies_to(path))
        return globs.rules - here if here else globs.rules

    @cached_property
    def _globs(self) -> _Globs:
        return _Globs([rule for rule in self._rules if rule.files])


class _Globs:
    """The globs of rules that look at certain files only, so that most files, which are none of any rule's, cost a look
    or two: whole names, endings (`*.tfstate`), and as one expression each what is left of names and of paths."""

    def __init__(self, limited: Iterable[Rule]) -> None:
        self.names: dict[str, set[str]] = {}
        self.endings: dict[str, set[str]] = {}
        names: set[str] = set()
        paths: set[str] = set()
        rules: set[str] = set()
        others: set[str] = set()
        for rule in limited:
            rules.add(rule.id)
            for glob in rule.files:
                if "/" not in glob and not _WILD.search(glob):
                    self.names.setdefault(glob, set()).add(rule.id)
                elif glob.startswith("*.") and not _WILD.search(glob[1:]) and "/" not in glob:
                    self.endings.setdefault(glob[1:], set()).add(rule.id)
                else:
                    (paths if "/" in glob else names).add(glob)
                    others.add(rule.id)
        self.rules, self.others = frozenset(rules), tuple(sorted(others))
        self.any_name, self.any_path = any_of(names), any_of(paths)


_WILD = re.compile(r"[*?\[]")


def any_of(globs: Iterable[str]) -> re.Pattern[str]:
    """All globs as one expression; one that fits nothing where there are none."""
    return re.compile("|".join(map(translate, sorted(globs))) or r"(?!)")


_REMEMBERED = 4096  # sets of rules: mostly they are few


def _among(owners: Owners, rules: frozenset[str]) -> Owners:
    return tuple(owner for owner in owners if owner[0].rule.id in rules)


def _without(owners: Owners, elsewhere: frozenset[str]) -> Owners:
    return tuple(owner for owner in owners if owner[0].rule.id not in elsewhere)
