"""Judging a candidate: pure predicates on bytes, listed by name.

A check sees the secret, the whole key and a little of what stands around it. It answers "" when the candidate
passes, or the reason why it is no leak, in words for `keysweep explain`. Reasons never quote the secret.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from scanner.checksums import CHECKSUMS, is_base58check, is_luhn, is_macaroon, unpad


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a check may look at: the secret, the key (public part and secret), and the text before and after."""

    secret: bytes
    key: bytes
    before: bytes = b""
    after: bytes = b""


Check = Callable[[Candidate], str]


def entropy(value: bytes) -> float:
    """Shannon entropy in bits per byte: 0.0 for nothing or one repeated byte, at most 8.0."""
    if not value:
        return 0.0
    total = len(value)
    return -sum(count / total * math.log2(count / total) for count in Counter(value).values())


@lru_cache(maxsize=4096)
def _least_entropy(size: int, different: int) -> float:
    """The least that a value of so many bytes, so many of them different, can have: all but one stand there once."""
    often = size - different + 1
    return entropy(bytes(often) + bytes(range(1, different))) - 1e-9 if size else 0.0


# --- on for every rule -------------------------------------------------------------------------------------

_WORDS = re.compile(
    rb"(?i)example|placeholder|change.?me|replace.?(?:me|this|with)|insert.?(?:your|here|key|token)|redacted"
    rb"|(?:^|[^a-z])(?:your|my|some|the)[_\-. ]?[a-z]{0,12}[_\-. ]?(?:key|token|secret|password|api|id|value|here)"
    rb"|(?:^|[_\-. ])(?:your|dummy|sample|fake|foobar|todo|fixme|here|goes|demo)(?:$|[_\-. ])"
    rb"|dummy.?(?:key|token|secret|value)|fake.?(?:key|token|secret|value)|(?:not|no)[_\-]a?[_\-]?real|notreal"
    rb"|goes.?here|key.?here|token.?here|secret.?here|lorem.?ipsum|foo.?bar.?baz|invalid"
)


def placeholder(candidate: Candidate) -> str:
    """Words that stand for a key: example, your-key, changeme, …"""
    return "it reads like a placeholder" if _WORDS.search(candidate.secret) else ""


_REFERENCE = re.compile(
    rb"^(?:\$|%[A-Za-z_]\w{0,60}%|%\(|%[sdrv]$|\{\{|\{%|\{[A-Za-z_]|<[^>]{1,80}>|<%|#\{|@\{|@[A-Z_][A-Z0-9_]{0,60}@?$|!(?:Ref|Sub|GetAtt|ImportValue|secret|vault|env|include|reference)\b"
    rb"|(?:os\.)?environ\b|os\.getenv|process\.env|import\.meta|getenv|ENV\[|env\(|System\.getenv|secrets?[.\[]"
    rb"|var\.|vault:|op://|ref\+|arn:aws:|data\.|local\.|config[.\[]|settings\.|self\.|this\.|params[.\[]|args\.)"
)
_INSIDE = re.compile(
    rb"\$\{[^}]{1,120}\}|\$\([^)]{1,120}\)|\{\{[^}]{0,120}\}\}|<[A-Za-z][\w .-]{1,60}>|%\([A-Za-z_]\w{0,60}\)s"
)


def reference(candidate: Candidate) -> str:
    """A value that names where the secret is kept: `$X`, `${{ secrets.X }}`, `{{ x }}`, `os.environ[…]`, `<token>`."""
    found = _REFERENCE.match(candidate.secret) or _INSIDE.search(candidate.secret)
    around = candidate.before.endswith((b"${", b"{{", b"$(", b"%(", b"<%=")) or (
        candidate.before.endswith(b"<") and candidate.after.startswith(b">")
    )
    return "it is a reference to a value kept elsewhere" if found or around else ""


_RUN = re.compile(rb"(.)\1{5,}", re.DOTALL)
_CYCLE = re.compile(rb"^(.{1,6})\1{2,}.{0,5}$", re.DOTALL)


def repetition(candidate: Candidate) -> str:
    """Repeated or sequential characters: xxxxxxxx, abababab, 12345678, abcdefgh."""
    secret = candidate.secret
    run = _RUN.search(secret)
    if (run and len(run.group()) * 4 >= len(secret)) or (len(secret) <= 512 and _CYCLE.match(secret)):
        return "its characters repeat"
    if len(set(secret)) <= 3 and len(secret) >= 8:
        return "it has hardly any different characters"
    if sequential(secret) * 2 >= len(secret) > 0:
        return "its characters are a sequence"
    return ""


def sequential(value: bytes) -> int:
    """How many bytes of the value stand in rising or falling runs of six or more (1234567, abcdef, …)."""
    if not any(-2 < left - right < 2 for left, right in zip(value[::5], value[1::5], strict=False)):
        return 0  # five neighbours in a row have one that is looked at
    total = step = 0
    run = 1
    for left, right in pairwise(value):
        if right - left == step and step in (1, -1):
            run += 1
            continue
        total += run if run >= 6 else 0
        step, run = (right - left, 2) if right - left in (1, -1) else (0, 1)
    return total + (run if run >= 6 else 0)


def truncation(candidate: Candidate) -> str:
    """A key that was cut or masked by its writer: `abcd...`, `abcd…`, `abcd****`."""
    cut = cut_behind(candidate.after) is not None
    inside = b"..." in candidate.secret or b"***" in candidate.secret or b"\xe2\x80\xa6" in candidate.secret
    return "it was cut or masked where it was written" if cut or inside else ""


cut_behind = re.compile(
    rb"[:._/\-]?(?:\.\.\.|\xe2\x80\xa6|\*\*\*|\xe2\x80\xa2\xe2\x80\xa2|\[\.\.\.\]|\\u2026|&hellip;)|[!-~]{0,8}\*{8}"
).match
"""Behind a key: a sign that it was cut or masked by its writer."""

DEFAULTS: dict[str, Check] = {
    "placeholder": placeholder,
    "reference": reference,
    "repetition": repetition,
    "truncation": truncation,
}

# --- asked for by a rule -----------------------------------------------------------------------------------


def least_entropy(bits: float) -> Check:
    """The secret has at least `bits` bits of Shannon entropy a character."""

    def check(candidate: Candidate) -> str:
        if _least_entropy(len(candidate.secret), len(set(candidate.secret))) > bits:
            return ""
        found = entropy(candidate.secret)
        return f"its entropy is {found:.2f}, less than {bits:g} bits a character" if found < bits else ""

    return check


_CLASSES: dict[str, re.Pattern[bytes]] = {
    "digit": re.compile(rb"[0-9]"),
    "upper": re.compile(rb"[A-Z]"),
    "lower": re.compile(rb"[a-z]"),
    "letter": re.compile(rb"[A-Za-z]"),
    "symbol": re.compile(rb"[^A-Za-z0-9]"),
    "other": re.compile(rb"[^A-Za-z_.\-/]"),
}


def members(name: str) -> frozenset[int]:
    """The bytes of a class that `needs` names."""
    return frozenset(value for value in range(256) if _CLASSES[name].match(bytes([value])))


def needs(classes: tuple[str, ...]) -> Check:
    """The secret has at least one character of each named class."""

    def check(candidate: Candidate) -> str:
        missing = [name for name in classes if not _CLASSES[name].search(candidate.secret)]
        return f"it has no {missing[0]}" if missing else ""

    return check


_KINDS: dict[str, re.Pattern[bytes]] = {
    "uuid": re.compile(rb"(?i)[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"),
    "hex": re.compile(rb"(?i)(?:0x)?[0-9a-f]{6,}"),
    "path": re.compile(
        rb"(?:[A-Za-z]:\\|~/|\.{1,2}/|/).*|[\w.@-]+(?:/[\w.@-]+)+\.\w{1,5}|(?:[\w.@-]{1,40}/){2,}[\w.@-]*", re.DOTALL
    ),
    "identifier": re.compile(
        rb"[A-Za-z_]+(?:[._:-]{1,2}[A-Za-z_]+)*(?:\(\)?|\[\]?)?|[a-z]+(?:[A-Z][a-z]+)+[0-9]{0,2}|[A-Z]+(?:_[A-Z0-9]+)+"
        rb"|(?:[A-Za-z]{2,}[0-9]{0,2}[._-])+[A-Za-z]{2,}[0-9]{0,2}"
    ),
    "url": re.compile(rb"(?i)[a-z][a-z0-9+.-]{1,20}://.*|www\..*", re.DOTALL),
    "email": re.compile(rb"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}"),
    "number": re.compile(rb"[+-]?[0-9][0-9.,_eE+-]*"),
    "date": re.compile(rb"[12][0-9]{3}-?[01][0-9]-?[0-3][0-9](?:[T ].*)?|[0-3]?[0-9][./][01]?[0-9][./][12][0-9]{3}"),
    "word": re.compile(rb"[A-Z]?[a-z]+|[A-Z]+"),
}


def reject(kinds: tuple[str, ...]) -> Check:
    """The whole secret is none of the named kinds of harmless value."""

    def check(candidate: Candidate) -> str:
        hit = next((name for name in kinds if _KINDS[name].fullmatch(candidate.secret)), "")
        return f"it looks like: {hit}" if hit else ""

    return check


def checksum(name: str) -> Check:
    """The key's own checksum holds."""
    kind = CHECKSUMS[name]

    def check(candidate: Candidate) -> str:
        return "" if candidate.key[-kind.width :] == kind.of(candidate.key) else f"its checksum ({name}) is wrong"

    return check


def is_base64(candidate: Candidate) -> str:
    """The secret decodes as base64."""
    return "it does not decode as base64" if unpad(candidate.secret) is None else ""


def is_jwt(candidate: Candidate) -> str:
    """The key is a JSON Web Token: header and payload are JSON objects, the header names an algorithm (RFC 7519)."""
    parts = candidate.key.split(b".")
    try:
        header, payload = (json.loads(unpad(part) or b"") for part in parts[:2])
    except (ValueError, RecursionError):
        return "it is no JSON Web Token: header or payload are no JSON"
    if not isinstance(header, dict) or not isinstance(payload, dict) or "alg" not in header:
        return "it is no JSON Web Token: the header names no algorithm"
    return ""


def base58check(candidate: Candidate) -> str:
    """The secret is Base58Check: base 58, the last four bytes of which are a double SHA-256 of the rest (Bitcoin)."""
    return "" if is_base58check(candidate.secret) else "its Base58Check checksum is wrong"


def luhn(candidate: Candidate) -> str:
    """The secret's digits pass the Luhn check (ISO/IEC 7812): card numbers."""
    return "" if is_luhn(candidate.secret) else "its check digit (Luhn) is wrong"


def macaroon(candidate: Candidate) -> str:
    """The secret, or the key, is a macaroon of version 2 in base64: packets with a location, an identifier and a
    signature of 32 bytes (libmacaroons)."""
    held = any(is_macaroon(unpad(text) or b"") for text in (candidate.secret, candidate.key))
    return "" if held else "it is no macaroon: its packets do not add up"


def is_random(candidate: Candidate) -> str:
    """The secret looks drawn at random, not written by a person."""
    from scanner.randomness import looks_random  # noqa: PLC0415 - its table is loaded only where a rule asks for it

    return "" if looks_random(candidate.secret) else "it reads like words or a name, not like a random value"


SCORES = ("argument", "header", "key", "password", "secret")
"""What `score` can judge a value as."""


def build(name: str, value: object) -> Check | None:
    """The check that a rule file asks for with `name: value`; None for one switched off.

    Raises ValueError with a reason when there is no such check or the value makes no sense.
    """
    if name in DEFAULTS:
        if not isinstance(value, bool):
            raise ValueError(f"check '{name}' takes true or false")
        return DEFAULTS[name] if value else None
    if name == "entropy":
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 8:
            raise ValueError("check 'entropy' takes a number of bits between 0 and 8")
        return least_entropy(float(value))
    if name in _FLAGS:
        if not isinstance(value, bool):
            raise ValueError(f"check '{name}' takes true or false")
        return _FLAGS[name] if value else None
    if name in _LISTS:
        maker, known = _LISTS[name]
        return maker(_names(name, value, known))
    if name == "score":
        if value not in SCORES:
            raise ValueError(f"check 'score' judges one of: {', '.join(SCORES)}")
        return None  # it needs the value's name, file and surroundings: the probe asks for it
    if name == "checksum":
        return checksum(_names(name, [value], CHECKSUMS)[0])
    raise ValueError(f"there is no check '{name}'; there are: {', '.join(sorted(NAMES))}")


_FLAGS: dict[str, Check] = {
    "base64": is_base64,
    "base58check": base58check,
    "jwt": is_jwt,
    "luhn": luhn,
    "macaroon": macaroon,
    "random": is_random,
}
_LISTS: dict[str, tuple[Callable[[tuple[str, ...]], Check], object]] = {
    "needs": (needs, _CLASSES),
    "reject": (reject, _KINDS),
}
NAMES = frozenset({*DEFAULTS, *_FLAGS, *_LISTS, "entropy", "checksum", "score"})


def _names(check: str, value: object, known: object) -> tuple[str, ...]:
    allowed = set(known) if isinstance(known, dict) else set()
    if not isinstance(value, list | tuple) or not value:
        raise ValueError(f"check '{check}' takes a list of: {', '.join(sorted(allowed))}")
    for item in value:
        if item not in allowed:
            raise ValueError(f"check '{check}' does not know '{item}'; it knows: {', '.join(sorted(allowed))}")
    return tuple(value)
