"""A request to a provider, its reply, or why there is none: plain values that hide what they hold.

Each of them may hold a key (a request does, and a reply may echo one), so none shows its content when it is printed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_REPLY = 1 << 20
"""A reply's body is read up to 1 MiB."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. `url` is absolute; `headers` and `body` as they are sent."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server replied. Names of headers are in lower case. `whole` is False when the body was too long, cut, or
    in an encoding that cannot be read: then `body` is what there is of it, and proves nothing."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    whole: bool = True

    def json(self) -> Any:
        """The body as JSON. Raises ValueError (that quotes nothing) when it is none, or is not said to be."""
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if not self.whole or not (kind in ("", "text/plain") or "json" in kind or kind == "text/javascript"):
            raise ValueError("the reply is not JSON")
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            pass  # leaving the handler first: an exception raised inside would carry the reply along
        raise ValueError("the reply is not JSON")


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no reply: a reason of `unknown` (`unreachable`, `timeout`, `certificate`, `refused-address`,
    `failed`, …), a remark that names no more than kinds of errors, and the HTTP status where there was one."""

    reason: str
    detail: str = ""
    http_status: int = 0


__all__ = ["MAX_REPLY", "Failure", "Reply", "Request"]
