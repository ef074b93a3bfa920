"""The guarded git process: everything that runs git goes through here.

A repository that is scanned is not trusted. Its configuration, the user's and the environment must neither run
a program nor hide content from us, so git gets an environment of our making, and its own words come back as
one clear sentence.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import IO

from scanner.errors import SourceError
from scanner.sources.git_environment import INDEX_VARIABLES, QUARANTINE_VARIABLES, guarded_environment

MINIMUM = (2, 32)
"""The oldest git that can be told to leave the user's configuration alone (GIT_CONFIG_GLOBAL)."""


class GitError(SourceError):
    """git ended with an error. `words` is what it said, fit to be shown."""

    def __init__(self, doing: str, words: str) -> None:
        self.words = words
        super().__init__(f"{doing}: {words}")


@dataclass(frozen=True, slots=True)
class Git:
    """How to run git: the program, where, and what is added to the environment that guards it. Pickles."""

    program: str
    directory: str
    variables: tuple[tuple[str, str], ...] = ()
    trusted: tuple[str, ...] = ()

    def environment(self) -> dict[str, str]:
        """The whole environment of a git process."""
        return guarded_environment(os.environ, dict(self.variables), self.trusted)

    def start(self, *args: str, stdin: int | IO[bytes] = subprocess.DEVNULL) -> Process:
        """Starts git; use it as a context manager. `stdin` as in `subprocess` (PIPE, or another's stdout)."""
        return Process(self, args, stdin)

    def run(self, *args: str, stdin: bytes = b"") -> bytes:
        """What git prints. Raises `GitError` when it fails."""
        with self.start(*args, stdin=subprocess.PIPE if stdin else subprocess.DEVNULL) as process:
            output = process.communicate(stdin)
            process.check()
        return output


class Process:
    """A running git. Its errors go to a file, so it never blocks on them; leaving the block ends it."""

    def __init__(self, git: Git, args: Iterable[str], stdin: int | IO[bytes]) -> None:
        self._doing = "git " + next(iter(args), "")
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the process is
        try:
            self._popen = subprocess.Popen(
                [git.program, *args],
                cwd=git.directory,
                env=git.environment(),
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                bufsize=_BUFFER,
            )
        except OSError as error:
            self._errors.close()
            raise SourceError(f"git cannot be started in {git.directory}: {error.strerror}") from error
        _widen(self.stdout)

    @property
    def stdout(self) -> IO[bytes]:
        """What git prints."""
        return _pipe(self._popen.stdout)

    @property
    def stdin(self) -> IO[bytes]:
        """What git reads, when started with `subprocess.PIPE`."""
        return _pipe(self._popen.stdin)

    def communicate(self, stdin: bytes = b"") -> bytes:
        """Feeds all of `stdin` and returns all that git prints."""
        return bytes(self._popen.communicate(stdin or None)[0])

    def wait(self) -> int:
        """git's exit code, once it has ended."""
        return self._popen.wait()

    def check(self) -> None:
        """Raises `GitError` unless git ended well."""
        if self.wait() != 0:
            raise GitError(f"{self._doing} failed", self.words() or f"exit code {self._popen.returncode}")

    def words(self) -> str:
        """What git said on its standard error, as one line that is safe to show."""
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(0)
        head = self._errors.read(_WORDS)
        return sanitize(head) + (" …" if size > _WORDS else "")

    def stop(self) -> None:
        """Ends git, whatever it is doing."""
        if self._popen.poll() is None:
            self._popen.kill()
        self._popen.wait()

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        for pipe in (self._popen.stdin, self._popen.stdout, self._errors):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:  # what was still to be flushed has no reader
                    continue


_BUFFER = 1024 * 1024
_WORDS = 2048


def _widen(stream: IO[bytes]) -> None:
    """A wider pipe, where the system has one to give: fewer changes between git and us."""
    with suppress(ImportError, AttributeError, OSError):
        import fcntl  # noqa: PLC0415 - not on Windows

        fcntl.fcntl(stream.fileno(), fcntl.F_SETPIPE_SZ, _BUFFER)


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise ValueError("git was started without this pipe")
    return stream


@dataclass(frozen=True, slots=True)
class Repository:
    """An opened repository: where its parts are, and how to run git on it. Pickles."""

    git: Git
    git_dir: str
    common_dir: str
    work_tree: str | None
    bare: bool
    shallow: bool
    notes: tuple[str, ...] = ()

    def run(self, *args: str, stdin: bytes = b"") -> bytes:
        """What `git ARGS` prints, run on this repository. Raises `GitError`."""
        return self.git.run(*args, stdin=stdin)

    @property
    def partial_filter(self) -> str:
        """What a partial clone left out (`blob:none`), "promised objects" when it does not say, "" when it is
        none. Asks git."""
        query = r"^(remote\..*\.(promisor|partialclonefilter)|extensions\.partialclone)$"
        try:
            lines = self.run("config", "-z", "--get-regexp", query).split(b"\0")
        except GitError:  # none of them is set
            return ""
        filters = [line.partition(b"\n")[2] for line in lines if b"partialclonefilter\n" in line.lower()]
        return sanitize(filters[0]) if filters else "promised objects"

    def shallow_boundary(self) -> frozenset[str]:
        """The commits whose parents were not fetched."""
        try:
            text = (Path(self.common_dir) / "shallow").read_text("ascii", "replace")
        except OSError:
            return frozenset()
        return frozenset(text.split())


def open_repository(path: str | os.PathLike[str], *, inherit: Iterable[str] = ()) -> Repository:
    """Opens the repository that `path` is in (work tree, linked worktree, bare repository, or a folder inside).

    `inherit` names the redirecting `GIT_*` variables to keep, as hooks must (`INDEX_VARIABLES`,
    `QUARANTINE_VARIABLES`). A repository that belongs to someone else is opened, and `notes` says so.
    Raises `SourceError` with the way out.
    """
    place = os.fspath(path)
    if not Path(place).is_dir():
        is_range = ".." in place.replace("../", "").strip("./")
        hint = f"; revisions stand behind the repository: . {place}" if is_range else ""
        raise SourceError(f"{place}: no such folder; name a git repository or a folder inside one{hint}")
    kept = tuple((name, _absolute(name, os.environ[name])) for name in sorted(inherit) if name in os.environ)
    git = Git(find_git(), str(Path(place).resolve()), kept)
    notes: tuple[str, ...] = ()
    try:
        found = _discover(git)
    except GitError as error:
        owned_by_other = _DUBIOUS.search(error.words)
        if owned_by_other is None:
            raise _not_opened(place, error) from error
        notes = (
            f"{place}: the repository belongs to another user; it was read all the same, "
            "with its configuration switched off",
        )
        trusting = replace(git, trusted=(owned_by_other[1],))
        try:
            found = _discover(trusting)
        except GitError as again:
            raise _not_opened(place, again) from again
    return _repository(git, found, notes)


# "fatal: detected dubious ownership in repository at 'PATH'"; "unsafe repository ('PATH' is …" in git 2.35
_DUBIOUS = re.compile(
    r"(?:dubious ownership in repository at |unsafe repository \()'(.*?)'(?: is owned|;|$)", re.DOTALL
)

_QUESTIONS = (
    ("--is-bare-repository",),
    ("--is-shallow-repository",),
    ("--path-format=absolute", "--git-dir"),
    ("--path-format=absolute", "--git-common-dir"),
    ("--path-format=absolute", "--show-toplevel"),
)


def _discover(git: Git) -> list[str]:
    """Answers to `_QUESTIONS`; the last one, the top of the work tree, is missing where there is none."""
    with git.start("rev-parse", *(word for question in _QUESTIONS for word in question)) as process:
        answers = process.communicate().splitlines()
        if process.wait() != 0 and len(answers) != len(_QUESTIONS) - 1:
            process.check()
    if len(answers) > len(_QUESTIONS):  # a line break in a folder's name: ask one by one
        answers = [git.run("rev-parse", *question).removesuffix(b"\n") for question in _QUESTIONS]
    return [os.fsdecode(answer) for answer in answers]


def _repository(git: Git, found: list[str], notes: tuple[str, ...]) -> Repository:
    bare, shallow, git_dir, common_dir, *top = found
    work_tree = top[0] if top and bare == "false" else None
    variables = [*git.variables, ("GIT_DIR", git_dir)]
    if work_tree is not None:
        variables.append(("GIT_WORK_TREE", work_tree))
    guarded = Git(git.program, work_tree or git_dir, tuple(variables))
    return Repository(guarded, git_dir, common_dir, work_tree, bare == "true", shallow == "true", notes)


def _not_opened(place: str, error: GitError) -> SourceError:
    if "not a git repository" in error.words:
        return SourceError(
            f"{place} is not in a git repository; name one, or scan it as plain files: keysweep files {place}"
        )
    return SourceError(f"{place} cannot be opened as a git repository: {error.words}")


def find_git() -> str:
    """The git on PATH, as an absolute path: never one that lies in the scanned folder. Raises `SourceError`
    when there is none or it is too old."""
    program = shutil.which("git")
    if program is None or not Path(program).is_absolute():
        raise SourceError(f"git was not found on PATH; install git {_dotted(MINIMUM)} or newer")
    version = _version(program)
    if version < MINIMUM:
        raise SourceError(f"git {_dotted(version)} is too old; install git {_dotted(MINIMUM)} or newer")
    return program


@cache
def _version(program: str) -> tuple[int, ...]:
    text = Git(program, str(Path.cwd())).run("version")
    numbers = re.search(rb"(\d+)\.(\d+)", text)
    if numbers is None:
        raise SourceError(f"{program} does not answer as git does; install git {_dotted(MINIMUM)} or newer")
    return int(numbers[1]), int(numbers[2])


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _absolute(name: str, value: str) -> str:
    """Hooks get paths relative to the folder they are started in; git will run in another. One variable is a list;
    where git has quoted something in it (a folder with the sign that parts the list), it is absolute already."""
    parts = value.split(os.pathsep) if name == "GIT_ALTERNATE_OBJECT_DIRECTORIES" else [value]
    return value if '"' in value else os.pathsep.join(str(Path(part).absolute()) if part else part for part in parts)


def sanitize(words: bytes) -> str:
    """git's words as one line without control characters: they quote names that anyone can choose."""
    lines = [line.strip() for line in words.decode("utf-8", "replace").splitlines()]
    text = "; ".join(line.removeprefix("fatal: ") for line in lines if line)
    return "".join(c if unicodedata.category(c)[0] != "C" else "�" for c in text)


__all__ = [
    "INDEX_VARIABLES", "MINIMUM", "QUARANTINE_VARIABLES", "Git", "GitError", "Process", "Repository", "find_git",
    "guarded_environment", "open_repository", "sanitize",
]  # fmt: skip
