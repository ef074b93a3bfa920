"""A login to MongoDB by SCRAM, in which the password is not told and the server proves that it knows it.

References: https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/,
https://github.com/mongodb/specifications/blob/master/source/auth/auth.md
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from scanner.verdicts import ACTIVE, INACTIVE, Verdict, unknown
from scanner.verify_handlers import bson
from scanner.verify_handlers.login import PROVEN, Login, NoLoginError, Wire
from scanner.verify_handlers.scram import Scram, ScramError

_OP_MSG = 2013
_MOST_BYTES = 1 << 16
_MECHANISMS: Final = ("SCRAM-SHA-256", "SCRAM-SHA-1")
_BAD_VALUE, _FAILED, _UNAVAILABLE = 2, 18, 334


def log_in(wire: Wire, login: Login) -> Verdict:
    """Logs in, and says what came of it. Raises NoLoginError, or OSError as the wire does."""
    options = dict(parse_qsl(login.options))
    mechanism = options.get("authMechanism", "")
    if mechanism and mechanism not in _MECHANISMS:
        raise NoLoginError("no-check", "the URL asks for another kind of login than by a password")
    if wire.wants_tls:
        wire.secured()
    database = options.get("authSource") or login.database or "admin"
    asked: dict[str, Any] = {"isMaster": 1, "saslSupportedMechs": f"{database}.{login.user}", "$db": "admin"}
    told = _ask(wire, asked).get("saslSupportedMechs")
    known = [one for one in _MECHANISMS if isinstance(told, list) and one in told]
    verdict = unknown("not-described")
    for name in [mechanism] if mechanism else known or _MECHANISMS:
        tried = _try(wire, login, database, name)
        if tried is not None and tried.status == ACTIVE:
            return tried
        verdict = tried or verdict
    return verdict


def _try(wire: Wire, login: Login, database: str, mechanism: str) -> Verdict | None:
    """One mechanism; None when the server does not have it."""
    scram = _scram(login, mechanism)
    begin = {"saslStart": 1, "mechanism": mechanism, "payload": scram.first(), "options": {"skipEmptyExchange": True}}
    first = _ask(wire, {**begin, "$db": database})
    if first.get("ok") != 1:
        return _refused(first)
    try:
        proof = scram.final(_payload(first))
    except ScramError as error:
        raise NoLoginError("not-described", str(error)) from error
    conversation = first.get("conversationId")
    if not isinstance(conversation, int) or not -(2**31) <= conversation < 2**31:
        raise NoLoginError("not-described")
    last = _ask(wire, {"saslContinue": 1, "conversationId": conversation, "payload": proof, "$db": database})
    if last.get("ok") != 1:
        return _refused(last)
    if not scram.proven(_payload(last)):
        raise NoLoginError("not-described", "the server did not prove that it knows the password")
    return Verdict(ACTIVE, "accepted", detail=PROVEN)


def _scram(login: Login, mechanism: str) -> Scram:
    if mechanism == "SCRAM-SHA-256":
        return Scram(login.password, user=login.user)
    # The older mechanism proves a digest in the password's place.
    digest = hashlib.md5(f"{login.user}:mongo:{login.password}".encode(), usedforsecurity=False).hexdigest()
    return Scram(digest, user=login.user, algorithm="sha1")


def _refused(told: Mapping[str, Any]) -> Verdict | None:
    if told.get("code") == _FAILED and told.get("ok") == 0:
        return Verdict(INACTIVE, "invalid")
    return None if told.get("code") in (_BAD_VALUE, _UNAVAILABLE) else unknown("not-described")


def _payload(told: Mapping[str, Any]) -> bytes:
    found = told.get("payload")
    if not isinstance(found, bytes):
        raise NoLoginError("not-described")
    return found


def _ask(wire: Wire, command: Mapping[str, Any]) -> dict[str, Any]:
    body = b"\0\0\0\0\0" + bson.encode(command)
    wire.write(struct.pack("<iiii", len(body) + 16, 1, 0, _OP_MSG) + body)
    size, _, _, kind = struct.unpack("<iiii", wire.read(16))
    if kind != _OP_MSG or not 21 <= size <= _MOST_BYTES:
        raise NoLoginError("not-described", "the server does not talk like MongoDB")
    reply = wire.read(size - 16)
    flags = struct.unpack("<I", reply[:4])[0]
    # A checksum may follow; a reply in more than one section is none to a login.
    content = reply[5:-4] if flags & 1 else reply[5:]
    try:
        if reply[4]:
            raise ValueError
        return bson.decode(content)
    except ValueError:
        raise NoLoginError("not-described", "the server does not talk like MongoDB") from None


__all__ = ["log_in"]
