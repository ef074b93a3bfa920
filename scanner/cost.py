"""What each rule costs on given content: how often it is tried, how often it fits, and the time that takes."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from scanner.matcher import Matcher
from scanner.models import Chunk
from scanner.probe import Windows


@dataclass(frozen=True, slots=True)
class Cost:
    """One rule's share. `places` are keywords that stood where the rule had to be tried, `fits` are matches of its
    pattern (before checks), `seconds` is the time of the tries."""

    rule_id: str
    places: int
    fits: int
    seconds: float


def costs(matcher: Matcher, chunks: Iterable[Chunk]) -> tuple[list[Cost], float]:
    """The costs of all rules that were tried, the dearest first, and the seconds that finding took in all."""
    tally: dict[str, list[float]] = {}
    whole = 0.0
    for chunk in chunks:
        begun = time.perf_counter()
        list(matcher.find(chunk))
        whole += time.perf_counter() - begun
        known: Windows = {}
        for probe, keyword, at in list(matcher.places(chunk.data, 0, len(chunk.data), path=chunk.origin.path)):
            begun = time.perf_counter()
            tried = probe.worth(chunk.data, keyword, at)
            fits = len(list(probe.attempts(chunk.data, keyword, at, known))) if tried else 0
            row = tally.setdefault(probe.rule.id, [0, 0, 0.0])
            row[0], row[1], row[2] = row[0] + 1, row[1] + fits, row[2] + time.perf_counter() - begun
    found = [Cost(rule_id, int(places), int(fits), seconds) for rule_id, (places, fits, seconds) in tally.items()]
    return sorted(found, key=lambda cost: (-cost.seconds, cost.rule_id)), whole
