"""Who, when and where: the life of each finding in a history, told from one pass over its commits."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

from scanner.models import CommitRef, Finding, History, Kind
from scanner.sources.git import Repository
from scanner.sources.git_batch import Large, Object, read_objects
from scanner.sources.git_memory import GitMemory
from scanner.sources.git_objects import Inventory, Selection
from scanner.sources.git_walk import Lives, Wanted, iso_date, walk

_IN_TREES = frozenset({Kind.BLOB, Kind.NOTE})
_LONGEST = 64 * 1024  # a span beyond this is not searched for; the secret itself is
_PIECE = 4 * 1024 * 1024


def locate(
    repository: Repository,
    inventory: Inventory,
    selection: Selection,
    findings: Sequence[Finding],
    memory: GitMemory | None = None,
) -> list[Finding]:
    """One finding for each rule, path and secret: the one in the newest version that holds it, with its
    history, and with the number of versions at its path that hold it in `occurrences`."""
    if not findings:
        return []
    numbers = inventory.find({one.origin.object_id for one in findings if one.origin.object_id})
    same: dict[tuple[str, str, bytes], list[Finding]] = defaultdict(list)
    for finding in findings:
        same[finding.rule_id, finding.origin.path, finding.secret.reveal()].append(finding)
    groups = [sorted(group, key=lambda one: _age(one, numbers)) for _, group in sorted(same.items())]
    wanted, holders = _Search(repository, inventory, groups, numbers).run()
    lives = memory.lives(wanted) if memory is not None else None
    if lives is None:
        lives = walk(repository, selection, wanted)
        if memory is not None:
            memory.keep_lives(wanted, lives)
    tags = _taggers(repository, groups)
    paths: dict[bytes, set[bytes]] = defaultdict(set)
    for index, group in enumerate(groups):
        paths[group[0].secret.reveal()] |= lives.paths.get(index, set())
    located = []
    for index, group in enumerate(groups):
        objects = holders[index] | {one.origin.object_id for one in group}
        reachable = any(numbers.get(one, 0) < inventory.reachable for one in objects)
        history = _history(index, group[0], lives, tags) if reachable else History(reachable=False)
        history = replace(history, paths=len(paths[group[0].secret.reveal()]))
        located.append(replace(group[0], occurrences=len(objects), history=history))
    return located


def _age(finding: Finding, numbers: Mapping[str, int]) -> tuple[int, int, int]:
    """Sorts the newest version first, then by place."""
    return numbers.get(finding.origin.object_id, -1), finding.location.start, finding.location.end


def _history(index: int, finding: Finding, lives: Lives, tags: Mapping[str, CommitRef]) -> History:
    name = finding.origin.object_id
    if finding.origin.kind is Kind.COMMIT_MESSAGE:
        inside = name.encode() in lives.head_commits
        return History(introduced=lives.messages.get(name.encode()), commits=1, in_head=inside)
    if finding.origin.kind is Kind.TAG_MESSAGE:
        return History(introduced=tags.get(name))
    in_head = index in lives.in_head
    return History(
        introduced=lives.introduced.get(index),
        removed=None if in_head else lives.removed.get(index),
        commits=lives.commits[index],
        in_head=in_head,
    )


class _Search:
    """Finds all versions that hold a finding. The scan itself saw only what each version changed."""

    def __init__(
        self,
        repository: Repository,
        inventory: Inventory,
        groups: Sequence[Sequence[Finding]],
        numbers: Mapping[str, int],
    ) -> None:
        self._git, self._inventory = repository.git, inventory
        self._groups, self._numbers = groups, numbers
        self._wanted = Wanted()
        self._holders: list[set[str]] = [set() for _ in groups]

    def run(self) -> tuple[Wanted, list[set[str]]]:
        """What to look for in the commits, and the ids of the versions that hold each finding."""
        indexes: dict[bytes, list[int]] = defaultdict(list)
        homes = self._home_paths()
        for index, group in enumerate(self._groups):
            first = group[0]
            self._wanted.keys[index] = first.rule_id, first.secret.reveal()
            if first.origin.kind in _IN_TREES and first.origin.object_id in homes:
                home = homes[first.origin.object_id]
                indexes[home].append(index)
                self._wanted.homes[self._wanted.keys[index]][home] = index
            elif first.origin.kind is Kind.PATH_NAME:
                self._wanted.names.append((_needle_in_name(first), index))
            elif first.origin.kind is Kind.COMMIT_MESSAGE:
                self._wanted.commits.add(first.origin.object_id.encode())
        self._search(indexes)
        held: dict[bytes, list[int]] = defaultdict(list)
        for index, ids in enumerate(self._holders):
            for one in ids:
                held[one.encode()].append(index)
        self._wanted.holders = {one: tuple(several) for one, several in held.items()}
        return self._wanted, self._holders

    def _home_paths(self) -> dict[str, bytes]:
        """The path by which each found blob is known."""
        wanted = {number: one for one, number in self._numbers.items()}
        groups = self._inventory.groups[b"blob"].items()
        return {wanted[number]: path for path, group in groups for number in group if number in wanted}

    def _search(self, indexes: Mapping[bytes, Sequence[int]]) -> None:
        needles = self._needles([index for several in indexes.values() for index in several])
        blobs = self._inventory.groups[b"blob"]
        ids = [self._inventory.id(number) for path in indexes for number in blobs[path]]
        objects = read_objects(self._git, ids)
        for path, several in indexes.items():
            for item in islice(objects, len(blobs[path])):
                looked_for = {needle for index in several for needle in needles[index]}
                present = _present(item, looked_for)
                for index in several:
                    if not present.isdisjoint(needles[index]):
                        self._holders[index].add(item.id)

    def _needles(self, indexes: Sequence[int]) -> dict[int, set[bytes]]:
        """The bytes that stand where each finding was found (which are not the secret where it is encoded)."""
        places: dict[str, list[tuple[int, Finding]]] = defaultdict(list)
        for index in indexes:
            for finding in self._groups[index]:
                places[finding.origin.object_id].append((index, finding))
                self._holders[index].add(finding.origin.object_id)
        needles: dict[int, set[bytes]] = defaultdict(set)
        for item in read_objects(self._git, list(places)):
            for index, finding in places[item.id]:
                needles[index].add(_needle(item.data, finding))
        return needles


def _needle(data: bytes, finding: Finding) -> bytes:
    secret = finding.secret.reveal()
    span = data[finding.location.start : finding.location.end]
    if not span or len(span) > _LONGEST or (secret in data and secret not in span):
        return secret
    return span


def _needle_in_name(finding: Finding) -> bytes:
    secret, path = finding.secret.reveal(), finding.origin.path.encode("utf-8", "surrogateescape")
    return secret if secret in path else path


def _present(item: Object, needles: set[bytes]) -> set[bytes]:
    if item.large is None:
        return {needle for needle in needles if needle in item.data}
    found: set[bytes] = set()
    for data in _overlapping(item.large, max(map(len, needles))):
        found |= {needle for needle in needles if needle in data}
    return found


def _overlapping(large: Large, overlap: int) -> Iterator[bytes]:
    tail = b""
    while piece := large.read(_PIECE):
        data = tail + piece
        yield data
        tail = data[-overlap:]


_TAGGER = re.compile(rb"^tagger (.*) <([^>\n]*)> (-?\d+)", re.MULTILINE)


def _taggers(repository: Repository, groups: Sequence[Sequence[Finding]]) -> dict[str, CommitRef]:
    """Who made the tags that messages were found in."""
    ids = sorted({group[0].origin.object_id for group in groups if group[0].origin.kind is Kind.TAG_MESSAGE})
    found = {}
    for item in read_objects(repository.git, ids):
        tagger = _TAGGER.search(item.data.partition(b"\n\n")[0])
        if tagger:
            name, email = (tagger[at].decode("utf-8", "replace") for at in (1, 2))
            found[item.id] = CommitRef(item.id, name, email, iso_date(tagger[3]))
    return found


__all__ = ["locate"]
