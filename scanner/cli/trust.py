"""A session that takes configuration, rules, baseline and allows from a base commit, so that a change cannot vouch
for itself. What the change edits in them is told, and ignored."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from types import TracebackType

from scanner.baseline import Baseline
from scanner.baseline import parse as parse_baseline
from scanner.cli.options import Wanted
from scanner.cli.session import Session
from scanner.cli.settings import overrule
from scanner.config import CONFIG_NAME, PYPROJECT, Config, parse_config
from scanner.errors import ConfigError
from scanner.models import ScanResult
from scanner.policy import Decision
from scanner.rivals import FILES
from scanner.sources.git import GitError, Repository


class BaseSession(Session):
    """A session whose policy stands in the objects of a base commit. Use it as a context manager."""

    def __init__(self, wanted: Wanted, repository: Repository, base: str, head: str) -> None:
        self._repository, self._base, self._head = repository, base, head
        self._folder = tempfile.TemporaryDirectory(prefix="keysweep-")
        super().__init__(wanted)

    def __enter__(self) -> BaseSession:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    @cached_property
    def config(self) -> Config:
        """The base commit's configuration, overruled by the options; inline allows do not count."""
        if self.wanted.config is not None or self.wanted.no_config:
            config = super().config
        else:
            config = overrule(self._of_base(), self.wanted, ())
        own = tuple(self._rule_path(path) for path in self._of_base().rules) if self.wanted.config is None else ()
        return replace(config, rules=(*own, *config.rules), allow_inline=False)

    def baseline(self) -> Baseline | None:
        """The base commit's baseline; a file that the command line names is taken as it is."""
        if self.wanted.no_baseline or self.wanted.baseline is not None:
            return super().baseline()
        data = self._read(self._base, self.config.baseline)
        return None if data is None else parse_baseline(data, f"{self.config.baseline} of {self._base}")

    def _rival_file(self, name: str, usual: bool) -> tuple[str, bytes] | None:
        """The base commit's file of another scanner; one that the command line names is taken as it is."""
        if Path(name).is_absolute():
            return super()._rival_file(name, usual)
        data = self._read(self._base, name)
        if data is None and not usual:
            raise ConfigError(f"honour: there is no '{name}' in {self._base}")
        return None if data is None else (f"{name} of {self._base[:12]}", data)

    def judge(self, result: ScanResult, *, whole: bool) -> Decision:
        """As always, with notes on what the change tried to have allowed."""
        allows = sum(finding.allow is not None for finding in result.findings)
        notes = list(result.notes)
        if allows:
            notes.append(f"{allows} keysweep:allow comment{'s' if allows > 1 else ''} of this change ignored")
        foreign = sum(bool(self.config.policy().honour & set(finding.marks)) for finding in result.findings)
        if foreign:
            notes.append(f"{foreign} comment{'s' if foreign > 1 else ''} for other scanners of this change ignored")
        files = (wish.file or FILES[wish.rival] for wish in self.config.honour)
        vouching = (CONFIG_NAME, PYPROJECT, self.config.baseline, *self._of_base().rules, *filter(_is_relative, files))
        edited = [path for path in vouching if self._differs(path)]
        notes += [f"{path} is edited by this change; the version of {self._base[:12]} counts" for path in edited]
        return super().judge(replace(result, notes=tuple(sorted(set(notes)))), whole=whole)

    def _of_base(self) -> Config:
        if self.wanted.no_config:
            return Config()
        read = ((name, self._read(self._base, name)) for name in (CONFIG_NAME, PYPROJECT))
        configs = [parse_config(data, name) for name, data in read if data is not None]
        return next((config for config in configs if config != Config()), Config())

    def _rule_path(self, path: str) -> str:
        """The base commit's rule files, written where they can be loaded from."""
        target = Path(tempfile.mkdtemp(dir=self._folder.name))
        listed = self._repository.run("ls-tree", "-r", "-z", "--name-only", self._base, "--", path).split(b"\0")
        names = [os.fsdecode(name) for name in listed if name.endswith((b".yaml", b".yml"))]
        if not names:
            raise ConfigError(f"rules: '{path}' has no rule files in {self._base}")
        for number, name in enumerate(names):
            data = self._read(self._base, name)
            if data is not None:  # files of one name may come from several folders
                (target / f"{number}-{PurePosixPath(name).name}").write_bytes(data)
        return str(target)

    def _read(self, revision: str, path: str) -> bytes | None:
        try:
            return self._repository.run("cat-file", "blob", f"{revision}:{PurePosixPath(path)}")
        except GitError:
            return None

    def _differs(self, path: str) -> bool:
        try:
            names = self._repository.run("diff-tree", "-r", "--name-only", "-z", self._base, self._head, "--", path)
        except GitError:
            return False
        return bool(names)


def _is_relative(path: str) -> bool:
    return bool(path) and not Path(path).is_absolute()
