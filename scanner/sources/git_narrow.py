"""A history less what cannot hold a key: the packs are sifted first, and only what stays is read version by version."""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from functools import cached_property
from pathlib import Path

from scanner.errors import SourceError
from scanner.models import Stats
from scanner.sources.git import Repository
from scanner.sources.git_objects import Inventory
from scanner.sources.git_pack import OddPackError, packs
from scanner.sources.git_parts import name_of
from scanner.sources.git_sift import SiftPart, families
from scanner.sources.interface import NAME, Telling

_WIDTHS = {"sha1": 20, "sha256": 32}
_HEX = re.compile("[0-9a-f]+")


def packed(repository: Repository, count: int, known: Set[bytes] = frozenset()) -> list[SiftPart] | None:
    """The packs of a repository in about `count` parts, less what is known; None when they are odd, or not all that
    there is."""
    objects = Path(repository.common_dir) / "objects"
    try:
        if (objects / "info" / "alternates").exists():
            return None
        width = _WIDTHS[repository.run("rev-parse", "--show-object-format").decode().strip()]
        indexes = packs(objects, width)
        whole = sum(index.end for index in indexes) or 1
        shares = [max(1, count * index.end // whole) for index in indexes]
        return [part for index, share in zip(indexes, shares, strict=True) for part in families(index, share, known)]
    except (SourceError, OddPackError, KeyError, OSError, IndexError):
        return None


def loose(repository: Repository) -> set[bytes]:
    """The raw ids of objects that are kept by themselves: nobody has sifted them."""
    objects = Path(repository.common_dir) / "objects"
    names = (folder.name + file.name for folder in objects.glob("[0-9a-f][0-9a-f]") for file in folder.iterdir())
    return {bytes.fromhex(name) for name in names if len(name) in (40, 64) and _HEX.fullmatch(name)}


class Narrowing:
    """Leaves out what cannot hold a key. Of one path all versions stay, or none, so that what stays is read exactly as
    in the whole; `passed` counts what does not. `prefix` stands before every path."""

    def __init__(self, inventory: Inventory, told: Telling, prefix: str) -> None:
        self._inventory, self._told, self._prefix = inventory, told, prefix
        self.passed = Stats()

    def choose(self, sort: str, path: bytes, group: Sequence[int]) -> Sequence[int]:
        """See `Choice` of `git_parts`. Trees are told of by slice, and so none of them is chosen here."""
        if sort == "tree":
            return ()
        if sort == "message":
            stay = [number for number in group if self._holds(number, self._message(number))]
        else:
            name = self._prefix + name_of(sort, path)
            stay = list(group) if self._told.reads(name) or any(self._holds(number, name) for number in group) else []
        if len(stay) < len(group):
            self._pass(sort, set(group).difference(stay))
        return stay

    def _holds(self, number: int, path: str) -> bool:
        ids, width = self._inventory.ids, self._inventory.width
        return self._told.holds(bytes(ids[number * width : number * width + NAME]), path)

    def _message(self, number: int) -> str:
        kind = "commit" if number in self._commits else "tag"
        return f"{self._prefix}{kind} {self._inventory.id(number)[:12]}"

    def _pass(self, sort: str, numbers: set[int]) -> None:
        inventory = self._inventory
        commits = len(numbers.intersection(self._commits)) if sort == "message" else 0
        size = sum(map(inventory.sizes.__getitem__, numbers))
        self.passed += Stats(contents=len(numbers), size=size, commits=commits)

    @cached_property
    def _commits(self) -> frozenset[int]:
        return frozenset(self._inventory.numbers(b"commit"))


__all__ = ["Narrowing", "loose", "packed"]
