"""Confirmed keys: who keeps which bytes, where they stand, and how they are shown."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from scanner.models import MASK, NEAR, Chunk, Location
from scanner.probe import Attempt, specificity


@dataclass(frozen=True, slots=True)
class Hit:
    """A confirmed key: in which bytes it was found, and the stretch of the chunk's own data it takes up. Keys of one
    `view` (an encoded stretch that was decoded) all take up all of it."""

    attempt: Attempt
    data: bytes
    start: int
    end: int
    secret_start: int
    secret_end: int
    sample: str = ""
    decoded: tuple[str, ...] = ()
    view: object = None


def settle(hits: Iterable[Hit]) -> list[Hit]:
    """One hit for each stretch of bytes, by place: where stretches overlap, the most specific rule keeps it."""
    kept: list[tuple[int, int, Hit]] = []
    for hit in sorted(hits, key=_claim):
        at = bisect_left(kept, hit.end, key=lambda item: item[0])
        if at == 0 or kept[at - 1][1] <= hit.start or _beside(kept[at - 1][2], hit):
            kept.insert(at, (hit.start, hit.end, hit))
    return [hit for _, _, hit in kept]


def _beside(one: Hit, other: Hit) -> bool:
    """Whether both were found in one encoded stretch, and so side by side: there they have been settled already."""
    return one.view is not None and one.view is other.view and (one.start, one.end) == (other.start, other.end)


def _claim(hit: Hit) -> tuple[object, ...]:
    """A key in disguise that is only known by its context comes last: the text around it is not its own."""
    return bool(hit.decoded) and hit.attempt.rule.context, specificity(hit.attempt)


def outside(spans: Iterable[tuple[int, int]], claimed: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """What of the spans stands outside of the claimed stretches (in order, none overlapping)."""
    left: list[tuple[int, int]] = []
    for begin, stop in spans:
        at = begin
        for start, end in claimed[bisect_right(claimed, begin, key=lambda span: span[1]) :]:
            if start >= stop:
                break
            left.append((at, start))
            at = max(at, end)
        left.append((at, stop))
    return [(start, end) for start, end in left if start < end]


def joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans in order, those that touch made one."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


class Lines:
    """The keys on and near some lines, and all that a rule for files of other paths may take for one. `find` looks for
    both. Where one finding stands beside another, the lines of many are looked at together."""

    def __init__(self, find: Callable[[bytes, int, int, str | None], tuple[list[Hit], list[Hit]]]) -> None:
        self._find = find
        self._data = b""
        self._known: dict[str | None, tuple[int, int, list[Hit], list[Hit]]] = {}

    def around(self, data: bytes, first: int, last: int, path: str | None) -> tuple[list[Hit], list[Hit]]:
        """What stands on, or not far from, data[first:last]."""
        if self._data is not data:
            self._data, self._known = data, {}
        low, high, keys, others = self._known.get(path, (-1, -1, [], []))
        if not low <= first <= last <= high:
            low, high = first, min(len(data), last + _TOGETHER) if path in self._known else last
            keys, others = self._find(data, low, high, path)
            self._known[path] = low, high, keys, others
        return _near(keys, first, last), _near(others, first, last)


def _near(hits: Iterable[Hit], first: int, last: int) -> list[Hit]:
    begin, end = first - NEAR, last + NEAR
    return [hit for hit in hits if hit.end > begin and hit.start < end]


_TOGETHER = 4096


def repeated(data: bytes, first: int, last: int, secrets: Iterable[bytes]) -> Iterator[tuple[int, int]]:
    """Where the secrets stand in full, some of it within data[first:last]. A very short one is not looked for: it
    would black out ordinary words."""
    for secret in {secret for secret in secrets if len(secret) >= _WORTH_REPEATING}:
        low, high = max(0, first - len(secret) + 1), last + len(secret) - 1
        at = data.find(secret, low, high)
        while at >= 0:
            yield at, at + len(secret)
            at = data.find(secret, at + 1, high)


_WORTH_REPEATING = 4


def masked(data: bytes, first: int, last: int, spans: Iterable[tuple[int, int]]) -> str:
    """data[first:last] as text, a mask for each stretch of the spans."""
    out, at = [], first
    for start, end in joined(spans):
        if end > first and start < last:
            out += [data[at : max(at, start)], MASK.encode()]
            at = max(at, end)
    out.append(data[at:last] if at < last else b"")
    return show(b"".join(out))


def masked_key(key: bytes, attempt: Attempt) -> str:
    """The key as it may be shown: what stands beside its secret, shortened, and a mask."""
    start, end = attempt.secret_start - attempt.start, attempt.secret_end - attempt.start
    return f"{show(key[:start])[:80]}{MASK}{show(key[end:])[:80]}"


def show(text: bytes) -> str:
    """Bytes as text for people."""
    return text.decode("utf-8", "replace")


def locate(chunk: Chunk, start: int, end: int) -> Location:
    """Offsets, lines and columns of chunk.data[start:end] in the whole content."""
    data = chunk.data
    line, column = _position(chunk, start)
    stop = end - 1 if end > start and data[end - 1 : end] == b"\n" else end
    end_line, end_column = _position(chunk, stop)
    return Location(chunk.origin.path, chunk.offset + start, chunk.offset + end, line, column, end_line, end_column)


def _position(chunk: Chunk, at: int) -> tuple[int, int]:
    newlines = chunk.data.count(b"\n", 0, at)
    first = chunk.data.rfind(b"\n", 0, at) + 1
    characters = len(chunk.data[first:at].decode("utf-8", "ignore")) if at - first < 1 << 20 else at - first
    return chunk.line + newlines, (1 if newlines else chunk.column) + characters
