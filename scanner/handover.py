"""A new key is handed over to its user: into a file that only they can read, or to a command's standard input.

Rotating a key ends the old one at once, and the answer is the only copy of the new one. So everything that can be
tried is tried before: the target is reserved, and a spare file in the user's private folder, too. What comes is
written to the spare first, and the spare goes away when the target has it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Final, Protocol

from scanner.errors import KeysweepError, UsageError
from scanner.models import Secret

LARGEST: Final = 4096
SECONDS: Final = 60
"""A command that takes the new key has so much time."""

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


class HandoverError(KeysweepError):
    """The new key is not where it should be. The text says where it is instead."""


class Target(Protocol):
    """Where a new key goes. `prepare` comes before the old key is ended, `give` or `cancel` after it."""

    def prepare(self) -> None:
        """Makes sure, as far as that can be known, that `give` will work. Raises UsageError."""

    def give(self, secret: bytes) -> str:
        """Hands it over, and says where it is. Raises OSError or HandoverError."""

    def cancel(self) -> None:
        """Takes back what was prepared; nothing was given."""


class KeyFile:
    """A new file that only its owner can read. One that exists is refused."""

    def __init__(self, path: Path) -> None:
        self._path, self._descriptor = path, -1

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._path

    def prepare(self) -> None:
        """Makes the file and has the disk set room aside."""
        try:
            self._descriptor = os.open(self._path, _FLAGS, 0o600)
            # Room is taken now, so that a full disk is found out while there is nothing to lose.
            os.write(self._descriptor, b"\n" * LARGEST)
            os.fsync(self._descriptor)
        except FileExistsError:
            raise UsageError(f"{self._path}: exists; the new key goes into a file of its own") from None
        except OSError as error:
            self.cancel()
            raise UsageError(f"{self._path}: cannot be written: {error.strerror}") from None

    def give(self, secret: bytes) -> str:
        """Writes it, to the disk."""
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        content = secret + b"\n"
        while content:
            content = content[os.write(self._descriptor, content) :]
        os.ftruncate(self._descriptor, len(secret) + 1)
        os.fsync(self._descriptor)
        os.close(self._descriptor)
        self._descriptor = -1
        return f"the new key is in {self._path}"

    def cancel(self) -> None:
        """Removes the file, if it is one of ours."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            self.remove()

    def remove(self) -> None:
        """Removes the file."""
        with contextlib.suppress(OSError):
            self._path.unlink()


class KeyCommand:
    """A command that reads the new key from its standard input. It is run without a shell; what it writes is dropped,
    since it may repeat the key."""

    def __init__(self, text: str) -> None:
        try:
            self._words = shlex.split(text)
        except ValueError:
            self._words = []
        if not self._words:
            raise UsageError("--new-key-command is no command: a program and its arguments, quoted as in a shell")

    def prepare(self) -> None:
        """Looks for the program."""
        if shutil.which(self._words[0]) is None:
            raise UsageError("--new-key-command: there is no such program, or it cannot be run")

    def give(self, secret: bytes) -> str:
        """Runs it; it has to end with 0."""
        try:
            done = subprocess.run(
                self._words, input=secret + b"\n", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                timeout=SECONDS, check=False, start_new_session=True,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise HandoverError(f"the command did not end within {SECONDS} seconds") from None
        except OSError as error:
            raise HandoverError(f"the command could not be run: {error.strerror}") from None
        if done.returncode:
            raise HandoverError(f"the command ended with exit code {done.returncode}")
        return "the command took the new key"

    def cancel(self) -> None:
        """Nothing was begun."""


class Handover:
    """One new key on its way. `folder` is private, and keeps the key when the target fails."""

    def __init__(self, target: Target, folder: Path) -> None:
        self._target = target
        self._spare = KeyFile(folder / f"new-key-{secrets.token_hex(6)}")

    def prepare(self) -> None:
        """Before the old key is ended. Raises UsageError; then nothing has happened."""
        self._spare.prepare()
        try:
            self._target.prepare()
        except BaseException:
            self._spare.cancel()
            raise

    def cancel(self) -> None:
        """There is no new key."""
        self._target.cancel()
        self._spare.cancel()

    def give(self, secret: Secret) -> str:
        """Hands the new key over, and says where it is. Raises HandoverError, which says where it is kept."""
        try:
            self._spare.give(secret.reveal())
        except OSError:
            return self._only_target(secret)
        try:
            where = self._target.give(secret.reveal())
        except (OSError, HandoverError) as error:
            self._target.cancel()
            reason = str(error) if isinstance(error, HandoverError) else error.strerror
            raise HandoverError(f"{reason}; the new key is kept in {self._spare.path}: move it from there") from None
        self._spare.remove()
        return where

    def keep(self, reply: bytes) -> str:
        """Keeps a reply in which no new key could be read, since one may be in it; says where, "" when it cannot."""
        self._target.cancel()
        try:
            self._spare.give(reply)
        except OSError:
            return ""
        return str(self._spare.path)

    def _only_target(self, secret: Secret) -> str:
        try:
            return self._target.give(secret.reveal())
        except OSError as error:
            raise HandoverError(f"the new key could not be written anywhere: {error.strerror}") from None


__all__ = ["Handover", "HandoverError", "KeyCommand", "KeyFile", "Target"]
