"""Why a line fired, or did not: every rule that was tried on it, and what each step said.

Shows no secret, not even of a candidate that a check turned down: it may be one all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scanner.checks import entropy
from scanner.hits import Hit
from scanner.matcher import Matcher
from scanner.models import Chunk, Finding
from scanner.probe import Attempt, Probe
from scanner.rule import Keyword


@dataclass(frozen=True, slots=True)
class Trial:
    """One rule tried at one keyword: the steps it went through, and how it ended."""

    rule_id: str
    keyword: str
    column: int
    steps: tuple[str, ...]
    verdict: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that can be said of a line. `text` is the line with every candidate masked."""

    line: int
    text: str
    trials: tuple[Trial, ...]
    findings: tuple[Finding, ...]


def explain(matcher: Matcher, chunk: Chunk, line: int, findings: Sequence[Finding] | None = None) -> Explanation:
    """Tries every rule on one line (1-based) of a chunk of whole content. Raises IndexError for no such line.

    `findings` are the chunk's, where they are known already (when many of its lines are explained).
    """
    data, path = chunk.data, chunk.origin.path
    starts = [0, *(found.end() for found in re.finditer(b"\n", data))]
    if not 1 <= line <= len(starts) or (starts[line - 1] == len(data) and line > 1):
        raise IndexError(line)
    start = starts[line - 1]
    end = starts[line] - 1 if line < len(starts) else len(data)
    known = matcher.find(chunk) if findings is None else findings
    here = tuple(found for found in known if found.location.line <= line <= found.location.end_line)
    tried = [_tried(told, keyword, at, chunk) for told, keyword, at in _places(matcher, data, start, end)]
    candidates = [span for one in tried for span in one.secrets]
    candidates += _continued(chunk, here, start)
    kept = {(hit.attempt.rule.id, hit.attempt.start): hit for hit in matcher.hits(data, start, end, path)}
    scene = _Scene(matcher, chunk, kept, candidates)
    trials = [
        Trial(one.probe.rule.id, one.keyword.text, one.at - start + 1, tuple(scene.steps(one)), scene.verdict(one))
        for one in tried
        if start <= one.at < end
    ]
    return Explanation(
        line,
        matcher.teller.masked(data, start, end, path, candidates).rstrip("\r"),
        tuple(dict.fromkeys(trials)),
        here,
    )


def _continued(chunk: Chunk, findings: Sequence[Finding], start: int) -> list[tuple[int, int]]:
    """Keys that begin on an earlier line: the rest of one, or of what it is wrapped in, says nothing by itself."""
    places = [(found.location.start - chunk.offset, found.location.end - chunk.offset) for found in findings]
    return [place for place in places if place[0] < start]


@dataclass(frozen=True, slots=True)
class _Tried:
    """A rule at a keyword: what fits there, or `miss`, what would but for its ends."""

    probe: Probe
    keyword: Keyword
    at: int
    applies: bool
    attempts: tuple[Attempt, ...] = ()
    miss: tuple[int, int] | None = None

    @property
    def secrets(self) -> list[tuple[int, int]]:
        """What must not be shown, whatever the checks say of it."""
        found = [(attempt.secret_start, attempt.secret_end) for attempt in self.attempts]
        return found if self.miss is None else [*found, self.miss]


def _places(matcher: Matcher, data: bytes, start: int, end: int) -> list[tuple[Probe, Keyword, int]]:
    """The keywords near a line: one on the line before may be about a value on this one."""
    found = sorted(set(matcher.places(data, start, end)), key=lambda place: (place[2], place[0].rule.id))
    return [(probe, word, at) for probe, word, at in found if not probe.rule.context or probe.worth(data, word, at)]


def _tried(told: Probe, keyword: Keyword, at: int, chunk: Chunk) -> _Tried:
    data, rule = chunk.data, told.rule
    probe = Probe(rule, thorough=True)
    if rule.files and not rule.applies_to(chunk.origin.path):
        return _Tried(probe, keyword, at, False)
    attempts = tuple(probe.attempts(data, keyword, at, {}))
    return _Tried(probe, keyword, at, True, attempts, None if attempts else _near_miss(probe, data, keyword, at))


def _near_miss(probe: Probe, data: bytes, keyword: Keyword, at: int) -> tuple[int, int] | None:
    """Where a secret would stand if what is right before and after it did not count."""
    if probe.rule.context:
        return None
    loose = re.compile(probe.rule.pattern.encode("ascii"))
    begin = at - keyword.low if keyword.low == keyword.high else max(0, at - keyword.high)
    found = loose.search(data, max(0, begin), min(len(data), at + len(keyword.text) + probe.rule.most))
    if found is None or found.start() > at or found.end() <= at:
        return None
    return found.span("secret")


@dataclass(frozen=True, slots=True)
class _Scene:
    """What a line holds: the keys that were found, and the secrets of all candidates."""

    matcher: Matcher
    chunk: Chunk
    kept: dict[tuple[str, int], Hit]
    candidates: list[tuple[int, int]]

    def steps(self, one: _Tried) -> Iterator[str]:
        """What each step said, without a piece of any key or candidate that stands before."""
        data, path = self.chunk.data, self.chunk.origin.path
        for attempt in one.attempts:
            before = [span for span in self.candidates if span[1] <= attempt.secret_start]
            secret = data[attempt.secret_start : attempt.secret_end]
            own = attempt.start < attempt.secret_start
            public = self.matcher.teller.masked(data, attempt.start, attempt.secret_start, path, before) if own else ""
            bits = f"{entropy(secret):.2f} bits a character"
            yield f"pattern fits: public '{public}', secret of {len(secret)} bytes, {bits}"
            if attempt.environment:
                yield f"environment: {attempt.environment}"
            name = self.matcher.teller.variable(data, attempt.start, attempt.name or b"", before)
            if name:
                yield f"assigned to: {name}"
            score = one.probe.score(data, attempt, path)
            if score is not None:
                yield from (f"{feature.points:+d} points: {feature.why}" for feature in score.features)
                sure = f"{score.confidence} confidence" if score.confidence else "no finding"
                yield f"{score.points} points together: {sure}"
            sure = one.probe.confidence(data, attempt, path)
            if sure is not attempt.rule.confidence and score is None:
                yield f"{sure} confidence, not {attempt.rule.confidence}: it stands among tests, examples or documents"
            yield from (f"check fails: {reason}" for reason in one.probe.objections(data, attempt, path))

    def verdict(self, one: _Tried) -> str:
        """How the trial ended."""
        if not one.applies:
            return f"not tried: the rule looks at {', '.join(one.probe.rule.files)} only"
        if one.attempts:
            return self._of_attempt(one.probe, one.attempts[-1])
        if one.probe.rule.context:
            return "no: no value of the rule's shape is assigned to a fitting name on this line or the next"
        if one.miss is None:
            return "no: the pattern does not fit (too short, or a character that cannot be in it)"
        return "no: the pattern fits, but more characters of the same kind stand right before or after it"

    def _of_attempt(self, probe: Probe, attempt: Attempt) -> str:
        data, rule = self.chunk.data, probe.rule
        sample = probe.sample(data, attempt)
        if not sample and next(probe.objections(data, attempt, self.chunk.origin.path), None) is not None:
            return "no: a check fails"
        if (rule.id, attempt.start) not in self.kept:
            rivals = (hit for hit in self.kept.values() if hit.start < attempt.end and hit.end > attempt.start)
            others = {hit.attempt.rule.id for hit in rivals}
            return f"no: {', '.join(sorted(others)) or 'another rule'} is more specific and has these bytes"
        if rule.id not in self.matcher.rules.selected:
            return "yes, but the rule is switched off"
        if sample:
            return f"yes, but it is a {sample} key: reported with --include-examples only"
        return "yes: a finding"
