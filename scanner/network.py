"""Connections to addresses that were checked: a name is resolved here, every address of it is judged, and the
connection goes to the very address that was judged. So a name that changes its mind in between (DNS rebinding) changes
nothing.
"""

from __future__ import annotations

import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

import httpcore

from scanner.addresses import Address, literal, refusal

Resolver = Callable[[str, int], Sequence[str]]
"""Gives the addresses of a host, as texts. Raises OSError when there are none."""

MOST_ADDRESSES = 6
"""So many addresses of one host are tried."""


class DialError(Exception):
    """No connection was made: `reason` is one of `unknown`'s, `detail` holds nothing but our words and the host."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


class Deadline:
    """The end of the exchange that this thread is at: whatever is waited for ends there, however often it is asked."""

    def __init__(self) -> None:
        self._mine = threading.local()

    def start(self, seconds: float) -> None:
        """Gives this thread so much time from now on."""
        self._mine.end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds that are left, at least a millisecond (a time-out of 0 would mean: never wait)."""
        return max(0.001, float(self._mine.end) - time.monotonic())

    def over(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() >= float(self._mine.end)


def system_resolver(host: str, port: int) -> Sequence[str]:
    """What the system says of a name."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(item[4][0]) for item in found))


@dataclass(frozen=True, slots=True)
class Dialer:
    """Finds the addresses of a host that may be connected to. `only_loopback` refuses all others (for plain HTTP);
    `trusting` checks nothing (for a proxy, which the user named)."""

    deadline: Deadline
    resolver: Resolver = system_resolver
    loopback: bool = False
    private: bool = False
    only_loopback: bool = False
    trusting: bool = False

    def addresses(self, host: str, port: int) -> list[Address]:
        """The checked addresses. Raises DialError: one bad address among good ones refuses them all, since that is
        what an attack by DNS looks like."""
        known = literal(host)
        found = [known] if known is not None else self._resolved(host, port)
        for address in found:
            why = "" if self.trusting else refusal(address, loopback=self.loopback, private=self.private)
            if not why and self.only_loopback and refusal(address) != "it is this machine":
                why = "plain HTTP goes to this machine only"
            if why:
                raise DialError("refused-address", f"{host} is {address}: {why}")
        return found[:MOST_ADDRESSES]

    def connect(self, host: str, port: int) -> socket.socket:
        """A connection to the first checked address that takes one. Raises DialError."""
        for address in self.addresses(host, port):
            try:
                return socket.create_connection((str(address), port), timeout=self.deadline.left())
            except OSError:
                if self.deadline.over():
                    break
        raise DialError("timeout" if self.deadline.over() else "unreachable", f"no connection to {host}")

    def _resolved(self, host: str, port: int) -> list[Address]:
        """Resolves in a thread of its own, because the system's resolver knows no time-out."""
        answers: queue.SimpleQueue[Sequence[str] | None] = queue.SimpleQueue()

        def ask() -> None:
            try:
                answers.put(self.resolver(host, port))
            except (OSError, UnicodeError):
                answers.put(None)

        threading.Thread(target=ask, name="resolve", daemon=True).start()
        try:
            found = answers.get(timeout=self.deadline.left())
        except queue.Empty:
            raise DialError("timeout", f"the name {host} took too long to resolve") from None
        if not found:
            raise DialError("unreachable", f"the name {host} has no address")
        return [ip_address(text.partition("%")[0]) for text in found]


class CheckedBackend(httpcore.NetworkBackend):
    """Makes the connections of an HTTP client, each through the dialer, each bounded by the deadline."""

    def __init__(self, dialer: Dialer) -> None:
        self._dialer = dialer
        self._below = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """A stream to a checked address. Raises DialError."""
        deadline = self._dialer.deadline
        for address in self._dialer.addresses(host, port):
            try:
                stream = self._below.connect_tcp(str(address), port, deadline.left(), None, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if deadline.over():
                    break
            else:
                return _Bounded(stream, deadline)
        raise DialError("timeout" if deadline.over() else "unreachable", f"no connection to {host}")


class _Bounded(httpcore.NetworkStream):
    """A stream on which nothing lasts longer than the exchange may: a byte a second is no way to keep us."""

    def __init__(self, below: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._below, self._deadline = below, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._deadline.over():
            raise httpcore.ReadTimeout
        return self._below.read(max_bytes, self._deadline.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if self._deadline.over():
            raise httpcore.WriteTimeout
        self._below.write(buffer, self._deadline.left())

    def close(self) -> None:
        self._below.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Bounded(self._below.start_tls(ssl_context, server_hostname, self._deadline.left()), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._below.get_extra_info(info)


__all__ = ["CheckedBackend", "Deadline", "DialError", "Dialer", "Resolver", "system_resolver"]
