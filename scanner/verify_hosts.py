"""Which hosts a value found in text may name: a key must never be sent where a stranger's line of text says."""

from __future__ import annotations

import re
from collections.abc import Iterable

_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_PATTERN = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL}){{1,9}}")
_NUMBER = re.compile(r"[0-9.]+|0x[0-9a-f]*")


def good_pattern(text: str) -> bool:
    """Whether it is a host's name (`api.acme.com`), or `*.` and a name of two labels or more (`*.acme.com`)."""
    return bool(_PATTERN.fullmatch(text)) and not _NUMBER.fullmatch(text.rsplit(".", 1)[-1])


def allowed(host: str, patterns: Iterable[str], port: int) -> bool:
    """Whether a host (lower case) at a port is one of the names, or below one of those with `*.`. A pattern that has a
    port of its own (`api.acme.com:8443`) allows that one only, others leave the port to whoever asks."""
    name = host.rstrip(".")
    return any(_fits(name, port, *pattern.lower().partition(":")) for pattern in patterns)


def _fits(name: str, port: int, wanted: str, colon: str, wanted_port: str) -> bool:
    if colon and wanted_port != str(port):
        return False
    return name.endswith(wanted[1:]) and len(name) >= len(wanted) if wanted.startswith("*.") else name == wanted


__all__ = ["allowed", "good_pattern"]
