"""`keysweep mask`: copies standard input or files to standard output, every secret masked."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import BinaryIO, cast

import click

from scanner.cli.masked_stream import HEAD, PIECE, Copy, Masking, masking, masks_told, packed
from scanner.cli.progress import invite
from scanner.errors import SourceError, UsageError
from scanner.masker import Masker
from scanner.policy import Exit
from scanner.reports.text_safety import printable
from scanner.stretch import Stretches


@click.command()
@click.argument("files", nargs=-1, type=click.Path())
@click.option("--in-place", "-i", is_flag=True, help="Replace each file by its masked self, all at once.")
@click.option("--backup", metavar="SUFFIX", help="With --in-place: keep the file as it was under its name and SUFFIX.")
@click.option("--fail", is_flag=True, help="Exit with 1 when something was masked.")
@masking
def mask(wanted: Masking, files: tuple[str, ...], in_place: bool, backup: str | None, fail: bool) -> int:
    """Copy standard input, or FILES, with every secret masked. The public prefix of a key stays, and so do all other
    bytes. What gzip, bzip2 or xz packed is unpacked; --in-place packs it again.

    \b
    Examples:
      ./server 2>&1 | keysweep mask
      keysweep mask deploy.log --report > public.log
      keysweep mask --in-place --backup .orig deploy.log
    """
    _check(files, in_place, backup)
    stretches = wanted.stretches()
    masked, missed = 0, []
    for name in files or ("-",):
        masker = Masker(stretches=stretches)
        try:
            if in_place:
                from scanner.cli.mask_in_place import replace  # noqa: PLC0415 - only where it is asked for

                replace(Path(name), backup or "", masker)
            else:
                _copy(name, masker)
        except BrokenPipeError:
            raise
        except (OSError, SourceError) as error:
            missed.append(str(error) if isinstance(error, SourceError) else f"{name}: {error.strerror}")
            if in_place:
                continue  # it is as it was
        masked += masker.report.total
        if wanted.report:
            sys.stderr.write(masks_told(masker.report, "" if name == "-" else name))
    for reason in missed:
        click.echo(f"keysweep: not masked: {printable(_safe(stretches, reason))}", err=True)
    if masked and fail:
        return int(Exit.LEAKS)
    return int(Exit.INCOMPLETE) if missed else int(Exit.OK)


def _safe(stretches: Stretches, text: str) -> str:
    masker = Masker(stretches=stretches)
    return (masker.feed(text.encode("utf-8", "surrogateescape")) + masker.flush()).decode("utf-8", "replace")


def _check(files: tuple[str, ...], in_place: bool, backup: str | None) -> None:
    if in_place and (not files or "-" in files):
        raise UsageError("--in-place needs files: standard input cannot be replaced")
    if backup is not None and not in_place:
        raise UsageError("--backup goes with --in-place")
    if backup is not None and (not backup or "/" in backup or os.sep in backup):
        raise UsageError("--backup takes a suffix for the file's name, such as .orig")


def _copy(name: str, masker: Masker) -> None:
    if name == "-":
        invite()
        Copy(sys.stdin.fileno(), sys.stdout.fileno(), masker).run()
        return
    with open(name, "rb", buffering=0) as file:  # noqa: PTH123 - a name, as it was given
        kind = packed(file.read(HEAD)) if file.seekable() else ""
        if file.seekable():
            file.seek(0)
        copy = Copy(file.fileno(), sys.stdout.fileno(), masker)
        if not kind:
            copy.run()
            return
        from scanner.cli.packed import unpacked  # noqa: PLC0415 - only for what is packed

        with unpacked(cast("BinaryIO", file), name, kind) as text:
            while piece := text.read(PIECE):
                copy.write(masker.feed(piece))
        copy.write(masker.flush())
