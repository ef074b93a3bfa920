"""A login to MySQL or MariaDB, protocol 10, up to where the server is ready for a first command; none is sent.

Passwords are proved by mysql_native_password and caching_sha2_password; what tells the password itself is done under
TLS with a good certificate only.
Reference: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase.html
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from scanner.verdicts import ACTIVE, INACTIVE, UNKNOWN, Verdict, unknown
from scanner.verify_handlers.login import Login, NoLoginError, Wire

_PROTOCOL_41, _TLS, _SECURE, _PLUGINS = 0x200, 0x800, 0x8000, 0x80000
_CAPABILITIES = 0x1 | _PROTOCOL_41 | _SECURE | _PLUGINS
_UTF8 = 45  # utf8mb4_general_ci
_MOST_BYTES = 1 << 16
_MOST_PACKETS = 20
_FAST_OK, _FULL = b"\x03", b"\x04"

_ERRORS: Final[Mapping[int, tuple[str, str, str]]] = {
    1045: (INACTIVE, "invalid", "as the server says to whoever asks from here"),  # 28000
    3118: (INACTIVE, "disabled", ""),
    4151: (INACTIVE, "disabled", ""),
    1862: (INACTIVE, "expired", ""),
    1040: (UNKNOWN, "rate-limited", "the server has too many connections"),
    1203: (UNKNOWN, "rate-limited", "the user has too many connections"),
    1226: (UNKNOWN, "rate-limited", "the user has too many connections"),
    1053: (UNKNOWN, "server-error", "the server is stopping"),
    1129: (UNKNOWN, "blocked", "the server lets nobody in from here"),
    1130: (UNKNOWN, "blocked", "the server lets nobody in from here"),
    3159: (UNKNOWN, "no-check", "the server wants TLS, and its certificate is not good"),
}
"""What an error's number means."""


def log_in(wire: Wire, login: Login) -> Verdict:
    """Logs in, and says what came of it. Raises NoLoginError, or OSError as the wire does."""
    talk = _Talk(wire)
    first = talk.receive()
    if first[:1] == b"\xff":
        return _refused(first)
    greeting = _greeting(first)
    told = struct.pack("<IIB23x", _CAPABILITIES, 1 << 24, _UTF8)
    if wire.wants_tls and greeting.capabilities & _TLS:
        told = struct.pack("<IIB23x", _CAPABILITIES | _TLS, 1 << 24, _UTF8)
        talk.send(told)
        wire.secured()
    plugin = greeting.plugin if greeting.plugin in _PROOFS else "mysql_native_password"
    proof = _PROOFS[plugin](login.password.encode(), greeting.salt)
    user = login.user.encode()
    talk.send(told + user + b"\0" + bytes([len(proof)]) + proof + plugin.encode() + b"\0")
    return _answered(talk, wire, login, plugin)


def _answered(talk: _Talk, wire: Wire, login: Login, plugin: str) -> Verdict:
    password = login.password.encode()
    for _ in range(_MOST_PACKETS):
        packet = talk.receive()
        kind, rest = packet[:1], packet[1:]
        if kind == b"\0":
            return Verdict(ACTIVE, "accepted")
        if kind == b"\xff":
            return _refused(packet)
        if kind == b"\xfe":
            name, _, salt = rest.partition(b"\0")
            plugin = name.decode("ascii", "replace")
            if plugin in _PROOFS:
                talk.send(_PROOFS[plugin](password, salt[:20]))
            else:
                talk.send(_said_aloud(wire, password, plugin))
        elif kind == b"\x01" and plugin == "caching_sha2_password" and rest in (_FAST_OK, _FULL):
            if rest == _FULL:
                talk.send(_said_aloud(wire, password, plugin))
        else:
            break
    return unknown("not-described")


def _said_aloud(wire: Wire, password: bytes, plugin: str) -> bytes:
    """The password itself, for the methods that want it, under TLS. Raises NoLoginError where it may not be said."""
    if plugin not in ("caching_sha2_password", "sha256_password", "mysql_clear_password"):
        raise NoLoginError("no-check", "the server wants another kind of proof than a password")
    if not wire.secure:
        raise NoLoginError("no-check", "the server wants the password itself, over a connection without TLS")
    return password + b"\0"


def _refused(packet: bytes) -> Verdict:
    number = struct.unpack("<H", packet[1:3])[0] if len(packet) >= 3 else 0
    status, reason, remark = _ERRORS.get(number, (UNKNOWN, "not-described", ""))
    return Verdict(status, reason, detail=remark)


@dataclass(frozen=True, slots=True)
class _Greeting:
    capabilities: int
    salt: bytes
    plugin: str


def _greeting(packet: bytes) -> _Greeting:
    strange = NoLoginError("not-described", "the server does not talk like MySQL")
    version, _, rest = packet[1:].partition(b"\0")
    if packet[:1] != b"\x0a" or len(version) > 200 or len(rest) < 31:
        raise strange
    low, high = struct.unpack("<H", rest[13:15])[0], struct.unpack("<H", rest[18:20])[0]
    capabilities = low | high << 16
    if not capabilities & _PROTOCOL_41 or not capabilities & _SECURE:
        raise strange
    size = max(13, rest[20] - 8)
    salt = rest[4:12] + rest[31 : 31 + size]
    plugin = rest[31 + size :].partition(b"\0")[0].decode("ascii", "replace") if capabilities & _PLUGINS else ""
    return _Greeting(capabilities, salt[:20], plugin)


class _Talk:
    """Packets, numbered as the protocol wants it."""

    def __init__(self, wire: Wire) -> None:
        self._wire, self._number = wire, 0

    def receive(self) -> bytes:
        head = self._wire.read(4)
        size = int.from_bytes(head[:3], "little")
        if not 0 < size <= _MOST_BYTES:
            raise NoLoginError("not-described", "the server does not talk like MySQL")
        self._number = (head[3] + 1) & 0xFF
        return self._wire.read(size)

    def send(self, data: bytes) -> None:
        self._wire.write(len(data).to_bytes(3, "little") + bytes([self._number]) + data)
        self._number = (self._number + 1) & 0xFF


def _native(password: bytes, salt: bytes) -> bytes:
    once = hashlib.sha1(password, usedforsecurity=False).digest()
    twice = hashlib.sha1(once, usedforsecurity=False).digest()
    return _mixed(once, hashlib.sha1(salt + twice, usedforsecurity=False).digest())


def _caching_sha2(password: bytes, salt: bytes) -> bytes:
    once = hashlib.sha256(password).digest()
    return _mixed(once, hashlib.sha256(hashlib.sha256(once).digest() + salt).digest())


def _mixed(left: bytes, right: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(left, right, strict=True))


_PROOFS: Final[Mapping[str, Callable[[bytes, bytes], bytes]]] = {
    "mysql_native_password": _native, "caching_sha2_password": _caching_sha2,
}  # fmt: skip
"""How a password is proved by a method, with the server's salt."""

__all__ = ["log_in"]
