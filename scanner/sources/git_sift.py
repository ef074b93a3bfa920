"""Sifting a pack: which of its objects could hold a key, told from what each delta changed.

Most versions repeat what another version holds, and a pack says exactly which bytes are new. So every object is looked
at once, around what is new in it, before anything is known of paths and commits; what could hold a key is then read
the usual way. The answer may say too much, never too little.
"""

from __future__ import annotations

from array import array
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path

from scanner.models import Suspect
from scanner.sources.git_delta import DeltaError, apply_delta, made_size
from scanner.sources.git_pack import COMMIT, KINDS, TREE, Index, OddPackError, Pack
from scanner.sources.git_parts import below_ids
from scanner.sources.git_trim import Windows, lines_around
from scanner.sources.interface import NAME, Looking, Trace, Traces

LIMIT = 16 * 1024 * 1024
"""Objects over this many bytes are not looked at here: they may hold a key."""

_DELTA = 1024 * 1024  # a delta of more bytes is as good as whole content, and costs as many steps
_KEPT = 64 * 1024 * 1024  # bytes of the bases of one object that are kept at a time
_DEEPEST = 4096  # git writes no longer chain of deltas


@dataclass(frozen=True, slots=True)
class Held:
    """What is known of a content: what in it could be keys, and which rules that look far could have begun in it.
    `unknown` when it was not looked at."""

    keys: tuple[Suspect, ...] = ()
    far: frozenset[str] = frozenset()
    unknown: bool = False


    @property
    def trace(self) -> Trace:
        """What is told of it."""
        return () if self.unknown else tuple(sorted({(key.rule_id, key.places) for key in self.keys}))


def _held(keys: list[Suspect], far: frozenset[str]) -> Held:
    different = dict.fromkeys(keys)
    if len(different) > _MANY:  # too many to look for each in all that follows: all that follows is taken to hold them
        different = dict.fromkeys(Suspect(b"", key.rule_id, key.places) for key in keys)
    return Held(tuple(different), far)


_MANY = 200
NOTHING = Held()
UNKNOWN = Held(unknown=True)


@dataclass(frozen=True, slots=True)
class SiftPart:
    """Some families of one pack: an object that is kept whole, and all that are deltas of it, each behind its base.

    For each object its raw id, where it begins and ends, and how many bases it is built on.
    """

    path: Path
    width: int
    ids: bytes
    starts: array[int]
    ends: array[int]
    depths: array[int]

    @property
    def size(self) -> int:
        """Bytes in the pack."""
        return sum(self.ends) - sum(self.starts)

    def names(self) -> list[bytes]:
        """See `Piece`."""
        return [self.ids[at : at + NAME] for at in range(0, len(self.ids), self.width)]

    def sift(self, looking: Looking) -> tuple[Traces, int]:
        """Looks at every object; tells of those that could hold a key, by raw id, of which rules and in which places,
        and the bytes of all. Raises `OddPackError` for a pack that has to be read through git."""
        with Pack(self.path) as pack:
            return _Sifter(self, pack, looking).run()


_Known = tuple[int, bytes, Held]  # kind, content, what is known of it


class _Sifter:
    def __init__(self, part: SiftPart, pack: Pack, looking: Looking) -> None:
        self._part, self._pack, self._looking = part, pack, looking

    def run(self) -> tuple[Traces, int]:
        part, width = self._part, self._part.width
        found: Traces = {}
        same: dict[Trace, Trace] = {}  # most traces are alike
        looked = 0
        bases: list[_Known] = []  # those of the object at hand, outermost first
        kept = 0  # bytes of them
        for number, (start, end, depth) in enumerate(zip(part.starts, part.ends, part.depths, strict=True)):
            while len(bases) > depth:
                kept -= len(bases.pop()[1])
            kind, size, at = self._pack.entry(start, end)
            if not depth:
                known = self._whole(kind, size, at, end)
            elif bases[-1][2].unknown or kept > _KEPT or size > _DELTA:
                known = bases[-1][0], b"", UNKNOWN
            else:
                known = self._delta(bases[-1], self._pack.content(at, end, size))
            bases.append(known)
            kept += len(known[1])
            looked += len(known[1])
            if known[2].keys or known[2].unknown:
                trace = known[2].trace
                found[part.ids[number * width : number * width + NAME]] = same.setdefault(trace, trace)
        return found, looked

    def _whole(self, kind: int, size: int, start: int, end: int) -> _Known:
        if kind not in KINDS:
            raise OddPackError("an object of unknown type")
        if size > LIMIT:
            return kind, b"", UNKNOWN
        data = self._pack.content(start, end, size)
        return kind, data, self._look(kind, data, [(0, size)], NOTHING)

    def _delta(self, base: _Known, delta: bytes) -> _Known:
        kind, before, held = base
        try:
            if made_size(delta) > LIMIT:
                return kind, b"", UNKNOWN
            data, changed = apply_delta(delta, before)
        except (DeltaError, IndexError) as error:
            raise OddPackError("a delta is damaged") from error
        return kind, data, self._look(kind, data, lines_around(changed, data), held)

    def _look(self, kind: int, data: bytes, windows: Windows, before: Held) -> Held:
        if kind == COMMIT:
            top = below_ids(data, commit=True)
            windows = [(max(start, top), end) for start, end in windows if end >= top]
        keys, far = self._looking.look(data, windows, before.far)
        if before.keys:
            keys += [key for key in before.keys if key.text in data]
        return _held(keys, far) if keys or far else NOTHING


def families(index: Index, count: int, known: Set[bytes] = frozenset()) -> list[SiftPart]:
    """A pack without its trees, in about `count` parts of the same length, no family torn apart, and none of which all
    names are known.

    Raises `OddPackError`.
    """
    offsets = index.offsets
    if not offsets:
        return []
    with Pack(index.pack) as pack:
        first, following, roots = _kinship(pack.bases(offsets))
        roots = [root for root in roots if pack.kind(offsets[root]) != TREE]
    ends = array("Q", [*offsets[1:], index.end])
    share = (index.end - offsets[0]) // count + 1
    parts: list[SiftPart] = []
    positions, depths = array("I"), array("H")
    weight = 0
    for root in roots:
        begin = len(positions)
        _descend(root, first, following, positions, depths)
        if known and all(index.raw_id(position)[:NAME] in known for position in positions[begin:]):
            del positions[begin:], depths[begin:]
            continue
        weight += sum(map(ends.__getitem__, positions[begin:])) - sum(map(offsets.__getitem__, positions[begin:]))
        if weight >= share:
            parts.append(_part(index, positions, ends, depths))
            positions, depths, weight = array("I"), array("H"), 0
    if positions:
        parts.append(_part(index, positions, ends, depths))
    return parts


def _part(index: Index, positions: array[int], ends: array[int], depths: array[int]) -> SiftPart:
    starts, stops = (array("Q", map(places.__getitem__, positions)) for places in (index.offsets, ends))
    ids = b"".join(map(index.raw_id, positions))
    return SiftPart(index.pack, index.width, ids, starts, stops, depths)


def _kinship(bases: array[int]) -> tuple[array[int], array[int], list[int]]:
    """For each object its first delta, and the next delta of its own base; and the objects without a base."""
    first, following = array("i", [-1]) * len(bases), array("i", [-1]) * len(bases)
    roots: list[int] = []
    for position in range(len(bases) - 1, -1, -1):
        base = bases[position]
        if base < 0:
            roots.append(position)
        else:
            following[position] = first[base]
            first[base] = position
    roots.reverse()
    return first, following, roots


def _descend(
    root: int, first: array[int], following: array[int], positions: array[int], depths: array[int]
) -> None:
    """Appends a family: every object, each delta behind its base, with the number of bases it is built on."""
    above: list[int] = []
    here = root
    while here >= 0:
        positions.append(here)
        depths.append(len(above))
        if len(above) > _DEEPEST:
            raise OddPackError("a chain of deltas without an end")
        child = first[here]
        if child >= 0:
            above.append(here)
        while child < 0 and above:
            child = following[here]
            if child < 0:
                here = above.pop()
        here = child


__all__ = ["Held", "SiftPart", "families"]
