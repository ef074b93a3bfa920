"""SARIF 2.1.0, as GitHub code scanning wants it.

GitHub takes an alert's severity from the *rule*, so a live key, a test key, and a key that its provider calls active
or inactive have rule ids of their own (`logtalk-api-key`, `logtalk-api-key/test`, `logtalk-api-key/active`). It
recognises an alert by rule, path and fingerprint, so none of the three holds anything that a rebase changes (a commit,
an author, a line). It keeps 5,000 results of a run, so the worst come first and the rest is left out, said aloud.
https://docs.github.com/en/code-security/reference/code-scanning/sarif-support-for-code-scanning
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import attr
import sarif_om as om

from scanner import __version__
from scanner.models import Confidence, Finding, Kind, Severity
from scanner.policy import By, Decision
from scanner.reports.interface import Options, count, rank, verified, where
from scanner.reports.text_safety import printable
from scanner.reports.words import validity
from scanner.rule import Rule, RuleSet

SCHEMA_URI: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
MAX_RESULTS: Final = 5_000
MAX_NOTIFICATIONS: Final = 500
_MAX_DESCRIPTION = 1_000  # GitHub: 1,024

_LEVEL = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.NOTE: "note",
}
# GitHub's bands: above 9.0 critical, from 7.0 high, from 4.0 medium, from 0.1 low.
_SECURITY_SEVERITY = {
    Severity.CRITICAL: 9.5,
    Severity.HIGH: 8.0,
    Severity.MEDIUM: 5.5,
    Severity.LOW: 2.5,
    Severity.NOTE: 0.5,
}
# What is known to work stands a band higher than what may work; what is known to be dead below all that may work.
_ACTIVE_SEVERITY = {
    Severity.CRITICAL: 9.9,
    Severity.HIGH: 9.3,
    Severity.MEDIUM: 7.5,
    Severity.LOW: 4.5,
    Severity.NOTE: 1.0,
}
_INACTIVE_SEVERITY = {
    Severity.CRITICAL: 0.4,
    Severity.HIGH: 0.3,
    Severity.MEDIUM: 0.2,
    Severity.LOW: 0.1,
    Severity.NOTE: 0.1,
}
_PRECISION = {Confidence.HIGH: "high", Confidence.MEDIUM: "medium", Confidence.LOW: "low"}
_SCORES = {"": _SECURITY_SEVERITY, "active": _ACTIVE_SEVERITY, "inactive": _INACTIVE_SEVERITY}
_VARIANTS = {
    "": "",
    "active": " (active)",
    "inactive": " (inactive)",
    "test": " (test key)",
    "test/active": " (test key, active)",
    "test/inactive": " (test key, inactive)",
}
_NO_FILE = {Kind.COMMIT_MESSAGE, Kind.TAG_MESSAGE, Kind.NOTE}


def render(decision: Decision, rules: RuleSet, options: Options) -> str:
    """One run, ASCII only, ending with a newline; with empty results when there is nothing to report, because only
    then do old alerts close."""
    log = plain(_Log(decision, rules, options).log())
    ordered = {key: log[key] for key in ("$schema", "version", "runs")}
    return json.dumps(ordered, indent=2) + "\n"


def plain(value: Any) -> Any:
    """A sarif_om object as JSON wants it: each attribute under its name in the standard, what is not set left out."""
    if attr.has(type(value)):
        return {
            item.metadata["schema_property_name"]: plain(content)
            for item in attr.fields(type(value))
            if (content := getattr(value, item.name)) is not None and not _is_implied(item, content)
        }
    if isinstance(value, dict):
        return {key: plain(content) for key, content in value.items()}
    if isinstance(value, list):
        return [plain(content) for content in value]
    return value


def _is_implied(item: Any, content: Any) -> bool:
    """True for what sarif_om fills in by itself and the standard means anyway, such as `"rank": -1.0`. A level is
    written out, because readers look for it."""
    if item.default is attr.NOTHING or item.name == "level":
        return False
    default = item.default
    return bool(content == (default.factory() if hasattr(default, "factory") else default))


@dataclass(frozen=True, slots=True)
class _Log:
    decision: Decision
    rules: RuleSet
    options: Options

    def log(self) -> Any:
        kept = rank(self.decision.findings)[:MAX_RESULTS]
        self.options.fingerprints.prepare(kept)
        descriptors = self._descriptors(kept)
        index = {descriptor.id: number for number, descriptor in enumerate(descriptors)}
        seen: Counter[str] = Counter()
        driver = om.ToolComponent(
            name="keysweep",
            semantic_version=__version__,
            rules=descriptors,
        )
        run = om.Run(
            tool=om.Tool(driver=driver),
            results=[self._result(finding, index, seen) for finding in kept],
            invocations=[self._invocation(len(kept))],
            automation_details=om.RunAutomationDetails(id=f"{self.options.category}/"),
            column_kind="unicodeCodePoints",
            properties=self._properties(),
        )
        return om.SarifLog(schema_uri=SCHEMA_URI, version="2.1.0", runs=[run])

    # -- rules --------------------------------------------------------------------------------------------------

    def _descriptors(self, kept: Sequence[Finding]) -> list[Any]:
        """The rules that the results name, and no others: all of them, each with its help, make 700 kB."""
        descriptors: dict[str, Any] = {}
        for finding in kept:
            name = _rule_id(finding)
            if name not in descriptors:
                rule = self.rules.by_id.get(finding.rule_id) or _stand_in(finding)
                descriptors[name] = _descriptor(rule, _variant(finding))
        return [descriptors[name] for name in sorted(descriptors)]

    # -- results ------------------------------------------------------------------------------------------------

    def _result(self, finding: Finding, index: dict[str, int], seen: Counter[str]) -> Any:
        rule_id = _rule_id(finding)
        fingerprint = self.options.fingerprints.of(finding)
        seen[fingerprint] += 1
        return om.Result(
            rule_id=rule_id,
            rule_index=index[rule_id],
            level=_level(finding.severity, _variant(finding)),
            message=om.Message(text=self._message(finding)),
            locations=[self._location(finding)],
            partial_fingerprints={"primaryLocationLineHash": f"{fingerprint}:{seen[fingerprint]}"},
        )

    def _message(self, finding: Finding) -> str:
        """One or two sentences. Foreign words are escaped: `[text](link)` in a SARIF message becomes a link."""
        environment = f" ({finding.environment})" if finding.environment else ""
        name = f", assigned to {self._foreign(finding.variable)}" if finding.variable else ""
        parts = [f"{finding.title}{environment}: {self._foreign(finding.masked)}{name}."]
        if where(finding):
            exactly = f": {self._foreign(finding.location.path)}" if finding.origin.kind in _NO_FILE else ""
            parts.append(f"It stands {where(finding)}, not in a file's content{exactly}.")
        if verified(finding):
            parts.append(f"Status: {self._foreign(validity(finding.validity))}.")
        history = finding.history
        if history is not None and history.introduced is not None:
            since = f"In the history since {self._foreign(history.introduced.date)[:10]}"
            state = "still in HEAD" if history.in_head else "no longer in HEAD, but still readable"
            parts.append(f"{since} (commit {history.introduced.id[:8]}), {state}.")
        if finding.decoded:
            parts.append(f"Decoded from {', then '.join(map(self._foreign, finding.decoded))}.")
        parts.append("Revoke it and make a new one: removing it from the code does not make it safe.")
        return " ".join(parts)

    def _location(self, finding: Finding) -> Any:
        return om.Location(
            physical_location=om.PhysicalLocation(
                artifact_location=om.ArtifactLocation(uri=uri(self.options.fingerprints.place(finding))),
                region=_region(finding),
            )
        )

    # -- the run ------------------------------------------------------------------------------------------------

    def _invocation(self, kept: int) -> Any:
        result = self.decision.result
        notes = [
            om.Notification(
                level="warning",
                message=om.Message(text=f"Not read: {self._foreign(s.what)}: {self._foreign(s.reason)}"),
            )
            for s in result.skipped[:MAX_NOTIFICATIONS]
        ]
        if len(result.skipped) > MAX_NOTIFICATIONS:
            more = count(len(result.skipped) - MAX_NOTIFICATIONS, "more item")
            notes.append(om.Notification(level="warning", message=om.Message(text=f"Not read: {more}.")))
        if kept < len(self.decision.findings):
            text = (
                f"{count(len(self.decision.findings) - kept, 'result')} left out: code scanning keeps "
                f"{MAX_RESULTS:,} of a run, and these are the worst of {len(self.decision.findings):,}. "
                "The json report holds them all."
            )
            notes.append(om.Notification(level="warning", message=om.Message(text=text)))
        notes += [
            om.Notification(level="note", message=om.Message(text=self._foreign(note)))
            for note in result.notes[:MAX_NOTIFICATIONS]
        ]
        return om.Invocation(
            execution_successful=result.complete,
            exit_code=int(self.decision.exit_code),
            tool_execution_notifications=notes,
        )

    def _properties(self) -> dict[str, Any]:
        by = Counter(item.by for item in self.decision.suppressed)
        return {
            "complete": self.decision.result.complete,
            "suppressed": {str(kind): by[kind] for kind in By},
            "staleBaselineEntries": len(self.decision.stale),
        }

    def _foreign(self, text: str) -> str:
        return re.sub(r"([\\\[\]])", r"\\\1", printable(self.options.mask(text))) if text else ""


def uri(path: str) -> str:
    """A path as a relative URI reference: every byte that is not plainly safe is percent-encoded, the colon too, so
    that no file name can look like a scheme or a host. A path outside the folder stays absolute."""
    relative = re.sub(r"/{2,}", "/", path)
    while relative.startswith("./"):
        relative = relative[2:]
    return quote(relative.encode("utf-8", "surrogatepass" if _lone(relative) else "surrogateescape"), safe="/*")


def _lone(text: str) -> bool:
    """True for surrogates that do not stand for a byte (`surrogateescape` cannot write those)."""
    return any("\ud800" <= c < "\udc80" or "\udcff" < c <= "\udfff" for c in text)


def _region(finding: Finding) -> Any:
    """The key's place; of a key of many lines the first line only, since an alert shows in a pull request only
    when every line of its region is part of the change."""
    at = finding.location
    if at.end_line > at.line:
        return om.Region(start_line=at.line, start_column=at.column, end_line=at.line)
    return om.Region(
        start_line=at.line, start_column=at.column, end_line=at.line, end_column=max(at.end_column, at.column)
    )


def _variant(finding: Finding) -> str:
    known = finding.validity.status if finding.validity.status in ("active", "inactive") else ""
    return "/".join(part for part in ("test" if finding.environment == "test" else "", known) if part)


def _status(variant: str) -> str:
    return variant.removeprefix("test").removeprefix("/")


def _level(severity: Severity, variant: str) -> str:
    return "note" if _status(variant) == "inactive" else _LEVEL[severity]


def _rule_id(finding: Finding) -> str:
    variant = _variant(finding)
    return f"{finding.rule_id}/{variant}" if variant else finding.rule_id


def _stand_in(finding: Finding) -> Rule:
    """A rule for a finding whose own is not at hand (read back from elsewhere)."""
    return Rule(
        id=finding.rule_id,
        provider=finding.provider,
        provider_name=finding.provider,
        name=finding.title,
        description=f"{finding.title}.",
        keywords=(),
        pattern="",
        severity=finding.severity,
        confidence=finding.confidence,
    )


def _descriptor(rule: Rule, variant: str) -> Any:
    severity = rule.severity_in("test") if variant.startswith("test") else rule.severity
    score = _SCORES[_status(variant)][severity]
    return om.ReportingDescriptor(
        id=f"{rule.id}/{variant}" if variant else rule.id,
        short_description=om.MultiformatMessageString(text=f"{rule.name}{_VARIANTS[variant]} leaked"),
        full_description=om.MultiformatMessageString(text=_shortened(rule.description or rule.name)),
        help=om.MultiformatMessageString(text=_help(rule), markdown=_help_markdown(rule)),
        help_uri=next((link for link in (rule.rotate, *rule.references) if _is_link(link)), None),
        default_configuration=om.ReportingConfiguration(level=_level(severity, variant)),
        properties={
            "tags": ["security", "secret", rule.provider],
            "precision": _PRECISION[rule.confidence],
            "security-severity": f"{score:.1f}",
        },
    )


def _help(rule: Rule) -> str:
    lines = [
        f"{rule.name}: {rule.description}",
        f"Revoke it first, then replace it: {rule.rotate or 'see the documents of ' + rule.provider_name}",
        "Whoever has a copy of the repository, a fork or a log has the key; deleting the line does not take it back.",
        *(f"See {link}" for link in rule.references),
    ]
    return "\n".join(lines)


def _help_markdown(rule: Rule) -> str:
    sentence = rule.rotate or f"see {rule.provider_name}'s documents."
    rotate = f"revoke it and make a new one at <{rule.rotate}>" if _is_link(rule.rotate) else sentence
    lines = [
        f"**{rule.name}**: {rule.description}",
        "",
        f"1. **First revoke**: {rotate}",
        "2. Keep the new key out of the code: an environment variable or a secret store.",
        "3. Look for use of the old key since it was committed. Deleting the line does not take it back: "
        "whoever has a copy of the repository, a fork or a log has the key.",
    ]
    if rule.references:
        lines += ["", "See " + ", ".join(f"<{link}>" if _is_link(link) else link for link in rule.references)]
    return "\n".join(lines)


def _is_link(text: str) -> bool:
    return re.fullmatch(r"https?://[^\s<>]+", text) is not None


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_DESCRIPTION else text[: _MAX_DESCRIPTION - 1] + "…"


__all__ = ["MAX_RESULTS", "SCHEMA_URI", "plain", "render", "uri"]
