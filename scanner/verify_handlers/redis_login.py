"""A login to Redis or Valkey: AUTH, then PING to see that it counts.

AUTH tells the password itself, so it is said under TLS, or inside of one's own network (`Wire.discreet`), only.
References: https://redis.io/docs/latest/commands/auth/, https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from scanner.verdicts import ACTIVE, INACTIVE, UNKNOWN, Verdict, unknown
from scanner.verify_handlers.login import Login, NoLoginError, Wire

_LONGEST_LINE = 1024

_REFUSED: Final[Mapping[str, tuple[str, str, str]]] = {
    "-WRONGPASS": (INACTIVE, "invalid", ""),
    "-ERR invalid password": (INACTIVE, "invalid", ""),  # before version 6
    "-ERR AUTH <password> called without any password": (UNKNOWN, "accepts-anything", "the server has no password"),
    "-ERR Client sent AUTH, but no password is set": (UNKNOWN, "accepts-anything", "the server has no password"),
    "-ERR max number of clients": (UNKNOWN, "rate-limited", "the server has too many connections"),
    "-LOADING": (UNKNOWN, "server-error", "the server is starting"),
    "-DENIED": (UNKNOWN, "not-described", "the server lets nobody in from here"),
}
"""What an error means, by how it begins."""


def log_in(wire: Wire, login: Login) -> Verdict:
    """Logs in, and says what came of it. Raises NoLoginError, or OSError as the wire does."""
    if wire.wants_tls:
        wire.secured()
    elif not wire.discreet:
        raise NoLoginError("no-check", "the password would be sent over the internet without TLS: only rediss:// is")
    said = _ask(wire, "AUTH", login.user, login.password) if login.user else _ask(wire, "AUTH", login.password)
    if login.user and said.startswith(("-WRONGPASS", "-ERR wrong number of arguments")):
        # Before version 6 there were no users, and what stood in their place in a URL meant nothing.
        said = _ask(wire, "AUTH", login.password)
    if said != "+OK":
        return _refused(said)
    said = _ask(wire, "PING")
    if said == "+PONG":
        return Verdict(ACTIVE, "accepted")
    return Verdict(ACTIVE, "restricted") if said.startswith("-NOPERM") else _refused(said, INACTIVE)


def _refused(said: str, never: str = "") -> Verdict:
    for words, (status, reason, remark) in _REFUSED.items():
        if said.startswith(words) and status != never:
            return Verdict(status, reason, detail=remark)
    return unknown("not-described")


def _ask(wire: Wire, *words: str) -> str:
    """A command, every word with its length, so that none can end it; the line that comes back."""
    told = [word.encode() for word in words]
    wire.write(b"*%d\r\n" % len(told) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in told))
    line = bytearray()
    while not line.endswith(b"\r\n"):
        if len(line) >= _LONGEST_LINE:
            raise NoLoginError("not-described", "the server does not talk like Redis")
        line += wire.read(1)
    return line[:-2].decode("utf-8", "replace")


__all__ = ["log_in"]
