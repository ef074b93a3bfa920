"""Which objects a repository holds, how they are reached, and which are missing: an inventory of ids and paths."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from scanner.sources.git import GitError, Process, Repository
from scanner.sources.git_batch import read_objects
from scanner.sources.git_tree import entries

_FORMAT = "--batch-check=%(objecttype) %(objectsize) %(objectname) %(rest)"
_KINDS = (b"blob", b"tree", b"commit", b"tag")

Groups = dict[bytes, "array[int]"]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which part of a history is asked for. `tips` are arguments that name what to walk (for git rev-list),
    `excluded` the ids whose objects are known and left out, `options` narrow the walk by date."""

    tips: tuple[str, ...] = ("--all", "--reflog")
    excluded: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    refs: tuple[str, ...] | None = None

    @property
    def whole(self) -> bool:
        """True when everything reachable is asked for."""
        return self == Selection()


@dataclass(slots=True)
class Inventory:
    """Objects by kind and path, in the order of the enumeration (newest first); a number stands for each.

    Numbers below `reachable` are reached by a ref, a reflog or a worktree. Objects without a path have a
    group of their own, named as people would see it (`blob 1a2b3c4d5e6f`).
    """

    width: int = 20
    ids: bytearray = field(default_factory=bytearray)
    sizes: array[int] = field(default_factory=lambda: array("Q"))
    groups: dict[bytes, Groups] = field(default_factory=lambda: {kind: {} for kind in _KINDS})
    reachable: int = 0
    refs: list[tuple[str, str]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.sizes)

    def id(self, number: int) -> str:
        """The object's id in hexadecimal digits."""
        return self.ids[number * self.width : (number + 1) * self.width].hex()

    def numbers(self, kind: bytes) -> Iterator[int]:
        """All objects of a kind, in order of enumeration within each path."""
        for group in self.groups[kind].values():
            yield from group

    def find(self, wanted: Iterable[str]) -> dict[str, int]:
        """The numbers of ids; those it does not hold are left out."""
        raw = {bytes.fromhex(one): one for one in wanted}
        width, ids = self.width, bytes(self.ids)
        found = {}
        for number in range(len(self)):
            one = raw.get(ids[number * width : (number + 1) * width])
            if one is not None:
                found[one] = number
        return found

    def add(self, lines: Iterable[bytes], known: Mapping[bytes, bytes], seen: set[bytes] | None = None) -> None:
        """Adds lines of `cat-file --batch-check`. `known` names paths for ids; ids in `seen` are passed over."""
        groups, sizes, ids = self.groups, self.sizes, self.ids
        for line in lines:
            fields = line[:-1].split(b" ", 3)
            if len(fields) != 4:
                self._lost(line)
                continue
            kind, size, name, path = fields
            raw = bytes.fromhex(name.decode())
            if seen is not None and raw in seen:
                continue
            if name in known:
                path = known[name]
            elif not path and kind != b"tree":
                path = b"%s %s" % (kind, name[:12])
            of_kind = groups[kind]
            if path in of_kind:
                of_kind[path].append(len(sizes))
            else:
                of_kind[path] = array("I", (len(sizes),))
            ids += raw
            sizes.append(int(size))
        self.width = len(ids) // len(sizes) if sizes else self.width

    def _lost(self, line: bytes) -> None:
        name = re.match(rb"\??([0-9a-f]{40,64}) missing", line)
        if name:
            self.missing.append(name[1].decode())


def take_inventory(repository: Repository, selection: Selection, *, unreachable: bool = False) -> Inventory:
    """Enumerates objects. What git cannot tell stands in the result's `missing` and `problems`; when the
    history is too damaged to be walked, every object in the repository is taken instead."""
    inventory = Inventory()
    refs = _blob_refs(repository, inventory)
    failure = _walk(repository, selection, inventory, refs)
    if failure:
        inventory.problems.append(
            f"the history cannot be walked ({failure}); all objects in the repository were read instead"
        )
    inventory.reachable = len(inventory)
    if unreachable or failure:
        _add_the_rest(repository, inventory, refs)
        if failure:
            inventory.reachable = len(inventory)
    inventory.missing = sorted(set(inventory.missing))
    return inventory


def _walk(
    repository: Repository, selection: Selection, inventory: Inventory, refs: Mapping[bytes, bytes]
) -> str:
    """Adds all that is reached. Returns why the walk ended too early, or ""."""
    listing = ["rev-list", "--objects", "--missing=print", *selection.options, *selection.tips]
    exclude = [f"^{one}" for one in selection.excluded]
    if len(exclude) > _ARGUMENTS:  # rather too many objects than too few
        exclude = exclude[:_ARGUMENTS]
    with (
        repository.git.start(*listing, *exclude, "--") as walking,
        repository.git.start("cat-file", "--buffer", _FORMAT, stdin=walking.stdout) as checking,
    ):
        walking.stdout.close()  # ours; git cat-file has its own copy, and must notice when git rev-list ends
        inventory.add(checking.stdout, refs)
        failure = _failure(checking)
        failure = _failure(walking) or failure
        words = walking.words()
    if words and not failure:
        _remark(words, inventory)
    return failure


_ARGUMENTS = 1000


def _failure(process: Process) -> str:
    return "" if process.wait() == 0 else process.words() or "git died"


def _remark(words: str, inventory: Inventory) -> None:
    """git went on, but said something: an error is a gap, a warning (a reflog that outlived its commits) a note."""
    (inventory.problems if "error:" in words else inventory.notes).append(f"git rev-list says: {words}")


def _add_the_rest(repository: Repository, inventory: Inventory, refs: Mapping[bytes, bytes]) -> None:
    """Adds all objects that were not reached, with the paths that unreached trees give them."""
    width = inventory.width
    seen = {bytes(inventory.ids[at : at + width]) for at in range(0, len(inventory.ids), width)}
    rest = Inventory()
    with repository.git.start("cat-file", "--batch-all-objects", "--buffer", _FORMAT) as listing:
        rest.add(listing.stdout, refs, seen)
        failure = _failure(listing)
    if failure:
        inventory.problems.append(f"not all objects can be listed ({failure})")
    inventory.missing += rest.missing
    trees = [rest.id(number) for number in rest.numbers(b"tree")]
    present = seen.union(bytes.fromhex(rest.id(number)) for number in range(len(rest)))
    paths = _paths(repository, trees, present, inventory)
    named = {one.encode(): path for one, path in paths.items()} | dict(refs)
    lines = (
        b"%s %d %s \n" % (kind, rest.sizes[number], rest.id(number).encode())
        for kind in _KINDS
        for number in sorted(rest.numbers(kind))
    )
    inventory.add(lines, named)


def _paths(
    repository: Repository, trees: Sequence[str], present: set[bytes], inventory: Inventory
) -> dict[str, bytes]:
    """A path for each object that these trees name. What they name and is not there is missing."""
    parents: dict[bytes, tuple[bytes, bytes]] = {}
    for tree in read_objects(repository.git, trees):
        if tree.problem:
            continue  # it is read again, and reported, where the content is read
        parent = bytes.fromhex(tree.id)
        for mode, name, child in entries(tree.data, inventory.width):
            if mode != b"160000":
                parents.setdefault(child, (parent, name))
                if child not in present:
                    inventory.missing.append(child.hex())
    return {child.hex(): _climb(child, parents) for child in parents}


def _climb(child: bytes, parents: Mapping[bytes, tuple[bytes, bytes]]) -> bytes:
    names: list[bytes] = []
    while child in parents and len(names) < 256:
        child, name = parents[child]
        names.append(name)
    return b"/".join(reversed(names))


def _blob_refs(repository: Repository, inventory: Inventory) -> dict[bytes, bytes]:
    """Notes the refs, and tells the blobs that a ref or its tag names: they may have no other name."""
    wanted = "%(objecttype) %(objectname) %(*objecttype) %(*objectname) %(refname)"
    try:
        lines = repository.run("for-each-ref", f"--format={wanted}").splitlines()
    except GitError as error:  # a ref points to nothing; names can still be told
        inventory.problems.append(f"not all refs can be read: {error.words}")
        lines = repository.run("for-each-ref", "--format=ref %(objectname)   %(refname)").splitlines()
    found = {}
    for line in lines:
        kind, name, inner_kind, inner, ref = line.split(b" ", 4)
        if b"blob" in {kind, inner_kind}:
            found[name if kind == b"blob" else inner] = ref
        inventory.refs.append((show_path(ref), name.decode()))
    return found


def show_path(path: bytes) -> str:
    """A path as text: bytes that are not UTF-8 are written out, so that two paths never look the same."""
    return path.decode("utf-8", "backslashreplace")


__all__ = ["Inventory", "Selection", "show_path", "take_inventory"]
