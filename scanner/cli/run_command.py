"""`keysweep run`: a command whose output and errors are masked."""

from __future__ import annotations

import sys

import click

from scanner.cli.masked_stream import Masking, masking, masks_told
from scanner.masker import Masker
from scanner.reports.text_safety import printable

NOT_FOUND, NOT_RUNNABLE = 127, 126
"""What a shell says of a command that is not there, or cannot be run."""


@click.command(context_settings={"allow_interspersed_args": False})
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@masking
def run(wanted: Masking, command: tuple[str, ...]) -> int:
    """Run COMMAND with its output and errors masked. Its exit code, its signals and its terminal stay what they are.

    \b
    Examples:
      keysweep run -- printenv
      keysweep run --report -- sh -c 'echo token; exit 3'
    """
    stretches = wanted.stretches()
    out, err = Masker(stretches=stretches), Masker(stretches=stretches)
    try:
        code = _run(command, out, err)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        masker = Masker(stretches=stretches)
        name = masker.feed(command[0].encode("utf-8", "surrogateescape")) + masker.flush()
        click.echo(f"keysweep: {printable(name.decode('utf-8', 'replace'))}: {reason}", err=True)
        return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_RUNNABLE
    if wanted.report:
        sys.stderr.write(masks_told(out.report, "output"))
        sys.stderr.write(masks_told(err.report, "errors"))
    return _end_like(code)


def _run(command: tuple[str, ...], out: Masker, err: Masker) -> int:
    if sys.platform == "win32":
        from scanner.cli import pipes  # noqa: PLC0415 - one of the two, as the platform is

        return pipes.run(command, out, err)
    from scanner.cli.child import Child  # noqa: PLC0415 - as above

    child = Child(command, out, err)
    code = child.run()
    if child.lost is not None:
        raise child.lost
    return code


def _end_like(code: int) -> int:
    if sys.platform == "win32":
        return code
    from scanner.cli.child import end_like  # noqa: PLC0415 - POSIX only

    return end_like(code)
