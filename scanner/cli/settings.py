"""Which configuration holds for a run, and where the paths in it lead."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from scanner.cli.options import Wanted
from scanner.config import CONFIG_NAME, PYPROJECT, Config, load_config, load_config_file
from scanner.errors import UsageError
from scanner.models import Confidence, Severity
from scanner.policy import parse_fail_on
from scanner.rivals import Wish, wishes


def effective(wanted: Wanted) -> Config:
    """The values of the configuration file, named or found, overruled by the options. Raises `ConfigError` or
    `UsageError`."""
    config = Config()
    if wanted.config is not None:
        config = load_config_file(wanted.config)
    elif not wanted.no_config:
        config = load_config(_home(_here()))
    return overrule(config, wanted, tuple(str(beside(config, rule)) for rule in config.rules))


def overrule(config: Config, wanted: Wanted, rules: tuple[str, ...]) -> Config:
    """The configuration with what the command line says instead, or in addition. `rules` are its own rule files."""
    return replace(
        config,
        rules=(*rules, *map(str, wanted.rules)),
        enable=wanted.enable or config.enable,
        disable=(*config.disable, *wanted.disable),
        exclude=(*config.exclude, *wanted.exclude),
        fail_on=parse_fail_on(wanted.fail_on) if wanted.fail_on else config.fail_on,
        min_severity=Severity(wanted.min_severity) if wanted.min_severity else config.min_severity,
        min_confidence=Confidence(wanted.min_confidence) if wanted.min_confidence else config.min_confidence,
        include_examples=wanted.include_examples or config.include_examples,
        allow_inline=config.allow_inline and not wanted.no_inline_allow,
        honour=(*config.honour, *_named(wanted.honour)),
        jobs=config.jobs if wanted.jobs is None else wanted.jobs,
        engine=wanted.engine or config.engine,
    )


def beside(config: Config, path: str) -> Path:
    """A path of the configuration file, which is relative to that file's folder."""
    return Path(config.source.split(" [")[0]).parent / path if config.source else Path(path)


def to_write(config: Config, key: str, path: str, *, named: bool) -> Path:
    """A path to write to that the configuration names under `key`. A file that was only found, not `named` by the user,
    may be somebody else's, so the path must lie below its folder, and not among what git keeps. Raises `UsageError`."""
    place = beside(config, path)
    if not named and config.source:
        real, top = (Path(os.path.realpath(one)) for one in (place, beside(config, "")))  # a link to itself is no error
        if not real.is_relative_to(top) or ".git" in map(str.lower, real.relative_to(top).parts):
            raise UsageError(
                f"{config.source}: {key} = '{path}' must lie below the file's folder, and not in .git, unless "
                "you name the file with --config"
            )
    return place


def _named(words: tuple[str, ...]) -> tuple[Wish, ...]:
    """The scanners that the command line names. Files are relative to the folder it was given in."""
    return tuple(replace(one, file=str(Path(one.file).absolute())) if one.file else one for one in wishes(words))


def _here() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise UsageError("the folder that this was started in is gone: change to another one") from None


def _home(folder: Path) -> Path:
    """The folder whose configuration holds here: the nearest one upwards that has one, up to the repository's top."""
    for place in (folder, *folder.parents):
        if (place / CONFIG_NAME).exists() or (place / PYPROJECT).exists() or (place / ".git").exists():
            return place
    return folder


__all__ = ["beside", "effective", "overrule", "to_write"]
