"""Whether a pattern may go on behind the end of what was read so far, and where its secret would begin.

Python's `re` knows no partial match. So a second expression is made of a pattern's parse tree: it matches a beginning
of a match that reaches the very end of the data.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from functools import lru_cache
from re import _constants as sre  # type: ignore[attr-defined]
from typing import Any

from scanner.pattern.tree import PatternError, parse

_END, _NEVER = r"\Z", "(?!)"
_ASCII_SPACE = {
    sre.CATEGORY_DIGIT: r"\d", sre.CATEGORY_NOT_DIGIT: r"\D", sre.CATEGORY_WORD: r"\w",
    sre.CATEGORY_NOT_WORD: r"\W", sre.CATEGORY_SPACE: r"\s", sre.CATEGORY_NOT_SPACE: r"\S",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Begun:
    """A match in progress: where its secret begins and ends, as far as that has been seen (-1: not yet)."""

    secret_start: int = -1
    secret_end: int = -1


class Unfinished:
    """One pattern, ready to be asked whether a match that began may go on behind the end of the data."""

    def __init__(self, text: str) -> None:
        tree = parse(text)
        opened, begun = _Maker(tree, secret_seen=True), _Maker(tree, secret_seen=False)
        self._marks = opened.opened, opened.closed
        self._opened = re.compile(opened.text.encode("ascii"))
        self._begun = re.compile(begun.text.encode("ascii"))
        self.text = begun.text
        """What matches the beginning of a match that may go on behind the end of the data."""
        self.crosses = opened.crosses
        """Whether a match can go on behind the end of a line (to end with it is no going on)."""
        self.secret_crosses = opened.secret_crosses
        """Whether the secret itself can go on behind the end of a line."""
        self.spaced = opened.spaced
        """Whether white space may stand in a match."""

    def match(self, data: bytes, start: int, end: int = sys.maxsize) -> Begun | None:
        """What is known of a match that begins at `start` and may go on behind the end; None when there is none."""
        if self._begun.match(data, start, end) is None:
            return None
        found = self._opened.match(data, start, end)
        return Begun() if found is None else Begun(*(_first(found, groups) for groups in self._marks))

    def search(self, data: bytes, start: int, end: int = sys.maxsize) -> Begun | None:
        """The same for matches that begin at `start` or behind it: the first in which the secret began, or any."""
        found = self._opened.search(data, start, end)
        if found is not None:
            return Begun(*(_first(found, groups) for groups in self._marks))
        found = self._begun.search(data, start, end)
        return Begun() if found is not None and found.end() > found.start() else None


@lru_cache(maxsize=1024)
def unfinished(text: str) -> Unfinished:
    """The pattern's `Unfinished`, made once."""
    return Unfinished(text)


@lru_cache(maxsize=4096)
def may_cross(text: str) -> bool:
    """A quick look whether a match of the pattern could hold a line feed at all."""
    return _CROSSING.search(text) is not None


_CROSSING = re.compile(r"\\s|\\n|\\r|\\S|\\W|\\D|\\x0a|\[\^")


def beginning(text: str) -> bytes:
    """The fixed characters that every match of the pattern begins with."""
    items, found = list(parse(text)), bytearray()
    while items:
        op, arg = items.pop(0)
        if op is sre.SUBPATTERN:
            items = [*arg[3], *items]
        elif op is sre.LITERAL:
            found.append(arg)
        else:
            break
    return bytes(found)


def _first(found: re.Match[bytes], groups: list[int]) -> int:
    return min((found.start(number) for number in groups if found.start(number) >= 0), default=-1)


class _Maker:
    """Writes the expression: of any beginning, or only of those in which the secret began. An empty group marks where
    a secret begins, another where it ends. `crosses`: some part of it but the last character may be a line feed."""

    def __init__(self, tree: Any, *, secret_seen: bool) -> None:
        self.crosses = self.secret_crosses = self.spaced = False
        self._secret_seen = secret_seen
        self._secret = tree.state.groupdict["secret"]
        items = list(tree)
        self._all(items[:-1] if _single(items[-1:]) else items)
        crosses, self.crosses = self.crosses, False
        self._all(self._secret_of(items))
        self.secret_crosses = self.crosses
        marked = self._sequence(items, _NEVER)
        self.crosses = crosses
        if tree.state.flags & re.IGNORECASE:
            marked = f"(?i:{marked})"
        marks = _MARK.findall(marked)
        self.opened = [number for number, mark in enumerate(marks, 1) if mark == _OPEN]
        self.closed = [number for number, mark in enumerate(marks, 1) if mark == _CLOSE]
        self.text = _MARK.sub("()", marked)

    def _sequence(self, items: list[Any], after: str) -> str:
        """Beginnings of the items; behind all of them comes `after`. Those that got farthest are tried first."""
        text = after
        before = False  # the secret, when that must have begun
        for run in reversed(_runs(items)):
            whole = [self._full(item) for item in run]
            ways = ["".join(whole) + text]
            holds = self._secret_seen and self._holds_secret(run[0])
            if not before:
                ways += [self._part(run[0])] if len(run) == 1 else []
                ways += ["".join(whole[:count]) + _END for count in range(1, len(run))]
                ways += [] if holds else [_END]
            before = before or holds
            text = "(?:" + "|".join(filter(None, ways)) + ")"
        return text

    def _secret_of(self, items: Any) -> Any:
        """What stands in the secret's group."""
        for op, arg in items:
            inner = arg[3] if op is sre.SUBPATTERN else None
            if inner is not None and arg[0] == self._secret:
                return inner
            for part in [inner] if inner is not None else arg[1] if op is sre.BRANCH else []:
                found = self._secret_of(part)
                if len(found):
                    return found
        return []

    def _holds_secret(self, item: Any) -> bool:
        op, arg = item
        if op is sre.SUBPATTERN:
            return arg[0] == self._secret or any(self._holds_secret(one) for one in arg[3])
        return op is sre.BRANCH and any(self._holds_secret(one) for branch in arg[1] for one in branch)

    def _part(self, item: Any) -> str:
        """Beginnings of one item that are not all of it; "" when it has none."""
        op, arg = item
        if op is sre.SUBPATTERN:
            group, on, off, inner = arg
            text = self._sequence(list(inner), _NEVER)
            text = _scoped(text, on, off)
            return f"{_OPEN if group == self._secret else ''}{text}"
        if op is sre.BRANCH:
            return "(?:" + "|".join(self._sequence(list(branch), _NEVER) for branch in arg[1]) + ")"
        if op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            _, high, inner = arg
            parts = []
            if int(high) > 1:
                parts.append(f"{self._repeated(inner, 1, int(high) - 1)}{_END}")
            if not _single(inner):
                parts.append(f"{self._repeated(inner, 0, int(high) - 1)}{self._sequence(list(inner), _NEVER)}")
            return "(?:" + "|".join(parts) + ")" if parts else ""
        return ""

    def _repeated(self, inner: Any, low: int, high: int) -> str:
        if high == 0:
            return ""
        return f"(?:{self._all(inner)}){{{low},{high}}}?"

    def _all(self, items: Any) -> str:
        return "".join(self._full(item) for item in items)

    def _full(self, item: Any) -> str:
        """The item itself, repeats as short as possible: the earliest secret is asked for."""
        op, arg = item
        if op is sre.SUBPATTERN:
            group, on, off, inner = arg
            text = _scoped(f"(?:{self._all(inner)})", on, off)
            return f"{_OPEN}{text}{_CLOSE}" if group == self._secret else text
        if op is sre.BRANCH:
            return "(?:" + "|".join(self._all(branch) for branch in arg[1]) + ")"
        if op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            low, high, inner = arg
            return f"(?:{self._all(inner)}){{{low},{int(high)}}}?"
        return self._character(op, arg)

    def _character(self, op: Any, arg: Any) -> str:
        text = _character(op, arg)
        if not self.spaced and any(re.match(text.encode("ascii"), space) for space in (b" ", b"\t", b"\r", b"\n")):
            self.spaced = True
        if not self.crosses and re.match(text.encode("ascii"), b"\n"):
            self.crosses = True
        return text


_OPEN, _CLOSE = "\0<", "\0>"
_MARK = re.compile("\0[<>]")


def _runs(items: list[Any]) -> list[list[Any]]:
    """The items, fixed characters in a row put together: an expression must not nest too deep."""
    runs: list[list[Any]] = []
    for item in items:
        if runs and item[0] is sre.LITERAL and runs[-1][-1][0] is sre.LITERAL:
            runs[-1].append(item)
        else:
            runs.append([item])
    return runs


def _single(inner: Any) -> bool:
    return len(inner) == 1 and inner[0][0] in (sre.LITERAL, sre.NOT_LITERAL, sre.IN, sre.ANY)


def _scoped(text: str, on: int, off: int) -> str:
    letters = ("i" if on & re.IGNORECASE else "") + ("-i" if off & re.IGNORECASE else "")
    return f"(?{letters}:{text})" if letters else text


def _character(op: Any, arg: Any) -> str:
    if op is sre.LITERAL:
        return f"\\x{arg:02x}"
    if op is sre.NOT_LITERAL:
        return f"[^\\x{arg:02x}]"
    if op is sre.ANY:
        return r"[^\n]"
    if op is sre.IN:
        return f"[{''.join(_member(*one) for one in arg)}]"
    raise PatternError(f"no part of the pattern language: {op}")


def _member(op: Any, arg: Any) -> str:
    if op is sre.NEGATE:
        return "^"
    if op is sre.LITERAL:
        return f"\\x{arg:02x}"
    if op is sre.RANGE:
        return f"\\x{arg[0]:02x}-\\x{arg[1]:02x}"
    return _ASCII_SPACE[arg]
