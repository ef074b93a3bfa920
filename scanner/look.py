"""What is to be looked at in some lines of a stream, and how far we are in it."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from operator import itemgetter

from scanner.own_keys import Key

_start = itemgetter(0)

Event = tuple[int, int]
"""A keyword stands somewhere: the offset, and the keyword's number."""


@dataclass(slots=True)
class Look:
    """Where in some lines something is to be looked at: keys of formats of their own, keywords that could make
    something secret, and signs of what is encoded, coloured or known. All in order."""

    keys: list[Key] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    signs: list[int] = field(default_factory=list)

    def moved(self, by: int) -> Look:
        """The same in data that begins elsewhere."""
        return Look(
            [key.moved(by) for key in self.keys],
            [(at + by, number) for at, number in self.events],
            [at + by for at in self.signs],
        )


class Place:
    """How far we are in what is to be looked at."""

    def __init__(self, seen: Look) -> None:
        self._keys, self._events, self._signs = seen.keys, seen.events, seen.signs
        self._key = self._event = self._sign = 0

    def next(self, at: int) -> int:
        """The first of all that is at or behind a place; -1 when there is none. What is before it is done with."""
        keys, events, signs = self._keys, self._events, self._signs
        while self._key < len(keys) and keys[self._key].start < at:
            self._key += 1
        while self._event < len(events) and events[self._event][0] < at:
            self._event += 1
        while self._sign < len(signs) and signs[self._sign] < at:
            self._sign += 1
        found = keys[self._key].start if self._key < len(keys) else -1
        if self._event < len(events) and not 0 <= found <= events[self._event][0]:
            found = events[self._event][0]
        if self._sign < len(signs) and not 0 <= found <= signs[self._sign]:
            found = signs[self._sign]
        return found

    def other(self, end: int) -> int:
        """The first that is no key and before a place; the place when there is none. Behind `next`."""
        events, signs = self._events, self._signs
        if self._event < len(events) and events[self._event][0] < end:
            end = events[self._event][0]
        return min(end, signs[self._sign]) if self._sign < len(signs) else end

    def keys_before(self, stop: int) -> list[Key]:
        """The keys from here to a place."""
        first = self._key
        return self._keys[first : bisect_left(self._keys, stop, first, key=_start)]

    def events_before(self, stop: int) -> list[Event]:
        """The keywords from here to a place."""
        end = self._event
        while end < len(self._events) and self._events[end][0] < stop:
            end += 1
        return self._events[self._event : end]

    def rest(self) -> Look:
        """What is not done with."""
        return Look(self._keys[self._key :], self._events[self._event :], self._signs[self._sign :])


__all__ = ["Event", "Look", "Place"]
