"""What a server says to the one who pushes: short, masked, and what to do next."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from scanner.models import Finding
from scanner.policy import By, Decision, Exit
from scanner.reports.interface import count, rank, where
from scanner.reports.text_safety import printable

SHOWN = 10
"""How many findings, or things that were not read, are named; of the others the number is told."""

_WAY_OUT = """\
keysweep: nothing was stored. What to do:
  1. take the keys out of these commits (git commit --amend, git rebase -i): a later commit that removes them is no help
  2. read them from the environment or a secrets manager, and revoke what was ever sent elsewhere
  3. what is no secret gets a comment 'keysweep:allow REASON' on its line; then push again
"""

_UNREAD = """\
keysweep: the push was refused: no key was seen, but not everything could be read. Tell those who run this server.
"""


def answer(decision: Decision, mask: Callable[[str], str]) -> str:
    """The answer as text of whole lines; "" when the push is taken without a remark."""

    def shown(text: str) -> str:
        return printable(mask(text))

    lines = [*_verdict(decision), *_findings(decision, shown), *_unread(decision, shown), *_allowed(decision, shown)]
    text = "".join(f"{line}\n" for line in lines)
    if decision.exit_code is Exit.LEAKS:
        return text + _WAY_OUT
    return text + _UNREAD if decision.exit_code is Exit.INCOMPLETE else text


def _verdict(decision: Decision) -> Iterator[str]:
    if decision.findings:
        keys = count(len({one.secret for one in decision.findings}), "key")
        refused = "the push was refused, it brings" if decision.failing else "the push brings"
        yield f"keysweep: {refused} {keys} in {count(len(decision.findings), 'place')}:"


def _findings(decision: Decision, shown: Callable[[str], str]) -> Iterator[str]:
    for one in rank(decision.findings)[:SHOWN]:
        yield f"  {_at(one, shown)}: {one.title}: {shown(one.masked)}{_commit(one, shown)}"
    if len(decision.findings) > SHOWN:
        yield f"  and {count(len(decision.findings) - SHOWN, 'more place')}"


def _at(finding: Finding, shown: Callable[[str], str]) -> str:
    if where(finding):
        return f"{shown(finding.location.path)} ({where(finding)})"
    return f"{shown(finding.location.path)}:{finding.location.line}"


def _commit(finding: Finding, shown: Callable[[str], str]) -> str:
    history = finding.history
    if history is None or history.introduced is None:
        return ""
    gone = "" if history.in_head else ", removed later"
    return f" (commit {shown(history.introduced.id)[:12]}{gone})"


def _unread(decision: Decision, shown: Callable[[str], str]) -> Iterator[str]:
    skipped = decision.result.skipped
    for one in skipped[:SHOWN]:
        yield f"  not read: {shown(one.what)}: {shown(one.reason)}"
    if len(skipped) > SHOWN:
        yield f"  and {count(len(skipped) - SHOWN, 'more item')} not read"


def _allowed(decision: Decision, shown: Callable[[str], str]) -> Iterator[str]:
    """Whoever pushes can allow what they push; so it is at least said aloud, and in the server's log."""
    allowed = [one for one in decision.suppressed if one.by is By.INLINE]
    for one in allowed[:SHOWN]:
        reason = f": {shown(one.reason)}" if one.reason else ""
        yield f"keysweep: allowed by a comment: {_at(one.finding, shown)}: {one.finding.title}{reason}"
    if len(allowed) > SHOWN:
        yield f"keysweep: and {len(allowed) - SHOWN} more allowed by comments"


__all__ = ["SHOWN", "answer"]
