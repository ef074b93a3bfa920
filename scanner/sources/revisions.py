"""Ranges of revisions: how people, pushes and servers write them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from scanner.errors import SourceError

NO_OBJECT = re.compile(r"0{40}(?:0{24})?")
"""What git writes where there is no object: a ref that is new, or deleted."""


class Range(NamedTuple):
    """From `base` (what is there already; zeros or "" for nothing) to `head` (zeros: a ref is deleted).

    `symmetric` compares with the commit where both parted, as `base...head` does. `ref` is the name that a push
    gives to `head`.
    """

    base: str
    head: str
    symmetric: bool = False
    ref: str = ""


class UnknownRevisionError(SourceError):
    """A revision is not in the repository: mistyped, cut off by a shallow clone, or gone with a force-push."""

    def __init__(self, revision: str, *, shallow: bool) -> None:
        self.revision = revision
        if shallow:
            way_out = "the clone is shallow; git fetch --unshallow brings the rest (in GitHub Actions: fetch-depth: 0)"
        elif revision in {"HEAD", "@"}:
            way_out = "there is no commit yet"
        elif re.search(r"[~^]", revision):
            way_out = "git log shows which commits there are"
        else:
            way_out = (
                f"fetch it first (git fetch origin {revision}), or name another one; a force-push may have replaced it"
            )
        super().__init__(f"'{revision}' is not in this repository: {way_out}")


def parse_range(text: str) -> Range:
    """`A..B` or `A...B`; a side that is left out is HEAD. Raises `SourceError` for anything else."""
    base, dots, head = text.partition("..")
    symmetric = head.startswith(".")
    head = head.removeprefix(".")
    if not dots or ".." in head or head.startswith(".") or not (base or head):
        raise SourceError(f"'{text}' is no range of revisions: write BASE..HEAD or BASE...HEAD")
    return Range(base or "HEAD", head or "HEAD", symmetric)


def pushed(lines: Iterable[str]) -> list[Range]:
    """What git tells a pre-push hook: local ref, local id, remote ref, remote id."""
    return [Range(base, head, ref=ref) for _, head, ref, base in _fields(lines, 4, "pre-push")]


def received(lines: Iterable[str]) -> list[Range]:
    """What git tells a pre-receive hook: old id, new id, ref."""
    return [Range(base, head, ref=ref) for base, head, ref in _fields(lines, 3, "pre-receive")]


def _fields(lines: Iterable[str], count: int, hook: str) -> Iterator[list[str]]:
    """The words of each line. Only spaces part them (names of refs may hold other blanks), and the local ref, which
    comes first, is what somebody wrote to git push: `HEAD@{1 day ago}`."""
    for line in lines:
        fields = line.rstrip("\r\n").rsplit(" ", count - 1)
        if len(fields) == count:
            yield fields
        elif line.strip():
            raise SourceError(f"a line for the {hook} hook has {len(fields)} words, not {count}; git itself calls it")


__all__ = ["NO_OBJECT", "Range", "UnknownRevisionError", "parse_range", "pushed", "received"]
