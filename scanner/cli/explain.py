"""`keysweep explain`: why a line fired, or did not."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import BinaryIO

import click

from scanner.cli.options import Wanted, scanning
from scanner.cli.progress import invite
from scanner.cli.session import Session
from scanner.cli.settings import Ground
from scanner.errors import SourceError, UsageError
from scanner.explain import explain as explained
from scanner.models import Chunk, Finding, Origin, ScanResult
from scanner.reports.text_safety import printable
from scanner.whole_file import opened

LIMIT = 64 << 20


@click.command()
@click.argument("place", metavar="FILE:LINE")
@scanning
def explain(wanted: Wanted, place: str) -> int:
    """Tell why a line fired, or did not. Names the rules that were tried on it, and what each said.

    FILE `-` reads standard input; without LINE every line of it is explained.

    \b
    Examples:
      keysweep explain .env:3
      echo 'TOKEN=abc' | keysweep explain -
    """
    name, line = _parse(place)
    data = _read(name)
    chunk = Chunk(data, Origin("stdin" if name == "-" else Path(name).as_posix()))
    session = Session(wanted, Ground.of([name] if name != "-" else []))
    session.refuse_verify("explain")
    lines = [line] if line else range(1, max(1, len(data.splitlines())) + 1)
    findings = tuple(session.matcher.find(chunk))
    for number in lines:
        _explain(session, chunk, number, findings)
    return 0


def _explain(session: Session, chunk: Chunk, number: int, findings: tuple[Finding, ...]) -> None:
    matcher = session.matcher
    try:
        told = explained(matcher, chunk, number, findings)
    except IndexError:
        raise UsageError(f"{chunk.origin.path} has no line {number}: it has {len(chunk.data.splitlines())}") from None
    click.echo(f"{printable(matcher.mask(chunk.origin.path))}:{number}: {printable(told.text[:400])}")
    if not told.trials and not told.findings:
        click.echo("  no rule has a keyword on this line")
    for trial in told.trials:
        click.echo(f"  {trial.rule_id}  (keyword '{trial.keyword}' at byte {trial.column})")
        for step in trial.steps:
            click.echo(f"    {printable(step)}")
        click.echo(f"    {printable(trial.verdict)}")
    decision = session.judge(ScanResult(findings=told.findings), whole=False)
    for finding in decision.findings:
        wrapped = f", inside {' in '.join(reversed(finding.decoded))}" if finding.decoded else ""
        click.echo(f"  reported: {finding.title} [{finding.rule_id}] {printable(finding.masked)}{wrapped}")
    for item in decision.suppressed:
        reason = f": {printable(matcher.mask(item.reason))}" if item.reason else ""
        click.echo(f"  not reported: [{item.finding.rule_id}] suppressed by {item.by}{reason}")


def _parse(place: str) -> tuple[str, int]:
    name, _, number = place.rpartition(":")
    if name and number.isdecimal() and len(number) < 20 and int(number) > 0:
        return name, int(number)
    if place == "-":
        return place, 0
    raise UsageError(f"'{place}' does not say which line: write FILE:LINE, such as .env:3")


def _read(name: str) -> bytes:
    if name == "-":
        invite()
        return _limited(sys.stdin.buffer, "standard input")
    try:
        with opened(name) as file:
            return _limited(file, name)
    except OSError as error:
        raise SourceError(f"{name}: cannot be read: {error.strerror}") from error


def _limited(file: BinaryIO, name: str) -> bytes:
    data = file.read(LIMIT + 1)
    if len(data) > LIMIT:
        raise SourceError(f"{name}: larger than {LIMIT >> 20} MiB; pass the part around the line on standard input")
    return data
