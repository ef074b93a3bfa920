"""`keysweep completion`: the script that makes the shell complete commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script for a shell.

    \b
    Examples:
      keysweep completion bash > ~/.local/share/bash-completion/completions/keysweep
      keysweep completion zsh > ~/.zfunc/_keysweep
      keysweep completion fish > ~/.config/fish/completions/keysweep.fish
    """
    from scanner.cli.root import keysweep  # noqa: PLC0415 - the root imports this module

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(kind(keysweep, {}, "keysweep", "_KEYSWEEP_COMPLETE").source())
