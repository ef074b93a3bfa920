"""The way out to one host, with its manners: turns are waited for, a host that wants less gets less, a host that is of
no use is left alone, and no other host is reached than the one that was named.
"""

from __future__ import annotations

import math
import random
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from scanner.exchange import Failure, Reply, Request
from scanner.request import Requester, Way
from scanner.verify_limits import Clock, Lane, asked_to_wait, backoff
from scanner.verify_settings import VerifySettings

_LATER: Final = frozenset({408, 425, 429})
_FOR_GOOD: Final = frozenset({501, 505, 511})
_AGAIN: Final = frozenset({"unreachable", "timeout"})
_HOPELESS: Final = frozenset({"refused-address", "certificate"})
_TRIES_WITHOUT_REPLY: Final = 2


@dataclass(slots=True)
class HostReach:
    """Sends what one question needs, if its turn comes before `until` (by the clock's `now`). `asked` is when the last
    request was sent, in seconds since 1970 (0: none was)."""

    requester: Requester
    lane: Lane
    clock: Clock
    settings: VerifySettings
    hosts: frozenset[str]
    way: Way
    rng: random.Random = field(default_factory=random.SystemRandom)
    until: float = math.inf
    asked: float = 0.0

    def now(self) -> float:
        """Seconds since 1970."""
        return self.clock.wall()

    def send(self, request: Request, final: Callable[[Reply], bool] | None = None) -> Reply | Failure:
        """One exchange, tried again within the bounds of the settings. What is worth another try and stays so is a
        Failure in the end."""
        if urlsplit(request.url).netloc not in self.hosts:
            return Failure("refused-address", "the request would go to another host than the one that was named")
        attempt, end = 0, 0.0
        while True:
            attempt += 1
            barred = self._turn()
            if barred is not None:
                return barred
            end = end or self.clock.now() + self.settings.patience
            self.asked = self.clock.wall()
            reply = self.requester.send(request, self.way)
            failure = _worth_another_try(reply, final)
            if failure is None:
                self._note(reply)
                return reply
            barred = self._wait(failure, reply, attempt, end)
            if barred is not None:
                return barred

    def connect(self, host: str, port: int) -> socket.socket | Failure:
        """A connection for other protocols: a try, no more."""
        name = f"[{host}]" if ":" in host else host
        if f"{name}:{port}" not in self.hosts and name not in self.hosts:
            return Failure("refused-address", "the connection would go to another host than the one that was named")
        barred = self._turn()
        if barred is not None:
            return barred
        self.asked = self.clock.wall()
        made = self.requester.connect(host, port, self.way)
        self._note(made)
        return made

    def tls(self, connection: socket.socket, host: str) -> socket.socket | Failure:
        """The connection under TLS."""
        return self.requester.tls(connection, host)

    def _turn(self) -> Failure | None:
        """Waits for the host's next token and the end of its pause; why it does not come."""
        wait = self.lane.take()
        while True:
            if self.lane.closed:
                return Failure(self.lane.closed, "the host was left alone after several keys in a row")
            if self.lane.paused > self.settings.patience:
                return Failure("rate-limited", "the host wants to be left alone for longer than we wait")
            if self.clock.now() + wait > self.until or not self.clock.sleep(wait):
                return Failure("out-of-time")
            wait = self.lane.paused
            if not wait:
                return None

    def _wait(self, failure: Failure, reply: Reply | Failure, attempt: int, end: float) -> Failure | None:
        """Waits before the next try; what it was in the end, when there is none."""
        told = asked_to_wait(reply.headers, self.clock.wall()) if isinstance(reply, Reply) else None
        wait = told if told is not None else backoff(attempt, self.rng)
        if failure.reason == "rate-limited" or told is not None:
            self.lane.pause(wait)
        most = self.settings.attempts if isinstance(reply, Reply) else _TRIES_WITHOUT_REPLY
        if attempt >= min(most, self.settings.attempts) or self.clock.now() + wait > end:
            self.lane.failed(failure.reason)
            return failure
        return None if self.clock.sleep(wait) else Failure("out-of-time")

    def _note(self, reply: object) -> None:
        if isinstance(reply, Failure) and reply.reason in _HOPELESS | _AGAIN:
            self.lane.failed(reply.reason)
        elif not isinstance(reply, Failure):
            self.lane.worked()


def _worth_another_try(reply: Reply | Failure, final: Callable[[Reply], bool] | None) -> Failure | None:
    """What a reply is if it stays like that; None for an answer."""
    if isinstance(reply, Failure):
        return reply if reply.reason in _AGAIN else None
    passing = reply.status in _LATER or (reply.status >= 500 and reply.status not in _FOR_GOOD)
    if not passing or (final is not None and final(reply)):
        return None
    return Failure("rate-limited" if reply.status == 429 else "server-error", http_status=reply.status)


__all__ = ["HostReach"]
