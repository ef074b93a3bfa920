"""Lists what there is below the paths that a user named: each thing once, in a fixed order, without opening a
file."""

# Names are plain text here, not pathlib's: a walk over a million of them must not normalise, copy or parse each.
# ruff: noqa: PTH109, PTH112, PTH113, PTH114, PTH116, PTH117, PTH118, PTH119, PTH120, PTH206

from __future__ import annotations

import os
import re
import stat
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

from scanner.errors import SourceError
from scanner.globs import path_matches
from scanner.models import Note, Skipped

_FILE_COSTS = 4096  # opening a small file takes about as long as scanning this many bytes


@dataclass(frozen=True, slots=True)
class Run:
    """Files of one folder that are read one after the other. `prefix` is what stands before their names."""

    prefix: str
    names: tuple[str, ...]
    size: int
    links: bool = False
    follow: bool = False


@dataclass(slots=True)
class Folder:
    """What a walk saw in one folder. `names` are all names in it, `files` and `links` those that are read."""

    prefix: str
    names: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    sizes: array[int] = field(default_factory=lambda: array("Q"))
    links: list[str] = field(default_factory=list)
    follow: bool = False

    def add(self, name: str, size: int) -> None:
        self.files.append(name)
        self.sizes.append(size)

    def weight(self) -> int:
        return sum(self.sizes) + _FILE_COSTS * (len(self.files) + len(self.links))

    def runs(self, target: int) -> Iterator[Run]:
        """The folder's files as few runs, none much larger than `target` unless one file is."""
        first = size = 0
        for at, file_size in enumerate(self.sizes):
            cost = file_size + _FILE_COSTS
            if at > first and size + cost > target:
                yield Run(self.prefix, tuple(self.files[first:at]), size, follow=self.follow)
                first, size = at, 0
            size += cost
        if first < len(self.files):
            yield Run(self.prefix, tuple(self.files[first:]), size, follow=self.follow)
        if self.links:
            yield Run(self.prefix, tuple(self.links), _FILE_COSTS * len(self.links), links=True)


class Walk:
    """Lists what there is below named paths, each thing once, without opening a file."""

    def __init__(self, exclude: Sequence[str], *, several: bool) -> None:
        self.base = os.getcwd()
        self.folders: list[Folder] = []
        self.skipped: list[Skipped] = []
        self._exclude = tuple(exclude)
        self._seen: set[str] | None = set() if several else None  # real paths, when some may come twice
        self._excluded_files = self._excluded_folders = 0
        self._met_git = False
        self._root = ""  # what is cut from a path before patterns see it

    def add(self, path: str) -> None:
        """Adds a path that the user named; a link is followed here, and only here."""
        name = _clean(path)
        try:
            status = os.stat(path)
        except (FileNotFoundError, NotADirectoryError, ValueError) as error:
            if "\0" not in path and os.path.islink(path):
                self.skipped.append(Skipped(shown(name), "a symbolic link to something that does not exist"))
                return
            raise SourceError(f"{shown(path) or 'an empty path'}: no such file or folder") from error
        except OSError as error:
            self.skipped.append(Skipped(shown(name), reason_of(error)))
            return
        real = os.path.realpath(path) if self._seen is not None else ""
        folder = stat.S_ISDIR(status.st_mode)
        self._root = self._matched_from(name, folder)
        if self._excluded(name, folder) or self._again(real):
            return
        if folder:
            self._tree(_as_prefix(name), _as_prefix(real))
        elif stat.S_ISREG(status.st_mode):
            prefix, last = os.path.split(name)
            self._named(_as_prefix(prefix)).add(last, status.st_size)
        else:
            self.skipped.append(Skipped(shown(name), not_a_file(status.st_mode)))

    def notes(self) -> Iterator[Note]:
        """What a person should know of the walk."""
        counts = [(self._excluded_files, "file"), (self._excluded_folders, "folder")]
        words = [f"{count} {what}{'s' if count > 1 else ''}" for count, what in counts if count]
        if words:
            yield Note(f"{' and '.join(words)} excluded by configuration")
        if self._met_git:
            yield Note(".git folders were not walked: history is read by 'keysweep history'")

    def _named(self, prefix: str) -> Folder:
        """The folder that collects named files: neighbours share it. Their own names are content as well."""
        last = self.folders[-1] if self.folders else None
        if last is None or last.prefix != prefix or not last.follow:
            last = Folder(prefix, follow=True)
            last.names = last.files
            self.folders.append(last)
        return last

    def _tree(self, prefix: str, real: str) -> None:
        top = os.path.basename(prefix.rstrip(os.sep))
        if top and top != os.pardir:
            self.folders.append(Folder(prefix[: -len(top) - 1], names=[top]))
        waiting = [(prefix, real)]
        while waiting:
            below = self._one_folder(*waiting.pop())
            waiting.extend(reversed(below))

    def _one_folder(self, prefix: str, real: str) -> list[tuple[str, str]]:
        """Lists one folder; the folders in it, in order."""
        try:
            with os.scandir(prefix or os.curdir) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            self.skipped.append(Skipped(shown(prefix or os.curdir), reason_of(error)))
            return []
        folder = Folder(prefix)
        self.folders.append(folder)
        below: list[tuple[str, str]] = []
        for entry in entries:
            try:
                if self._entry(folder, entry, real):
                    below.append((f"{prefix}{entry.name}{os.sep}", f"{real}{entry.name}{os.sep}"))
            except OSError as error:
                self.skipped.append(Skipped(shown(prefix + entry.name), reason_of(error)))
        return below

    def _entry(self, folder: Folder, entry: os.DirEntry[str], real: str) -> bool:
        """Notes one entry of a folder; true when it is a folder to walk."""
        name = entry.name
        is_link = _is_link(entry)
        is_folder = not is_link and entry.is_dir(follow_symlinks=False)
        if self._exclude and self._excluded(folder.prefix + name, is_folder):
            return False
        if is_folder and name.lower() == ".git" and _is_repository(entry.path):
            self._git_folder(folder.prefix + name + os.sep, f"{real}{name}{os.sep}")
            return False
        if self._again(real + name):
            return False
        folder.names.append(name)
        if is_link:
            folder.links.append(name)
        elif not is_folder:
            status = entry.stat(follow_symlinks=False)
            if stat.S_ISREG(status.st_mode):
                folder.add(name, status.st_size)
            else:
                self.skipped.append(Skipped(shown(folder.prefix + name), not_a_file(status.st_mode)))
        return is_folder

    def _git_folder(self, prefix: str, real: str) -> None:
        self._met_git = True
        folder = Folder(prefix)
        for name in ("config", "config.worktree"):
            try:
                status = os.lstat(prefix + name)
            except FileNotFoundError:
                continue
            if stat.S_ISREG(status.st_mode) and not self._again(real + name):
                folder.add(name, status.st_size)
        self.folders.append(folder)

    def _again(self, real: str) -> bool:
        """Whether this was met before; remembers it."""
        if self._seen is None:
            return False
        key = real.rstrip(os.sep) or os.sep
        known = key in self._seen
        self._seen.add(key)
        return known

    def _matched_from(self, name: str, folder: bool) -> str:
        """What is cut from paths before patterns see them: they are relative to the current folder or, for
        what lies outside of it, to the folder that was named."""
        if os.path.isabs(name):
            here = _as_prefix(self.base)
            if _as_prefix(name).startswith(here):
                return here
        elif name.split(os.sep, 1)[0] != os.pardir:
            return ""
        return _as_prefix(name if folder else os.path.dirname(name))

    def _excluded(self, path: str, folder: bool) -> bool:
        """Whether configuration leaves it out; counts it."""
        path = "" if path + os.sep == self._root else path.removeprefix(self._root)
        if os.sep != "/":
            path = path.replace(os.sep, "/")
        if not path or not path_matches(f"{path}/" if folder else path, self._exclude):
            return False
        self._excluded_folders += folder
        self._excluded_files += not folder
        return True


def shown(path: str) -> str:
    """A path as people see it: separated by `/`, and safe to print whatever bytes it is made of.

    Bytes that are not UTF-8 and control characters are escaped (`\\xff`, `\\n`).
    """
    if os.sep != "/":
        path = path.replace(os.sep, "/")
    if path.isascii() and path.isprintable():
        return path
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return _UNSAFE.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


# C0, DEL and C1 controls; line and paragraph separators; marks that turn the direction of writing
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def reason_of(error: OSError) -> str:
    """Why, in a few words, without a path: the path is named beside it."""
    if isinstance(error, FileNotFoundError):
        return "it vanished while the scan was running"
    text = error.strerror or type(error).__name__
    return text[:1].lower() + text[1:]


def _clean(path: str) -> str:
    """The path without `.` and doubled separators; "" is the current folder. `..` stays: links may be behind."""
    if os.altsep:
        path = path.replace(os.altsep, os.sep)
    drive, rest = os.path.splitdrive(path)
    root = os.sep if rest.startswith(os.sep) else ""
    return drive + root + os.sep.join(part for part in rest.split(os.sep) if part not in ("", os.curdir))


def _as_prefix(folder: str) -> str:
    return folder + os.sep if folder and not folder.endswith(os.sep) else folder


def _is_link(entry: os.DirEntry[str]) -> bool:
    """Symbolic links, and on Windows junctions (Python tells them from 3.12 on)."""
    return entry.is_symlink() or bool(getattr(entry, "is_junction", bool)())


def _is_repository(git_folder: str) -> bool:
    """A folder that is only called `.git` is walked like any other: nothing hides behind a name."""
    return os.path.isfile(f"{git_folder}{os.sep}HEAD") and os.path.isdir(f"{git_folder}{os.sep}objects")


def not_a_file(mode: int) -> str:
    """What something is that is no regular file, as the reason why it is not read."""
    kinds = {
        stat.S_IFIFO: "a FIFO, not a file (pipe its content into 'keysweep stdin')",
        stat.S_IFSOCK: "a socket, not a file",
        stat.S_IFCHR: "a character device, not a file",
        stat.S_IFBLK: "a block device, not a file",
        stat.S_IFDIR: "it became a folder while the scan was running",
    }
    return kinds.get(stat.S_IFMT(mode), "neither a file nor a folder")


def unreadable(status: os.stat_result) -> str:
    """Why something that was opened is not read; "" for a file."""
    if not stat.S_ISREG(status.st_mode):
        return not_a_file(status.st_mode)
    if status.st_dev in _kernel():
        return "made by the kernel when it is read, perhaps without end (pipe its content into 'keysweep stdin')"
    return ""


@cache
def _kernel() -> frozenset[int]:
    """The devices of file systems whose files are no files: some have no end, some are terabytes of nothing."""
    found: list[int] = []
    for place in ("/proc", "/sys", "/"):
        try:
            found.append(os.stat(place).st_dev)
        except OSError:
            found.append(-1)
    return frozenset(found[:2]) - {found[2], -1}  # an empty folder where nothing is mounted


__all__ = ["Folder", "Run", "Walk", "not_a_file", "reason_of", "shown", "unreadable"]
