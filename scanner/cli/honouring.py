"""What other scanners were told to tolerate: their files read, and matched with what a scan found."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from scanner.errors import ConfigError, SourceError
from scanner.honour import Read, honoured
from scanner.rival_files import LARGEST, Claim, parse
from scanner.rivals import FILES, Wish
from scanner.sources.git import GitError, Repository, open_repository
from scanner.whole_file import read_whole

_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_LARGEST_VERSION = 16 << 20


def claims_of(wanted: Iterable[Wish], read: Callable[[str, bool], tuple[str, bytes] | None]) -> list[Claim]:
    """The claims of the files that are asked for. `read` gives name and content of a file; its second argument says
    that the file is the scanner's usual one, which need not be there. Raises `ConfigError`."""
    found: list[Claim] = []
    for wish in wanted:
        file = wish.file or FILES[wish.rival]
        given = read(file, not wish.file) if file else None
        if given is not None:
            name, data = given
            found += parse(data, name)
    return found


def content(path: Path, *, usual: bool) -> tuple[str, bytes] | None:
    """A file's name, as reports say it, and its content. None for a usual file that is not there."""
    if usual and not path.exists():
        return None
    if not path.is_file():
        raise ConfigError(f"{path}: {'it is no regular file' if path.exists() else 'no such file'}")
    return path.name, read_whole(path, LARGEST, "such file of another scanner")


def reader(repository: Repository | None) -> Read:
    """Reads files as they were in commits of the repository: the one that is scanned, or the one here."""
    opened = repository or _here()

    def read(commit: str, path: str) -> bytes | None:
        if opened is None or not _COMMIT.fullmatch(commit) or not path:
            return None
        try:
            size = int(opened.run("cat-file", "-s", f"{commit}:{path}"))
            return opened.run("cat-file", "blob", f"{commit}:{path}") if size <= _LARGEST_VERSION else None
        except (GitError, ValueError):
            return None

    return read


def _here() -> Repository | None:
    try:
        return open_repository(".")
    except SourceError:
        return None


__all__ = ["claims_of", "content", "honoured", "reader"]
