"""The root command. Subcommands are imported when they are called: nobody waits for what is not used."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

import click

from scanner import __version__

COMMANDS = {
    "files": ("scanner.cli.scan", "files"),
    "history": ("scanner.cli.scan", "history"),
    "stdin": ("scanner.cli.scan", "stdin"),
    "logs": ("scanner.cli.logs", "logs"),
    "mask": ("scanner.cli.mask", "mask"),
    "run": ("scanner.cli.run_command", "run"),
    "staged": ("scanner.cli.guard", "staged"),
    "diff": ("scanner.cli.guard", "diff"),
    "hook": ("scanner.cli.hook", "hook"),
    "baseline": ("scanner.cli.baseline", "baseline"),
    "explain": ("scanner.cli.explain", "explain"),
    "rules": ("scanner.cli.rules", "rules"),
    "verify": ("scanner.cli.verify", "verify"),
    "recheck": ("scanner.cli.recheck", "recheck"),
    "revoke": ("scanner.cli.revoke", "revoke"),
    "completion": ("scanner.cli.completion", "completion"),
    "action": ("scanner.cli.action", "action"),
}
"""Every command: where it lives, so that only the one that is called is loaded."""

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
        module, name = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(module), name)
        return command

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
