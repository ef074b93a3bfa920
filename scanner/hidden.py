"""Bytes of a stream that are not shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from scanner.models import MASK
from scanner.own_keys import Key


class Hidden(NamedTuple):
    """Bytes that are not shown, what for (a rule's id), and what stands in their place."""

    start: int
    end: int
    name: str
    mask: bytes = MASK.encode()


def simple(data: bytes, first: int, end: int, keys: Sequence[Key], found: list[Hidden]) -> int:
    """Adds what `hidden` says of the lines data[first:end], in which are keys and nothing else to look at. Returns
    where the first line begins in which keys overlap or a secret stands again, of which nothing is said; or the end."""
    line = stop = first
    done = kept = len(found)
    for start, last, secret_start, secret_end, rule, _ in keys:
        if start >= stop:
            done = len(found)
            line = data.rfind(b"\n", stop, start) + 1 or stop
            stop = data.find(b"\n", secret_end, end) + 1 or end
            kept = line
        secret = data[secret_start:secret_end]
        if (
            start < kept
            or data.find(secret, secret_end, stop) >= 0
            or data.find(secret, line, secret_end - 1) >= 0
        ):
            del found[done:]
            return line
        kept = last
        found.append(Hidden(secret_start, secret_end, rule.id))
    return end


def merged(found: list[Hidden], first: int) -> list[Hidden]:
    """In order, cut at `first`; those that overlap or touch made one, called after the one that begins first."""
    merged: list[Hidden] = []
    for one in sorted(found, key=lambda one: (one.start, not one.mask, -one.end)):
        start = max(one.start, first)
        last = merged[-1] if merged else None
        if last is not None and (start < last.end or (start == last.end and one.mask == last.mask)):
            if one.end > last.end:
                merged[-1] = Hidden(last.start, one.end, last.name, last.mask)
        elif one.end > start:
            merged.append(Hidden(start, one.end, one.name, one.mask))
    return merged


__all__ = ["Hidden", "merged", "simple"]
