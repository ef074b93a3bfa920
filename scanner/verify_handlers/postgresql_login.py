"""A login to PostgreSQL, protocol 3.0, up to where the server is ready for a first query; none is sent.

Reference: https://www.postgresql.org/docs/current/protocol-flow.html, …/protocol-message-formats.html
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from typing import Final

from scanner.verdicts import ACTIVE, INACTIVE, Verdict, unknown
from scanner.verify_handlers.login import PROVEN, Login, NoLoginError, Wire
from scanner.verify_handlers.scram import Scram, ScramError

_SSL_REQUEST = struct.pack("!II", 8, 80877103)
_PROTOCOL = 196608  # 3.0
_MOST_MESSAGES = 200
_MOST_BYTES = 1 << 16

_OK, _CLEAR, _MD5, _SASL, _SASL_CONTINUE, _SASL_FINAL = 0, 3, 5, 10, 11, 12

_BEFORE: Final[Mapping[str, tuple[str, str, str]]] = {
    "28P01": (INACTIVE, "invalid", ""),
    "28000": ("unknown", "not-described", "the server lets this user in from elsewhere only, or does not know it"),
    "57P03": ("unknown", "server-error", "the server is starting or stopping"),
    "53300": ("unknown", "rate-limited", "the server has too many connections"),
}
"""What an error (SQLSTATE) means before the password was accepted."""

_AFTER: Final[Mapping[str, tuple[str, str]]] = {
    "28000": (INACTIVE, "disabled"),  # the password is right, the role may not log in
    "3D000": (ACTIVE, "accepted"),  # the database of the URL is not there (any more), the user is
    "42501": (ACTIVE, "restricted"),
    "53300": (ACTIVE, "restricted"),
    "55000": (ACTIVE, "restricted"),
}
"""What an error means after the password was accepted."""


def log_in(wire: Wire, login: Login) -> Verdict:
    """Logs in, and says what came of it. Raises NoLoginError, or OSError as the wire does."""
    if wire.wants_tls:
        wire.write(_SSL_REQUEST)
        if wire.read(1) == b"S":
            wire.secured()
    wire.write(_startup(login))
    return _Talk(wire, login).verdict()


def _startup(login: Login) -> bytes:
    told = {"user": login.user, "database": login.database, "application_name": "keysweep"}
    pairs = b"".join(f"{name}\0{value}\0".encode() for name, value in told.items() if value)
    return struct.pack("!II", 9 + len(pairs), _PROTOCOL) + pairs + b"\0"


class _Talk:
    """What is said after the beginning."""

    def __init__(self, wire: Wire, login: Login) -> None:
        self._wire, self._login = wire, login
        self._scram = Scram(login.password)
        self._asked = ""
        """How the password was asked for: "sasl", "md5", "clear", "" for not at all."""
        self._accepted = self._proven = False

    def verdict(self) -> Verdict:
        for _ in range(_MOST_MESSAGES):
            kind, body = self._message()
            if kind == b"E":
                return self._refused(body)
            if kind == b"R":
                self._authenticate(body)
            elif kind == b"Z":
                if not self._accepted:
                    raise NoLoginError("not-described", "the server is ready before it let anybody in")
                self._say(b"X", b"")
                return self._welcome(ACTIVE, "accepted")
        return unknown("not-described", "the server talks without end")

    def _welcome(self, status: str, reason: str) -> Verdict:
        if not self._asked:
            return unknown("accepts-anything", "the server asks this user for no password")
        return Verdict(status, reason, detail=PROVEN if self._proven else "")

    def _refused(self, body: bytes) -> Verdict:
        code = next((item[1:].decode("ascii", "replace") for item in body.split(b"\0") if item[:1] == b"C"), "")
        if self._accepted:
            return self._welcome(*_AFTER.get(code, (ACTIVE, "accepted")))
        status, reason, remark = _BEFORE.get(code, ("unknown", "not-described", ""))
        return Verdict(status, reason, detail=remark)

    def _authenticate(self, body: bytes) -> None:
        if len(body) < 4:
            raise NoLoginError("not-described")
        kind, data = struct.unpack("!I", body[:4])[0], body[4:]
        if kind == _OK:
            if self._asked == "sasl" and not self._proven:
                raise NoLoginError("not-described", "the server did not prove that it knows the password")
            self._accepted = True
        elif kind == _SASL and b"SCRAM-SHA-256" in data.split(b"\0"):
            first = self._scram.first()
            self._answer(b"SCRAM-SHA-256\0" + struct.pack("!I", len(first)) + first, "sasl")
        elif kind in (_SASL_CONTINUE, _SASL_FINAL):
            self._sasl(kind, data)
        elif kind == _MD5:
            self._answer(_md5(self._login, data[:4]) + b"\0", "md5")
        elif kind == _CLEAR and self._wire.secure:
            self._answer(self._login.password.encode() + b"\0", "clear")
        elif kind == _CLEAR:
            raise NoLoginError("no-check", "the server wants the password itself, over a connection without TLS")
        else:
            raise NoLoginError("not-described", "the server wants another kind of proof than a password")

    def _sasl(self, kind: int, data: bytes) -> None:
        if self._asked != "sasl" or self._accepted:
            raise NoLoginError("not-described")
        if kind == _SASL_FINAL:
            self._proven = self._scram.proven(data)
            return
        try:
            self._answer(self._scram.final(data), "sasl")
        except ScramError as error:
            raise NoLoginError("not-described", str(error)) from error

    def _answer(self, data: bytes, how: str) -> None:
        self._asked = how
        self._say(b"p", data)

    def _say(self, kind: bytes, data: bytes) -> None:
        self._wire.write(kind + struct.pack("!I", len(data) + 4) + data)

    def _message(self) -> tuple[bytes, bytes]:
        kind, size = struct.unpack("!cI", self._wire.read(5))
        if not 4 <= size <= _MOST_BYTES:
            raise NoLoginError("not-described", "the server does not talk like PostgreSQL")
        return kind, self._wire.read(size - 4)


def _md5(login: Login, salt: bytes) -> bytes:
    inner = hashlib.md5(login.password.encode() + login.user.encode(), usedforsecurity=False).hexdigest()
    return b"md5" + hashlib.md5(inner.encode() + salt, usedforsecurity=False).hexdigest().encode()


__all__ = ["log_in"]
