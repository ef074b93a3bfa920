"""Small files, read whole and up to a bound: what is foreign may be a device that never ends."""

from __future__ import annotations

from pathlib import Path

from scanner.errors import ConfigError


def read_whole(path: Path, most: int, what: str, name: str = "") -> bytes:
    """All bytes of a file. Raises `ConfigError` when it cannot be read, or holds more than `most` bytes (whole MiB),
    which no `what` does; `name` stands for the path in that sentence where the path is not to be shown."""
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise ConfigError(f"{name or path}: cannot be read: {error.strerror or error}") from error
    if len(data) > most:
        raise ConfigError(f"{name or path}: larger than {most >> 20} MiB, which no {what} is")
    return data


__all__ = ["read_whole"]
