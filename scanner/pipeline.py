"""The way from a source to a result: split, read, match, gather, put in order, mask."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from scanner.errors import KeysweepError, SourceError
from scanner.models import Chunk, Finding, Kind, Note, Origin, Parcel, ScanResult, Skipped, Stats, merge
from scanner.parts import absorb
from scanner.scrub import scrub
from scanner.sources.interface import Siftable, Sifting, Source, Weighed

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from scanner.memory import Memory

Progress = Callable[[int, int, int], None]
"""Called with the bytes scanned, the parts done and the parts there are."""

Found = Callable[[Sequence[Finding]], None]
"""Called with findings while a scan goes on."""

SMALL = 8 * 1024 * 1024
"""Work below this many bytes is done before worker processes would have started."""

INTERRUPTED = "the scan"
"""What a result names as not read when somebody stopped it."""

_PARTS_A_JOB = 8  # enough that no worker waits long for the last one, few enough to cost nothing
_PART = 4 * 1024 * 1024  # large work is cut finer, so that its progress can be told
_DIED = "a worker process died while reading it"


class Matching(Protocol):
    """What the pipeline asks of a matcher. It is sent to worker processes once each."""

    def find(self, chunk: Chunk) -> Iterator[Finding]:
        """The findings that touch the chunk's window."""

    def mask(self, text: str) -> str:
        """The text with every key in it masked."""


@runtime_checkable
class Growing(Protocol):
    """A matcher that has another form for much work."""

    def for_bulk(self, size: int) -> Matching:
        """One that finds the same, made for so many bytes, which is much work."""


def scan(
    source: Source,
    matcher: Matching,
    *,
    jobs: int = 1,
    executor: Executor | None = None,
    progress: Progress | None = None,
    found: Found | None = None,
    memory: Memory | None = None,
) -> ScanResult:
    """Scans a source and tells all that was found and all that was not read, in an order that never changes.

    With more than one job, and enough to do, parts of the source are scanned in worker processes, or by
    `executor` where one is given. Raises `SourceError` when the source cannot be opened at all; anything that
    goes wrong afterwards (an item, a part, a worker, Ctrl-C) is `Skipped` in the result.

    `found` is told findings as they come, those of one content or part together, here, in this process, before they are
    located and masked. It must not wait for anything. `memory` tells what earlier scans need not read again.
    """
    gathered = _Gathered(progress, found)
    try:
        _run(source, matcher, jobs, executor, gathered, memory)
    except KeyboardInterrupt:
        gathered.interrupted()
    return scrub(_located(source, absorb(gathered.result())), matcher.mask)


@dataclass(frozen=True, slots=True)
class _Done:
    """What came of one part, in the form that crosses a process border."""

    parcel: Parcel
    skipped: tuple[Skipped, ...]
    stats: Stats
    notes: tuple[str, ...]


class _Tally:
    """Reads one part and counts; what it has so far is never lost."""

    def __init__(
        self,
        matcher: Matching,
        tick: Callable[[int], None] | None = None,
        found: Found | None = None,
    ) -> None:
        self._matcher, self._tick, self._found = matcher, tick, found
        self._findings: list[Finding] = []
        self._skipped: list[Skipped] = []
        self._notes: list[str] = []
        self._stats = Stats()
        self._origin: Origin | None = None

    def read(self, part: Source, *, whole: bool = False) -> None:
        """Scans all of a part. An error in one chunk costs that content, an error in the part the rest of it;
        either is `Skipped`. Only the `SourceError` of a whole source is raised."""
        try:
            for item in part.chunks():
                self._take(item)
                del item  # a chunk can be large: let go of it before the next one is read
        except KeysweepError as error:
            if whole and isinstance(error, SourceError):
                raise
            self._skipped.append(Skipped(_name(part), str(error)))
        except Exception as error:  # a bug in a source, or no memory left
            self._skipped.append(Skipped(_name(part), f"reading stopped before its end: {type(error).__name__}"))

    def done(self) -> _Done:
        parcel = Parcel(tuple(self._findings))
        return _Done(parcel, tuple(self._skipped), self._stats, tuple(self._notes))

    def _take(self, item: Chunk | Skipped | Note) -> None:
        if isinstance(item, Skipped):
            self._skipped.append(item)
        elif isinstance(item, Note):
            self._notes.append(item.text)
        else:
            self._match(item)

    def _match(self, chunk: Chunk) -> None:
        before = len(self._findings)
        try:
            self._findings.extend(self._matcher.find(chunk))
        except Exception as error:  # its text is not shown: it could quote what was scanned
            what = chunk.origin.path or chunk.origin.kind
            self._skipped.append(Skipped(what, f"matching failed: {type(error).__name__}"))
        if self._found and len(self._findings) > before:
            self._found(self._findings[before:])
        self._stats += _stats_of(chunk, self._origin)
        self._origin = chunk.origin
        if self._tick:
            self._tick(self._stats.size)


def _stats_of(chunk: Chunk, before: Origin | None) -> Stats:
    """One content may come in several chunks, one after the other."""
    if chunk.origin.kind is Kind.PATH_NAME:
        return Stats()
    end = len(chunk.data) if chunk.end < 0 else chunk.end
    another = chunk.origin != before and chunk.offset == 0
    commits = int(another and chunk.origin.kind is Kind.COMMIT_MESSAGE)
    size = end - (0 if another else chunk.start)
    if chunk.previous is not None:  # a version of a file: read as a whole, though only what changed is looked at
        size = len(chunk.data) if another else 0
    return Stats(contents=int(another), size=size, commits=commits)


class _Gathered:
    """What the parts brought, in the parent."""

    def __init__(self, progress: Progress | None, found: Found | None = None) -> None:
        self._progress, self._found = progress, found
        self._results: dict[tuple[object, ...], Finding] = {}
        self._rest = ScanResult()
        self._tally: _Tally | None = None
        self._parts_done = self._parts = self._looked = 0

    def expect(self, parts: int) -> None:
        """So many parts are to be read."""
        self._parts = self._parts_done + parts

    def sifted(self, size: int, parts: int) -> None:
        """One more of so many parts was looked through, this many bytes."""
        self._parts, self._parts_done, self._looked = parts, self._parts_done + 1, self._looked + size
        self._tick(0)

    def pass_over(self, stats: Stats) -> None:
        """What sifting has read, and nobody needs to read again."""
        self._looked = 0
        self._rest = merge([self._rest, ScanResult(stats=stats)])

    def tally(self, matcher: Matching) -> _Tally:
        """A tally for a part that is read here, so that an interruption does not lose what it has."""
        self._tally = _Tally(matcher, self._tick if self._progress else None, self._found)
        return self._tally

    def take(self, done: _Done) -> None:
        """One more part is done."""
        if self._found and self._tally is None and done.parcel.findings:  # read elsewhere: nobody has told it yet
            self._found(done.parcel.findings)
        self._tally = None
        self._parts_done += 1
        self._add(done)
        self._tick(0)

    def interrupted(self) -> None:
        """Adds what a part had brought that was being read, and says that there is more."""
        if self._tally:
            self._add(self._tally.done())
        parts = f"{self._parts_done} of {self._parts or '?'} parts were read"
        self._rest = merge([self._rest, ScanResult(skipped=(Skipped(INTERRUPTED, f"interrupted: {parts}"),))])

    def result(self) -> ScanResult:
        return merge([self._rest, ScanResult(findings=tuple(self._results.values()))])

    def _add(self, done: _Done) -> None:
        for found in done.parcel.findings:
            at = found.location
            self._results.setdefault((found.rule_id, at.path, at.start, at.end, found.origin, found.secret), found)
        self._rest = merge([self._rest, ScanResult(skipped=done.skipped, stats=done.stats, notes=done.notes)])

    def _tick(self, more: int) -> None:
        if self._progress:
            self._progress(self._rest.stats.size + self._looked + more, self._parts_done, self._parts)


def _run(
    source: Source,
    matcher: Matching,
    jobs: int,
    executor: Executor | None,
    gathered: _Gathered,
    memory: Memory | None,
) -> None:
    if executor is None and isinstance(source, Siftable) and isinstance(matcher, Sifting):
        from scanner.sifting import sift  # noqa: PLC0415 - for whole histories only

        gathered.pass_over(sift(source, matcher, jobs, gathered.sifted, memory))
    weight = source.weight() if isinstance(source, Weighed) else 0
    small = isinstance(source, Weighed) and weight < SMALL
    if executor is None and (jobs < 2 or small):
        parts = source.partitions(1)
        gathered.expect(len(parts))
        _read_here(parts, source, matcher, gathered)
        return
    parts = _largest_first(source.partitions(jobs * min(64, max(_PARTS_A_JOB, weight // (jobs * _PART)))))
    gathered.expect(len(parts))
    if len(parts) == 1:
        _read_here(parts, source, matcher, gathered)
    elif executor is not None:
        _read_apart(parts, source, matcher, gathered, lambda: nullcontext(executor), jobs)
    else:
        from scanner.executor import local_pool  # noqa: PLC0415 - 10 ms of imports that a hook does not need

        bulk = matcher.for_bulk(weight) if isinstance(matcher, Growing) else matcher
        _read_apart(parts, source, bulk, gathered, lambda: local_pool(jobs, bulk), jobs)


def _read_here(parts: Sequence[Source], source: Source, matcher: Matching, gathered: _Gathered) -> None:
    def read(part: Source) -> _Done:
        tally = gathered.tally(matcher)
        tally.read(part, whole=part is source)
        return tally.done()

    for part in parts:
        gathered.take(read(part))


def _read_apart(
    parts: Sequence[Source],
    source: Source,
    matcher: Matching,
    gathered: _Gathered,
    open_pool: Callable[[], AbstractContextManager[Executor] | None],
    jobs: int,
) -> None:
    """Reads parts in other processes. A process that dies takes its pool along, and every part that was begun
    in it: what was not begun goes to a new pool, what was begun is read again, alone."""
    from scanner import executor as executors  # noqa: PLC0415 - see above

    suspects: list[Source] = []
    while parts and (pool := open_pool()):
        waiting: list[Source] = []
        with pool as running:
            work = _read_shared if isinstance(running, executors.LocalPool) else partial(_read, matcher)
            for part, future in executors.completed(running, work, parts, ahead=2 * jobs):
                error = future.exception()
                if error is None:
                    gathered.take(future.result())
                elif isinstance(error, executors.NotStartedError):
                    waiting.append(part)
                else:
                    suspects.append(part)
        if len(waiting) == len(parts):
            break  # no process can be had
        parts = waiting
    _read_here(parts, source, matcher, gathered)
    for part in suspects:
        _read_alone(part, matcher, gathered)


def _read_alone(part: Source, matcher: Matching, gathered: _Gathered) -> None:
    """Reads a part that a process died of, in a process of its own, halving it to single out the culprit."""
    waiting = [part]
    results: list[_Done] = []
    while waiting:
        piece = waiting.pop()
        done = _read_in_one_process(piece, matcher)
        halves = () if done else piece.partitions(2)
        if len(halves) > 1:
            waiting.extend(halves)
        else:
            results.append(done or _Done(Parcel(()), (Skipped(_name(piece), _DIED),), Stats(), ()))
    gathered.take(_joined(results))


def _read_in_one_process(part: Source, matcher: Matching) -> _Done | None:
    from scanner import executor as executors  # noqa: PLC0415 - see above

    pool = executors.local_pool(1, matcher)
    if pool is None:
        return None
    with pool:
        for _, future in executors.completed(pool, _read_shared, [part], ahead=1):
            if future.exception() is None:
                return future.result()
    return None


def _read(matcher: Matching, part: Source) -> _Done:
    tally = _Tally(matcher)
    tally.read(part)
    return tally.done()


def _read_shared(part: Source) -> _Done:
    from scanner.executor import shared  # noqa: PLC0415 - see above

    return _read(shared(), part)


def _joined(results: Sequence[_Done]) -> _Done:
    return _Done(
        Parcel(tuple(found for done in results for found in done.parcel.findings)),
        tuple(item for done in results for item in done.skipped),
        sum((done.stats for done in results), Stats()),
        tuple(note for done in results for note in done.notes),
    )


def _largest_first(parts: Sequence[Source]) -> Sequence[Source]:
    """So that a large part, begun last, does not keep all the others waiting."""
    return sorted(parts, key=lambda part: part.weight() if isinstance(part, Weighed) else 0, reverse=True)


def _name(part: Source) -> str:
    """What a part is called when it was not read. A part without a `__str__` of its own has no good name."""
    return f"a part of the source ({type(part).__name__})" if type(part).__str__ is object.__str__ else str(part)


def _located(source: Source, result: ScanResult) -> ScanResult:
    """The result with who, when and where. When they cannot be had, the findings remain, and the result says it."""
    if not result.findings:
        return result
    try:
        return replace(result, findings=tuple(source.locate(result.findings)))
    except KeyboardInterrupt:
        reason = "interrupted"
    except KeysweepError as error:
        reason = str(error)
    except Exception as error:  # a bug there must not cost the findings
        reason = f"it failed: {type(error).__name__}"
    return merge([result, ScanResult(skipped=(Skipped("who brought the keys in, and when", reason),))])


__all__ = ["INTERRUPTED", "SMALL", "Found", "Matching", "Progress", "scan"]
