"""Texts with places for values (`Bearer {key}`), filled in so that a value stays a value.

Every place has its own way of being closed off, so that nothing found in a repository can end a header, leave a path
or name another host: what cannot be written safely is refused, never sent in another form.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

PLACE = re.compile(r"\{([a-z][a-z0-9_]{0,30})\}")

Values = Mapping[str, str]

_HEADER = re.compile(r"[\x20-\x7e]*")
_BODY = re.compile(r"[A-Za-z0-9._~+/=:@-]*")
_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL}){{0,10}}", re.IGNORECASE | re.ASCII)


class UnaskableError(ValueError):
    """There is no question: `reason` is one of `unknown`'s. Its text names places and values, never what they hold."""

    reason = "not-sendable"


class NotSendableError(UnaskableError):
    """A value that has no place where it should go."""


class MissingError(UnaskableError):
    """A value that is not there."""

    reason = "missing-part"

    def __init__(self, name: str) -> None:
        super().__init__(f"missing: {name}")


def places(text: str) -> list[str]:
    """The names of the values that a text has places for."""
    return PLACE.findall(text)


def header(text: str, values: Values) -> str:
    """A header's value: visible ASCII and spaces only, so that it cannot end the line."""
    filled = _fill(text, values, lambda name, value: value or _refuse(name, "header"))
    return filled if _HEADER.fullmatch(filled) else _refuse(_guilty(text, values, _HEADER), "header")


def path(text: str, values: Values) -> str:
    """What stands behind the host of a URL: values are percent-encoded whole, so that no `/`, `?`, `#` or `@` of
    theirs means anything; `.` and `..` are refused, since servers take them for folders."""

    def closed(name: str, value: str) -> str:
        return _refuse(name, "address") if value.strip(".") == "" else quote(value, safe="")

    return _fill(text, values, closed)


def host(text: str, values: Values) -> str:
    """The host of a URL, in lower case: labels and dots, nothing else."""
    filled = _fill(text, values, lambda _, value: value.strip())
    if not _HOST.fullmatch(filled) or len(filled) > 253:
        _refuse(", ".join(places(text)), "host")
    return filled.lower()


def body(text: str, values: Values) -> str:
    """A body of any format: only values that mean nothing in any format (letters, digits, `._~+/=:@-`)."""
    closed = _BODY.fullmatch
    return _fill(text, values, lambda name, value: value if value and closed(value) else _refuse(name, "body"))


def data(tree: Any, values: Values) -> Any:
    """A tree of mappings, lists and texts, with values filled into its texts; whoever writes it out (JSON, a form)
    closes them off."""
    if isinstance(tree, str):
        return _fill(tree, values, lambda name, value: value or _refuse(name, "body"))
    if isinstance(tree, Mapping):
        return {name: data(item, values) for name, item in tree.items()}
    if isinstance(tree, list | tuple):
        return [data(item, values) for item in tree]
    return tree


def _fill(text: str, values: Values, closed: Any) -> str:
    def put(found: re.Match[str]) -> str:
        name = found.group(1)
        if name not in values:
            raise MissingError(name)
        return str(closed(name, values[name]))

    return PLACE.sub(put, text)


def _guilty(text: str, values: Values, allowed: re.Pattern[str]) -> str:
    return ", ".join(name for name in places(text) if not allowed.fullmatch(values[name])) or "the text"


def _refuse(name: str, place: str) -> str:
    raise NotSendableError(f"the value of {name} cannot stand in a {place}")


__all__ = [
    "PLACE", "MissingError", "NotSendableError", "UnaskableError", "Values", "body", "data", "header", "host", "path",
    "places",
]  # fmt: skip
