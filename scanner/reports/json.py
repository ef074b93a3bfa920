"""The report for programs: documented in docs/report-json.md, described by docs/keysweep-report.schema.json.

Stable: the same scan gives the same bytes. Fields are only ever added under one schema number.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from scanner import __version__
from scanner.baseline import Entry
from scanner.models import CommitRef, Finding, History
from scanner.policy import By, Decision, fails, live
from scanner.reports.interface import Options, environment
from scanner.reports.text_safety import whole
from scanner.rule import RuleSet

SCHEMA: Final = 1


def render(decision: Decision, rules: RuleSet, options: Options) -> str:
    """The report, ASCII only (everything else escaped), ending with a newline."""
    options.fingerprints.prepare(decision.findings)
    everything = (*decision.findings, *(item.finding for item in decision.suppressed))
    different = dict.fromkeys(options.fingerprints.same(f) for f in everything)
    page = _Page(decision, rules, options, {same: number for number, same in enumerate(different, start=1)})
    return json.dumps(page.report(), indent=2) + "\n"


@dataclass(frozen=True, slots=True)
class _Page:
    decision: Decision
    rules: RuleSet
    options: Options
    numbers: dict[Hashable, int] = field(repr=False)

    def report(self) -> dict[str, Any]:
        decision, result = self.decision, self.decision.result
        return {
            "schema": SCHEMA,
            "tool": {"name": "keysweep", "version": __version__, "rules": len(self.rules.selected)},
            "complete": result.complete,
            "exit_code": int(decision.exit_code),
            "summary": self._summary(),
            "findings": [
                {
                    "fingerprint": self.options.fingerprints.of(f),
                    "failing": fails(f, decision.policy.fail_on),
                    **self._finding(f),
                }
                for f in decision.findings
            ],
            "suppressed": [
                {"by": str(item.by), "reason": self._foreign(item.reason), "finding": self._finding(item.finding)}
                for item in decision.suppressed
            ],
            "skipped": [
                {"what": self._foreign(s.what), "reason": self._foreign(s.reason)} for s in result.skipped
            ],
            "baseline": {
                "stale": [self._entry(e) for e in decision.stale],
                "expired": [self._entry(e) for e in decision.expired],
            },
            "stats": {
                "contents": result.stats.contents,
                "bytes": result.stats.size,
                "commits": result.stats.commits,
            },
            "notes": [self._foreign(note) for note in result.notes],
        }

    def _summary(self) -> dict[str, Any]:
        found = self.decision.findings
        by = Counter(item.by for item in self.decision.suppressed)
        return {
            "findings": len(found),
            "failing": len(self.decision.failing),
            "secrets": len({self.options.fingerprints.same(f) for f in found}),
            "test": sum(not live(f) for f in found),
            "undecided": len(self.decision.undecided),
            "validity": {
                status: sum(f.validity.status == status for f in found) for status in ("active", "unknown", "inactive")
            },
            "suppressed": {str(kind): by[kind] for kind in By},
            "skipped": len(self.decision.result.skipped),
        }

    def _finding(self, finding: Finding) -> dict[str, Any]:
        at = finding.location
        rule = self.rules.by_id.get(finding.rule_id)
        return {
            "rule": finding.rule_id,
            "provider": finding.provider,
            "title": finding.title,
            "severity": str(finding.severity),
            "confidence": str(finding.confidence),
            "environment": environment(finding),
            "key": self._foreign(finding.masked),
            "secret": self.numbers[self.options.fingerprints.same(finding)],
            "variable": self._foreign(finding.variable),
            "path": self._foreign(at.path),
            "kind": str(finding.origin.kind),
            "object": finding.origin.object_id,
            "line": at.line,
            "column": at.column,
            "end_line": at.end_line,
            "end_column": at.end_column,
            "text": self._foreign(finding.text),
            "entropy": round(finding.entropy, 2),
            "decoded": [self._foreign(encoding) for encoding in finding.decoded],
            "sample": finding.sample,
            "occurrences": finding.occurrences,
            "validity": {
                "status": self._foreign(finding.validity.status),
                "reason": self._foreign(finding.validity.reason),
                "endpoint": self._foreign(finding.validity.endpoint),
                "http_status": finding.validity.http_status,
                "asked": self._foreign(finding.validity.asked),
                "detail": self._foreign(finding.validity.detail),
            },
            "facts": [{"name": self._foreign(name), "text": self._foreign(text)} for name, text in finding.facts],
            "expires": self._foreign(finding.expires),
            "record": {"time": self._foreign(finding.record.time), "field": self._foreign(finding.record.field)}
            if finding.record
            else None,
            "history": _history(finding.history, self._foreign),
            "rotate": rule.rotate if rule else "",
        }

    def _entry(self, entry: Entry) -> dict[str, Any]:
        return {
            "rule": self._foreign(entry.rule),
            "path": self._foreign(entry.path),
            "id": entry.id,
            "reason": self._foreign(entry.reason),
            "expires": entry.expires.isoformat() if entry.expires else None,
            "added": entry.added.isoformat() if entry.added else None,
        }

    def _foreign(self, text: str) -> str:
        return whole(self.options.mask(text)) if text else ""


def _history(history: History | None, foreign: Callable[[str], str]) -> dict[str, Any] | None:
    if history is None:
        return None
    return {
        "introduced": _commit(history.introduced, foreign),
        "removed": _commit(history.removed, foreign),
        "commits": history.commits,
        "paths": history.paths,
        "in_head": history.in_head,
        "reachable": history.reachable,
    }


def _commit(commit: CommitRef | None, foreign: Callable[[str], str]) -> dict[str, Any] | None:
    if commit is None:
        return None
    return {key: foreign(value) if isinstance(value, str) else value for key, value in asdict(commit).items()}


__all__ = ["SCHEMA", "render"]
