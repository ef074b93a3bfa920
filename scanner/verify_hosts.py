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


def allowed(host: str, patterns: Iterable[str]) -> bool:
    """Whether a host (lower case, no port) is one of the names, or below one of those with `*.`."""
    name = host.rstrip(".")
    return any(
        name.endswith(pattern[1:]) and len(name) >= len(pattern) if pattern.startswith("*.") else name == pattern
        for pattern in map(str.lower, patterns)
    )


__all__ = ["allowed", "good_pattern"]
