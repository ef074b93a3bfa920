"""Material to measure on, made from a seed: a git history, a tree of small files, a commit, rules.

The same seed gives the same bytes (and the same commit ids) on every machine: only `random.Random.random` is used,
whose results Python promises to keep, and all dates and names are fixed. Keys are made when the material is made; none
stands in this file. They have the form of real ones and open nothing.
"""

from __future__ import annotations

import os
import random
import shutil
import string
import subprocess
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

VERSION = 1
"""Raise it when the material changes, so that nothing kept from an older version is used."""

SIZES = (500, 2_000, 8_000, 32_000)
"""Commits of the built-in histories, smallest first."""

PLANTED = 20
"""Keys in a history and in a tree."""

WAYS = ("plain", "removed", "merge", "nodiff")
"""How a key comes into a history: stays; is removed by the next commit; only a merge commit adds it; the repository's
own .gitattributes tells git not to show the file in patches (git heeds it where there is a work tree, and in bare
repositories from 2.43 on)."""

_GIT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Ann Example",
    "GIT_AUTHOR_EMAIL": "ann@example.org",
    "GIT_AUTHOR_DATE": "1700000000 +0000",
    "GIT_COMMITTER_NAME": "Ann Example",
    "GIT_COMMITTER_EMAIL": "ann@example.org",
    "GIT_COMMITTER_DATE": "1700000000 +0000",
}
_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
_WORDS = """
account add agent alias append array async await backend batch bind block buffer build byte cache call channel check
child class clear client close code column config connect content context copy count create cursor data database
date default delete depth detail device domain draw edge email encode entry error event except field file filter
find flag format frame group handle hash header height host image import index init insert item join key label layer
length level limit line link list load local lock log main map mark match merge message method mode model module
name next node number object offset open option order output owner page panel parent parse path pattern port print
process query queue range read record render report request reset result return role root route row rule save scale
schema scope screen script secret select send server session size slot socket sort source stack start state status
store stream string style sum table target task test text thread time title token total trace type unit update user
value version view width window word worker wrap write zone
""".split()  # noqa: SIM905 - a list literal of 200 words is no easier to read


class Draw:
    """Random choices that are the same on every machine for one seed."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed).random

    def below(self, end: int) -> int:
        return int(self._random() * end)

    def between(self, low: int, high: int) -> int:
        return low + self.below(high - low + 1)

    def one(self, options: Sequence[str]) -> str:
        return options[self.below(len(options))]

    def text(self, alphabet: str, length: int) -> str:
        return "".join(self.one(alphabet) for _ in range(length))

    def skewed(self, end: int) -> int:
        """Small numbers more often: a few files of a project take most of its changes."""
        return int(self._random() ** 2 * end)


def _github(draw: Draw) -> str:
    body = draw.text(_BASE62, 30)
    rest, digits = zlib.crc32(body.encode()), ""
    while rest:
        rest, digit = divmod(rest, 62)
        digits = _BASE62[digit] + digits
    return f"GITHUB_TOKEN=ghp_{body}{digits:0>6}"


def _stripe(draw: Draw) -> str:
    return f"STRIPE_SECRET_KEY=sk_live_{draw.text(_BASE62, 24)}"


def _slack(draw: Draw) -> str:
    digits = string.digits[1:]
    return f"SLACK_BOT_TOKEN=xoxb-{draw.text(digits, 12)}-{draw.text(digits, 13)}-{draw.text(_BASE62, 24)}"


def _sendgrid(draw: Draw) -> str:
    return f"SENDGRID_API_KEY=SG.{draw.text(_BASE62, 22)}.{draw.text(_BASE62, 43)}"


def _gitlab(draw: Draw) -> str:
    return f"GITLAB_TOKEN=glpat-{draw.text(_BASE62, 20)}"


KEYS: tuple[Callable[[Draw], str], ...] = (_github, _stripe, _slack, _sendgrid, _gitlab)


def planted_file(draw: Draw, number: int) -> bytes:
    """A small settings file with one key in it."""
    return f"# settings {number}\nDEBUG=0\n{KEYS[number % len(KEYS)](draw)}\nPORT=80{number:02}\n".encode()


def planted_name(number: int, way: str) -> str:
    """The file name of a planted key: a report that names it has found that key."""
    return f"planted-{number:02}-{way}.{'dat' if way == 'nodiff' else 'env'}"


class Prose:
    """Lines that look like a program's, drawn from a pool so that making a million of them is cheap."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self._pool = [self._made() for _ in range(4_000)]

    def line(self) -> bytes:
        return self._pool[self._draw.below(len(self._pool))]

    def lines(self, count: int) -> list[bytes]:
        return [self.line() for _ in range(count)]

    def _made(self) -> bytes:
        draw, indent = self._draw, "    " * self._draw.below(4)
        a, b, c = (draw.one(_WORDS) for _ in range(3))
        made = (
            f"{a}_{b} = self.{c}({draw.below(1000)})",
            f"if {a} is None or {b}.{c} > {draw.below(100)}:",
            f"# {a} {b} {c} {draw.one(_WORDS)} {draw.one(_WORDS)}",
            f'raise {a.title()}Error("{b} {c} is not {draw.one(_WORDS)}")',
            f"def {a}_{b}(self, {c}: int) -> str:",
            f'"{a}-{b}": {{"{c}": [{draw.below(10)}, {draw.below(10)}], "{draw.one(_WORDS)}": true}},',
            f"return {a}[{b}:{c} + {draw.below(64)}]",
            f"checksum = {draw.text('0123456789abcdef', 40)}" if not draw.below(20) else "",
        )
        return f"{indent}{made[draw.below(len(made))]}\n".encode()


def history(target: Path, commits: int, seed: str = "keysweep") -> None:
    """Makes a bare, repacked repository with so many commits; `PLANTED` keys are in it."""
    if commits < 4 * PLANTED:
        raise SystemExit(f"a synthetic history needs at least {4 * PLANTED} commits, not {commits}")
    _git(["init", "-q", "--bare", str(target)])
    _git(["-C", str(target), "symbolic-ref", "HEAD", "refs/heads/main"])
    with subprocess.Popen(
        ["git", "-C", str(target), "fast-import", "--quiet"], stdin=subprocess.PIPE, env=_environment()
    ) as process:
        assert process.stdin is not None  # noqa: S101 - tells the type checker what PIPE means
        _History(process.stdin, commits, Draw(f"{seed}/{commits}")).write()
        process.stdin.close()
        if process.wait():
            raise SystemExit("git fast-import refused the synthetic history")
    _git(["-C", str(target), "repack", "-adfq", "--depth=50", "--window=20"])


@dataclass(slots=True)
class _File:
    path: bytes
    lines: list[bytes]


class _History:
    """Writes the stream of one history. Marks are numbers given to blobs and commits as they come."""

    def __init__(self, out: IO[bytes], commits: int, draw: Draw) -> None:
        self._out, self._commits, self._draw = out, commits, draw
        self._prose = Prose(draw)
        self._files: list[_File] = []
        self._mark = self._made = self._head = 0

    def write(self) -> None:
        attributes = self._blob(b"*.dat -diff\n")
        self._commit([*self._changes(40, new=True), (b".gitattributes", attributes)], "begin")
        keys = _Keys(self._draw)
        gone: bytes | None = None
        while self._made < self._commits:
            changes: list[tuple[bytes, int]] = self._changes(1 + self._draw.below(3))
            if not self._made % 8:
                changes += self._changes(1, new=True)
            if gone:
                changes, gone = [*changes, (gone, 0)], None
            due = self._made * PLANTED // self._commits
            if due >= len(keys.done) and len(keys.done) < PLANTED and self._commits - self._made > 3:
                path, content, way = keys.take()
                added = (path, self._blob(content))
                if way == "merge":
                    self._merge(changes, added)
                    continue
                changes.append(added)
                gone = path if way == "removed" else None
            elif not self._made % 25 and self._commits - self._made > 3:
                self._merge(changes, None)
                continue
            self._commit(changes, "change")
        self._tag()

    def _merge(self, changes: list[tuple[bytes, int]], only_here: tuple[bytes, int] | None) -> None:
        """Two commits on a side branch, one on the main branch, and the merge of both."""
        base = self._head
        aside = [self._new_file(), self._new_file()]
        for one in aside:
            self._commit([one], "aside", branch=b"refs/heads/side", parents=(self._head,))
        side, self._head = self._head, base
        self._commit(changes, "change")
        self._commit([*aside, *([only_here] if only_here else [])], "merge", parents=(self._head, side))

    def _new_file(self) -> tuple[bytes, int]:
        return self._changes(1, new=True)[0]

    def _changes(self, count: int, *, new: bool = False) -> list[tuple[bytes, int]]:
        """Files made or edited, each once, with the mark of their new content."""
        chosen = {}
        for _ in range(count):
            file = self._create() if new else self._edit()
            chosen[file.path] = file
        return [(path, self._blob(b"".join(file.lines))) for path, file in chosen.items()]

    def _create(self) -> _File:
        number = len(self._files)
        path = f"src/part{number // 200}/unit{number // 20 % 10}/{self._draw.one(_WORDS)}_{number}.py"
        self._files.append(_File(path.encode(), self._prose.lines(self._draw.between(60, 240))))
        return self._files[-1]

    def _edit(self) -> _File:
        """Replaces a run of lines by a new one of about the same length."""
        file = self._files[self._draw.skewed(len(self._files))]
        at, size = self._draw.below(len(file.lines)), self._draw.between(1, 6)
        file.lines[at : at + size] = self._prose.lines(size)
        return file

    def _blob(self, content: bytes) -> int:
        self._mark += 1
        self._out.write(b"blob\nmark :%d\ndata %d\n%s\n" % (self._mark, len(content), content))
        return self._mark

    def _commit(
        self,
        changes: list[tuple[bytes, int]],
        what: str,
        branch: bytes = b"refs/heads/main",
        parents: tuple[int, ...] = (),
    ) -> None:
        self._mark += 1
        parents = parents or ((self._head,) if self._head else ())
        who = b"Ann Example <ann@example.org> %d +0000\n" % (1_500_000_000 + 3_600 * self._made)
        message = f"{what} {self._made}: {self._draw.one(_WORDS)} {self._draw.one(_WORDS)}\n".encode()
        out = [b"commit %s\nmark :%d\nauthor %scommitter %s" % (branch, self._mark, who, who)]
        out += [b"data %d\n%s" % (len(message), message)]
        out += [b"%s :%d\n" % (b"merge" if place else b"from", parent) for place, parent in enumerate(parents)]
        out += [b"M 100644 :%d %s\n" % (mark, path) if mark else b"D %s\n" % path for path, mark in changes]
        self._out.write(b"".join(out) + b"\n")
        self._head = self._mark
        self._made += 1

    def _tag(self) -> None:
        who = b"Ann Example <ann@example.org> 1700000000 +0000"
        self._out.write(b"tag v1.0\nfrom :%d\ntagger %s\ndata 8\nrelease\n\n" % (self._head, who))


class _Keys:
    """The planted keys, one after the other, in each way of coming in by turns."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self.done: list[str] = []

    def take(self) -> tuple[bytes, bytes, str]:
        number = len(self.done)
        way = WAYS[number % len(WAYS)]
        name = planted_name(number, way)
        self.done.append(name)
        return b"config/" + name.encode(), planted_file(self._draw, number), way


def tree(target: Path, files: int = 100_000, seed: str = "keysweep") -> None:
    """Makes a folder with so many small files, a hundred to a folder; `PLANTED` keys are in it."""
    draw = Draw(f"{seed}/tree/{files}")
    prose = Prose(draw)
    step = max(files // PLANTED, 1)
    for number in range(files):
        folder = target / f"part{number // 10_000}" / f"unit{number // 100 % 100}"
        if not number % 100:
            folder.mkdir(parents=True)
        key, at_key = divmod(number, step)
        if not at_key and key < PLANTED:
            (folder / planted_name(key, "plain")).write_bytes(planted_file(draw, key))
        else:
            name = f"{draw.one(_WORDS)}_{number}.{draw.one(('py', 'js', 'go', 'md', 'yml'))}"
            (folder / name).write_bytes(b"".join(prose.lines(draw.between(10, 80))))


def staged(target: Path, *, key: bool, files: int = 20, seed: str = "keysweep") -> list[str]:
    """Makes a repository with 200 committed files and changes to some of them staged, one with a key if wanted. Returns
    the staged names."""
    draw = Draw(f"{seed}/staged/{key}")
    prose = Prose(draw)
    target.mkdir(parents=True)
    _git(["init", "-q", str(target)])
    names = [f"src/{draw.one(_WORDS)}_{number}.py" for number in range(200)]
    (target / "src").mkdir()
    for name in names:
        (target / name).write_bytes(b"".join(prose.lines(120)))
    _git(["-C", str(target), "add", "."])
    _git(["-C", str(target), "commit", "-q", "--no-verify", "-m", "begin"])
    for number, name in enumerate(names[:files]):
        content = (target / name).read_bytes().splitlines(keepends=True)
        content[40:44] = prose.lines(8)
        if key and number == files // 2:
            name_of_key, _, value = _github(draw).partition("=")  # quoted, since this is a Python file
            content[50:50] = [f'{name_of_key} = "{value}"\n'.encode()]
        (target / name).write_bytes(b"".join(content))
    _git(["-C", str(target), "add", "."])
    return names[:files]


def small_file(target: Path, *, key: bool, seed: str = "keysweep") -> None:
    """Makes one file of about 2 kB, with a key if wanted."""
    draw = Draw(f"{seed}/file/{key}")
    target.write_bytes(b"".join(Prose(draw).lines(60)) + (planted_file(draw, 0) if key else b""))


def rule_prefixes(count: int, seed: str = "keysweep") -> list[str]:
    """Different prefixes of invented key formats."""
    draw, found = Draw(f"{seed}/rules"), dict[str, None]()
    while len(found) < count:
        found[f"{draw.text(string.ascii_lowercase, 5)}_{draw.text(string.ascii_lowercase, 2)}_"] = None
    return list(found)


def own_rules(target: Path, count: int) -> None:
    """So many rules as a folder of keysweep rule files, ten a file."""
    target.mkdir(parents=True)
    prefixes = rule_prefixes(count)
    for start in range(0, count, 10):
        provider = f"invented{start // 10}"
        head = (
            f"provider: {provider}\nname: {provider.title()}\nrotate: Nobody needs to.\n"
            "references:\n  - https://example.org/\nrules:\n"
        )
        body = "".join(_own_rule(provider, prefix) for prefix in prefixes[start : start + 10])
        (target / f"{provider}.yaml").write_text(head + body, encoding="utf-8")


def _own_rule(provider: str, prefix: str) -> str:
    name = prefix.replace("_", "")
    return (
        f"  - id: {provider}-{name}\n    name: {name} key\n    description: Opens nothing.\n    keywords: [{prefix}]\n"
        f"    pattern: '(?P<public>{prefix})(?P<secret>[a-z0-9]{{32}})'\n    severity: low\n    confidence: high\n"
        "    checks: {entropy: 2.5}\n    examples:\n      - 'A={key}'\n      - 'B: {key}'\n"
        "    counterexamples:\n      - 'A={key:cut}'\n      - 'A={key:long}'\n"
        f"      - 'A={prefix}your_api_key_here'\n"
    )


def toml_rules(target: Path, count: int) -> None:
    """The same rules, beside the built-in ones, in the form that gitleaks and betterleaks read."""
    text = ['title = "invented"\n[extend]\nuseDefault = true\n']
    text += [
        f"[[rules]]\nid = \"{prefix.replace('_', '')}\"\ndescription = \"Opens nothing.\"\n"
        f"regex = '''{prefix}[a-z0-9]{{32}}'''\nkeywords = [\"{prefix}\"]\n"
        for prefix in rule_prefixes(count)
    ]
    target.write_text("".join(text), encoding="utf-8")


def yaml_rules(target: Path, count: int) -> None:
    """The same rules in the form that kingfisher reads."""
    text = ["rules:\n"]
    text += [
        f"  - name: {prefix}\n    id: invented.{prefix.replace('_', '')}\n    pattern: '({prefix}[a-z0-9]{{32}})'\n"
        "    min_entropy: 2.5\n    confidence: high\n    examples: []\n"
        for prefix in rule_prefixes(count)
    ]
    target.write_text("".join(text), encoding="utf-8")


def kept(folder: Path, name: str, make: Callable[[Path], None]) -> Path:
    """Material under its name in a folder: made when it is not there yet, never left half made."""
    target = folder / f"{name}-v{VERSION}"
    if target.exists():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    half = folder / f".half-{name}-{os.getpid()}"
    try:
        make(half)
        half.rename(target)
    finally:
        if half.is_dir():
            shutil.rmtree(half)
    return target


def _environment() -> dict[str, str]:
    """The process's own without anything of git's (a hook may be running us), with names and dates fixed."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | _GIT


def _git(arguments: list[str]) -> None:
    subprocess.run(["git", "-c", "init.defaultBranch=main", *arguments], check=True, env=_environment())


def planted_found(paths: Iterable[str]) -> int:
    """How many of the planted keys are in files that a report names."""
    names = {path.rpartition("/")[2] for path in paths}
    return len({name for name in names if name.startswith("planted-")})
