"""Verdicts of earlier runs, without any key: what stands for one is a keyed hash, and its key is a random one that
stays in the user's own folder. Whoever reads the verdicts alone cannot test a guess against them.

The file is input like any other: what does not look right is left out, and a damaged one is no file.
"""

from __future__ import annotations

import hmac
import json
import os
import re
import secrets
import stat
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from scanner.models import Validity
from scanner.verdicts import ACTIVE, INACTIVE, REASONS

MOST: Final = 20_000
"""So many verdicts are kept, the newest."""

_VERDICTS: Final = "verdicts.json"
_KEY: Final = "verdicts.key"
_MOST_BYTES: Final = 16 << 20
_TOKEN = re.compile(r"[0-9a-f]{64}")
_SHOWN = re.compile(r"[ -~]{0,500}")


class VerdictCache:
    """Verdicts in a folder, for `ttl` seconds each. Only what a provider said is kept (active, inactive), never that it
    could not be asked. A folder that cannot be used costs the cache, and nothing else."""

    def __init__(self, folder: Path, ttl: float, now: Callable[[], float]) -> None:
        self._folder, self._ttl, self._now = folder, ttl, now
        self._lock = threading.Lock()
        self._key = self._own_key()
        self._known: dict[str, tuple[float, Validity]] = self._read() if self._key else {}

    def __repr__(self) -> str:
        return f"VerdictCache({len(self._known)} verdicts)"

    def token(self, parts: Iterable[bytes]) -> str:
        """What stands for a question, with all that decides its answer; "" when nothing can be kept."""
        if not self._key:
            return ""
        # Lengths before the parts: ("a", "bc") and ("ab", "c") must not meet.
        message = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
        return hmac.digest(self._key, message, "sha256").hex()

    def get(self, token: str) -> Validity | None:
        """What was said, unless that was too long ago."""
        with self._lock:
            said = self._known.get(token)
        return said[1] if said and 0 <= self._now() - said[0] < self._ttl else None

    def put(self, token: str, validity: Validity) -> None:
        """Keeps a verdict, if it is one."""
        if token and validity.status in (ACTIVE, INACTIVE):
            with self._lock:
                self._known[token] = (self._now(), validity)

    def save(self) -> None:
        """Writes what is known, atomically. Nothing happens when that cannot be done."""
        with self._lock:
            fresh = {token: said for token, said in self._known.items() if 0 <= self._now() - said[0] < self._ttl}
        if not self._key or not fresh:
            return
        newest = sorted(fresh.items(), key=lambda item: item[1][0], reverse=True)[:MOST]
        rows = {token: [at, asdict(validity)] for token, (at, validity) in newest}
        _write(self._folder / _VERDICTS, json.dumps(rows, separators=(",", ":")).encode())

    def _own_key(self) -> bytes:
        """The random key, made at the first use. b"" when there is none to be trusted."""
        path = self._folder / _KEY
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(secrets.token_bytes(32))
        except FileExistsError:
            pass
        except OSError:
            return b""
        found = _read_private(path)
        return found if len(found) == 32 else b""

    def _read(self) -> dict[str, tuple[float, Validity]]:
        try:
            rows = json.loads(_read_private(self._folder / _VERDICTS) or b"{}")
        except (ValueError, RecursionError):
            return {}
        found = {}
        for token, row in rows.items() if isinstance(rows, dict) else ():
            said = _validity(row)
            if _TOKEN.fullmatch(token) and said is not None:
                found[token] = said
        return found


def _validity(row: Any) -> tuple[float, Validity] | None:
    """A row of the file; None when it says what no verdict of ours says."""
    if not isinstance(row, list) or [type(item) for item in row] not in ([float, dict], [int, dict]):
        return None
    told: dict[str, Any] = row[1]
    texts = [told.get(name) for name in ("status", "reason", "endpoint", "asked", "detail")]
    if not all(isinstance(text, str) and _SHOWN.fullmatch(text) for text in texts):
        return None
    if told["status"] not in (ACTIVE, INACTIVE) or told["reason"] not in REASONS[told["status"]]:
        return None
    status, reason, endpoint, asked, detail = (str(text) for text in texts)
    code = told.get("http_status")
    return float(row[0]), Validity(status, reason, endpoint, asked, code if isinstance(code, int) else 0, detail)


def _read_private(path: Path) -> bytes:
    """A file of the user's own that nobody else can write or (POSIX) read; b"" otherwise."""
    try:
        about = path.lstat()
        foreign = os.name == "posix" and (about.st_uid != os.geteuid() or about.st_mode & 0o077)
        if not stat.S_ISREG(about.st_mode) or foreign or about.st_size > _MOST_BYTES:
            return b""
        return path.read_bytes()
    except OSError:
        return b""


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)


__all__ = ["MOST", "VerdictCache"]
