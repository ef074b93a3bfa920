"""`keysweep mask --in-place`: a file is replaced by its masked self, whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import IO, BinaryIO

from scanner.cli.masked_stream import HEAD, PIECE, packed
from scanner.errors import SourceError
from scanner.masker import Masker


def replace(named: Path, suffix: str, masker: Masker) -> None:
    """Masks a file where it is. Nobody ever sees half of it; permissions, owner and attributes stay; a file without
    secrets is not touched. A link stays one: what it leads to is replaced; a file of several names (hard links) is
    refused. What is packed (gzip, bzip2, xz) is packed again. With a suffix, the file as it was is kept
    under its name and that. Raises SourceError or OSError, and leaves the file as it was."""
    path = named.resolve(strict=True)
    about = path.stat()
    if not stat.S_ISREG(about.st_mode):
        raise SourceError(f"{named}: is no regular file, and cannot be replaced")
    backup = path.with_name(path.name + suffix) if suffix else None
    if backup is not None and os.path.lexists(backup):
        raise SourceError(f"{named}: {backup.name} is there already, and is not overwritten; name another suffix")
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.")
    try:
        with os.fdopen(descriptor, "wb") as target, path.open("rb") as source:
            kind = packed(source.peek(HEAD)[:HEAD])
            if kind:
                _packed(source, target, path, kind, masker)
            else:
                _mask(source, target, masker)
            target.flush()
            os.fsync(target.fileno())
        if not masker.report.total:
            return
        if about.st_nlink > 1:
            others = "another name" if about.st_nlink == 2 else f"{about.st_nlink - 1} other names"
            raise SourceError(
                f"{named}: has {others} (hard links), under which it would stay as it is; make it a file of its own"
                f" first, or mask it into a new one: keysweep mask FILE > NEW"
            )
        _like(Path(name), path, about)
        if backup is not None:
            os.link(path, backup)
        os.replace(name, path)  # noqa: PTH105 - a name, not a path
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)  # noqa: PTH108


def _mask(source: IO[bytes], target: IO[bytes], masker: Masker) -> None:
    while piece := source.read(PIECE):
        target.write(masker.feed(piece))
    target.write(masker.flush())


def _packed(source: BinaryIO, target: BinaryIO, path: Path, kind: str, masker: Masker) -> None:
    from scanner.cli.packed import packing, unpacked  # noqa: PLC0415 - only for what is packed

    with unpacked(source, str(path), kind) as text, packing(path, target, kind) as packer:
        _mask(text, packer, masker)


def _like(new: Path, old: Path, about: os.stat_result) -> None:
    """Owner, permissions and attributes of the old file for the new one; its times are those of the change."""
    if hasattr(os, "chown"):
        with contextlib.suppress(PermissionError):
            os.chown(new, about.st_uid, about.st_gid)
    shutil.copystat(old, new)
    os.utime(new)
