"""PyPI: what a token says of itself. There is no way to ask: whether it was revoked only an upload would tell.

A token is a macaroon (version 2): a location, an identifier, caveats that restrict it, a signature. A caveat with a
time that is over makes the token worthless, for good, since holders can add caveats but take none away.
References: https://github.com/pypi/warehouse/blob/main/warehouse/macaroons/caveats/__init__.py,
https://github.com/rescrv/libmacaroons/blob/master/doc/format.txt
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, Final

from scanner.checksums import is_macaroon
from scanner.verdicts import INACTIVE, Verdict, unknown
from scanner.verify_handlers.interface import Handler, Question, Reach

_END, _IDENTIFIER = 0, 2
_EXPIRATION, _PROJECT_NAMES, _PROJECT_IDS = 0, 1, 2


class PypiMacaroon:
    """The check `pypi-macaroon`, which asks nobody."""

    parts: tuple[str, ...] = ()
    controlled: bool = False

    def endpoint(self, question: Question) -> str:
        """Nobody's."""
        return ""

    def check(self, question: Question, reach: Reach) -> Verdict:
        """`expired` when the token says so, otherwise unknown, with what it says of its reach."""
        try:
            caveats = caveats_of(question.text("key"))
        except ValueError:
            return unknown("no-check", "the token is cut or changed: it is no whole macaroon")
        if any(end <= reach.now() for end in _ends(caveats)):
            return Verdict(INACTIVE, "expired", detail="by the time in the token itself")
        return unknown("no-check", f"PyPI offers no way to ask; the token {_scope(caveats)}")


def caveats_of(token: str) -> list[Any]:
    """The caveats of a token (`pypi-…`), each as JSON. Raises ValueError for what is no macaroon of version 2."""
    text = token.removeprefix("pypi-").rstrip("=")
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        return [_plain(item) for item in _sections(data)]
    except (binascii.Error, IndexError):
        pass  # leaving the handler first: the exception inside may carry the token along
    raise ValueError("no macaroon of version 2")


def _sections(data: bytes) -> list[bytes]:
    """The identifiers of the caveats: behind a first section of location and identifier, until an empty one."""
    if not is_macaroon(data):
        raise ValueError("no macaroon of version 2")
    _, at = _section(data, 1)
    found: list[bytes] = []
    while data[at] != _END:
        identifier, at = _section(data, at)
        found.append(identifier)
    return found


def _section(data: bytes, at: int) -> tuple[bytes, int]:
    """The identifier in the section that begins at a place, and where the next one begins."""
    identifier = b""
    while data[at] != _END:
        kind, size, shift, at = data[at], 0, 0, at + 1
        while data[at] & 0x80:  # a whole number, seven bits a byte, the low ones first
            size, shift, at = size | (data[at] & 0x7F) << shift, shift + 7, at + 1
        size |= data[at] << shift
        if kind == _IDENTIFIER:
            identifier = data[at + 1 : at + 1 + size]
        at += 1 + size
    return identifier, at + 1


def _plain(caveat: bytes) -> Any:
    try:
        return json.loads(caveat)
    except (ValueError, RecursionError):
        return None


def _ends(caveats: list[Any]) -> list[int]:
    """Until when the caveats let the token be used, in seconds since 1970."""
    told = [one[1] for one in caveats if isinstance(one, list) and len(one) == 3 and one[0] == _EXPIRATION]
    told += [one["exp"] for one in caveats if isinstance(one, dict) and "exp" in one]
    return [end for end in told if isinstance(end, int) and not isinstance(end, bool)]


def _scope(caveats: list[Any]) -> str:
    projects = [len(one[1]) for one in caveats
                if isinstance(one, list) and len(one) == 2 and one[0] in (_PROJECT_NAMES, _PROJECT_IDS)
                and isinstance(one[1], list)]  # fmt: skip
    older = [one["permissions"]["projects"] for one in caveats
             if isinstance(one, dict) and isinstance(one.get("permissions"), dict) and "projects" in one["permissions"]]
    projects += [len(one) for one in older if isinstance(one, list)]
    if projects:
        return f"is for {min(projects)} project{'' if min(projects) == 1 else 's'}"
    return "is for all projects of its user" if None not in caveats else "has restrictions that are not known here"


HANDLERS: Final[Mapping[str, Handler]] = {"pypi-macaroon": PypiMacaroon()}

__all__ = ["HANDLERS", "PypiMacaroon", "caveats_of"]
