"""What logins over sockets have in common: who logs in, and a connection that reads whole messages and nothing more."""

from __future__ import annotations

import secrets
import socket
import time
from dataclasses import dataclass, field, replace
from typing import Final

from scanner.addresses import literal, refusal
from scanner.exchange import Failure
from scanner.verify_handlers.interface import Reach

PROVEN: Final = "the server proved that it knows the password"
"""The remark of an active verdict that needs no control."""

_MOST = 1 << 20


@dataclass(frozen=True, slots=True)
class Login:
    """Who logs in, and where. `plain` says that the URL wants no TLS; `options` is what it says behind its `?`."""

    host: str
    port: int
    user: str = field(repr=False)
    password: str = field(repr=False)
    database: str = field(default="", repr=False)
    plain: bool = False
    options: str = field(default="", repr=False)

    def with_other_password(self) -> Login:
        """The same with a random password."""
        return replace(self, password=secrets.token_hex(16))


class NoLoginError(Exception):
    """The login cannot go on: a reason of `unknown`, and a remark of our own words."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason, self.detail = reason, detail


class Wire:
    """A connection: exact reads (so that nothing said before TLS is taken for said under it), bounded in bytes and in
    time: what the connection's time-out is at the beginning is all there is, however often a byte comes.

    `wants_tls` says that TLS is to be asked for; `secure` that it is there, with the certificate checked. Raises
    NoLoginError where the other side ends the connection, and OSError (TimeoutError among them) as sockets do.
    """

    def __init__(self, connection: socket.socket, host: str, reach: Reach | None) -> None:
        self._connection, self._host, self._reach = connection, host, reach
        self._left = _MOST
        self._end = time.monotonic() + (connection.gettimeout() or 0.0)
        self.secure = False

    @property
    def wants_tls(self) -> bool:
        return self._reach is not None and not self.secure

    @property
    def discreet(self) -> bool:
        """Whether nobody listens on the way that is not of the house: under TLS, and with private addresses and those
        of this machine."""
        if self.secure:
            return True
        address = literal(self._connection.getpeername()[0])
        return address is not None and bool(refusal(address)) and not refusal(address, loopback=True, private=True)

    def secured(self) -> None:
        """Puts TLS on the connection."""
        if self._reach is None:
            raise NoLoginError("failed")
        self._in_time()
        found = self._reach.tls(self._connection, self._host)
        if isinstance(found, Failure):
            raise NoLoginError(found.reason, found.detail)
        self._connection, self.secure = found, True

    def read(self, size: int) -> bytes:
        """So many bytes."""
        self._left -= size
        if self._left < 0:
            raise NoLoginError("too-large")
        data = b""
        while len(data) < size:
            self._in_time()
            piece = self._connection.recv(size - len(data))
            if not piece:
                raise NoLoginError("unreachable", "the server ended the connection")
            data += piece
        return data

    def write(self, data: bytes) -> None:
        """All of the bytes."""
        self._in_time()
        self._connection.sendall(data)

    def _in_time(self) -> None:
        """Lets the next step last no longer than the whole may. Raises TimeoutError when that is over."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()


__all__ = ["PROVEN", "Login", "NoLoginError", "Wire"]
