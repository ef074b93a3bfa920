"""Finds keys in a chunk: the prefilter says where, the rule's pattern confirms, its checks judge.

The findings of a chunk depend on its bytes and the rules only: not on the prefilter, not on how content was cut.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from time import perf_counter
from typing import TYPE_CHECKING

from scanner import decode, parts
from scanner.checks import entropy
from scanner.claims import Claims, web_token
from scanner.hits import Hit, Lines, joined, locate, masked, masked_key, outside, repeated, settle, show
from scanner.log_record import record_at
from scanner.models import NEAR, Allow, Chunk, Confidence, Finding, Kind, Secret
from scanner.naming import LOOK_BACK, assigned_name, reads_as_prose
from scanner.place import place_of
from scanner.prefilter.choice import prefilter
from scanner.prefilter.interface import Prefilter
from scanner.probe import SMALL, Attempt, Probe, Windows
from scanner.rivals import marks
from scanner.rule import Keyword, Part, Rule, RuleSet
from scanner.suspicion import DEPTH, EDGE, Suspicion
from scanner.tables import Tables, distant

if TYPE_CHECKING:
    from scanner.sieve import Sieve

Spans = Iterable[tuple[int, int]]

_SIEVED = 8 * 1024  # larger content mostly holds something that must be looked at closely, whatever it is
_WORTH_COMPILING = 1024 * 1024 * 1024  # takes several times as long as compiling all rules does

SHOWN = 120
"""How many bytes of a line are shown on each side of a key."""

_NAMES = frozenset({Kind.PATH_NAME, Kind.REF_NAME})


class Matcher:
    """Applies rules to chunks. Pickles as its rules alone; everything else is made where it is used."""

    def __init__(self, rules: RuleSet, engine: str = "auto") -> None:
        self.rules = rules
        self.engine = engine
        self._sieve: Sieve | None = None
        self.prepared = 0.0  # seconds that compiling for sifting took
        self._forget()

    def _forget(self) -> None:
        self._told: set[tuple[object, ...]] = set()
        self._seen: tuple[bytes, frozenset[int]] = (b"", frozenset())
        self._last: tuple[bytes, Iterable[tuple[int, int]]] = (b"", ())
        self._lines = Lines(self._keys_at)

    def for_bulk(self, size: int) -> Matcher:
        """The same matcher for that many bytes of work, which is much: it need not find that out, and has a sieve
        where it has been compiled, or where compiling it pays."""
        made = Matcher(self.rules, "bulk") if self.engine == "auto" else self
        made.sieve(compile_now=size > _WORTH_COMPILING)
        if made is not self:
            self.prepared += made.prepared
        return made

    def __getstate__(self) -> tuple[RuleSet, str]:
        return self.rules, self.engine

    def __setstate__(self, state: tuple[RuleSet, str]) -> None:
        self.rules, self.engine = state
        self._sieve = None
        self.prepared = 0.0
        self._forget()
        if self.engine == "bulk":
            self.sieve(compile_now=False)

    @cached_property
    def _tables(self) -> Tables:
        return Tables(self.rules)

    @cached_property
    def _prefilter(self) -> Prefilter:
        return prefilter([text for text, _ in self._tables.keywords], self.engine)

    # --- finding ---

    def find(self, chunk: Chunk) -> Iterator[Finding]:
        """The chunk's findings, in order of place."""
        data = chunk.data
        end = len(data) if chunk.end < 0 else chunk.end
        if not chunk.previous:
            self._told = set()
        if self._nothing(chunk, end):
            return
        for hit in self.hits(data, chunk.start, end, chunk.origin.path, chunk.previous or b""):
            inside = hit.start < max(end, chunk.start + 1) and hit.end > chunk.start
            rule = hit.attempt.rule
            if not inside or rule.id not in self.rules.selected or (rule.whole and chunk.origin.kind in _NAMES):
                continue
            if chunk.previous is None or self._is_news(chunk, hit):
                yield self._finding(chunk, hit)

    def _is_news(self, chunk: Chunk, hit: Hit) -> bool:
        """Whether no newer version of the content had this key in the same words. One that had is the one that is
        reported, and tells where else the key is to be looked for."""
        key = hit.data[hit.attempt.start : hit.attempt.end]
        about = hit.attempt.rule.id, key, _secret(hit), chunk.data[hit.start : hit.end], hit.decoded
        if hit.attempt.rule.parts or about not in self._told:
            self._told.add(about)
            return True
        return False

    def _nothing(self, chunk: Chunk, end: int) -> bool:
        """A quick look, which most content needs no more than: whether no key can be there.

        The window of changed content has NEAR bytes around what changed, so the look need go no farther; only what
        competes for a key's bytes may stand outside. In whole content without a keyword there is nothing to try.
        """
        data, path = chunk.data, chunk.origin.path
        if chunk.previous is not None:
            return not self._holds(data, chunk.start, end, path, chunk.previous)
        if chunk.start > NEAR or end + NEAR < len(data) or (len(data) <= SMALL and self._tables.whole(path)):
            return False
        if self._sieve is not None and len(data) <= _SIEVED and not self._suspicion.reads(path):
            return not self._sieve.could_hold(data)
        owners = self._tables.at(path)[0]
        self._last = data, list(self._prefilter.hits(data, 0, len(data)))
        return not any(owners[number] for number, _ in self._last[1]) and not any(decode.views(data, 0, len(data)))

    def _holds(self, data: bytes, start: int, end: int, path: str, previous: bytes) -> bool:
        """Whether a window holds a key of any rule. The loop that most of a history goes through."""
        known: Windows = {}
        found = len(data) <= SMALL and bool(self._tables.whole(path))
        for probe, keyword, at in self.places(data, start, end, previous, path, EDGE):  # to its end: it remembers
            if not found and probe.worth(data, keyword, at):
                found = any(self._passes(probe, data, one, path) for one in probe.attempts(data, keyword, at, known))
        if found:
            return True
        views = decode.views(data, max(0, start - EDGE), min(len(data), end + EDGE))
        return any(True for view in views for _ in self._inside(view, path, 0))

    # --- sifting ---

    def sieve(self, *, compile_now: bool) -> Sieve | None:
        """A quick answer to what could hold a key, for much content; None where it cannot be had (the engine), or would
        have to be compiled first and may not."""
        if self.engine == "aho":
            return None
        if self._sieve is None:
            try:
                from scanner.sieve import sieve  # noqa: PLC0415 - for bulk work only, and with the optional engine
            except ImportError:
                return None
            begin = perf_counter()
            self._sieve = sieve(self._suspicion, compile_now=compile_now)
            self.prepared += perf_counter() - begin
        return self._sieve

    @cached_property
    def _suspicion(self) -> Suspicion:
        return Suspicion(self.rules, self._tables, self._prefilter)

    @cached_property
    def digests(self) -> dict[str, str]:
        """The rules that are sifted for, by id, each with what changes when it does."""
        return {rule.id: rule.digest for rule in self._suspicion.wanted}

    def only(self, rules: frozenset[str]) -> Matcher:
        """A matcher that finds the same of these rules (their ids), and nothing of others."""
        return Matcher(RuleSet(self.rules, self.rules.selected & rules), self.engine)

    def could_report(self, rule_id: str, places: int, path: str) -> bool:
        """Whether what could be a key of the rule in these places could be one in content of that path."""
        return self.rules.by_id[rule_id].applies_to(path) and bool(places >> place_of(path) & 1)

    def reads_whole(self, path: str) -> bool:
        """Whether files of that path are not sifted, but read."""
        return self._suspicion.reads(path)

    @staticmethod
    def _passes(probe: Probe, data: bytes, attempt: Attempt, path: str | None) -> bool:
        return bool(probe.sample(data, attempt)) or next(probe.objections(data, attempt, path or ""), None) is None

    def hits(
        self, data: bytes, start: int, end: int, path: str | None = None, previous: bytes | None = None
    ) -> list[Hit]:
        """The keys that touch data[start:end], the most specific where several rules claim the same bytes, by place.

        Without a path, rules that look at certain files only look at this, too: what is shown must hide everything.
        """
        return settle(self._confirmed(data, start, end, path, 0, previous))

    def _keys_at(self, data: bytes, start: int, end: int, path: str | None) -> tuple[list[Hit], list[Hit]]:
        return self.hits(data, start, end, path), list(self._confirmed(data, start, end, None, 0))

    def _confirmed(
        self,
        data: bytes,
        start: int,
        end: int,
        path: str | None,
        depth: int,
        previous: bytes | None = None,
        margin: int = NEAR,
    ) -> Iterator[Hit]:
        for attempt, probe in self._attempts(data, start, end, path, previous, margin):
            sample = probe.sample(data, attempt)
            if sample or next(probe.objections(data, attempt, path or ""), None) is None:
                yield Hit(attempt, data, attempt.start, attempt.end, attempt.secret_start, attempt.secret_end, sample)
        if depth < DEPTH:
            low, high = max(0, start - margin), min(len(data), end + margin)
            for view in decode.views(data, low, high):
                yield from self._inside(view, path, depth)

    def _inside(self, view: decode.View, path: str | None, depth: int) -> Iterator[Hit]:
        for hit in settle(self._confirmed(view.data, 0, len(view.data), path, depth + 1)):
            start, end = view.span(hit.start, hit.end)
            secret_start, secret_end = view.span(hit.secret_start, hit.secret_end)
            names = (view.name, *hit.decoded)
            yield Hit(hit.attempt, hit.data, start, end, secret_start, secret_end, hit.sample, names, view)

    def _attempts(
        self, data: bytes, start: int, end: int, path: str | None, previous: bytes | None, margin: int
    ) -> Iterator[tuple[Attempt, Probe]]:
        if len(data) <= SMALL:
            yield from ((attempt, probe) for probe in self._tables.whole(path) for attempt in probe.whole(data))
        seen: set[tuple[str, int, int]] = set()
        known: Windows = {}
        for probe, keyword, at in self.places(data, start, end, previous, path, margin):
            if not probe.worth(data, keyword, at):
                continue
            for attempt in probe.attempts(data, keyword, at, known):
                place = (probe.rule.id, attempt.start, attempt.end)
                if place not in seen:
                    seen.add(place)
                    yield attempt, probe

    def places(
        self,
        data: bytes,
        start: int,
        end: int,
        previous: bytes | None = None,
        path: str | None = None,
        margin: int = NEAR,
        outside: frozenset[int] | None = None,
    ) -> Iterator[tuple[Probe, Keyword, int]]:
        """Where a rule's keyword stands, near enough to data[start:end] to matter.

        `previous` is the content before this one ("" for none) when this is content to be remembered in its turn.
        `outside` tells which far-reaching keywords may stand farther away, where that is known.
        """
        low, high = max(0, start - margin), min(len(data), end + margin)
        owners, far = self._tables.at(path)
        present: set[int] = set()
        before, hits = self._last
        if before is not data or low or high < len(data):
            hits = self._prefilter.hits(data, low, high)
        self._last = b"", ()
        for number, at in hits:
            present.add(number)
            for probe, keyword in owners[number]:
                yield probe, keyword, at
        if low > 0 or high < len(data):
            known = self._known_far(data, previous) if outside is None else outside
            present |= known
            chosen = {number: far[number] for number in known & far.keys()}
            yield from distant(chosen, self._prefilter.hits, data, (start, end), (low, high))
        if previous is not None:
            self._seen = data, frozenset(present & self._tables.far.keys())

    def _known_far(self, data: bytes, previous: bytes | None) -> frozenset[int]:
        """The far-reaching keywords that may stand outside of a window: those of the content scanned just before,
        when this is a version of it, and otherwise all."""
        before, present = self._seen
        if previous is not None and (before is data or before is previous):
            return present
        return frozenset(self._tables.far)

    # --- telling ---

    def _finding(self, chunk: Chunk, hit: Hit) -> Finding:
        attempt, rule = hit.attempt, hit.attempt.rule
        key = hit.data[attempt.start : attempt.end]
        secret = _secret(hit)
        name = attempt.name if rule.context else assigned_name(hit.data, attempt.start)
        near = self._parts(chunk, hit) if rule.parts else {}
        said = _claims(rule, key)
        absorbed = [one.hit for part, one in near.items() if part.absorb and one.hit is not None]
        return Finding(
            rule_id=rule.id,
            provider=rule.provider,
            title=rule.name,
            severity=rule.severity_in(attempt.environment),
            confidence=_surest(Probe(rule).confidence(hit.data, attempt, chunk.origin.path), absorbed),
            secret=Secret(secret),
            masked=masked_key(key, attempt),
            location=locate(chunk, hit.start, hit.end),
            origin=chunk.origin,
            environment=attempt.environment,
            variable=self.variable(hit.data, attempt.start, name or b""),
            text=self._line(chunk, hit),
            entropy=round(entropy(secret), 2),
            decoded=hit.decoded,
            sample=hit.sample,
            allow=self._allow(chunk.data, hit),
            key=Secret(key),
            parts=tuple((part.name, Secret(one.value)) for part, one in near.items()),
            absorbed=tuple((one.attempt.rule.id, Secret(_secret(one))) for one in absorbed),
            facts=(
                *((part.name, show(one.value)) for part, one in near.items() if part.shown),
                *((name, self.mask(text)) for name, text in said.facts),
            ),
            expires=said.expires,
            record=record_at(chunk.data, hit.start, hit.end) if chunk.origin.kind is Kind.LOG else None,
            marks=marks(chunk.data, hit.start, hit.end),
        )

    def _parts(self, chunk: Chunk, hit: Hit) -> dict[Part, parts.Found]:
        """The other values that the key needs, where they stand near it."""
        path = chunk.origin.path
        places = [parts.Place(chunk.data, hit.start, hit.end)]
        if hit.decoded:
            places.insert(0, parts.Place(hit.data, hit.attempt.start, hit.attempt.end))
        look: parts.Look = lambda data, start, end: self.hits(data, start, end, path)  # noqa: E731
        found = {part: parts.find(part, places, look) for part in hit.attempt.rule.parts}
        return {part: one for part, one in found.items() if one is not None}

    def variable(self, data: bytes, start: int, name: bytes, extra: Spans = ()) -> str:
        """The name that the key at `start` is assigned to; none when it tells nothing, or is a piece of a key (or of an
        extra stretch) that stands before."""
        first = data.rfind(name, max(0, start - 2 * LOOK_BACK), start)
        if len(name) < 2 or first < 0 or reads_as_prose(data, start, name):
            return ""
        last = first + len(name)
        if any(begin < last and end > first for begin, end in self._hidden(data, first, last, None, extra)):
            return ""
        return self.mask(show(name))

    def _line(self, chunk: Chunk, hit: Hit) -> str:
        """The line of a key with every key on it masked, shortened around the key."""
        if hit.decoded[:1] == ("utf-16",) and len(hit.decoded) == 1:
            data, start, end = hit.data, hit.attempt.start, hit.attempt.end
        else:
            data, start, end = chunk.data, hit.start, hit.end
        first = max(data.rfind(b"\n", max(0, start - SHOWN), start) + 1, start - SHOWN, 0)
        last = data.find(b"\n", start, end + SHOWN)
        last = min(len(data), end + SHOWN) if last < 0 else last
        return self.masked(data, first, last, chunk.origin.path).strip("\r\n")

    def masked(self, data: bytes, first: int, last: int, path: str | None, extra: Spans = ()) -> str:
        """data[first:last] as it may be shown: every secret in it, and every extra stretch, masked."""
        return masked(data, first, last, self._hidden(data, first, last, path, extra))

    def _hidden(self, data: bytes, first: int, last: int, path: str | None, extra: Spans = ()) -> list[tuple[int, int]]:
        """Every secret around data[first:last], also where one stands a second time and is cut by an end, and also
        what only another rule takes for one (a rule for other files, say), save the public part of a key."""
        keys, any_rule = self._lines.around(data, first, last, path)
        claimed = [(hit.start, hit.end) for hit in keys]
        others = [(hit.secret_start, hit.secret_end) for hit in any_rule]
        spans = [*((hit.secret_start, hit.secret_end) for hit in keys), *outside(others, claimed), *extra]
        secrets = [data[start:end] for start, end in spans]
        secrets += [hit.data[hit.attempt.secret_start : hit.attempt.secret_end] for hit in keys if hit.decoded]
        return joined([*spans, *repeated(data, first, last, secrets)])

    def mask(self, text: str) -> str:
        """The text with every secret in it masked. For names, paths and messages that a report shows."""
        data = text.encode("utf-8", "surrogateescape")
        return self.masked(data, 0, len(data), None) if self.hits(data, 0, len(data)) else text

    def _allow(self, data: bytes, hit: Hit) -> Allow | None:
        first = max(0, data.rfind(b"\n", max(0, hit.start - 4096), hit.start) + 1, hit.start - 4096)
        for edge in (hit.start, hit.end):
            last = data.find(b"\n", edge, edge + 4096)
            found = _ALLOW.search(data, first, min(len(data), edge + 4096) if last < 0 else last)
            if found is not None:
                own = [(hit.secret_start, hit.secret_end)]
                said = self.masked(data, found.start(2), found.end(2), None, own)  # where it stands: it may be cut
                rule_id, reason = show(found.group(1) or b""), said.strip(" \t-:*/>#\r")
                word, _, rest = reason.partition(" ")
                if not rule_id and (word in self.rules.by_id or word in self._providers):
                    rule_id, reason = word, rest.strip(" -:")
                return Allow(rule_id, reason)
        return None

    @cached_property
    def _providers(self) -> frozenset[str]:
        return frozenset(rule.provider for rule in self.rules)


def _secret(hit: Hit) -> bytes:
    return hit.data[hit.attempt.secret_start : hit.attempt.secret_end]


def _claims(rule: Rule, key: bytes) -> Claims:
    """What the key says of itself, where it is of a kind that does."""
    if ("jwt", True) not in rule.checks:
        return Claims()
    return web_token(key)


def _surest(own: Confidence, absorbed: Iterable[Hit]) -> Confidence:
    """A pair is as sure as the surer of its halves."""
    return min((own, *(hit.attempt.rule.confidence for hit in absorbed)), key=lambda one: one.rank)


_ALLOW = re.compile(rb"keysweep:[ ]?allow(?:\[([a-z0-9*-]{1,80})\])?([^\n]{0,200})")
