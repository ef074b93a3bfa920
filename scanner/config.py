"""The configuration file: `.keysweep.toml`, or `[tool.keysweep]` in `pyproject.toml`, as a frozen value.

Anything that is not understood is refused with file, key and the nearest known key: a misspelt `exclude` that
is silently ignored is annoying, a misspelt `fail_on` is a leak that passes.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from scanner.errors import ConfigError, UsageError
from scanner.models import Confidence, Severity
from scanner.policy import FailOn, Policy, parse_fail_on
from scanner.rivals import FILES, Wish, comments_of, wishes
from scanner.whole_file import read_whole

CONFIG_NAME: Final = ".keysweep.toml"
PYPROJECT: Final = "pyproject.toml"
IDENTITY_KEY: Final = "KEYSWEEP_IDENTITY_KEY"
ENGINES: Final = ("auto", "aho", "vectorscan")
LARGEST: Final = 4 << 20


@dataclass(frozen=True, slots=True)
class Config:
    """What a configuration file says, defaults filled in. `source` names the file, "" when there is none.

    Paths are as written: relative to the folder of the file. `jobs` 0 means as many as the machine has;
    `max_size` 0 means that each source uses its own limit. `verify` is the table of that name, read by
    `verify_config`; it counts only in a file that the user named.
    """

    rules: tuple[str, ...] = ()
    enable: tuple[str, ...] = ()
    disable: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    fail_on: frozenset[FailOn] = frozenset({FailOn.ANY})
    min_severity: Severity = Severity.LOW
    min_confidence: Confidence = Confidence.MEDIUM
    baseline: str = ".keysweep-baseline"
    cache: str = ""
    include_examples: bool = False
    allow_inline: bool = True
    jobs: int = 0
    engine: str = "auto"
    max_size: int = 0
    honour: tuple[Wish, ...] = ()
    report: tuple[str, ...] = ()
    verify: Mapping[str, Any] = field(default_factory=dict, repr=False)
    source: str = ""

    def policy(self, *, whole: bool = True) -> Policy:
        """The policy that this configuration asks for."""
        return Policy(
            fail_on=self.fail_on,
            min_severity=self.min_severity,
            min_confidence=self.min_confidence,
            include_examples=self.include_examples,
            allow_inline=self.allow_inline,
            exclude=self.exclude,
            whole=whole,
            honour=comments_of(self.honour),
        )


def load_config(folder: Path) -> Config:
    """The configuration of a folder: its `.keysweep.toml`, or the `[tool.keysweep]` of its `pyproject.toml`, or the
    defaults when it has neither. Both at once are refused: one of them would be silently ignored."""
    own, project = folder / CONFIG_NAME, folder / PYPROJECT
    has_own, from_project = _exists(own), None
    if has_own:
        _check_owner(own)
    if _exists(project):
        from_project = _section(_toml(read_whole(project, LARGEST, "configuration"), str(project)), str(project))
    if has_own and from_project is not None:
        raise ConfigError(f"{project}: [tool.keysweep] stands beside {own}; keep the configuration in one of them")
    if has_own:
        return load_config_file(own)
    if from_project is None:
        return Config()
    _check_owner(project)
    return _config(from_project, f"{project} [tool.keysweep]")


def _check_owner(path: Path) -> None:
    """Raises `ConfigError` for a file that somebody else put into a folder that is not theirs, such as /tmp: it could
    say that nothing is to be found."""
    if not hasattr(os, "geteuid"):
        return
    try:
        owners = {path.lstat().st_uid, path.stat().st_uid}
        fine = {0, os.geteuid(), path.parent.stat().st_uid}
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
    if not owners <= fine:
        raise ConfigError(
            f"{path}: belongs neither to you nor to the owner of its folder; name it with --config if it is to count, "
            "or leave it out with --no-config"
        )


def load_config_file(path: Path) -> Config:
    """The configuration of a file that the user named. It must be there, and say something to keysweep."""
    data = read_whole(path, LARGEST, "configuration")
    if path.name == PYPROJECT and _section(_toml(data, str(path)), str(path)) is None:
        raise ConfigError(f"{path}: has no [tool.keysweep] table")
    return parse_config(data, str(path))


def parse_config(data: bytes | str, name: str) -> Config:
    """A configuration from text, wherever it comes from (a file, or the objects of a base commit).

    `name` tells which of the two forms it is: a `pyproject.toml` is read at `[tool.keysweep]`, and one
    without that table gives the defaults.
    """
    table = _toml(data, name)
    if not re.fullmatch(rf"(?:.*[/\\:])?{re.escape(PYPROJECT)}", name):
        return _config(table, name)
    section = _section(table, name)
    return _config(section, f"{name} [tool.keysweep]") if section is not None else Config()


def identity_key(environ: Mapping[str, str] = os.environ) -> bytes:
    """The pepper of identities from the environment, empty when there is none."""
    return environ.get(IDENTITY_KEY, "").encode("utf-8", "surrogateescape")


def _exists(path: Path) -> bool:
    """Like `Path.exists`, but a file that is there and cannot be looked at is an error, not absent. So is one that a
    repository made of something that is no file, such as a link to a device: reading it might never end."""
    try:
        path.lstat()
        kind = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        if path.is_symlink():
            raise ConfigError(f"{path}: cannot be read: a link to something that does not exist") from None
        return False
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
    if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):
        raise ConfigError(f"{path}: cannot be read: it is no regular file")
    return True


def _toml(data: bytes | str, name: str) -> dict[str, Any]:
    try:
        text = (data.decode() if isinstance(data, bytes) else data).removeprefix("\ufeff").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name}: not UTF-8 text, which TOML must be") from error
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line, reason = _broken(str(error), text)
        raise ConfigError(f"{name}:{line}: not valid TOML: {reason}") from error
    except RecursionError as error:
        raise ConfigError(f"{name}: not valid TOML: nested too deeply") from error
    except ValueError as error:
        raise ConfigError(f"{name}: not valid TOML: a number of thousands of digits") from error


def _broken(message: str, text: str) -> tuple[int, str]:
    """Line and reason of a TOML error."""
    found = re.search(r"\s*\(at line (\d+), column \d+\)", message)
    if found:
        return int(found[1]), message[: found.start()]
    return text.rstrip("\n").count("\n") + 1, re.sub(r"\s*\(at end of document\)", "", message)


def _section(table: dict[str, Any], name: str) -> dict[str, Any] | None:
    tool = table.get("tool", {})
    section = tool.get("keysweep") if isinstance(tool, dict) else None
    if section is not None and not isinstance(section, dict):
        raise ConfigError(f"{name}: tool.keysweep must be a table")
    return section


def _config(table: dict[str, Any], name: str) -> Config:
    values: dict[str, Any] = {}
    for key, value in table.items():
        reader = _READERS.get(key)
        if reader is None:
            raise ConfigError(f"{name}: unknown key '{key}'{_nearest(key, list(_READERS))}")
        try:
            values[key] = reader(value)
        except (ValueError, UsageError) as error:
            raise ConfigError(f"{name}: '{key}' {error}") from error
    try:
        config = Config(**values, source=name)
        config.policy()
    except UsageError as error:
        raise ConfigError(f"{name}: {error}") from error
    return config


def _nearest(word: str, known: list[str]) -> str:
    import difflib  # noqa: PLC0415 - only when something is wrong

    near = difflib.get_close_matches(word.lower().replace("-", "_"), known, n=1, cutoff=0.6)
    return f"; did you mean '{near[0]}'?" if near else f"; known keys are {', '.join(sorted(known))}"


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
        raise ValueError('must be a list of texts, such as ["one", "two"]')
    return tuple(value)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a text that is not empty")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("must be a whole number, 0 or more")
    return value


def _one_of(known: tuple[str, ...]) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in known:
            raise ValueError(f"must be one of {', '.join(known)}")
        return str(value)

    return read


def _severity(value: Any) -> Severity:
    return Severity(_one_of(tuple(Severity))(value))


def _confidence(value: Any) -> Confidence:
    return Confidence(_one_of(tuple(Confidence))(value))


def _fail_on(value: Any) -> frozenset[FailOn]:
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
        raise ValueError(f"must be one or several of {', '.join(FailOn)}")
    try:
        return parse_fail_on(words)
    except UsageError:
        raise ValueError(f"must be one or several of {', '.join(FailOn)}") from None


_UNITS = {"": 1, "b": 1, "k": 2**10, "kb": 2**10, "m": 2**20, "mb": 2**20, "g": 2**30, "gb": 2**30}


def parse_size(value: Any) -> int:
    """Bytes from a number, or from a text such as "500k", "50 MB", "2G" (powers of 1,024). `ValueError` otherwise."""
    if isinstance(value, str):
        found = re.fullmatch(r"(\d{1,15})\s*([a-z]{0,2})", value.strip().lower())
        if found and found[2] in _UNITS:
            return int(found[1]) * _UNITS[found[2]]
    elif isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise ValueError('must be a number of bytes, or a text such as "500k" or "50M"')


def _reports(value: Any) -> tuple[str, ...]:
    from scanner.reports import check_format  # noqa: PLC0415 - only when a configuration names reports

    wanted = _texts([value] if isinstance(value, str) else value)
    for report in wanted:
        check_format(report.partition(":")[0])
    return wanted


def _honour(value: Any) -> tuple[Wish, ...]:
    try:
        return wishes(_texts([value] if isinstance(value, str) else value))
    except UsageError:
        raise ValueError(f"must be one or several of {', '.join(FILES)}, each perhaps with =FILE") from None


def _verify(value: Any) -> Mapping[str, Any]:
    from scanner.verify_config import read_table  # noqa: PLC0415 - only when a configuration speaks of verification

    return read_table(value)


_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "rules": _texts,
    "enable": _texts,
    "disable": _texts,
    "exclude": _texts,
    "fail_on": _fail_on,
    "min_severity": _severity,
    "min_confidence": _confidence,
    "baseline": _text,
    "cache": _text,
    "include_examples": _flag,
    "allow_inline": _flag,
    "jobs": _count,
    "engine": _one_of(ENGINES),
    "max_size": parse_size,
    "honour": _honour,
    "report": _reports,
    "verify": _verify,
}

KEYS: Final = tuple(item.name for item in fields(Config) if item.name != "source")
"""Every key a configuration file may hold."""

__all__ = [
    "CONFIG_NAME", "ENGINES", "IDENTITY_KEY", "KEYS", "PYPROJECT", "Config", "identity_key", "load_config",
    "load_config_file", "parse_config", "parse_size",
]  # fmt: skip
