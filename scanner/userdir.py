"""The user's private folders: a cache of small files that save time and hold nothing secret, and a state folder for
what must not be lost.

Every operation on the cache may fail (no home, read-only disk, somebody else's folder); failing costs time, never a
finding. `KEYSWEEP_CACHE_DIR` names another folder; `KEYSWEEP_CACHE_DIR=off` switches caching off.
`KEYSWEEP_STATE_DIR` names another state folder.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path


def folder() -> Path | None:
    """The cache folder, made if needed (private, 0700), or None when there is none to be trusted."""
    named = os.environ.get("KEYSWEEP_CACHE_DIR", "")
    if named == "off":
        return None
    path = Path(named) if named else _default()
    return _made(path) if path is not None else None


def state() -> Path | None:
    """The folder for what must not be lost, made if needed (private, 0700), or None when there is none to be
    trusted."""
    named = os.environ.get("KEYSWEEP_STATE_DIR", "")
    path = Path(named) if named else _default_state()
    made = _made(path) if path.is_absolute() else None
    return made if made is not None and _only_ours(made.lstat()) else None


def _made(path: Path) -> Path | None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        about = path.lstat()
    except OSError:
        return None
    return path if stat.S_ISDIR(about.st_mode) and _private(about) else None


def _default() -> Path | None:
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", "")
    elif sys.platform == "darwin":
        base = str(Path("~/Library/Caches").expanduser())
    else:
        base = os.environ.get("XDG_CACHE_HOME", "") or str(Path("~/.cache").expanduser())
    path = Path(base)
    return path / "keysweep" if path.is_absolute() else None


def _default_state() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", "")) / "keysweep" / "state"
    if sys.platform == "darwin":
        return Path("~/Library/Application Support/keysweep").expanduser()
    return Path(os.environ.get("XDG_STATE_HOME", "") or str(Path("~/.local/state").expanduser())) / "keysweep"


def _only_ours(about: os.stat_result) -> bool:
    """Whether nobody else can even look into it."""
    return sys.platform == "win32" or not about.st_mode & (stat.S_IRWXG | stat.S_IRWXO)


def _private(about: os.stat_result) -> bool:
    """Whether nobody else can write there (POSIX; elsewhere the user's profile is private by its own rights)."""
    if sys.platform == "win32":
        return True
    return about.st_uid == os.geteuid() and not about.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def own_config() -> Path | None:
    """The user's own configuration file, None when there is none: `keysweep/config.toml` in `XDG_CONFIG_HOME` (default
    `~/.config`), on Windows in `APPDATA`. Raises `ConfigError` for one that others can write."""
    named = os.environ.get("APPDATA" if sys.platform == "win32" else "XDG_CONFIG_HOME", "")
    path = Path(named or str(Path("~/.config").expanduser())) / "keysweep" / "config.toml"
    try:
        about = path.stat()
    except OSError:
        return None
    if not path.is_absolute() or not stat.S_ISREG(about.st_mode):
        return None
    if not _private(about):
        from scanner.errors import ConfigError  # noqa: PLC0415 - start-up

        raise ConfigError(f"{path}: others can write it; `chmod go-w` it, and see that it is yours")
    return path


def read(name: str) -> bytes | None:
    """The content of a cached file, None when there is none that can be trusted."""
    where = folder()
    if where is None:
        return None
    try:
        path = where / name
        about = path.lstat()
        return path.read_bytes() if stat.S_ISREG(about.st_mode) and _private(about) else None
    except OSError:
        return None


def write(name: str, content: bytes) -> bool:
    """Stores a file atomically, so that parallel starts see all of it or nothing. False when it could not."""
    where = folder()
    if where is None:
        return False
    temporary = where / f".{name}.{os.getpid()}"
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        temporary.replace(where / name)
    except OSError:
        temporary.unlink(missing_ok=True)
        return False
    return True
