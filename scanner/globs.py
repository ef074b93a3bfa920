"""Path globs, as users know them from `.gitignore`: one meaning wherever the project takes a glob.

`*` and `?` stay inside one path component, `[abc]` and `[!abc]` are sets, `**` crosses components. A glob
without an inner `/` fits at any depth; with one it fits from the root. A glob that fits a folder fits everything in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache


def path_matches(path: str, globs: Iterable[str]) -> bool:
    """True when one of the globs fits the path, or a folder it lies in. Paths are `/`-separated."""
    path = path.removeprefix("./").lstrip("/")
    return any(_compiled(glob).fullmatch(path) for glob in globs)


@lru_cache(maxsize=512)
def _compiled(glob: str) -> re.Pattern[str]:
    pattern = glob.removeprefix("./")
    rooted = "/" in pattern.rstrip("/")
    folder_only = pattern.endswith("/")
    body = "".join(_pieces(pattern.strip("/")))
    start = "" if rooted else "(?:.*/)?"
    inside = "/.*" if folder_only else "(?:/.*)?"
    return re.compile(start + body + inside, re.DOTALL)


def _pieces(pattern: str) -> Iterable[str]:
    i = 0
    while i < len(pattern):
        if pattern.startswith("**/", i):
            yield "(?:.*/)?"
            i += 3
        elif pattern.startswith("**", i):
            yield ".*"
            i += 2
        elif pattern[i] == "*":
            yield "[^/]*"
            i += 1
        elif pattern[i] == "?":
            yield "[^/]"
            i += 1
        elif pattern[i] == "[" and (end := pattern.find("]", i + 2)) > 0:
            yield _set(pattern[i + 1 : end])
            i = end + 1
        else:
            yield re.escape(pattern[i])
            i += 1


def _set(inside: str) -> str:
    negated = inside[0] in "!^"
    members = inside[1:] if negated else inside
    if not members:
        return re.escape(f"[{inside}]")
    escaped = re.sub(r"([\\\[\]^&~|]|-(?=-))", r"\\\1", members)
    try:
        re.compile(f"[{escaped}]")
    except re.error:  # a range the wrong way round (`[z-a]`) is no range: take its characters one by one
        escaped = re.escape(members)
    return f"(?!/)[{'^' if negated else ''}{escaped}]"


__all__ = ["path_matches"]
