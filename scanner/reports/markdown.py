"""A page for people in Markdown: the summary of a GitHub job, a comment, a wiki page.

GitHub takes 1 MiB for the summary of a step and shows none of it beyond; so the table of findings ends where its share
is used up, and says how many more there are. Foreign text stands in code spans, so nothing of it is a link, a
mention or HTML; the only links are those to where a key is revoked.
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#step-isolation-and-limits
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Final, TypeVar

from scanner.baseline import Entry
from scanner.models import Finding, Skipped
from scanner.policy import Decision, Exit, Suppressed, fails
from scanner.reports.interface import Options, count, environment, rank, verified, where
from scanner.reports.text_safety import code, plain, printable, shortened
from scanner.reports.words import read, suppressed, validity, verdict
from scanner.rule import Rule, RuleSet

LIMIT: Final = 1024 * 1024
"""GitHub's, in bytes of UTF-8. A report is smaller."""

_ROOM = 900_000  # for all; what else a step writes into its summary has the rest
_LIST_ROOM = 75_000  # for each of six lists, half of it together
_MAX_LISTED, _MAX_FOREIGN = 100, 300
_T = TypeVar("_T")
_COLUMNS = ("Severity", "What", "Where", "Key", "Live or test", "Introduced")
_STATUS = "Status"  # a column of its own, once somebody was asked


def render(decision: Decision, rules: RuleSet, options: Options) -> str:
    """The page, below `LIMIT` however much was found, ending with a newline."""
    page = _Page(decision, rules, options)
    before = "\n".join(page.head())
    after = "\n".join(page.rest())
    room = _ROOM - _size(before) - _size(after)
    return "\n".join(part for part in (before, "\n".join(page.table(room)), after) if part) + "\n"


def _heading(decision: Decision) -> str:
    if decision.exit_code is Exit.OK:
        return "nothing that fails" if decision.findings else "no leaks"
    return "leaks" if decision.exit_code is Exit.LEAKS else "incomplete"


def _size(text: str) -> int:
    return len(text.encode("utf-8"))


class _Page:
    def __init__(self, decision: Decision, rules: RuleSet, options: Options) -> None:
        self.decision, self.rules, self.options = decision, rules, options

    def head(self) -> Iterator[str]:
        decision, result = self.decision, self.decision.result
        yield f"## keysweep: {_heading(decision)}"
        yield ""
        yield f"**{verdict(decision, self.options.fingerprints)}**"
        if not decision.findings:
            return  # the sentence has said what was read
        yield ""
        lost = f"; not read: {count(len(result.skipped), 'item')}" if result.skipped else ""
        yield f"Read: {read(result.stats)}{lost}."

    # -- findings -----------------------------------------------------------------------------------------------

    def table(self, room: int) -> Iterator[str]:
        """As many rows as there is room for, the worst first."""
        findings = rank(self.decision.findings)
        if not findings:
            return
        yield ""
        columns = (*_COLUMNS, _STATUS) if self._asked else _COLUMNS
        yield f"| {' | '.join(columns)} |"
        yield f"|{'---|' * len(columns)}"
        for number, finding in enumerate(findings):
            row = self._row(finding)
            room -= _size(row) + 1
            if room < 0:
                yield ""
                yield f"And {count(len(findings) - number, 'more finding')}; the json report holds them all."
                return
            yield row

    def _row(self, finding: Finding) -> str:
        failing = fails(finding, self.decision.policy.fail_on)
        cells = (
            f"**{finding.severity}**" if failing else f"{finding.severity}, does not fail",
            f"{plain(finding.title)} {code(finding.rule_id)}",
            self._where(finding),
            self._foreign(finding.masked),
            environment(finding),
            self._introduced(finding),
            *((self._status(finding),) if self._asked else ()),
        )
        return f"| {' | '.join(cells)} |"

    @cached_property
    def _asked(self) -> bool:
        return any(verified(finding) for finding in self.decision.findings)

    def _status(self, finding: Finding) -> str:
        if not verified(finding):
            return ""
        said = self._foreign(validity(finding.validity))
        return f"**active** {said}" if finding.validity.status == "active" else said

    def _where(self, finding: Finding) -> str:
        at = finding.location
        place = f"{self._foreign(at.path) or 'standard input'}, line {at.line}"
        return f"{place}, {where(finding)}" if where(finding) and at.path else place

    def _introduced(self, finding: Finding) -> str:
        history = finding.history
        if history is None:
            return ""
        state = "still in HEAD" if history.in_head else "no longer in HEAD"
        commit = history.introduced
        if commit is None:
            return state if history.reachable else "reachable from no branch or tag"
        when = code(self.options.mask(commit.date)[:10])
        return f"{code(commit.id[:8])} by {self._foreign(commit.author)}, {when}, {state}"

    # -- the rest -----------------------------------------------------------------------------------------------

    def rest(self) -> Iterator[str]:
        result = self.decision.result
        sections = (
            ("What to do", self._help()),
            ("Not read", _listed(result.skipped, self._skip)),
            ("Suppressed", self._suppressed()),
            ("Baseline", self._baseline()),
            ("Notes", _listed(result.notes, self._foreign)),
        )
        for title, section in sections:
            lines = list(section)
            if lines:
                yield from ("", f"### {title}", "", *lines)

    def _help(self) -> Iterator[str]:
        found = list(dict.fromkeys(f.rule_id for f in rank(self.decision.findings)))
        if not found:
            return
        yield "Revoke each key and make a new one: removing it from the code does not make it safe."
        yield ""
        known = [rule for rule_id in found if (rule := self.rules.by_id.get(rule_id)) is not None and rule.rotate]
        yield from _listed(known, _rotate)

    def _skip(self, skip: Skipped) -> str:
        return f"{self._foreign(skip.what)}: {self._foreign(skip.reason)}"

    def _suppressed(self) -> Iterator[str]:
        if self.decision.suppressed:
            yield f"{suppressed(self.decision)}."
            yield ""
            yield from _listed(self.decision.suppressed, self._suppression)

    def _suppression(self, item: Suppressed) -> str:
        finding = item.finding
        reason = f": {self._foreign(item.reason)}" if item.reason else ", without a reason"
        return f"{self._where(finding)}: {self._foreign(finding.masked)} {code(finding.rule_id)}, {item.by}{reason}"

    def _baseline(self) -> Iterator[str]:
        yield from _listed(self.decision.expired, lambda e: f"{self._entry(e)} expired, reported again")
        yield from _listed(self.decision.stale, lambda e: f"{self._entry(e)} answers to nothing any more")

    def _entry(self, entry: Entry) -> str:
        return f"{self._foreign(entry.path)} {self._foreign(entry.rule)}"

    def _foreign(self, text: str) -> str:
        return code(shortened(printable(self.options.mask(text)), _MAX_FOREIGN)) if text else ""


def _listed(items: Sequence[_T], line: Callable[[_T], str]) -> Iterator[str]:
    """A list, cut to a number of items and to its share of the room."""
    room = _LIST_ROOM
    for number, item in enumerate(items):
        shown = f"- {line(item)}"
        room -= _size(shown)
        if number >= _MAX_LISTED or room < 0:
            yield f"- and {len(items) - number:,} more"
            return
        yield shown


def _rotate(rule: Rule) -> str:
    page = re.fullmatch(r"https?://[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]+", rule.rotate)
    how = f"<{rule.rotate}>" if page else plain(shortened(rule.rotate, _MAX_FOREIGN))
    return f"{plain(rule.name)}: {how}"


__all__ = ["LIMIT", "render"]
