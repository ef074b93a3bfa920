"""Which reply means what: the list `replies` of a rule, tried in order on one reply.

What cannot be read decides nothing: when a condition on the body cannot be tried (the body was cut, or is not the JSON
that it should be), then a later reply of the same status without conditions does not decide either. Otherwise a broken
reply would be worth more than a whole one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from scanner.exchange import Reply

_MISSING: Final = object()
_NO_JSON: Final = object()

_MATCHED: Final = 64 * 1024
"""A pattern is looked for in so many characters of a text: it is bounded, but not quick on any reply."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a reply means, in the words of the rule: `outcome` is its `is`."""

    outcome: str
    reason: str = ""


def first_that_fits(replies: Sequence[Mapping[str, Any]], reply: Reply) -> Meaning | None:
    """The meaning of a reply, None when it is not described."""
    body = _Body(reply)
    undecided = False
    for told in replies:
        if not _status_fits(told["status"], reply.status) or not _headers_fit(told.get("header", {}), reply):
            continue
        fits = body.fits(told)
        if fits is None:
            undecided = True
        elif fits and not (undecided and not told.keys() & {"json", "text", "header"}):
            return Meaning(told["is"], told.get("reason", ""))
    return None


class _Body:
    """A reply's body, parsed when it is first asked about."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._tree: Any = _MISSING
        self._text = ""

    def fits(self, told: Mapping[str, Any]) -> bool | None:
        """Whether the conditions on the body hold; None when they cannot be tried."""
        if "json" not in told and "text" not in told:
            return True
        if not self._reply.whole:
            return None
        if "json" in told:
            tree = self._json()
            if tree is _NO_JSON:
                return None
            if not all(_holds(at(tree, path), wanted) for path, wanted in told["json"].items()):
                return False
        return "text" not in told or self._has(told["text"])

    def _json(self) -> Any:
        if self._tree is _MISSING:
            try:
                self._tree = self._reply.json()
            except ValueError:
                self._tree = _NO_JSON
        return self._tree

    def _has(self, wanted: Any) -> bool:
        self._text = self._text or self._reply.body.decode("utf-8", "replace")
        return _contains(self._text, wanted)


def at(tree: Any, path: str) -> Any:
    """What stands at a dotted path of a JSON tree; None when nothing does (or `null`)."""
    for name in path.split("."):
        if isinstance(tree, dict):
            tree = tree.get(name)
        elif isinstance(tree, list) and name.isascii() and name.isdecimal() and len(name) < 7:
            tree = tree[int(name)] if int(name) < len(tree) else None
        else:
            return None
    return tree


def _holds(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, bool):
        nothing = found is None or found is False or found in ("", [], {})
        return nothing is not wanted
    if isinstance(wanted, Mapping):
        text = found if isinstance(found, str) else str(found) if isinstance(found, int | float) else ""
        return _contains(text, wanted)
    return type(found) is type(wanted) and bool(found == wanted)


def _contains(text: str, wanted: Any) -> bool:
    if isinstance(wanted, bool):
        return bool(text) is wanted
    if isinstance(wanted, Mapping):
        return _compiled(wanted["matches"]).search(text[:_MATCHED].encode("utf-8", "replace")) is not None
    return str(wanted) in text


def _status_fits(wanted: Any, status: int) -> bool:
    return status in wanted if isinstance(wanted, list) else status == wanted


def _headers_fit(wanted: Mapping[str, Any], reply: Reply) -> bool:
    for name, value in wanted.items():
        found = reply.headers.get(name.lower(), "")
        told = value.lower() if isinstance(value, str) else value
        if not _contains(found.lower() if isinstance(value, str) else found, told):
            return False
    return True


@cache
def _compiled(pattern: str) -> re.Pattern[bytes]:
    return re.compile(pattern.encode("ascii"))


__all__ = ["Meaning", "at", "first_that_fits"]
