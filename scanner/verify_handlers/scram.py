"""SCRAM with SHA-256 or SHA-1, the client's side: it proves that it knows a password without telling it, and so does
the server.

References: https://www.rfc-editor.org/rfc/rfc5802, https://www.rfc-editor.org/rfc/rfc7677
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import unicodedata
from typing import Final

LEAST_ROUNDS: Final = 4096
"""A server that wants fewer is not answered: who pretends to be one could try passwords on the proof as fast as it
likes. It is what RFC 7677 asks for, and the least that PostgreSQL and MongoDB make by themselves."""

MOST_ROUNDS: Final = 1_000_000
"""A server that wants more rounds than this (each costs time here) is not answered."""


class ScramError(ValueError):
    """The server's message is none of this exchange. Quotes nothing."""


class Scram:
    """One exchange. `first`, then `final` with the server's answer, then `proven` with its last one.

    The user's name is empty where the server knows it already, as with PostgreSQL.
    """

    def __init__(self, password: str, nonce: str = "", *, user: str = "", algorithm: str = "sha256") -> None:
        self._password = (password if password.isascii() else unicodedata.normalize("NFKC", password)).encode()
        self._nonce = nonce or base64.b64encode(secrets.token_bytes(18)).decode()
        self._bare = f"n={user.replace('=', '=3D').replace(',', '=2C')},r={self._nonce}"
        self._algorithm = algorithm
        self._server_key = self._told = b""

    def __repr__(self) -> str:
        return "Scram()"

    def first(self) -> bytes:
        """What the client begins with; no channel binding."""
        return f"n,,{self._bare}".encode()

    def final(self, server_first: bytes) -> bytes:
        """The client's proof. Raises ScramError."""
        fields = _fields(server_first)
        try:
            nonce, salt, rounds = fields["r"], base64.b64decode(fields["s"], validate=True), int(fields["i"])
        except (KeyError, ValueError, binascii.Error):
            raise ScramError("no first message of the server") from None
        fits = LEAST_ROUNDS <= rounds <= MOST_ROUNDS
        if not nonce.startswith(self._nonce) or len(nonce) <= len(self._nonce) or not fits:
            raise ScramError("no first message of the server")
        salted = hashlib.pbkdf2_hmac(self._algorithm, self._password, salt, rounds)
        without_proof = f"c={base64.b64encode(b'n,,').decode()},r={nonce}"
        self._told = b",".join([self._bare.encode(), server_first, without_proof.encode()])
        client_key, self._server_key = (self._hmac(salted, name) for name in (b"Client Key", b"Server Key"))
        stored = hashlib.new(self._algorithm, client_key, usedforsecurity=False).digest()
        signature = self._hmac(stored, self._told)
        proof = bytes(one ^ other for one, other in zip(client_key, signature, strict=True))
        return f"{without_proof},p={base64.b64encode(proof).decode()}".encode()

    def proven(self, server_final: bytes) -> bool:
        """Whether the server's last message shows that it knows the password; never before `final`."""
        if not self._server_key:
            return False
        told = _fields(server_final).get("v", "")
        return hmac.compare_digest(told.encode(), base64.b64encode(self._hmac(self._server_key, self._told)))

    def _hmac(self, key: bytes, message: bytes) -> bytes:
        return hmac.digest(key, message, self._algorithm)


def _fields(message: bytes) -> dict[str, str]:
    pairs = (item.partition("=") for item in message.decode("ascii", "replace").split(","))
    return {name: value for name, sign, value in pairs if sign}


__all__ = ["LEAST_ROUNDS", "MOST_ROUNDS", "Scram", "ScramError"]
