"""Which findings the heads of a range still hold, and where they stand there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from scanner.models import Chunk, Finding, History, Kind, Location
from scanner.sources.change import show_path
from scanner.sources.git import Repository
from scanner.sources.git_batch import Object, read_objects
from scanner.sources.windows import advance, windows

Tree = dict[bytes, str]
"""The files of a commit: path and blob."""

_IN_BLOBS = frozenset({Kind.BLOB, Kind.NOTE})
_LONGEST = 64 * 1024  # what stands where a finding was made is searched for up to this length


class Heads:
    """Tells which findings the heads still hold, and where they stand there."""

    def __init__(self, repository: Repository, trees: Sequence[Tree], raw_paths: Mapping[str, bytes]) -> None:
        self._git = repository.git
        self._raw_paths = raw_paths
        wanted = set(raw_paths.values())
        self._blobs: dict[bytes, dict[str, None]] = {}
        for tree in trees:
            for path, blob in tree.items():
                if listed(path) in wanted:
                    self._blobs.setdefault(listed(path), {})[blob] = None
        self._trees = trees

    def told(self, findings: Sequence[Finding]) -> Iterator[Finding]:
        """The findings, each with whether a head holds it, and where it stands there."""
        ids = [one.origin.object_id for one in findings if one.origin.kind in _IN_BLOBS]
        objects = {item.id: item.data for item in read_objects(self._git, list(dict.fromkeys(ids)))}
        for one in findings:
            if one.origin.kind in _IN_BLOBS:
                yield self._in_blobs(one, objects.get(one.origin.object_id, b""))
            elif one.origin.kind is Kind.PATH_NAME:
                yield _standing(one, in_head=one.origin.path in self._names)
            else:
                yield _standing(one, in_head=one.origin.kind is not Kind.TAG_MESSAGE)

    def _in_blobs(self, finding: Finding, data: bytes) -> Finding:
        blobs = self._blobs.get(self._raw_paths.get(finding.origin.object_id, b""), {})
        if finding.origin.object_id in blobs:
            return _standing(finding, in_head=True)
        needle = _needle(data, finding)
        for item in read_objects(self._git, list(blobs)):
            moved = _moved(finding, needle, item)
            if moved is not None:
                return _standing(moved, in_head=True)
        return _standing(finding, in_head=False)

    @cached_property
    def _names(self) -> frozenset[str]:
        """All files and folders of the heads."""
        names = {path for tree in self._trees for path in tree}
        folders = {path[: found.start()] for path in names for found in re.finditer(b"/", path)}
        return frozenset(map(show_path, names | folders))


def _standing(finding: Finding, *, in_head: bool) -> Finding:
    history = replace(finding.history or History(), in_head=in_head)
    return replace(finding, history=replace(history, removed=None) if in_head else history)


def _needle(data: bytes, finding: Finding) -> bytes:
    """The bytes that stand where the finding was made, which are not the secret where that is encoded."""
    secret = finding.secret.reveal()
    span = data[finding.location.start : finding.location.end]
    return secret if not span or len(span) > _LONGEST or (secret in data and secret not in span) else span


def _moved(finding: Finding, needle: bytes, item: Object) -> Finding | None:
    """The finding where it stands in this version; None when it does not."""
    origin = replace(finding.origin, object_id=item.id)
    for chunk in windows(item.large.read, origin) if item.large else [Chunk(item.data, origin)]:
        at = chunk.data.find(needle)
        if at >= 0:
            first = advance(chunk, chunk.data, at)
            last = advance(chunk, chunk.data, at + len(needle.removesuffix(b"\n")))
            end = first.offset + len(needle)
            where = Location(finding.location.path, first.offset, end, first.line, first.column, last.line, last.column)
            return replace(finding, origin=origin, location=where)
    return None


def listed(path: bytes) -> bytes:
    """A path as the enumeration of objects tells it: up to the first line break."""
    return path.partition(b"\n")[0]


def id_of(finding: Finding) -> str:
    """The blob that a finding was made in; "" when it stands in something else."""
    return finding.origin.object_id if finding.origin.kind in _IN_BLOBS else ""


__all__ = ["Heads", "Tree", "id_of", "listed"]
