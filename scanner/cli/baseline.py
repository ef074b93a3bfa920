"""`keysweep baseline`: accept what is known, with reasons and expiries."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import click

from scanner import baseline as store
from scanner.cli.options import Wanted, scanning
from scanner.cli.session import Session
from scanner.cli.settings import Ground
from scanner.errors import ConfigError, UsageError
from scanner.models import ScanResult
from scanner.pipeline import INTERRUPTED
from scanner.policy import By, decide
from scanner.reports.interface import count
from scanner.reports.text_safety import printable
from scanner.sources.interface import Source


@click.group()
def baseline() -> None:
    """Keep a list of known findings, so that only new ones fail.

    The list holds no secrets, and nothing that lets a reader test guesses cheaply. Identities are rule, path and
    secret: they survive edits around a key and lines that move.

    \b
    Examples:
      keysweep baseline create --reason 'rotated in March' --expires 2027-03-01
      keysweep baseline update --prune
      keysweep baseline import .gitleaksignore
      keysweep baseline show
    """


def _what(command: click.decorators.FC) -> click.decorators.FC:
    command = click.option("--files", "tree", is_flag=True, help="Scan the files here instead of the history.")(command)
    return click.argument("place", default=".", type=click.Path())(command)


_REASON = click.option("--reason", default="", help="Why the new entries are accepted.")
_EXPIRES = click.option("--expires", metavar="YYYY-MM-DD", help="The day from which the new entries no longer hold.")


@baseline.command()
@_what
@_REASON
@_EXPIRES
@click.option("--force", is_flag=True, help="Replace a baseline that is there, with all its reasons.")
@scanning
def create(wanted: Wanted, place: str, tree: bool, reason: str, expires: str | None, force: bool) -> int:
    """Scan, and write all that is found into a new baseline.

    PLACE is the repository, or with --files the folder.

    \b
    Examples:
      keysweep baseline create
      keysweep baseline create --files . --reason 'known, rotated in March' --expires 2027-03-01
    """
    session = Session(wanted, _ground(place, tree))
    session.refuse_verify("baseline")
    path = session.baseline_to_write
    if path.exists() and not force:
        raise ConfigError(f"{path}: there is a baseline; `baseline update` keeps its reasons, --force drops them")
    empty = store.new_baseline(session.pepper, str(path))
    return _update(session, empty, place, tree, reason, _date(expires), prune=False)


@baseline.command()
@_what
@_REASON
@_EXPIRES
@click.option("--prune", is_flag=True, help="Remove entries that nothing answers to any more.")
@scanning
def update(wanted: Wanted, place: str, tree: bool, reason: str, expires: str | None, prune: bool) -> int:
    """Scan again: add what is new, tell what is stale. Reasons and expiries are kept.

    PLACE is the repository, or with --files the folder.

    \b
    Examples:
      keysweep baseline update --reason 'test data'
      keysweep baseline update --prune
    """
    session = Session(wanted, _ground(place, tree))
    session.refuse_verify("baseline")
    return _update(session, _there(session.baseline_to_write), place, tree, reason, _date(expires), prune=prune)


@baseline.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@_what
@click.option("--reason", default="", help="Why the entries are accepted.  [default: the file and its entry]")
@_EXPIRES
@scanning
def import_(wanted: Wanted, file: Path, place: str, tree: bool, reason: str, expires: str | None) -> int:
    """Take over what another scanner was told to tolerate. Scans, and adds what FILE knows of to the baseline.

    FILE is a list of fingerprints (.gitleaksignore, .betterleaksignore), a JSON report of gitleaks, betterleaks or
    trufflehog that serves as a baseline, or .secrets.baseline of detect-secrets. PLACE is the repository, or with
    --files the folder. What fits no finding is named.

    \b
    Examples:
      keysweep baseline import .gitleaksignore
      keysweep baseline import gitleaks-report.json --reason 'known before the move'
      keysweep baseline import .secrets.baseline . --files
    """
    from scanner.cli.honouring import content, honoured, reader  # noqa: PLC0415 - only this command needs it
    from scanner.rival_files import parse  # noqa: PLC0415

    session = Session(wanted, _ground(place, tree))
    session.refuse_verify("baseline")
    day = _date(expires)
    _, data = content(file, usual=False) or ("", b"")
    claims = parse(data, file.name)
    path = session.baseline_to_write
    old = store.load(path) if path.exists() else store.new_baseline(session.pepper, str(path))
    source = _source(session, place, tree)
    result = session.scan(source)
    _not_interrupted(result, str(path))
    found = honoured(claims, result.findings, session.matcher, reader(getattr(source, "repository", None)))
    taken = [finding for finding in result.findings if found.claim(finding)]
    changed = store.update(
        old, taken, old.identities(session.pepper, session.matcher.mask), datetime.now(UTC).date(),
        reason=lambda finding: session.matcher.mask(reason or found.reason(finding)), expires=day, complete=False,
    )  # fmt: skip
    store.save(changed.baseline, path)
    fitting = count(len(claims) - len(found.unmatched), "entry", "entries")
    click.echo(f"{path}: {len(changed.added)} added for {fitting} of {file}")
    for claim in found.unmatched:
        click.echo(f"  fits nothing that was found: {_safe(session, claim.source)}: {_safe(session, claim.place)}")
    return _incomplete(session, result)


@baseline.command()
@scanning
def show(wanted: Wanted) -> int:
    """List the entries: rule, path, reason, expiry.

    \b
    Examples:
      keysweep baseline show
      keysweep baseline show --baseline old.baseline
    """
    session = Session(wanted)
    session.refuse_verify("baseline")
    known = _there(session.baseline_path)
    today = datetime.now(UTC).date()
    for entry in known.entries:
        until = f", until {entry.expires}{' (expired)' if entry.expired(today) else ''}" if entry.expires else ""
        reason = f": {_safe(session, entry.reason)}" if entry.reason else ""
        click.echo(f"{_safe(session, entry.rule)}  {_safe(session, entry.path)}  (since {entry.added}{until}){reason}")
    click.echo(f"{count(len(known.entries), 'entry', 'entries')} in {session.baseline_path}", err=True)
    return 0


def _there(path: Path) -> store.Baseline:
    if not path.exists():
        raise ConfigError(f"{path}: there is no baseline yet; keysweep baseline create makes one")
    return store.load(path)


def _date(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--expires: '{text}' is no date; write it as YYYY-MM-DD") from None


def _ground(place: str, tree: bool) -> Ground:
    return Ground.of([place]) if tree else Ground.of_repository(place)


def _source(session: Session, place: str, tree: bool) -> Source:
    if tree:
        from scanner.sources.files import Files  # noqa: PLC0415

        return Files([place], exclude=session.config.exclude)
    from scanner.sources.git_history import GitHistory  # noqa: PLC0415

    return GitHistory(place)


def _update(
    session: Session, old: store.Baseline, place: str, tree: bool, reason: str, expires: date | None, *, prune: bool
) -> int:
    result = session.scan(_source(session, place, tree))
    _not_interrupted(result, old.name)
    today = datetime.now(UTC).date()
    decision = decide(result, session.config.policy(), today=today, honoured=session.honoured(result))
    accepted = [*decision.findings, *(item.finding for item in decision.suppressed if item.by is By.BASELINE)]
    changed = store.update(
        old, accepted, old.identities(session.pepper, session.matcher.mask), today,
        reason=lambda _: session.matcher.mask(reason), expires=expires, prune=prune, complete=result.complete,
    )  # fmt: skip
    path = Path(old.name)
    store.save(changed.baseline, path)
    click.echo(f"{path}: {len(changed.added)} added, {len(changed.kept)} kept, {len(changed.removed)} removed")
    for entry in changed.stale:
        gone = "removed" if prune else "stale (nothing answers to it any more; --prune removes it)"
        click.echo(f"  {gone}: {_safe(session, entry.rule)}  {_safe(session, entry.path)}")
    return _incomplete(session, result)


def _not_interrupted(result: ScanResult, path: str) -> None:
    """Raises KeyboardInterrupt again before half of the findings become a baseline."""
    if any(item.what == INTERRUPTED for item in result.skipped):
        click.echo(f"keysweep: nothing was written to {printable(path)}", err=True)
        raise KeyboardInterrupt


def _incomplete(session: Session, result: ScanResult) -> int:
    for item in result.skipped:
        click.echo(f"not read: {_safe(session, item.what)}: {_safe(session, item.reason)}", err=True)
    return 0 if result.complete else 3


def _safe(session: Session, text: str) -> str:
    """Foreign words as they may be shown."""
    return printable(session.matcher.mask(text))
