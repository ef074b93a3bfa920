"""Path globs, as users know them from `.gitignore`: one meaning wherever the project takes a glob.

`*` and `?` stay inside one path component, `[abc]` and `[!abc]` are sets, `**` crosses components. A glob
without an inner `/` fits at any depth; with one it fits from the root. A glob that fits a folder fits everything in it.

A configuration and a path may both be somebody else's. A regular expression is fast where it has little to try; where
it could take for ever the same steps are walked a character at a time, which costs no more than length times length.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

TRIES = 10_000_000
"""An expression may at worst try about so many ways; beyond it the glob is walked."""


def path_matches(path: str, globs: Iterable[str]) -> bool:
    """True when one of the globs fits the path, or a folder it lies in. Paths are `/`-separated."""
    path = path.removeprefix("./").lstrip("/")
    return any(_compiled(glob).fits(path) for glob in globs)


@dataclass(frozen=True, slots=True)
class _Step:
    """One thing that a glob asks for."""

    expression: str

    @property
    def compiled(self) -> re.Pattern[str]:
        """Its expression, to be tried on one character."""
        return re.compile(self.expression, re.DOTALL)


_STAR, _STARS, _FOLDERS = _Step("[^/]*"), _Step(".*"), _Step("(?:.*/)?")
_JOINED = {
    (_STAR, _STAR): _STAR,
    (_STAR, _STARS): _STARS,
    (_STARS, _STAR): _STARS,
    (_STARS, _STARS): _STARS,
    (_STARS, _FOLDERS): _STARS,
    (_FOLDERS, _STARS): _STARS,
    (_FOLDERS, _FOLDERS): _FOLDERS,
}
"""Two that stand for any number of characters, side by side, and the one that asks for the same."""


class Glob:
    """A glob that is ready to be asked."""

    def __init__(self, glob: str) -> None:
        pattern = glob.removeprefix("./")
        rooted = "/" in pattern.rstrip("/")
        self._folder = pattern.endswith("/")
        self._steps = _merged([*([] if rooted else [_FOLDERS]), *_steps(pattern.strip("/"))])
        inside = "/.*" if self._folder else "(?:/.*)?"
        self._expression = re.compile("".join(step.expression for step in self._steps) + inside, re.DOTALL)
        # For a walk step number n has bit 2n of a number; bit 2n + 1 says that it is amid folders, which end with `/`.
        self._star, self._stars, self._folders = (self._bits(step) for step in (_STAR, _STARS, _FOLDERS))
        self._many = self._star | self._stars | self._folders
        self._end = 1 << 2 * len(self._steps)

    def fits(self, path: str) -> bool:
        """Whether it fits the path or a folder above it."""
        if len(path) ** self._many.bit_count() < TRIES:
            return self._expression.fullmatch(path) is not None
        return self.walk(path)

    def walk(self, path: str) -> bool:
        """The same answer, by all the steps that the path may have come to, character after character."""
        takes: dict[str, int] = {}
        at = self._skipped(1)
        for character in path:
            if character == "/" and at & self._end:
                return True
            if character not in takes:
                takes[character] = self._takes(character)
            moved = (at & takes[character]) << 2 | at & (self._stars | self._folders << 1) | (at & self._folders) << 1
            if character == "/":
                moved |= (at & self._folders) << 2 | (at & self._folders << 1) << 1
            else:
                moved |= at & self._star
            at = self._skipped(moved)
            if not at:
                return False
        return bool(at & self._end) and not self._folder

    def _bits(self, kind: _Step) -> int:
        return sum(1 << 2 * number for number, step in enumerate(self._steps) if step is kind)

    def _takes(self, character: str) -> int:
        """Those of the steps that ask for one character, and take this one."""
        single = ((number, step) for number, step in enumerate(self._steps) if step not in (_STAR, _STARS, _FOLDERS))
        return sum(1 << 2 * number for number, step in single if step.compiled.fullmatch(character))

    def _skipped(self, at: int) -> int:
        """With the steps behind those that may stand for nothing."""
        while (more := at | (at & self._many) << 2) != at:
            at = more
        return at


_compiled = lru_cache(maxsize=512)(Glob)


def _steps(pattern: str) -> Iterator[_Step]:
    i = 0
    while i < len(pattern):
        if pattern.startswith("**/", i):
            yield _FOLDERS
            i += 3
        elif pattern.startswith("**", i):
            yield _STARS
            i += 2
        elif pattern[i] == "*":
            yield _STAR
            i += 1
        elif pattern[i] == "?":
            yield _Step("[^/]")
            i += 1
        elif pattern[i] == "[" and (end := pattern.find("]", i + 2)) > 0:
            yield from _set(pattern[i + 1 : end])
            i = end + 1
        else:
            yield _Step(re.escape(pattern[i]))
            i += 1


def _merged(steps: Iterable[_Step]) -> list[_Step]:
    """Without those that ask for nothing more than what stands beside them."""
    merged: list[_Step] = []
    for step in steps:
        joined = step
        while merged and (merged[-1], joined) in _JOINED:
            joined = _JOINED[merged.pop(), joined]
        merged.append(joined)
    return merged


def _set(inside: str) -> Iterator[_Step]:
    negated = inside[0] in "!^"
    members = inside[1:] if negated else inside
    if not members:
        yield from (_Step(re.escape(character)) for character in f"[{inside}]")
        return
    escaped = re.sub(r"([\\\[\]^&~|]|-(?=-))", r"\\\1", members)
    try:
        re.compile(f"[{escaped}]")
    except re.error:  # a range the wrong way round (`[z-a]`) is no range: take its characters one by one
        escaped = re.escape(members)
    yield _Step(f"(?!/)[{'^' if negated else ''}{escaped}]")


__all__ = ["Glob", "path_matches"]
