"""What is asked of a source that is a change: which of its findings are new.

Identity is the rule and the secret: a key that moves to another line, or is reformatted, is no new leak.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Protocol

from scanner.models import Chunk, Finding, Kind, Note, Origin, Secret, Skipped
from scanner.sources.git import Git
from scanner.sources.git_batch import read_objects
from scanner.sources.interface import Source
from scanner.sources.windows import windows

Keys = frozenset[tuple[str, Secret]]
"""Keys by identity: rule and secret."""

Look = Callable[[Source], Keys]
"""Scans a source and tells the keys in it."""

_NAMES_AT_ONCE = 20_000


class Change(Source, Protocol):
    """A source that is a change to something."""

    def new(self, findings: Sequence[Finding], look: Look) -> Sequence[Finding]:
        """The findings that the change brought. `look` scans what was there before; it is asked only when there
        are findings. Raises `SourceError` when what was there before cannot be read at all."""


def key(finding: Finding) -> tuple[str, Secret]:
    """The key of a finding, wherever it stands."""
    return finding.rule_id, finding.secret


def keys(findings: Iterable[Finding]) -> Keys:
    """The keys of findings, those that are a part of another included."""
    found = list(findings)
    return frozenset({*map(key, found), *(part for one in found for part in one.absorbed)})


@dataclass(frozen=True, slots=True)
class Contents:
    """Blobs by path and id, and names of files, read whole through one git process. Pickles.

    `skipped` and `notes` are what the list itself could not hold, and has to say.
    """

    git: Git
    kind: Kind
    blobs: tuple[tuple[str, str], ...] = ()
    names: tuple[bytes, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[Note, ...] = ()

    def chunks(self) -> Iterator[Chunk | Skipped | Note]:
        yield from self.skipped
        yield from self.notes
        for name in self.names:
            yield Chunk(name, Origin(show_path(name), Kind.PATH_NAME))
        if not self.blobs:
            return
        with closing(read_objects(self.git, [one for _, one in self.blobs])) as objects:
            for (path, _), item in zip(self.blobs, objects, strict=True):
                origin = Origin(path, self.kind, item.id)
                if item.large:
                    yield from windows(item.large.read, origin)
                    problem = item.large.problem
                else:
                    problem = item.problem
                    if not problem:
                        yield Chunk(item.data, origin)
                if problem:
                    yield Skipped(f"{path} (blob {item.id})", problem)

    def partitions(self, count: int) -> Sequence[Source]:
        """About `count` parts, down to one blob each."""
        if count < 2 or len(self.blobs) < 2:
            return [self]
        share = -(-len(self.blobs) // count)
        head = Contents(self.git, self.kind, (), self.names, self.skipped, self.notes)
        starts = range(0, len(self.blobs), share)
        return [head, *(Contents(self.git, self.kind, self.blobs[at : at + share]) for at in starts)]

    def locate(self, findings: Sequence[Finding]) -> Sequence[Finding]:
        return findings

    def weight(self) -> int:
        """A guess: sizes would have to be asked for."""
        return len(self.blobs) * _LIKELY_SIZE

    def __str__(self) -> str:
        first = self.blobs[0][0] if self.blobs else "names of files"
        return first if len(self.blobs) < 2 else f"{first} and {len(self.blobs) - 1} more"


_LIKELY_SIZE = 16 * 1024


def show_path(path: bytes) -> str:
    """A path as text: bytes that are not UTF-8 are written out, so that two paths never look the same."""
    return path.decode("utf-8", "backslashreplace")


__all__ = ["Change", "Contents", "Keys", "Look", "key", "keys", "show_path"]
