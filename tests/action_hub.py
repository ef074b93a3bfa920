"""GitHub as far as the action sees it: a repository with a fork, events with their payloads, and what actions/checkout
leaves behind. All of it real git."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.gitrepo import GitRepo

ZEROS = "0" * 40
Files = Mapping[str, bytes | str | None]


@dataclass(frozen=True)
class Event:
    """An event: its name, its payload, and the ref and commit that actions/checkout takes for it by default."""

    name: str
    payload: Mapping[str, Any]
    ref: str
    sha: str

    def environment(self, folder: Path) -> dict[str, str]:
        """The variables that the runner sets for it."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "event.json"
        path.write_text(json.dumps(self.payload), encoding="utf-8")
        return {
            "GITHUB_EVENT_NAME": self.name, "GITHUB_EVENT_PATH": str(path), "GITHUB_REF": self.ref,
            "GITHUB_SHA": self.sha, "GITHUB_REPOSITORY": "octo/app", "GITHUB_SERVER_URL": "https://github.com",
        }  # fmt: skip


class Hub:
    """A repository `octo/app` with some history on `main`, and a fork of it."""

    def __init__(self, root: Path, files: Files | None = None) -> None:
        self.root = root
        self.origin = GitRepo.new(root / "octo")
        self.origin.git("config", "receive.denyCurrentBranch", "ignore")
        self.origin.commit("begin", {"README.md": "hello\n", **(files or {})})
        for number in range(3):
            self.origin.commit(f"change {number}", {"src/app.py": f"a = {number}\n"})
        self.fork = GitRepo.clone(self.origin, root / "fork")
        self.fork.git("checkout", "-q", "-b", "feature")
        self._checkouts = 0

    @property
    def main(self) -> str:
        """Where the default branch stands."""
        return self.origin.git("rev-parse", "main")

    def advance(self, commits: int = 1) -> None:
        """Somebody else's work on `main`, so that the fork's branch stands beside it."""
        for number in range(commits):
            self.origin.commit(f"elsewhere {number}", {f"elsewhere/{number}.txt": f"{number}\n"})

    def pull_request(self, name: str = "pull_request", number: int = 7) -> Event:
        """The fork's branch `feature` asks to be taken."""
        head = self.fork.git("rev-parse", "feature")
        self.fork.git("push", "-q", "-f", self.origin.path.as_uri(), f"feature:refs/pull/{number}/head")
        merge = self._test_merge(number)
        base = {"ref": "main", "sha": self.main, "repo": self._repository(fork=False), "label": "octo:main"}
        payload = {
            "action": "synchronize",
            "number": number,
            "pull_request": {
                "number": number,
                "state": "open",
                "title": "##[error]a title::error::of their choice",
                "head": {"ref": "feature", "sha": head, "repo": self._repository(fork=True), "label": "mallory:f"},
                "base": base,
                "commits": int(self.fork.git("rev-list", "--count", "feature", "^origin/main")),
                "merge_commit_sha": merge,
            },
            "repository": self._repository(fork=False),
            "sender": {"login": "mallory"},
        }
        if name == "pull_request_target":
            return Event(name, payload, "refs/heads/main", self.main)
        return Event(name, payload, f"refs/pull/{number}/merge", merge)

    def push(self, ref: str, before: str, *, forced: bool = False, deleted: bool = False) -> Event:
        """Somebody pushed to a ref of the repository, which is there already."""
        after = ZEROS if deleted else self.origin.git("rev-parse", ref)
        payload = {
            "ref": ref, "before": before, "after": after, "created": before == ZEROS, "deleted": deleted,
            "forced": forced, "base_ref": None, "head_commit": {"id": after},
            "commits": [{"id": after, "message": "m", "added": [], "removed": [], "modified": []}],
            "repository": self._repository(fork=False), "pusher": {"name": "ada"},
        }  # fmt: skip
        return Event("push", payload, ref, self.main if deleted else after)

    def merge_group(self, before: str) -> Event:
        """The merge queue tries what `main` would become."""
        ref = "refs/heads/gh-readonly-queue/main/pr-7-" + before
        after = self.origin.git("rev-parse", ref)
        group = {"head_sha": after, "head_ref": ref, "base_sha": before, "base_ref": "refs/heads/main"}
        payload = {"action": "checks_requested", "merge_group": group, "repository": self._repository(fork=False)}
        return Event("merge_group", payload, ref, after)

    def by_hand(self, name: str) -> Event:
        """workflow_dispatch or schedule."""
        payload: dict[str, Any] = {"repository": self._repository(fork=False)}
        payload |= {"schedule": "0 3 * * *"} if name == "schedule" else {"inputs": None, "ref": "refs/heads/main"}
        return Event(name, payload, "refs/heads/main", self.main)

    def checkout(self, event: Event, depth: int = 1, url: str = "") -> GitRepo:
        """What actions/checkout does: one commit of the event, and with depth 0 all branches and tags."""
        self._checkouts += 1
        work = GitRepo.new(self.root / "runner" / str(self._checkouts) / "app")
        address = url or self.origin.path.as_uri()
        work.git("remote", "add", "origin", self.origin.path.as_uri())
        branch = event.ref.removeprefix("refs/heads/")
        local = f"refs/remotes/origin/{branch}" if branch != event.ref else f"refs/remotes/{event.ref[5:]}"
        local = event.ref if event.ref.startswith("refs/tags/") else local
        shallow = [f"--depth={depth}"] if depth else []
        if not depth:
            work.git("fetch", "-q", "origin", "+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")
        work.git("fetch", "-q", "--no-tags", *shallow, "origin", f"+{event.sha}:{local}")
        work.git("checkout", "-q", "--force", *(["-B", branch] if branch != event.ref else []), local)
        work.git("remote", "set-url", "origin", address)
        return work

    def forget(self) -> None:
        """The server throws away what no ref names any more."""
        self.origin.git("reflog", "expire", "--expire=now", "--all")
        self.origin.git("gc", "-q", "--prune=now")

    def close(self) -> None:
        """The server is gone."""
        shutil.rmtree(self.origin.path)

    def _test_merge(self, number: int) -> str:
        """The merge of a pull request that GitHub makes to try it."""
        place = self.root / "merging"
        shutil.rmtree(place, ignore_errors=True)
        merging = GitRepo.clone(self.origin, place)
        merging.git("fetch", "-q", "origin", f"refs/pull/{number}/head")
        merging.git("merge", "-q", "--no-ff", "--no-edit", "-X", "theirs", "FETCH_HEAD")
        merging.git("push", "-q", "-f", "origin", f"HEAD:refs/pull/{number}/merge")
        return merging.head()

    def _repository(self, *, fork: bool) -> dict[str, Any]:
        owner = "mallory" if fork else "octo"
        return {"full_name": f"{owner}/app", "default_branch": "main", "fork": fork, "private": False, "name": "app"}


__all__ = ["ZEROS", "Event", "Files", "Hub"]
