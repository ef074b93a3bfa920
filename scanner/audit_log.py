"""What was done to keys, one JSON object a line, appended to a file that only its owner reads. No secret is in it."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from scanner.errors import ConfigError

NAME = "revocations.jsonl"

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


class AuditLog:
    """Opens, or makes, the file when it is made itself, so that a log that cannot be kept is known before anything is
    done. Raises ConfigError when it cannot be, or when others could read it."""

    def __init__(self, path: Path, mask: Callable[[str], str]) -> None:
        self._path, self._mask = path, mask
        try:
            self._descriptor = os.open(path, _FLAGS, 0o600)
        except OSError as error:
            raise ConfigError(f"{path}: the audit log cannot be written: {error.strerror}; see --audit-log") from None
        about = os.fstat(self._descriptor)
        if not stat.S_ISREG(about.st_mode) or _open_to_others(about):
            self.close()
            raise ConfigError(f"{path}: not a file that only you can read; `chmod 600` it, or name another audit log")

    def write(self, event: str, **fields: str | int) -> None:
        """One line, written through to the disk. Raises ConfigError when that fails."""
        time = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        told = {name: self._mask(value) if isinstance(value, str) else value for name, value in fields.items()}
        line = json.dumps({"time": time, "event": event, **told}) + "\n"
        try:
            # One call for the whole line: lines of two runs at once do not mix.
            os.write(self._descriptor, line.encode())
            os.fsync(self._descriptor)
        except OSError as error:
            raise ConfigError(f"{self._path}: the audit log cannot be written: {error.strerror}") from None

    def close(self) -> None:
        """Closes the file."""
        os.close(self._descriptor)

    def __enter__(self) -> AuditLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _open_to_others(about: os.stat_result) -> bool:
    if sys.platform == "win32":
        return False
    return about.st_uid != os.geteuid() or bool(about.st_mode & (stat.S_IRWXG | stat.S_IRWXO))


__all__ = ["NAME", "AuditLog"]
