"""The one place that talks to a remote: a checkout on a CI system, and what it lacks of its own origin.

Nothing is fetched into the checkout, and none of its configuration is used but the origin's address and the header that
its own credentials are sent in. A bare repository of ours borrows its objects and gets the new ones: no hook, helper,
rewritten address or ssh command of anybody's has a part in it, and the checkout stays as it is.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

from scanner.errors import SourceError
from scanner.sources.git import Git, GitError, Repository, find_git, open_repository

_SCHEMES = frozenset({"https", "http", "file"})
_OURS = "refs/keysweep"
_CERTIFICATES = ("GIT_SSL_CAINFO", "GIT_SSL_CAPATH")  # where a company's server is known by its own certificates
_QUIET = (
    "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head", "--no-auto-maintenance",
    "--no-write-commit-graph", "--no-prune",
)  # fmt: skip
_USERINFO = re.compile(r"(?<=://)[^/@\s'\"]+@")


class Checkout:
    """A checkout, and what can be fetched beside it from its origin. Use it as a context manager.

    `place` is where all of it is read: the checkout itself as long as nothing had to be fetched. `folder` is where
    temporary files go ("" for the system's own place). Raises `SourceError` when there is no repository.
    """

    def __init__(self, place: str | os.PathLike[str], folder: str = "") -> None:
        self._checkout = open_repository(place)
        self._here = self._checkout
        self._place = os.fspath(place)
        self._folder = tempfile.TemporaryDirectory(prefix="keysweep-fetch-", dir=folder or None)

    def __enter__(self) -> Checkout:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    @property
    def place(self) -> str:
        """The repository to read."""
        return self._place if self._here is self._checkout else self._here.git_dir

    @property
    def shallow(self) -> bool:
        """Whether its history ends early."""
        return bool(self._here.shallow_boundary())

    def holds(self, commit: str) -> bool:
        """Whether the commit is here."""
        return bool(self._resolve(f"{commit}^{{object}}"))

    def tip(self, branch: str) -> str:
        """The commit of the origin's branch, as far as known here; "" when it is not."""
        names = (f"{_OURS}/tip/{branch}", f"refs/remotes/origin/{branch}")
        return next((found for name in names if (found := self._resolve(f"{name}^{{commit}}"))), "")

    def cut(self, base: str, head: str) -> bool:
        """Whether history ends early on the way from `head` or `base` ("" for the beginning) to where both part."""
        boundary = self._here.shallow_boundary()
        if not boundary:
            return False
        walked = self._here.run("rev-list", f"{base}...{head}" if base else head, "--").decode().split()
        return not boundary.isdisjoint(walked)

    def fetch(self, commits: Sequence[str] = (), branch: str = "", *, depth: int = 0, deepen: int = 0) -> None:
        """Asks the origin for commits or a branch (nothing named: all branches and tags), `depth` commits deep, or
        `deepen` commits deeper than now; 0 and 0 for the whole of their histories. Raises `SourceError`."""
        url = self._url()
        if self._here is self._checkout:
            self._here = self._borrow(url)
        wanted = [f"+{one}:{_OURS}/commit/{one}" for one in commits]
        wanted += [f"+refs/heads/{branch}:{_OURS}/tip/{branch}"] if branch else []
        wanted = wanted or ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"]
        how = [f"--depth={depth}"] if depth else [f"--deepen={deepen}"] if deepen else []
        if not how and self.shallow:
            how = ["--unshallow"]
        try:
            self._transport(url).run("fetch", *_QUIET, "--refmap=", *how, "--", "origin", *wanted)
        except GitError as error:
            raise SourceError(_USERINFO.sub("********@", error.words)) from error

    def _resolve(self, name: str) -> str:
        try:
            return self._here.run("rev-parse", "--verify", "--quiet", name).decode().strip()
        except GitError:
            return ""

    def _setting(self, *words: str) -> str:
        """A value of the checkout's own configuration; "" when it is not set."""
        try:
            value = self._checkout.run("config", *words)
        except GitError:
            return ""
        return os.fsdecode(value.removesuffix(b"\n"))

    def _url(self) -> str:
        url = self._setting("--get", "remote.origin.url")
        if not url:
            raise SourceError("the checkout has no remote 'origin'")
        if urlsplit(url).scheme not in _SCHEMES:
            raise SourceError("its origin is not an https address, and no other is fetched from")
        return url

    def _transport(self, url: str) -> Git:
        """The guarded git, allowed to speak the origin's one protocol."""
        kept = {name: os.environ[name] for name in _CERTIFICATES if name in os.environ}
        allowed = {**dict(self._here.git.variables), **kept, "GIT_ALLOW_PROTOCOL": urlsplit(url).scheme}
        return replace(self._here.git, variables=tuple(allowed.items()))

    def _borrow(self, url: str) -> Repository:
        """A bare repository of our own on the checkout's objects, with its refs and its shallow ends."""
        place = Path(self._folder.name) / "borrowed.git"
        checkout = self._checkout
        form = checkout.run("rev-parse", "--show-object-format").decode().strip()
        git = Git(find_git(), self._folder.name)
        git.run("init", "--quiet", "--bare", "--template=", f"--object-format={form}", str(place))
        objects = checkout.run("rev-parse", "--path-format=absolute", "--git-path", "objects").removesuffix(b"\n")
        (place / "objects" / "info").mkdir(parents=True, exist_ok=True)
        (place / "objects" / "info" / "alternates").write_bytes(objects + b"\n")
        boundary = checkout.shallow_boundary()
        if boundary:
            (place / "shallow").write_text("".join(f"{one}\n" for one in sorted(boundary)), encoding="ascii")
        with (place / "config").open("a", encoding="utf-8", errors="surrogateescape") as config:
            config.write(self._remote(url))
        borrowed = open_repository(place)
        refs = checkout.run("for-each-ref", "--format=create %(refname)%00%(objectname)%00")
        borrowed.run("update-ref", "--stdin", "-z", stdin=refs.replace(b"\0\n", b"\0"))
        head = self._resolve("HEAD^{commit}")
        if head:
            borrowed.run("update-ref", "--no-deref", "HEAD", head)
        return borrowed

    def _remote(self, url: str) -> str:
        """Settings for the fetch. In a file, since what a process is called with can be read by others."""
        lines = [
            '[remote "origin"]', f"url = {_quoted(url)}",
            "[http]", "followRedirects = false", "lowSpeedLimit = 1", "lowSpeedTime = 120",
            "[gc]", "auto = 0",
        ]  # fmt: skip
        header = self._setting("--get-urlmatch", "http.extraHeader", url)
        if header:
            lines += ["[http]", f"extraHeader = {_quoted(header)}"]
        return "\n".join(lines) + "\n"


def _quoted(value: str) -> str:
    """A value of git's configuration format."""
    if any(character < " " for character in value):
        raise SourceError("the checkout's own configuration has a control character in its origin or credentials")
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


__all__ = ["Checkout"]
