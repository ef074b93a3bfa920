"""Does a value look drawn at random, or written by a person?

Shannon entropy cannot tell `getUserAccountByExternalId` from a key: both use many different characters. What
tells them apart is the order of the characters. So a value is priced twice, in bits: once by a small model of
the words, identifiers and paths of source code (which letter follows which, how often letters, capitals,
digits and separators change), and once as characters drawn evenly from the narrowest usual alphabet that
holds them (hexadecimal, base 32, base 62 …). What is cheaper explains the value better.

The model is a table of letter pairs, counted once over the distinct identifiers and words of some millions of
lines of Python, C and prose, in half bits. Standard library only, no state, the same answer everywhere.
"""

from __future__ import annotations

from math import log2
from string import ascii_letters, ascii_lowercase, ascii_uppercase, digits

__all__ = ["looks_random", "score"]

LEAST_BITS = 12.0
"""How much cheaper, in bits, the random explanation must be. At 12, more than 99 of 100 random strings of 16
characters pass, in every alphabet but lower-case letters alone (96), and about 1 of 100 words of 8 or more that
Python packages hold, most of which are hexadecimal numbers."""

LEAST_LENGTH = 8
"""Below this many bytes nothing can be told."""

# Row: the letter before (a … z, last row: none, or the first of a new word). Column: the letter. Value: half
# bits of surprise, a = 0.
_PAIRS = (
    "pkiisokukwngihrjwghflmpnns" "fnjniqptiisgopijvkjogvtuiq" "hrnphprhlzhhnseptjngkptuoy" "hlojdnpsfsuiqqhpvkjmirtsnx"
    "jpjinlntqxshkhplnffhrnnjnu" "hsmmihouewvippfpwhlkiwrxnz" "krnpdqkkhzujnjlqzihljpswsq" "erqneqrthyrmnqfrxjnikutwpu"
    "mlijkmjxrvrhjehkvkhgvmzmzl" "hrnqdqtqkqlqrsglqrgqgtrspv" "jqnncqkqgtsirlonqnhomokuop" "hopkegsugyrhsrgnzrkjksuzlu"
    "flqmesuuizrljqggzrjmkwyymz" "hriggkgojunnrliovriflluvqx" "mlihrmluoumjifkizgjjimkots" "fsomfpsojzphqrhiuglhlqrxiz"
    "pppqprsqqwshrnroojlsbuqutt" "hqlleokthznnllgozjiilmqxlz" "lulqesokiynmprkkqqidjspvlx" "hrmndovhgzrnnrinzhjklrqpks"
    "ljlnhllwkzvgifoizghgrvwqzw" "eqptcprthywrormqxqoqvrruww" "fsomipskewtmpihqtgjpstkqwv" "jognhmspivunkrogvpndqrtikr"
    "onknknqrluskjhneunffrnkqmn" "jtpncnuqfuvmloinsmkpptuqli" "ikhjjjlljrojjkkiqigglnlosp"
)  # fmt: skip

_LOWER, _UPPER, _DIGIT, _OTHER, _START = range(5)
_STEPS = (
    (0.0, 5.5, 7.5, 3.0),
    (1.5, 0.5, 7.5, 3.5),
    (3.5, 5.5, 0.5, 2.5),
    (0.5, 3.5, 6.0, 3.5),
    (0.5, 2.5, 7.0, 3.5),
)
"""Bits for going from one class of character (row) to the next (column)."""

_SEPARATORS = {ord("_"): 1.5, ord("-"): 2.0, ord("."): 1.5, ord("/"): 2.0, ord(" "): 1.5}
_OTHER_BITS = 6.0
_DIGIT_BITS = log2(10)
_NO_LETTER = 26

_ALPHABETS = tuple(
    (frozenset(characters.encode()), log2(len(characters)))
    for characters in (
        digits,
        digits + "abcdef",
        digits + "ABCDEF",
        ascii_lowercase,
        ascii_uppercase,
        ascii_uppercase + "234567",
        ascii_lowercase + digits,
        ascii_uppercase + digits,
        ascii_letters,
        ascii_letters + digits,
        ascii_letters + digits + "-_",
        ascii_letters + digits + "+/=",
        ascii_letters + digits + "-_.~+/=",
    )
)
_PRINTABLE_BITS = log2(94)


def looks_random(value: bytes) -> bool:
    """True when randomness explains the value clearly better than words do.

    False for words, identifiers in any spelling, paths, numbers, and for all that is too short to tell.
    """
    if len(value) < LEAST_LENGTH or value.isdigit():
        return False
    return _advantage(value) >= LEAST_BITS


def score(value: bytes) -> float:
    """Bits a character by which randomness explains the value better than words: above 0 more random."""
    return _advantage(value) / len(value) if value else 0.0


def _advantage(value: bytes) -> float:
    return _written_bits(value) - _drawn_bits(value)


def _drawn_bits(value: bytes) -> float:
    """The price of the value as independent draws from the narrowest alphabet that holds it."""
    used = frozenset(value)
    bits_each = next((bits for characters, bits in _ALPHABETS if used <= characters), _PRINTABLE_BITS)
    return bits_each * len(value)


def _written_bits(value: bytes) -> float:
    """The price of the value as words, identifiers and numbers, written by a person."""
    total = 0.0
    before, letter = _START, _NO_LETTER
    for byte in value:
        kind = _class(byte)
        total += _STEPS[before][kind]
        if kind <= _UPPER:
            new_word = kind == _UPPER and before == _LOWER
            row = _NO_LETTER if new_word else letter
            letter = (byte | 0x20) - 97
            total += (ord(_PAIRS[row * 26 + letter]) - 97) / 2
        else:
            letter = _NO_LETTER
            total += _DIGIT_BITS if kind == _DIGIT else _SEPARATORS.get(byte, _OTHER_BITS)
        before = kind
    return total


def _class(byte: int) -> int:
    if 97 <= byte <= 122:
        return _LOWER
    if 65 <= byte <= 90:
        return _UPPER
    return _DIGIT if 48 <= byte <= 57 else _OTHER
