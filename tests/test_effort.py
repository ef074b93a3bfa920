"""What a pattern may cost at one place: steps are counted by a matcher of our own, never timed."""

from __future__ import annotations

import re
from collections.abc import Callable
from re import _constants as sre  # type: ignore[attr-defined]
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner import pattern
from scanner.errors import RuleError
from scanner.pattern import language
from scanner.pattern.effort import ENDLESS, Leads, effort
from scanner.pattern.tree import Charset, folds, single
from scanner.rule import RuleSet
from scanner.rule_file import read_rules

ENOUGH = 40_000


class TooMuchError(Exception):
    """More steps than a test waits for."""


class Backtracker:
    """Matches as `re` does, one try after the other, and counts its steps."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.steps = 0

    def first(self, items: Any) -> int | None:
        """Where the first match from the beginning ends."""
        ends: list[int] = []

        def enough(end: int) -> bool:
            ends.append(end)
            return True

        self.row(list(items), False, 0, enough)
        return ends[0] if ends else None

    def all(self, items: Any) -> int:
        """The steps of a match that is never good enough."""
        self.row(list(items), False, 0, lambda _: False)
        return self.steps

    def row(self, items: list[Any], fold: bool, at: int, then: Callable[[int], bool]) -> bool:
        self.steps += 1
        if self.steps > ENOUGH:
            raise TooMuchError
        if not items:
            return then(at)
        (op, arg), rest = items[0], items[1:]
        chosen = single(op, arg, fold)
        if chosen is not None:
            return at < len(self.text) and self.text[at] in chosen and self.row(rest, fold, at + 1, then)
        if op is sre.SUBPATTERN:
            return self.row(list(arg[3]), folds(arg, fold), at, lambda end: self.row(rest, fold, end, then))
        if op is sre.BRANCH:
            return any(self.row(list(one), fold, at, lambda end: self.row(rest, fold, end, then)) for one in arg[1])
        about = (op is sre.MIN_REPEAT, arg[0], arg[1], list(arg[2]), fold)
        return self.rounds(about, 0, at, lambda end: self.row(rest, fold, end, then))

    def rounds(self, about: Any, done: int, at: int, then: Callable[[int], bool]) -> bool:
        lazy, low, high, inner, fold = about

        def another() -> bool:
            if done >= high:
                return False
            return self.row(inner, fold, at, lambda end: self.rounds(about, done + 1, end, then))

        def enough() -> bool:
            return done >= low and then(at)

        return (enough() or another()) if lazy else (another() or enough())


characters = st.sampled_from(["a", "b", "-", "[ab]", "[a-]", "[ab-]", "[^b]"])
counts = st.tuples(st.integers(0, 3), st.integers(0, 4)).map(lambda two: f"{{{two[0]},{two[0] + two[1]}}}")
runs = st.builds("{}{}{}".format, characters, counts, st.sampled_from(["", "", "?"]))


def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    rows = st.lists(inner, min_size=1, max_size=4).map("".join)
    choices = st.lists(rows, min_size=1, max_size=3).map("|".join).map("(?:{})".format)
    return rows | choices | st.builds("{}{}".format, choices, counts) | choices.map("{}?".format)


expressions = st.recursive(characters | runs, larger, max_leaves=9)


@given(expressions, st.lists(st.sampled_from([b"a", b"b", b"-", b"ab", b"aa"]), max_size=14).map(b"".join))
def test_no_text_takes_more_steps_than_a_pattern_says(expression: str, text: bytes) -> None:
    tree = pattern.parse(expression)
    known = effort(tree)
    assert known > 0
    counter = Backtracker(text)
    try:
        taken = counter.all(tree)
    except TooMuchError:
        assert known > ENOUGH / 3
        return
    # a step of ours is a part begun; `effort` counts characters and parts, which is a third of that at least
    assert taken <= 3 * known + 3, (expression, text)


@given(expressions, st.lists(st.sampled_from([b"a", b"b", b"-"]), max_size=10).map(b"".join))
def test_the_counting_matcher_matches_as_re_does(expression: str, text: bytes) -> None:
    found = re.match(expression.encode(), text)
    try:
        assert Backtracker(text).first(pattern.parse(expression)) == (found.end() if found else None)
    except TooMuchError:
        assert effort(pattern.parse(expression)) > ENOUGH / 3


ENDS = {
    "apart by a fixed character": r"acme_[a-z]{1,60}-[a-z0-9]{1,60}-[a-z0-9]{1,60}!",
    "apart by what they hold": r"[a-z]{1,900}[0-9]{1,900}[a-z]{1,900}[0-9]{1,900}",
    "lines": r"(?:[^\n]{0,80}\n){0,90}end",
    "lines with both ends": r"(?:[^\r\n]{0,80}\r?\n){0,90}end",
    "words in quotes": r"(?:[^\x22]{1,20}\x22[^\x22]{0,80}\x22){0,40}",
    "one long run": r"[A-Za-z0-9+/]{100,12000}={0,2}",
    "two that overlap": r"[A-Za-z0-9]{1,300}[a-z0-9]{1,300}!",
}

ENDLESSLY = {
    "neighbours": "acme_" + "[a-z]{1,20}[a-z0-9]{1,20}" * 6 + "!",
    "neighbours, each its end": "(?:[a-z]{1,20}[a-z0-9]{1,20}-)" * 6 + "!",
    "rounds": "(?:[a-z]{1,9}){1,9}!",
    "rounds of one width": "(?:x(?:[ab]y|ay)){1,60}!",
    "branches": "(?:ab?|a)" * 40 + "!",
    "may be missing": "a?" * 40 + "a" * 40,
    "lines that hold their ends": r"(?:[^-]{0,80}\n){0,90}end",
}


@pytest.mark.parametrize("expression", ENDS.values(), ids=ENDS.keys())
def test_parts_that_end_are_accepted(expression: str) -> None:
    language.check(pattern.parse(expression))


@pytest.mark.parametrize("expression", ENDLESSLY.values(), ids=ENDLESSLY.keys())
def test_parts_that_share_a_text_in_many_ways_are_refused(expression: str) -> None:
    with pytest.raises(pattern.PatternError, match="so many that it could take for ever: put a character"):
        language.check(pattern.parse(expression))


def test_the_refusal_names_file_line_and_rule(rules: RuleSet) -> None:
    text = (
        "provider: acme\nname: Acme\nrotate: There.\nreferences: [https://example.com/]\nrules:\n"
        "  - id: acme-key\n    name: Acme key\n    description: Opens it.\n    keywords: [acme_]\n"
        f"    pattern: '(?P<secret>{ENDLESSLY['neighbours']})'\n    severity: high\n    confidence: high\n"
        "    examples: ['x={key}']\n    counterexamples: ['acme_']\n"
    )
    with pytest.raises(RuleError, match=r"^acme\.yaml:10: rule 'acme-key': its repeats can share what they match"):
        read_rules(text.encode(), "acme.yaml")
    assert all(effort(pattern.parse(rule.pattern)) <= language.MAX_EFFORT for rule in rules)


@pytest.mark.parametrize("expression", ["(?:" * 400 + "a" + ")?" * 400, "a?" * 8000, "[ab]{1,3}" + "cdefgh" * 2000])
def test_long_and_deep_patterns_are_judged_or_refused(expression: str) -> None:
    try:
        language.check(pattern.parse(expression))
    except pattern.PatternError as error:
        assert "not a regular expression" in str(error) or "nests too deeply" in str(error) or "for ever" in str(error)


LEADS = st.lists(
    st.tuples(st.lists(st.frozensets(st.integers(0, 3), max_size=3), max_size=4).map(tuple), st.integers(1, 9)),
    min_size=1, max_size=12,
)  # fmt: skip


@given(LEADS)
def test_as_many_rows_as_can_begin_at_one_place_are_counted(rows: list[tuple[tuple[Charset, ...], int]]) -> None:
    leads = Leads()
    for lead, count in rows:
        leads.add(lead, count)
    assert leads.worst() == max(
        sum(count for other, count in rows if all(a & b for a, b in zip(lead, other, strict=False))) for lead, _ in rows
    )


def test_thousands_of_branches_are_told_apart_in_few_steps() -> None:
    leads = Leads()
    for number in range(50_000):
        leads.add(tuple(frozenset([byte]) for byte in b"key%05d" % number), 1)
    assert leads.worst() == 1  # within its bound of steps, since it would say 50,000 otherwise


def test_counts_end_somewhere() -> None:
    assert effort(pattern.parse("(?:a?b?c?){0,9}" * 60)) == ENDLESS
