"""Keys that were made by keysweep, told apart from real ones.

`keysweep rules fake` makes keys of the right shape for tests and documents. Where the format has room (a run of 16 free
characters or more), the last eight of that run are not random but a hash of what stands before them, written in the
run's own alphabet: the scanner recognises them, and a real key looks like that once in 10^8 (digits) to 10^14
(letters and digits) times.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from scanner.checksums import CHECKSUMS
from scanner.rule import Rule

if TYPE_CHECKING:
    from scanner.pattern import Tail

MARK = 8
_PERSON = b"keysweep fake"


@lru_cache(maxsize=4096)
def _tail(text: str) -> Tail | None:
    from scanner.pattern import shape  # noqa: PLC0415 - needed for a confirmed key only, and 5 ms to import

    return shape(text).tail


def _place(rule: Rule, secret_end: int) -> tuple[int, int, bytes] | None:
    """Where in the key the mark stands, and its alphabet; None when the format has no room."""
    tail = _tail(rule.pattern)
    if tail is None:
        return None
    width = next((CHECKSUMS[str(value)].width for name, value in rule.checks if name == "checksum"), 0)
    if tail.least - width < 2 * MARK:
        return None
    end = secret_end - tail.after - width
    return end - MARK, end, tail.alphabet


def _mark(body: bytes, alphabet: bytes) -> bytes:
    import hashlib  # noqa: PLC0415 - as above

    number = int.from_bytes(hashlib.blake2b(body, digest_size=32, person=_PERSON).digest())
    out = bytearray()
    for _ in range(MARK):
        number, digit = divmod(number, len(alphabet))
        out.append(alphabet[digit])
    return bytes(out)


def stamp(rule: Rule, key: bytes, secret_start: int, secret_end: int) -> bytes:
    """The key with the mark in it, of the same length; unchanged when the format has no room."""
    place = _place(rule, secret_end)
    if place is None or place[0] < secret_start:
        return key
    start, end, alphabet = place
    return key[:start] + _mark(key[:start], alphabet) + key[end:]


def is_synthetic(rule: Rule, key: bytes, secret_start: int, secret_end: int) -> bool:
    """Whether the key carries the mark."""
    place = _place(rule, secret_end)
    if place is None or place[0] < secret_start:
        return False
    start, end, alphabet = place
    return key[start:end] == _mark(key[:start], alphabet)
