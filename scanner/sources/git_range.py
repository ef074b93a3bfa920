"""What some commits bring that their base does not hold: for pull requests, pushes and `keysweep diff A..B`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from scanner.errors import SourceError
from scanner.models import Chunk, Finding, Kind, Note, Origin, Skipped
from scanner.sources.change import Contents, Keys, Look, key, show_path
from scanner.sources.git import GitError, Repository, open_repository
from scanner.sources.git_heads import Heads, Tree, id_of, listed
from scanner.sources.git_locate import locate
from scanner.sources.git_missing import missing_objects
from scanner.sources.git_objects import Inventory, Selection, take_inventory
from scanner.sources.git_parts import Ready, Slice, cut, pack
from scanner.sources.interface import Source
from scanner.sources.revisions import NO_OBJECT, Range, UnknownRevisionError, parse_range, pushed, received

_ID = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_NO_CONTENT = frozenset({b"000000", b"160000"})
_COMPARED = frozenset({Kind.BLOB, Kind.NOTE, Kind.PATH_NAME})
_RAW = ("-r", "--raw", "-z", "--no-renames", "--no-relative")


class RevisionRanges:
    """All objects that the heads of `ranges` reach and their bases do not, intermediate commits and merges too.

    `excluded` are further arguments for what is there already (`--remotes=origin`, `--all`). With `lenient`, a
    base that is not here is left out with a note: more is read, never less. `inherit` as in `open_repository`.
    Findings tell with their history whether a head still holds them; `new` tells which of them the base does not
    hold. Raises `SourceError` when there is no repository, `UnknownRevisionError` for what it does not hold.
    """

    def __init__(
        self,
        place: str | os.PathLike[str],
        ranges: Iterable[Range],
        *,
        excluded: Sequence[str] = (),
        lenient: bool = False,
        inherit: Iterable[str] = (),
    ) -> None:
        self.repository: Repository = open_repository(place, inherit=inherit)
        self._notes = [Note(text) for text in self.repository.notes]
        self._ranges = self._resolved([one for one in ranges if not NO_OBJECT.fullmatch(one.head)], lenient)
        bases = tuple(dict.fromkeys(one.base for one in self._ranges if one.base))
        known = ("--not", *excluded, "--not") if excluded else ()
        self._selection = Selection(self._heads, bases, known)

    def chunks(self) -> Iterator[Chunk | Skipped | Note]:
        for part in self.partitions(1):
            yield from part.chunks()

    def partitions(self, count: int) -> Sequence[Source]:
        parts: list[Source] = [Ready((*self._remarks(), *self._ref_names()), "names of refs")]
        return parts + list(pack(self._slices, count, self.repository.git, self.inventory.width, ""))

    def locate(self, findings: Sequence[Finding]) -> Sequence[Finding]:
        """One finding for each rule, path and secret: where it stands in a head, or in the newest version that
        held it."""
        located = locate(self.repository, self.inventory, self._selection, findings)
        heads = Heads(self.repository, self._head_trees, self._raw_paths(located))
        return sorted(heads.told(located), key=lambda finding: finding.sort_key)

    def weight(self) -> int:
        """About how many bytes there are to scan."""
        return sum(one.weight for one in self._slices)

    def __str__(self) -> str:
        return "the new commits"

    @property
    def commits(self) -> int:
        """How many commits are read."""
        return sum(1 for _ in self.inventory.numbers(b"commit"))

    # --- what is new ---

    def new(self, findings: Sequence[Finding], look: Look) -> Sequence[Finding]:
        """The findings whose key the base does not hold: neither at their path, nor at another path that the
        change touches (a file that moved has its old version there).

        What a head still holds is compared with where both parted, so a merge cannot bring back what the base
        has removed. What only commits in between held is also compared with what those commits replaced.
        """
        asked = [one for one in findings if one.origin.kind in _COMPARED]
        if not asked:
            return findings
        paths = set(self._raw_paths(asked).values())
        names = any(one.origin.kind is Kind.PATH_NAME for one in asked)
        at_base = look(self._base(paths, names=names))
        replaced: Keys = frozenset()
        if any(key(one) not in at_base and not self._settled(one) for one in asked):
            replaced = look(self._replaced(paths, {one.origin.object_id for one in asked}))

        def known(one: Finding) -> bool:
            return key(one) in at_base or (not self._settled(one) and key(one) in replaced)

        return [one for one in findings if one.origin.kind not in _COMPARED or not known(one)]

    def _settled(self, finding: Finding) -> bool:
        """Whether the base alone says if a finding is new."""
        in_head = finding.history is not None and finding.history.in_head
        return in_head and all(self._parted(one) for one in self._ranges)

    def _base(self, paths: set[bytes], *, names: bool) -> Contents:
        blobs: dict[tuple[str, str], None] = {}
        all_names: dict[bytes, None] = {}
        for one in self._ranges:
            head = self._tree(one.head)
            parted = self._parted(one)
            for commit in parted if one.symmetric or not one.base else dict.fromkeys([*parted, one.base]):
                tree = self._tree(commit)
                changed = {path for path, blob in tree.items() if head.get(path) != blob} if commit in parted else set()
                blobs.update(((show_path(path), tree[path]), None) for path in tree if listed(path) in paths)
                blobs.update(((show_path(path), tree[path]), None) for path in sorted(changed))
                if names:
                    all_names.update(dict.fromkeys(tree))
        return Contents(self.repository.git, Kind.BLOB, tuple(blobs), tuple(all_names))

    def _replaced(self, paths: set[bytes], ids: set[str]) -> Contents:
        """What stood before in place of what the commits with findings changed, as far as it is not new itself."""
        old: dict[str, bytes] = {}
        for changes in self._changes():
            if any(listed(path) in paths or new in ids for path, _, new in changes):
                for path, before, _ in changes:
                    old.update(dict.fromkeys(before, path))
        fresh = self.inventory.find(old)
        blobs = tuple((show_path(path), one) for one, path in old.items() if one not in fresh)
        return Contents(self.repository.git, Kind.BLOB, blobs)

    def _changes(self) -> Iterator[list[tuple[bytes, list[str], str]]]:
        """Path, old blobs and new blob of each change, commit by commit; of a merge, what differs from every
        parent."""
        tips = self._selection
        bases = (f"^{one}" for one in tips.excluded)
        git = self.repository.git
        with (
            git.start("rev-list", *tips.options, *tips.tips, *bases, "--") as walking,
            git.start("diff-tree", "--stdin", "-c", "--root", *_RAW, stdin=walking.stdout) as comparing,
        ):
            walking.stdout.close()
            tokens = iter(comparing.communicate().split(b"\0"))
            changes: list[tuple[bytes, list[str], str]] = []
            for token in tokens:
                if token.startswith(b":"):
                    changes.append((next(tokens, b""), *_sides(token)))
                else:
                    yield changes
                    changes = []
            yield changes

    # --- what there is ---

    @cached_property
    def inventory(self) -> Inventory:
        """All objects that are read."""
        if not self._heads:
            return Inventory()
        inventory = take_inventory(self.repository, self._selection)
        self._add_kept_by_merges(inventory)
        return inventory

    def _add_kept_by_merges(self, inventory: Inventory) -> None:
        """A merge can keep what its other parent, the base, has removed: no new object, and yet new there."""
        bases = (f"^{one}" for one in self._selection.excluded)
        try:
            merges = self.repository.run(
                "rev-list", "--min-parents=2", "-n1", *self._selection.options, *self._heads, *bases, "--"
            )
            kept = [line for one in self._ranges if merges for line in self._differing(one)]
        except SourceError:  # too damaged to compare: the walk has told so
            return
        new = {line[:-1].partition(b" ")[0].decode() for line in kept}
        known = inventory.find(new)
        wanted = b"".join(line for line in dict.fromkeys(kept) if line.partition(b" ")[0].decode() not in known)
        if wanted:
            form = "--batch-check=%(objecttype) %(objectsize) %(objectname) %(rest)"
            inventory.add(self.repository.run("cat-file", form, stdin=wanted).splitlines(keepends=True), {})
            inventory.reachable = len(inventory)

    def _differing(self, one: Range) -> list[bytes]:
        """Blob and path, a line each, of what differs from every commit where head and base parted."""
        common: dict[bytes, bytes] | None = None
        for commit in self._parted(one):
            tokens = iter(self.repository.run("diff-tree", *_RAW, commit, one.head, "--").split(b"\0"))
            differs = {path: fields.split(b" ") for fields, path in zip(tokens, tokens, strict=False)}
            new = {path: words[3] for path, words in differs.items() if words[1] not in _NO_CONTENT}
            common = new if common is None else {path: blob for path, blob in new.items() if path in common}
        return [b"%s %s\n" % (blob, listed(path)) for path, blob in (common or {}).items()]

    @cached_property
    def _slices(self) -> list[Slice]:
        return cut(self.inventory)

    @cached_property
    def _heads(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(one.head for one in self._ranges))

    @cached_property
    def _head_trees(self) -> list[Tree]:
        return [self._tree(head) for head in self._heads]

    def _raw_paths(self, findings: Sequence[Finding]) -> dict[str, bytes]:
        """The path by which each blob that was found is known, as git has it."""
        wanted = {number: one for one, number in self.inventory.find({id_of(one) for one in findings} - {""}).items()}
        groups = self.inventory.groups[b"blob"].items()
        return {wanted[number]: path for path, group in groups for number in group if number in wanted}

    def _remarks(self) -> Iterator[Skipped | Note]:
        inventory = self.inventory
        yield from self._notes
        yield from map(Note, inventory.notes)
        yield from (Skipped("the new commits", text) for text in inventory.problems)
        cut_off = inventory.find(self.repository.shallow_boundary())
        if cut_off:
            yield Skipped(
                f"what is new before commit {min(cut_off)[:12]}",
                "the clone is shallow, so the way to the base is cut off; git fetch --unshallow brings it "
                "(in GitHub Actions: fetch-depth: 0)",
            )
        yield from missing_objects(self.repository, self.inventory, "the new commits")
        if not len(inventory) and not inventory.problems:
            yield Note("nothing to read: there are no new commits")

    def _ref_names(self) -> Iterator[Chunk]:
        for one in self._ranges:
            if one.ref and not one.base:
                yield Chunk(os.fsencode(one.ref), Origin(show_path(os.fsencode(one.ref)), Kind.REF_NAME, one.head))

    # --- asking git ---

    def _resolved(self, ranges: Sequence[Range], lenient: bool) -> list[Range]:
        """The ranges with ids for revisions, and "" for a base that is nothing."""
        names = list(dict.fromkeys(name for one in ranges for name in (one.base, one.head)))
        ids = self._ids([name for name in names if name and not NO_OBJECT.fullmatch(name)])
        resolved = []
        for one in ranges:
            if one.head not in ids:
                raise UnknownRevisionError(one.head, shallow=self.repository.shallow)
            base = ids.get(one.base, "")
            if not base and one.base and not NO_OBJECT.fullmatch(one.base):
                if not lenient:
                    raise UnknownRevisionError(one.base, shallow=self.repository.shallow)
                about = f"{one.ref or one.base}: the old commit is not here"
                self._notes.append(Note(f"{about}, so more than what is new was read"))
            resolved.append(one._replace(base=base, head=ids[one.head]))
        return resolved

    def _ids(self, names: Sequence[str]) -> dict[str, str]:
        asked = [name for name in names if "\n" not in name]
        if not asked:
            return {}
        text = "".join(f"{name}\n" for name in asked)
        lines = self.repository.run("cat-file", "--batch-check=%(objectname)", stdin=os.fsencode(text)).splitlines()
        # what is not found is answered with its name and "missing" or "ambiguous"
        return {name: line.decode() for name, line in zip(asked, lines, strict=True) if _ID.fullmatch(line)}

    @cached_property
    def _known_partings(self) -> dict[tuple[str, str], tuple[str, ...]]:
        return {}

    def _parted(self, one: Range) -> tuple[str, ...]:
        """The commits where head and base parted; none when there is no base, or nothing in common."""
        if not one.base:
            return ()
        known = self._known_partings
        if (one.base, one.head) not in known:
            try:
                text = self.repository.run("merge-base", "--all", one.base, one.head)
            except GitError:  # nothing in common, or a head that is no commit
                text = b""
            known[one.base, one.head] = tuple(text.decode().split())
        return known[one.base, one.head]

    @cached_property
    def _known_trees(self) -> dict[str, Tree]:
        return {}

    def _tree(self, commit: str) -> Tree:
        """The files of a commit; none for a blob that a tag names."""
        known = self._known_trees
        if commit not in known:
            try:
                lines = self.repository.run("ls-tree", "-r", "-z", commit).split(b"\0")[:-1]
            except GitError as error:
                if "not a tree" not in error.words:
                    raise
                lines = []
            entries = (line.partition(b"\t") for line in lines)
            known[commit] = {path: info.split(b" ")[2].decode() for info, _, path in entries if b" blob " in info}
        return known[commit]


class RevisionRange(RevisionRanges):
    """What `base..head` or (`symmetric`) `base...head` brings, in the repository that `place` is in."""

    def __init__(
        self, place: str | os.PathLike[str], base: str, head: str, *, symmetric: bool = False
    ) -> None:
        super().__init__(place, [Range(base, head, symmetric)])


def _sides(fields: bytes) -> tuple[list[str], str]:
    """The old blobs and the new one of a raw line; "" where there is none."""
    parents = len(fields) - len(fields.lstrip(b":"))
    words = fields[parents:].split(b" ")
    modes, ids = words[: parents + 1], words[parents + 1 : 2 * parents + 2]
    sides = ["" if mode in _NO_CONTENT else one.decode() for mode, one in zip(modes, ids, strict=True)]
    return [one for one in sides[:-1] if one], sides[-1]


__all__ = [
    "Range", "RevisionRange", "RevisionRanges", "UnknownRevisionError", "parse_range", "pushed", "received",
]  # fmt: skip
