"""Good manners: how many questions a host is asked a minute and at once, and when it is left alone.

A `Lane` is what we owe one host. All waiting goes through a `Clock`, so that it can be cut short, and tried without
waiting.
"""

from __future__ import annotations

import email.utils
import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

PER_MINUTE: Final = 300
AT_ONCE: Final = 8
"""What a host is asked whose provider documents no limit."""

MINUTE: Final = 60.0
GIVE_UP: Final = 3
"""So many keys in a row without any usable reply, and a host is left alone for the rest of the run."""

LONGEST_WAIT: Final = 3600.0


class Clock:
    """Time as it is. `stop` ends every sleep, now and from then on."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def now(self) -> float:
        """Seconds that only ever grow."""
        return time.monotonic()

    def wall(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def sleep(self, seconds: float) -> bool:
        """Waits. False when it was stopped meanwhile, or before."""
        return not self._stopped.wait(max(0.0, seconds))

    def stop(self) -> None:
        """Wakes all who sleep."""
        self._stopped.set()

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped.is_set()


@dataclass(frozen=True, slots=True)
class Limit:
    """So many requests a minute, and at once."""

    per_minute: int = PER_MINUTE
    at_once: int = AT_ONCE

    def __and__(self, other: Limit) -> Limit:
        """What keeps both."""
        return Limit(min(self.per_minute, other.per_minute), min(self.at_once, other.at_once))

    @classmethod
    def of(cls, said: Mapping[str, int], per_minute: int = 0, at_once: int = 0) -> Limit:
        """The user's numbers, or else the rule's, or else the usual ones."""
        return cls(per_minute or said.get("per_minute", PER_MINUTE), at_once or said.get("at_once", AT_ONCE))


class Lane:
    """The way to one host: a bucket of tokens, a pause that the host asked for, and whether it is of any use to go on.

    The bucket holds a few tokens and is filled so slowly that no minute, wherever it begins, sees more requests than
    the limit says.
    """

    def __init__(self, limit: Limit, clock: Clock) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._limit = limit
        self._tokens, self._filled = float(self._burst), clock.now()
        self._open_from = 0.0
        self._failures = 0
        self._closed = ""

    @property
    def limit(self) -> Limit:
        """The limit that is kept."""
        return self._limit

    def tighten(self, limit: Limit) -> None:
        """Keeps this limit, too."""
        with self._lock:
            self._limit &= limit
            self._tokens = min(self._tokens, float(self._burst))

    @property
    def _burst(self) -> int:
        return max(1, min(self._limit.at_once, self._limit.per_minute // 2))

    @property
    def _rate(self) -> float:
        """Tokens a second: with a full bucket at its beginning, a minute sees `per_minute` requests."""
        return max(self._limit.per_minute - self._burst, 0.5) / MINUTE

    def take(self) -> float:
        """Takes a token, and says how long to wait until it counts (0: now)."""
        with self._lock:
            now = self._clock.now()
            self._tokens = min(float(self._burst), self._tokens + (now - self._filled) * self._rate)
            self._filled = now
            self._tokens -= 1.0
            short = -self._tokens / self._rate if self._tokens < 0 else 0.0
            return max(short, self._open_from - now)

    def pause(self, seconds: float) -> None:
        """The host wants to be left alone for a while, by all."""
        with self._lock:
            self._open_from = max(self._open_from, self._clock.now() + seconds)

    @property
    def paused(self) -> float:
        """How many seconds of a pause are left."""
        with self._lock:
            return max(0.0, self._open_from - self._clock.now())

    @property
    def closed(self) -> str:
        """Why the host is asked no more, "" while it is."""
        return self._closed

    def worked(self) -> None:
        """The host gave a reply that can be used."""
        with self._lock:
            self._failures = 0

    def failed(self, reason: str) -> None:
        """One more key about which the host gave no reply that could be used, for all patience."""
        with self._lock:
            self._failures += 1
            if self._failures >= GIVE_UP:
                self._closed = reason


def asked_to_wait(headers: Mapping[str, str], wall: float) -> float | None:
    """How many seconds a reply's `Retry-After` (seconds or a date) wants us to wait; None when it says nothing."""
    told = headers.get("retry-after", "").strip()
    if not told:
        return None
    if told.isascii() and told.replace(".", "", 1).isdigit() and len(told) < 12:
        return min(float(told), LONGEST_WAIT)
    parsed = email.utils.parsedate_tz(told)
    if parsed is None:
        return None
    try:
        return min(max(0.0, email.utils.mktime_tz(parsed) - wall), LONGEST_WAIT)
    except (ValueError, OverflowError):
        return None


def backoff(attempt: int, rng: random.Random) -> float:
    """Seconds to wait before the attempt that follows number `attempt` (from 1): doubled each time, at most 30, and
    anywhere in the upper half of that, so that many who wait do not come back at once."""
    longest = min(30.0, 2.0 ** (attempt - 1))
    return rng.uniform(longest / 2, longest)


__all__ = [
    "AT_ONCE", "GIVE_UP", "PER_MINUTE", "Clock", "Lane", "Limit", "asked_to_wait", "backoff",
]  # fmt: skip
