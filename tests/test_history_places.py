"""A key is found wherever a history can hide it: the matcher over real repositories, keys made in this run."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from gitrepo import GitRepo

from scanner.fakes import Fake
from scanner.matcher import Matcher
from scanner.models import Chunk, Finding, Kind, ScanResult
from scanner.pipeline import scan
from scanner.sources.git_history import GitHistory

RULE = "github-personal-access-token"
NewKey = Callable[..., Fake]


class Place(NamedTuple):
    """Where a key was put: a name for people, and the key."""

    name: str
    key: str


class Builder:
    """A repository that holds a key in every place there is."""

    def __init__(self, path: Path, new_key: NewKey) -> None:
        self.repo = GitRepo.new(path)
        self.repo.commit("first", {"README": "hello\n", "old name": "".join(f"{n} line\n" for n in range(300))})
        self.places: list[Place] = []
        self._new_key = new_key
        self.marker = path.parent / "marker"

    def key(self, name: str) -> str:
        key = self._new_key(RULE).key.decode()
        self.places.append(Place(name, key))
        return key

    def build(self) -> None:
        self.files()
        self.hostile()
        self.renames()
        self.branches()
        self.messages()
        self.names()
        self.unpointed()

    def files(self) -> None:
        repo = self.repo
        repo.commit("plain", {"plain": f"TOKEN={self.key('plain')}\n"})
        repo.commit("gone", {"gone": f"TOKEN={self.key('removed later')}\n"})
        repo.commit("removed", {"gone": None})
        repo.commit("bytes", {"nul": b"\0\1" + self.key("NUL bytes").encode() + b"\0\2"})
        repo.commit("wide", {"utf16": f"TOKEN={self.key('UTF-16')}\r\n".encode("utf-16")})
        wrapped = base64.b64encode(f"token={self.key('base64')}\n".encode()).decode()
        repo.commit("wrapped", {"wrapped": f"data: {wrapped}\n"})
        long_line = "x = 1; " * 43_000 + self.key("600 kB line") + "; y = 2" * 43_000
        repo.commit("long", {"long.js": long_line})

    def hostile(self) -> None:
        repo = self.repo
        repo.commit("attributes", {".gitattributes": "* -diff\n*.bin binary\n*.conv diff=conv\n"})
        repo.commit("a", {"a.bin": self.key("binary attribute"), "a.txt": self.key("-diff attribute")})
        repo.commit("b", {"a.conv": self.key("textconv")})
        program = self.marker.parent / "program"
        program.write_text(f"#!/bin/sh\ntouch '{self.marker}'\n")
        program.chmod(0o755)
        for name, value in (
            ("color.ui", "always"), ("diff.conv.textconv", str(program)), ("diff.external", str(program)),
            ("core.fsmonitor", str(program)), ("gpg.program", str(program)), ("log.showSignature", "true"),
        ):  # fmt: skip
            repo.git("config", name, value)
        repo.commit("c", {"replaced": self.key("replaced")})
        repo.git("replace", repo.git("rev-parse", "HEAD:replaced"), repo.blob("nothing"))

    def renames(self) -> None:
        repo = self.repo
        (repo.path / "link").symlink_to("README")
        repo.commit("link")
        (repo.path / "link").unlink()
        repo.commit("no link", {"link": self.key("symlink turned file")})
        text = (repo.path / "old name").read_text()
        repo.commit("moved", {"old name": None, "new name": text + self.key("rename plus edit")})

    def branches(self) -> None:
        repo = self.repo
        repo.git("checkout", "-q", "-b", "other")
        repo.commit("other", {"other": self.key("other branch")})
        repo.git("checkout", "-q", "main")
        repo.commit("here", {"here": "x"})
        repo.merge("other", files={"evil": self.key("evil merge")})
        repo.git("branch", "-m", "other", f"b/{self.key('branch name')}")
        repo.write("README", f"stashed {self.key('stash')}")
        repo.git("stash")
        repo.commit("lost", {"lost": self.key("reflog only")})
        repo.git("reset", "-q", "--hard", "HEAD~1")
        linked = repo.path.parent / "linked"
        repo.git("worktree", "add", "-q", "--detach", str(linked))
        GitRepo(linked).commit("detached", {"detached": self.key("linked worktree")})

    def messages(self) -> None:
        repo = self.repo
        repo.commit(f"message\n\nuse {self.key('commit message')}\n")
        repo.git("tag", "-a", "-m", f"tag\n\nuse {self.key('tag message')}", "v1")
        repo.git("notes", "add", "-m", f"use {self.key('note')}")
        repo.git("tag", "-a", "-m", "a blob", "blob", repo.blob(self.key("tag of a blob")))

    def names(self) -> None:
        repo = self.repo
        repo.commit("name", {f"{self.key('file name')}.txt": "n"})
        repo.commit("folder", {f"d/{self.key('folder name')}/x": "n"})
        (repo.path / "here").rename(repo.path / self.key("second name"))
        repo.commit("pure rename")
        repo.commit("back", {})

    def unpointed(self) -> None:
        self.repo.blob(f"dangling {self.key('dangling blob')}")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, new_key: NewKey) -> Builder:
    builder = Builder(tmp_path_factory.mktemp("places") / "repo", new_key)
    builder.build()
    return builder


@pytest.fixture(scope="module")
def result(built: Builder, matcher: Matcher) -> ScanResult:
    return scan(GitHistory(built.repo.path, unreachable=True), matcher)


def names(places: list[Place], findings: tuple[Finding, ...]) -> set[str]:
    keys = {place.key.encode(): place.name for place in places}
    wanted = {key[-10:]: name for key, name in keys.items()}
    found = set()
    for finding in findings:
        found |= {name for end, name in wanted.items() if finding.secret.reveal().endswith(end)}
    return found


def test_every_place_is_found(built: Builder, result: ScanResult) -> None:
    missed = {place.name for place in built.places} - names(built.places, result.findings)
    assert not missed
    assert len(built.places) > 25


def test_nothing_else_is_found_and_nothing_is_skipped(built: Builder, result: ScanResult) -> None:
    secrets = {finding.secret.reveal() for finding in result.findings}
    assert len(secrets) == len(built.places)
    assert not result.skipped


def test_nothing_that_is_configured_is_run(built: Builder, matcher: Matcher) -> None:
    built.marker.unlink(missing_ok=True)  # building the repository ran some of it
    assert scan(GitHistory(built.repo.path, unreachable=True), matcher).findings
    assert not built.marker.exists()


def test_every_reachable_finding_has_a_commit(result: ScanResult) -> None:
    for finding in result.findings:
        assert finding.history is not None
        by_commit = finding.origin.kind is not Kind.REF_NAME and not finding.origin.path.startswith("refs/tags/")
        if finding.history.reachable and by_commit:
            assert finding.history.introduced is not None, finding.origin.path


def test_only_the_dangling_blob_needs_the_option(built: Builder, matcher: Matcher) -> None:
    found = names(built.places, scan(GitHistory(built.repo.path), matcher).findings)
    assert {place.name for place in built.places} - found == {"dangling blob"}


def test_a_bare_clone_shows_all_that_refs_reach(built: Builder, matcher: Matcher, tmp_path: Path) -> None:
    bare = GitRepo.clone(built.repo, tmp_path / "bare.git", "--mirror")
    found = names(built.places, scan(GitHistory(bare.path), matcher).findings)
    kept_here = {"dangling blob", "reflog only", "linked worktree"}
    assert {place.name for place in built.places} - found == kept_here


def test_a_linked_worktree_shows_all(built: Builder, matcher: Matcher) -> None:
    linked = GitHistory(built.repo.path.parent / "linked", unreachable=True)
    assert names(built.places, scan(linked, matcher).findings) == {place.name for place in built.places}


def test_the_number_of_workers_changes_nothing(built: Builder, matcher: Matcher, result: ScanResult) -> None:
    source = GitHistory(built.repo.path, unreachable=True)
    findings = [
        finding for part in source.partitions(9) for chunk in part.chunks() if isinstance(chunk, Chunk)
        for finding in matcher.find(chunk)
    ]  # fmt: skip
    located = source.locate(findings[::-1])
    assert [one.secret for one in located] == [one.secret for one in source.locate(findings)]
    assert {(one.secret, one.location.start) for one in located} == {
        (one.secret, one.location.start) for one in result.findings
    }
