"""What is about to be committed: the index, read as objects and compared with HEAD."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from scanner.errors import SourceError
from scanner.models import Chunk, Finding, Kind, Note, Skipped
from scanner.sources.change import Contents, Look, key, show_path
from scanner.sources.git import INDEX_VARIABLES, GitError, Repository, open_repository
from scanner.sources.interface import Source

INHERITED = INDEX_VARIABLES | {"GIT_DIR", "GIT_WORK_TREE"}
"""What git tells a commit hook: which index (`git commit PATH` has one of its own), and which repository when it is
not the one around the folder."""

_NO_CONTENT = frozenset({b"000000", b"160000"})  # what is not there, and submodules
_COMPARED = frozenset({Kind.INDEX, Kind.PATH_NAME})
_GITHEAD = re.compile("GITHEAD_([0-9a-f]{40}(?:[0-9a-f]{24})?)")


@dataclass(frozen=True, slots=True)
class _Entry:
    """A path of the index: its blob ("" when there is none to read), and the blobs that stood there before."""

    path: bytes
    blob: str
    before: tuple[str, ...] = ()
    new_name: bool = False
    unmerged: bool = False


class Staged:
    """What is staged in the repository that `place` is in; deletions and changes of mode only have no content.

    Only blobs that differ from HEAD are read (while a merge is in progress: from HEAD and from what is merged),
    and `new` tells which findings HEAD does not hold. `paths` narrows it to files and folders, relative to
    `folder`. Everything in the index is read, and everything found is new, with `all_files`. With `untouched`,
    a path that is named but not staged is read as well, as `pre-commit run --files` and `--all-files` expect, and
    then everything found is new: somebody asks about files, not about a commit. Not during a merge, where
    pre-commit names files that nobody touched.
    Raises `SourceError` when there is no repository or no index.
    """

    def __init__(
        self,
        place: str | os.PathLike[str] = ".",
        paths: Iterable[str | bytes | os.PathLike[str]] = (),
        *,
        all_files: bool = False,
        untouched: bool = False,
        folder: str | os.PathLike[str] = ".",
    ) -> None:
        self.repository: Repository = open_repository(place, inherit=INHERITED)
        if self.repository.work_tree is None:
            raise SourceError(
                f"{os.fspath(place)} is a bare repository: nothing is staged there; "
                "scan its commits instead: keysweep history"
            )
        self._paths = [_inside(os.fsdecode(path), os.fspath(folder), self.repository.work_tree) for path in paths]
        self._all_files, self._untouched = all_files, untouched

    def chunks(self) -> Iterator[Chunk | Skipped | Note]:
        return self._contents.chunks()

    def partitions(self, count: int) -> Sequence[Source]:
        return self._contents.partitions(count)

    def locate(self, findings: Sequence[Finding]) -> Sequence[Finding]:
        return findings

    def weight(self) -> int:
        return self._contents.weight()

    def __str__(self) -> str:
        return "the index" if self._all_files else "what is staged"

    def new(self, findings: Sequence[Finding], look: Look) -> Sequence[Finding]:
        """The findings whose key HEAD holds neither at their path nor at any other path that is changed."""
        asked = [one for one in findings if self._is_compared(one)]
        if not asked:
            return findings
        held = look(self._before(names=any(one.origin.kind is Kind.PATH_NAME for one in asked)))
        return [one for one in findings if not self._is_compared(one) or key(one) not in held]

    def _is_compared(self, finding: Finding) -> bool:
        origin = finding.origin
        if self._all_files or self._by_hand or origin.kind not in _COMPARED:
            return False
        return origin.kind is Kind.PATH_NAME or origin.object_id in self._changed_blobs

    def _before(self, *, names: bool) -> Contents:
        """HEAD's versions of all paths that are changed, also where only some of them were asked for: a file that
        moved has its old version at another path."""
        blobs = [(show_path(entry.path), blob) for entry in self._changes for blob in entry.before]
        listed: list[bytes] = []
        for parent in ("HEAD", *self._merging) if names and self._against_head is not None else ():
            listed += self._run("ls-tree", "-r", "-z", "--name-only", parent).split(b"\0")[:-1]
        return Contents(self.repository.git, Kind.INDEX, tuple(dict.fromkeys(blobs)), tuple(dict.fromkeys(listed)))

    # --- what there is ---

    @cached_property
    def _contents(self) -> Contents:
        asked = _Asked(self._paths)
        entries = [one for one in (self._index if self._all_files else self._changes) if asked.covers(one.path)]
        missing = asked.without(entries)
        if missing and not self._all_files:
            named = _Asked(missing)
            unstaged = [one for one in self._index if named.covers(one.path)]
            missing = named.without(unstaged)
            entries += unstaged if self._untouched and not self._merging else []
        skipped = [
            Skipped(show_path(path), "not in the index; add it first (git add), or scan the file: keysweep files")
            for path in missing
        ] + [
            Skipped(show_path(path), "its merge conflict is not resolved, so what will be committed is not known yet")
            for path in sorted({one.path for one in entries if one.unmerged})
        ]
        blobs = tuple((show_path(one.path), one.blob) for one in entries if one.blob)
        names = tuple(dict.fromkeys(one.path for one in entries if one.new_name))
        notes = tuple(map(Note, self.repository.notes))
        return Contents(self.repository.git, Kind.INDEX, blobs, names, tuple(skipped), notes)

    @cached_property
    def _by_hand(self) -> bool:
        """Whether files are read that are not staged."""
        if not self._untouched or self._merging:
            return False
        unstaged = _Asked(self._paths).without(self._changes)
        named = _Asked(unstaged)
        return bool(unstaged) and any(named.covers(one.path) for one in self._index)

    @cached_property
    def _changed_blobs(self) -> frozenset[str]:
        return frozenset(one.blob for one in self._changes)

    @cached_property
    def _changes(self) -> list[_Entry]:
        """What differs from HEAD and from every commit that is being merged, in the order of paths."""
        if self._against_head is None:
            return self._index
        others = [{one.path: one for one in self._differing(other)} for other in self._merging]
        changes = [_common(entry, others) for entry in self._against_head if not entry.unmerged]
        if len(changes) < len(self._against_head):
            changes += [one for one in self._index if one.unmerged]
        return changes

    @cached_property
    def _against_head(self) -> list[_Entry] | None:
        """What differs from HEAD; None before the first commit."""
        try:
            return list(self._differing("HEAD"))
        except SourceError:
            if self._has_head():
                raise
            return None

    def _differing(self, commit: str) -> Iterator[_Entry]:
        options = ("--cached", "--raw", "-z", "--no-renames", "--no-relative")
        tokens = iter(self._run("diff-index", *options, commit, "--").split(b"\0"))
        for fields, path in zip(tokens, tokens, strict=False):
            old_mode, mode, old, blob, status = fields[1:].split(b" ")
            before = () if old_mode in _NO_CONTENT else (old.decode(),)
            content = "" if mode in _NO_CONTENT else blob.decode()
            yield _Entry(path, content, before, status == b"A", status == b"U")

    @cached_property
    def _index(self) -> list[_Entry]:
        """Everything in the index; of an unmerged path, every version that is there."""
        entries = []
        for line in self._run("ls-files", "-s", "-z").split(b"\0")[:-1]:
            fields, _, path = line.partition(b"\t")
            mode, blob, stage = fields.split(b" ")
            if mode not in _NO_CONTENT:
                entries.append(_Entry(path, blob.decode(), new_name=True, unmerged=stage != b"0"))
        return entries

    def _has_head(self) -> bool:
        try:
            self.repository.run("rev-parse", "--verify", "--quiet", "HEAD")
        except GitError:
            return False
        return True

    @cached_property
    def _merging(self) -> list[str]:
        """The commits that are being merged. While `git merge` runs its pre-merge-commit hook they are in no file
        yet: only in the names of variables."""
        try:
            return Path(self.repository.git_dir, "MERGE_HEAD").read_text("ascii").split()
        except (OSError, ValueError):
            return sorted(found[1] for found in map(_GITHEAD.fullmatch, os.environ) if found)

    def _run(self, *args: str) -> bytes:
        try:
            return self.repository.run(*args)
        except GitError as error:
            raise SourceError(f"what is staged cannot be told: {error}; git fsck may tell more") from error


def _common(entry: _Entry, others: Sequence[Mapping[bytes, _Entry]]) -> _Entry:
    """A path that differs from HEAD: with no content to read when one of `others` has it just so."""
    theirs = [other[entry.path] for other in others if entry.path in other]
    before = tuple(dict.fromkeys([*entry.before, *(blob for one in theirs for blob in one.before)]))
    if len(theirs) < len(others) or entry.blob in before:
        return _Entry(entry.path, "", before)
    return _Entry(entry.path, entry.blob, before, entry.new_name and all(one.new_name for one in theirs))


class _Asked:
    """Paths of files and folders that were asked for; none means all."""

    def __init__(self, paths: Iterable[bytes]) -> None:
        self._paths = dict.fromkeys(paths)

    def covers(self, path: bytes) -> bool:
        return not self._paths or any(one in self._paths for one in _lineage(path))

    def without(self, entries: Iterable[_Entry]) -> list[bytes]:
        """The paths that cover none of the entries. The top folder is always there."""
        hit = {above for one in entries for above in _lineage(one.path)}
        return [path for path in self._paths if path and path not in hit]


def _lineage(path: bytes) -> Iterator[bytes]:
    """The path, the folders that it lies in, and the top."""
    while path:
        yield path
        path = path.rpartition(b"/")[0]
    yield b""


def _inside(path: str, folder: str, work_tree: str) -> bytes:
    """A path as the index names it. Links on the way to the work tree are followed, the last part never: a
    staged link is content itself."""
    whole = os.path.join(os.path.realpath(folder), path)  # noqa: PTH118 - bytes of names must stay as they are
    above, name = os.path.split(os.path.normpath(whole))
    real = os.path.join(os.path.realpath(above), name)  # noqa: PTH118
    top = os.path.realpath(work_tree)
    inside = os.path.relpath(real, top)
    if inside == os.pardir or inside.startswith(os.pardir + os.sep):
        raise SourceError(f"{path} is outside of the repository {work_tree}")
    return b"" if inside == os.curdir else os.fsencode(inside.replace(os.sep, "/"))


__all__ = ["INHERITED", "Staged"]
