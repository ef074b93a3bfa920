"""Deltas as packs keep them: what a version copies from its base, and what is new in it."""

from __future__ import annotations

from scanner.sources.git_trim import widened


class DeltaError(ValueError):
    """A delta that does not follow the format, or does not fit its base."""


def _plan(command: int) -> tuple[int, int] | None:
    """How many bytes of offset and of size follow a copy command, when none is left out between them."""
    offset, size = command & 15, command >> 4 & 7
    if offset & (offset + 1) or size & (size + 1):
        return None
    return offset.bit_length(), size.bit_length()


_PLANS = tuple(_plan(command) if command >= 128 else None for command in range(256))
_MOST = 0x10000  # a copy of size 0 means so many bytes

Windows = list[tuple[int, int]]


def made_size(delta: bytes) -> int:
    """How many bytes the delta says it makes."""
    at, _ = _size(delta, 0)
    return _size(delta, at)[1]


def apply_delta(delta: bytes, base: bytes) -> tuple[bytes, Windows]:
    """The version that a delta makes of its base, and where it differs: every inserted stretch and every joint of
    two copies, with `NEAR` bytes around it, in order, none overlapping.

    What stands outside of these windows stands in the base, too, with the same bytes around it. Raises `DeltaError`
    for a delta that is cut short, reaches outside of its base, or does not make what it says.
    """
    at, expected = _size(delta, 0)
    if expected != len(base):
        raise DeltaError("made for another base")
    at, size = _size(delta, at)
    pieces: list[bytes] = []
    changed: Windows = []
    made, follows, end = 0, 0, len(delta)
    number = int.from_bytes
    while at < end and made <= size:
        command = delta[at]
        at += 1
        if command < 128:
            pieces.append(delta[at : at + command])
            changed.append((made, made + command))
            at += command
            made += command
            follows = -1
            continue
        plan = _PLANS[command]
        if plan is None:
            at, offset, length = _sparse(delta, at, command)
        else:
            middle = at + plan[0]
            offset = number(delta[at:middle], "little")
            at = middle + plan[1]
            length = number(delta[middle:at], "little") or _MOST
        if follows != offset:  # it does not go on where the copy before it ended
            changed.append((made, made))
        pieces.append(base[offset : offset + length])
        made += length
        follows = offset + length
    if follows != len(base):
        changed.append((made, made))
    data = b"".join(pieces)
    if not len(data) == made == size:
        raise DeltaError("makes another size than it says, or reaches outside of its base")
    return data, widened(changed, size) if changed else changed


def _size(delta: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(delta):
        byte = delta[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return at, value
        shift += 7
    raise DeltaError("cut short")


def _sparse(delta: bytes, at: int, command: int) -> tuple[int, int, int]:
    """A copy command with bytes left out, because they are zero."""
    values = [0, 0]
    for bit in range(7):
        if command & 1 << bit:
            if at >= len(delta):
                raise DeltaError("cut short")
            field, shift = (0, bit) if bit < 4 else (1, bit - 4)
            values[field] |= delta[at] << 8 * shift
            at += 1
    return at, values[0], values[1] or _MOST


__all__ = ["DeltaError", "Windows", "apply_delta", "made_size"]
