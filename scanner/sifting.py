"""Looking through a history's packs first, so that only what could hold a key is read version by version."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from concurrent.futures import Executor, Future, as_completed
from dataclasses import dataclass, field

from scanner.executor import LocalPool, Serial, local_pool, shared
from scanner.memory import Memory
from scanner.models import Stats
from scanner.remembered import Remembered, keep, recall
from scanner.sources.interface import Looking, Piece, Siftable, Sifting, Traces

_PARTS_A_JOB = 8
_WORTH_COMPILING = 32 * 1024 * 1024
"""From so many bytes of packs on it pays to compile all rules for looking (some seconds, once for each user)."""

Tick = Callable[[int, int], None]
"""Called for each part that was looked through with its bytes, and the number of parts there are."""


def sift(source: Siftable, matcher: Sifting, jobs: int, tick: Tick, memory: Memory | None = None) -> Stats:
    """Leaves out of the source what cannot hold a key, and tells how much that is. Whatever is in the way of it
    (another engine, odd packs, a worker that dies), the source stays whole, and is only read more slowly.

    `memory` tells what earlier runs looked through, and is told of this one.
    """
    before, changed = _recalled(matcher, memory)
    first = _looked_through(source, matcher, jobs, tick, before.known, memory is not None)
    if first is None:
        return Stats()
    again = _looked_through(source, matcher.only(changed), jobs, tick, frozenset(), True) if changed else Looked()
    if again is None:
        return Stats()
    traces = dict(before.traces)
    for found in (first.traces, again.traces):
        for name, trace in found.items():
            traces[name] = trace and traces.get(name, trace) and tuple(sorted({*traces.get(name, ()), *trace}))
    # What is not here now (another repository's, in the same folder) was not looked through for the changed rules.
    names = first.names | (before.known & again.names if changed else before.known)
    if memory is not None and (first.names or changed):
        keep(memory, Remembered(dict(matcher.digests), names, traces), first.names | again.names)
    return source.narrow(Told(names, traces, matcher))


def _recalled(matcher: Sifting, memory: Memory | None) -> tuple[Remembered, frozenset[str]]:
    """What is known already, and which rules have to be looked for in it, too. When most have changed, nothing is."""
    if memory is None:
        return Remembered(), frozenset()
    before = recall(memory)
    changed = before.changed(matcher.digests)
    if 2 * len(changed) > len(matcher.digests):
        return Remembered(), frozenset()
    return before.without(changed, matcher.digests), changed


@dataclass(slots=True)
class Looked:
    """What was looked through, and the traces found in it."""

    names: set[bytes] = field(default_factory=set)
    traces: Traces = field(default_factory=dict)


def _looked_through(
    source: Siftable, matcher: Sifting, jobs: int, tick: Tick, known: Set[bytes], lasting: bool
) -> Looked | None:
    """Looks through all of the source that is not known. None when that cannot be done."""
    count = jobs * _PARTS_A_JOB
    pieces = source.sifting(count, known)
    if pieces is None:
        return None
    if not pieces and known:
        rest = source.prepare(count, known)
        if not rest:
            return Looked()
    looking = matcher.sieve(compile_now=lasting or sum(piece.size for piece in pieces) > _WORTH_COMPILING)
    if looking is None:
        return None
    pool = local_pool(jobs, matcher) if jobs > 1 else None
    with pool or Serial() as running:
        looked = _run(running, source, pieces, looking, tick, known)
        if looked is None and pool is not None:
            pool.stop()
    return looked


class Told:
    """What sifting found out of the objects of these names."""

    def __init__(self, names: Set[bytes], traces: Traces, matcher: Sifting) -> None:
        self._names, self._traces, self._matcher = names, traces, matcher
        self._known: dict[tuple[str, int, str], bool] = {}

    def holds(self, name: bytes, path: str) -> bool:
        """See `Telling`."""
        trace = self._traces.get(name)
        if trace is None:
            return name not in self._names
        return not trace or any(self._reported(*one, path) for one in trace)

    def reads(self, path: str) -> bool:
        """See `Telling`."""
        return self._matcher.reads_whole(path)

    def _reported(self, rule_id: str, places: int, path: str) -> bool:
        asked = rule_id, places, path
        if asked not in self._known:
            self._known[asked] = self._matcher.could_report(*asked)
        return self._known[asked]


def _run(
    pool: Executor, source: Siftable, pieces: Sequence[Piece], looking: Looking, tick: Tick, known: Set[bytes]
) -> Looked | None:
    """What was looked through; None when a part could not be."""

    def begin(some: Sequence[Piece]) -> list[Future[tuple[Traces, int]]]:
        if isinstance(pool, LocalPool):
            return [pool.submit(_look, piece) for piece in some]
        return [pool.submit(piece.sift, looking) for piece in some]

    looked = Looked()
    try:
        waiting = begin(pieces)
        more = source.prepare(len(pieces) or _PARTS_A_JOB, known)  # git enumerates meanwhile
        waiting += begin(more)
        for future in as_completed(waiting):
            found, size = future.result()
            looked.traces.update(found)
            tick(size, len(waiting))
        for piece in (*pieces, *more):
            looked.names.update(piece.names())
    except Exception:  # a pack that is odd, or a process that died: reading it the usual way tells what is wrong
        return None
    return looked


def _look(piece: Piece) -> tuple[Traces, int]:
    matcher: Sifting = shared()
    looking = matcher.sieve(compile_now=True)
    if looking is None:
        raise RuntimeError("no engine to look with")
    return piece.sift(looking)


__all__ = ["Told", "sift"]
