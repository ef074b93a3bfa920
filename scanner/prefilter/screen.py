"""One look at a text with all rules at once, by Vectorscan: which of them could find something in it.

Where a prefilter says where keywords stand, a screen says which whole patterns match: with 300 rules one in ten texts
has a keyword, one in five hundred a match. It may say too much (boundaries, upper limits and checks are left out),
never too little.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import hyperscan

from scanner.pattern.superset import opening, superset
from scanner.prefilter.vectorscan import Expression, UnfitError, cached, compile_all, database, literal, once
from scanner.rule import Rule

_B64, _START = b"[A-Za-z0-9+/_-]", b"(?:^|[^A-Za-z0-9+/_-])[/_-]*"
_RUN = once(b"%s{28}" % _B64)  # a look at this costs a third of one at what it could be
_SIGNS = (
    once(b"(?:[2-7][0-9a-fA-F]|0[9adAD]){14}"),  # hexadecimal digits of text
    once(b"%(?:2[1-9A-Fa-f]|[3-6][0-9A-Fa-f]|7[0-9A-Ea-e])"),
    once(rb"\\(?:u00|x)[0-9a-fA-F]{2}"),
    once(rb"(?:[\t\r\n\x20-\x7e]\x00){8}"),  # UTF-16
    once(rb"(?:\x00[\t\r\n\x20-\x7e]){8}"),
)
"""What text in disguise looks like; see `scanner.decode`."""

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_TEXT = (9, 10, 13, *range(0x20, 0x7F))


def _some(values: Iterable[int]) -> bytes:
    """A class of the base64 characters of these values, in both alphabets."""
    chosen = bytes(sorted({_ALPHABET[value] for value in values}))
    more = chosen.translate(bytes.maketrans(b"+/", b"-_"))
    return b"[%s]" % b"".join(b"\\x%02x" % one for one in sorted({*chosen, *more}))


def _of_text() -> bytes:
    """Base64 of text: what four characters can be that stand for three bytes of it, five times."""
    first, last = {one >> 2 for one in _TEXT}, {one & 63 for one in _TEXT}
    second = {(one & 3) << 4 | other >> 4 for one in _TEXT for other in _TEXT}
    third = {(one & 15) << 2 | other >> 6 for one in _TEXT for other in _TEXT}
    return b"(?:%s){5}" % b"".join(map(_some, (first, second, third, last)))


def _of_wide_text() -> bytes:
    """Base64 of UTF-16: four characters for a letter, zero, a letter, and four for zero, a letter, zero, in turns."""
    one = _B64 + _some(range(0, 64, 16)) + _some(range(2)) + _B64
    other = b"A" + _some({letter >> 4 for letter in _TEXT}) + _some(range(0, 64, 4)) + b"A"
    return b"(?:%s|%s)" % (one + other + one, other + one + other)


_RUNS = (
    once(_START + _of_text()),
    once(_of_wide_text()),
    once(_START + b"(?:H4sI|e(?:AE|F4|J[wxyz]|N[opqr]))%s{20}" % _B64),  # something compressed
    once(rb"(?:^|\n)[ \t\"'+]*%s{48}" % _B64),  # a line of a text in lines
    once(b"%s{500}" % _B64),  # the inside of a long run, whose beginning is not in the text
)
"""What of long runs is base64."""

_LINE = rb"[^\n]*"
_ON = rb"[^\n]*(?:\n(?:[^\n]*\\\r?\n)*[^\n]*)?"  # on this line or the next (and on)


class Seen(NamedTuple):
    """What a text may hold: keys of rules (their ids); text in disguise; the beginnings of far-reaching rules (their
    ids)."""

    rules: frozenset[str]
    disguise: bool
    far: frozenset[str]


_NONE: frozenset[str] = frozenset()
_NOTHING = Seen(_NONE, False, _NONE)


class Screen:
    """What of a set of rules could be in a text.

    `far` are the ids of rules that look farther than a text may reach: where one of them could begin, that is told, and
    `distant` looks for the whole of them.
    """

    def __init__(self, rules: Sequence[Rule], far: frozenset[str]) -> None:
        self._far = [rule for rule in rules if rule.id in far]
        self._near = [rule for rule in rules if rule.id not in far]
        self._names = ["", *[""] * len(_SIGNS), *(rule.id for rule in self._far)]
        self._first = len(self._names)
        self._names += [rule.id for rule in self._near for _ in range(1 + rule.context)]
        self._wide = [rule.id for rule in self._far for _ in range(1 + rule.context)]
        self._open: tuple[hyperscan.Database, hyperscan.Database, hyperscan.Database] | None = None

    def open(self, *, compile_now: bool) -> bool:
        """Loads the compiled expressions from the user's cache, or compiles them. False when they are not there and
        may not be compiled."""
        if self._open is None:
            near, far = list(_facts(self._near)), list(_facts(self._far))
            main = cached([b"screen", *far, b"", *near])
            if main is None and compile_now:
                main = _compiled([b"screen", *far, b"", *near], self._quick(careful=False), self._quick(careful=True))
            if main is not None:
                wide = _compiled([b"distant", *far], self._whole(careful=False), self._whole(careful=True))
                self._open = main, wide, database([b"runs", *(one.text for one in _RUNS)], lambda: _RUNS)
        return self._open is not None

    def _quick(self, *, careful: bool) -> Iterator[Expression]:
        yield from (_RUN, *_SIGNS)
        for rule in self._far:
            yield _fitting(_beginning(rule), rule) if careful else _beginning(rule)
        yield from _all(self._near, careful=careful)

    def _whole(self, *, careful: bool) -> Iterator[Expression]:
        yield from _all(self._far, careful=careful)
        yield _RUN  # the library compiles no empty list; it stands behind all others

    def look(self, text: bytes) -> Seen:
        """What the text may hold."""
        if self._open is None or not text:
            return _NOTHING
        found: list[int] = []
        add = found.append
        self._open[0].scan(text, match_event_handler=lambda number, *_: add(number))
        if not found:
            return _NOTHING
        names, first, signs = self._names, self._first, len(_SIGNS)
        lowest = min(found)
        disguise = 0 < lowest <= signs or (lowest == 0 and (self._runs(text) or any(0 < n <= signs for n in found)))
        rules = frozenset([names[number] for number in found if number >= first])
        return Seen(rules, disguise, frozenset([names[number] for number in found if signs < number < first]))

    def _runs(self, text: bytes) -> bool:
        return self._open is not None and bool(_matches(self._open[2], text))

    def distant(self, text: bytes) -> frozenset[str]:
        """Which of the far-reaching rules could find something in the text."""
        if self._open is None or not text:
            return _NONE
        return frozenset([self._wide[number] for number in _matches(self._open[1], text) if number < len(self._wide)])


def _matches(compiled: hyperscan.Database, text: bytes) -> list[int]:
    found: list[int] = []
    add = found.append
    compiled.scan(text, match_event_handler=lambda number, *_: add(number))
    return found


def _compiled(
    facts: Sequence[bytes], expressions: Iterable[Expression], careful: Iterable[Expression]
) -> hyperscan.Database:
    try:
        return database(facts, lambda: list(expressions))
    except UnfitError:
        return database(facts, lambda: list(careful))


def _all(rules: Iterable[Rule], *, careful: bool) -> Iterator[Expression]:
    for rule in rules:
        for one in _expressions(rule):
            yield _fitting(one, rule) if careful else one


def _facts(rules: Iterable[Rule]) -> Iterator[bytes]:
    for rule in rules:
        yield f"{rule.id} {rule.context} {rule.pattern} {dict(rule.checks).get('needs', ())}".encode()
        yield " ".join([keyword.text for keyword in rule.keywords]).encode()


def _words(rule: Rule) -> bytes:
    return b"(?i:%s)" % b"|".join([literal(keyword.text.encode()).text for keyword in rule.keywords])


def _beginning(rule: Rule) -> Expression:
    """What matches where a match of the rule begins; of a rule that goes by context, wherever one of its words is."""
    return once(_words(rule) if rule.context else opening(rule.pattern))


def _expressions(rule: Rule) -> list[Expression]:
    """What matches wherever the rule could find something: one expression, or two for a rule that goes by context."""
    needs = dict(rule.checks).get("needs", ())
    key = superset(rule.pattern, needs=[str(one) for one in needs] if isinstance(needs, list | tuple) else [])
    if not rule.context:
        return [once(key)]
    return [once(b"%s%s(?:%s)" % (_words(rule), _ON, key)), once(b"(?:%s)%s%s" % (key, _LINE, _words(rule)))]


def _fitting(expression: Expression, rule: Rule) -> Expression:
    """The expression, or, where it does not compile, one for the rule's words."""
    try:
        compile_all([expression])
    except UnfitError:
        return once(_words(rule))
    return expression


__all__ = ["Screen", "Seen"]
