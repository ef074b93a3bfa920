"""Which bytes of a stretch of text are secret, and whether what begins in it may go on behind its end.

A stretch is a line, or the few lines that a key takes up. What is said of it depends on its own bytes and on the
LOOK_BACK bytes before it only, so a stream is masked alike however it was cut into reads.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property

from scanner import coloured, decode
from scanner.coloured import NEAR
from scanner.colours import Plain
from scanner.folded import folded, runs_out, unfolded
from scanner.hidden import Hidden, merged
from scanner.hits import Hit, outside, repeated, settle
from scanner.known_secrets import KnownSecrets
from scanner.look import Event, Look
from scanner.matcher import Matcher
from scanner.models import MASK
from scanner.own_keys import Key, OwnKeys, blanked, in_order, nothing_new, own_format
from scanner.pattern import parse, sample
from scanner.pattern.unfinished import Begun, beginning, may_cross, unfinished
from scanner.prefilter.choice import prefilter
from scanner.probe import Probe, Windows
from scanner.rule import Keyword, Rule, RuleSet
from scanner.tables import Owners, Tables
from scanner.telling import secret_of
from scanner.worth import FAR, NEXT, Sight, Worth, crosses, spans_lines

LOOK_BACK = 4096
"""How many bytes before a stretch are looked at."""

_ANY_HEAD = b"PRIVATE KEY"


class Stretches:
    """Decides about stretches. Made once for a set of rules; for one thread at a time."""

    def __init__(self, rules: RuleSet, engine: str = "auto", known: dict[bytes, str] | None = None) -> None:
        self._matcher = Matcher(rules, engine)
        self._tables = Tables(rules)
        self._owners: tuple[Owners, ...] = self._tables.at(None)[0]
        self._texts = [text for text, _ in self._tables.keywords]
        self._starters = _starters(self._owners)
        self._known = KnownSecrets(known or {})
        self._own: list[OwnKeys | None] = []
        self._rest: list[Owners] = []
        self._worth: dict[int, Worth] = {}
        self._seeing: dict[str, bool] = {}
        self._engine = engine

    @cached_property
    def _prefilter(self) -> Callable[[bytes, int, int], Iterable[tuple[int, int]]]:
        own_keys: list[OwnKeys | None] = []
        rest: list[Owners] = []
        for owners in self._owners:
            own = [owner for owner in owners if own_format(*owner)]
            own_keys.append(OwnKeys(tuple(own)) if own else None)
            rest.append(tuple(owner for owner in owners if owner not in own) if own else owners)
        starters: list[Owners] = [((probe, Keyword(text.decode(), 0, 0)),) for text, probe in self._starters]
        self._rest = rest + starters  # at once: Ctrl-C in here leaves nothing half made
        self._own = own_keys + [None] * len(starters)
        return prefilter([*self._texts, *(text for text, _ in self._starters)], self._engine).hits

    # --- where to look ---

    def look(self, data: bytes, start: int, end: int, *, colours: bool = True) -> Look:
        """Looks at data[start:end], whole lines (or all there is); nothing behind it matters. With `colours` also at
        what a terminal would show of it."""
        seen = Look()
        keys: list[Key] = []
        rest: list[tuple[int, int]] = []
        none: list[tuple[int, OwnKeys]] = []
        hits, own, others = self._prefilter(data, start, end), self._own, self._rest
        for number, at in hits:
            found = own[number]
            if found is not None:
                before = len(keys)
                found.find(data, at, end, keys)
                if len(keys) == before:
                    none.append((at, found))
            if others[number]:
                rest.append((at, number))
        seen.keys = in_order(keys)
        blank = blanked(data, seen.keys)
        sight = Sight(data, blank, end)
        seen.events = [(at, number) for at, number in rest if self._calls_for(number)(sight, at)]
        seen.events.sort()
        seen.signs = self._signs(blank, start, end)
        seen.signs += [at for at, found in none if runs_out(found, blank, at, end)]
        if self._known:
            seen.signs += self._known.signs(data, start, end)
        if colours and data.find(b"\x1b", start, end) >= 0:
            seen.signs += coloured.signs(self._plainly, data, start, end, seen.keys)
        seen.signs.sort()
        return seen

    def _signs(self, data: bytes, start: int, end: int) -> list[int]:
        """Encoded stretches, and heads of private keys of any kind."""
        found: list[int] = []
        for sign in (b"\0", _ANY_HEAD):
            at = data.find(sign, start, end)
            while at >= 0:  # one a line will do
                found.append(at)
                at = data.find(b"\n", at, end)
                at = data.find(sign, at, end) if at >= 0 else -1
        found += [at for at, said in decode.signs(data, start, end) if said is None or self._says(said)]
        return found

    def _plainly(self, data: bytes) -> Look:
        return self.look(data, 0, len(data), colours=False)

    def dull(self, data: bytes) -> bool:
        """A quick look at a whole text: nothing in it can be secret."""
        padded = data + b"\n\n"
        seen = self.look(padded, 0, len(padded))
        return not (seen.keys or seen.events or seen.signs)

    def _says(self, said: bytes) -> bool:
        """Whether what an encoded stretch says could hold a key."""
        keywords = any(True for _ in self._prefilter(said, 0, len(said)))
        return keywords or b"\0" in said or any(True for _ in decode.signs(said, 0, len(said)))

    def _calls_for(self, number: int) -> Worth:
        worth = self._worth.get(number)
        if worth is None:
            rest = self._rest[number]
            worth = self._worth[number] = Worth(rest[0][1].text.encode(), rest, self._sees_keys)
        return worth

    def _sees_keys(self, rule: Rule) -> bool:
        """Whether a rule has to see known keys: its secret takes up lines, in which something may look like one, or one
        stands beside its secret. Others see blanks in their place."""
        known = self._seeing.get(rule.id)
        if known is None:
            known = self._seeing[rule.id] = not rule.context and (spans_lines(rule) or self._stands_beside(rule))
        return known

    def _stands_beside(self, rule: Rule) -> bool:
        """Whether a key of a format of its own is in what a rule's pattern has around its secret."""
        tree, found = parse(rule.pattern), re.compile(rule.pattern.encode("ascii"))
        for seed in range(6):
            made = sample(tree, random.Random(seed))  # noqa: S311 - texts to try a pattern on, not secrets
            whole = found.fullmatch(made)
            hits = self._prefilter(made, 0, len(made)) if whole is not None else ()
            start, end = whole.span("secret") if whole is not None else (0, 0)
            for number, at in hits:
                own = self._own[number]
                keys: list[Key] = []
                if own is not None:
                    own.find(made, at, len(made), keys)
                if any(not start <= key.start < end for key in keys):
                    return True
        return False

    # --- what is secret ---

    def hidden(self, data: bytes, first: int, events: Sequence[Event], keys: Sequence[Key]) -> list[Hidden]:
        """What of data[first:] is secret, in order; a stretch with what stands before it, the keywords in it and those
        before it that still count, and the keys in it."""
        found = self._spans(data, first, self._hits(data, first, events, keys))
        if data.find(b"\x1b") >= 0:
            found += self._coloured(data, first)
        found += folded(data, first, keys, self._own_keys)
        found += [Hidden(start, end, name) for start, end, name in self._known.find(data, 0, len(data)) if end > first]
        return merged(found, first)

    def _own_keys(self, data: bytes) -> list[Key]:
        found: list[Key] = []
        for number, at in self._prefilter(data, 0, len(data)):
            own = self._own[number]
            if own is not None:
                own.find(data, at, len(data), found)
        return in_order(found)

    def _hits(self, data: bytes, first: int, events: Sequence[Event], keys: Sequence[Key]) -> list[Hit]:
        hits = [
            Hit(key.attempt, data, key.start, key.end, key.secret_start, key.secret_end)
            for key in keys if key.secret_end > first
        ]  # fmt: skip
        blank = blanked(data, keys, first)
        hits += self._confirmed(data, blank, first, events)
        wide: list[Hit] = []
        for view in decode.views(blank, max(0, first - 1), len(data)):
            if view.end > first:
                (wide if view.name == "utf-16" else hits).extend(self._inside(view))
        return hits + _one_order(wide)

    def _confirmed(self, data: bytes, blank: bytes, first: int, events: Sequence[Event]) -> Iterator[Hit]:
        """What the rules of these keywords find, beside the keys that are known already and blank."""
        seen: set[tuple[str, int, int]] = set()
        known: Windows = {}
        for at, number in events:
            for probe, keyword in self._rest[number]:
                text = data if self._sees_keys(probe.rule) else blank
                if not probe.worth(text, keyword, at):
                    continue
                for attempt in probe.attempts(text, keyword, at, known):
                    place = (probe.rule.id, attempt.start, attempt.end)
                    if attempt.secret_end <= first or place in seen:
                        continue
                    if nothing_new(blank, attempt.secret_start, attempt.secret_end):
                        continue
                    if probe.rule.context and _MASKED_BEHIND.match(data, attempt.end):
                        continue  # the public part of a key that was masked before
                    seen.add(place)
                    if probe.sample(data, attempt) or next(probe.objections(data, attempt), None) is None:
                        yield Hit(attempt, data, attempt.start, attempt.end, attempt.secret_start, attempt.secret_end)

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
        again += [(hit.secret_end, secret_of(hit), hit.attempt.rule.id, MASK.encode()) for hit in kept if hit.decoded]
        for behind, secret, name, mask in again:
            low = first if _NO_WORD.search(secret) else behind  # before it, only what is no ordinary word
            found += [Hidden(start, end, name, mask) for start, end in repeated(data, low, len(data), [secret])]
        return found

    def _coloured(self, data: bytes, first: int) -> Iterator[Hidden]:
        """What is secret once the colours are taken off. The codes inside stay where they are, behind the mask."""
        base = max(0, first - NEAR)
        plain = Plain(data[base:])
        start = plain.find(first - base)
        seen = self._plainly(plain.data)
        for one in self._spans(plain.data, start, self._hits(plain.data, start, seen.events, seen.keys)):
            for number, (low, high) in enumerate(plain.pieces(one.start, one.end)):
                yield Hidden(base + low, base + high, one.name, b"" if number else one.mask)

    # --- a line that has only begun ---

    def settled(self, data: bytes, first: int, events: Sequence[Event]) -> int:
        """As far as where nothing in data[first:], a line that has only begun, can be secret whatever comes next."""
        if data.find(b"\0", first) >= 0:
            return first
        if data.find(b"\x1b") < 0:
            return max(first, self._settled(data, first, events))
        base = max(0, first - NEAR)
        plain = Plain(data[base:])
        safe = max(plain.find(first - base), self._settled(plain.data, plain.find(first - base), []))
        raw = self._settled(data, first, events, words=False)
        return max(first, min(raw, base + plain.pieces(safe, safe + 1)[0][0] if safe < len(plain.data) else raw))

    def _settled(self, data: bytes, first: int, events: Sequence[Event], *, words: bool = True) -> int:
        """The last word may be a piece of one; so may what follows a name, a keyword, and what could stand again."""
        every = sorted({*events, *((at, number) for number, at in self._prefilter(data, first, len(data)))})
        keys = self.look(data, first, len(data)).keys
        places = [len(data), self._known.place(data, first)]
        places += [one.start for one in self.hidden(data, first, every, keys)]
        places += [one.secret_start for one in self._begun(data, data, every, every=True) if one.secret_start >= 0]
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

    def goes_on(self, data: bytes, first: int, events: Sequence[Event], keys: Sequence[Key]) -> bool:
        """Whether a secret may have begun in data[first:], a run of whole lines, that goes on behind it."""
        if self._known.begun(data, first):
            return True
        hidden: list[Hidden] | None = None
        for begun in self._begun(data, blanked(data, keys, first), events):
            if begun.secret_start >= 0 and begun.secret_end < 0:
                return True
            if begun.secret_end > first:  # what stands behind it has to confirm it
                hidden = self.hidden(data, first, events, keys) if hidden is None else hidden
                if not _covered(begun, hidden):
                    return True
        if data.find(b"\x1b", first) >= 0 and self._coloured_goes_on(data, first):
            return True
        return self._folds(data, first, keys)

    def _folds(self, data: bytes, first: int, keys: Sequence[Key]) -> bool:
        """Whether a key of a format of its own may have begun that goes on in the next line."""
        end = unfolded(data, first)
        if not end or any(key.end >= len(data) - 3 for key in keys):
            return False
        hits = self._prefilter(end, 0, len(end))
        return any(own.begun(end, at, len(end)) for number, at in hits if (own := self._own[number]) is not None)

    def _coloured_goes_on(self, data: bytes, first: int) -> bool:
        plain = Plain(data[max(0, first - NEAR) :])
        seen = self._plainly(plain.data)
        blank = blanked(plain.data, seen.keys)
        return any(one.secret_start >= 0 > one.secret_end for one in self._begun(plain.data, blank, seen.events))

    @staticmethod
    def wrapped(line: bytes, width: int) -> int:
        """How many characters of a base64 text that may go on stand at the end of a line; 0 when none does. `width` is
        what this said of the line before."""
        return decode.wrapped(line, 0, width)

    def alive(self, data: bytes, first: int, events: Sequence[Event], keys: Sequence[Key]) -> list[Event]:
        """The keywords that still count for what comes next."""
        blank = blanked(data, keys, first) if events else data
        return [(at, number) for at, number in events if self._counts(data, blank, at, number)]

    def _counts(self, data: bytes, blank: bytes, at: int, number: int) -> bool:
        if len(data) - at <= NEXT and any(probe.rule.context for probe, _ in self._rest[number]):
            return True
        return next(self._begun(data, blank, [(at, number)]), None) is not None

    def _begun(
        self, data: bytes, blank: bytes, events: Iterable[Event], *, every: bool = False
    ) -> Iterator[Begun]:
        """Matches in progress that reach the end of the data, of rules whose keys may go on behind a line, or every."""
        for at, number in events:
            for probe, keyword in self._owners[number] if every and number < len(self._owners) else self._rest[number]:
                if probe.rule.context or len(data) - at > probe.rule.most or not (every or crosses(probe.rule)):
                    continue
                partial = unfinished(probe.rule.pattern)
                start = max(0, at - min(keyword.high, FAR))
                text = data if every or self._sees_keys(probe.rule) else blank
                found = partial.match(text, start) if keyword.low == keyword.high else partial.search(text, start)
                if found is not None and (every or not nothing_new(blank, found.secret_start, found.secret_end)):
                    yield found


def _one_order(wide: list[Hit]) -> list[Hit]:
    """The hits in UTF-16, each in one byte order: behind a NUL, or where a line is cut within a character, text reads
    in both, and in one of them it may lack a character."""
    kept: list[Hit] = []
    for hit in sorted(wide, key=lambda one: (one.secret_start - one.secret_end, one.start, one.attempt.rule.id)):
        if not any((one.start - hit.start) % 2 and one.start < hit.end and hit.start < one.end for one in kept):
            kept.append(hit)
    return kept


def _mask(data: bytes, hit: Hit) -> bytes:
    if hit.decoded[:1] == ("utf-16",):
        wide = MASK.encode("utf-16-le")
        return wide if data[hit.secret_start + 1 : hit.secret_start + 2] == b"\0" else MASK.encode("utf-16-be")
    return MASK.encode()


def _covered(begun: Begun, hidden: list[Hidden]) -> bool:
    """Whether the secret of a match in progress is hidden already."""
    return any(one.start <= begun.secret_start and begun.secret_end <= one.end for one in hidden)


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
            if len(text) >= 3 and text.isascii():
                found[rule.id] = text, probe
    return list(found.values())
