"""Names of files that reports show masked, such as `conf/sk_live_********.txt`, found again in folders and in git.

A report is foreign, so what it says bounds nothing but what is looked at: lists of names, and not many.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from scanner.models import Chunk, Kind, Note, Origin, Skipped
from scanner.sources.change import show_path
from scanner.sources.git import Git, GitError
from scanner.sources.interface import Undivided

MOST_LOOKED_AT = 200_000
"""So many names of folders' entries are compared for one masked name."""

_STARS = re.compile(r"\*+")


@dataclass(frozen=True, slots=True)
class Names(Undivided):
    """Names as content: of files (`PATH_NAME`) or of branches and tags (`REF_NAME`)."""

    kind: Kind
    names: tuple[bytes, ...]

    def chunks(self) -> Iterator[Chunk | Skipped | Note]:
        for name in self.names:
            yield Chunk(name, Origin(show_path(name), self.kind))

    def weight(self) -> int:
        return sum(map(len, self.names))

    def __str__(self) -> str:
        return "names"


def in_folders(masked: str) -> tuple[bytes, ...]:
    """The files and folders whose path, from the current folder or the root, may be the masked one; sorted."""
    if not masked:
        return ()
    head, *parts = masked.split("/")
    found = [Path(head or "/")] if not _STARS.search(head) else list(_entries(Path(), head, MOST_LOOKED_AT))
    for part in parts:
        if _STARS.search(part):
            found = [one for folder in found for one in _entries(folder, part, MOST_LOOKED_AT // len(found))]
        else:
            found = [one / part for one in found]
    return tuple(sorted(os.fsencode(one) for one in found if _is_there(one)))


def in_git(git: Git, masked: Iterable[str], commits: Iterable[str]) -> tuple[bytes, ...]:
    """The paths in the index and in these commits, folders included, that may be one of the masked ones; sorted."""
    wanted = [Masked(one) for one in masked]
    lists = [["ls-files", "-z"], *(["ls-tree", "-r", "-t", "-z", "--name-only", commit] for commit in commits)]
    found: set[bytes] = set()
    for words in lists:
        try:
            names = git.run(*words).split(b"\0")
        except GitError:
            continue  # a commit that is not here any more, a repository without files
        found.update(name for name in names if name and any(one.fits(show_path(name)) for one in wanted))
    return tuple(sorted(found))


def ref_names(git: Git) -> tuple[bytes, ...]:
    """The names of all branches and tags."""
    return tuple(git.run("for-each-ref", "--format=%(refname)").splitlines())


class Masked:
    """A masked text, with which others are compared in time that grows with their length only."""

    def __init__(self, masked: str) -> None:
        self._head, *rest = _STARS.split(masked)
        self._tail = rest.pop() if rest else None
        self._middle = rest

    def fits(self, text: str) -> bool:
        """Whether the text may be the masked one: something stands in the place of every row of stars."""
        if self._tail is None:
            return text == self._head
        at = len(self._head)
        if not text.startswith(self._head) or not text.endswith(self._tail):
            return False
        for piece in self._middle:
            found = text.find(piece, at + 1)
            if found < 0:
                return False
            at = found + len(piece)
        return len(text) - len(self._tail) > at


def _entries(folder: Path, masked: str, most: int) -> Iterator[Path]:
    wanted = Masked(masked)
    try:
        with os.scandir(folder) as entries:
            for entry in islice(entries, most):
                if wanted.fits(show_path(os.fsencode(entry.name))):
                    yield folder / entry.name
    except (OSError, ValueError):
        return


def _is_there(path: Path) -> bool:
    try:
        return os.path.lexists(path)
    except ValueError:
        return False


__all__ = ["Names", "in_folders", "in_git", "ref_names"]
