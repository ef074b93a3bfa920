"""What earlier runs found out, kept in a folder that the user named: files with a seal.

It only ever saves time. A file that is damaged, cut short, made with another key or by another build is as good as
none, so nothing that is written into such a folder can make a later run report less. What is in them is enciphered, and
findings are not among it: nothing tells a secret.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from scanner import userdir
from scanner.build import build

LIMIT = 256 * 1024 * 1024
"""The files of a folder together are kept below so many bytes: the oldest go."""

_KEY_FILE = "memory.key"
_SUFFIX = ".keysweep"
_SEAL = 32
_AT_ONCE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # no link, and no pipe that nobody writes to


class Memory:
    """A folder of sealed files. Whatever goes wrong with it costs time only."""

    def __init__(self, folder: Path, key: bytes) -> None:
        self._folder, self._key = folder, key

    def read(self, name: str) -> bytes | None:
        """What was written under that name, or None."""
        try:
            descriptor = os.open(self._path(name), os.O_RDONLY | _AT_ONCE)
            with os.fdopen(descriptor, "rb") as file:
                about = os.fstat(descriptor)
                if not stat.S_ISREG(about.st_mode) or about.st_size > LIMIT:
                    return None
                content = file.read()
        except OSError:
            return None
        seal, nonce, hidden = content[:_SEAL], content[_SEAL : 2 * _SEAL], content[2 * _SEAL :]
        return self._turned(nonce, hidden) if hmac.compare_digest(seal, self._seal(name, nonce, hidden)) else None

    def write(self, name: str, content: bytes) -> bool:
        """Keeps the content, whole or not at all, and makes room for it. False when it could not."""
        if len(content) + 2 * _SEAL > LIMIT:
            return False
        nonce = secrets.token_bytes(_SEAL)
        hidden = self._turned(nonce, content)
        temporary = self._folder / f".{name}.{os.getpid()}{_SUFFIX}"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(self._seal(name, nonce, hidden) + nonce)
                file.write(hidden)
            temporary.replace(self._path(name))
            self._prune(name)
        except OSError:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            return False
        return True

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}{_SUFFIX}"

    def _seal(self, name: str, nonce: bytes, hidden: bytes) -> bytes:
        told = hmac.new(self._key, f"{_judging()} {name} {len(hidden)}\n".encode() + nonce, hashlib.sha256)
        told.update(hidden)
        return told.digest()

    def _turned(self, nonce: bytes, content: bytes) -> bytes:
        """Enciphered, or deciphered: names of files and authors can hold keys."""
        stream = hashlib.shake_256(b"keysweep memory" + self._key + nonce).digest(len(content))
        return (int.from_bytes(content) ^ int.from_bytes(stream)).to_bytes(len(content))

    def _prune(self, name: str) -> None:
        """Takes away the oldest files beyond the limit, never the one just written."""
        kept = self._path(name)
        files = [(file.lstat(), file) for file in self._folder.glob(f"*{_SUFFIX}") if file != kept]
        left = LIMIT - kept.lstat().st_size
        for about, file in sorted(files, key=lambda one: (-one[0].st_mtime_ns, one[1].name)):
            left -= about.st_size
            if left < 0:
                file.unlink(missing_ok=True)


def _judging() -> str:
    """Changes with whatever decides what is a key, and where it is looked for."""
    return build("", "pattern", "prefilter", "sources")


def open_memory(folder: Path, pepper: bytes) -> Memory | None:
    """The memory in a folder, sealed with a key made of `pepper` (see `config.identity_key`), or, without one, with a
    random key that stays in the user's private folder. None where no such key can be kept."""
    key = hashlib.blake2b(pepper, digest_size=32, person=b"keysweep memory").digest() if pepper else _own_key()
    return Memory(folder, key) if key is not None else None


def _own_key() -> bytes | None:
    where = userdir.state()
    if where is None:
        return None
    path = where / _KEY_FILE
    for _ in range(2):
        try:
            about = path.lstat()
            if not stat.S_ISREG(about.st_mode) or (os.name == "posix" and about.st_mode & 0o077):
                return None
            key = path.read_bytes()
            return key if len(key) == _SEAL else None
        except FileNotFoundError:
            _make_key(path)
        except OSError:
            return None
    return None


def _make_key(path: Path) -> None:
    """Another run may make one at the same moment: the first one stays."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with suppress(OSError):
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_SEAL))
        with suppress(FileExistsError):
            os.link(temporary, path)
    with suppress(OSError):
        temporary.unlink(missing_ok=True)


__all__ = ["LIMIT", "Memory", "open_memory"]
