"""`keysweep files`, `history` and `stdin`: build the source, run the session."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from scanner.cli.options import Wanted, scanning
from scanner.cli.progress import invite
from scanner.cli.session import Session
from scanner.cli.settings import Ground
from scanner.config import parse_size
from scanner.errors import UsageError


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path())
@click.option(
    "--max-size", metavar="BYTES", help="Skip larger files (such as 500k, 50M), and say so.  [default: no limit]"
)
@scanning
def files(wanted: Wanted, paths: tuple[str, ...], max_size: str | None) -> int:
    """Scan files and folders as they are on disk, committed or not.

    \b
    Examples:
      keysweep files .
      keysweep files .env config/ --fail-on live
      keysweep files . --exclude 'tests/**' --report text --report sarif:leaks.sarif
    """
    from scanner.sources.files import Files  # noqa: PLC0415

    session = Session(wanted, Ground.of(paths))
    limit = session.config.max_size if max_size is None else _size(max_size)
    source = Files(paths, exclude=session.config.exclude, max_size=limit or None)
    return session.run(source, whole=[Path(path) for path in paths] == [Path()])


def _size(text: str) -> int:
    """Bytes, written as in a configuration: the same words for the same thing."""
    try:
        return parse_size(text)
    except ValueError as error:
        raise UsageError(f"--max-size: '{text[:40]}' {error}") from None


@click.command()
@click.argument("repository", default=".", type=click.Path())
@click.argument("revisions", nargs=-1)
@click.option("--since", metavar="DATE", help="Only commits after that date (anything git understands).")
@click.option("--branch", "branches", multiple=True, metavar="NAME", help="Only what these branches reach.")
@click.option("--unreachable", is_flag=True, help="Dangling objects, too.")
@click.option("--submodules", is_flag=True, help="The histories of submodules, too.")
@click.option("--cache", "cache", type=click.Path(path_type=Path), metavar="DIR",
              help="Remember there what was read, so that the next run reads only what is new.")
@scanning
def history(
    wanted: Wanted,
    repository: str,
    revisions: tuple[str, ...],
    since: str | None,
    branches: tuple[str, ...],
    unreachable: bool,
    submodules: bool,
    cache: Path | None,
) -> int:
    """Scan the whole history of a git repository. All branches, tags, stashes and reflogs.

    REVISIONS narrow it to ranges such as v1.0..main.

    \b
    Examples:
      keysweep history
      keysweep history ../other.git --unreachable
      keysweep history . v1.0..main --report json:leaks.json
      keysweep history --since '2 weeks ago' --group secret
    """
    from scanner.sources.git_history import GitHistory  # noqa: PLC0415

    session = Session(wanted, Ground.of_repository(repository))
    source = GitHistory(
        repository,
        revisions=revisions,
        since=since or "",
        branches=branches,
        unreachable=unreachable,
        submodules=submodules,
        memory=session.remember(cache),
    )
    return session.run(source, whole=not (revisions or since or branches))


@click.command()
@click.option("--name", default="", metavar="NAME", help="What the text is called in reports, e.g. deploy.log.")
@scanning
def stdin(wanted: Wanted, name: str) -> int:
    """Scan standard input.

    \b
    Examples:
      kubectl logs deploy/web | keysweep stdin --name web.log
      keysweep stdin < .env
    """
    from scanner.sources.stream import Stream  # noqa: PLC0415

    invite()
    return Session(wanted).run(Stream(sys.stdin.buffer, name))
