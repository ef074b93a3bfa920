"""CSV for spreadsheets and scripts (RFC 4180): one row a finding, the columns documented in docs/reports.md.

A spreadsheet runs a cell that begins with `=`, `+`, `-` or `@` as a formula, and file names come from whoever wrote
them. Such a cell gets an apostrophe in front, which spreadsheets take for "this is text".
https://owasp.org/www-community/attacks/CSV_Injection
"""

from __future__ import annotations

import csv
import io
from typing import Final

from scanner.models import CommitRef, Finding
from scanner.policy import Decision, fails
from scanner.reports.interface import Options, environment
from scanner.reports.text_safety import printable
from scanner.rule import RuleSet

COLUMNS: Final = (
    "fingerprint", "failing", "severity", "confidence", "rule", "provider", "title", "environment", "key", "variable",
    "path", "kind", "line", "column", "end_line", "end_column", "occurrences", "decoded", "sample", "validity",
    "validity_reason", "introduced", "introduced_date", "introduced_by", "removed", "in_head", "object", "rotate",
    "endpoint", "http_status", "asked", "expires",
)  # fmt: skip
"""The names of the columns, in their order. New ones are only ever added at the end."""

_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")  # full-width ones count in some


def render(decision: Decision, rules: RuleSet, options: Options) -> str:
    """A header and a row for each reported finding, in the order of places."""
    options.fingerprints.prepare(decision.findings)
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)  # a comma is no separator where Excel expects semicolons
    writer.writerow(COLUMNS)
    for finding in decision.findings:
        row = _row(finding, decision, rules, options)
        writer.writerow([_cell(row[column], options) for column in COLUMNS])
    return out.getvalue()


def _row(finding: Finding, decision: Decision, rules: RuleSet, options: Options) -> dict[str, str]:
    at, history = finding.location, finding.history
    rule = rules.by_id.get(finding.rule_id)
    introduced = history.introduced if history else None
    return {
        "fingerprint": options.fingerprints.of(finding),
        "failing": _yes(fails(finding, decision.policy.fail_on)),
        "severity": finding.severity,
        "confidence": finding.confidence,
        "rule": finding.rule_id,
        "provider": finding.provider,
        "title": finding.title,
        "environment": environment(finding),
        "key": finding.masked,
        "variable": finding.variable,
        "path": at.path,
        "kind": finding.origin.kind,
        "line": str(at.line),
        "column": str(at.column),
        "end_line": str(at.end_line),
        "end_column": str(at.end_column),
        "occurrences": str(finding.occurrences),
        "decoded": " ".join(finding.decoded),
        "sample": finding.sample,
        "validity": finding.validity.status,
        "validity_reason": finding.validity.reason,
        "introduced": _id(introduced),
        "introduced_date": introduced.date if introduced else "",
        "introduced_by": introduced.author if introduced else "",
        "removed": _id(history.removed if history else None),
        "in_head": _yes(history.in_head) if history else "",
        "object": finding.origin.object_id,
        "rotate": rule.rotate if rule else "",
        "endpoint": finding.validity.endpoint,
        "http_status": str(finding.validity.http_status or ""),
        "asked": finding.validity.asked,
        "expires": finding.expires,
    }


def _id(commit: CommitRef | None) -> str:
    return commit.id if commit else ""


def _yes(value: bool) -> str:
    return "true" if value else "false"


def _cell(text: str, options: Options) -> str:
    safe = printable(options.mask(text))
    return f"'{safe}" if safe.lstrip().startswith(_STARTS_A_FORMULA) else safe


__all__ = ["COLUMNS", "render"]
