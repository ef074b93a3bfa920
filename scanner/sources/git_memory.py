"""What was found out of a repository, remembered as long as nothing in it changes: its inventory, lives of findings."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from scanner.memory import Memory
from scanner.models import CommitRef
from scanner.sources.git import Repository
from scanner.sources.git_describe import Head
from scanner.sources.git_objects import Inventory
from scanner.sources.git_walk import Lives, Wanted

_SMALL = 1024 * 1024
_READ = ("HEAD", "packed-refs", "shallow", "config", "refs", "logs", "worktrees", "reftable")


class GitMemory:
    """What a memory says of a repository in the state in which it is now."""

    def __init__(self, memory: Memory, repository: Repository, asked: str) -> None:
        self._memory = memory
        self._state = _state(repository, asked)

    def inventory(self) -> Inventory | None:
        """The inventory, when it was taken before of the same."""
        content = self._memory.read(self._name("inventory")) if self._state else None
        return _unpacked(content) if content is not None else None

    def keep_inventory(self, inventory: Inventory) -> None:
        """Remembers it."""
        if self._state:
            self._memory.write(self._name("inventory"), _packed(inventory))

    def head(self) -> Head | None:
        """What HEAD says, when it was read before."""
        content = self._memory.read(self._name("head")) if self._state else None
        try:
            branch, modules = json.loads(content or b"null")
            return str(branch), [(str(path), str(name)) for path, name in modules]
        except (ValueError, TypeError):
            return None

    def keep_head(self, head: Head) -> None:
        """Remembers it."""
        if self._state:
            self._memory.write(self._name("head"), json.dumps(head).encode())

    def lives(self, wanted: Wanted) -> Lives | None:
        """The lives of what is wanted, when they were told before."""
        asked = _asked(wanted) if self._state else ""
        content = self._memory.read(self._name("lives" + asked)) if asked else None
        return _lives(content) if content is not None else None

    def keep_lives(self, wanted: Wanted, lives: Lives) -> None:
        """Remembers them; nothing of findings in names, which would have to be told apart by their secrets."""
        asked = _asked(wanted) if self._state else ""
        if asked:
            self._memory.write(self._name("lives" + asked), _told(lives, wanted.commits))

    def _name(self, kind: str) -> str:
        return hashlib.blake2b(f"{kind} {self._state}".encode(), digest_size=16).hexdigest()


def _state(repository: Repository, asked: str) -> str:
    """Changes whenever a ref, a reflog, a worktree or the set of objects does; "" where that cannot be told."""
    top = Path(repository.common_dir)
    told = hashlib.blake2b(f"{asked} {repository.git_dir}\n".encode("utf-8", "surrogateescape"), digest_size=16)
    try:
        if (top / "objects/info/alternates").exists():
            return ""
        for name in _READ:
            for path in _files(top / name):
                if path.name == "index" and path.parent.parent == top / "worktrees":
                    continue
                about = path.lstat()
                if stat.S_ISLNK(about.st_mode):
                    return ""
                told.update(b"%s %d %d\n" % (os.fsencode(path), about.st_size, about.st_mtime_ns))
                if about.st_size < _SMALL and stat.S_ISREG(about.st_mode):
                    told.update(path.read_bytes())
        for path in sorted((top / "objects").iterdir()):
            about = path.lstat()
            told.update(b"%s %d\n" % (os.fsencode(path.name), about.st_mtime_ns))
        for path in sorted((top / "objects/pack").iterdir()):
            about = path.lstat()
            told.update(b"%s %d %d\n" % (os.fsencode(path.name), about.st_size, about.st_mtime_ns))
    except OSError:
        return ""
    return told.hexdigest()


def _files(path: Path) -> Iterator[Path]:
    """The files in a folder, or the file itself; links, too, which are not followed. Raises OSError."""
    if not path.is_dir() or path.is_symlink():
        yield from [path] if os.path.lexists(path) else []
        return
    for folder, folders, names in os.walk(path, onerror=_raise):
        folders.sort()
        for name in sorted([*names, *(one for one in folders if Path(folder, one).is_symlink())]):
            yield Path(folder, name)


def _raise(error: OSError) -> None:
    raise error


# --- the inventory ---


def _packed(inventory: Inventory) -> bytes:
    groups = {
        kind.decode(): [(path.decode("latin-1"), len(numbers)) for path, numbers in paths.items()]
        for kind, paths in inventory.groups.items()
    }
    about = {
        "width": inventory.width,
        "count": len(inventory),
        "reachable": inventory.reachable,
        "groups": groups,
        "refs": inventory.refs,
        "missing": inventory.missing,
        "problems": inventory.problems,
        "notes": inventory.notes,
    }
    numbers = b"".join(group.tobytes() for paths in inventory.groups.values() for group in paths.values())
    head = json.dumps(about, ensure_ascii=True).encode()
    return head + b"\n" + bytes(inventory.ids) + inventory.sizes.tobytes() + numbers


def _unpacked(content: bytes) -> Inventory | None:
    head, _, rest = content.partition(b"\n")
    try:
        about = json.loads(head)
        count, width = int(about["count"]), int(about["width"])
        sizes, numbers = array("Q"), array("I")
        ids, rest = rest[: count * width], rest[count * width :]
        sizes.frombytes(rest[: count * sizes.itemsize])
        numbers.frombytes(rest[count * sizes.itemsize :])
        made = Inventory(width, bytearray(ids), sizes, reachable=int(about["reachable"]))
        at = 0
        for kind, paths in about["groups"].items():
            of_kind = made.groups[kind.encode()]
            for path, length in paths:
                of_kind[path.encode("latin-1")] = numbers[at : at + length]
                at += length
        made.refs = [(str(name), str(target)) for name, target in about["refs"]]
        made.missing, made.problems, made.notes = (list(about[key]) for key in ("missing", "problems", "notes"))
    except (ValueError, TypeError, KeyError):
        return None
    return made


# --- lives ---


def _asked(wanted: Wanted) -> str:
    """What is wanted, without secrets: findings are numbers, told apart by the objects and paths that hold them."""
    if wanted.names:
        return ""
    homes = sorted(sorted((path.hex(), number) for path, number in paths.items()) for paths in wanted.homes.values())
    holders = sorted((blob.decode("latin-1"), numbers) for blob, numbers in wanted.holders.items())
    commits = sorted(commit.decode("latin-1") for commit in wanted.commits)
    return hashlib.blake2b(json.dumps([homes, holders, commits]).encode(), digest_size=16).hexdigest()


def _told(lives: Lives, commits: set[bytes]) -> bytes:
    about = {
        "introduced": {number: asdict(ref) for number, ref in lives.introduced.items()},
        "removed": {number: asdict(ref) for number, ref in lives.removed.items()},
        "commits": lives.commits,
        "paths": {number: sorted(path.decode("latin-1") for path in paths) for number, paths in lives.paths.items()},
        "in_head": sorted(lives.in_head),
        "messages": {commit.decode("latin-1"): asdict(ref) for commit, ref in lives.messages.items()},
        "head_commits": sorted(one.decode("latin-1") for one in lives.head_commits & commits),
    }
    return json.dumps(about).encode()


def _lives(content: bytes) -> Lives | None:
    try:
        about = json.loads(content)
        paths = {int(number): {path.encode("latin-1") for path in found} for number, found in about["paths"].items()}
        return Lives(
            introduced={int(number): CommitRef(**ref) for number, ref in about["introduced"].items()},
            removed={int(number): CommitRef(**ref) for number, ref in about["removed"].items()},
            commits=Counter({int(number): count for number, count in about["commits"].items()}),
            paths=defaultdict(set, paths),
            in_head=frozenset(about["in_head"]),
            messages={commit.encode("latin-1"): CommitRef(**ref) for commit, ref in about["messages"].items()},
            head_commits={one.encode("latin-1") for one in about["head_commits"]},
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


__all__ = ["GitMemory"]
