"""Reads many objects through one `git cat-file --batch`: in order, in bounded memory, whatever is damaged."""

from __future__ import annotations

import subprocess
import tempfile
import threading
from collections.abc import Generator, Sequence
from contextlib import closing, suppress
from typing import IO, NamedTuple

from scanner.sources.git import Git, Process, sanitize

LIMIT = 16 * 1024 * 1024
"""Objects up to this many bytes are given whole; larger ones are read in pieces."""

_RESTARTS = 100  # how often one reader starts git anew before it gives up on the rest
_FED_AT_ONCE = 400  # this many ids fit into any system's pipe, so no thread is needed to feed them
_PIECE = 1024 * 1024


class Large:
    """The content of an object over the limit, to be read before the next object is asked for. What is not
    read is passed over. `problem` is set when it ends too early."""

    def __init__(self, stream: IO[bytes], size: int) -> None:
        self._stream, self._left, self.problem = stream, size, ""

    def read(self, count: int) -> bytes:
        """Up to `count` bytes; b"" at the end."""
        data = self._stream.read(min(count, self._left))
        self._left -= len(data)
        if not data and self._left:
            self._left, self.problem = 0, "damaged: it ends too early"
        return data

    def finish(self) -> bool:
        """Passes over the rest; False when the object was cut short."""
        while self._left:
            self.read(_PIECE)
        return not self.problem


class Object(NamedTuple):
    """One object: whole in `data`, or behind `large`, or not read, for the reason in `problem`."""

    id: str
    kind: str
    size: int
    data: bytes
    large: Large | None = None
    problem: str = ""


def read_objects(git: Git, ids: Sequence[str], *, limit: int = LIMIT) -> Generator[Object, None, None]:
    """Yields every object of `ids` (full ids), in order; a missing or damaged one with its `problem`.

    When git dies of a damaged object it is started anew behind it, a bounded number of times.
    """
    done, restarts, blamed = 0, 0, -1
    while done < len(ids) and restarts <= _RESTARTS:
        with _started(git, ids[done:] if done else ids) as process:
            with closing(_read(process, ids[done:] if done else ids, limit)) as objects:
                for item in objects:
                    yield item
                    done += 1
            if done == len(ids):
                return
            restarts += 1
            if blamed != done:  # it may have died of something else: this one gets a second chance
                blamed = done
                continue
            yield Object(ids[done], "", 0, b"", None, _damaged(process))
            done += 1
    for left in ids[done:]:
        yield Object(left, "", 0, b"", None, f"not read: git failed {restarts} times on damaged objects before it")


def _damaged(process: Process) -> str:
    process.stop()
    return f"damaged: {process.words() or 'git died while reading it'}"


def _read(process: Process, ids: Sequence[str], limit: int) -> Generator[Object, None, None]:
    """Objects until the end, or until git dies."""
    readline, read = process.stdout.readline, process.stdout.read
    for wanted in ids:
        header = readline().split()
        if not header:
            return
        if len(header) != 3:
            yield Object(wanted, "", 0, b"", None, sanitize(b" ".join(header[1:])) or "not readable")
            continue
        size = int(header[2])
        if size > limit:
            large = Large(process.stdout, size)
            yield Object(wanted, header[1].decode(), size, b"", large)
            if not large.finish():
                return
        else:
            data = read(size)
            if len(data) != size:
                return
            yield Object(wanted, header[1].decode(), size, data)
        read(1)  # the line break behind the content


def _started(git: Git, ids: Sequence[str]) -> Process:
    """git with the ids to read on its standard input: many come from a file, so that no thread has to feed them
    while answers are read."""
    if len(ids) <= _FED_AT_ONCE:
        process = git.start("cat-file", "--batch", "--buffer", stdin=subprocess.PIPE)
        _feed(process.stdin, ids)
        return process
    with tempfile.TemporaryFile(prefix="keysweep-") as file:
        _write(file, ids)
        file.seek(0)
        return git.start("cat-file", "--batch", "--buffer", stdin=file)


def start_feeding(stdin: IO[bytes], ids: Sequence[str]) -> None:
    """Feeds ids to git while the caller reads what it answers: from a thread when they could fill the pipe."""
    if len(ids) <= _FED_AT_ONCE:
        _feed(stdin, ids)
    else:
        threading.Thread(target=_feed, args=(stdin, ids), daemon=True).start()


def _feed(stdin: IO[bytes], ids: Sequence[str]) -> None:
    with suppress(OSError, ValueError):  # git has died, or the reader wants no more
        _write(stdin, ids)
        stdin.close()


def _write(file: IO[bytes], ids: Sequence[str]) -> None:
    for start in range(0, len(ids), 4096):
        file.write(("\n".join(ids[start : start + 4096]) + "\n").encode())


__all__ = ["LIMIT", "Large", "Object", "read_objects", "start_feeding"]
