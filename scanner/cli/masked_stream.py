"""What `mask` and `run` share: bytes from one descriptor to another, masked, without delay and without loss."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar, cast

import click

from scanner.cli.options import Wanted
from scanner.cli.session import Session
from scanner.errors import KeysweepError, UsageError
from scanner.known_secrets import worth
from scanner.mask_report import LINES_NAMED, Report
from scanner.masker import Masker, known
from scanner.reports.interface import count
from scanner.reports.text_safety import printable
from scanner.stretch import Stretches
from scanner.whole_file import read_whole

PIECE = 1 << 20
"""How much is read at once, when so much is there."""

HEAD = 8
"""So many first bytes tell what packed a file."""

_MAGIC = (
    (b"\x1f\x8b\x08", "gzip"), (b"BZh", "bzip2"), (b"\xfd7zXZ\0", "xz"), (b"\x28\xb5\x2f\xfd", "Zstandard"),
    (b"PK\x03\x04", "zip"), (b"7z\xbc\xaf\x27\x1c", "7-Zip"), (b"\x04\x22\x4d\x18", "LZ4"), (b"\x1f\x9d", "compress"),
    (b"Rar!\x1a\x07", "RAR"),
)  # fmt: skip

PATIENCE = 0.05
"""After so many seconds without input the begun line is shown as far as nothing in it can be secret."""


F = TypeVar("F", bound=Callable[..., Any])
_PATH = click.Path(path_type=Path)
_MOST_KNOWN = 64 << 20


@dataclass(frozen=True, slots=True)
class Masking:
    """What the command line says of masking."""

    report: bool
    env: bool
    known: Path | None
    rules: tuple[Path, ...]
    config: Path | None
    no_config: bool
    engine: str | None

    def stretches(self) -> Stretches:
        """What decides: the rules, the secrets of the environment, the values of a file, one a line."""
        session = Session(
            Wanted(config=self.config, no_config=self.no_config, rules=self.rules, engine=self.engine)
        )
        given: list[bytes] = []
        if self.known is not None:
            given = read_whole(self.known, _MOST_KNOWN, "list of secrets").splitlines()
            _tell_left_out(given, self.known)
        engine = session.config.engine
        values = known(given, os.environ if self.env else {})
        return Stretches(session.rules, "bulk" if engine == "auto" else engine, values)


def _tell_left_out(given: list[bytes], file: Path) -> None:
    """Says which lines name nothing that can be told from ordinary text, and so are not masked."""
    left = [str(number) for number, value in enumerate(given, 1) if value.strip() and not worth(value)]
    if left:
        lines = f"{', '.join(left[:10])}{f' and {len(left) - 10:,} more' if len(left) > 10 else ''}"
        click.echo(
            f"keysweep: {printable(str(file))}: not masked, because too short or too common: "
            f"{'line' if len(left) == 1 else 'lines'} {lines}",
            err=True,
        )


_OPTIONS = (
    click.option("--report", is_flag=True, help="At the end, tell on standard error what was masked."),
    click.option("--env/--no-env", default=True,
                 help="Mask the values of secret environment variables.  [default: yes]"),
    click.option("--known", type=_PATH, metavar="FILE", help="Mask the values in FILE, too, one a line."),
    click.option("--rules", multiple=True, type=_PATH, metavar="PATH",
                 help="Rule file or folder of your own, in addition."),
    click.option("--config", type=_PATH, metavar="FILE",
                 help="Configuration.  [default: .keysweep.toml or pyproject.toml, here or above]"),
    click.option("--no-config", is_flag=True, help="Use no configuration file."),
    click.option("--engine", type=click.Choice(["auto", "aho", "vectorscan"]),
                 help="How keywords are found.  [default: auto]"),
)  # fmt: skip


def masking(command: F) -> F:
    """Adds the options of masking to a command; it gets them as one `wanted: Masking`."""

    def gather(**values: Any) -> Any:
        own = {name: value for name, value in values.items() if name not in Masking.__dataclass_fields__}
        shared = {name: value for name, value in values.items() if name in Masking.__dataclass_fields__}
        return command(wanted=Masking(**shared), **own)

    gather.__doc__ = command.__doc__
    gather.__name__ = command.__name__
    vars(gather)["__click_params__"] = list(getattr(command, "__click_params__", []))
    for option in reversed(_OPTIONS):
        option(gather)
    return cast("F", gather)


class Copy:
    """Copies from one descriptor to another, masked, until the input ends."""

    def __init__(self, source: int, target: int, masker: Masker) -> None:
        self._source, self._target, self._masker = source, target, masker
        self._waits = _can_wait(source)
        self._stopped = False

    def run(self) -> None:
        """Copies to the end. The first Ctrl-C is the producer's: what it still says gets through. The second ends."""
        first = True
        with self._interrupts():
            while True:
                if self._waits and self._masker.held and not select.select([self._source], [], [], PATIENCE)[0]:
                    self.write(self._masker.settled())
                    select.select([self._source], [], [])
                piece = os.read(self._source, PIECE)
                if not piece:
                    break
                if first and (kind := packed(piece)):
                    raise UsageError(f"the input is packed ({kind}), and nothing in it can be masked; unpack it first")
                first = False
                self.write(self._masker.feed(piece))
            self.write(self._masker.flush())
        if self._stopped:
            raise KeyboardInterrupt

    def write(self, piece: bytes) -> None:
        """Writes all of it, at once. Raises BrokenPipeError when nobody reads any more, KeysweepError when it cannot be
        written."""
        try:
            write_all(self._target, piece)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise unwritten("the output", error) from error

    @contextlib.contextmanager
    def _interrupts(self) -> Iterator[None]:
        def stop(number: int, frame: FrameType | None) -> None:
            if self._stopped or os.isatty(self._source):
                signal.signal(signal.SIGINT, signal.default_int_handler)
                self.write(self._masker.flush())
                raise KeyboardInterrupt
            self._stopped = True

        before = signal.signal(signal.SIGINT, stop)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)


def write_all(target: int, piece: bytes) -> None:
    """Writes all of the bytes to a descriptor, also to one that takes less or has to be waited for."""
    rest = memoryview(piece)
    while rest:
        try:
            rest = rest[os.write(target, rest) :]
        except BlockingIOError:
            select.select([], [target], [])


def unwritten(what: str, error: OSError) -> KeysweepError:
    """That something could not be written, as a sentence."""
    return KeysweepError(f"{what} could not be written, and is lost: {error.strerror}")


def packed(head: bytes) -> str:
    """What packed a file that begins so; "" when nothing did, as far as is known."""
    if head.startswith(b"BZh") and not head[3:4].isdigit():
        return ""
    return next((kind for magic, kind in _MAGIC if head.startswith(magic)), "")


def _can_wait(source: int) -> bool:
    """Whether `select` tells when there is something to read: pipes, sockets and terminals, on POSIX."""
    kind = os.fstat(source).st_mode
    return sys.platform != "win32" and not stat.S_ISREG(kind)


def masks_told(report: Report, name: str) -> str:
    """What was masked, for people."""
    where = f"{name}: " if name else ""
    if not report.total:
        return f"keysweep: {where}nothing was masked\n"
    lines = [f"keysweep: {where}masked {count(report.total, 'stretch', 'stretches')}\n"]
    for row in report.by_rule:
        more = ", …" if len(row.lines) == LINES_NAMED else ""
        lines.append(f"  {row.count:6}  {row.rule_id}  line {', '.join(map(str, row.lines))}{more}\n")
    if report.cut:
        lines.append(f"  {report.cut} lines belong to keys longer than any known format: hidden to their end\n")
    return "".join(lines)


__all__ = [
    "HEAD", "PATIENCE", "PIECE", "Copy", "Masking", "masking", "masks_told", "packed", "unwritten", "write_all",
]  # fmt: skip
