"""What a repository is, for people: its branch, its worktrees, its submodules. GitPython reads it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from scanner.sources.git import GitError, Repository
from scanner.sources.git_batch import read_objects


@dataclass(frozen=True, slots=True)
class Submodule:
    """A submodule of HEAD: where it is, its name in .gitmodules, and its own repository's folder, if here."""

    path: str
    name: str
    git_dir: str | None


@dataclass(frozen=True, slots=True)
class Description:
    """A repository in words. `branch` is "" when HEAD names no branch; `worktrees` counts linked ones."""

    branch: str
    worktrees: int
    submodules: tuple[Submodule, ...]


Head = tuple[str, list[tuple[str, str]]]
"""What HEAD says: its branch, and paths and names of submodules."""


def describe(repository: Repository, head: Head) -> Description:
    """Describes a repository whose HEAD says this."""
    branch, modules = head
    submodules = tuple(
        Submodule(path, name, _own_git_dir(repository, path, name)) for path, name in sorted(set(modules))
    )
    return Description(branch, _worktrees(repository), submodules)


def read_head(repository: Repository) -> Head:
    """What HEAD says, running nothing that the repository configures. Where GitPython cannot read it (a new object
    format, a hostile configuration), git's plumbing answers."""
    if not _has_submodules(repository):
        return _branch(repository), []
    try:
        return _by_gitpython(repository)
    except Exception:
        return _by_git(repository)


def _by_gitpython(repository: Repository) -> Head:
    import git  # noqa: PLC0415 - 109 ms, and needed for submodules only
    import gitdb  # type: ignore[import-untyped]  # noqa: PLC0415 - GitPython's object database

    class Refusing(git.Git):
        """GitPython's own way to run git, closed: its environment is not guarded as ours is."""

        def execute(self, *_args: object, **_options: object) -> str:  # type: ignore[override]
            raise RuntimeError("GitPython may not run git here")

    class Objects(gitdb.db.base.ObjectDBR):  # type: ignore[misc]
        """GitPython's objects, read through the guarded git."""

        def __init__(self, _folder: str) -> None:
            super().__init__()

        def stream(self, sha: bytes) -> gitdb.OStream:
            (item,) = read_objects(repository.git, [sha.hex()])
            if item.problem or item.large:
                raise gitdb.exc.BadObject(sha)
            return gitdb.OStream(sha, item.kind.encode(), item.size, BytesIO(item.data))

        def info(self, sha: bytes) -> gitdb.OInfo:
            stream = self.stream(sha)
            return gitdb.OInfo(sha, stream.type, stream.size)

    class Reader(git.Repo):
        """Reads a repository's files itself, and its objects through us."""

        GitCommandWrapperType = Refusing

    with Reader(repository.git_dir, odbt=Objects, expand_vars=False) as repo:
        if not repo.head.is_valid():
            return _by_git(repository)
        branch = "" if repo.head.is_detached else repo.head.reference.name
        return branch, [(str(module.path), module.name) for module in repo.submodules]


def _has_submodules(repository: Repository) -> bool:
    """Whether there may be any: most repositories have none, and to import GitPython costs a tenth of a second."""
    tree = repository.work_tree
    if tree is not None and os.path.lexists(Path(tree, ".gitmodules")):
        return True
    return bool(_answer(repository, "rev-parse", "-q", "--verify", "HEAD:.gitmodules"))


def _branch(repository: Repository) -> str:
    return _answer(repository, "symbolic-ref", "--short", "-q", "HEAD").strip()


def _by_git(repository: Repository) -> Head:
    text = _answer(repository, "config", "--blob", "HEAD:.gitmodules", "-z", "--get-regexp", r"^submodule\..*\.path$")
    modules = []
    for item in text.split("\0"):
        key, _, path = item.partition("\n")
        if path:
            modules.append((path, key.removeprefix("submodule.").removesuffix(".path")))
    return _branch(repository), modules


def _answer(repository: Repository, *args: str) -> str:
    try:
        return repository.run(*args).decode("utf-8", "backslashreplace")
    except GitError:  # a detached or unborn HEAD, no .gitmodules
        return ""


def _own_git_dir(repository: Repository, path: str, name: str) -> str | None:
    """Where a submodule's repository is; never outside of this one, whatever .gitmodules says."""
    return next((str(place) for place in _places(repository, path, name) if (place / "HEAD").is_file()), None)


def _places(repository: Repository, path: str, name: str) -> Iterable[Path]:
    roots = [(Path(repository.common_dir, "modules"), Path(name))]
    if repository.work_tree is not None:
        roots.append((Path(repository.work_tree), Path(path, ".git")))
    for root, inside in roots:
        place = (root / inside).resolve()
        if place.is_relative_to(root.resolve()) and place != root.resolve():
            yield place


def _worktrees(repository: Repository) -> int:
    try:
        return sum(1 for _ in Path(repository.common_dir, "worktrees").iterdir())
    except OSError:
        return 0


__all__ = ["Description", "Head", "Submodule", "describe", "read_head"]
