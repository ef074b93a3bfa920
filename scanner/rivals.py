"""Other scanners whose suppressions can be honoured: their names, their comments, and how a user asks for them.

Nothing here counts unless `--honour` (or `honour` in the configuration) names the scanner.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from scanner.errors import UsageError

FILES = {
    "betterleaks": ".betterleaksignore",
    "detect-secrets": ".secrets.baseline",
    "ggshield": "",
    "gitleaks": ".gitleaksignore",
    "kingfisher": "",
    "nosec": "",
    "trufflehog": "",
}
"""Every scanner by its name, and the file beside the configuration that holds its suppressions, where it has one."""

_COMMENT = re.compile(
    rb"(?P<gitleaks>gitleaks:allow)|(?P<betterleaks>betterleaks:allow)|(?P<trufflehog>trufflehog:ignore)"
    rb"|(?P<kingfisher>kingfisher:(?:allow|ignore))|\b(?P<ggshield>ggignore)\b"
    rb"|pragma:[ ]?(?P<detect>(?:allow|white)list[ -]secret)|#[ \t]?(?P<nosec>nosec)\b(?P<ids>[^\r\n#]{0,200})"
)
_NEXT_LINE = re.compile(rb"pragma:[ ]?(?:allow|white)list[ -]nextline[ -]secret")
_NAMED_CHECK = re.compile(rb"\b[BG][0-9]{3}\b|\b[a-z]+(?:_[a-z]+)+\b")
_ABOUT_SECRETS = re.compile(rb"B10[567]|G101|hardcoded_password\w*")
_REACH = 4096


@dataclass(frozen=True, slots=True)
class Wish:
    """One scanner whose suppressions shall count, and the file they are read from ("" for its usual one)."""

    rival: str
    file: str = ""


def wishes(words: Iterable[str]) -> tuple[Wish, ...]:
    """`["gitleaks,trufflehog", "detect-secrets=ci/known.json"]` as wishes. `UsageError` for a name that is none."""
    found: dict[Wish, None] = {}
    for word in (part.strip() for text in words for part in text.split(",")):
        name, separator, file = word.partition("=")
        if name not in FILES:
            raise UsageError(f"honour '{name}' is not known: choose from {', '.join(FILES)}")
        if separator and not file:
            raise UsageError(f"honour '{word}' names no file behind the '='")
        found[Wish(name, file)] = None
    return tuple(found)


def comments_of(wanted: Iterable[Wish]) -> frozenset[str]:
    """The scanners whose comments count. betterleaks itself honours those of gitleaks, so it brings them along."""
    names = {wish.rival for wish in wanted}
    return frozenset(names | {"gitleaks"} if "betterleaks" in names else names)


def marks(data: bytes, start: int, end: int) -> tuple[str, ...]:
    """The scanners whose own comments allow what stands at data[start:end]: on its first line, or its last, or (as
    detect-secrets has it) on the line before."""
    return tuple(sorted(set(_marks(data, start, end))))


def _marks(data: bytes, start: int, end: int) -> Iterator[str]:
    first = _line_start(data, start)
    for begin, edge in dict.fromkeys(((first, start), (max(first, _line_start(data, end)), end))):
        last = data.find(b"\n", edge, edge + _REACH)
        for found in _COMMENT.finditer(data, begin, min(len(data), edge + _REACH) if last < 0 else last):
            name = found.lastgroup or ""
            if name != "ids":
                yield "detect-secrets" if name == "detect" else name
            elif _is_about_secrets(found["ids"]):
                yield "nosec"
    before = data.rfind(b"\n", max(0, first - 1 - _REACH), max(0, first - 1)) + 1
    if first > 0 and data[first - 1 : first] == b"\n" and _NEXT_LINE.search(data, before, first):
        yield "detect-secrets"


def _line_start(data: bytes, at: int) -> int:
    return max(data.rfind(b"\n", max(0, at - _REACH), at) + 1, at - _REACH, 0)


def _is_about_secrets(ids: bytes) -> bool:
    """Whether a `nosec` covers secrets: it names no check at all, or one that looks for them."""
    named = _NAMED_CHECK.findall(ids)
    return not named or any(_ABOUT_SECRETS.fullmatch(name) for name in named)


__all__ = ["FILES", "Wish", "comments_of", "marks", "wishes"]
