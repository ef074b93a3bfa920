"""What a token says of itself: a JSON Web Token's algorithm, issuer and end, without its secret. Pure.

A token is written by whoever leaked it: every value is held to a shape before it is told to anybody.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from scanner.checksums import unpad


@dataclass(frozen=True, slots=True)
class Claims:
    """What may be told, as (name, text), and the moment after which the token is worth nothing: ISO 8601 in UTC, ""
    where it does not say."""

    facts: tuple[tuple[str, str], ...] = ()
    expires: str = ""


def web_token(key: bytes) -> Claims:
    """The claims of a JSON Web Token (RFC 7519); none for what is no such token."""
    try:
        header, payload = (json.loads(unpad(part) or b"") for part in key.split(b".")[:2])
    except (ValueError, RecursionError):
        return Claims()
    if not isinstance(header, dict) or not isinstance(payload, dict):
        return Claims()
    told = (("algorithm", _shaped(header.get("alg"), _ALGORITHM)), ("issuer", _shaped(payload.get("iss"), _ISSUER)))
    return Claims(tuple((name, text) for name, text in told if text), moment(payload.get("exp")))


_ALGORITHM = re.compile(r"[A-Za-z0-9+-]{1,20}")
_ISSUER = re.compile(r"(?:https?://)?[a-z0-9](?:[a-z0-9._-]{0,80}[a-z0-9])?(?::\d{1,5})?(?:/[a-z0-9._/-]{0,60})?")


def _shaped(value: object, shape: re.Pattern[str]) -> str:
    return value if isinstance(value, str) and shape.fullmatch(value) else ""


def moment(seconds: object) -> str:
    """Seconds since 1970 as ISO 8601 in UTC; "" for what is no such number between 1970 and 9999."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < 253_402_300_800:
        return ""
    return datetime.fromtimestamp(int(seconds), UTC).isoformat().replace("+00:00", "Z")


__all__ = ["Claims", "moment", "web_token"]
