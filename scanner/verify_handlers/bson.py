"""As much of BSON as a login to MongoDB needs, read strictly. Reference: https://bsonspec.org/spec.html"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

_DEEPEST = 12
_FIXED = {0x01: 8, 0x07: 12, 0x09: 8, 0x11: 8, 0x13: 16}
"""Kinds of a fixed size that no login looks at: numbers with a fraction, ids, times."""

_STRANGE = "no BSON that a login holds"


def encode(tree: Mapping[str, Any]) -> bytes:
    """A document of texts, whole numbers, bytes, booleans and documents."""
    body = b"".join(_element(name, value) for name, value in tree.items())
    return struct.pack("<i", len(body) + 5) + body + b"\0"


def _element(name: str, value: Any) -> bytes:
    key = name.encode() + b"\0"
    if isinstance(value, bool):
        return b"\x08" + key + bytes([value])
    if isinstance(value, int):
        return b"\x10" + key + struct.pack("<i", value)
    if isinstance(value, str):
        text = value.encode() + b"\0"
        return b"\x02" + key + struct.pack("<i", len(text)) + text
    if isinstance(value, bytes):
        return b"\x05" + key + struct.pack("<iB", len(value), 0) + value
    return b"\x03" + key + encode(value)


def decode(data: bytes) -> dict[str, Any]:
    """The document that `data` is; what a login does not look at is None. Raises ValueError, which quotes nothing."""
    try:
        tree, end = _document(data, 0, 0)
    except (IndexError, struct.error, UnicodeDecodeError):
        tree, end = {}, -1
    if end != len(data):
        raise ValueError(_STRANGE)
    return tree


def _document(data: bytes, at: int, depth: int) -> tuple[dict[str, Any], int]:
    size = struct.unpack_from("<i", data, at)[0]
    end = at + size
    if depth > _DEEPEST or size < 5 or end > len(data) or data[end - 1]:
        raise ValueError(_STRANGE)
    at += 4
    found: dict[str, Any] = {}
    while at < end - 1:
        kind = data[at]
        stop = data.index(b"\0", at + 1, end)
        name = data[at + 1 : stop].decode()
        found[name], at = _value(data, kind, stop + 1, depth)
    if at != end - 1:
        raise ValueError(_STRANGE)
    return found, end


def _value(data: bytes, kind: int, at: int, depth: int) -> tuple[Any, int]:
    if kind in (0x03, 0x04):
        tree, end = _document(data, at, depth + 1)
        return (tree if kind == 0x03 else list(tree.values())), end
    if kind in (0x02, 0x05):
        size = struct.unpack_from("<i", data, at)[0]
        begin = at + (4 if kind == 0x02 else 5)
        if size < 0 or begin + size > len(data):
            raise ValueError(_STRANGE)
        content = data[begin : begin + size]
        return (content[:-1].decode() if kind == 0x02 else content), begin + size
    if kind in (0x08, 0x0A, 0x10, 0x12):
        size = {0x08: 1, 0x0A: 0, 0x10: 4, 0x12: 8}[kind]
        if at + size > len(data):
            raise ValueError(_STRANGE)
        number = int.from_bytes(data[at : at + size], "little", signed=size > 1)
        return (None if kind == 0x0A else bool(number) if kind == 0x08 else number), at + size
    if kind == 0x01:
        return struct.unpack_from("<d", data, at)[0], at + 8
    if kind in _FIXED:
        return None, at + _FIXED[kind]
    raise ValueError(_STRANGE)


__all__ = ["decode", "encode"]
