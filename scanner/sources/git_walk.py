"""One pass over the commits, parents first: which commit brought a secret, which took it, how many hold it."""

from __future__ import annotations

import os
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from typing import IO, NamedTuple

from scanner.models import CommitRef
from scanner.sources.git import GitError, Repository
from scanner.sources.git_batch import start_feeding
from scanner.sources.git_objects import Selection

_PIECE = 1024 * 1024
_NO_OBJECT = b"0" * 40


@dataclass(slots=True)
class Wanted:
    """What to look for. A finding is a number; a blob (its hexadecimal id) may hold several.

    `homes` gives, for a rule and secret, the paths that have a finding of their own. A blob that also lies at
    another path, because it was renamed or copied unchanged, counts for the finding at the path it is known by.
    """

    holders: dict[bytes, tuple[int, ...]] = field(default_factory=dict)
    keys: dict[int, tuple[str, bytes]] = field(default_factory=dict)
    homes: dict[tuple[str, bytes], dict[bytes, int]] = field(default_factory=lambda: defaultdict(dict))
    names: list[tuple[bytes, int]] = field(default_factory=list)
    commits: set[bytes] = field(default_factory=set)
    _named: dict[bytes, tuple[int, ...]] = field(default_factory=dict)

    def held(self, path: bytes, blob: bytes) -> tuple[int, ...]:
        """The findings that this blob at this path holds."""
        held = self.holders.get(blob, ())
        found = tuple(self.homes[self.keys[one]].get(path, one) for one in held)
        return found + self.in_name(path) if self.names else found

    def in_name(self, path: bytes) -> tuple[int, ...]:
        """The findings that the path itself holds."""
        if path not in self._named:
            self._named[path] = tuple(number for needle, number in self.names if needle in path)
        return self._named[path]

    def touches(self, path: bytes, blob: bytes) -> bool:
        return blob in self.holders or (bool(self.names) and bool(self.in_name(path)))


@dataclass(slots=True)
class Lives:
    """What the pass tells of each finding."""

    introduced: dict[int, CommitRef] = field(default_factory=dict)
    removed: dict[int, CommitRef] = field(default_factory=dict)
    commits: Counter[int] = field(default_factory=Counter)
    paths: dict[int, set[bytes]] = field(default_factory=lambda: defaultdict(set))
    in_head: frozenset[int] = frozenset()
    messages: dict[bytes, CommitRef] = field(default_factory=dict)
    head_commits: set[bytes] = field(default_factory=set)


class _State:
    """What one commit's tree holds of what is wanted, shared by all commits that do not change it."""

    __slots__ = ("cells", "commits", "held", "users")

    def __init__(self, cells: dict[bytes, tuple[int, ...]]) -> None:
        self.cells = cells
        self.held = frozenset(number for numbers in cells.values() for number in numbers)
        self.commits = self.users = 0


class _Commit(NamedTuple):
    id: bytes
    parents: list[bytes]
    ref: tuple[bytes, bytes, bytes]
    changes: list[tuple[bytes, bytes]]


def walk(repository: Repository, selection: Selection, wanted: Wanted) -> Lives:
    """Walks every commit that the selection's tips and HEAD reach (not only those that were selected: what a
    range begins with decides what is new in it). In a damaged history it tells as much as can be read."""
    lives = Lives()
    if not (wanted.holders or wanted.names or wanted.commits):
        return lives
    head = _head(repository)
    parents = _graph(repository, selection, head)
    lives.head_commits = _ancestors(head, parents)
    _Pass(wanted, lives, parents, head).run(repository)
    return lives


class _Pass:
    """The pass itself. A state lives until the last child of its commit has been seen."""

    def __init__(self, wanted: Wanted, lives: Lives, parents: dict[bytes, list[bytes]], head: bytes) -> None:
        self._wanted, self._lives, self._parents, self._head = wanted, lives, parents, head
        self._children = Counter(parent for several in parents.values() for parent in several)
        self._children[head] += 1  # its state is asked for at the end
        self._states: dict[bytes, _State] = {}
        self._empty = _State({})
        self._removed: dict[int, tuple[bool, bool]] = {}

    def run(self, repository: Repository) -> None:
        for commit in _changes(repository, self._parents):
            self._visit(commit)
        for state in self._states.values():
            state.users = 0
            self._settle(state)
        self._lives.in_head = self._states.get(self._head, self._empty).held

    def _visit(self, commit: _Commit) -> None:
        before = [self._states.get(parent, self._empty) for parent in commit.parents] or [self._empty]
        state = self._after(before[0], commit.changes)
        state.commits += 1
        if commit.id in self._wanted.commits:
            self._lives.messages[commit.id] = _reference(commit)
        if any(state is not one for one in before):
            self._compare(commit, state, before)
        if self._children[commit.id]:
            self._states[commit.id] = state
            state.users += 1
        else:
            self._settle(state)
        for parent in commit.parents:
            self._children[parent] -= 1
            if not self._children[parent] and parent in self._states:
                done = self._states.pop(parent)
                done.users -= 1
                self._settle(done)

    def _after(self, state: _State, changes: Iterable[tuple[bytes, bytes]]) -> _State:
        wanted, cells = self._wanted, state.cells
        touching = [one for one in changes if one[0] in cells or wanted.touches(*one)]
        if not touching:
            return state
        cells = dict(cells)
        for path, blob in touching:
            cells.pop(path, None)
            held = () if blob.startswith(_NO_OBJECT) else wanted.held(path, blob)
            if held:
                cells[path] = held
                for number in held:
                    self._lives.paths[number].add(path)
        return _State(cells)

    def _compare(self, commit: _Commit, state: _State, before: list[_State]) -> None:
        had = [one.held for one in before]
        reference = None
        for number in state.held.difference(*had):
            if number not in self._lives.introduced:
                reference = reference or _reference(commit)
                self._lives.introduced[number] = reference
        for number in had[0] - state.held:
            # a removal in HEAD's own history tells more than one elsewhere, and one that every parent still
            # held more than a merge with a branch that had removed it before; then the latest counts
            worth = commit.id in self._lives.head_commits, all(number in one for one in had)
            if worth >= self._removed.get(number, (False, False)):
                self._removed[number] = worth
                reference = reference or _reference(commit)
                self._lives.removed[number] = reference

    def _settle(self, state: _State) -> None:
        """Counts a state's commits for its findings, once nobody builds on it any more."""
        if state.users:
            return
        for number in state.held:
            self._lives.commits[number] += state.commits
        state.commits = 0


def _head(repository: Repository) -> bytes:
    try:
        return repository.run("rev-parse", "--verify", "--quiet", "HEAD^{commit}").strip()
    except GitError:  # no commit yet
        return b""


def _graph(repository: Repository, selection: Selection, head: bytes) -> dict[bytes, list[bytes]]:
    """Every commit with its parents; parents before children, and otherwise the oldest first."""
    tips = [*selection.tips, *([head.decode()] if head else [])]
    with repository.git.start("rev-list", "--date-order", "--reverse", "--parents", *tips, "--") as process:
        lines = process.communicate().splitlines()
    return {fields[0]: fields[1:] for fields in map(bytes.split, lines)}


def _ancestors(head: bytes, parents: dict[bytes, list[bytes]]) -> set[bytes]:
    seen = {head} if head else set()
    todo = list(seen)
    while todo:
        for parent in parents.get(todo.pop(), ()):
            if parent not in seen:
                seen.add(parent)
                todo.append(parent)
    return seen


_BLOCK = 100
"""So many commits in a row are one process's: their changes fill about what a pipe holds, so that every process goes on
while another is read."""

_SEVERAL = 20 * _BLOCK


def _changes(repository: Repository, parents: dict[bytes, list[bytes]]) -> Iterator[_Commit]:
    """All commits in the order of `parents`, with what each changed in its first parent; those that git cannot tell
    of are left out. Where there are many, two processes take turns."""
    options = ("--stdin", "--raw", "-r", "-z", "--root", "--no-renames", "--no-abbrev", "--always")
    form = "--format=%H%x00%an%x00%ae%x00%at"
    ids = [one.decode() for one in parents]
    count = min(2, os.cpu_count() or 1) if len(ids) > _SEVERAL else 1
    with ExitStack() as stack:
        streams: list[Iterator[_Commit]] = []
        for first in range(count):
            started = repository.git.start(
                "diff-tree", *options, "--diff-merges=first-parent", form, stdin=subprocess.PIPE
            )
            process = stack.enter_context(started)
            blocks = (ids[at : at + _BLOCK] for at in range(first * _BLOCK, len(ids), count * _BLOCK))
            start_feeding(process.stdin, list(chain.from_iterable(blocks)))
            streams.append(_commits(process.stdout, parents))
        yield from _in_turns(streams, parents)


def _in_turns(streams: Sequence[Iterator[_Commit]], order: Iterable[bytes]) -> Iterator[_Commit]:
    """The commits of streams that hold every so-manieth block of an order, in that order."""
    nearest = [next(stream, None) for stream in streams]
    for number, name in enumerate(order):
        turn = number // _BLOCK % len(streams)
        commit = nearest[turn]
        if commit is not None and commit.id == name:
            yield commit
            nearest[turn] = next(streams[turn], None)


def _commits(stream: IO[bytes], parents: dict[bytes, list[bytes]]) -> Iterator[_Commit]:
    """Commits with path and new blob of each change. What is cut off at the end is left out."""
    tokens = _tokens(stream)
    token = next(tokens, None)
    while token is not None:
        commit = token.lstrip(b"\n")
        ref = next(tokens, b""), next(tokens, b""), next(tokens, b"")
        changes = []
        token = next(tokens, None)
        while token is not None and token.startswith((b":", b"\n:")):
            changes.append((next(tokens, b""), token.split(b" ", 4)[3]))
            token = next(tokens, None)
        yield _Commit(commit, parents.get(commit, []), ref, changes)


def _tokens(stream: IO[bytes]) -> Iterator[bytes]:
    left = b""
    while piece := stream.read(_PIECE):
        tokens = (left + piece).split(b"\0")
        left = tokens.pop()
        yield from tokens


def _reference(commit: _Commit) -> CommitRef:
    author, email, time = commit.ref
    return CommitRef(
        commit.id.decode("ascii", "replace"),
        author.decode("utf-8", "replace"),
        email.decode("utf-8", "replace"),
        iso_date(time),
        merge=len(commit.parents) > 1,
    )


def iso_date(seconds: bytes) -> str:
    """Seconds since 1970 as ISO 8601 in UTC; "" for what is no date."""
    try:
        return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return ""


__all__ = ["Lives", "Wanted", "iso_date", "walk"]
