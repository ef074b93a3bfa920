"""Builds real repositories with real git, for tests. Nothing of the machine's own git configuration counts."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

NEUTRAL = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Ada Author",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Cleo Committer",
    "GIT_COMMITTER_EMAIL": "cleo@example.org",
    "LC_ALL": "C",
}
"""What makes git the same on every machine: no configuration of its own, two persons, one language."""

_ENVIRONMENT = {**{name: value for name, value in os.environ.items() if not name.startswith("GIT_")}, **NEUTRAL}


class GitRepo:
    """A repository under test. Each commit is one hour later than the one before, from 2024-01-01 on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._time = 1_704_067_200

    @classmethod
    def new(cls, path: Path, *options: str) -> GitRepo:
        """Makes an empty repository with the branch `main`."""
        path.mkdir(parents=True, exist_ok=True)
        repo = cls(path)
        repo.git("init", "-q", "-b", "main", *options, ".")
        return repo

    @classmethod
    def clone(cls, source: GitRepo | Path, path: Path, *options: str) -> GitRepo:
        """Clones through a file:// URL, so that `--depth` and `--filter` are honoured."""
        place = source.path if isinstance(source, GitRepo) else source
        path.parent.mkdir(parents=True, exist_ok=True)
        maker = cls(path.parent)
        maker.git(
            "-c", "protocol.file.allow=always", "clone", "-q", *options, place.resolve().as_uri(), str(path.resolve())
        )
        return cls(path)

    def run(self, *args: str, stdin: bytes | None = None, env: Mapping[str, str] | None = None) -> bytes:
        """What `git ARGS` prints; an error of git's fails the test, with git's words."""
        moment = f"{self._time} +0000"
        environment = {**_ENVIRONMENT, "GIT_AUTHOR_DATE": moment, "GIT_COMMITTER_DATE": moment, **(env or {})}
        done = subprocess.run(
            ["git", *args], cwd=self.path, env=environment, input=stdin, capture_output=True, check=False
        )
        assert done.returncode == 0, f"git {args[0]}: {done.stderr.decode(errors='replace')}"
        return done.stdout

    def git(self, *args: str, stdin: bytes | None = None, env: Mapping[str, str] | None = None) -> str:
        """As `run`, as text without the last line break."""
        return self.run(*args, stdin=stdin, env=env).decode().removesuffix("\n")

    def write(self, path: str, content: bytes | str) -> Path:
        """Writes a file in the work tree."""
        place = self.path / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
        return place

    def commit(self, message: str = "change", files: Mapping[str, bytes | str | None] | None = None) -> str:
        """Writes files (None removes one), commits everything, and returns the commit's id."""
        for path, content in (files or {}).items():
            if content is None:
                (self.path / path).unlink()
            else:
                self.write(path, content)
        self._time += 3600
        self.git("add", "-A", "-f")
        self.git("commit", "-q", "--allow-empty", "--no-gpg-sign", "-F", "-", stdin=message.encode())
        return self.head()

    def merge(self, branch: str, message: str = "merge", files: Mapping[str, bytes | str] | None = None) -> str:
        """Merges with a merge commit; `files` are what the merge itself adds."""
        self._time += 3600
        self.git("merge", "-q", "--no-ff", "--no-commit", branch)
        for path, content in (files or {}).items():
            self.write(path, content)
        self.git("add", "-A", "-f")
        self.git("commit", "-q", "--no-gpg-sign", "-m", message)
        return self.head()

    def head(self) -> str:
        """HEAD's commit id."""
        return self.git("rev-parse", "HEAD")

    def blob(self, content: bytes | str) -> str:
        """Stores a blob that nothing points to, and returns its id."""
        data = content.encode() if isinstance(content, str) else content
        return self.git("hash-object", "-w", "--stdin", stdin=data)

    def object_file(self, name: str) -> Path:
        """Where a loose object lies."""
        return self.path / self.git("rev-parse", "--git-path", f"objects/{name[:2]}/{name[2:]}")


__all__ = ["GitRepo"]
