"""A real bare repository with hooks of keysweep's: what it takes, what it refuses, what it says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from scanner.fakes import Fake
from scanner.rule import RuleSet
from tests.gitrepo import GitRepo
from tests.hook_runs import RULE, Answer, git, keysweep, run, stage

NewKey = Callable[..., Fake]


@pytest.fixture
def key(new_key: NewKey) -> str:
    return new_key(RULE).key.decode()


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A server's repository without hooks."""
    return GitRepo.new(tmp_path / "srv" / "project.git", "--bare").path


@pytest.fixture
def server(bare: Path) -> Path:
    """A server's repository that pre-receive guards."""
    assert keysweep(bare, "hook", "install").ok
    return bare


@pytest.fixture
def work(server: Path, tmp_path: Path) -> Path:
    """A clone without hooks of its own, with a first commit that is pushed."""
    made = GitRepo.new(tmp_path / "work")
    made.git("remote", "add", "origin", server.as_uri())
    made.commit("first", {"readme.txt": "hello\n"})
    assert push(made.path, "main").ok
    return made.path


def push(place: Path, *words: str, secret: str = "") -> Answer:
    return git(place, "push", "origin", *words, secret=secret)


def commit(place: Path, name: str, text: str, *words: str) -> str:
    stage(place, name, text)
    assert git(place, "commit", "-q", "-m", "change", *words).ok
    return head(place)


def leak(key: str) -> str:
    return f"# one\nTOKEN = '{key}'\n"


def head(place: Path) -> str:
    return git(place, "rev-parse", "HEAD").text.strip()


def refs(server: Path) -> dict[str, str]:
    lines = git(server, "for-each-ref", "--format=%(refname) %(objectname)").text.splitlines()
    return dict(line.split(" ") for line in lines)


def holds(server: Path, name: str) -> bool:
    return git(server, "cat-file", "-e", name).ok


def test_a_push_with_a_key_is_refused_and_the_cleaned_one_taken(
    server: Path, work: Path, key: str, rules: RuleSet
) -> None:
    before = refs(server)
    leaked = commit(work, "conf/app.py", leak(key))
    refused = push(work, "main", secret=key)
    assert not refused.ok
    said = [line.removeprefix("remote: ").rstrip() for line in refused.text.splitlines()]
    assert "keysweep: the push was refused, it brings 1 key in 1 place:" in said
    assert f"  conf/app.py:2: {rules.get(RULE).name}: ghp_******** (commit {leaked[:12]})" in said
    assert any("git commit --amend" in line for line in said)
    assert any("keysweep:allow" in line for line in said)
    assert refs(server) == before
    assert not holds(server, leaked)
    stage(work, "conf/app.py", "import os\nTOKEN = os.environ['TOKEN']\n")
    assert git(work, "commit", "-q", "--amend", "--no-edit").ok
    taken = push(work, "main")
    assert taken.ok, taken.text
    assert refs(server) == {"refs/heads/main": head(work)}


def test_a_key_that_a_later_commit_removes(server: Path, work: Path, key: str) -> None:
    leaked = commit(work, "app.py", leak(key))
    commit(work, "app.py", "a = 1\n")
    refused = push(work, "main", secret=key)
    assert not refused.ok
    assert f"(commit {leaked[:12]}, removed later)" in refused.text
    assert not push(work, "main:refs/heads/new", secret=key).ok


def test_what_the_server_has_is_not_new(bare: Path, tmp_path: Path, key: str) -> None:
    made = GitRepo.new(tmp_path / "work")
    made.git("remote", "add", "origin", bare.as_uri())
    made.commit("first", {"app.py": leak(key)})
    assert push(made.path, "main").ok
    assert keysweep(bare, "hook", "install").ok
    commit(made.path, "app.py", f"# edited\n{leak(key)}")
    assert push(made.path, "main", secret=key).ok
    assert git(made.path, "mv", "app.py", "moved.py").ok
    commit(made.path, "moved.py", f"# edited again\n{leak(key)}")
    assert push(made.path, "main", secret=key).ok
    assert push(made.path, "main:refs/heads/copy", secret=key).ok


class TestRefs:
    def test_a_new_branch(self, server: Path, work: Path, key: str) -> None:
        assert git(work, "checkout", "-q", "-b", "new").ok
        commit(work, "app.py", "a = 1\n")
        assert push(work, "new").ok
        commit(work, "app.py", leak(key))
        assert not push(work, "new:another", secret=key).ok
        assert sorted(refs(server)) == ["refs/heads/main", "refs/heads/new"]

    def test_the_first_push_of_all(self, tmp_path: Path, key: str) -> None:
        place = GitRepo.new(tmp_path / "empty.git", "--bare").path
        assert keysweep(place, "hook", "install").ok
        made = GitRepo.new(tmp_path / "fresh")
        made.git("remote", "add", "origin", place.as_uri())
        made.commit("first", {"app.py": leak(key)})
        assert not push(made.path, "main", secret=key).ok
        assert refs(place) == {}

    def test_deleting(self, server: Path, work: Path) -> None:
        assert push(work, "main:old").ok
        assert push(work, ":old").ok
        assert sorted(refs(server)) == ["refs/heads/main"]

    def test_deleting_and_leaking_at_once(self, server: Path, work: Path, key: str) -> None:
        assert push(work, "main:old").ok
        commit(work, "app.py", leak(key))
        assert not push(work, ":old", "main", secret=key).ok
        assert sorted(refs(server)) == ["refs/heads/main", "refs/heads/old"]

    def test_by_force(self, server: Path, work: Path, key: str) -> None:
        commit(work, "app.py", "a = 1\n")
        assert push(work, "main").ok
        assert git(work, "reset", "-q", "--hard", "HEAD~1").ok
        commit(work, "app.py", leak(key))
        assert not push(work, "--force", "main", secret=key).ok
        assert git(work, "reset", "-q", "--hard", "HEAD~1").ok
        commit(work, "app.py", "a = 2\n")
        assert push(work, "--force", "main").ok
        assert refs(server) == {"refs/heads/main": head(work)}

    def test_many_with_one_key(self, server: Path, work: Path, key: str) -> None:
        for number in range(50):
            assert git(work, "branch", f"branch-{number}").ok
        assert git(work, "checkout", "-q", "branch-33").ok
        commit(work, "app.py", leak(key))
        assert not push(work, "--all", secret=key).ok
        assert sorted(refs(server)) == ["refs/heads/main"]
        assert git(work, "checkout", "-q", "main").ok
        assert git(work, "branch", "-D", "branch-33").ok
        assert push(work, "--all", secret=key).ok
        assert len(refs(server)) == 50

    def test_a_message_of_a_tag(self, server: Path, work: Path, key: str) -> None:
        assert git(work, "tag", "-a", "-m", f"use {key}", "v1").ok
        refused = push(work, "v1", secret=key)
        assert not refused.ok
        assert "in a tag message" in refused.text

    def test_a_message_of_a_commit(self, server: Path, work: Path, key: str) -> None:
        assert git(work, "commit", "-q", "--allow-empty", "-m", f"use {key}").ok
        refused = push(work, "main", secret=key)
        assert not refused.ok
        assert "in a commit message" in refused.text

    def test_a_name_of_a_branch(self, server: Path, work: Path, key: str) -> None:
        assert not push(work, f"main:refs/heads/{key}").ok
        assert sorted(refs(server)) == ["refs/heads/main"]

    def test_a_name_of_a_branch_with_blanks_that_git_allows(self, server: Path, work: Path, key: str) -> None:
        assert push(work, "main:refs/heads/no\u00a0break").ok
        commit(work, "app.py", leak(key))
        assert "app.py:2" in push(work, "main:refs/heads/no\u00a0break", secret=key).text

    def test_a_tag_of_a_blob(self, server: Path, work: Path, key: str) -> None:
        (work.parent / "blob").write_text(leak(key))
        blob = git(work, "hash-object", "-w", str(work.parent / "blob")).text.strip()
        assert git(work, "tag", "thing", blob).ok
        assert not push(work, "thing", secret=key).ok


class TestContent:
    def test_an_evil_merge(self, server: Path, work: Path, key: str) -> None:
        assert git(work, "checkout", "-q", "-b", "side").ok
        commit(work, "side.py", "a = 1\n")
        assert git(work, "checkout", "-q", "main").ok
        commit(work, "main.py", "a = 1\n")
        assert git(work, "merge", "-q", "--no-ff", "--no-commit", "side").ok
        stage(work, "evil.py", leak(key))
        assert git(work, "commit", "-q", "-m", "merge").ok
        assert "evil.py:2" in push(work, "main", secret=key).text

    def test_attributes_and_configuration_of_the_pushed_tree_do_not_count(
        self, server: Path, work: Path, key: str
    ) -> None:
        stage(work, ".gitattributes", "* -diff binary\n")
        stage(work, ".keysweep.toml", 'fail_on = "never"\nexclude = ["**"]\n')
        commit(work, "app.py", leak(key))
        assert not push(work, "main", secret=key).ok

    def test_what_a_link_leads_to_is_not_read(self, server: Path, work: Path, tmp_path: Path, key: str) -> None:
        (tmp_path / "outside").write_text(leak(key))
        (work / "link").symlink_to(tmp_path / "outside")
        assert git(work, "add", "-A").ok
        assert git(work, "commit", "-q", "-m", "link").ok
        assert push(work, "main", secret=key).ok

    def test_names_that_try_to_speak_for_the_server(self, server: Path, work: Path, key: str) -> None:
        commit(work, "a\x1b[2J\nremote: all is well.py", leak(key))
        refused = push(work, "main", secret=key)
        assert not refused.ok
        assert "\x1b[2J" not in refused.text
        assert "\nremote: all is well" not in refused.text

    def test_ten_thousand_files(self, server: Path, work: Path, key: str) -> None:
        for number in range(10_000):
            place = work / f"folder-{number % 100}"
            place.mkdir(exist_ok=True)
            (place / f"{number}.py").write_text(leak(key) if number == 7_777 else f"number = {number}\n")
        assert git(work, "add", "-A").ok
        assert git(work, "commit", "-q", "-m", "many").ok
        assert "folder-77/7777.py:2" in push(work, "main", secret=key).text

    def test_a_pack_that_ends_too_early_is_not_taken(self, server: Path, work: Path) -> None:
        old = head(work)
        new = commit(work, "app.py", "a = 1\n")
        assert git(work, "repack", "-a", "-d", "-q").ok
        pack = next((work / ".git/objects/pack").glob("*.pack")).read_bytes()
        line = f"{old} {new} refs/heads/main\0report-status".encode()
        wire = b"%04x%s0000%s" % (len(line) + 4, line, pack[: len(pack) - 30])
        (work.parent / "wire").write_bytes(wire)
        run(work.parent, "sh", "-c", f"git receive-pack {server} < wire")
        assert refs(server) == {"refs/heads/main": old}
        (work.parent / "wire").write_bytes(wire + pack[-30:])
        run(work.parent, "sh", "-c", f"git receive-pack {server} < wire")
        assert refs(server) == {"refs/heads/main": new}


class TestAnswer:
    def test_is_short(self, server: Path, work: Path, new_key: NewKey) -> None:
        for number in range(14):
            stage(work, f"app-{number:02}.py", leak(new_key(RULE).key.decode()))
        assert git(work, "commit", "-q", "-m", "many").ok
        refused = push(work, "main")
        assert "it brings 14 keys in 14 places:" in refused.text
        assert refused.text.count("ghp_********") == 10
        assert "and 4 more places" in refused.text

    def test_a_comment_allows_and_is_said_aloud(self, server: Path, work: Path, key: str, rules: RuleSet) -> None:
        commit(work, "app.py", f"TOKEN = '{key}'  # keysweep:allow {RULE} revoked in May\n")
        taken = push(work, "main", secret=key)
        assert taken.ok
        assert f"allowed by a comment: app.py:1: {rules.get(RULE).name}: revoked in May" in taken.text

    def test_the_server_may_not_want_comments(self, server: Path, work: Path, key: str) -> None:
        (server / ".keysweep.toml").write_text("allow_inline = false\n")
        commit(work, "app.py", f"TOKEN = '{key}'  # keysweep:allow {RULE} revoked in May\n")
        assert not push(work, "main", secret=key).ok

    def test_a_configuration_above_all_repositories_counts(self, server: Path, work: Path, key: str) -> None:
        (server.parent / ".keysweep.toml").write_text('fail_on = ["never"]\n')
        commit(work, "app.py", leak(key))
        taken = push(work, "main", secret=key)
        assert taken.ok
        assert "the push brings 1 key in 1 place:" in taken.text

    def test_a_bad_configuration_refuses(self, server: Path, work: Path) -> None:
        (server / ".keysweep.toml").write_text("fail_onn = 1\n")
        commit(work, "app.py", "a = 1\n")
        refused = push(work, "main")
        assert not refused.ok
        assert "fail_onn" in refused.text


class TestUpdate:
    @pytest.fixture
    def server(self, bare: Path) -> Path:
        assert keysweep(bare, "hook", "install", "--type", "update").ok
        return bare

    def test_only_the_ref_with_the_key_is_refused(self, server: Path, work: Path, key: str) -> None:
        commit(work, "app.py", "a = 1\n")
        assert git(work, "branch", "good").ok
        commit(work, "app.py", leak(key))
        answer = push(work, "good", "main", secret=key)
        assert not answer.ok
        assert "app.py:2" in answer.text
        assert sorted(refs(server)) == ["refs/heads/good", "refs/heads/main"]
        assert refs(server)["refs/heads/main"] != head(work)
        assert push(work, ":good").ok

    def test_with_other_arguments(self, server: Path) -> None:
        assert keysweep(server, "hook", "run", "update", "refs/heads/main").code == 2


def test_a_hook_of_the_servers_own_is_told_the_same_lines(bare: Path, tmp_path: Path, key: str) -> None:
    own = bare / "hooks" / "pre-receive"
    own.write_text('#!/bin/sh\ncat > told\ngit cat-file -e "$(cut -d" " -f2 told)"\n')
    own.chmod(0o755)
    assert keysweep(bare, "hook", "install", "--chain").ok
    made = GitRepo.new(tmp_path / "work")
    made.git("remote", "add", "origin", bare.as_uri())
    first = made.commit("first", {"a.txt": "a\n"})
    assert push(made.path, "main").ok
    assert (bare / "told").read_text() == f"{'0' * 40} {first} refs/heads/main\n"
    commit(made.path, "app.py", leak(key))
    assert not push(made.path, "main", secret=key).ok


def test_a_repository_that_borrows_objects(server: Path, work: Path, tmp_path: Path, key: str) -> None:
    """A fork on a server has its objects from another repository; quarantine adds a third place."""
    fork = tmp_path / "srv" / "with: a colon" / "fork.git"
    fork.parent.mkdir()
    assert git(tmp_path, "clone", "-q", "--bare", "--shared", str(server), str(fork)).ok
    assert keysweep(fork, "hook", "install").ok
    assert git(work, "remote", "set-url", "origin", fork.as_uri()).ok
    commit(work, "app.py", "a = 1\n")
    taken = push(work, "main")
    assert taken.ok, taken.text
    commit(work, "app.py", leak(key))
    assert "app.py:2" in push(work, "main", secret=key).text
