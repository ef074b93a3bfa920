"""Whether a keyword is worth a look at its line: most stand in ordinary words, and a log is full of them.

What is said here may be yes too often, never no: every key that the rules see in a line, or in the line behind it,
has a keyword that is worth a look.
"""

from __future__ import annotations

import re
from functools import lru_cache

from scanner.naming import LOOK_BACK, stands_as_word
from scanner.pattern.unfinished import may_cross, unfinished
from scanner.probe import LINE_REACH, NEXT_REACH, Probe
from scanner.rule import Keyword
from scanner.tables import Owners

NEXT = LINE_REACH + NEXT_REACH
"""So far behind a context word its value may stand."""

BROAD = "generic"
"""The provider of rules whose values look like any word."""

FAR = 256
"""A match that has only begun is looked for so far before a keyword."""


class Worth:
    """One keyword of one or many rules."""

    def __init__(self, text: bytes, owners: Owners) -> None:
        self._text = text
        self._contexts = [owner for owner in owners if owner[0].rule.context]
        self._crossing: list[tuple[Probe, Keyword]] = []
        self._moving: list[tuple[re.Pattern[bytes], Keyword, int, bool]] = []
        fixed: dict[int, list[str]] = {}
        for probe, keyword in owners:
            rule = probe.rule
            if rule.context:
                continue
            if may_cross(rule.pattern) and unfinished(rule.pattern).crosses:
                self._crossing.append((probe, keyword))
            if keyword.low == keyword.high:
                fixed.setdefault(keyword.low, []).append(_unnamed(rule.pattern))
            else:
                pattern = re.compile(_unnamed(rule.pattern).encode("ascii"))
                self._moving.append((pattern, keyword, len(text) + rule.most + 1, _head_crosses(rule.pattern, text)))
        self._fixed = [(low, re.compile("|".join(texts).encode("ascii"))) for low, texts in fixed.items()]
        values = dict.fromkeys(_unnamed(probe.rule.pattern) for probe, _ in self._contexts)
        self._values = re.compile("|".join(values).encode("ascii")) if values else None
        broad = [probe for probe, _ in self._contexts if probe.rule.provider == BROAD]
        self._given = None
        if broad and len(broad) == len(self._contexts):  # nearly every word is a value of theirs
            words = frozenset(word for probe in broad for word in _words(probe))
            self._given = _given(words, min(_least(probe) for probe in broad))

    def __call__(self, data: bytes, at: int, end: int) -> bool:
        """Whether the keyword at `at` could make something secret; whole lines are known as far as `end`."""
        for low, pattern in self._fixed:
            if at >= low and pattern.match(data, at - low) is not None:
                return True
        for pattern, keyword, most, crosses in self._moving:
            low = max(0, at - keyword.high)
            low = low if crosses else max(low, data.rfind(b"\n", low, at) + 1)
            if pattern.search(data, low, at + most) is not None:
                return True
        if self._crossing and self._goes_on(data, at, end):
            return True
        if self._values is None or not stands_as_word(data, at, at + len(self._text)):
            return False
        return self._value_near(data, at, end)

    def _goes_on(self, data: bytes, at: int, end: int) -> bool:
        """Whether a match may have begun that goes on in the next line."""
        line = data.find(b"\n", at, end)
        if line < 0:
            return True
        for probe, keyword in self._crossing:
            low = max(0, at - min(keyword.high, FAR))
            if keyword.low != keyword.high and not _head_crosses(probe.rule.pattern, self._text):
                low = max(low, data.rfind(b"\n", low, at) + 1)
            piece = data[low : line + 1]
            partial = unfinished(probe.rule.pattern)
            if (partial.match(piece, 0) if keyword.low == keyword.high else partial.search(piece, 0)) is not None:
                return True
        return False

    def _value_near(self, data: bytes, at: int, end: int) -> bool:
        """Whether a value that fits stands on the word's line or the next, given to a name that fits."""
        begin = max(data.rfind(b"\n", max(0, at - LINE_REACH), at) + 1, at - LINE_REACH, 0)
        line = data.find(b"\n", at, end)
        last = data.find(b"\n", line + 1, end) if line >= 0 else -1
        if last < 0 or data[last - 1 : last] in (b"\\", b"\r"):
            if at + NEXT >= end:
                return True
            last = at + NEXT
        assert self._values is not None  # noqa: S101 - for the type checker: the caller asked
        last = min(last, at + NEXT) + 1
        if self._values.search(data, begin, last) is None:
            return False
        if self._given is not None and self._given.search(data, max(0, begin - LOOK_BACK), last) is None:
            return False
        return any(
            next(probe.attempts(data, keyword, at, {}), None) is not None for probe, keyword in self._contexts
        )


_SECRETISH = (
    "key", "token", "secret", "pass", "pwd", "auth", "cred", "bearer", "private", "signing", "pat", "dsn", "webhook",
    "licen", "session", "cookie", "jwt", "api", "_sk", "connection",
)  # fmt: skip
"""What of a name that sounds secret is in it (see `naming.sounds_secret`)."""

_SCHEMES = "bearer|basic|token|digest|key|bot|api-?key|ssws|geniekey|splunk|oauth"
_EMPTY = "value|val|default|string|content|data|var|const|let|export|env"
_PREFIX = rf"(?:(?:rb|br|[bruf]|str(?:ing)?|bytes|from|{_SCHEMES})[^A-Za-z0-9]{{1,8}}){{0,3}}"
_TYPE = r"(?:\??\s{0,2}:\s{0,2}(?:&|'static |mut |\[|option<|readonly ){0,3}[a-z_][a-z0-9_.\-]{0,80})?"


def _words(probe: Probe) -> list[str]:
    """One of these is in every name whose value the rule takes."""
    return list(probe.rule.names) or [*_SECRETISH, *(keyword.text for keyword in probe.rule.keywords)]


@lru_cache(maxsize=4096)
def _head_crosses(pattern: str, keyword: bytes) -> bool:
    """Whether a match may begin on a line before that of its keyword."""
    head, found, _ = pattern.lower().partition(keyword.decode())
    return not found or may_cross(head)


def _least(probe: Probe) -> int:
    """So many characters of a value stand together at least."""
    return 1 if unfinished(probe.rule.pattern).spaced else min(probe.rule.least, 8)


@lru_cache(maxsize=4096)
def _given(words: frozenset[str], least: int) -> re.Pattern[bytes]:
    """A name with one of the words in it, and as much of an assignment as leads up to a value of some length. Wider
    than what `naming.assigned_name` understands."""
    kept = sorted(word for word in words if not any(other != word and other in word for other in words))
    names = "|".join(map(re.escape, kept))
    text = (
        rf"(?i)(?:(?:{names})[a-z0-9_.\-]{{0,80}}|\b(?:{_EMPTY})){_TYPE}"
        rf"(?:[^a-z0-9]{{1,60}}|[^<>\n]{{0,40}}>\s{{0,4}}){_PREFIX}\S{{{least}}}"
    )
    return re.compile(text.encode("ascii"))


def _unnamed(pattern: str) -> str:
    return "(?:" + re.sub(r"\(\?P<[a-z]+>", "(?:", pattern) + ")"


__all__ = ["BROAD", "FAR", "NEXT", "Worth"]
