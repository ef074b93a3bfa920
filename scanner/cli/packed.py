"""Compressed files on their way through the masker: unpacked, and packed again as they were."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO, cast

from scanner.cli.masked_stream import HEAD, packed
from scanner.errors import SourceError

_UNPACKED = frozenset({"gzip", "bzip2", "xz"})


@contextlib.contextmanager
def unpacked(file: BinaryIO, name: str, kind: str) -> Iterator[IO[bytes]]:
    """The text of a file that is packed so. Raises SourceError, also while it is read, where that is damaged,
    packed twice, or of a kind that is not unpacked here."""
    if kind not in _UNPACKED:
        raise SourceError(f"{name}: is packed ({kind}), and nothing in it can be masked; unpack it first")
    with _reader(file, kind) as reader:
        try:
            if again := packed(reader.peek(HEAD)[:HEAD]):
                raise SourceError(f"{name}: is packed twice ({kind}, {again}); unpack it first")
            yield cast("IO[bytes]", reader)
        except MemoryError as error:  # an xz file says itself how much it needs, up to 4 GiB
            raise SourceError(f"{name}: cannot be unpacked ({kind}): that takes more memory than there is") from error
        except (EOFError, OSError, zlib.error, lzma.LZMAError) as error:
            if isinstance(error, OSError) and error.errno is not None:  # the system's; those of damages have no number
                raise
            raise SourceError(f"{name}: cannot be unpacked ({kind}): it is damaged or cut short") from error


def _reader(file: BinaryIO, kind: str) -> gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile:
    if kind == "gzip":
        return gzip.GzipFile(fileobj=file, mode="rb")
    return bz2.BZ2File(file, "rb") if kind == "bzip2" else lzma.LZMAFile(file, "rb")


def packing(path: Path, target: BinaryIO, kind: str) -> IO[bytes]:
    """What packs in that way what is written to it, as the file at `path` is, into `target`, which stays open."""
    if kind == "gzip":
        name, time = path.name.removesuffix(".gz"), path.stat().st_mtime
        told = time if 0 <= time < 1 << 32 else 0  # there is no room for more; 0 says nothing
        return cast("IO[bytes]", gzip.GzipFile(name, "wb", fileobj=target, mtime=told))
    return bz2.BZ2File(target, "wb") if kind == "bzip2" else lzma.LZMAFile(target, "wb")


__all__ = ["packing", "unpacked"]
