"""The report for people.

A block for each finding (or each secret), shaped like a compiler's diagnostics; then what to do, once for each
rule; then all that was not read, suppressed or is out of date; at the end one sentence. It says "clean" only when
the exit code is 0.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

from scanner.baseline import Entry
from scanner.models import Finding, Severity
from scanner.policy import Decision, Exit, Suppressed, fails
from scanner.reports.interface import Options, count, rank, verified, where
from scanner.reports.text_safety import printable, width
from scanner.reports.words import conditions, headline, life, suppressed, validity, verdict
from scanner.rule import RuleSet

_TAB = "    "
_SHORT_LIST = 10

_RED, _GREEN, _YELLOW, _BLUE, _CYAN, _BOLD = "1;31", "1;32", "1;33", "1;34", "36", "1"
_SEVERITY_COLOUR = {
    Severity.CRITICAL: _RED,
    Severity.HIGH: _RED,
    Severity.MEDIUM: _YELLOW,
    Severity.LOW: _CYAN,
    Severity.NOTE: _CYAN,
}


def render(decision: Decision, rules: RuleSet, options: Options) -> str:
    """The whole report; "" when it is quiet and there is nothing to say."""
    page = _Page(decision, rules, options, _neighbours(decision.result.findings))
    parts = page.quiet() if options.verbosity < 0 else page.full()
    return "".join(f"{line}\n" for line in parts)


_Line = tuple[str, str, int, str]


def _line_of(finding: Finding) -> _Line:
    return finding.location.path, finding.origin.object_id, finding.location.line, finding.masked


def _neighbours(findings: Sequence[Finding]) -> dict[_Line, list[int]]:
    """The columns of keys that look alike and stand on one line."""
    columns: dict[_Line, set[int]] = {}
    for finding in findings:
        columns.setdefault(_line_of(finding), set()).add(finding.location.column)
    return {line: sorted(found) for line, found in columns.items()}


@dataclass(frozen=True, slots=True)
class _Page:
    decision: Decision
    rules: RuleSet
    options: Options
    neighbours: dict[_Line, list[int]]

    # -- the two forms ------------------------------------------------------------------------------------------

    def quiet(self) -> Iterator[str]:
        """One line for each finding and each thing that was not read; the sentence only when all is not well."""
        for finding in self.decision.findings:
            key = self._foreign(finding.masked)
            status = f" {self._foreign(finding.validity.status)}" if verified(finding) else ""
            yield f"{self._at(finding)}: {finding.severity}: {headline(finding)}: {key} [{finding.rule_id}]{status}"
        for skip in self.decision.result.skipped:
            yield f"{self._foreign(skip.what)}: not read: {self._foreign(skip.reason)}"
        if self.decision.exit_code is not Exit.OK:
            yield self.summary()

    def full(self) -> Iterator[str]:
        for group in self._groups():
            yield from self._block(group)
            yield ""
        for section in (self._help(), self._skipped(), self._suppressed(), self._baseline(), self._notes()):
            lines = list(section)
            if lines:
                yield from lines
                yield ""
        yield self.summary()

    # -- findings -----------------------------------------------------------------------------------------------

    def _groups(self) -> list[list[Finding]]:
        """By file: every finding by itself, in the order of places. By secret: findings of one key, worst first."""
        if self.options.group != "secret":
            return [[finding] for finding in self.decision.findings]
        groups: dict[Hashable, list[Finding]] = {}
        for finding in rank(self.decision.findings):
            groups.setdefault(self.options.fingerprints.same(finding), []).append(finding)
        return list(groups.values())

    def _block(self, group: Sequence[Finding]) -> Iterator[str]:
        first = group[0]
        gutter = len(str(first.location.line)) + 1
        bar = self._paint(_BLUE, "|")
        colour = _SEVERITY_COLOUR[first.severity]
        yield f"{self._paint(colour, str(first.severity))}: {self._bold(headline(first))} [{first.rule_id}]"
        yield f"{' ' * (gutter - 1)}{self._paint(_BLUE, '-->')} {self._at(first)}"
        text, marker = self._line(first)
        if text:
            number = self._paint(_BLUE, f"{first.location.line:>{gutter - 1}}")
            yield f"{' ' * gutter}{bar}"
            yield f"{number} {bar} {text}"
            if marker:
                yield f"{' ' * gutter}{bar} {self._paint(colour, marker)}"
        for detail in (*self._details(first, bool(marker)), *self._elsewhere(group[1:])):
            yield f"{' ' * gutter}{self._paint(_BLUE, '=')} {detail}"

    def _line(self, finding: Finding) -> tuple[str, str]:
        """The masked line, and the marker under the key ("" when the key is not to be seen in it)."""
        text = self.options.mask(finding.text).strip("\r\n")
        kept = text.lstrip()
        begin = self._begin(finding, kept)
        if begin < 0:
            return printable(kept, tab=_TAB), ""
        before = printable(kept[:begin], tab=_TAB)
        key = printable(finding.masked, tab=_TAB)
        after = printable(kept[begin + len(finding.masked) :], tab=_TAB)
        return f"{before}{key}{after}", " " * width(before) + "^" * width(key)

    def _begin(self, finding: Finding, text: str) -> int:
        """Where in the masked line this key stands, -1 when that cannot be told: masks look alike, so it is the
        n-th of them only when the line, shortened perhaps, shows as many as were found on it."""
        alike = self.neighbours.get(_line_of(finding), [])
        if not finding.masked or text.count(finding.masked) != len(alike):
            return -1
        begin = -1
        for _ in range(alike.index(finding.location.column) + 1):
            begin = text.find(finding.masked, begin + 1)
        return begin

    def _details(self, finding: Finding, visible: bool) -> Iterator[str]:
        if not visible:
            yield f"key: {self._foreign(finding.masked)}"
        if finding.variable and finding.variable not in finding.text:
            yield f"assigned to {self._foreign(finding.variable)}"
        if where(finding):
            yield where(finding)
        yield from self._record(finding)
        if finding.location.end_line > finding.location.line:
            yield f"down to line {finding.location.end_line}"
        if finding.decoded:
            yield f"decoded from {', then '.join(self._foreign(encoding) for encoding in finding.decoded)}"
        if finding.occurrences > 1:
            yield f"in {count(finding.occurrences, 'version')} of this content"
        if finding.sample:
            yield f"a {self._foreign(finding.sample)} sample"
        if verified(finding):
            yield self._foreign(validity(finding.validity))
        yield from (f"{self._foreign(name)}: {self._foreign(text)}" for name, text in finding.facts)
        if finding.expires:
            yield f"expires {self._foreign(finding.expires)}"
        if finding.history is not None:
            yield ", ".join(life(finding.history, self._foreign))
        if not fails(finding, self.decision.policy.fail_on):
            yield f"does not fail this scan (fail-on {conditions(self.decision)})"
        if self.options.verbosity > 0:
            yield from self._more(finding)

    def _record(self, finding: Finding) -> Iterator[str]:
        """What a log says of the line."""
        if finding.record is not None and finding.record.time:
            yield f"logged at {self._foreign(finding.record.time)}"
        if finding.record is not None and finding.record.field not in ("", finding.variable):
            yield f"in the field {self._foreign(finding.record.field)}"

    def _more(self, finding: Finding) -> Iterator[str]:
        yield f"confidence {finding.confidence}, entropy {finding.entropy:.1f} bits a character"
        if finding.origin.object_id:
            yield f"object {finding.origin.object_id}"
        if finding.validity.asked:
            yield f"asked {self._foreign(finding.validity.asked)}"

    def _elsewhere(self, others: Sequence[Finding]) -> Iterator[str]:
        shown = others if self.options.verbosity > 0 else others[:_SHORT_LIST]
        for finding in shown:
            yield f"also at {self._at(finding)}"
        if len(others) > len(shown):
            yield f"and at {count(len(others) - len(shown), 'more place')} (--verbose lists them)"

    def _at(self, finding: Finding) -> str:
        at = finding.location
        return f"{self._foreign(at.path) or 'stdin'}:{at.line}:{at.column}"

    # -- after the findings -------------------------------------------------------------------------------------

    def _help(self) -> Iterator[str]:
        for rule_id in dict.fromkeys(f.rule_id for f in rank(self.decision.findings)):
            rule = self.rules.by_id.get(rule_id)
            if rule is None or not rule.rotate:
                continue
            page = rule.rotate.startswith(("https://", "http://"))
            what = f"at {rule.rotate}" if page else f"as follows: {rule.rotate}"
            yield f"{self._paint(_CYAN, 'help')}: {rule.name}: revoke and renew it {what}"

    def _skipped(self) -> Iterator[str]:
        skipped = self.decision.result.skipped
        if skipped:
            yield f"{self._paint(_YELLOW, 'not read')}: {count(len(skipped), 'item')}"
        yield from self._listed([f"{self._foreign(s.what)}: {self._foreign(s.reason)}" for s in skipped])

    def _suppressed(self) -> Iterator[str]:
        kinds = suppressed(self.decision)
        if kinds:
            yield f"{self._bold('suppressed')}: {kinds}"
        if self.options.verbosity > 0:
            yield from self._listed([self._suppression(item) for item in self.decision.suppressed])

    def _suppression(self, item: Suppressed) -> str:
        reason = f": {self._foreign(item.reason)}" if item.reason else ""
        key = self._foreign(item.finding.masked)
        return f"{self._at(item.finding)}: {key} [{item.finding.rule_id}] {item.by}{reason}"

    def _baseline(self) -> Iterator[str]:
        title = self._bold("baseline")
        if self.decision.expired:
            entries = self.decision.expired
            keys = "its key is" if len(entries) == 1 else "their keys are"
            yield f"{title}: {count(len(entries), 'entry', 'entries')} expired; {keys} reported again"
            yield from self._listed([f"{self._entry(e)} expired {e.expires}" for e in entries])
        if self.decision.stale:
            entries = self.decision.stale
            what, them = ("answers", "it") if len(entries) == 1 else ("answer", "them")
            yield (
                f"{title}: {count(len(entries), 'entry', 'entries')} {what} to nothing any more; "
                f"`keysweep baseline update --prune` removes {them}"
            )
            yield from self._listed([self._entry(e) for e in entries])

    def _entry(self, entry: Entry) -> str:
        return f"{self._foreign(entry.path)} [{self._foreign(entry.rule)}]"

    def _notes(self) -> Iterator[str]:
        for note in self.decision.result.notes:
            yield f"{self._bold('note')}: {self._foreign(note)}"

    def _listed(self, lines: Sequence[str]) -> Iterator[str]:
        shown = lines if self.options.verbosity > 0 else lines[:_SHORT_LIST]
        for line in shown:
            yield f"  {line}"
        if len(lines) > len(shown):
            yield f"  and {len(lines) - len(shown):,} more (--verbose lists them)"

    # -- the sentence -------------------------------------------------------------------------------------------

    def summary(self) -> str:
        """What it all comes to."""
        colour = {Exit.OK: _GREEN, Exit.LEAKS: _RED}.get(self.decision.exit_code, _YELLOW)
        return self._paint(colour, verdict(self.decision, self.options.fingerprints))

    # -- words --------------------------------------------------------------------------------------------------

    def _foreign(self, text: str) -> str:
        return printable(self.options.mask(text)) if text else ""

    def _bold(self, text: str) -> str:
        return self._paint(_BOLD, text)

    def _paint(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.options.colour else text


__all__ = ["render"]
