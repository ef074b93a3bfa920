"""`keysweep recheck`: which keys of an earlier report still work, and which have ended since."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click

from scanner.cli.again import Again, inside, load_report, place_of
from scanner.cli.asking import INTERRUPTED, shown
from scanner.cli.options import Wanted
from scanner.cli.session import Session
from scanner.models import Finding, ScanResult, Skipped
from scanner.policy import LEAST, Decision, Exit, FailOn, Policy, answer_code, decide
from scanner.recheck import (
    Entry,
    Text,
    by_key,
)
from scanner.reports.interface import count
from scanner.reports.text_safety import safe
from scanner.reports.words import meaning


@click.command()
@click.argument("report", type=click.Path(path_type=Path))
@click.option("--repo", default=".", type=click.Path(),
              help="The repository, or the folder, that was scanned.  [default: the one here]")
@click.option("--text", type=click.Path(path_type=Path), metavar="FILE",
              help="A file with the same text, where the report was made of standard input or of a patch.")
@click.option("--report", "reports", multiple=True, metavar="FORMAT[:PATH]",
              help="A report with what is known now: text, json, sarif, …; may be given several times.")
@click.option("--plan", "only_plan", is_flag=True, help="Say who would be asked, and ask nobody.")
@click.option("--rules", "extra", multiple=True, type=click.Path(path_type=Path), metavar="PATH",
              help="Rule file or folder of your own, in addition.")
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE",
              help="Configuration; without it only the user's own is read.")
@click.option("--quiet", "-q", is_flag=True, help="Findings only.")  # fmt: skip
def recheck(
    report: Path,
    repo: str,
    text: Path | None,
    reports: tuple[str, ...],
    only_plan: bool,
    extra: tuple[Path, ...],
    config: Path | None,
    quiet: bool,
) -> int:
    """Ask again about the keys of an earlier JSON report. Tells which still work, and which have ended since.

    The report holds no key: each is read again where it stands, and recognised by its fingerprint.

    The exit code is 1 when one of them works, 0 when all are called dead, 3 when that is not known of some.

    \b
    Examples:
      keysweep recheck leaks.json
      keysweep recheck leaks.json --report json:leaks-now.json
      keysweep recheck leaks.json --plan
    """
    wanted = Wanted(
        config=config and config.absolute(), no_config=config is None, rules=tuple(path.absolute() for path in extra),
        report=reports, quiet=quiet, verify=True, jobs=1,
    )  # fmt: skip
    session = Session(wanted)
    entries, again_text = load_report(report), Text.of(text)
    with inside(repo):
        again = Again.of(entries, session, again_text)
    if only_plan:
        plan = session.asking.plan(list(again.found.values())) if session.asking else None
        click.echo(shown(plan) if plan else "", nl=False)
        for line in _lost(again, session.matcher.mask):
            click.echo(line)
        return int(Exit.OK)
    answered, decision = _ask(again, session)
    if not (reports and session.reports_to_output):
        click.echo("\n".join(_page(again, answered, session.matcher.mask)))
    if reports:
        session.write(decision)
    return int(decision.exit_code)


def _ask(again: Again, session: Session) -> tuple[dict[int, Finding], Decision]:
    """The findings with what their providers say now, by the number of their entry, and what it comes to."""
    asking = session.asking
    answered, interrupted = tuple(again.found.values()), False
    if asking is not None:
        with session.progress as progress:
            answered = asking.finish(answered, progress)
        interrupted = asking.interrupted
    lost = {Skipped(place_of(again.entries[number]), reason) for number, reason in again.lost.items()}
    if interrupted:
        lost.add(Skipped("the checks of keys", INTERRUPTED))
    found = tuple(sorted(answered, key=lambda finding: finding.sort_key))
    policy = Policy(frozenset({FailOn.ACTIVE}), *LEAST, include_examples=True, allow_inline=False, whole=False)
    decision = decide(ScanResult(found, tuple(sorted(lost))), policy, today=datetime.now(UTC).date())
    code = answer_code(answered) if answered else Exit.OK
    decision = replace(decision, exit_code=Exit.INCOMPLETE if lost and code is Exit.OK else code)
    return dict(zip(again.found, answered, strict=True)), decision


_TITLES = {
    "active": "still active",
    "ended": "ended since the report",
    "unknown": "not known",
    "inactive": "had ended before",
}
"""What became of keys, the worst first."""


def _page(again: Again, answered: Mapping[int, Finding], mask: Callable[[str], str]) -> Iterator[str]:
    groups: dict[str, list[list[int]]] = {state: [] for state in _TITLES}
    for numbers in by_key(answered):
        groups[_state(again.entries[numbers[0]], answered[numbers[0]])].append(numbers)
    for state, title in _TITLES.items():
        if groups[state]:
            yield f"{title}: {count(len(groups[state]), 'key')}"
        for numbers in groups[state]:
            yield from _block([again.entries[number] for number in numbers], answered[numbers[0]], mask)
    yield from _lost(again, mask)
    counts = ", ".join(f"{len(groups[state]):,} {title}" for state, title in _TITLES.items() if groups[state])
    lost = f"{count(len(again.lost), 'finding')} cannot be read any more" if again.lost else ""
    told = "; ".join(part for part in (counts, lost) if part)
    yield f"Of {count(sum(map(len, groups.values())), 'key')}: {told or 'nothing to ask'}."


def _lost(again: Again, mask: Callable[[str], str]) -> Iterator[str]:
    if again.lost:
        yield f"cannot be read any more: {count(len(again.lost), 'finding')}"
    for number, reason in again.lost.items():
        entry = again.entries[number]
        what = f"{safe(entry.key, mask)} [{safe(entry.rule, mask)}] {safe(place_of(entry), mask)}"
        yield f"  {what}: {safe(reason, mask)}"


def _state(entry: Entry, finding: Finding) -> str:
    if finding.validity.status == "inactive":
        return "inactive" if entry.status == "inactive" else "ended"
    return finding.validity.status


def _block(entries: Sequence[Entry], finding: Finding, mask: Callable[[str], str]) -> Iterator[str]:
    first, said = entries[0], finding.validity
    more = f" and at {count(len(entries) - 1, 'more place')}" if len(entries) > 1 else ""
    place = safe(place_of(first), mask)
    yield f"  {safe(finding.masked, mask)} [{finding.rule_id}] {place}{more}"
    when = f" on {said.asked[:10]}" if said.asked else ""
    then = f", {first.asked[:10]}" if first.asked else ""
    before = f"; the report said {safe(f'{first.status} ({first.reason}){then}', mask)}"
    known = before if first.reason != "not-asked" else ""
    yield f"    {said.status} ({said.reason}){when}: {safe(meaning(said), mask)}{known}"
