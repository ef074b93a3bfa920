"""JUnit XML, which every CI shows among its test results. (Jenkins' schema, junit-10.xsd.)

Each finding is a test case: failed when it fails the scan, skipped when it is only reported. What could not be read is
a test case with an error, so an incomplete scan is never green. With nothing of that, one test case passes.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree as ET

from scanner.models import Finding, Skipped
from scanner.policy import Decision, fails
from scanner.reports.interface import Options, count, verified, where
from scanner.reports.text_safety import printable
from scanner.reports.words import conditions, headline, life, read, suppressed, validity, verdict
from scanner.rule import RuleSet

_SUITE = "keysweep"


def render(decision: Decision, rules: RuleSet, options: Options) -> str:
    """One test suite, XML 1.0, ending with a newline."""
    root = _Suite(decision, rules, options).element()
    ET.indent(root)
    # "us-ascii" writes everything else as character references, whatever the file is later written in.
    text = ET.tostring(root, encoding="us-ascii", xml_declaration=False).decode("ascii")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


class _Suite:
    def __init__(self, decision: Decision, rules: RuleSet, options: Options) -> None:
        self.decision, self.rules, self.options = decision, rules, options

    def element(self) -> ET.Element:
        decision = self.decision
        cases = [*map(self._finding, decision.findings), *map(self._not_read, decision.result.skipped)]
        totals = {
            "tests": str(len(cases) or 1),
            "failures": str(len(decision.failing)),
            "errors": str(len(decision.result.skipped)),
        }
        root = ET.Element("testsuites", {"name": _SUITE, **totals})
        only_reported = str(len(decision.findings) - len(decision.failing))
        suite = ET.SubElement(root, "testsuite", {"name": _SUITE, **totals, "skipped": only_reported})
        suite.extend(cases or [ET.Element("testcase", {"classname": _SUITE, "name": "no keys to report"})])
        ET.SubElement(suite, "system-out").text = "\n".join(self._words())
        return root

    def _finding(self, finding: Finding) -> ET.Element:
        at = finding.location
        place = f"line {at.line}, column {at.column}"
        name = f"{headline(finding)} [{finding.rule_id}] at {place}"
        case = ET.Element("testcase", {"classname": self._foreign(at.path) or "stdin", "name": self._foreign(name)})
        key, rule = self._foreign(finding.masked), self._foreign(finding.rule_id)
        if fails(finding, self.decision.policy.fail_on):
            problem = ET.SubElement(case, "failure", {"type": rule, "message": f"leaked: {key}"})
        else:
            message = f"reported, does not fail (fail-on {conditions(self.decision)}): {key}"
            problem = ET.SubElement(case, "skipped", {"type": rule, "message": message})
        problem.text = "\n".join(self._details(finding))
        return case

    def _details(self, finding: Finding) -> Iterator[str]:
        at = finding.location
        yield f"{self._foreign(at.path) or 'stdin'}:{at.line}:{at.column}"
        yield f"severity {finding.severity}, confidence {finding.confidence}"
        if finding.variable:
            yield f"assigned to {self._foreign(finding.variable)}"
        if where(finding):
            yield where(finding)
        if finding.decoded:
            yield f"decoded from {', then '.join(map(self._foreign, finding.decoded))}"
        if verified(finding):
            yield self._foreign(validity(finding.validity))
        yield from (f"{self._foreign(name)}: {self._foreign(text)}" for name, text in finding.facts)
        if finding.history is not None:
            yield ", ".join(life(finding.history, self._foreign))
        rule = self.rules.by_id.get(finding.rule_id)
        if rule is not None and rule.rotate:
            yield f"revoke and renew it: {self._foreign(rule.rotate)}"

    def _not_read(self, skip: Skipped) -> ET.Element:
        case = ET.Element("testcase", {"classname": self._foreign(skip.what) or "stdin", "name": "could be read"})
        reason = self._foreign(skip.reason)
        ET.SubElement(case, "error", {"type": "not-read", "message": f"not read: {reason}"})
        return case

    def _words(self) -> Iterator[str]:
        decision = self.decision
        yield verdict(decision, self.options.fingerprints)
        yield f"Read: {read(decision.result.stats)}."
        if decision.suppressed:
            yield f"Suppressed: {suppressed(decision)}."
        if decision.stale:
            yield f"Baseline: {count(len(decision.stale), 'entry', 'entries')} without a finding."
        for note in decision.result.notes:
            yield f"Note: {self._foreign(note)}"

    def _foreign(self, text: str) -> str:
        return printable(self.options.mask(text)) if text else ""


__all__ = ["render"]
