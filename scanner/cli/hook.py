"""`keysweep hook`: git hooks that guard commits and pushes, put in place, taken away, and run."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from scanner import hooks
from scanner.cli.guard import ADVICE as COMMIT_ADVICE
from scanner.cli.options import Wanted, scanning
from scanner.cli.session import Session
from scanner.cli.settings import Ground
from scanner.errors import UsageError
from scanner.sources.interface import Source

if TYPE_CHECKING:
    from scanner.sources.git_range import Range

MESSAGE_ADVICE = """\
keysweep: the commit was stopped, its message holds a key. git keeps your message in .git/COMMIT_EDITMSG:
  1. commit again without it:  git commit --edit --file=.git/COMMIT_EDITMSG
  2. if it is no secret:       write 'keysweep:allow REASON' behind it, on its line
"""

PUSH_ADVICE = """\
keysweep: the push was stopped, nothing has left. A later commit that removes a key still sends the earlier one:
  1. take it out of the commits:  git commit --amend, or git rebase -i, from the commit that brought it
  2. keep it elsewhere:           read it from the environment or a secrets manager
  3. if it is no secret:          put a comment 'keysweep:allow REASON' on its line
"""

UNREAD_ADVICE = "keysweep: stopped, because not everything could be read; it is listed above, with the way out.\n"


@click.group()
def hook() -> None:
    """Guard commits and pushes with git hooks.

    \b
    Examples:
      keysweep hook install
      keysweep hook install --type pre-commit --type pre-push
      keysweep hook install --type pre-receive /srv/git/project.git
      keysweep hook status
    """


def _where(command: click.decorators.FC) -> click.decorators.FC:
    """Which hooks, and whose."""
    command = click.option(
        "--global", "everywhere", is_flag=True, help="For all your repositories, not only the one here."
    )(command)
    kinds = click.option("--type", "kinds", multiple=True, type=click.Choice(hooks.TYPES), help="Which hook.")
    command = kinds(command)
    return click.argument("repository", default=".", type=click.Path())(command)


def _place(repository: str, everywhere: bool) -> hooks.Place:
    if not everywhere:
        return hooks.repository_place(repository)
    if repository != ".":
        raise UsageError(f"--global is about all your repositories: leave out '{repository}'")
    return hooks.global_place()


@hook.command()
@_where
@click.option("--chain", is_flag=True, help="Keep a hook that is there already, and call it first.")
def install(repository: str, kinds: tuple[str, ...], everywhere: bool, chain: bool) -> int:
    """Put hooks into a repository. Without --type that is pre-commit, or pre-receive where it is bare.

    A hook of somebody else is never overwritten. core.hooksPath is honoured.

    \b
    Examples:
      keysweep hook install
      keysweep hook install --type pre-push --chain
      keysweep hook install --type pre-receive /srv/git/project.git
      keysweep hook install --global
    """
    place = _place(repository, everywhere)
    chosen = kinds or (("pre-receive",) if place.bare else ("pre-commit",))
    for kind in chosen:
        hooks.check_type(place, kind)
    hooks.check_start()
    for kind in chosen:
        _tell(hooks.install(place, kind, chain=chain))
    hooks.enable_template(place)
    click.echo(f"These are the hooks of {_safe(place.about)}.", err=True)
    if place.template:
        click.echo("In a repository that is there already: keysweep hook install (or git init, once more).", err=True)
    return 0


@hook.command()
@_where
def uninstall(repository: str, kinds: tuple[str, ...], everywhere: bool) -> int:
    """Take keysweep's hooks away. A hook that was there before gets its place back.

    \b
    Examples:
      keysweep hook uninstall
      keysweep hook uninstall --type pre-push
      keysweep hook uninstall --global
    """
    place = _place(repository, everywhere)
    found = [one for one in (hooks.look(place, kind) for kind in kinds or hooks.TYPES) if one.state in _OURS]
    for one in found:
        left = hooks.uninstall(place, one.kind)
        back = "; the hook from before is back" if left.state is not hooks.State.NONE else ""
        click.echo(f"{one.kind}: taken away{back}: {_safe(str(one.path))}")
    if hooks.disable_template(place):
        click.echo("init.templateDir is no longer set in the global git configuration", err=True)
    if not found:
        click.echo(f"there is no hook of keysweep's in {_safe(str(place.folder))}", err=True)
    return 0


_OURS = frozenset({hooks.State.OURS, hooks.State.BROKEN})


@hook.command()
@_where
def status(repository: str, kinds: tuple[str, ...], everywhere: bool) -> int:
    """Tell which hooks there are, whose they are, and if they work.

    Ends with 2 when one of keysweep's is broken, or one that --type asks for is not installed.

    \b
    Examples:
      keysweep hook status
      keysweep hook status --type pre-push
    """
    place = _place(repository, everywhere)
    found = [hooks.look(place, kind) for kind in kinds or (hooks.SERVER if place.bare else hooks.TYPES)]
    for one in found:
        _tell(one)
    click.echo(f"These are the hooks of {_safe(place.about)}, in {_safe(str(place.folder))}.", err=True)
    bad = [one for one in found if one.state is hooks.State.BROKEN or (kinds and one.state is not hooks.State.OURS)]
    return 2 if bad else 0


def _tell(one: hooks.Hook) -> None:
    remark = f" ({_safe(one.remark)})" if one.remark else ""
    path = "" if one.state is hooks.State.NONE else f": {_safe(str(one.path))}"
    click.echo(f"{one.kind}: {one.state}{remark}{path}")


def _safe(text: str) -> str:
    from scanner.cli.masking import masked  # noqa: PLC0415
    from scanner.reports.text_safety import printable  # noqa: PLC0415

    return printable(masked(text))


# --- what hooks run ---


class FileNames(click.Command):
    """A command that programs call with names of files: one that looks like an option must not become one."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuses options that are names of files here, unless `--` stands before them."""
        before = args[: args.index("--")] if "--" in args else args
        for word in before:
            if word.startswith("-") and word != "-" and os.path.lexists(word):
                raise click.UsageError(
                    f"a file here is called '{_safe(word)}', like an option: end the options with -- "
                    "(in .pre-commit-config.yaml: args: [..., --])", ctx,
                )  # fmt: skip
        return super().parse_args(ctx, args)


@hook.command(cls=FileNames)
@click.argument("kind", metavar="TYPE", type=click.Choice(hooks.TYPES))
@click.argument("arguments", nargs=-1, type=click.Path())
@scanning
def run(wanted: Wanted, kind: str, arguments: tuple[str, ...]) -> int:
    """Do what a hook of that type does. Takes the arguments and the standard input that git gives it.

    Installed hooks call this. Call it from a hook of your own with all that git hands to it.

    \b
    Examples:
      keysweep hook run pre-commit
      keysweep hook run commit-msg .git/COMMIT_EDITMSG
      keysweep hook run pre-push --fail-on live
    """
    return _RUN[kind](wanted, arguments)


def _pre_commit(wanted: Wanted, names: Sequence[str]) -> int:
    """Names of files come from pre-commit; git itself gives none."""
    from scanner.sources.git_index import Staged  # noqa: PLC0415

    return _guard(wanted, Staged(paths=names, untouched=True), COMMIT_ADVICE)


def _commit_msg(wanted: Wanted, arguments: Sequence[str]) -> int:
    from scanner.sources.commit_message import CommitMessage  # noqa: PLC0415

    if len(arguments) != 1:
        raise UsageError("commit-msg is given one argument: the file with the message")
    comment = hooks.setting(".", "core.commentString") or hooks.setting(".", "core.commentChar")
    edited = os.environ.get("GIT_EDITOR") != ":"  # how git tells its hooks that no editor was opened
    cleanup = hooks.setting(".", "commit.cleanup")
    message = CommitMessage(arguments[0], edited=edited, cleanup=cleanup, comment=comment)
    return _guard(wanted, message, MESSAGE_ADVICE)


def _pre_push(wanted: Wanted, arguments: Sequence[str]) -> int:
    """git says on standard input what leaves; pre-commit says it in its environment."""
    from scanner.sources.git_range import RevisionRanges, pushed  # noqa: PLC0415

    if arguments:
        ranges, remote = pushed(_lines()), arguments[0]
    else:
        ranges, remote = _of_environment(), os.environ.get("PRE_COMMIT_REMOTE_NAME", "")
    inherit = ("GIT_DIR", "GIT_WORK_TREE")
    source = RevisionRanges(".", ranges, excluded=_known_to(remote), lenient=True, inherit=inherit)
    return _guard(wanted, source, PUSH_ADVICE)


def _known_to(remote: str) -> tuple[str, ...]:
    """What the remote has already, as far as it is known here. A URL that would be a pattern stands for nothing."""
    if any(sign in remote for sign in "*?[\\"):
        return ()
    return (f"--remotes={remote}" if remote else "--remotes",)


def _of_environment() -> list[Range]:
    """What pre-commit says of the push: one ref; both ends only where the remote has something of it already. By hand,
    without either: HEAD."""
    from scanner.sources.git_range import Range  # noqa: PLC0415

    said = os.environ.get
    head = said("PRE_COMMIT_TO_REF") or said("PRE_COMMIT_LOCAL_BRANCH") or "HEAD"
    return [Range(said("PRE_COMMIT_FROM_REF", ""), head, ref=said("PRE_COMMIT_REMOTE_BRANCH", ""))]


def _lines() -> Iterator[str]:
    return (os.fsdecode(line) for line in sys.stdin.buffer.read().splitlines())


def _guard(wanted: Wanted, source: Source, advice: str) -> int:
    """Scans, and speaks only when something is to be said."""
    session = Session(wanted)
    decision = session.judge(session.scan(source), whole=False)
    code = int(decision.exit_code)
    if code or decision.findings or wanted.report or wanted.verbose:
        session.write(decision)
    if code and not wanted.quiet:
        sys.stdout.flush()
        sys.stderr.write(advice if code == 1 else UNREAD_ADVICE)
    return code


# --- on a server ---


def _pre_receive(wanted: Wanted, arguments: Sequence[str]) -> int:
    from scanner.sources.git_range import received  # noqa: PLC0415

    return _serve(wanted, received(_lines()))


def _update(wanted: Wanted, arguments: Sequence[str]) -> int:
    from scanner.sources.git_range import Range  # noqa: PLC0415

    if len(arguments) != 3:
        raise UsageError("update is given three arguments: the ref, the old id and the new one")
    ref, old, new = arguments
    return _serve(wanted, [Range(old, new, ref=ref)])


def _serve(wanted: Wanted, ranges: Sequence[Range]) -> int:
    """Judges what arrives, while it is still in quarantine, and tells the one who pushes in a few lines."""
    from scanner.cli.push_answer import answer  # noqa: PLC0415
    from scanner.sources.git import QUARANTINE_VARIABLES  # noqa: PLC0415
    from scanner.sources.git_range import RevisionRanges  # noqa: PLC0415

    session = Session(wanted, replace(Ground.of([]), server=True))
    inherit = QUARANTINE_VARIABLES | {"GIT_DIR"}
    source = RevisionRanges(".", ranges, excluded=("--all",), lenient=True, inherit=inherit)
    decision = session.judge(session.scan(source), whole=False)
    if wanted.report:
        session.write(decision)
    sys.stdout.flush()
    sys.stderr.write(answer(decision, session.matcher.mask))
    return int(decision.exit_code)


_RUN: dict[str, Callable[[Wanted, Sequence[str]], int]] = {
    "pre-commit": _pre_commit,
    "pre-merge-commit": _pre_commit,
    "commit-msg": _commit_msg,
    "pre-push": _pre_push,
    "pre-receive": _pre_receive,
    "update": _update,
}
"""What each type of hook does."""

__all__ = ["hook"]
