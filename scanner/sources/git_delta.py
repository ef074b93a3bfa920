"""Deltas as packs keep them: what a version copies from its base, and what is new in it."""

from __future__ import annotations

from scanner.sources.git_trim import Windows


class DeltaError(ValueError):
    """A delta that does not follow the format, or does not fit its base."""


def _plan(command: int) -> tuple[int, int, int] | None:
    """How many bytes of offset and size follow a copy command, and, of their number, the bits of the offset and how
    many they are; None when some are left out between them."""
    offset, size = command & 15, command >> 4 & 7
    if offset & (offset + 1) or size & (size + 1):
        return None
    bits = 8 * offset.bit_length()
    return offset.bit_length() + size.bit_length(), (1 << bits) - 1, bits


_PLANS = tuple(_plan(command) if command >= 128 else None for command in range(256))
_MOST = 0x10000  # a copy of size 0 means so many bytes
_NEXT = 128  # changes so near each other are told as one


def made_size(delta: bytes) -> int:
    """How many bytes the delta says it makes."""
    at, _ = _size(delta, 0)
    return _size(delta, at)[1]


def apply_delta(delta: bytes, base: bytes) -> tuple[bytes, Windows]:
    """The version that a delta makes of its base, and where it differs: every inserted stretch and every joint of
    two copies (of no length), in order, those that are near each other as one.

    What stands between them stands in the base, too, in one piece. Raises `DeltaError` for a delta that is cut short,
    reaches outside of its base, or does not make what it says.
    """
    at, expected = _size(delta, 0)
    if expected != len(base):
        raise DeltaError("made for another base")
    at, size = _size(delta, at)
    pieces: list[bytes] = []
    starts: list[int] = []  # of the changes, each with the end of the one before it
    ends: list[int] = []
    made, follows, end = 0, 0, len(delta)
    last = limit = -1  # where the change at hand ends, and up to where another one is a part of it
    number = int.from_bytes
    while at < end and made <= size:
        command = delta[at]
        at += 1
        inserted = 0
        plan = _PLANS[command]
        if plan is not None:
            width, mask, bits = plan
            value = number(delta[at : at + width], "little")
            at += width
            offset, length = value & mask, value >> bits or _MOST
        elif command < 128:
            offset, length, inserted = -1, command, command
        else:
            at, offset, length = _sparse(delta, at, command)
        if follows != offset or inserted:  # it does not go on where the copy before it ended
            if made > limit:
                starts.append(made)
                ends.append(last)
            last, limit = made, made + inserted + _NEXT
        if inserted:
            pieces.append(delta[at : at + inserted])
            at += inserted
            follows = -1
        else:
            follows = offset + length
            pieces.append(base[offset:follows])
        made += length
    if follows != len(base):
        if made > limit:
            starts.append(made)
            ends.append(last)
        last = made
    data = b"".join(pieces)
    if not len(data) == made == size:
        raise DeltaError("makes another size than it says, or reaches outside of its base")
    return data, list(zip(starts, [*ends[1:], last], strict=True)) if starts else []


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


__all__ = ["DeltaError", "apply_delta", "made_size"]
