"""Whether a keyword is worth a look at its line: most stand in ordinary words, and a log is full of them.

What is said here may be yes too often, never no: every key that the rules see in a line, or in the line behind it,
has a keyword that is worth a look.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from scanner.checks import Candidate, Check, build
from scanner.naming import assigned_name, stands_as_word
from scanner.own_keys import nothing_new
from scanner.pattern.unfinished import Unfinished, may_cross, unfinished
from scanner.probe import LINE_REACH, NEXT_REACH, Probe, Windows
from scanner.rule import Rule
from scanner.tables import Owners

NEXT = LINE_REACH + NEXT_REACH
"""So far behind a context word its value may stand."""

BROAD = "generic"
"""The provider of rules whose values look like any word."""

FAR = 256
"""A match that has only begun is looked for so far before a keyword."""


def crosses(rule: Rule) -> bool:
    """Whether a match of the rule's pattern can go on behind the end of a line."""
    return may_cross(rule.pattern) and unfinished(rule.pattern).crosses


def spans_lines(rule: Rule) -> bool:
    """Whether a secret of the rule may take up several lines."""
    return may_cross(rule.pattern) and unfinished(rule.pattern).secret_crosses


class Worth:
    """One keyword of one or many rules, of which some must see known keys, too: they stand in their own."""

    def __init__(self, text: bytes, owners: Owners, sees_keys: Callable[[Rule], bool]) -> None:
        self._text = text
        self._whole = [owner for owner in owners if sees_keys(owner[0].rule)]
        self._crossing: list[tuple[Unfinished, int, bool, bool]] = []
        self._moving: list[tuple[re.Pattern[bytes], int, int, bool]] = []
        fixed: dict[int, list[str]] = {}
        for probe, keyword in owners:
            rule = probe.rule
            if rule.context or sees_keys(rule):
                continue
            over = _head_crosses(rule.pattern, text)
            if crosses(rule):
                back = min(keyword.high, FAR)
                self._crossing.append((unfinished(rule.pattern), back, keyword.low == keyword.high, over))
            if keyword.low == keyword.high:
                fixed.setdefault(keyword.low, []).append(_unnamed(rule.pattern))
            else:
                pattern = re.compile(_unnamed(rule.pattern).encode("ascii"))
                self._moving.append((pattern, keyword.high, len(text) + rule.most + 1, over))
        self._fixed = [(low, re.compile("|".join(texts).encode("ascii")).match) for low, texts in fixed.items()]
        contexts = [owner for owner in owners if owner[0].rule.context]
        self._known = [owner for owner in contexts if owner[0].rule.provider != BROAD]
        values = dict.fromkeys(_unnamed(probe.rule.pattern) for probe, _ in self._known)
        self._values = re.compile("|".join(values).encode("ascii")).search if values else None
        self._broad = _broad(tuple(probe for probe, _ in contexts if probe.rule.provider == BROAD))

    def __call__(self, data: bytes, blank: bytes, at: int, end: int) -> bool:
        """Whether the keyword at `at` could make something secret; `blank` is the data without the keys that are known
        already; lines are known as far as `end`."""
        for low, match in self._fixed:
            if at >= low and match(blank, at - low) is not None:
                return True
        for pattern, high, most, over in self._moving:
            low = max(0, at - high)
            low = low if over else max(low, blank.rfind(b"\n", low, at) + 1)
            if pattern.search(blank, low, at + most) is not None:
                return True
        if self._crossing and self._goes_on(blank, at, end):
            return True
        if self._whole and self._new(data, blank, at, end):
            return True
        if self._values is None and self._broad is None:
            return False
        return stands_as_word(blank, at, at + len(self._text)) and self._value_near(blank, at, end)

    def _new(self, data: bytes, blank: bytes, at: int, end: int) -> bool:
        """Whether a rule that must see known keys, too, sees more there, or may when more comes."""
        line = data.find(b"\n", at, end) + 1
        if line == 0:
            return True
        for probe, keyword in self._whole:
            partial = unfinished(probe.rule.pattern)
            low = max(0, at - min(keyword.high, FAR))
            found = (partial.match if keyword.low == keyword.high else partial.search)(data, low, line)
            spans = [(one.secret_start, one.secret_end) for one in probe.attempts(data, keyword, at, {})]
            if found is not None:
                spans.append((found.secret_start, found.secret_end))
            if not all(nothing_new(blank, start, stop) for start, stop in spans):
                return True
        return False

    def _goes_on(self, blank: bytes, at: int, end: int) -> bool:
        """Whether a match may have begun that goes on in the next line."""
        line = blank.find(b"\n", at, end) + 1
        if line == 0:
            return True
        for partial, back, fixed, over in self._crossing:
            low = max(0, at - back)
            if fixed:
                found = partial.match(blank, low, line)
            else:
                found = partial.search(blank, low if over else max(low, blank.rfind(b"\n", low, at) + 1), line)
            if found is not None:
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
        last = min(last, at + NEXT) + 1
        if self._broad is not None and self._broad.near(data, begin, last):
            return True
        if self._values is None or self._values(data, begin, last) is None:
            return False
        known: Windows = {}
        return any(next(probe.attempts(data, keyword, at, known), None) is not None for probe, keyword in self._known)


class _Broad:
    """Rules whose values look like any word, so that their names decide. What is said of a line is said once."""

    def __init__(self, probes: tuple[Probe, ...]) -> None:
        self._ways = [
            (re.compile(probe.rule.pattern.encode("ascii")), _needs(probe), _words(probe)) for probe in probes
        ]
        self._data = b""
        self._answers: dict[int, bool] = {}

    def near(self, data: bytes, begin: int, end: int) -> bool:
        """Whether a value on the lines of data[begin:end] may be given to a name that fits."""
        if data is not self._data:
            self._data, self._answers = data, {}
        answers = self._answers
        at = begin
        while at < end:
            line = data.find(b"\n", at, end) + 1 or end
            answer = answers.get(at)
            if answer is None:
                answer = answers[at] = any(_given(data, at, line, *way) for way in self._ways)
            if answer:
                return True
            at = line
        return False


def _given(
    data: bytes, begin: int, end: int, pattern: re.Pattern[bytes], needs: Check | None, words: list[bytes]
) -> bool:
    """Whether a value in data[begin:end], a line, may be given to a name with one of the words in it."""
    plain = data[begin:end].lower()
    first = begin + min([at for word in words if (at := plain.find(word)) >= 0] or [end])
    if data[max(0, begin - 3) : begin].rstrip()[-1:] in _LEADS_ON or any(word in plain for word in _SAYS_NOTHING):
        first = begin
    for found in pattern.finditer(data, begin, end):
        start = found.start("secret")
        if start <= first and first > begin:
            continue
        if needs is not None and needs(Candidate(found.group("secret"), b"")):
            continue
        name = assigned_name(data, start)
        if name is not None and any(word in name.lower() for word in words):
            return True
    return False


_LEADS_ON = frozenset(bytes([value]) for value in b"=:>,([|+-\\\"'`?<")
"""What a line ends with whose name may have its value on the next."""

_SAYS_NOTHING = (b"val", b"default", b"string", b"content", b"data", b"const", b"let", b"export", b"env", b"var")
"""Names that say nothing: what the value is called may stand before them, on another line."""


@lru_cache(maxsize=256)
def _broad(probes: tuple[Probe, ...]) -> _Broad | None:
    return _Broad(probes) if probes else None


def _needs(probe: Probe) -> Check | None:
    asked = dict(probe.rule.checks).get("needs")
    return build("needs", asked) if asked else None


_SECRETISH = (
    "key", "token", "secret", "pass", "pwd", "auth", "cred", "bearer", "private", "signing", "pat", "dsn", "webhook",
    "licen", "session", "cookie", "jwt", "api", "_sk", "connection",
)  # fmt: skip
"""What of a name that sounds secret is in it (see `naming.sounds_secret`)."""


def _words(probe: Probe) -> list[bytes]:
    """One of these is in every name whose value the rule takes."""
    words = set(probe.rule.names) or {*_SECRETISH, *(keyword.text for keyword in probe.rule.keywords)}
    return sorted(word.encode() for word in words if not any(other != word and other in word for other in words))


@lru_cache(maxsize=4096)
def _head_crosses(pattern: str, keyword: bytes) -> bool:
    """Whether a match may begin on a line before that of its keyword."""
    head, found, _ = pattern.lower().partition(keyword.decode())
    return not found or may_cross(head)


def _unnamed(pattern: str) -> str:
    return "(?:" + re.sub(r"\(\?P<[a-z]+>", "(?:", pattern) + ")"


__all__ = ["BROAD", "FAR", "NEXT", "Worth", "crosses", "spans_lines"]
