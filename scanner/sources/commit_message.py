"""The message of a commit that is being made, as git will keep it: the file that a commit-msg hook is given."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from scanner.errors import SourceError
from scanner.models import Chunk, Kind, Note, Origin, Skipped
from scanner.sources.interface import Undivided

NAME = "commit message"
_SCISSORS = b"------------------------ >8 ------------------------"
_KEEP_COMMENTS = frozenset({"whitespace", "verbatim", "scissors"})


class CommitMessage(Undivided):
    """Reads the message's file. `edited` says that a person wrote it in an editor: only then git takes comments out.
    `cleanup` and `comment` are `commit.cleanup` and `core.commentChar`, "" where they are not set.
    Raises `SourceError` when there is no such file."""

    def __init__(
        self, path: str | os.PathLike[str], *, edited: bool = True, cleanup: str = "", comment: str = ""
    ) -> None:
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise SourceError(f"{os.fspath(path)}: the commit message cannot be read: {error.strerror}") from error
        self._data = kept(data, edited=edited, cleanup=cleanup, comment=comment)

    def chunks(self) -> Iterator[Chunk | Skipped | Note]:
        yield Chunk(self._data, Origin(NAME, Kind.COMMIT_MESSAGE))

    def weight(self) -> int:
        """Bytes: a message is never much."""
        return len(self._data)

    def __str__(self) -> str:
        return NAME


def kept(data: bytes, *, edited: bool = True, cleanup: str = "", comment: str = "") -> bytes:
    """What git keeps of a message. Lines that it takes out are emptied, so that the others keep their numbers.

    In doubt a line stays: with `core.commentChar = auto` nobody knows which lines are comments, and scissors cut only
    where git's own explanation follows them.
    """
    sign = (comment or "#").encode()
    if not edited and cleanup != "strip":
        return data
    lines = data.splitlines(keepends=True)
    if comment != "auto":
        lines = lines[: _scissors(lines, sign)]
        if cleanup not in _KEEP_COMMENTS:
            lines = [_end(line) if line.startswith(sign) else line for line in lines]
    return b"".join(lines)


def _scissors(lines: Sequence[bytes], sign: bytes) -> int:
    for number in range(len(lines) - 1):
        if lines[number].rstrip() == sign + b" " + _SCISSORS and lines[number + 1].startswith(sign):
            return number
    return len(lines)


def _end(line: bytes) -> bytes:
    return line[len(line.rstrip(b"\r\n")) :]


__all__ = ["NAME", "CommitMessage", "kept"]
