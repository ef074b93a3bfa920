"""Whether a keyword is worth a look at its line: most stand in ordinary words, and a log is full of them.

What is said here may be yes too often, never no: every key that the rules see in a line, or in the line behind it,
has a keyword that is worth a look.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from scanner.checks import Candidate, Check, build
from scanner.naming import LOOK_BACK, assigned_name, stands_as_word
from scanner.own_keys import FILLER, nothing_new
from scanner.pattern.superset import before_breaks
from scanner.pattern.tree import every, parse, width
from scanner.pattern.unfinished import may_cross, unfinished
from scanner.probe import LINE_REACH, NEXT_REACH, Probe, Windows
from scanner.rule import Keyword, Rule
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


_GRID = 512
"""Words on a line that is longer than their reach share what is looked at, cut at multiples of this."""


@dataclass(slots=True)
class Sight:
    """One look at some lines, known as far as `end`: the data, and the same without the keys that are known already.
    What is found out in one look is kept: many words on a line cost little more than one."""

    data: bytes
    blank: bytes
    end: int
    windows: Windows = field(default_factory=dict)
    given: dict[tuple[object, int, int], bool] = field(default_factory=dict)
    passed: dict[tuple[str, int, int], bool] = field(default_factory=dict)


class Worth:
    """One keyword of one or many rules, of which some must see known keys, too: they stand in their own."""

    def __init__(self, text: bytes, owners: Owners, sees_keys: Callable[[Rule], bool]) -> None:
        self._size = len(text)
        self._whole = [owner for owner in owners if sees_keys(owner[0].rule)]
        self._moving: list[_Begins] = []
        fixed: dict[int, list[str]] = {}
        begun: dict[int, list[str]] = {}
        for probe, keyword in owners:
            rule = probe.rule
            if rule.context or sees_keys(rule):
                continue
            if keyword.low != keyword.high:
                over = _head_crosses(rule.pattern, text)
                self._moving.append(_Begins(rule, keyword.high, len(text) + rule.most + 1, over=over))
                continue
            if crosses(rule):
                begun.setdefault(min(keyword.low, FAR), []).append(unfinished(rule.pattern).text)
            fixed.setdefault(keyword.low, []).append(_unnamed(rule.pattern))
        self._fixed, self._begun = _each(fixed), _each(begun)
        self._crosses = bool(begun) or any(begins.crosses for begins in self._moving)
        contexts = tuple(owner for owner in owners if owner[0].rule.context)
        broad = tuple(owner for owner in contexts if owner[0].rule.provider == BROAD)
        known = tuple(owner for owner in contexts if owner[0].rule.provider != BROAD)
        self._broad = broad, _broad(tuple(probe for probe, _ in broad))
        self._known = known, _values(tuple(dict.fromkeys(probe.rule.pattern for probe, _ in known)))
        self._contexts = bool(contexts)

    def __call__(self, sight: Sight, at: int) -> bool:
        """Whether the keyword at `at` could make something secret."""
        blank = sight.blank
        for low, match in self._fixed:
            if at >= low and match(blank, at - low) is not None:
                return True
        line = blank.find(b"\n", at, sight.end) + 1 if self._crosses or self._moving else -1
        if line == 0 and self._crosses:
            return True
        if any(begins.around(blank, at, line) for begins in self._moving):
            return True
        if any(match(blank, at - low if at > low else 0, line) is not None for low, match in self._begun):
            return True
        if self._whole and self._new(sight, at):
            return True
        return self._contexts and stands_as_word(blank, at, at + self._size) and self._value_near(sight, at)

    def _new(self, sight: Sight, at: int) -> bool:
        """Whether a rule that must see known keys, too, sees more there, or may when more comes."""
        data, blank = sight.data, sight.blank
        line = data.find(b"\n", at, sight.end) + 1
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

    def _value_near(self, sight: Sight, at: int) -> bool:
        """Whether a value that passes stands on the word's line or the next, given to a name that fits."""
        blank = sight.blank
        first = max(0, at - LINE_REACH - LOOK_BACK)
        begin = blank.rfind(b"\n", first, at) + 1 or first - first % _GRID
        line = blank.find(b"\n", at, sight.end)
        last = blank.find(b"\n", line + 1, sight.end) if line >= 0 else -1
        if last < 0 or blank[last - 1 : last] in (b"\\", b"\r"):
            if at + NEXT >= sight.end:
                return True
            last = at + NEXT
        if last >= at + NEXT:
            last = min(sight.end - 1, at + NEXT + _GRID - (at + NEXT) % _GRID)
        last += 1
        if _led_on(sight, begin) or (0 <= line < last and _led_on(sight, line + 1)):
            return True
        if not self._could_be(sight, begin, last):
            return False
        owners = (*self._broad[0], *self._known[0])
        if any(_passes(sight, owner, at) for owner in owners):
            return True
        # For the line behind it the keys on the word's own line are text like any other, and part of names.
        seen = 0 <= line < last and FILLER in blank[max(0, begin - LOOK_BACK) : line]
        return seen and self._could_be(sight, line + 1, last)

    def _could_be(self, sight: Sight, begin: int, end: int) -> bool:
        """A quick look whether a value that fits stands in a stretch."""
        broad, values = self._broad[1], self._known[1]
        return (broad is not None and broad.near(sight, begin, end)) or (
            values is not None and values.stand_in(sight.blank, begin, end)
        )


def _led_on(sight: Sight, line: int) -> bool:
    """Whether a line begins behind a key that reads like a name there: seen from its line, the key is text."""
    tail = max(0, line - 24)
    return FILLER in sight.blank[tail:line] and _goes_on(sight.data, line, line + 16)


def _goes_on(data: bytes, line: int, end: int) -> bool:
    """Whether a line goes on what the one before began: a name, and what stands between it and its value."""
    before = data[max(0, line - 16) : line].rstrip()
    return before[-1:] in _LEADS_ON or data[line:end].lstrip()[:1] in _LEADS_ON or before.lower().endswith(_SCHEMES)


class _Begins:
    """Where a match of a rule begins that has its keyword at no fixed place. It is tried only where what stands there
    has all that a match needs before its first line break."""

    def __init__(self, rule: Rule, high: int, most: int, *, over: bool) -> None:
        self.crosses = crosses(rule)
        self._high, self._most, self._over = high, most, over
        self._match, self._begun, self._ahead, self._reach = _begins(rule.pattern)

    def around(self, data: bytes, at: int, line: int) -> bool:
        """Whether a match begins around the keyword at `at`, or one that goes on behind its line, which ends at `line`
        (0 when that is not known)."""
        low = at - self._high if at > self._high else 0
        if not self._over:
            low = data.rfind(b"\n", low, at) + 1 or low
        ahead = self._ahead(data, low, at + self._reach)
        while ahead is not None:
            start = ahead.start()
            if start > at:
                break
            if self._match(data, start, at + self._most) is not None:
                return True
            if self.crosses and start >= at - FAR and self._begun(data, start, line) is not None:
                return True
            ahead = self._ahead(data, start + 1, at + self._reach)
        return False


_Match = Callable[..., re.Match[bytes] | None]


@lru_cache(maxsize=1024)
def _begins(pattern: str) -> tuple[_Match, _Match, _Match, int]:
    ahead, reach = before_breaks(pattern)
    begun = re.compile(unfinished(pattern).text.encode("ascii") if may_cross(pattern) else b"(?!)")
    return re.compile(_unnamed(pattern).encode("ascii")).match, begun.match, re.compile(ahead).search, reach


def _each(texts: dict[int, list[str]]) -> list[tuple[int, Callable[..., re.Match[bytes] | None]]]:
    """For each of some places before a keyword, what matches there: one expression of many."""
    return [(low, re.compile("|".join(some).encode("ascii")).match) for low, some in texts.items()]


def _passes(sight: Sight, owner: tuple[Probe, Keyword], at: int) -> bool:
    """Whether a context rule finds a value for its word at `at` that its checks let pass."""
    probe, keyword = owner
    for one in probe.attempts(sight.blank, keyword, at, sight.windows):
        place = probe.rule.id, one.start, one.end
        passed = sight.passed.get(place)
        if passed is None:
            passed = bool(probe.sample(sight.data, one)) or next(probe.objections(sight.data, one), None) is None
            sight.passed[place] = passed
        if passed:
            return True
    return False


class _Values:
    """Values of formats of their own: as long runs of certain characters, and as what they are."""

    def __init__(self, patterns: tuple[str, ...]) -> None:
        trees = [parse(pattern) for pattern in patterns]
        held = frozenset[int]().union(*(every(tree, True) for tree in trees))
        self._shapes = _shapes(held)
        self._run = b"a" * min(width(tree)[0] for tree in trees)
        self._search = re.compile("|".join(map(_unnamed, patterns)).encode("ascii")).search

    def stand_in(self, data: bytes, begin: int, end: int) -> bool:
        """Whether one of them stands in data[begin:end]."""
        return self._run in data[begin:end].translate(self._shapes) and self._search(data, begin, end) is not None


def _shapes(held: frozenset[int]) -> bytes:
    """Turns certain bytes into `a`, others into a space."""
    return bytes(0x61 if value in held else 0x20 for value in range(256))


@lru_cache(maxsize=1024)
def _values(patterns: tuple[str, ...]) -> _Values | None:
    return _Values(patterns) if patterns else None


class _Broad:
    """Rules whose values look like any word, so that their names decide. What is said of a line is said once."""

    def __init__(self, probes: tuple[Probe, ...]) -> None:
        self._ways = [_Way(probe) for probe in probes]

    def near(self, sight: Sight, begin: int, end: int) -> bool:
        """Whether a value on the lines of a stretch may be given to a name that fits."""
        data, answers = sight.blank, sight.given
        at = begin
        while at < end:
            line = data.find(b"\n", at, end) + 1 or end
            answer = answers.get((self, at, line))
            if answer is None:
                answer = answers[self, at, line] = any(way.given(data, at, line) for way in self._ways)
            if answer:
                return True
            at = line
        return False


class _Way:
    """How a value of one such rule is given to a name."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        value = re.compile(probe.rule.pattern.encode("ascii"))
        self._search, self._value, self._least = value.search, value.match, probe.rule.least
        self._needs = _needs(probe)
        tree = parse(probe.rule.pattern)
        self._shapes = _shapes(every(tree, True))
        self._run = b"a" * width(tree)[0]
        self._names = re.compile(b"((?:%s)[a-z0-9_.\\-]{0,80})" % _words(probe) + _GLUE, re.DOTALL).search

    def given(self, data: bytes, begin: int, end: int) -> bool:
        """Whether a value in data[begin:end], a line, may be given to a name that fits: it stands right behind one, or
        at the beginning of the line when that goes on what the one before began."""
        last = self._last(data[begin:end])
        if not last:
            return False
        plain = data[begin : begin + last].lower()
        if _goes_on(data, begin, min(end, begin + 16)):
            found = _BEGINNING.match(plain)
            if found is not None and self._stands(data, begin, begin + found.end(), end):
                return True
        found = self._names(plain)
        while found is not None:
            name = found.end(1)
            if found.end() > name and self._stands(data, begin + name + 1, begin + found.end(), end):
                return True
            found = self._names(plain, name)
        return False

    def _last(self, line: bytes) -> int:
        """Where the last of what could be values ends; 0 when there is none."""
        shape = line.translate(self._shapes)
        at = shape.rfind(self._run)
        while at >= 0:
            first, last = shape.rfind(b" ", 0, at) + 1, at + len(self._run)
            if self._needs is None or not self._needs(Candidate(line[first:last], b"")):
                return last
            at = shape.rfind(self._run, 0, first)
        return 0

    def _stands(self, data: bytes, first: int, last: int, end: int) -> bool:
        """Whether a value that is given to a name begins somewhere in data[first:last], or there."""
        if self._search(data, first, min(end, last + self._least)) is None:
            return False
        for start in range(first, last + 1):
            found = self._value(data, start, end)
            if found is None:
                continue
            at = found.start("secret")
            if self._needs is not None and self._needs(Candidate(found.group("secret"), b"")):
                continue
            name = assigned_name(data, at)
            if name is not None and self._probe.name_fits(name):
                return True
        return False


_PREFIXES = (
    rb"(?:secret)?string::from|encoding\.[a-z0-9]{2,9}\.getbytes|buffer\.from|secret::new|secretstr|geniekey|api-?key"
    rb"|splunk|string|digest|bearer|bytes?|basic|token|oauth|some|ssws|std::|new|str|bot|key|rb|br|[brufn&]"
)
_BETWEEN = rb"[\s\\\"'`\]:=>\-?|<+,(\[@$]"
_GLUE = (
    rb"(?:\??\s{0,2}:\s{0,2}(?:&|'static |mut |\[|option<|readonly ){0,3}[a-z_][a-z0-9_.\-]{0,80}(?=[^\n]{0,64}=))?"
    rb"(?:\s{0,2}\{\s{0,2}(?:get|set|init);[^{}\"'\n]{0,40}\})?"
    rb"(?:[^<>\"'\n]{0,40}>)?%s{0,64}(?:(?:%s)%s{0,16}){0,3}" % (_BETWEEN, _PREFIXES, _BETWEEN)
)
"""What may stand between a name and its value, in lower case; see `naming.assigned_name`. As much as there is of it."""

_BEGINNING = re.compile(rb"%s{0,64}(?:[a-z_][a-z0-9_.\-]{0,80})?" % _BETWEEN + _GLUE)
"""The same at the beginning of a line."""

_LEADS_ON = frozenset(bytes([value]) for value in b"=:>,([|+-\\\"'`?<")
"""What a line ends with, or the next begins with, when a name may have its value on the next."""

_SCHEMES = tuple(b"bearer basic token digest key bot ssws splunk oauth".split())
"""Or what it ends with: the words that may stand before a value (see `naming`), or their ends."""


@lru_cache(maxsize=256)
def _broad(probes: tuple[Probe, ...]) -> _Broad | None:
    return _Broad(probes) if probes else None


def _needs(probe: Probe) -> Check | None:
    asked = dict(probe.rule.checks).get("needs")
    return build("needs", asked) if asked else None


_SECRETISH = (
    "key", "token", "secret", "pass", "pwd", "auth", "cred", "bearer", "private", "signing", "dsn", "webhook", "licen",
    "session", "cookie", "jwt", "connection",
)  # fmt: skip
"""What of a name that sounds secret is in it (see `naming.sounds_secret`) ..."""

_WHOLE = rb"p(?<![a-ln-z0-9]p)at(?![a-z0-9_])|a(?<![a-ln-z0-9]a)pi(?![a-z0-9_])|_sk(?![a-z0-9_])"
"""... if none of these is: whole words, before which the end of a colour's code may stand. Here, too, the characters
that a word begins with come first: `re` finds them ten times as fast as anything else."""

_SAYS_NOTHING = b"|".join(
    b"%s(?![a-z0-9_.\\-])" % word for word in b"value val default string content data var const let export env".split()
)
"""Names that say nothing: what the value is called may stand before them, on another line."""


def _words(probe: Probe) -> bytes:
    """One of these is in every name whose value the rule takes."""
    words = set(probe.rule.names) or {*_SECRETISH, *(keyword.text for keyword in probe.rule.keywords)}
    least = sorted(word for word in words if not any(other != word and other in word for other in words))
    told = [re.escape(word.encode()) for word in least]
    return b"|".join([*told, *([] if probe.rule.names else [_WHOLE]), _SAYS_NOTHING])


@lru_cache(maxsize=4096)
def _head_crosses(pattern: str, keyword: bytes) -> bool:
    """Whether a match may begin on a line before that of its keyword."""
    head, found, _ = pattern.lower().partition(keyword.decode())
    return not found or may_cross(head)


def _unnamed(pattern: str) -> str:
    return "(?:" + re.sub(r"\(\?P<[a-z]+>", "(?:", pattern) + ")"


__all__ = ["BROAD", "FAR", "NEXT", "Sight", "Worth", "crosses", "spans_lines"]
