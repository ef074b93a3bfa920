"""Small files, read whole and up to a bound: what is foreign may be a device that never ends, or never begins."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

from scanner.errors import ConfigError

_OURS = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")
"""What a shell has opened for us already, as `<(command)`: it is read to its end like standard input."""


def opened(path: str | Path) -> BinaryIO:
    """A file to read from, which does not wait: a pipe or a terminal that a path names is refused. Raises `OSError`."""
    ours = os.fspath(path).startswith(_OURS)
    flags = 0 if ours else getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
    file = open(path, "rb", opener=lambda name, given: os.open(name, given | flags))  # noqa: SIM115 - handed on
    if not ours and (stat.S_ISFIFO(os.fstat(file.fileno()).st_mode) or file.isatty()):
        file.close()
        raise OSError(errno.EINVAL, "it is no regular file", os.fspath(path))
    return file


def read_whole(path: Path, most: int, what: str, name: str = "") -> bytes:
    """All bytes of a file. Raises `ConfigError` when it cannot be read, or holds more than `most` bytes (whole KiB
    or MiB), which no `what` does; `name` stands for the path in these sentences where the path alone will not do."""
    try:
        with opened(path) as file:
            data = file.read(most + 1)
    except OSError as error:
        raise ConfigError(f"{name or path}: cannot be read: {error.strerror or error}") from error
    if len(data) > most:
        bound = f"{most >> 20} MiB" if most >> 20 else f"{most >> 10} KiB"
        raise ConfigError(f"{name or path}: larger than {bound}, which no {what} is")
    return data


__all__ = ["opened", "read_whole"]
