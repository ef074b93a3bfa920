"""One rule, made ready to try at a place: compiled when a keyword first stands somewhere.

A probe answers from the bytes near the keyword only (`reach` on each side), so what it says does not depend on
how content was cut into windows, nor on which prefilter named the place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from scanner import checks, naming
from scanner.models import Confidence
from scanner.place import stands_in_tests
from scanner.rule import Keyword, Rule
from scanner.synthetic import is_synthetic

if TYPE_CHECKING:
    from scanner.scoring import Score

LINE_REACH = 240
"""How far, in bytes, a value may stand from its context word on the word's own line."""

NEXT_REACH = 320
"""How many bytes of the following line (or lines joined by a backslash) are looked at for a value."""

CONTEXT_REACH = max(LINE_REACH + naming.LOOK_BACK, LINE_REACH + NEXT_REACH)
"""How far from its context word a context rule looks, names before values included."""

AROUND = 16
"""How much text before and after a key the checks may see."""

SMALL = 1024
"""The most bytes of a file that a rule for whole files looks at."""

SCORED = 80
"""How much text behind a value a score may see, and before its name."""


EVERYWHERE = -1
"""All places that a path can name, as bits."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A place where a rule's pattern and boundaries held. Offsets in the data: the key, and the secret in it."""

    rule: Rule
    start: int
    end: int
    secret_start: int
    secret_end: int
    environment: str = ""
    name: bytes | None = None


_JOINS = (b"\\", b"\\\r")

class Fit(NamedTuple):
    """Where a rule's pattern matched, and the key there."""

    start: int
    end: int
    attempt: Attempt


Windows = dict[tuple[str, int, int], list[Fit]]
"""What was found where, so that nothing is tried again for each keyword near it: by rule id and place."""

_REMEMBERED = 2048
"""Keywords come in the order of the text: what was found long ago is forgotten, so that memory is bounded."""

_BLOCK = 128
_OFTEN = 32


def _remember(known: Windows, place: tuple[str, int, int], found: list[Fit]) -> list[Fit]:
    if len(known) >= _REMEMBERED:
        known.clear()
    known[place] = found
    return found



class Probe:
    """Tries one rule around a keyword. A `thorough` one also tries what cannot pass, so that it can be explained."""

    def __init__(self, rule: Rule, *, thorough: bool = False) -> None:
        self.rule = rule
        self._thorough = thorough
        self._looks = 0
        self._kind = str(dict(rule.checks).get("score", ""))
        self.reach = (CONTEXT_REACH if rule.context else rule.most) + (SCORED if self._kind else AROUND)

    @cached_property
    def _pattern(self) -> re.Pattern[bytes]:
        right = f"(?![{self.rule.right}])" if self.rule.right else ""
        return re.compile(f"(?:{self.rule.pattern}){right}".encode("ascii"))

    @cached_property
    def _values_at(self) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
        """The pattern, where nothing stands before that belongs to a longer word; and also where that might be the end
        of an escape. So a long run of characters is tried once, and not from each of them on."""
        return self._apart(b"")

    @cached_property
    def _values_with_needs(self) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
        """The same, but not where the value lacks what it needs: of ordinary words nothing is left."""
        from scanner.pattern.superset import needing  # noqa: PLC0415 - 3 ms that pay when there is much to look at

        needs = dict(self.rule.checks).get("needs", ())
        told = [str(one) for one in needs] if isinstance(needs, list | tuple) and not self._thorough else []
        ahead = needing(self.rule.pattern, told)
        return self._apart(ahead) if ahead else self._values_at

    def _apart(self, ahead: bytes) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
        whole = ahead + self._pattern.pattern
        if not self.rule.left:
            return (re.compile(whole),) * 2
        apart = f"(?<![{self.rule.left}])"
        return re.compile(apart.encode() + whole), re.compile(f"(?:{apart}|{_ESCAPED})".encode() + whole)

    @cached_property
    def _begins(self) -> tuple[re.Pattern[bytes], int]:
        """What stands where a match begins, and how many bytes that has."""
        from scanner.pattern import alphabet  # noqa: PLC0415 - few rules need it
        from scanner.pattern.tree import first, head, parse  # noqa: PLC0415 - see above

        tree = parse(self.rule.pattern)
        text = head(tree)
        if len(text) > 1 and text[0] not in text[1:]:  # so that no other begins inside of it
            return re.compile(re.escape(text)), len(text)
        return re.compile(f"[{alphabet(first(tree, False))}]".encode("ascii")), 1

    @cached_property
    def _left(self) -> re.Pattern[bytes] | None:
        return re.compile(f"[{self.rule.left}]".encode("ascii")) if self.rule.left else None

    @cached_property
    def _checks(self) -> tuple[checks.Check, ...]:
        asked = {**dict.fromkeys(checks.DEFAULTS, True), **dict(self.rule.checks)}
        return tuple(built for name, value in asked.items() if (built := checks.build(name, value)) is not None)

    @cached_property
    def _rare(self) -> Callable[..., re.Match[bytes] | None] | None:
        """Finds what a value needs and most lines do not have: of most windows this quick look is all."""
        from scanner.pattern import alphabet  # noqa: PLC0415 - see `_begins`
        from scanner.pattern.tree import every, parse  # noqa: PLC0415 - see `_begins`

        asked = dict(self.rule.checks).get("needs")
        if not isinstance(asked, list | tuple) or self._thorough:
            return None
        held = every(parse(self.rule.pattern), True)
        kinds = [checks.members(str(name)) & held for name in asked]
        rarest: frozenset[int] = min(kinds, key=len)
        return re.compile(f"[{alphabet(rarest)}]".encode("ascii")).search

    @cached_property
    def _needs(self) -> checks.Check | None:
        asked = dict(self.rule.checks).get("needs")
        return checks.build("needs", asked) if asked and not self._thorough else None

    # --- places ---

    def worth(self, data: bytes, keyword: Keyword, at: int) -> bool:
        """A quick look whether `attempts` could yield anything at the keyword at `at`."""
        if self.rule.context:
            return naming.stands_as_word(data, at, at + len(keyword.text))
        if keyword.low != keyword.high:
            return True
        return at >= keyword.low and self._pattern.match(data, at - keyword.low) is not None

    def attempts(self, data: bytes, keyword: Keyword, at: int, known: Windows) -> Iterator[Attempt]:
        """Every way in which the rule fits a key at (or, for a context rule, near) the keyword at `at`.

        `known` keeps what was found in a window, so that many context words on one line cost one search.
        """
        if self.rule.context:
            yield from self._near(data, keyword, at, known)
        elif keyword.low == keyword.high:
            begin = at - keyword.low
            found = self._pattern.match(data, begin) if begin >= 0 else None
            if found is not None:
                yield from self._accept(data, found)
        else:
            yield from self._across(data, keyword, at, known)

    def whole(self, data: bytes) -> Iterator[Attempt]:
        """The way in which the rule fits all of a small file, if it does."""
        text = data.strip() if len(data) <= SMALL else b""
        start = data.find(text)
        found = self._pattern.fullmatch(data, start, start + len(text)) if text else None
        if found is not None:
            yield from self._accept(data, found)

    def _across(self, data: bytes, keyword: Keyword, at: int, known: Windows) -> Iterator[Attempt]:
        """The first match that holds the keyword at `at` somewhere inside. The pattern is tried once at each place,
        however many keywords stand near it."""
        stop, begin, last = at + len(keyword.text), max(0, at - keyword.high), at - keyword.low
        for block in range(begin // _BLOCK, last // _BLOCK + 1):
            place = self.rule.id, block, -1
            found = known.get(place)
            if found is None:
                found = _remember(known, place, list(self._beginning_in(data, block * _BLOCK)))
            for fit in found:
                if begin <= fit.start <= last and fit.end >= stop:
                    yield fit.attempt
                    return

    def _beginning_in(self, data: bytes, low: int) -> Iterator[Fit]:
        """What fits from some place of a block on."""
        begins, size = self._begins
        for place in begins.finditer(data, low, min(len(data), low + _BLOCK + size - 1)):
            found = self.try_at(data, place.start())
            if found is not None:
                for attempt in self._accept(data, found):
                    yield Fit(found.start(), found.end(), attempt)

    def try_at(self, data: bytes, start: int) -> re.Match[bytes] | None:
        """The match of the pattern that begins there, boundaries on the left aside."""
        return self._pattern.match(data, start)

    @staticmethod
    def window(data: bytes, at: int) -> tuple[int, int]:
        """Where a context rule looks for values: the line of its word at `at`, and the next."""
        begin = at - LINE_REACH if at > LINE_REACH else 0
        line = data.rfind(b"\n", begin, at)
        if line >= 0:
            begin = line + 1
        end = data.find(b"\n", at, at + LINE_REACH)
        if end < 0:
            return begin, min(len(data), at + LINE_REACH)
        limit = min(len(data), end + NEXT_REACH)
        end = data.find(b"\n", end + 1, limit)
        while end > 0 and data.endswith(_JOINS, begin, end):  # a line that ends in a backslash goes on in the next
            end = data.find(b"\n", end + 1, limit)
        return begin, limit if end < 0 else end

    def _near(self, data: bytes, keyword: Keyword, at: int, known: Windows) -> Iterator[Attempt]:
        begin, end = self.window(data, at)
        place = (self.rule.id, begin, end)
        found = known.get(place)
        if found is None:
            found = _remember(known, place, list(self._values(data, begin, end, known)))
        for _, _, attempt in found:
            if attempt.end <= at or attempt.start >= at + len(keyword.text):
                yield attempt

    def _values(self, data: bytes, begin: int, end: int, known: Windows) -> Iterator[Fit]:
        """The values in a window that are assigned to a name that fits."""
        self._looks += 1
        if self._looks > _OFTEN and self._rare is not None and self._rare(data, begin, end) is None:
            return
        plain, careful = self._values_with_needs if self._looks > _OFTEN else self._values_at
        pattern = careful if _SIGN.search(data, begin, end) is not None else plain
        for found in pattern.finditer(data, begin, min(len(data), end + 1)):
            if found.end() > end:
                continue
            if self._needs is not None and self._needs(checks.Candidate(found.group("secret"), b"")):
                continue  # looking for its name costs ten times as much
            place = self.rule.id, ~found.start(), found.end()
            fits = known.get(place)
            yield from _remember(known, place, list(self._named(data, found))) if fits is None else fits

    def _named(self, data: bytes, found: re.Match[bytes]) -> Iterator[Fit]:
        """The value, if it is assigned to a name that fits."""
        for attempt in self._accept(data, found):
            name = naming.assigned_name(data, attempt.start)
            if name is not None and self.name_fits(name):
                yield Fit(found.start(), found.end(), replace(attempt, name=name))

    def name_fits(self, name: bytes) -> bool:
        """Whether a value of that name may be one of the rule's, which is known by its context."""
        plain = name.lower()
        if self.rule.names:
            return any(word.encode() in plain for word in self.rule.names)
        if naming.sounds_harmless(name):
            return False
        return naming.sounds_secret(name) or any(word.text.encode() in plain for word in self.rule.keywords)

    def _accept(self, data: bytes, found: re.Match[bytes]) -> Iterator[Attempt]:
        groups = found.re.groupindex
        secret_start, secret_end = found.span("secret")
        start, end = secret_start, secret_end
        if "public" in groups and found.start("public") >= 0:
            start, end = min(start, found.start("public")), max(end, found.end("public"))
        if self._left is not None and not self._starts_cleanly(data, start if self.rule.key_first else found.start()):
            return
        environment = ""
        if "environment" in groups:
            text = (found.group("environment") or b"").decode("latin-1")
            environment = (self.rule.environments or {}).get(text, "")
        yield Attempt(self.rule, start, end, secret_start, secret_end, environment)

    def _starts_cleanly(self, data: bytes, start: int) -> bool:
        """Whether nothing that belongs to a longer word stands before, except an escape such as `\\n` or `%3D`."""
        assert self._left is not None  # noqa: S101 - for the type checker: the caller asked
        if start == 0 or self._left.match(data, start - 1) is None:
            return True
        return _ESCAPE.search(data, max(0, start - 12), start) is not None

    # --- judgement ---

    def sample(self, data: bytes, attempt: Attempt) -> str:
        """Why the key cannot be a live one: "documented", "synthetic", or ""."""
        key = data[attempt.start : attempt.end]
        if any(key == sample.encode() for sample in self.rule.samples):
            return "documented"
        secret_at = attempt.secret_start - attempt.start
        return "synthetic" if is_synthetic(self.rule, key, secret_at, attempt.secret_end - attempt.start) else ""

    def score(self, data: bytes, attempt: Attempt, path: str = "") -> Score | None:
        """How much speaks for the value; None when the rule does not decide by that."""
        if not self._kind:
            return None
        from scanner import scoring  # noqa: PLC0415 - its tables are loaded only where a rule asks for it

        start, end = attempt.secret_start, attempt.secret_end
        name = attempt.name if self.rule.context else naming.assigned_name(data, attempt.start)
        before = data[naming.lines_above(data, start, max(0, start - scoring.BEFORE)) : start]
        after = data[end : end + scoring.AFTER].partition(b"\n")[0]
        return scoring.judge(self._kind, scoring.Scene(data[start:end], name, path, before, after))

    def confidence(self, data: bytes, attempt: Attempt, path: str = "") -> Confidence:
        """How sure a confirmed key is: as its score says, or its rule. Among tests and documents, a format that other
        texts can have, too (its rule is not sure of it), and one that is known by its context are a step less sure."""
        score = self.score(data, attempt, path)
        if score is not None:
            return score.confidence or self.rule.confidence
        sure = self.rule.confidence
        if sure is Confidence.LOW or not (self.rule.context or sure is Confidence.MEDIUM) or not stands_in_tests(path):
            return sure
        return Confidence.MEDIUM if sure is Confidence.HIGH else Confidence.LOW

    def places(self, data: bytes, attempt: Attempt) -> int:
        """Where the key could be one, as far as a path matters: a bit for each of `place.PLACES`; 0 for nowhere."""
        if self.sample(data, attempt):
            return EVERYWHERE
        if next(self._refusals(data, attempt), None) is not None:
            return 0
        if not self._kind:
            return EVERYWHERE
        from scanner import place  # noqa: PLC0415 - see above

        judged = (self.score(data, attempt, path) for path in place.PLACES)
        return sum(1 << number for number, score in enumerate(judged) if score is not None and not score.objection)

    def objections(self, data: bytes, attempt: Attempt, path: str = "") -> Iterator[str]:
        """The reasons of the checks that do not hold. In an example file (`.env.example`) a value that is only known
        by its name is there to be replaced, in a lock file it is a hash; a format of its own is reported there, too."""
        if self.rule.context:
            name = path.rsplit("/", 1)[-1]
            if _EXAMPLE_FILE.search(name):
                yield "it stands in an example file"
            if _LOCK_FILE.search(name):
                yield "it stands in a file of versions and their hashes"
        yield from self._refusals(data, attempt)
        score = self.score(data, attempt, path) if self._kind else None
        if score is not None and score.objection:
            yield score.objection

    def _refusals(self, data: bytes, attempt: Attempt) -> Iterator[str]:
        """The objections of the checks that look at nothing but the bytes."""
        candidate = checks.Candidate(
            data[attempt.secret_start : attempt.secret_end],
            data[attempt.start : attempt.end],
            data[max(0, attempt.start - AROUND) : attempt.start],
            data[attempt.end : attempt.end + AROUND],
        )
        for check in self._checks:
            reason = check(candidate)
            if reason:
                yield reason


_SIGN = re.compile(rb"[\\%\x1b]")
_ESCAPED = r"(?<=\\[abfnrtv0])|(?<=[0x%][0-9a-fA-F]{2})|(?<=[mK])"
"""What the end of an escape looks like (see `_ESCAPE`), and more that has less cost."""

_EXAMPLE_FILE = re.compile(r"(?i)(?:^|[._-])(?:examples?|samples?|template|tmpl|tpl|dist|defaults?)(?:$|[._-])")
_LOCK_FILE = re.compile(
    r"(?i)(?:^|[._-])(?:lock|lock\.json|lock\.ya?ml|sum|sums|shrinkwrap\.json|resolved|sha1|sha256|sha512|md5)$|^checksums?\b"
)
_ESCAPE = re.compile(rb"(?:\\[abfnrtv0]|\\u00[0-9a-fA-F]{2}|\\x[0-9a-fA-F]{2}|%[0-9a-fA-F]{2}|\x1b\[[0-9;]{0,8}[mK])\Z")


def specificity(attempt: Attempt) -> tuple[int, int, int, int, int, int, str]:
    """The order in which rules claim bytes, the most specific first: a format of its own before one known by its
    context, before one of negative priority (headers, URLs: any service's), before the generic rules; then the surer
    rule; then the higher priority; then the longer key; then the longer keyword; then the name."""
    rule = attempt.rule
    family = 3 if rule.provider == "generic" else 2 if rule.priority < 0 else int(rule.context)
    longest = max((len(keyword.text) for keyword in rule.keywords), default=0)
    return family, rule.confidence.rank, -rule.priority, attempt.start - attempt.end, -longest, attempt.start, rule.id
