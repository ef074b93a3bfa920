"""Parts of a history: runs of neighbouring versions, small to pickle, read where they are scanned."""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import NamedTuple

from scanner.models import Chunk, Finding, Kind, Note, Origin, Skipped
from scanner.sources.git import Git
from scanner.sources.git_batch import Large, Object, read_objects
from scanner.sources.git_objects import Inventory, show_path
from scanner.sources.git_tree import NewEntries
from scanner.sources.git_trim import TRIM_MARGIN, changed_windows
from scanner.sources.interface import Source, Undivided
from scanner.sources.windows import windows

SLICE = 500
"""Versions in a row that are trimmed against each other. Fixed, so that no report depends on the workers."""

_NOTE_PATH = re.compile(rb"([0-9a-f]{2}/)*[0-9a-f]+")


class Slice(NamedTuple):
    """Versions of one path (or messages), newest first: what sort, which path, their raw ids, and about how
    many bytes of them will be scanned."""

    sort: str
    path: bytes
    ids: bytes
    weight: int


@dataclass(frozen=True, slots=True)
class Ready(Undivided):
    """What is already at hand: remarks, gaps and ref names."""

    items: tuple[Chunk | Skipped | Note, ...]
    name: str

    def chunks(self) -> Iterator[Chunk | Skipped | Note]:
        return iter(self.items)

    def weight(self) -> int:
        return sum(len(item.data) for item in self.items if isinstance(item, Chunk))

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Part:
    """Some slices of a history, read through one `git cat-file`. `prefix` stands before every path: the path
    of the submodule, with a "/"."""

    git: Git
    width: int
    prefix: str
    slices: tuple[Slice, ...]

    def chunks(self) -> Iterator[Chunk | Skipped | Note]:
        for _, items in self.by_slice():
            yield from items

    def by_slice(self) -> Iterator[tuple[Slice, Iterator[Chunk | Skipped]]]:
        """Each slice with what it holds, which must be taken to its end before the next one."""
        digits = 2 * self.width
        text = b"".join(one.ids for one in self.slices).hex()
        ids = [text[at : at + digits] for at in range(0, len(text), digits)]
        with closing(read_objects(self.git, ids)) as objects:
            for one in self.slices:
                versions = islice(objects, len(one.ids) // self.width)
                yield one, _READERS[one.sort](self, one.path, versions)

    def partitions(self, count: int) -> Sequence[Source]:
        """Splits between slices; a single slice is halved, to single out a version that a reader died of."""
        slices = self.slices if len(self.slices) > 1 else self._halves()
        return pack(slices, count, self.git, self.width, self.prefix)

    def _halves(self) -> tuple[Slice, ...]:
        whole = self.slices[0]
        middle = len(whole.ids) // self.width // 2 * self.width
        if not middle:
            return self.slices
        weight = whole.weight // 2
        return whole._replace(ids=whole.ids[:middle], weight=weight), whole._replace(
            ids=whole.ids[middle:], weight=whole.weight - weight
        )

    def locate(self, findings: Sequence[Finding]) -> Sequence[Finding]:
        return findings

    def weight(self) -> int:
        return sum(one.weight for one in self.slices)

    def __str__(self) -> str:
        first = show_path(self.slices[0].path) if self.slices else ""
        return f"a part of the history ({len(self.slices)} runs of versions, the first of {self.prefix}{first})"

    def skipped(self, what: str, item: Object, problem: str) -> Skipped:
        return Skipped(f"{self.prefix}{what} ({item.kind or 'object'} {item.id})", problem)


def name_of(sort: str, path: bytes) -> str:
    """What people are told of a path, less the prefix."""
    return f"note on {path.replace(b'/', b'').decode()[:12]}" if sort == "note" else show_path(path)


def _blobs(part: Part, path: bytes, versions: Iterable[Object]) -> Iterator[Chunk | Skipped]:
    return _contents(part, part.prefix + name_of("blob", path), Kind.BLOB, versions)


def _notes(part: Part, path: bytes, versions: Iterable[Object]) -> Iterator[Chunk | Skipped]:
    return _contents(part, part.prefix + name_of("note", path), Kind.NOTE, versions)


def _contents(part: Part, name: str, kind: Kind, versions: Iterable[Object]) -> Iterator[Chunk | Skipped]:
    previous = b""
    for item in versions:
        if item.problem:
            yield part.skipped(name, item, item.problem)
        elif item.large:
            yield from _windows(part, item, item.large, Origin(name, kind, item.id))
        else:
            origin = Origin(name, kind, item.id)
            for start, end in changed_windows(previous, item.data):
                yield Chunk(item.data, origin, start, end, previous=previous)
            previous = item.data


def _messages(part: Part, path: bytes, versions: Iterable[Object]) -> Iterator[Chunk | Skipped]:
    """Commits and tags, whole objects, so that lines are those of `git cat-file`. Only the ids of the tree and
    the parents at the top are not reported from."""
    for item in versions:
        name = f"{item.kind} {item.id[:12]}"
        kind = Kind.COMMIT_MESSAGE if item.kind == "commit" else Kind.TAG_MESSAGE
        origin = Origin(part.prefix + name, kind, item.id)
        if item.problem:
            yield part.skipped("message", item, item.problem)
        elif item.large:
            yield from _windows(part, item, item.large, origin)
        else:
            yield Chunk(item.data, origin, below_ids(item.data, commit=item.kind == "commit"), len(item.data))


def below_ids(data: bytes, *, commit: bool) -> int:
    """Where, in a commit or a tag, the ids at the top end."""
    return data.find(b"\nauthor " if commit else b"\ntag ") + 1


def _names(part: Part, path: bytes, versions: Iterable[Object]) -> Iterator[Chunk | Skipped]:
    """Names of files and folders, each once, with the folder they are in before them as context."""
    folder = path + b"/" if path else b""
    trees = NewEntries(part.width)
    seen: set[bytes] = set()
    for item in versions:
        if item.problem:
            yield part.skipped(show_path(path) or "top folder", item, item.problem)
            continue
        tree = _whole(item.large) if item.large else item.data
        for name, _ in trees.add(tree):
            if name not in seen:
                seen.add(name)
                full = folder + name
                origin = Origin(part.prefix + show_path(full), Kind.PATH_NAME, item.id)
                yield Chunk(full, origin, len(folder), len(full))


def _windows(part: Part, item: Object, large: Large, origin: Origin) -> Iterator[Chunk | Skipped]:
    yield from windows(large.read, origin)
    if large.problem:
        yield part.skipped(origin.path, item, large.problem)


def _whole(large: Large) -> bytes:
    return b"".join(iter(lambda: large.read(1024 * 1024), b""))


_READERS = {"blob": _blobs, "note": _notes, "message": _messages, "tree": _names}


Choice = Callable[[str, bytes, Sequence[int]], Sequence[int]]
"""Which objects of a group are read: told its sort, its path and its numbers."""


def cut(inventory: Inventory, choose: Choice = lambda _, __, group: group) -> list[Slice]:
    """The whole inventory, or what is chosen of it, in slices, in a fixed order."""
    notes = any(ref.startswith("refs/notes/") for ref, _ in inventory.refs)
    slices: list[Slice] = []
    for path, group in inventory.groups[b"blob"].items():
        sort = "note" if notes and is_note(path, inventory.width) else "blob"
        slices += _cut(inventory, sort, path, choose(sort, path, group))
    for path, group in inventory.groups[b"tree"].items():
        slices += _cut(inventory, "tree", path, choose("tree", path, group))
    messages = sorted([*inventory.numbers(b"commit"), *inventory.numbers(b"tag")])
    return slices + list(_cut(inventory, "message", b"", choose("message", b"", messages)))


def is_note(path: bytes, width: int) -> bool:
    """Whether a path is that of a note: the id of what it belongs to, cut into folders."""
    return len(path.replace(b"/", b"")) == 2 * width and _NOTE_PATH.fullmatch(path) is not None


def _cut(inventory: Inventory, sort: str, path: bytes, group: Sequence[int]) -> Iterator[Slice]:
    width, ids = inventory.width, inventory.ids
    first = len(group) % SLICE  # the oldest slices stay what they are when new versions come
    for start, end in pairwise([*([0] if first else []), *range(first, len(group) + 1, SLICE)]):
        run = group[start:end]
        sizes = [inventory.sizes[number] for number in run]
        raw = b"".join([bytes(ids[number * width : number * width + width]) for number in run])
        yield Slice(sort, path, raw, _weight(sort, sizes))


def _weight(sort: str, sizes: list[int]) -> int:
    """Bytes that will be scanned, a share of those that are only read and compared, and what each object costs."""
    if sort == "message":
        return sum(sizes) + _EACH * len(sizes)
    trimmed = 0 if sort == "tree" else 3 * TRIM_MARGIN
    return sizes[0] + sum(min(size, trimmed) for size in sizes[1:]) + sum(sizes) // 16 + _EACH * len(sizes)


_EACH = 1024  # an object takes as long as so many bytes


def pack(slices: Sequence[Slice], count: int, git: Git, width: int, prefix: str) -> list[Part]:
    """Slices in about `count` parts of about the same weight, each in the slices' own order."""
    bins: list[list[int]] = [[] for _ in range(max(1, min(count, len(slices))))]
    heap = [(0, number) for number in range(len(bins))]
    for index in sorted(range(len(slices)), key=lambda i: (-slices[i].weight, i)):
        weight, number = heapq.heappop(heap)
        bins[number].append(index)
        heapq.heappush(heap, (weight + slices[index].weight + 64, number))
    return [Part(git, width, prefix, tuple(slices[i] for i in sorted(chosen))) for chosen in bins if chosen]


__all__ = ["SLICE", "Part", "Ready", "Slice", "below_ids", "cut", "is_note", "name_of", "pack"]
