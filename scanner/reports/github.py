"""What a step of GitHub Actions prints: annotations, then the text report.

The runner takes commands from the output: a line that begins with `::name`, and any line that holds `##[name]`.
Neither may come from outside. In annotations foreign text is escaped; the text report stands between
`::stop-commands::TOKEN` and `::TOKEN::`.
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands

Of each kind the runner keeps 10 annotations of a step and drops the rest without a word. So the worst come first,
and the last one of a kind says how many more there are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

from scanner.models import Finding, Skipped
from scanner.policy import Decision, fails
from scanner.reports.interface import Options, in_file, rank, verified, where
from scanner.reports.text import render as render_text
from scanner.reports.text_safety import printable, shortened
from scanner.reports.words import conditions, headline, life, validity
from scanner.rule import RuleSet

MAX_OF_A_KIND: Final = 10
_MAX_PATH, _MAX_TITLE, _MAX_FOREIGN = 4_096, 200, 500
_SEE = "this step's log lists all"

_Properties = dict[str, str]
_Annotation = tuple[_Properties, str]
_T = TypeVar("_T")


def render(decision: Decision, rules: RuleSet, options: Options) -> str:
    """Errors for what fails the scan, warnings for what is only reported, notices for what was not read and for
    remarks; then the text report in full."""
    page = _Page(decision, options)
    findings = rank(decision.findings)
    failing = [f for f in findings if fails(f, decision.policy.fail_on)]
    tolerated = [f for f in findings if not fails(f, decision.policy.fail_on)]
    remarks: list[Skipped | str] = [*decision.result.skipped, *decision.result.notes]
    lines = [
        *_commands("error", failing, page.finding, "that fail this scan"),
        *_commands("warning", tolerated, page.finding, "that are reported and do not fail this scan"),
        *_commands("notice", remarks, page.remark, "of what was not read, and of remarks"),
    ]
    return "".join(f"{line}\n" for line in lines) + fenced(render_text(decision, rules, options))


def fenced(text: str) -> str:
    """Lines in which the runner looks for no commands; "" for none.

    The token is made of the text (the same report, byte for byte, from the same scan), and whoever wrote the text
    cannot have written it into it: that would take a text that holds its own hash. Looked for all the same.
    """
    if not text:
        return ""
    token = _digest(text)
    while token in text.lower():
        token = _digest(token)
    end = "" if text.endswith("\n") else "\n"
    return f"::stop-commands::{token}\n{text}{end}::{token}::\n"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def command(name: str, properties: _Properties, message: str) -> str:
    """One workflow command. Nothing in its values can end it or begin another."""
    listed = ",".join(f"{key}={_property(value)}" for key, value in properties.items() if value)
    return f"::{name}{' ' if listed else ''}{listed}::{_data(message)}"


def _commands(name: str, items: Sequence[_T], annotate: Callable[[_T], _Annotation], what: str) -> Iterator[str]:
    shown = items if len(items) <= MAX_OF_A_KIND else items[: MAX_OF_A_KIND - 1]
    for item in shown:
        yield command(name, *annotate(item))
    left = len(items) - len(shown)
    if left:
        yield command(name, {"title": f"keysweep: {left:,} more"}, f"And {left:,} more {what}: {_SEE}.")


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


class _Page:
    def __init__(self, decision: Decision, options: Options) -> None:
        self.decision, self.options = decision, options

    def finding(self, finding: Finding) -> _Annotation:
        title = {"title": shortened(f"keysweep: {printable(headline(finding))}", _MAX_TITLE)}
        return {**self._place(finding), **title}, ". ".join(self._sentences(finding)) + "."

    def remark(self, remark: Skipped | str) -> _Annotation:
        if isinstance(remark, Skipped):
            what = f"{self._foreign(remark.what)}: {self._foreign(remark.reason)}"
            return {"title": "keysweep: not read"}, f"Not read: {what}"
        return {"title": "keysweep"}, self._foreign(remark)

    def _place(self, finding: Finding) -> _Properties:
        """File, line and columns. None for a key that is in no file, or not in the file as it is now (its line would be
        another), or whose path cannot be written as it is. The title comes after them, because the runner trims the
        end of the last property."""
        at = finding.location
        if not in_file(finding) or (finding.history is not None and not finding.history.in_head):
            return {}
        if printable(self.options.mask(at.path)) != at.path or len(at.path) > _MAX_PATH:
            return {}
        place = {"file": at.path, "line": str(at.line)}
        if at.end_line > at.line:
            return place  # its first line: GitHub shows an annotation only where the change shows all its lines
        return {**place, "endLine": str(at.line), "col": str(at.column), "endColumn": str(at.end_column)}

    def _sentences(self, finding: Finding) -> Iterator[str]:
        at = finding.location
        name = f" assigned to {self._foreign(finding.variable)}" if finding.variable else ""
        yield f"{self._foreign(finding.masked)}{name} [{finding.rule_id}], severity {finding.severity}"
        yield f"At {self._foreign(at.path) or 'standard input'}:{at.line}:{at.column}"
        if where(finding):
            yield f"It stands {where(finding)}"
        if finding.decoded:
            yield f"Decoded from {', then '.join(map(self._foreign, finding.decoded))}"
        if verified(finding):
            yield f"Status: {self._foreign(validity(finding.validity))}"
        if finding.history is not None:
            phrases = ", ".join(life(finding.history, self._foreign))
            yield phrases[:1].upper() + phrases[1:]
        if not fails(finding, self.decision.policy.fail_on):
            yield f"Does not fail this scan (fail-on {conditions(self.decision)})"
        yield "Revoke it and make a new one: removing it from the code does not make it safe"

    def _foreign(self, text: str) -> str:
        return shortened(printable(self.options.mask(text)), _MAX_FOREIGN) if text else ""


__all__ = ["MAX_OF_A_KIND", "command", "fenced", "render"]
