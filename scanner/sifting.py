"""Looking through a history's packs first, so that only what could hold a key is read version by version."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, as_completed

from scanner.executor import LocalPool, Serial, local_pool, shared
from scanner.models import Stats
from scanner.sources.interface import Looking, Piece, Siftable, Sifting, Traces

_PARTS_A_JOB = 8
_WORTH_COMPILING = 8 * 1024 * 1024
"""From so many bytes of packs on it pays to compile all rules for looking (some seconds, once for each user)."""

Tick = Callable[[int, int], None]
"""Called for each part that was looked through with its bytes, and the number of parts there are."""


def sift(source: Siftable, matcher: Sifting, jobs: int, tick: Tick) -> Stats:
    """Leaves out of the source what cannot hold a key, and tells how much that is. Whatever is in the way of it
    (another engine, odd packs, a worker that dies), the source stays whole, and is only read more slowly."""
    pieces = source.sifting(jobs * _PARTS_A_JOB)
    if not pieces:
        return Stats()
    looking = matcher.sieve(compile_now=sum(piece.size for piece in pieces) > _WORTH_COMPILING)
    if looking is None:
        return Stats()
    pool = local_pool(jobs, matcher) if jobs > 1 else None
    with pool or Serial() as running:
        traces = _run(running, source, pieces, looking, tick)
        if traces is None and pool is not None:
            pool.stop()
    return Stats() if traces is None else source.narrow(Told(traces, matcher))


class Told:
    """What sifting found out."""

    def __init__(self, traces: Traces, matcher: Sifting) -> None:
        self._traces, self._matcher = traces, matcher
        self._known: dict[tuple[str, int, str], bool] = {}

    def holds(self, raw_id: bytes, path: str) -> bool:
        """See `Telling`."""
        trace = self._traces.get(raw_id)
        return trace is not None and (not trace or any(self._reported(*one, path) for one in trace))

    def reads(self, path: str) -> bool:
        """See `Telling`."""
        return self._matcher.reads_whole(path)

    def _reported(self, rule_id: str, places: int, path: str) -> bool:
        asked = rule_id, places, path
        if asked not in self._known:
            self._known[asked] = self._matcher.could_report(*asked)
        return self._known[asked]


def _run(
    pool: Executor, source: Siftable, pieces: Sequence[Piece], looking: Looking, tick: Tick
) -> Traces | None:
    """The traces of the objects that could hold a key; None when a part could not be looked through."""
    traces: Traces = {}
    try:
        if isinstance(pool, LocalPool):
            waiting = [pool.submit(_look, piece) for piece in pieces]
        else:
            waiting = [pool.submit(piece.sift, looking) for piece in pieces]
        source.prepare()  # git enumerates meanwhile
        for future in as_completed(waiting):
            found, size = future.result()
            traces.update(found)
            tick(size, len(pieces))
    except Exception:  # a pack that is odd, or a process that died: reading it the usual way tells what is wrong
        return None
    return traces


def _look(piece: Piece) -> tuple[Traces, int]:
    matcher: Sifting = shared()
    looking = matcher.sieve(compile_now=True)
    if looking is None:
        raise RuntimeError("no engine to look with")
    return piece.sift(looking)


__all__ = ["Told", "sift"]
