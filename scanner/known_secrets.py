"""Secrets that are known beforehand: values of environment variables whose names sound secret, and the caller's own.

They are hidden wherever they stand, whatever their shape: as they are, and as they look in a URL, in JSON and in
base64.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, quote_plus

from scanner.naming import sounds_harmless, sounds_secret
from scanner.prefilter.choice import prefilter

SHORTEST = 6
"""A shorter value is not taken: it would black out ordinary words."""

LONGEST = 16 * 1024
"""A longer value is not taken."""

ENVIRONMENT = "environment-value"
"""What a masked value of the environment is called in reports, in place of a rule."""

GIVEN = "given-value"
"""What a masked value that the caller named is called in reports."""

_TRIVIAL = frozenset(
    b"true false none null nil undefined yes no on off enabled disabled default auto always never required optional"
    b" password passwd secret token apikey api_key api-key changeme change-me example test testing localhost production"
    b" development staging public private basic bearer digest oauth oauth2 anonymous disable prefer require".split()
)
_PATH = re.compile(rb"(?:~|\.{1,2}|[A-Za-z]:)?[/\\][^=]*|(?:[a-z]+:)?//[^@]*|[\w.-]+(?:/[\w.-]+)+\.[a-z]{1,6}")
_ESCAPED = re.compile(rb"%[0-9A-F]{2}")
_NUMBER = re.compile(rb"[+-]?[0-9]{1,7}(?:\.[0-9]+)?")
_NOT_A_KEY = re.compile(
    rb"(?i)(?:^|_)(?:sock|socket|agent_pid|askpass|authority|cookie_file|keymap|keyboard"
    rb"|session_type|session_desktop|session_class|desktop_session|session_manager|xdg_session\w*)$"
)


def from_environment(environment: Mapping[str, str]) -> dict[bytes, str]:
    """The values of variables whose names sound secret, as what they are called in reports."""
    found = {}
    for name, value in environment.items():
        plain = name.encode("utf-8", "surrogateescape")
        if sounds_secret(plain) and not sounds_harmless(plain) and not _NOT_A_KEY.search(plain):
            found[value.encode("utf-8", "surrogateescape")] = ENVIRONMENT
    return found


def worth(value: bytes) -> bool:
    """Whether a value can be told from ordinary text: not short, no number, no path, no common word."""
    text = value.strip()
    if len(text) < SHORTEST or len(value) > LONGEST or len(set(text)) < 3:
        return False
    return text.lower() not in _TRIVIAL and not _PATH.fullmatch(text) and not _NUMBER.fullmatch(text)


def forms(value: bytes) -> list[bytes]:
    """How a value may stand in a text, longest first."""
    text = value.decode("utf-8", "surrogateescape")
    found = {value, value.strip()}
    if value.isascii() or _is_utf8(value):
        found.add(json.dumps(text)[1:-1].encode())
        found.add(json.dumps(text, ensure_ascii=False)[1:-1].encode("utf-8", "surrogateescape"))
        found.add(json.dumps(text).replace("/", "\\/")[1:-1].encode())
    for plain in (value, value.strip()):
        found |= {quote(plain, safe=safe).encode() for safe in ("", "/", "-._~!$&'()*+,;=:@/")}
        found.add(quote_plus(plain).encode())
        found |= {_ESCAPED.sub(lambda hit: hit.group().lower(), form) for form in found if b"%" in form}
        found |= set(_base64(plain))
    return sorted((form for form in found if len(form) >= SHORTEST), key=lambda form: (-len(form), form))


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _base64(value: bytes) -> Iterable[bytes]:
    """What of the value is sure to be in base64 of a text that holds it: that depends on the value's place in the text
    (three ways), and the characters at its ends on its neighbours."""
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + value).rstrip(b"=")
        first = (0, 2, 3)[shift]
        last = len(text) - (1 if (shift + len(value)) % 3 else 0)
        part = text[first:last]
        if len(part) >= SHORTEST + 2:
            yield part
            yield part.replace(b"+", b"-").replace(b"/", b"_")


_SPACE = re.compile(rb"\s")


class KnownSecrets:
    """Secrets known beforehand, in all their forms: where they stand."""

    def __init__(self, known: dict[bytes, str]) -> None:
        table: dict[bytes, str] = {}
        for value, name in known.items():
            for form in forms(value):
                table.setdefault(form, name)
        self._forms = sorted(table.items())
        self._over_lines = [form[: at.end()] for form in table for at in re.finditer(rb"\n", form)]
        self._texts: dict[bytes, list[tuple[bytes, str]]] = {}  # the engine does not tell cases apart
        for form, name in self._forms:
            self._texts.setdefault(form.lower(), []).append((form, name))
        for form in self._over_lines:  # a first line is worth a look
            self._texts.setdefault(form[: form.index(b"\n") + 1].lower(), [])
        self._by_number = list(self._texts.values())
        self._engine = prefilter(list(self._texts), "aho").hits if self._texts else None

    def __bool__(self) -> bool:
        return self._engine is not None

    def signs(self, data: bytes, start: int, end: int) -> Iterable[int]:
        """Where in data[start:end] one of them stands, or the first line of one."""
        return [at for _, at in self._engine(data, start, end)] if self._engine is not None else ()

    def find(self, data: bytes, start: int, end: int) -> list[tuple[int, int, str]]:
        """Where in data[start:end] they stand, and what they are called."""
        if self._engine is None:
            return []
        return sorted(
            (at, at + len(form), name)
            for number, at in self._engine(data, start, end)
            for form, name in self._by_number[number]
            if data.startswith(form, at)
        )

    def place(self, data: bytes, first: int) -> int:
        """Where in data[first:] the first begins that is there, or may be when more comes."""
        found = [at for at, _, _ in self.find(data, first, len(data))]
        for form, _ in self._forms:
            if _SPACE.search(form):
                found += [len(data) - size for size in range(1, len(form)) if data.endswith(form[:size], first)]
        return min(found, default=len(data))

    def begun(self, data: bytes, first: int) -> bool:
        """Whether data[first:] ends, at the end of a line, inside of one."""
        return any(data.endswith(part) for part in self._over_lines)


__all__ = ["ENVIRONMENT", "GIVEN", "LONGEST", "SHORTEST", "KnownSecrets", "forms", "from_environment", "worth"]
