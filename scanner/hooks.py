"""Git hooks that call keysweep: where they belong, what they say, putting them there and taking them away again.

A hook of somebody else is never overwritten: it stays, or it is kept beside ours and called first. What was installed
calls the very Python it was installed with; when that is gone it stops git with a sentence: a guard that has left must
not look like one that found nothing.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from scanner.errors import ConfigError, SourceError, UsageError
from scanner.sources.git import find_git, sanitize

CLIENT = ("pre-commit", "pre-merge-commit", "commit-msg", "pre-push")
SERVER = ("pre-receive", "update")
TYPES = CLIENT + SERVER
"""The hooks of git's that keysweep can be."""

MARKER = "# keysweep-hook:"
"""What the second line of a hook of ours begins with."""

KEPT = ".before-keysweep"
"""Added to the name of somebody else's hook that ours calls first."""

FOREIGN = re.compile(rb"dubious ownership|unsafe repository")
_NO_REPOSITORY = b"fatal: not a git repository"
"""What git says, in English, of a repository of another user's."""

_WITH_LINES = frozenset({"pre-push", "pre-receive"})  # git tells these on standard input what is pushed
_STOPPED = dict.fromkeys(CLIENT, "the commit is stopped") | dict.fromkeys(("pre-push", *SERVER), "the push is stopped")
_HEAD = 4096  # enough of a hook to know whose it is


class State(StrEnum):
    """Whose hook there is, if any."""

    NONE = "not installed"
    OURS = "installed"
    BROKEN = "broken"
    FOREIGN = "not keysweep's"


@dataclass(frozen=True, slots=True)
class Place:
    """A folder of hooks. `about` says in words whose hooks these are; `bare` that no commits are made there;
    `template` that git copies them into new repositories from here."""

    folder: Path
    about: str
    bare: bool = False
    template: bool = False

    def hook(self, kind: str) -> Path:
        """Where the hook of a type belongs."""
        return self.folder / kind


@dataclass(frozen=True, slots=True)
class Hook:
    """A hook as it is now. `remark` is what is wrong with it, or worth knowing."""

    kind: str
    path: Path
    state: State
    remark: str = ""


# --- where hooks belong ---


def repository_place(where: str | os.PathLike[str]) -> Place:
    """The hooks of the repository that `where` is in, as git itself finds them: `core.hooksPath` counts, and linked
    worktrees share their repository's hooks. Raises `SourceError` where there is none, `ConfigError` when the folder
    serves other repositories, too."""
    place = os.fspath(where)
    if not Path(place).is_dir():
        raise SourceError(f"{place}: no such folder; name a git repository or a folder inside one")
    bare = _ask(place, "rev-parse", "--is-bare-repository") == "true"
    top = _ask(place, "rev-parse", "--path-format=absolute", "--git-dir" if bare else "--show-toplevel")
    scope = _hooks_path_scope(place)
    folder = Path(_ask(top, "rev-parse", "--path-format=absolute", "--git-path", "hooks"))
    if scope in ("global", "system"):
        raise ConfigError(
            f"core.hooksPath of the {scope} git configuration makes {folder} the hooks of every repository; "
            + ("--global installs there" if scope == "global" else "ask whoever looks after this machine")
            + f", or give this repository hooks of its own: git -C {shlex.quote(top)} config core.hooksPath .git/hooks"
        )
    named = " (core.hooksPath)" if scope else ""
    return Place(folder, f"{top}{named}", bare=bare)


def global_place() -> Place:
    """The hooks of all the user's repositories: the folder that `core.hooksPath` of the global configuration names,
    else the template that git copies into every repository it makes or clones. Changes nothing."""
    named = _global("core.hooksPath")
    if named:
        if not Path(named).is_absolute():
            raise ConfigError(
                f"core.hooksPath of the global git configuration is '{named}', a folder of each repository by itself; "
                "install there, repository by repository"
            )
        return Place(Path(named), "all your repositories (core.hooksPath)")
    template = _global("init.templateDir")
    folder = Path(template) if template else _own_template()
    return Place(folder / "hooks", "repositories that you make or clone from now on (init.templateDir)", template=True)


def enable_template(place: Place) -> None:
    """Makes git use the template that the hooks of `place` are in, where it uses none yet."""
    if place.template and not _global("init.templateDir"):
        _ask(os.curdir, "config", "--global", "init.templateDir", str(place.folder.parent))


def disable_template(place: Place) -> bool:
    """Takes our own template out of git's configuration again once it is empty. True when it was."""
    own = _own_template()
    if not place.template or place.folder.parent != own or _global("init.templateDir") != str(own):
        return False
    try:
        place.folder.rmdir()
        own.rmdir()
    except OSError:  # another hook is still there
        return False
    _ask(os.curdir, "config", "--global", "--unset", "init.templateDir")
    return True


def _own_template() -> Path:
    if sys.platform == "win32":
        base = os.environ.get("APPDATA", "")
    else:
        base = os.environ.get("XDG_CONFIG_HOME", "")
    home = Path(base) if base and Path(base).is_absolute() else Path("~/.config").expanduser()
    return home / "keysweep" / "git-template"


def _global(name: str) -> str:
    return _ask(os.curdir, "config", "--global", "--type=path", "--get", name, missing="")


def _hooks_path_scope(place: str) -> str:
    """Which configuration sets core.hooksPath: "local", "worktree", "global", "system", "command", or "" for none."""
    return _ask(place, "config", "--show-scope", "--get", "core.hooksPath", missing="").partition("\t")[0]


def _ask(place: str, *arguments: str, missing: str | None = None) -> str:
    """What git says in the user's own environment: only there it knows the user's `core.hooksPath`. These questions
    run no program, whatever the repository's configuration names. `missing` is the answer when there is none."""
    environment = {**os.environ, "LC_ALL": "C"}  # its words are looked at below
    done = subprocess.run([find_git(), *arguments], cwd=place, env=environment, capture_output=True, check=False)
    if done.returncode == 1 and missing is not None:
        return missing
    if done.returncode != 0:
        if FOREIGN.search(done.stderr):
            raise SourceError(
                f"{place}: the repository belongs to another user, so git does not tell where its hooks are; "
                "let its owner do this, or trust it: git config --global --add safe.directory PATH"
            )
        if _NO_REPOSITORY in done.stderr:
            raise SourceError(f"{place} is not in a git repository; name one, or all of yours with --global")
        raise SourceError(f"{place}: git does not tell where its hooks are: {sanitize(done.stderr)}")
    return os.fsdecode(done.stdout.removesuffix(b"\n").removesuffix(b"\r"))


def setting(place: str | os.PathLike[str], name: str) -> str:
    """A value of the user's git configuration that holds at `place`; "" when it is not set."""
    return _ask(os.fspath(place), "config", "--get", name, missing="")


# --- what is there ---


def look(place: Place, kind: str) -> Hook:
    """The hook of a type as it is now."""
    path = place.hook(kind)
    if not os.path.lexists(path):
        return Hook(kind, path, State.NONE)
    if path.is_symlink() or not path.is_file():
        return Hook(kind, path, State.FOREIGN, "a link" if path.is_symlink() else "not a file")
    text = _head(path)
    if MARKER not in "".join(text.splitlines(keepends=True)[:3]):
        return Hook(kind, path, State.FOREIGN, _maker(text))
    trouble = _trouble(path, text)
    kept = f"calls {path.name}{KEPT} first" if os.path.lexists(_kept(path)) else ""
    return Hook(kind, path, State.BROKEN if trouble else State.OURS, trouble or kept)


def _head(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return os.fsdecode(file.read(_HEAD))
    except OSError as error:
        raise ConfigError(f"{path}: the hook cannot be read: {error.strerror}") from error


def _maker(text: str) -> str:
    """Which well-known program made a hook, as a remark with the better way for it."""
    if "pre-commit.com" in text:
        return "made by pre-commit: add keysweep to .pre-commit-config.yaml instead"
    if "husky" in text.lower():
        return "made by husky: add `keysweep staged` to your hook in .husky instead"
    if "lefthook" in text.lower():
        return "made by lefthook: add `keysweep staged` to lefthook.yml instead"
    return ""


def _trouble(path: Path, text: str) -> str:
    python = next((line[len(_PYTHON) :] for line in text.splitlines() if line.startswith(_PYTHON)), "")
    try:
        program = shlex.split(python)[0]
    except (ValueError, IndexError):
        return "edited: it does not say which Python to call"
    if not os.access(program, os.X_OK):
        return f"it calls {program}, which is gone: install it again"
    if os.name == "posix" and not os.access(path, os.X_OK):
        return "not executable, so git passes it over: install it again"
    return ""


def _kept(path: Path) -> Path:
    return path.with_name(path.name + KEPT)


# --- installing and uninstalling ---


def install(place: Place, kind: str, *, chain: bool = False) -> Hook:
    """Puts our hook there, or renews it. Somebody else's is refused with `ConfigError`, which says how to keep both;
    with `chain` it is renamed and called first."""
    check_type(place, kind)
    hook = look(place, kind)
    content = os.fsencode(script(kind))
    if hook.state is State.FOREIGN:
        if not chain:
            raise ConfigError(_refusal(hook))
        _keep(hook.path)
    try:
        if hook.state in (State.OURS, State.BROKEN):
            _replace(hook.path, content)
        else:
            if hook.path.parent.exists() and not hook.path.parent.is_dir():
                raise ConfigError(f"{hook.path.parent}: no folder, so no hook can be put there")
            hook.path.parent.mkdir(parents=True, exist_ok=True)
            _write(hook.path, content)
    except FileExistsError as error:
        raise ConfigError(f"{hook.path}: somebody put a hook there at this moment; try again") from error
    except OSError as error:
        raise ConfigError(f"{hook.path}: the hook cannot be written: {error.strerror}") from error
    return look(place, kind)


def uninstall(place: Place, kind: str) -> Hook:
    """Takes our hook away and gives a kept one its name back. Somebody else's hook is left as it is."""
    hook = look(place, kind)
    if hook.state in (State.NONE, State.FOREIGN):
        return hook
    try:
        hook.path.unlink()
        if os.path.lexists(_kept(hook.path)):
            _kept(hook.path).rename(hook.path)
    except OSError as error:
        raise ConfigError(f"{hook.path}: the hook cannot be taken away: {error.strerror}") from error
    return look(place, kind)


def check_type(place: Place, kind: str) -> None:
    """Raises `UsageError` for a type of hook that git would never run there."""
    if place.bare and kind in CLIENT:
        raise UsageError(
            f"{place.about} is a bare repository, where git never runs {kind}; --type pre-receive guards what is pushed"
        )


def check_start() -> None:
    """Raises `ConfigError` unless the command that hooks will call works from anywhere."""
    command = [sys.executable, *_OPTIONS, "--version"]
    elsewhere = Path(sys.executable).anchor or os.curdir
    if subprocess.run(command, cwd=elsewhere, capture_output=True, check=False).returncode != 0:
        raise ConfigError(
            f"{sys.executable} does not find keysweep by itself, so a hook would not either; "
            f"install keysweep for it: {shlex.quote(sys.executable)} -m pip install FOLDER_OF_KEYSWEEP"
        )


def _refusal(hook: Hook) -> str:
    remark = f" ({hook.remark})" if hook.remark else ""
    return (
        f"{hook.path}: there is a hook already, and it is not keysweep's{remark}; --chain keeps it as "
        f"{hook.path.name}{KEPT} and calls it first, or call this from it: keysweep hook run {hook.kind} \"$@\""
    )


def _keep(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        raise ConfigError(f"{path}: a folder stands where the hook belongs; move it away")
    kept = _kept(path)
    if os.path.lexists(kept):
        raise ConfigError(f"{kept}: a hook has been kept under that name before; put the two together, or remove one")
    try:
        path.rename(kept)
    except OSError as error:
        raise ConfigError(f"{path}: the hook cannot be renamed to {kept.name}: {error.strerror}") from error


def _write(path: Path, content: bytes) -> None:
    with open(path, "xb", opener=_executable) as file:
        file.write(content)


def _replace(path: Path, content: bytes) -> None:
    """At once: git may run the hook at any moment."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        _write(new, content)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def _executable(path: str, flags: int) -> int:
    return os.open(path, flags, 0o777)  # less the umask, as git makes its own


# --- what a hook says ---

_PYTHON = "python="


_OPTIONS = ("-E", "-P", "-m", "scanner")
"""Neither the folder that git stands in nor PYTHONPATH may decide what `scanner` is: both may be the repository's."""


def script(kind: str) -> str:
    """The hook, for any POSIX shell and for the one that comes with Git for Windows."""
    if not sys.executable:
        raise ConfigError("this Python does not know its own path, so no hook can call it; use another one")
    python = Path(sys.executable).as_posix()
    lines = _LINES if kind in _WITH_LINES else ""
    feed = "tell | " if kind in _WITH_LINES else ""
    return _SCRIPT.format(
        marker=MARKER, kind=kind, python=shlex.quote(python), variable=_PYTHON, lines=lines, feed=feed, kept=KEPT,
        stopped=_STOPPED[kind], options=" ".join(_OPTIONS),
    )  # fmt: skip


_LINES = """
lines=$(cat)
tell() { if [ -n "$lines" ]; then printf '%s\\n' "$lines" 2>/dev/null; fi; }
"""

_SCRIPT = """\
#!/bin/sh
{marker} {kind}
# Made by `keysweep hook install`; `keysweep hook uninstall --type {kind}` takes it away again.
{variable}{python}
gone() {{
  printf '%s\\n' "keysweep: {stopped}: $1; install keysweep again and then its hook" \\
    "(keysweep hook install --type {kind}), or remove the hook: $0" >&2
  exit 2
}}
[ -x "$python" ] || gone "$python, which this hook was installed with, is gone"
{lines}
# A hook that was here before.
if [ -x "$0{kept}" ]; then
  {feed}"$0{kept}" "$@" || exit $?
fi

{feed}"$python" {options} hook run {kind} -- "$@"
status=$?
if [ "$status" -ne 0 ]; then
  "$python" -E -P -c 'import scanner.cli' 2>/dev/null || gone "$python does not have keysweep any more"
fi
exit "$status"
"""


__all__ = [
    "CLIENT", "KEPT", "MARKER", "SERVER", "TYPES", "Hook", "Place", "State", "check_start", "check_type",
    "disable_template", "enable_template", "global_place", "install", "look", "repository_place", "script", "setting",
    "uninstall",
]  # fmt: skip
