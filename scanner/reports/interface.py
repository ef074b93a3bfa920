"""What a report is given, and the few judgements that all formats share.

A report is a pure function `(decision, rules, options) -> str`. The same arguments give the same text: no clock, no
environment, no terminal. It never reads a finding's secret; what it needs to know about it (an identity, whether
two are equal) comes in `Fingerprints`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

from scanner.errors import UsageError
from scanner.models import Finding, Kind, Validity
from scanner.policy import Decision, live
from scanner.rule import RuleSet

Report = Callable[[Decision, RuleSet, "Options"], str]


class Fingerprints(Protocol):
    """What may be known of secrets without knowing them. `scanner.identity.Identities` is one."""

    def prepare(self, findings: Sequence[Finding]) -> None:
        """Works out the identities of all of them at once, since one takes milliseconds."""

    def of(self, finding: Finding) -> str:
        """The identity: rule, place and secret as a slow hash."""

    def place(self, finding: Finding) -> str:
        """The stable, masked place that the identity is made with."""

    def same(self, finding: Finding) -> Hashable:
        """A token that is equal for equal secrets. For grouping; never for output."""


NOT_VERIFIED: Final = Validity()

NO_MOMENT: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Stands where a format demands a time and none was given."""


def _unchanged(text: str) -> str:
    return text


@dataclass(frozen=True, slots=True)
class Options:
    """How a report is wanted.

    `mask` (the matcher's) is applied to every text that comes from what was scanned or from outside: paths, authors,
    names, reasons. `verbosity` is -1 for quiet, 0, or 1 for verbose. `group` is `file` or `secret`. `category`
    names this analysis for code scanning, one for each job that uploads. `moment` is the time that a format shows which
    cannot do without one.
    """

    fingerprints: Fingerprints
    mask: Callable[[str], str] = _unchanged
    colour: bool = False
    group: str = "file"
    verbosity: int = 0
    category: str = "keysweep"
    moment: datetime = NO_MOMENT


def moment(environment: Mapping[str, str]) -> datetime:
    """The time to show, which is never the clock's, so that the same scan gives the same report: `SOURCE_DATE_EPOCH`,
    else `CI_COMMIT_TIMESTAMP` (GitLab sets it to the date of the commit), else `NO_MOMENT`. Raises UsageError for one
    that is no time."""
    epoch, commit = environment.get("SOURCE_DATE_EPOCH", ""), environment.get("CI_COMMIT_TIMESTAMP", "")
    name = "SOURCE_DATE_EPOCH" if epoch else "CI_COMMIT_TIMESTAMP"
    try:
        if epoch:
            return datetime.fromtimestamp(int(epoch), UTC)
        if commit:
            when = datetime.fromisoformat(commit)
            return (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        form = "seconds since 1970" if epoch else "a date as 2026-01-31T10:00:00+01:00"
        raise UsageError(f"the environment variable {name} is no time: give {form}, or unset it") from None
    return NO_MOMENT


def rank(findings: Sequence[Finding]) -> list[Finding]:
    """Worst first: what the provider calls dead comes last; then severity, then what it calls active, then live before
    test, then surer before vaguer, then still in HEAD before gone; what is equally bad keeps its order."""
    return sorted(
        findings,
        key=lambda f: (
            f.validity.status == "inactive",
            f.severity.rank,
            f.validity.status != "active",
            not live(f),
            f.confidence.rank,
            f.history is not None and not f.history.in_head,
        ),
    )


def environment(finding: Finding) -> str:
    """`live`, `test`, or `unknown`."""
    return finding.environment or "unknown"


def verified(finding: Finding) -> bool:
    """True when the finding has been through verification, whatever came of it."""
    return (finding.validity.status, finding.validity.reason) != (NOT_VERIFIED.status, NOT_VERIFIED.reason)


_WHERE = {
    Kind.COMMIT_MESSAGE: "in a commit message",
    Kind.TAG_MESSAGE: "in a tag message",
    Kind.NOTE: "in a git note",
    Kind.REF_NAME: "in the name of a branch or tag",
    Kind.PATH_NAME: "in the name of a file",
    Kind.STDIN: "in standard input",
}


def where(finding: Finding) -> str:
    """Where the key stands when that is not the content of a file; "" when it is."""
    return _WHERE.get(finding.origin.kind, "")


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 key`, `3 keys`, `1,200 keys`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def in_file(finding: Finding) -> bool:
    """True when the key stands in the content of a file that a person can open at its path and line."""
    return not where(finding) and bool(finding.location.path)


__all__ = [
    "NO_MOMENT", "Fingerprints", "Options", "Report", "count", "environment", "in_file", "moment", "rank", "verified",
    "where",
]  # fmt: skip
