"""Which bytes of a stretch of text are secret, and whether what begins in it may go on behind its end.

A stretch is a line, or the few lines that a key takes up. What is said of it depends on its own bytes and on the
LOOK_BACK bytes before it only, so a stream is masked alike however it was cut into reads.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from scanner import decode
from scanner.colours import Plain
from scanner.hits import Hit, outside, repeated, settle
from scanner.known_secrets import forms
from scanner.matcher import Matcher
from scanner.models import MASK
from scanner.pattern.unfinished import Begun, beginning, may_cross, unfinished
from scanner.prefilter.choice import prefilter
from scanner.probe import Probe, Windows
from scanner.rule import Keyword, RuleSet
from scanner.tables import Owners, Tables
from scanner.worth import FAR, NEXT, Worth

LOOK_BACK = 4096
"""How many bytes before a stretch are looked at."""

_NEAR = 1024

Event = tuple[int, int]
"""A keyword stands somewhere: the offset, and the keyword's number."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """Bytes that are not shown, what for (a rule's id), and what stands in their place."""

    start: int
    end: int
    name: str
    mask: bytes = MASK.encode()


class Stretches:
    """Decides about stretches. Made once for a set of rules; for one thread at a time."""

    def __init__(self, rules: RuleSet, engine: str = "auto", known: dict[bytes, str] | None = None) -> None:
        self._matcher = Matcher(rules, engine)
        self._tables = Tables(rules)
        self._owners: tuple[Owners, ...] = self._tables.at(None)[0]
        self._texts = [text for text, _ in self._tables.keywords]
        self._starters = _starters(self._owners)
        self._known = _Known(known or {})
        self._calls: dict[int, Callable[[bytes, int, int], bool]] = {}
        self._engine = engine

    @cached_property
    def _prefilter(self) -> Callable[[bytes, int, int], Iterable[tuple[int, int]]]:
        return prefilter([*self._texts, *(text for text, _ in self._starters)], self._engine).hits

    # --- where to look ---

    def events(self, data: bytes, start: int, end: int) -> list[Event]:
        """Where in data[start:end] keywords stand that could make something secret, in order. Whole lines are asked
        for; of the last of them nothing is known but that it is there."""
        found = [
            (at, number) for number, at in self._prefilter(data, start, end) if self._calls_for(number, data, at, end)
        ]
        found.sort()
        return found

    def signs(self, data: bytes, start: int, end: int) -> list[int]:
        """Where else in data[start:end] something is to be looked at: encoded stretches, colours, known secrets."""
        found = list(self._known.signs(data, start, end))
        for byte, step in ((b"\x1b", 1), (b"\0", 1)):
            at = data.find(byte, start, end)
            while at >= 0:  # one a line will do
                found.append(at)
                at = data.find(b"\n", at + step, end)
                at = data.find(byte, at, end) if at >= 0 else -1
        found += [at for at, said in decode.signs(data, start, end) if said is None or self._says(said)]
        found.sort()
        return found

    def dull(self, data: bytes) -> bool:
        """A quick look at a whole text: nothing in it can be secret."""
        padded = data + b"\n\n"
        return not self.events(padded, 0, len(padded)) and not self.signs(padded, 0, len(padded))

    def _says(self, said: bytes) -> bool:
        """Whether what an encoded stretch says could hold a key."""
        keywords = any(True for _ in self._prefilter(said, 0, len(said)))
        return keywords or b"\0" in said or any(True for _ in decode.signs(said, 0, len(said)))

    def _calls_for(self, number: int, data: bytes, at: int, end: int) -> bool:
        call = self._calls.get(number)
        if call is None:
            call = self._calls[number] = self._call(number)
        return call(data, at, end)

    def _call(self, number: int) -> Callable[[bytes, int, int], bool]:
        if number >= len(self._owners):
            return _always
        return Worth(self._texts[number], self._owners[number])

    # --- what is secret ---

    def hidden(self, data: bytes, first: int, events: Sequence[Event]) -> list[Hidden]:
        """What of data[first:] is secret, in order; a stretch with what stands before it, and the keywords in it and
        those before it that still count."""
        hits = self._hits(data, first, events)
        found = self._spans(data, first, hits)
        if data.find(b"\x1b") >= 0:
            found += self._coloured(data, first)
        found += [Hidden(start, end, name) for start, end, name in self._known.find(data, 0, len(data)) if end > first]
        return _merged(found, first)

    def _hits(self, data: bytes, first: int, events: Sequence[Event]) -> list[Hit]:
        hits: list[Hit] = []
        seen: set[tuple[str, int, int]] = set()
        known: Windows = {}
        for at, number in events:
            for probe, keyword in self._owners[number] if number < len(self._owners) else ():
                if not probe.worth(data, keyword, at):
                    continue
                for attempt in probe.attempts(data, keyword, at, known):
                    place = (probe.rule.id, attempt.start, attempt.end)
                    if attempt.secret_end <= first or place in seen:
                        continue
                    if probe.rule.context and _MASKED_BEHIND.match(data, attempt.end):
                        continue  # the public part of a key that was masked before
                    seen.add(place)
                    sample = probe.sample(data, attempt)
                    if sample or next(probe.objections(data, attempt), None) is None:
                        hits.append(
                            Hit(attempt, data, attempt.start, attempt.end, attempt.secret_start, attempt.secret_end)
                        )
        for view in _one_order(decode.views(data, max(0, first - 1), len(data))):
            if view.end > first:
                hits += self._inside(view)
        return hits

    def _inside(self, view: decode.View) -> Iterator[Hit]:
        for hit in self._matcher.hits(view.data, 0, len(view.data)):
            start, end = view.span(hit.start, hit.end)
            secret_start, secret_end = view.span(hit.secret_start, hit.secret_end)
            names = (view.name, *hit.decoded)
            yield Hit(hit.attempt, hit.data, start, end, secret_start, secret_end, hit.sample, names, view)

    @staticmethod
    def _spans(data: bytes, first: int, hits: list[Hit]) -> list[Hidden]:
        """The secrets of the keys that settled, what only another rule takes for one (save the public part of a key),
        and where any of them stands again."""
        if not hits:
            return []
        kept = settle(hits)
        found = [Hidden(hit.secret_start, hit.secret_end, hit.attempt.rule.id, _mask(data, hit)) for hit in kept]
        if len(hits) > 1:
            claimed = [(hit.start, hit.end) for hit in kept]
            for hit in hits:
                for start, end in outside([(hit.secret_start, hit.secret_end)], claimed):
                    found.append(Hidden(start, end, hit.attempt.rule.id, _mask(data, hit)))
        again = [(one.end, data[one.start : one.end], one.name, one.mask) for one in found]
        again += [(hit.secret_end, _secret(hit), hit.attempt.rule.id, MASK.encode()) for hit in kept if hit.decoded]
        for behind, secret, name, mask in again:
            low = first if _NO_WORD.search(secret) else behind  # before it, only what is no ordinary word
            found += [Hidden(start, end, name, mask) for start, end in repeated(data, low, len(data), [secret])]
        return found

    def _coloured(self, data: bytes, first: int) -> Iterator[Hidden]:
        """What is secret once the colours are taken off. The codes inside stay where they are, behind the mask."""
        base = max(0, first - _NEAR)
        plain = Plain(data[base:])
        start = plain.find(first - base)
        events = [(at, number) for number, at in self._prefilter(plain.data, 0, len(plain.data))]
        events.sort()
        for one in self._spans(plain.data, start, self._hits(plain.data, start, events)):
            for number, (low, high) in enumerate(plain.pieces(one.start, one.end)):
                yield Hidden(base + low, base + high, one.name, b"" if number else one.mask)

    # --- a line that has only begun ---

    def settled(self, data: bytes, first: int, events: Sequence[Event]) -> int:
        """As far as where nothing in data[first:], a line that has only begun, can be secret whatever comes next."""
        if data.find(b"\0", first) >= 0:
            return first
        if data.find(b"\x1b") < 0:
            return max(first, self._settled(data, first, events))
        base = max(0, first - _NEAR)
        plain = Plain(data[base:])
        safe = max(plain.find(first - base), self._settled(plain.data, plain.find(first - base), []))
        raw = self._settled(data, first, events, words=False)
        return max(first, min(raw, base + plain.pieces(safe, safe + 1)[0][0] if safe < len(plain.data) else raw))

    def _settled(self, data: bytes, first: int, events: Sequence[Event], *, words: bool = True) -> int:
        """The last word may be a piece of one; so may what follows a name, a keyword, and what could stand again."""
        events = sorted({*events, *((at, number) for number, at in self._prefilter(data, first, len(data)))})
        places = [len(data), self._known.place(data, first)]
        places += [one.start for one in self.hidden(data, first, events)]
        places += [one.secret_start for one in self._begun(data, events, every=True) if one.secret_start >= 0]
        if words:
            found = (word.search(data, first) for word in (_LAST_WORD, _NO_WORD))
            places += [word.start() for word in found if word is not None]
        for probe, keyword in self._contexts:  # its word may follow
            places += [one.secret_start for one in probe.attempts(data, keyword, len(data), {}) if one.end > first]
        return min(places)

    @cached_property
    def _contexts(self) -> list[tuple[Probe, Keyword]]:
        return list({one[0].rule.id: one for of in self._owners for one in of if one[0].rule.context}.values())

    # --- what goes on ---

    def goes_on(self, data: bytes, first: int, events: Sequence[Event]) -> bool:
        """Whether a secret may have begun in data[first:], a run of whole lines, that goes on behind it."""
        if self._known.begun(data, first):
            return True
        hidden: list[Hidden] | None = None
        for begun in self._begun(data, events):
            if begun.secret_start >= 0 and begun.secret_end < 0:
                return True
            if begun.secret_end > first:  # what stands behind it has to confirm it
                hidden = self.hidden(data, first, events) if hidden is None else hidden
                if not _covered(begun, hidden):
                    return True
        return data.find(b"\x1b", first) >= 0 and self._coloured_goes_on(data, first)

    def _coloured_goes_on(self, data: bytes, first: int) -> bool:
        plain = Plain(data[max(0, first - _NEAR) :])
        found = [(at, number) for number, at in self._prefilter(plain.data, 0, len(plain.data))]
        return any(begun.secret_start >= 0 > begun.secret_end for begun in self._begun(plain.data, found))

    @staticmethod
    def wrapped(line: bytes, width: int) -> int:
        """How many characters of a base64 text that may go on stand at the end of a line; 0 when none does. `width` is
        what this said of the line before."""
        return decode.wrapped(line, 0, width)

    def alive(self, data: bytes, events: Sequence[Event]) -> list[Event]:
        """The keywords that still count for what comes next."""
        return [(at, number) for at, number in events if self._counts(data, at, number)]

    def _counts(self, data: bytes, at: int, number: int) -> bool:
        near = number < len(self._owners) and len(data) - at <= NEXT
        if near and any(probe.rule.context for probe, _ in self._owners[number]):
            return True
        return next(self._begun(data, [(at, number)]), None) is not None

    def _begun(self, data: bytes, events: Iterable[Event], *, every: bool = False) -> Iterator[Begun]:
        """Matches in progress that reach the end of the data, of rules whose keys may go on behind a line, or every."""
        for at, number in events:
            if number >= len(self._owners):
                found = unfinished(self._starters[number - len(self._owners)][1].rule.pattern).match(data, at)
                if found is not None:
                    yield found
                continue
            for probe, keyword in self._owners[number]:
                if probe.rule.context or len(data) - at > probe.rule.most:
                    continue
                if not every and not may_cross(probe.rule.pattern):
                    continue
                partial = unfinished(probe.rule.pattern)
                if every or partial.crosses:
                    start = max(0, at - min(keyword.high, FAR))
                    found = partial.match(data, start) if keyword.low == keyword.high else partial.search(data, start)
                    if found is not None:
                        yield found


def _one_order(views: Iterable[decode.View]) -> Iterator[decode.View]:
    """The views, but of UTF-16 that reads in both byte orders (a line cut within its last character does) one only."""
    wide: list[decode.View] = []
    for view in views:
        if view.name == "utf-16":
            wide.append(view)
        else:
            yield view
    for view in wide:
        if not any(one.start < view.start < one.end - 2 for one in wide):
            yield view


def _secret(hit: Hit) -> bytes:
    return hit.data[hit.attempt.secret_start : hit.attempt.secret_end]


def _mask(data: bytes, hit: Hit) -> bytes:
    if hit.decoded[:1] == ("utf-16",):
        wide = MASK.encode("utf-16-le")
        return wide if data[hit.secret_start + 1 : hit.secret_start + 2] == b"\0" else MASK.encode("utf-16-be")
    return MASK.encode()


def _covered(begun: Begun, hidden: list[Hidden]) -> bool:
    """Whether the secret of a match in progress is hidden already."""
    return any(one.start <= begun.secret_start and begun.secret_end <= one.end for one in hidden)


def _merged(found: list[Hidden], first: int) -> list[Hidden]:
    """In order, cut at `first`; those that overlap or touch made one, called after the one that begins first."""
    merged: list[Hidden] = []
    for one in sorted(found, key=lambda one: (one.start, not one.mask, -one.end)):
        start = max(one.start, first)
        last = merged[-1] if merged else None
        if last is not None and (start < last.end or (start == last.end and one.mask == last.mask)):
            if one.end > last.end:
                merged[-1] = Hidden(last.start, one.end, last.name, last.mask)
        elif one.end > start:
            merged.append(Hidden(start, one.end, one.name, one.mask))
    return merged


_MASKED_BEHIND = re.compile(rb"[A-Za-z0-9_:./+\-]{0,100}\*{8}")
_NO_WORD = re.compile(rb"(?=[^\s]*[0-9])(?=[^\s]*[A-Za-z])[^\s]{8}")
_LAST_WORD = re.compile(rb"[^ \t\r]+\Z")


def _starters(owners: Sequence[Owners]) -> list[tuple[bytes, Probe]]:
    """Rules whose keyword stands behind their secret, lines later perhaps, with the fixed text that they begin with."""
    found: dict[str, tuple[bytes, Probe]] = {}
    for probe, keyword in (owner for of_keyword in owners for owner in of_keyword):
        rule = probe.rule
        late = keyword.low >= 20 or keyword.high >= 1024
        if late and not rule.context and rule.id not in found and may_cross(rule.pattern.partition("(?P<secret>")[2]):
            text = beginning(rule.pattern)
            if len(text) >= 3:
                found[rule.id] = text, probe
    return list(found.values())


def _always(data: bytes, at: int, end: int) -> bool:
    return True


_SPACE = re.compile(rb"\s")


class _Known:
    """Secrets known beforehand, in all their forms."""

    def __init__(self, known: dict[bytes, str]) -> None:
        table: dict[bytes, str] = {}
        for value, name in known.items():
            for form in forms(value):
                table.setdefault(form, name)
        self._forms = sorted(table.items())
        self._over_lines = [form[: at.end()] for form in table for at in re.finditer(rb"\n", form)]
        self._texts: dict[bytes, list[tuple[bytes, str]]] = {}  # the engine does not tell cases apart
        for form, name in self._forms:
            self._texts.setdefault(form.lower(), []).append((form, name))
        for form in self._over_lines:  # a first line is worth a look
            self._texts.setdefault(form[: form.index(b"\n") + 1].lower(), [])
        self._by_number = list(self._texts.values())
        self._engine = prefilter(list(self._texts), "aho").hits if self._texts else None

    def signs(self, data: bytes, start: int, end: int) -> Iterable[int]:
        """Where in data[start:end] one of them stands, or the first line of one."""
        return [at for _, at in self._engine(data, start, end)] if self._engine is not None else ()

    def find(self, data: bytes, start: int, end: int) -> list[tuple[int, int, str]]:
        """Where in data[start:end] they stand, and what they are called."""
        if self._engine is None:
            return []
        return sorted(
            (at, at + len(form), name)
            for number, at in self._engine(data, start, end)
            for form, name in self._by_number[number]
            if data.startswith(form, at)
        )

    def place(self, data: bytes, first: int) -> int:
        """Where in data[first:] the first begins that is there, or may be when more comes."""
        found = [at for at, _, _ in self.find(data, first, len(data))]
        for form, _ in self._forms:
            if _SPACE.search(form):
                found += [len(data) - size for size in range(1, len(form)) if data.endswith(form[:size], first)]
        return min(found, default=len(data))

    def begun(self, data: bytes, first: int) -> bool:
        """Whether data[first:] ends, at the end of a line, inside of one."""
        return any(data.endswith(part) for part in self._over_lines)
