"""The command line: thin commands over the library. The only place that prints and that decides to exit."""

from __future__ import annotations

import errno
import gc
import io
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click

FAILURE = 2
INTERRUPTED = 130
LONGEST = 2_000
"""No error says more characters. It is cut when its keys are masked: the half of one would not be known any more."""


def run(arguments: Sequence[str]) -> int:
    """Runs one command and returns its exit code. Every expected failure is one sentence on standard error."""
    try:
        return _run(arguments)
    except KeyboardInterrupt:  # while it loads, or while an error is told
        return _say("interrupted", INTERRUPTED)


def _run(arguments: Sequence[str]) -> int:
    import click  # noqa: PLC0415

    from scanner.cli.root import keysweep  # noqa: PLC0415

    # What is loaded by now stays: the collector need not look at it again and again (3 % of a history's time).
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    _open_closed()
    try:
        code = keysweep.main(args=list(arguments), prog_name="keysweep", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        return _misused(error)
    except (KeyboardInterrupt, click.Abort):
        return _say("interrupted", INTERRUPTED)
    except BrokenPipeError:
        return _unheard()
    except SystemExit as stop:  # click's own ends: 0 after completion, 1 when the reader of our output went away
        return _unheard() if stop.code else 0
    except Exception as error:
        return _say(_sentence(error, lost=_lost()))
    return code if isinstance(code, int) else 0


def _open_closed() -> None:
    """Gives a standard stream that is closed a descriptor that refuses to read or to write: what wants it is told so,
    and no file that is opened takes its number. What would be said where nobody listens is not said."""
    for number, name, mode, refusing in ((0, "stdin", "r", os.O_WRONLY), (1, "stdout", "w", os.O_RDONLY)):
        if getattr(sys, name) is None:
            os.dup2(os.open(os.devnull, refusing), number)
            setattr(sys, name, open(number, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 - it stays open to the end
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - see above


def _lost() -> bool:
    """Whether what was told so far could not be told. It is dropped then: Python would try again at the end, and fail
    in words of its own."""
    try:
        sys.stdout.flush()
    except OSError:
        _unheard()
        return True
    return False


def _misused(error: click.ClickException) -> int:
    """What click says of wrong use, which quotes the arguments."""
    from scanner.cli.masking import masked  # noqa: PLC0415

    words = io.StringIO()
    error.show(words)
    sys.stderr.write(masked(words.getvalue()))
    return FAILURE


def _unheard() -> int:
    """The reader of our output went away: nothing can be told any more, and nothing may look like success."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return FAILURE


def _sentence(error: Exception, *, lost: bool) -> str:
    from scanner.cli.masking import masked  # noqa: PLC0415
    from scanner.errors import KeysweepError  # noqa: PLC0415
    from scanner.reports.text_safety import shortened  # noqa: PLC0415

    if isinstance(error, KeysweepError):
        return shortened(masked(str(error)), LONGEST)
    if isinstance(error, OSError):
        # What is larger than the buffer is dropped when it cannot be written. Files of ours are told by their names.
        lost = lost or error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        place = error.filename or ("standard output" if lost else "a system call")
        return masked(f"{place}: {error.strerror or type(error).__name__}")
    return _bug(error)


def _say(sentence: str, code: int = FAILURE) -> int:
    from scanner.reports.text_safety import printable as safe  # noqa: PLC0415

    sys.stderr.write(f"keysweep: {safe(sentence)}\n")
    return code


def _bug(error: Exception) -> str:
    """A mistake of ours: where it happened, never what was being looked at (a value could be a secret)."""
    trace, places = error.__traceback__, []
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{os.path.basename(code.co_filename)}:{trace.tb_lineno} {code.co_name}")  # noqa: PTH119
        trace = trace.tb_next
    where = " > ".join(places[-4:])
    return f"internal error ({type(error).__name__} at {where}): a bug in keysweep, please report this line"
