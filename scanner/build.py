"""Which build this is, for what is kept on disk from one run to the next: two builds of one version (two commits of a
checkout) may judge otherwise, and none may trust what the other found out."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from scanner import __version__


@cache
def build(*folders: str) -> str:
    """Changes with the version and with every module in these folders of the package ("" for the package's own).
    Hexadecimal. Where the modules cannot be read (a zipped package) it changes with the version only."""
    told = hashlib.blake2b(f"{__version__}\n".encode(), digest_size=12)
    here = Path(__file__).parent
    for file in sorted(file for folder in folders for file in (here / folder).glob("*.py")):
        told.update(b"%s %s\n" % (file.name.encode(), hashlib.blake2b(file.read_bytes(), digest_size=12).digest()))
    return told.hexdigest()


__all__ = ["build"]
