"""Raw trees: their entries, and, quickly, those that are new in one version of a folder after another."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from scanner.sources.git_trim import common_prefix, common_suffix


def entries(tree: bytes, width: int) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Mode, name and id of each entry. A damaged tree ends early."""
    at, size = 0, len(tree)
    while at < size:
        space = tree.find(b" ", at)
        zero = tree.find(b"\0", space)
        if space < 0 or zero < 0:
            return
        after = zero + 1 + width
        yield tree[at:space], tree[space + 1 : zero], tree[zero + 1 : after]
        at = after


class NewEntries:
    """Tells the entries of a folder's version that the version before did not have.

    Versions repeat most of their entries, so only what lies between the common beginning and the common end
    is parsed: one entry for a usual commit, however large the folder.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._tree = b""
        self._starts: list[int] = []  # where each entry of `_tree` begins

    def add(self, tree: bytes) -> list[tuple[bytes, bytes]]:
        """Name and id of the entries that are new or changed in this version."""
        before, starts, size = self._tree, self._starts, len(tree)
        prefix = common_prefix(before, tree)
        joint = size - common_suffix(before, tree, prefix)
        moved = size - len(before)
        first = max(0, bisect_right(starts, prefix) - 1)
        at = starts[first] if starts else 0
        fresh: list[int] = []
        found = []
        rest: list[int] = []
        while at < size:
            if at >= joint:
                again = bisect_left(starts, at - moved)
                if again < len(starts) and starts[again] == at - moved:
                    rest = starts[again:]
                    break
            zero = tree.find(b"\0", at)
            if zero < 0:
                break  # damaged
            fresh.append(at)
            after = zero + 1 + self._width
            found.append((tree[tree.find(b" ", at, zero) + 1 : zero], tree[zero + 1 : after]))
            at = after
        self._starts = [*starts[:first], *fresh, *(rest if moved == 0 else [one + moved for one in rest])]
        self._tree = tree
        return found


__all__ = ["NewEntries", "entries"]
