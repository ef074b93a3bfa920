"""The root command. Subcommands are imported when they are called: nobody waits for what is not used."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

import click

from scanner import __version__

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class Place(NamedTuple):
    """Where a command lives, and the first sentence of its help, so that only the one that is called is loaded."""

    module: str
    name: str
    short: str


COMMANDS = {
    "files": Place("scanner.cli.scan", "files", "Scan files and folders as they are on disk, committed or not."),
    "history": Place("scanner.cli.scan", "history", "Scan the whole history of a git repository."),
    "stdin": Place("scanner.cli.scan", "stdin", "Scan standard input."),
    "logs": Place("scanner.cli.logs", "logs", "Scan log files and folders of them, or standard input (-)."),
    "mask": Place("scanner.cli.mask", "mask", "Copy standard input, or FILES, with every secret masked."),
    "run": Place("scanner.cli.run_command", "run", "Run COMMAND with its output and errors masked."),
    "staged": Place("scanner.cli.guard", "staged", "Scan what is about to be committed."),
    "diff": Place("scanner.cli.guard", "diff", "Scan what a change brings: a range of revisions, or a patch."),
    "hook": Place("scanner.cli.hook", "hook", "Guard commits and pushes with git hooks."),
    "baseline": Place("scanner.cli.baseline", "baseline", "Keep a list of known findings, so that only new ones fail."),
    "explain": Place("scanner.cli.explain", "explain", "Tell why a line fired, or did not."),
    "rules": Place("scanner.cli.rules", "rules", "List, show and test rules; make fake keys."),
    "verify": Place("scanner.cli.verify", "verify", "Ask a key's provider whether it still works."),
    "recheck": Place("scanner.cli.recheck", "recheck", "Ask again about the keys of an earlier JSON report."),
    "revoke": Place("scanner.cli.revoke", "revoke", "End keys, with the provider's own means."),
    "completion": Place("scanner.cli.completion", "completion", "Print the completion script for a shell."),
    "action": Place("scanner.cli.action", "action",
                    "Scan what the event of this job on GitHub Actions brought; action.yml calls it."),
}  # fmt: skip
"""Every command."""

HIDDEN = frozenset({"action"})
"""Commands that machines call, and no help lists."""


class LazyGroup(click.Group):
    """A group whose commands are modules of their own."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order of their use."""
        return [name for name in COMMANDS if name not in HIDDEN]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports the command that is asked for."""
        if cmd_name not in COMMANDS:
            return None
        place = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(place.module), place.name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, which loads none of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name].short) for name in self.list_commands(ctx)])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The names that a shell may go on with; loads no command either."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - only shells ask

        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        options = click.Command.shell_complete(self, ctx, incomplete)
        return [*(CompletionItem(name, help=COMMANDS[name].short) for name in names), *options]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Like click's own, with a suggestion for a mistyped command."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(f"No such command '{args[0]}'.{_suggest(args[0], list(COMMANDS))}", ctx)
        return super().resolve_command(ctx, args)


def _suggest(word: str, known: Sequence[str]) -> str:
    import difflib  # noqa: PLC0415 - only after a mistake

    near = difflib.get_close_matches(word, known, 1)
    return f" Did you mean '{near[0]}'?" if near else ""


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=True)
@click.version_option(__version__, "-V", "--version", prog_name="keysweep", message="%(prog)s %(version)s")
def keysweep() -> None:
    """Finds leaked API keys in every commit, file and stream, and never prints one.

    \b
    Examples:
      keysweep history             every commit of the repository here
      keysweep files .             the files here, committed or not
      some-command | keysweep stdin
      keysweep explain .env:3      why did, or did not, that line fire?

    Exit codes: 0 nothing to report and everything read, 1 leaks, 2 wrong use or failure, 3 no leaks seen but not
    everything could be read.
    """
