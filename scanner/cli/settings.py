"""Which configuration holds for a run, and where the paths in it lead: what is scanned decides."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from scanner.cli.options import Wanted
from scanner.config import Config, load_config, load_config_file
from scanner.errors import UsageError
from scanner.models import Confidence, Severity
from scanner.policy import parse_fail_on
from scanner.rivals import Wish, wishes


@dataclass(frozen=True)
class Ground:
    """The folder that is scanned: the nearest one that holds all of what is. On a `server` whoever keeps the
    repositories decides, so that what stands above them counts, too."""

    folder: Path
    server: bool = False

    @classmethod
    def of(cls, paths: Iterable[str | Path]) -> Ground:
        """The ground of these paths, of this folder when there are none. Raises `UsageError` when that is gone."""
        here = _here()
        places = [Path(os.path.normpath(here / path)) for path in paths] or [here]
        folder = Path(os.path.commonpath(places))
        return cls(folder if folder.is_dir() else folder.parent)

    @classmethod
    def of_repository(cls, path: str | Path) -> Ground:
        """The ground of a repository that a path lies in: its top."""
        ground = cls.of([path])
        return cls(ground.top or ground.folder)

    @cached_property
    def top(self) -> Path | None:
        """The top of the repository that it lies in."""
        return _top(self.folder)

    @cached_property
    def base(self) -> Path:
        """Where files are that no configuration names: here, when what is scanned is a part of that."""
        here = _here()
        if self.top == _top(here) and (self.top is not None or self.folder.is_relative_to(here)):
            return here
        return self.top or self.folder

    @property
    def shown(self) -> Path:
        """The same, as short as it can be written."""
        return Path() if self.base == _here() else self.base

    def upwards(self) -> Iterator[Path]:
        """The folders where a configuration may stand, nearest first: up to the repository's top, outside of one up to
        this folder. What lies above is not a part of what is scanned, and could be anybody's."""
        last = self.top or self.base
        for place in (self.folder, *self.folder.parents):
            yield place
            if place == last and not self.server:
                return


def effective(wanted: Wanted, ground: Ground) -> Config:
    """The values of the configuration file, named or found, overruled by the options. Raises `ConfigError` or
    `UsageError`."""
    config = Config()
    if wanted.config is not None:
        config = load_config_file(wanted.config)
    elif not wanted.no_config:
        config = next((found for place in ground.upwards() if (found := load_config(place)).source), config)
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


def _top(folder: Path) -> Path | None:
    """The top of the work tree, or the bare repository, that a folder lies in."""
    for place in (folder, *folder.parents):
        if (place / ".git").exists() or all((place / part).exists() for part in ("HEAD", "objects", "refs")):
            return place
    return None


__all__ = ["Ground", "beside", "effective", "overrule", "to_write"]
