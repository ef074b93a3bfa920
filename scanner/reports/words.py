"""Sentences that several reports say, so that they say the same.

They are made of our own words and of numbers; where foreign words belong in them (an author, a date), the caller
says how those are made safe for its format.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from scanner.models import CommitRef, Finding, History, Severity, Stats, Validity
from scanner.policy import By, Decision, live
from scanner.reports.interface import Fingerprints, count, verified
from scanner.verdicts import REASONS

SUPPRESSED_BY: Final = {
    By.BASELINE: "by the baseline",
    By.INLINE: "by keysweep:allow",
    By.HONOURED: "as another scanner was told to (--honour)",
    By.SAMPLE: "as samples (--include-examples reports them)",
    By.SEVERITY: "of less severity (--min-severity note reports them)",
    By.CONFIDENCE: "of less confidence (--min-confidence low reports them)",
    By.EXCLUDED: "in excluded paths",
}


def verdict(decision: Decision, fingerprints: Fingerprints) -> str:
    """What it all comes to. The word "clean" is in it only when the exit code is 0."""
    if not decision.findings:
        return _nothing_found(decision)
    sentence = _found(decision, fingerprints)
    if decision.undecided:
        sentence += f" Whether {count(len(decision.undecided), 'finding')} would fail could not be found out."
    if decision.result.skipped:
        sentence += f" {count(len(decision.result.skipped), 'item')} could not be read."
    return sentence


def _nothing_found(decision: Decision) -> str:
    stats, skipped = decision.result.stats, decision.result.skipped
    if skipped:
        lost = count(len(skipped), "item")
        return f"Incomplete: no keys to report in {read(stats)}, but {lost} could not be read."
    if not stats.contents:
        return "Nothing to scan: no content was found."
    return f"Clean: no keys to report in {read(stats)}."


def _found(decision: Decision, fingerprints: Fingerprints) -> str:
    found, failing = decision.findings, decision.failing
    keys = len({fingerprints.same(f) for f in found})
    severities = Counter(f.severity for f in found)
    kinds = [f"{severities[s]:,} {s}" for s in Severity if severities[s]]
    tests = sum(not live(f) for f in found)
    test = f"; {tests:,} of them {'is a test key' if tests == 1 else 'are test keys'}" if tests else ""
    sentence = f"Found {count(keys, 'key')} in {count(len(found), 'place')}: {', '.join(kinds)}{test}."
    said = statuses(found, fingerprints)
    if said:
        sentence += f" By status: {said}."
    if len(failing) < len(found):
        which = f"{len(failing):,} of them" if failing else "None of them"
        sentence += f" {which} {'fail' if len(failing) > 1 else 'fails'} (fail-on {conditions(decision)})."
    return sentence


def validity(said: Validity) -> str:
    """What is known of a key from its provider, and how:
    `active (accepted): the provider accepts the key; GET https://api.example.com/v1/me, HTTP 200`."""
    reply = f", HTTP {said.http_status}" if said.http_status else ""
    parts = (meaning(said), said.detail, said.endpoint and f"{said.endpoint}{reply}")
    about = "; ".join(part for part in parts if part)
    return f"{said.status} ({said.reason}){': ' if about else ''}{about}"


def meaning(said: Validity) -> str:
    """What the reason says, in words; "" for one that is none of ours."""
    return REASONS.get(said.status, {}).get(said.reason, "")


def statuses(findings: Iterable[Finding], fingerprints: Fingerprints) -> str:
    """How many different keys are active, unknown, inactive: `2 active, 1 inactive`; "" when none was verified."""
    keys = {(f.rule_id, fingerprints.same(f)): f.validity.status for f in findings if verified(f)}
    by = Counter(keys.values())
    return ", ".join(f"{by[status]:,} {status}" for status in ("active", "unknown", "inactive") if by[status])


def read(stats: Stats) -> str:
    """What was read: `120 items (1.2 MB) and 14 commits`."""
    commits = f" and {count(stats.commits, 'commit')}" if stats.commits else ""
    return f"{count(stats.contents, 'item')} ({size(stats.size)}){commits}"


def suppressed(decision: Decision) -> str:
    """How many findings were suppressed by what, "" for none."""
    by = Counter(item.by for item in decision.suppressed)
    return ", ".join(f"{by[kind]:,} {SUPPRESSED_BY[kind]}" for kind in By if by[kind])


def headline(finding: Finding) -> str:
    """What was found: `LogTalk API key (live)`."""
    return f"{finding.title} ({finding.environment})" if finding.environment else finding.title


def conditions(decision: Decision) -> str:
    """What was to fail the scan: `critical,live`."""
    return ",".join(sorted(decision.policy.fail_on))


def life(history: History, foreign: Callable[[str], str]) -> Iterator[str]:
    """A key's life in the history, in a few phrases; `foreign` makes an author's name safe."""
    if history.introduced is not None:
        yield f"introduced by {commit(history.introduced, foreign)}"
    if history.commits:
        yield f"in {count(history.commits, 'commit')}"
    if history.paths > 1:
        yield f"at {count(history.paths, 'path')}"
    if not history.reachable:
        yield "reachable from no branch or tag"
    elif history.in_head:
        yield "still in HEAD"
    elif history.removed is not None:
        yield f"removed by {commit(history.removed, foreign)}"
    else:
        yield "not in HEAD"


def commit(ref: CommitRef, foreign: Callable[[str], str]) -> str:
    """`1a2b3c4d (Ann Example, 2024-03-01)`."""
    merge = ", a merge" if ref.merge else ""
    return f"{ref.id[:8]} ({foreign(ref.author)}, {foreign(ref.date)[:10]}{merge})"


def size(number: int) -> str:
    """`1.2 MB`."""
    for unit, power in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if number >= power:
            return f"{number / power:,.1f} {unit}"
    return count(number, "byte")


__all__ = [
    "SUPPRESSED_BY", "commit", "conditions", "headline", "life", "meaning", "read", "size", "statuses",
    "suppressed", "validity", "verdict",
]  # fmt: skip
