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
from scanner.models import MASK, Chunk, Finding
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
    data = chunk.data
    starts = [0, *(found.end() for found in re.finditer(b"\n", data))]
    if not 1 <= line <= len(starts) or (starts[line - 1] == len(data) and line > 1):
        raise IndexError(line)
    start = starts[line - 1]
    end = starts[line] - 1 if line < len(starts) else len(data)
    kept = {(hit.attempt.rule.id, hit.attempt.start): hit for hit in matcher.hits(data, start, end, chunk.origin.path)}
    hidden: list[tuple[int, int]] = [(hit.secret_start, hit.secret_end) for hit in kept.values()]
    known = matcher.find(chunk) if findings is None else findings
    trials = []
    places = sorted(set(matcher.places(data, start, end)), key=lambda place: (place[2], place[0].rule.id))
    for told, keyword, at in places:
        probe = Probe(told.rule, thorough=True)
        if probe.rule.context and not probe.worth(data, keyword, at):
            continue  # a piece of another word
        if start <= at < end:
            trial, seen = _try(matcher, probe, keyword, at, chunk, start, kept)
            trials.append(trial)
            hidden += seen
    return Explanation(
        line,
        _hide(data, start, end, hidden),
        tuple(dict.fromkeys(trials)),
        tuple(found for found in known if found.location.line <= line <= found.location.end_line),
    )


def _try(
    matcher: Matcher,
    probe: Probe,
    keyword: Keyword,
    at: int,
    chunk: Chunk,
    start: int,
    kept: dict[tuple[str, int], Hit],
) -> tuple[Trial, list[tuple[int, int]]]:
    data, rule = chunk.data, probe.rule
    steps: list[str] = []
    hidden: list[tuple[int, int]] = []
    verdict = ""
    if rule.files and not rule.applies_to(chunk.origin.path):
        verdict = f"not tried: the rule looks at {', '.join(rule.files)} only"
    else:
        attempts = list(probe.attempts(data, keyword, at, {}))
        for attempt in attempts:
            hidden.append((attempt.secret_start, attempt.secret_end))
            steps += _steps(data, probe, attempt, chunk.origin.path)
            verdict = _verdict(matcher, chunk, probe, attempt, kept)
        if not attempts:
            verdict = _near_miss(probe, data, keyword, at)
    return Trial(rule.id, keyword.text, at - start + 1, tuple(steps), verdict), hidden


def _steps(data: bytes, probe: Probe, attempt: Attempt, path: str) -> Iterator[str]:
    secret = data[attempt.secret_start : attempt.secret_end]
    public = data[attempt.start : attempt.secret_start].decode("utf-8", "replace")
    yield f"pattern fits: public '{public}', secret of {len(secret)} bytes, {entropy(secret):.2f} bits a character"
    if attempt.environment:
        yield f"environment: {attempt.environment}"
    if attempt.name:
        yield f"assigned to: {attempt.name.decode('utf-8', 'replace')}"
    yield from (f"check fails: {reason}" for reason in probe.objections(data, attempt, path))


def _verdict(
    matcher: Matcher, chunk: Chunk, probe: Probe, attempt: Attempt, kept: dict[tuple[str, int], Hit]
) -> str:
    data, rule = chunk.data, probe.rule
    sample = probe.sample(data, attempt)
    if not sample and next(probe.objections(data, attempt, chunk.origin.path), None) is not None:
        return "no: a check fails"
    if (rule.id, attempt.start) not in kept:
        others = {hit.attempt.rule.id for hit in kept.values() if hit.start < attempt.end and hit.end > attempt.start}
        return f"no: {', '.join(sorted(others)) or 'another rule'} is more specific and has these bytes"
    if rule.id not in matcher.rules.selected:
        return "yes, but the rule is switched off"
    if sample:
        return f"yes, but it is a {sample} key: reported with --include-examples only"
    return "yes: a finding"


def _near_miss(probe: Probe, data: bytes, keyword: Keyword, at: int) -> str:
    if probe.rule.context:
        return "no: no value of the rule's shape is assigned to a fitting name on this line or the next"
    loose = re.compile(probe.rule.pattern.encode("ascii"))
    begin = at - keyword.low if keyword.low == keyword.high else max(0, at - keyword.high)
    found = loose.search(data, max(0, begin), min(len(data), at + len(keyword.text) + probe.rule.most))
    if found is None or found.start() > at or found.end() <= at:
        return "no: the pattern does not fit (too short, or a character that cannot be in it)"
    return "no: the pattern fits, but more characters of the same kind stand right before or after it"


def _hide(data: bytes, start: int, end: int, spans: list[tuple[int, int]]) -> str:
    out, at = [], start
    for first, last in sorted(spans):
        if last <= at or first >= end:
            continue
        out += [data[at : max(at, first)], MASK.encode()]
        at = max(at, last)
    out.append(data[at:end])
    return b"".join(out).decode("utf-8", "replace").rstrip("\r")
