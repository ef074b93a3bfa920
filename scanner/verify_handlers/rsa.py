"""An RSA private key as files of JSON and PEM hold it, and its signature (PKCS #1 v1.5 with SHA-256), to ask with.

Python's own `pow` does the arithmetic. It takes a time that depends on the key, which would matter for a service that
signs for strangers; here a leaked key signs one question about itself.
References: https://www.rfc-editor.org/rfc/rfc8017#section-8.2, https://www.rfc-editor.org/rfc/rfc5208#section-5
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass, field

_FROM_BITS, _TO_BITS = 1024, 8192
_SHA256 = bytes.fromhex("3031300d060960864801650304020105000420")  # DigestInfo in front of a SHA-256 (RFC 8017, 9.2)
_INTEGER, _OCTETS, _SEQUENCE = 0x02, 0x04, 0x30


class NotAKeyError(ValueError):
    """The text is no RSA private key. Quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """Modulus and exponents."""

    modulus: int = field(repr=False)
    public: int = field(repr=False)
    private: int = field(repr=False)

    @classmethod
    def read(cls, text: str) -> PrivateKey:
        """From PEM (PKCS #8 or PKCS #1), its line ends written as they are, as `\\n`, or missing; the last line may be
        missing, too. Raises NotAKeyError."""
        inner = re.sub(r"-----[A-Z ]{1,40}-----|\\+[nr]|\s", "", text)
        try:
            der = base64.b64decode(inner, validate=True)
        except (binascii.Error, ValueError):
            raise NotAKeyError("the private key is not base64") from None
        try:
            numbers = _rsa(der)
        except (IndexError, ValueError):
            raise NotAKeyError("it is no RSA private key") from None
        key = cls(*numbers)
        bits = key.modulus.bit_length()
        if not _FROM_BITS <= bits <= _TO_BITS or key.private.bit_length() > bits or key.public.bit_length() > 64:
            raise NotAKeyError("it is no RSA private key of a usual size")
        return key

    def sign_sha256(self, message: bytes) -> bytes:
        """The signature of a message, as long as the modulus."""
        size = (self.modulus.bit_length() + 7) // 8
        told = _SHA256 + hashlib.sha256(message).digest()
        padded = b"\0\1" + b"\xff" * (size - len(told) - 3) + b"\0" + told
        return pow(int.from_bytes(padded, "big"), self.private, self.modulus).to_bytes(size, "big")


def _rsa(der: bytes) -> tuple[int, int, int]:
    """Modulus, public and private exponent of a PKCS #8 or PKCS #1 structure."""
    fields = _fields(_one(der, _SEQUENCE))
    if fields[1][0] == _SEQUENCE:  # PKCS #8: version, algorithm, the PKCS #1 structure as octets
        if fields[2][0] != _OCTETS:
            raise ValueError
        fields = _fields(_one(fields[2][1], _SEQUENCE))
    numbers = [int.from_bytes(value, "big") for tag, value in fields[:4] if tag == _INTEGER]
    if len(numbers) != 4 or min(numbers[1:]) <= 0:
        raise ValueError
    return numbers[1], numbers[2], numbers[3]


def _one(der: bytes, tag: int) -> bytes:
    found, value, _ = _read(der, 0)
    if found != tag:
        raise ValueError
    return value


def _fields(der: bytes) -> list[tuple[int, bytes]]:
    found: list[tuple[int, bytes]] = []
    at = 0
    while at < len(der):
        tag, value, at = _read(der, at)
        found.append((tag, value))
    return found


def _read(der: bytes, at: int) -> tuple[int, bytes, int]:
    """The element at a place: its tag, its content, and where the next begins. Raises IndexError or ValueError."""
    tag, size = der[at], der[at + 1]
    at += 2
    if size & 0x80:
        count = size & 0x7F
        if not 1 <= count <= 3:
            raise ValueError
        size = int.from_bytes(der[at : at + count], "big")
        at += count
    if at + size > len(der):
        raise ValueError
    return tag, der[at : at + size], at + size


__all__ = ["NotAKeyError", "PrivateKey"]
