"""GitLab's secret detection report (`gl-secret-detection-report.json`), schema 15.
https://docs.gitlab.com/development/integrations/secure/

GitLab tells findings apart by the first identifier, the file and the lines. `raw_source_code_extract`, which would
hold the key itself, is never written.
"""

from __future__ import annotations

import json
import re
import uuid
from collections import Counter
from typing import Any, Final

from scanner import __version__
from scanner.models import Finding, Severity
from scanner.policy import Decision
from scanner.reports.interface import Options, count, verified, where
from scanner.reports.text_safety import code, plain, printable, shortened
from scanner.reports.words import headline, validity
from scanner.rule import RuleSet

VERSION: Final = "15.0.7"
MAX_MESSAGES: Final = 500
NAMESPACE: Final = uuid.UUID("6f3c2b1e-0d5a-5f64-9c1b-2a7e4d8b9f30")
"""Of the ids, which are UUIDs of version 5, made of fingerprints. Never to be changed, or every id changes."""

_MAX_NAME, _MAX_SOLUTION, _MAX_FOREIGN = 255, 7_000, 4_000
_NO_COMMIT = "0" * 40
_SEVERITY = {
    Severity.CRITICAL: "Critical",
    Severity.HIGH: "High",
    Severity.MEDIUM: "Medium",
    Severity.LOW: "Low",
    Severity.NOTE: "Info",
}


def render(decision: Decision, rules: RuleSet, options: Options) -> str:
    """The report, ASCII only, ending with a newline; without vulnerabilities when there is nothing to report."""
    options.fingerprints.prepare(decision.findings)
    seen: Counter[str] = Counter()
    report = {
        "version": VERSION,
        "scan": _scan(decision, options),
        "vulnerabilities": [_vulnerability(finding, rules, options, seen) for finding in decision.findings],
    }
    return json.dumps(report, indent=2) + "\n"


def _scan(decision: Decision, options: Options) -> dict[str, Any]:
    tool = {"id": "keysweep", "name": "keysweep", "version": __version__, "vendor": {"name": "keysweep"}}
    time = options.moment.replace(tzinfo=None).isoformat(timespec="seconds")
    return {
        "analyzer": tool,
        "scanner": tool,
        "type": "secret_detection",
        "start_time": time,
        "end_time": time,
        "status": "success" if decision.result.complete else "failure",
        "messages": _messages(decision, options),
    }


def _messages(decision: Decision, options: Options) -> list[dict[str, str]]:
    skipped, notes = decision.result.skipped, decision.result.notes
    lost = [f"Not read: {_foreign(s.what, options)}: {_foreign(s.reason, options)}" for s in skipped[:MAX_MESSAGES]]
    if len(skipped) > MAX_MESSAGES:
        lost.append(f"Not read: {count(len(skipped) - MAX_MESSAGES, 'more item')}.")
    remarks = [_foreign(note, options) for note in notes[:MAX_MESSAGES] if note]
    return [{"level": "warn", "value": text} for text in lost] + [{"level": "info", "value": text} for text in remarks]


def _vulnerability(finding: Finding, rules: RuleSet, options: Options, seen: Counter[str]) -> dict[str, Any]:
    rule = rules.by_id.get(finding.rule_id)
    rotate = rule.rotate if rule else ""
    page = re.fullmatch(r"https?://\S+", rotate) is not None
    how = f"Revoke it and make a new one{' at ' + rotate if page else ': ' + rotate if rotate else '.'}"
    vulnerability = {
        "id": _id(finding, options, seen),
        "name": shortened(_foreign(finding.title, options), _MAX_NAME),
        "description": _description(finding, options),
        "severity": "Info" if finding.validity.status == "inactive" else _SEVERITY[finding.severity],
        "solution": shortened(how, _MAX_SOLUTION),
        "identifiers": [
            {"type": "keysweep_rule_id", "name": f"keysweep rule {finding.rule_id}", "value": finding.rule_id}
        ],
        "location": _location(finding, options),
    }
    if page:
        vulnerability["links"] = [{"name": "Where to revoke and renew it", "url": rotate}]
    if finding.sample:
        flag = {"type": "flagged-as-likely-false-positive", "origin": "keysweep"}
        vulnerability["flags"] = [{**flag, "description": f"a {_foreign(finding.sample, options)} sample"}]
    return vulnerability


def _id(finding: Finding, options: Options, seen: Counter[str]) -> str:
    """Of the fingerprint; of equal keys in one file the second has the id of `fingerprint:2`."""
    fingerprint = options.fingerprints.of(finding)
    seen[fingerprint] += 1
    occurrence = seen[fingerprint]
    return str(uuid.uuid5(NAMESPACE, fingerprint if occurrence == 1 else f"{fingerprint}:{occurrence}"))


def _description(finding: Finding, options: Options) -> str:
    """Markdown, which is how GitLab shows it."""
    name = f", assigned to {_quoted(finding.variable, options)}" if finding.variable else ""
    parts = [f"{plain(headline(finding))}: {_quoted(finding.masked, options)}{name}."]
    if where(finding):
        parts.append(f"It stands {where(finding)}: {_quoted(finding.location.path, options) or 'standard input'}.")
    if finding.decoded:
        parts.append(f"Decoded from {_quoted(', then '.join(finding.decoded), options)}.")
    if verified(finding):
        parts.append(f"Status: {_quoted(validity(finding.validity), options)}.")
    if finding.history is not None and not finding.history.in_head:
        parts.append("It is no longer in HEAD, but still in the history.")
    parts.append("Whoever has a copy of the repository, a fork or a log has the key.")
    return " ".join(parts)


def _location(finding: Finding, options: Options) -> dict[str, Any]:
    at = finding.location
    place = _foreign(options.fingerprints.place(finding), options)
    introduced = finding.history.introduced if finding.history else None
    commit = {"sha": introduced.id if introduced else _NO_COMMIT}
    if introduced:
        commit["date"] = _foreign(introduced.date, options)
    return {"file": place, "start_line": at.line, "end_line": at.end_line, "commit": commit}


def _quoted(text: str, options: Options) -> str:
    return code(shortened(options.mask(text), _MAX_FOREIGN)) if text else ""


def _foreign(text: str, options: Options) -> str:
    return shortened(printable(options.mask(text)), _MAX_FOREIGN)


__all__ = ["MAX_MESSAGES", "NAMESPACE", "VERSION", "render"]
