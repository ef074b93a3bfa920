"""What is new in a version of a file: the bytes between what it shares with its neighbour, and a margin."""

from __future__ import annotations

import re

from scanner.models import BREAKS, LINES, NEAR

TRIM_MARGIN = NEAR
"""How far around what changed a finding is looked for. The matcher looks further where a rule reaches further."""

Windows = list[tuple[int, int]]
"""Stretches of content, in order."""

_GRAIN = 64  # a window may begin this many bytes earlier than it must: cheaper than to find the very byte


def common_prefix(one: bytes, other: bytes) -> int:
    """How many bytes both begin with: exact or up to 63 less. Slices compare at the speed of memory."""
    low, high, step = 0, min(len(one), len(other)), 1024
    while low < high:
        end = min(low + step, high)
        if one[low:end] != other[low:end]:
            high = end
            break
        low, step = end, step * 4
    while high - low > _GRAIN:
        middle = (low + high) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle
    return low


def common_suffix(one: bytes, other: bytes, prefix: int) -> int:
    """How many bytes both end with, beyond the first `prefix`: exact or up to 63 less."""
    a, b = len(one), len(other)
    low, high, step = 0, min(a, b) - prefix, 1024
    while low < high:
        end = min(low + step, high)
        if one[a - end : a - low] != other[b - end : b - low]:
            high = end
            break
        low, step = end, step * 4
    while high - low > _GRAIN:
        middle = (low + high) // 2
        if one[a - middle : a - low] == other[b - middle : b - low]:
            low = middle
        else:
            high = middle
    return low


def changed_windows(previous: bytes, data: bytes) -> list[tuple[int, int]]:
    """The parts of `data` to report from when `previous` was scanned: what differs, with a margin on both sides.

    Where something was only taken out, that is the joint. A finding that begins outside of the windows stands
    in `previous` too, with the same `TRIM_MARGIN` bytes around it. The windows are in order and do not overlap.
    """
    size = len(data)
    if size <= _WHOLE or not previous:
        return [(0, size)]
    prefix = common_prefix(previous, data)
    suffix = common_suffix(previous, data, prefix)
    todo = [(prefix, len(previous) - suffix, prefix, size - suffix)]
    changed = []
    while todo:
        old, old_end, new, new_end = todo.pop()
        shared = _shared(previous, old, old_end, data, new, new_end) if new_end - new > _WORTH else None
        if shared is None:
            changed.append((new, new_end))
        else:
            at, begin, length = shared
            todo += [(old, at, new, begin), (at + length, old_end, begin + length, new_end)]
    return widened(sorted(changed), size)


_WHOLE = 3 * TRIM_MARGIN  # content up to this size is not worth comparing
_WORTH = 8 * TRIM_MARGIN  # what both versions share must be longer than the margins that it leaves
_BLOCK = 64
_PROBES = (8, 4, 12, 2, 6, 10, 14)  # sixteenths of a changed part, where something unchanged is looked for


def _shared(
    previous: bytes, old: int, old_end: int, data: bytes, new: int, new_end: int
) -> tuple[int, int, int] | None:
    """A long run that both parts have: where it begins in each, and its length."""
    for sixteenths in _PROBES:
        probe = new + (new_end - new) * sixteenths // 16
        found = previous.find(data[probe : probe + _BLOCK], old, old_end)
        if found < 0:
            continue
        after = common_prefix(previous[found:old_end], data[probe:new_end])
        before = common_suffix(previous[old:found], data[new:probe], 0)
        if before + after > _WORTH:
            return found - before, probe - before, before + after
    return None


def widened(changed: list[tuple[int, int]], size: int) -> list[tuple[int, int]]:
    """Stretches (in order) with a margin on both sides, inside of `size` bytes; those that touch are one."""
    windows: list[tuple[int, int]] = []
    for start, end in changed:
        wide = max(0, start - TRIM_MARGIN), min(size, end + TRIM_MARGIN)
        if windows and wide[0] <= windows[-1][1]:
            windows[-1] = windows[-1][0], max(windows[-1][1], wide[1])
        else:
            windows.append(wide)
    return windows


_GOES_ON = re.compile(rb"\\\r?\n")  # a line that is told with the next one
_ABOVE = 1 + BREAKS  # lines above a change in which something may stand that the change makes a key of
_BELOW = LINES + BREAKS  # lines below
_LEAST = 64  # bytes around a change, whatever the lines


def lines_around(changed: Windows, data: bytes) -> Windows:
    """Around each of these stretches (in order) so many lines, and so many bytes at most, that whatever the change
    decides touches them, save of rules that look farther. Those that touch are one."""
    windows: Windows = []
    size, before, after = len(data), data.rfind, data.find
    low = high = -1
    for start, end in changed:
        begin, stop = max(0, start - NEAR), min(size, end + NEAR)
        if after(b"\\", begin, stop) < 0 or _GOES_ON.search(data, begin, stop) is None:
            at, until = start, end
            for _ in range(_ABOVE + 1):
                at = before(b"\n", begin, at)
                if at < 0:
                    break
            else:
                begin = min(at + 1, max(begin, start - _LEAST))
            for _ in range(_BELOW + 1):
                until = after(b"\n", until, stop) + 1
                if not until:
                    break
            else:
                stop = max(until, min(stop, end + _LEAST))
        if begin <= high:
            high = max(high, stop)
        else:
            if high >= 0:
                windows.append((low, high))
            low, high = begin, stop
    if high >= 0:
        windows.append((low, high))
    return windows


__all__ = ["TRIM_MARGIN", "Windows", "changed_windows", "common_prefix", "common_suffix", "lines_around", "widened"]
