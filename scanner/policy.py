"""From what was found to what it means: which findings are reported, which fail, and the exit code.

Pure: no files, no clock, no environment. The exit code is decided here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date
from enum import IntEnum, StrEnum
from fnmatch import fnmatchcase
from typing import Final

from scanner.baseline import NOTHING_KNOWN, Entry, Known
from scanner.errors import UsageError
from scanner.globs import path_matches
from scanner.models import Confidence, Finding, ScanResult, Severity


class Exit(IntEnum):
    """What the command tells its caller; see docs/exit-codes.md. Never green by accident."""

    OK = 0
    LEAKS = 1
    FAILURE = 2
    INCOMPLETE = 3


class FailOn(StrEnum):
    """A condition under which a reported finding fails the scan. Several together: each alone is enough.

    `ACTIVE`: the provider says that the key works. `UNKNOWN`: it does not say that the key is dead (so active, too).
    """

    ANY = "any"
    LIVE = "live"
    ACTIVE = "active"
    UNKNOWN = "unknown"
    NEVER = "never"
    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class By(StrEnum):
    """What suppressed a finding."""

    EXCLUDED = "excluded"
    SAMPLE = "sample"
    SEVERITY = "severity"
    CONFIDENCE = "confidence"
    INLINE = "inline"
    BASELINE = "baseline"
    HONOURED = "honoured"


@dataclass(frozen=True, slots=True)
class Policy:
    """What the user wants reported, tolerated and failed. By default that is what is worth a person's minute: neither
    notes (public ids and publishable keys) nor findings of low confidence.

    `whole` says that the scan covered all that the baseline is about (a repository, not two files of it): only
    then can a baseline entry that nothing answers to be called stale. `honour` names the other scanners whose own
    allow comments count like `keysweep:allow`.
    """

    fail_on: frozenset[FailOn] = frozenset({FailOn.ANY})
    min_severity: Severity = Severity.LOW
    min_confidence: Confidence = Confidence.MEDIUM
    include_examples: bool = False
    allow_inline: bool = True
    exclude: tuple[str, ...] = ()
    whole: bool = True
    honour: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not self.fail_on:
            raise UsageError("fail-on is empty: say any, live, active, unknown, never or a severity")
        if FailOn.NEVER in self.fail_on and len(self.fail_on) > 1:
            others = ", ".join(sorted(self.fail_on - {FailOn.NEVER}))
            raise UsageError(f"fail-on never contradicts fail-on {others}: keep one of them")


LEAST: Final = (Severity.NOTE, Confidence.LOW)
"""The thresholds under which everything is reported: for keys that somebody named."""


@dataclass(frozen=True, slots=True)
class Suppressed:
    """A finding that is not reported: by what, and the reason that was given for it ("" for none)."""

    finding: Finding
    by: By
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """The judgement of one scan. `findings` are reported, in the result's order; `failing` are those of them
    that fail it; `undecided` are those that would fail it if they are active, which nobody could find out;
    `expired` are baseline entries whose day has come and whose finding is reported again."""

    result: ScanResult
    policy: Policy = Policy()
    findings: tuple[Finding, ...] = ()
    failing: tuple[Finding, ...] = ()
    undecided: tuple[Finding, ...] = ()
    suppressed: tuple[Suppressed, ...] = ()
    stale: tuple[Entry, ...] = ()
    expired: tuple[Entry, ...] = ()
    exit_code: Exit = Exit.OK


def _not_honoured(_: Finding) -> str:
    return ""


def parse_fail_on(words: Iterable[str]) -> frozenset[FailOn]:
    """`["live", "high"]` or `["live,high"]` as conditions; `UsageError` for a word that is none."""
    names = [name.strip() for word in words for name in word.split(",")]
    known = [str(condition) for condition in FailOn]
    for name in names:
        if name not in known:
            raise UsageError(f"fail-on '{name}' is not known: choose from {', '.join(known)}")
    return frozenset(FailOn(name) for name in names)


def decide(
    result: ScanResult,
    policy: Policy,
    known: Known = NOTHING_KNOWN,
    *,
    today: date,
    honoured: Callable[[Finding], str] = _not_honoured,
) -> Decision:
    """Judges one scan. Every finding of the result is either reported or suppressed, never lost. `honoured` says which
    entry of another scanner's files tolerates a finding ("" for none)."""
    reported: list[Finding] = []
    suppressed: list[Suppressed] = []
    expired: dict[tuple[str, str, str], Entry] = {}
    for found in result.findings:
        entry = known.entry(found)
        finding = _aged(found, today)
        why = _suppression(finding, policy, entry, today) or _of_a_rival(finding, policy, honoured)
        if why is not None:
            suppressed.append(why)
            continue
        reported.append(finding)
        if entry is not None:
            expired[entry.sort_key] = entry
    failing = tuple(f for f in reported if fails(f, policy.fail_on))
    undecided = tuple(f for f in reported if _undecided(f, policy.fail_on))
    return Decision(
        result=result,
        policy=policy,
        findings=tuple(reported),
        failing=failing,
        undecided=undecided,
        suppressed=tuple(suppressed),
        stale=known.unmatched if policy.whole and result.complete else (),
        expired=tuple(expired[key] for key in sorted(expired)),
        exit_code=_exit_code(failing, complete=result.complete and not undecided),
    )


def live(finding: Finding) -> bool:
    """True unless the key is known to be a test key: what nobody knows may be live."""
    return finding.environment != "test"


def fails(finding: Finding, fail_on: frozenset[FailOn]) -> bool:
    """True when one of the conditions holds for the finding. A severity means that or worse."""
    return any(_holds(finding, condition) for condition in fail_on)


def _holds(finding: Finding, condition: FailOn) -> bool:
    if condition is FailOn.NEVER:
        return False
    if condition is FailOn.ANY:
        return True
    if condition is FailOn.LIVE:
        return live(finding)
    if condition is FailOn.ACTIVE:
        return finding.validity.status == "active"
    if condition is FailOn.UNKNOWN:
        return finding.validity.status != "inactive"
    return finding.severity.rank <= Severity(condition.value).rank


SETTLED: Final = frozenset({"canary", "missing-part", "no-check", "not-sendable", "sample", "switched-off"})
"""Reasons for `unknown` that lie in the key, its rule or a decision: asking again changes nothing. With any other one
the provider was not asked, or did not say."""


def _undecided(finding: Finding, fail_on: frozenset[FailOn]) -> bool:
    """True when `fail-on active` cannot be answered for the finding: a provider that was out of reach must not turn
    an active key into a pass."""
    asked = FailOn.ACTIVE in fail_on and finding.validity.status == "unknown"
    return asked and finding.validity.reason not in SETTLED and not fails(finding, fail_on)


def to_be_asked(finding: Finding, policy: Policy) -> bool:
    """False for a finding that would not be reported whatever its provider says, as far as that can be told without
    the baseline: a key that nobody wants to hear of is not sent anywhere."""
    return (_suppression(finding, policy, None, date.min) or _of_a_rival(finding, policy, _not_honoured)) is None


def answer_code(findings: Iterable[Finding]) -> Exit:
    """The exit code of a question about certain keys: 1 when one of them works, 0 when the providers call all of them
    dead, 3 when that is not known of some (or there is none)."""
    said = {finding.validity.status for finding in findings}
    if "active" in said:
        return Exit.LEAKS
    return Exit.OK if said == {"inactive"} else Exit.INCOMPLETE


def _aged(finding: Finding, today: date) -> Finding:
    """The finding as it is on that day: a token that says that it has expired is less severe, unless its provider
    takes it all the same."""
    over = finding.expires and finding.expires[:10] < today.isoformat() and finding.validity.status != "active"
    if not over or finding.severity.rank >= Severity.LOW.rank:
        return finding
    return replace(finding, severity=Severity.LOW)


def _suppression(finding: Finding, policy: Policy, entry: Entry | None, today: date) -> Suppressed | None:
    """The first thing that suppresses it. What is no leak by its nature comes before what somebody tolerates, so that
    a baseline entry or a comment is never counted for a documentation sample."""
    if path_matches(finding.location.path, policy.exclude):
        return Suppressed(finding, By.EXCLUDED)
    if finding.sample and not policy.include_examples:
        return Suppressed(finding, By.SAMPLE, finding.sample)
    if finding.severity.rank > policy.min_severity.rank:
        return Suppressed(finding, By.SEVERITY)
    if finding.confidence.rank > policy.min_confidence.rank:
        return Suppressed(finding, By.CONFIDENCE)
    if finding.allow and policy.allow_inline and _allows(finding.allow.rule_id, finding):
        return Suppressed(finding, By.INLINE, finding.allow.reason)
    if entry is not None and not entry.expired(today):
        return Suppressed(finding, By.BASELINE, entry.reason)
    return None


def _of_a_rival(finding: Finding, policy: Policy, honoured: Callable[[Finding], str]) -> Suppressed | None:
    """What another scanner was told to tolerate, where that is to count."""
    said = [name for name in finding.marks if name in policy.honour and policy.allow_inline]
    if said:
        return Suppressed(finding, By.HONOURED, f"a comment for {said[0]}")
    reason = honoured(finding)
    return Suppressed(finding, By.HONOURED, reason) if reason else None


def _allows(rule_id: str, finding: Finding) -> bool:
    return rule_id in ("", finding.provider) or fnmatchcase(finding.rule_id, rule_id)


def _exit_code(failing: tuple[Finding, ...], *, complete: bool) -> Exit:
    if failing:
        return Exit.LEAKS
    return Exit.OK if complete else Exit.INCOMPLETE


__all__ = [
    "LEAST", "SETTLED", "By", "Decision", "Exit", "FailOn", "Policy", "Suppressed", "answer_code", "decide", "fails",
    "live", "parse_fail_on", "to_be_asked",
]  # fmt: skip
