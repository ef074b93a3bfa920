"""A command that runs with its output masked where there are no pseudo-terminals: two pipes, a thread for each."""

from __future__ import annotations

import errno
import subprocess
import threading
from collections.abc import Sequence
from typing import IO

from scanner.cli.masked_stream import PIECE, unwritten, write_all
from scanner.errors import KeysweepError
from scanner.masker import Masker


def run(command: Sequence[str], out: Masker, err: Masker) -> int:
    """Runs the command and copies its output and errors, masked, to our own; its return code. Raises OSError when it
    cannot be started, KeysweepError when what it wrote could not be written."""
    lost: list[KeysweepError] = []
    lock = threading.Lock()  # what decides serves one thread at a time
    with subprocess.Popen(list(command), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None  # noqa: S101 - for the type checker: asked for
        assert process.stderr is not None  # noqa: S101 - as above
        threads = [
            threading.Thread(target=_copy, args=(source, target, masker, lock, lost))
            for source, target, masker in ((process.stdout, 1, out), (process.stderr, 2, err))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        code = process.wait()
    if lost:
        raise lost[0]
    return code


def _copy(
    source: IO[bytes], target: int, masker: Masker, lock: threading.Lock, lost: list[KeysweepError]
) -> None:
    """To the end, or until nobody reads any more; what could not be written for another reason goes into `lost`."""
    read = getattr(source, "read1", source.read)
    try:
        while piece := read(PIECE):
            with lock:
                piece = masker.feed(piece)
            write_all(target, piece)
        with lock:
            piece = masker.flush()
        write_all(target, piece)
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.EINVAL):  # the latter is what Windows says of a closed pipe
            lost.append(unwritten("output" if target == 1 else "errors", error))
    finally:
        source.close()


__all__ = ["run"]
