"""Sifting the names of files and folders: which slices of trees could hold a key in a name."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence, Set
from dataclasses import dataclass

from scanner.models import Chunk
from scanner.sources.git import Git
from scanner.sources.git_parts import Part, Slice, pack
from scanner.sources.interface import NAME, Looking, Traces


@dataclass(frozen=True, slots=True)
class NamesPiece:
    """Slices of trees, looked through as names."""

    part: Part

    @property
    def size(self) -> int:
        """See `Piece`."""
        return self.part.weight()

    def names(self) -> list[bytes]:
        """See `Piece`."""
        return [slice_name(one) for one in self.part.slices]

    def sift(self, looking: Looking) -> tuple[Traces, int]:
        """Which slices hold a name that could be a key, or cannot be read."""
        traces: Traces = {}
        for one, items in self.part.by_slice():
            for item in items:  # to the end, whatever is found
                if not isinstance(item, Chunk) or looking.look(item.data, [(0, len(item.data))], frozenset())[0]:
                    traces[slice_name(one)] = ()
        return traces, 0


def names_pieces(
    slices: Sequence[Slice], count: int, git: Git, width: int, prefix: str, known: Set[bytes]
) -> list[NamesPiece]:
    """The slices of trees in about `count` pieces, less those whose names are known."""
    left = [one for one in slices if one.sort == "tree" and slice_name(one) not in known]
    return [NamesPiece(part) for part in pack(left, count, git, width, prefix)] if left else []


def slice_name(one: Slice) -> bytes:
    """What a slice is known by: its path and its versions."""
    told = hashlib.blake2b(b"%s %d %s\0" % (one.sort.encode(), len(one.path), one.path), digest_size=NAME)
    told.update(one.ids)
    return told.digest()


__all__ = ["NamesPiece", "names_pieces", "slice_name"]
