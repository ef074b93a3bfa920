"""`keysweep staged` and `keysweep diff`: only what a change brings."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from scanner.cli.options import Wanted, scanning
from scanner.cli.progress import invite
from scanner.cli.session import Session
from scanner.cli.settings import Ground
from scanner.errors import UsageError

ADVICE = """\
keysweep: the commit was stopped. What to do with a key that is about to be committed:
  1. take it out again:      git reset -- FILE   (and delete the key from the file)
  2. keep it elsewhere:      read it from the environment or a secrets manager
  3. if it is no secret:     put a comment 'keysweep:allow REASON' on its line; where none can stand,
                             an entry into the baseline (keysweep baseline --help)
"""


@click.command()
@click.argument("paths", nargs=-1, type=click.Path())
@click.option("--all-files", is_flag=True, help="Everything in the index, not only what differs from HEAD.")
@click.option("--untouched", is_flag=True, hidden=True, help="Named files that are not staged are read, too.")
@scanning
def staged(wanted: Wanted, paths: tuple[str, ...], all_files: bool, untouched: bool) -> int:
    """Scan what is about to be committed. Only keys that HEAD does not hold already are reported.

    \b
    Examples:
      keysweep staged
      keysweep staged config/ .env
      keysweep staged --all-files
    """
    from scanner.sources.git_index import Staged  # noqa: PLC0415

    session = Session(wanted)
    code = session.run(Staged(paths=paths, all_files=all_files, untouched=untouched))
    if code == 1 and not wanted.quiet:
        sys.stdout.flush()
        sys.stderr.write(ADVICE)
    return code


@click.command()
@click.argument("change", metavar="BASE..HEAD|BASE...HEAD|PATCH|-")
@click.option("--repo", default=".", type=click.Path(), help="The repository.  [default: the one here]")
@click.option(
    "--trust", type=click.Choice(["base", "head"]), default="head", show_default=True,
    help="Whose configuration, rules, baseline and allows count. With 'base' a change cannot vouch for itself.",
)  # fmt: skip
@scanning
def diff(wanted: Wanted, change: str, repo: str, trust: str) -> int:
    """Scan what a change brings: a range of revisions, or a patch.

    A range covers every commit of it, so a key that was added and removed again inside is found. What BASE holds
    already is not reported.

    \b
    Examples:
      keysweep diff origin/main...HEAD
      keysweep diff v1.0..v1.1 --trust base --report sarif:leaks.sarif
      git format-patch -1 --stdout | keysweep diff -
    """
    if change == "-" or (".." not in change and Path(change).is_file()) or Path(change).is_file():
        return _patch(Session(wanted), change)
    if ".." not in change:
        raise UsageError(f"'{change}' is neither a patch file nor a range of revisions such as main...HEAD")
    return _range(wanted, change, repo, trust)


def _patch(session: Session, name: str) -> int:
    from scanner.sources.patch import Patch  # noqa: PLC0415

    if name == "-":
        invite()
        return session.run(Patch(sys.stdin.buffer))
    with Path(name).open("rb") as stream:
        return session.run(Patch(stream, name))


def _range(wanted: Wanted, change: str, repo: str, trust: str) -> int:
    from scanner.cli.trust import BaseSession  # noqa: PLC0415
    from scanner.sources.git_range import RevisionRange  # noqa: PLC0415

    symmetric = "..." in change
    base, _, head = change.partition("..." if symmetric else "..")
    source = RevisionRange(repo, base or "HEAD", head or "HEAD", symmetric=symmetric)
    if trust == "head":
        return Session(wanted, Ground.of_repository(repo)).run(source)
    with BaseSession(wanted, source.repository, base or "HEAD", head or "HEAD") as session:
        return session.run(source)
