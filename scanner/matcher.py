"""Finds keys in a chunk: the prefilter says where, the rule's pattern confirms, its checks judge.

The findings of a chunk depend on its bytes and the rules only: not on the prefilter, not on how content was cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from time import perf_counter
from typing import TYPE_CHECKING

from scanner import decode
from scanner.hits import Hit, settle
from scanner.models import NEAR, Chunk, Finding, Kind
from scanner.place import place_of
from scanner.prefilter.choice import prefilter
from scanner.prefilter.interface import Prefilter
from scanner.probe import SMALL, Attempt, Probe, Windows
from scanner.rule import Keyword, RuleSet
from scanner.suspicion import DEPTH, EDGE, Suspicion
from scanner.tables import Tables, distant
from scanner.telling import Teller, secret_of

if TYPE_CHECKING:
    from scanner.sieve import Sieve

_SIEVED = 8 * 1024  # larger content mostly holds something that must be looked at closely, whatever it is
_WORTH_COMPILING = 1024 * 1024 * 1024  # takes several times as long as compiling all rules does

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
        self.teller = Teller(self.rules, self.hits, self._keys_at)

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
                yield self.teller.finding(chunk, hit)

    def _is_news(self, chunk: Chunk, hit: Hit) -> bool:
        """Whether no newer version of the content had this key in the same words. One that had is the one that is
        reported, and tells where else the key is to be looked for."""
        key = hit.data[hit.attempt.start : hit.attempt.end]
        about = hit.attempt.rule.id, key, secret_of(hit), chunk.data[hit.start : hit.end], hit.decoded
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

    def mask(self, text: str) -> str:
        """The text with every secret in it masked. For names, paths and messages that a report shows."""
        return self.teller.mask(text)

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
