"""A repository's history as a source: every object of every ref, read as objects, never as patches."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

from scanner.errors import SourceError
from scanner.memory import Memory
from scanner.models import Chunk, Finding, Kind, Note, Origin, Skipped, Stats
from scanner.sources.git import Repository, open_repository
from scanner.sources.git_describe import Description, Head, describe, read_head
from scanner.sources.git_locate import locate
from scanner.sources.git_memory import GitMemory
from scanner.sources.git_missing import missing_objects
from scanner.sources.git_names import names_pieces, slice_name
from scanner.sources.git_narrow import Narrowing, loose, packed
from scanner.sources.git_objects import Inventory, take_inventory
from scanner.sources.git_parts import Ready, Slice, cut, pack
from scanner.sources.git_select import select
from scanner.sources.interface import NAME, Piece, Source, Telling


class GitHistory:
    """The history of the repository that `repo_path` is in.

    Every blob, commit, tag and note reached by a ref, a reflog, a stash or a worktree is read once; names of
    files, folders and refs too. `revisions` (`A..B`), `branches` and `since` narrow it to the objects that those
    commits brought; `unreachable` adds what nothing points to any more; `submodules` adds their own histories.
    Raises `SourceError` when the repository or a revision cannot be found. `memory` is asked for what earlier runs
    found out of the whole of it.
    """

    def __init__(
        self,
        repo_path: str | os.PathLike[str],
        *,
        revisions: Sequence[str] = (),
        since: str = "",
        branches: Sequence[str] = (),
        unreachable: bool = False,
        submodules: bool = False,
        prefix: str = "",
        memory: Memory | None = None,
    ) -> None:
        self.repository: Repository = open_repository(repo_path)
        self._selection = select(self.repository, revisions, since, branches)
        self._place, self._prefix = os.fspath(repo_path), prefix
        self._unreachable, self._with_submodules = unreachable, submodules
        kept = memory if self._selection.whole else None
        self._remembered: Inventory | None = None
        self._memory = GitMemory(kept, self.repository, f"all {unreachable}") if kept is not None else None

    def chunks(self) -> Iterator[Chunk | Skipped | Note]:
        for part in self.partitions(1):
            yield from part.chunks()

    def partitions(self, count: int) -> Sequence[Source]:
        parts: list[Source] = [Ready((*self._remarks(), *self._ref_names()), f"refs of {self._place}")]
        width = self.inventory.width
        parts += pack(self._slices, count, self.repository.git, width, self._prefix)
        for child in self._children:
            parts += child.partitions(count)
        return parts

    def sifting(self, count: int, known: Set[bytes]) -> Sequence[Piece] | None:
        """The packs in pieces that can be looked through before anything is known of commits and paths, less what is
        known; None where that cannot be done, or only a part of the history is asked for."""
        if not self._selection.whole:
            return None
        if known and self._memory is not None and self._all_known(known):
            return []
        return packed(self.repository, count, known)

    def _all_known(self, known: Set[bytes]) -> bool:
        """Whether nothing has changed since everything was looked through."""
        self._remembered = self._memory.inventory() if self._memory is not None else None
        if self._remembered is None:
            return False
        ids, width, apart = bytes(self._remembered.ids), self._remembered.width, loose(self.repository)
        numbers = (number for kind in (b"blob", b"commit", b"tag") for number in self._remembered.numbers(kind))
        raw = (ids[number * width : (number + 1) * width] for number in numbers)
        return all(one[:NAME] in known or one in apart for one in raw)

    def prepare(self, count: int, known: Set[bytes]) -> Sequence[Piece]:
        """Takes the inventory. The names of files and folders, in pieces, less what is known."""
        return names_pieces(self._trees, count, self.repository.git, self.inventory.width, self._prefix, known)

    @cached_property
    def _trees(self) -> list[Slice]:
        return cut(self.inventory, lambda sort, _, group: group if sort == "tree" else ())

    def narrow(self, told: Telling) -> Stats:
        """Leaves out, from now on, what is told to hold no key. Returns what is left out."""
        narrowing = Narrowing(self.inventory, told, self._prefix)
        trees = [one for one in self._trees if told.holds(slice_name(one), "")]
        self._slices = [*cut(self.inventory, narrowing.choose), *trees]
        return narrowing.passed

    def locate(self, findings: Sequence[Finding]) -> Sequence[Finding]:
        """One finding for each rule, path and secret, with its life in the history."""
        left = list(findings)
        located: list[Finding] = []
        for child in self._children:
            own = child.own(left)
            taken = {id(one) for one in own}
            left = [one for one in left if id(one) not in taken]
            located += child.locate(own)
        located += locate(self.repository, self.inventory, self._selection, left, self._memory)
        return sorted(located, key=lambda finding: finding.sort_key)

    def weight(self) -> int:
        """About how many bytes there are to scan: what neighbouring versions share is read, but not scanned."""
        return sum(one.weight for one in self._slices) + sum(child.weight() for child in self._children)

    def __str__(self) -> str:
        return f"history of {self._place}"

    def own(self, findings: Sequence[Finding]) -> list[Finding]:
        """The findings that are from this history, told by path and object."""
        mine = [one for one in findings if one.origin.path.startswith(self._prefix)]
        known = self.inventory.find({one.origin.object_id for one in mine if one.origin.object_id})
        return [one for one in mine if one.origin.object_id in known]

    @property
    def commits(self) -> int:
        """How many commits are read."""
        return sum(1 for _ in self.inventory.numbers(b"commit"))

    @cached_property
    def inventory(self) -> Inventory:
        """All objects that are read."""
        return self._opened[0]

    @property
    def description(self) -> Description:
        """Branch, worktrees and submodules."""
        return self._opened[1]

    @cached_property
    def _opened(self) -> tuple[Inventory, Description]:
        with ThreadPoolExecutor(1) as aside:  # importing GitPython takes as long as git takes to enumerate
            head = aside.submit(self._head)
            return self._inventory(), describe(self.repository, head.result())

    def _head(self) -> Head:
        memory = self._memory
        found = memory.head() if memory is not None else None
        if found is None:
            found = read_head(self.repository)
            if memory is not None:
                memory.keep_head(found)
        return found

    def _inventory(self) -> Inventory:
        memory = self._memory
        found = self._remembered or (memory.inventory() if memory is not None else None)
        if found is None:
            found = take_inventory(self.repository, self._selection, unreachable=self._unreachable)
            if memory is not None:
                memory.keep_inventory(found)
        return found

    @cached_property
    def _slices(self) -> list[Slice]:
        return cut(self.inventory)

    @cached_property
    def _children(self) -> list[GitHistory]:
        return [one for one in self._submodules if isinstance(one, GitHistory)]

    @cached_property
    def _submodules(self) -> list[GitHistory | Skipped]:
        if not self._with_submodules:
            return []
        return [self._open_submodule(one.path, one.git_dir) for one in self.description.submodules]

    def _open_submodule(self, path: str, git_dir: str | None) -> GitHistory | Skipped:
        prefix = f"{self._prefix}{path}/"
        if git_dir is None:
            return Skipped(f"submodule {prefix[:-1]}", "it is not here; git submodule update --init brings it")
        try:
            return GitHistory(git_dir, unreachable=self._unreachable, submodules=True, prefix=prefix)
        except SourceError as error:
            return Skipped(f"submodule {prefix[:-1]}", str(error))

    def _remarks(self) -> Iterator[Skipped | Note]:
        """What is missing, and what a person should know."""
        inventory = self.inventory
        yield from (Note(text) for text in (*self.repository.notes, *inventory.notes))
        yield from (Skipped(f"history of {self._place}", text) for text in inventory.problems)
        yield from (one for one in self._submodules if isinstance(one, Skipped))
        yield from self._shallow()
        yield from missing_objects(self.repository, self.inventory, self._place, self._prefix)
        if not len(inventory) and not inventory.problems:
            yield Note(f"{self._place}: nothing to read: no commit is selected, or there is none yet")
        modules = [one.path for one in self.description.submodules]
        if modules and not self._with_submodules:
            names = ", ".join(modules[:5]) + (", …" if len(modules) > 5 else "")
            yield Note(f"histories of submodules were not asked for: {names}")

    def _shallow(self) -> Iterator[Skipped]:
        reached = self.inventory.find(self.repository.shallow_boundary())
        if reached:
            s = "" if len(reached) == 1 else "s"
            yield Skipped(
                f"history of {self._place} before {len(reached)} shallow boundary commit{s}",
                "the clone is shallow, older commits are not here; git fetch --unshallow brings them",
            )

    def _ref_names(self) -> Iterator[Chunk]:
        wanted = self._selection.refs
        for name, target in self.inventory.refs:
            if wanted is None or name in wanted:
                yield Chunk(name.encode(), Origin(self._prefix + name, Kind.REF_NAME, target))


__all__ = ["GitHistory"]
