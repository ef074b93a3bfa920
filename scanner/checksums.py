"""The checksums of key formats: what a key's own last characters say of the rest of it.

Each is public; a key whose checksum is wrong cannot be a live one. Pure functions on bytes.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Checksum:
    """A format's own checksum: the last `width` bytes of the key are what `of(key)` says they should be."""

    width: int
    of: Callable[[bytes], bytes]
    about: str


_DIGITS = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _in_base(number: int, base: int, width: int) -> bytes:
    out = bytearray()
    while number:
        number, digit = divmod(number, base)
        out.append(_DIGITS[digit])
    return bytes(reversed(out)).rjust(width, b"0")


def _github(key: bytes) -> bytes:
    """CRC32 of the random part, base 62, padded with zeros to six characters
    (https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/).
    npm uses the same form."""
    body = key[:-6].rsplit(b"_", 1)[-1]
    return _in_base(zlib.crc32(body), 62, 6)


def _gitlab(key: bytes) -> bytes:
    """CRC32 of all before it, base 36 in lower case, padded to seven characters
    (https://handbook.gitlab.com/handbook/engineering/architecture/design-documents/cells/routable_tokens/)."""
    return _in_base(zlib.crc32(key[:-7]), 36, 7).lower()


def _grafana(key: bytes) -> bytes:
    """The last eight characters of a `glsa_` token: CRC32, its bytes in little-endian order, in hexadecimal
    (https://github.com/grafana/grafana, package satokengen)."""
    return zlib.crc32(key[:-9]).to_bytes(4, "little").hex().encode()


CHECKSUMS: dict[str, Checksum] = {
    "github": Checksum(6, _github, "CRC32 of the random part in base 62, the key's last six characters"),
    "gitlab": Checksum(7, _gitlab, "CRC32 of all before it in base 36, the last seven characters of a routable token"),
    "grafana": Checksum(8, _grafana, "CRC32 of all before the last underscore, eight hexadecimal digits"),
    "atlassian": Checksum(8, lambda key: b"%08X" % zlib.crc32(key[:-8]), "CRC32 of all before the last eight digits"),
}


def unpad(value: bytes) -> bytes | None:
    """Decodes base64 of either alphabet, padded or not; None when it is none."""
    text = value.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


_BASE58 = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_LONGEST58 = 256  # a longer number costs more than linear time to read, and no format has one


def is_base58check(text: bytes) -> bool:
    """Whether the text is base 58 of some bytes and the first four of their double SHA-256."""
    from hashlib import sha256  # noqa: PLC0415 - only where a rule asks for it

    number = 0
    for digit in text[:_LONGEST58]:
        value = _BASE58.find(digit)
        if value < 0:
            return False
        number = number * 58 + value
    zeros = len(text) - len(text.lstrip(b"1"))
    plain = b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8)
    held = sha256(sha256(plain[:-4]).digest()).digest()[:4]
    return len(plain) > 4 and len(text) <= _LONGEST58 and plain[-4:] == held


def base58check(plain: bytes) -> bytes:
    """The bytes as Base58Check."""
    from hashlib import sha256  # noqa: PLC0415 - as above

    whole = plain + sha256(sha256(plain).digest()).digest()[:4]
    number, out = int.from_bytes(whole), bytearray()
    while number:
        number, digit = divmod(number, 58)
        out.append(_BASE58[digit])
    return b"1" * (len(whole) - len(whole.lstrip(b"\0"))) + bytes(reversed(out))


def is_luhn(text: bytes) -> bool:
    """Whether the digits of the text (spaces and dashes between do not count) end with their Luhn check digit."""
    digits = [digit - 48 for digit in text.translate(None, b" -")]
    if len(digits) < 2 or not all(0 <= digit <= 9 for digit in digits):
        return False
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return (sum(doubled) + sum(digits[-1::-2])) % 10 == 0


_END, _LOCATION, _IDENTIFIER, _VERIFIER, _SIGNATURE = 0, 1, 2, 4, 6


def is_macaroon(plain: bytes) -> bool:
    """Whether the bytes are a macaroon of version 2: fields (type, length, data) in sections that a zero ends, first
    the location and the identifier, then each caveat, then nothing, then a signature of 32 bytes and no more."""
    if plain[:1] != b"\2":
        return False
    at, signed = 1, False
    seen: list[int] = []
    sections: list[list[int]] = []
    while at < len(plain):
        kind = plain[at]
        if kind == _END:
            sections.append(seen)
            at, seen = at + 1, []
            continue
        length, start = _varint(plain, at + 1)
        if kind not in (_LOCATION, _IDENTIFIER, _VERIFIER, _SIGNATURE) or start + length > len(plain) or signed:
            return False
        signed = kind == _SIGNATURE
        if signed and (length != 32 or seen or sections[1:][-1:] != [[]]):
            return False
        seen.append(kind)
        at = start + length
    return signed and _IDENTIFIER in sections[0]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of at most three bytes, seven bits each, and where it ends; a larger one does not fit anywhere."""
    number = 0
    for place in range(3):
        byte = data[at + place] if at + place < len(data) else 0x80
        number |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return number, at + place + 1
    return 1 << 30, at


def macaroon(location: bytes, identifier: bytes, signature: bytes) -> bytes:
    """A macaroon of version 2 without caveats. Location and identifier have fewer than 128 bytes, the signature 32."""
    fields = ((_LOCATION, location), (_IDENTIFIER, identifier))
    head = b"".join(bytes([kind, len(data)]) + data for kind, data in fields)
    return b"\2" + head + b"\0\0" + bytes([_SIGNATURE, len(signature)]) + signature


__all__ = [
    "CHECKSUMS", "Checksum", "base58check", "is_base58check", "is_luhn", "is_macaroon", "macaroon", "unpad",
]  # fmt: skip
