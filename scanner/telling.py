"""What is told of confirmed keys: findings, and the texts around them with every key masked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cached_property

from scanner import parts
from scanner.checks import entropy
from scanner.claims import Claims, web_token
from scanner.hits import Hit, Lines, joined, locate, masked, masked_key, outside, repeated, show
from scanner.log_record import record_at
from scanner.models import Allow, Chunk, Confidence, Finding, Kind, Secret
from scanner.naming import LOOK_BACK, assigned_name, reads_as_prose
from scanner.probe import Probe
from scanner.rivals import marks
from scanner.rule import Part, Rule, RuleSet

Spans = Iterable[tuple[int, int]]

SHOWN = 120
"""How many bytes of a line are shown on each side of a key."""


class Teller:
    """Makes findings of keys, and texts that may be shown of content.

    `hits` gives the keys that touch a stretch of some bytes, for a path (None for any): the most specific of each
    place. `all_hits` gives these, and whatever any rule may take for a key there.
    """

    def __init__(
        self,
        rules: RuleSet,
        hits: Callable[[bytes, int, int, str | None], list[Hit]],
        all_hits: Callable[[bytes, int, int, str | None], tuple[list[Hit], list[Hit]]],
    ) -> None:
        self._rules, self._hits = rules, hits
        self._lines = Lines(all_hits)

    def finding(self, chunk: Chunk, hit: Hit) -> Finding:
        """The finding of a key of the chunk."""
        attempt, rule = hit.attempt, hit.attempt.rule
        key = hit.data[attempt.start : attempt.end]
        secret = secret_of(hit)
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
            absorbed=tuple((one.attempt.rule.id, Secret(secret_of(one))) for one in absorbed),
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
        look: parts.Look = lambda data, start, end: self._hits(data, start, end, path)  # noqa: E731
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
        return self.masked(data, 0, len(data), None) if self._hits(data, 0, len(data), None) else text

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
                if not rule_id and (word in self._rules.by_id or word in self._providers):
                    rule_id, reason = word, rest.strip(" -:")
                return Allow(rule_id, reason)
        return None

    @cached_property
    def _providers(self) -> frozenset[str]:
        return frozenset(rule.provider for rule in self._rules)


def secret_of(hit: Hit) -> bytes:
    """The secret itself, as it stands where it was found: never to be shown."""
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


__all__ = ["SHOWN", "Teller", "secret_of"]
