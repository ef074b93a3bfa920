"""`keysweep logs`: scans log files, and follows them."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import click

from scanner.cli.options import Wanted, scanning
from scanner.cli.progress import invite
from scanner.cli.session import Session
from scanner.cli.settings import Ground
from scanner.errors import UsageError
from scanner.models import Chunk, Finding, Origin, ScanResult, Skipped
from scanner.policy import Exit, decide
from scanner.reports.text_safety import printable
from scanner.scrub import scrub

_PAUSE = 0.2
_IDLE = 5  # pauses without news, after which the beginning of a line is looked at, too


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path())
@click.option("--follow", "-f", is_flag=True, help="Wait for more, and print findings as they come, until Ctrl-C.")
@click.option("--from-start", is_flag=True, help="With --follow: what is in the files already, too.")
@scanning
def logs(wanted: Wanted, paths: tuple[str, ...], follow: bool, from_start: bool) -> int:
    """Scan log files and folders of them, or standard input (-).

    Plain, rotated or compressed (gz, bz2, xz, zst); tells the time of each line and the field that holds the key, in
    JSON lines, syslog, journal exports, web servers' and CI systems' logs.

    \b
    Examples:
      keysweep logs logs/
      keysweep logs app.log app.log.1 app.log.2.gz --report json:leaks.json
      keysweep logs --follow app.log
      journalctl -o export | keysweep logs -
    """
    session = Session(wanted, Ground.of(path for path in paths if path != "-"))
    if from_start and not follow:
        raise UsageError("--from-start is for --follow; without it the files are read from their beginning in any case")
    if follow:
        return _follow(session, paths, from_start)
    from scanner.sources.log_files import Logs, LogStream  # noqa: PLC0415

    if "-" in paths:
        if len(paths) > 1:
            raise UsageError("'-' (standard input) stands alone; name files in a call of their own")
        invite()
        return session.run(LogStream(sys.stdin.buffer))
    return session.run(Logs(paths, exclude=session.config.exclude))


def _follow(session: Session, paths: tuple[str, ...], from_start: bool) -> int:
    """Prints findings as they come. The exit code is that of a scan of all that was read."""
    from scanner.sources.log_follow import Followed  # noqa: PLC0415

    if "-" in paths:
        raise UsageError("standard input cannot be followed: it is read to its end in any case")
    if session.wanted.report or session.wanted.verify or session.wanted.verify_plan:
        raise UsageError("--follow prints lines as findings come; reports and checks are for scans that end")
    watch = _Watch(session)
    followed = [Followed(path, whole=from_start) for path in paths]
    quiet = 0
    try:
        click.echo(f"keysweep: following {', '.join(map(printable, paths))}; end with Ctrl-C", err=True)
        while True:
            idle = quiet == _IDLE
            news = [watch.take(one.news(idle=idle)) for one in followed]
            quiet = 0 if any(news) and not idle else min(quiet + 1, _IDLE + 1)
            time.sleep(_PAUSE)
    except KeyboardInterrupt:
        for one in followed:
            watch.take(one.news(idle=True))
            one.close()
    return int(watch.end())


class _Watch:
    """What was found so far, and what was printed of it."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._seen: set[tuple[str, Origin, int]] = set()
        self._failing = 0
        self._skipped: set[Skipped] = set()

    def take(self, items: Iterable[Chunk | Skipped]) -> bool:
        """Scans what came, prints what is in it, and tells whether something came."""
        came = False
        for item in items:
            came = True
            if isinstance(item, Skipped):
                self._miss(item)
            else:
                self._judge(tuple(self._found(item)))
        return came

    def end(self) -> Exit:
        """The last word."""
        if self._failing:
            return Exit.LEAKS
        return Exit.INCOMPLETE if self._skipped else Exit.OK

    def _found(self, chunk: Chunk) -> Iterator[Finding]:
        for finding in self._session.matcher.find(chunk):
            place = finding.rule_id, finding.origin, finding.location.start
            if place not in self._seen:
                self._seen.add(place)
                yield finding

    def _judge(self, findings: tuple[Finding, ...]) -> None:
        if not findings:
            return
        session = self._session
        result = scrub(ScanResult(findings), session.matcher.mask)
        decision = decide(result, session.config.policy(whole=False), today=datetime.now(UTC).date())
        self._failing += len(decision.failing)
        for finding in decision.findings:
            click.echo(self._line(finding))
        sys.stdout.flush()

    def _line(self, finding: Finding) -> str:
        at, record = finding.location, finding.record
        said = [text for text in (record.time, record.field) if text] if record else []
        about = f" ({', '.join(said)})" if said else ""
        key = self._session.matcher.mask(finding.masked)
        line = f"{at.path}:{at.line}:{at.column}{about}: {finding.severity}: {finding.title}: {key} [{finding.rule_id}]"
        return printable(line)

    def _miss(self, item: Skipped) -> None:
        self._skipped.add(item)
        said = self._session.matcher.mask(f"{item.what}: {item.reason}")
        click.echo(f"keysweep: not read: {printable(said)}", err=True)
