"""git runs guarded: nothing that a repository, a user or the environment configures is run or believed."""

from __future__ import annotations

import os
import pickle
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from gitrepo import GitRepo

from scanner.errors import SourceError
from scanner.sources import git as git_module
from scanner.sources.git import (
    INDEX_VARIABLES,
    Git,
    GitError,
    Repository,
    guarded_environment,
    open_repository,
    sanitize,
)
from scanner.sources.git_batch import Object, read_objects


def small(path: Path) -> GitRepo:
    repo = GitRepo.new(path)
    repo.commit("one", {"a.txt": "a\n", "d/b.txt": "b\n"})
    return repo


def test_opens_a_work_tree_from_a_folder_inside(tmp_path: Path) -> None:
    repo = small(tmp_path / "repo")
    opened = open_repository(tmp_path / "repo" / "d")
    assert Path(opened.work_tree or "").samefile(repo.path)
    assert Path(opened.git_dir).samefile(repo.path / ".git")
    assert (opened.bare, opened.shallow, opened.partial_filter, opened.notes) == (False, False, "", ())
    assert opened.run("rev-parse", "HEAD").decode().strip() == repo.head()


def test_opens_a_bare_repository(tmp_path: Path) -> None:
    repo = small(tmp_path / "repo")
    bare = GitRepo.clone(repo, tmp_path / "bare.git", "--bare")
    opened = open_repository(bare.path)
    assert opened.bare
    assert opened.work_tree is None
    assert opened.run("rev-parse", "HEAD").decode().strip() == repo.head()


def test_opens_a_linked_worktree(tmp_path: Path) -> None:
    repo = small(tmp_path / "repo")
    repo.git("worktree", "add", "-q", "--detach", str(tmp_path / "linked"))
    opened = open_repository(tmp_path / "linked")
    assert Path(opened.common_dir).samefile(repo.path / ".git")
    assert not Path(opened.git_dir).samefile(repo.path / ".git")
    assert opened.run("rev-parse", "HEAD").decode().strip() == repo.head()


def test_opens_from_inside_the_git_folder(tmp_path: Path) -> None:
    repo = small(tmp_path / "repo")
    opened = open_repository(repo.path / ".git")
    assert opened.work_tree is None
    assert opened.run("rev-parse", "HEAD").decode().strip() == repo.head()


def test_opens_a_path_with_a_line_break(tmp_path: Path) -> None:
    repo = small(tmp_path / ("two\nlines" if os.name == "posix" else "two lines"))
    assert open_repository(repo.path).run("rev-parse", "HEAD").decode().strip() == repo.head()


def test_a_repository_pickles(tmp_path: Path) -> None:
    repo = small(tmp_path / "repo")
    again: Repository = pickle.loads(pickle.dumps(open_repository(repo.path)))  # noqa: S301 - our own
    assert again.run("rev-parse", "HEAD").decode().strip() == repo.head()


def test_says_what_to_do_when_there_is_no_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    (tmp_path / "plain").mkdir()
    with pytest.raises(SourceError, match=r"is not in a git repository.*keysweep files"):
        open_repository(tmp_path / "plain")
    with pytest.raises(SourceError, match="no such folder"):
        open_repository(tmp_path / "nothing")


def test_says_what_to_do_without_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = small(tmp_path / "repo")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceError, match=r"git was not found on PATH; install git 2\.32 or newer"):
        open_repository(repo.path)


def test_a_git_in_the_current_folder_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marker = script(tmp_path / "here" / "git", tmp_path / "marker")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("PATH", ".")
    with pytest.raises(SourceError, match="git was not found"):
        open_repository(tmp_path)
    assert not marker.exists()


def test_an_old_git_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = small(tmp_path / "repo")
    monkeypatch.setattr(git_module, "MINIMUM", (99, 0))
    with pytest.raises(SourceError, match=r"is too old; install git 99\.0 or newer"):
        open_repository(repo.path)


def test_a_repository_of_another_user_is_read_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = small(tmp_path / "repo")
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    opened = open_repository(repo.path / "d")
    assert opened.run("rev-parse", "HEAD").decode().strip() == repo.head()
    assert len(opened.notes) == 1
    assert "belongs to another user" in opened.notes[0]


def test_redirecting_variables_are_dropped() -> None:
    inherited = {
        "PATH": "/bin",
        "GIT_DIR": "x",
        "GIT_WORK_TREE": "x",
        "GIT_INDEX_FILE": "x",
        "GIT_OBJECT_DIRECTORY": "x",
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": "x",
        "GIT_EXTERNAL_DIFF": "x",
        "GIT_TRACE": "1",
        "GIT_TRACE2_EVENT": "x",
        "GIT_CONFIG_PARAMETERS": "'a.b=c'",
        "GIT_NAMESPACE": "x",
        "GIT_REPLACE_REF_BASE": "x",
    }
    environment = guarded_environment(inherited, {})
    assert [name for name in inherited if name in environment] == ["PATH"]
    assert environment["GIT_NO_REPLACE_OBJECTS"] == "1"
    assert environment["GIT_CONFIG_GLOBAL"] == os.devnull


def test_variables_that_redirect_do_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo, other = small(tmp_path / "repo"), small(tmp_path / "other")
    other.commit("two", {"c": "c"})
    monkeypatch.setenv("GIT_DIR", str(other.path / ".git"))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(other.path / ".git" / "objects"))
    assert open_repository(repo.path).run("rev-parse", "HEAD").decode().strip() == repo.head()


def test_a_hook_can_keep_its_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = small(tmp_path / "repo")
    repo.write("new.txt", "new")
    repo.git("add", "new.txt", env={"GIT_INDEX_FILE": str(repo.path / "other-index")})
    monkeypatch.chdir(repo.path)
    monkeypatch.setenv("GIT_INDEX_FILE", "other-index")  # relative, as git gives it to hooks
    kept = open_repository(repo.path / "d", inherit=INDEX_VARIABLES)
    assert b"new.txt" in kept.run("ls-files")
    assert b"new.txt" not in open_repository(repo.path).run("ls-files")


def script(place: Path, marker: Path) -> Path:
    """A program that leaves a marker when it is run."""
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(f"#!/bin/sh\ntouch '{marker}'\nexit 1\n")
    place.chmod(0o755)
    return marker


def test_nothing_that_the_repository_configures_is_run(tmp_path: Path) -> None:
    repo = small(tmp_path / "repo")
    marker = script(tmp_path / "evil", tmp_path / "marker")
    evil = str(tmp_path / "evil")
    for key in (
        "core.fsmonitor", "core.pager", "core.sshCommand", "core.editor", "diff.external", "gpg.program",
        "credential.helper", "uploadpack.packObjectsHook", "core.alternateRefsCommand", "alias.rev-parse",
        "diff.x.textconv", "filter.x.clean", "filter.x.smudge", "filter.x.process",
    ):  # fmt: skip
        repo.git("config", key, f"!{evil}" if key.startswith("alias") else evil)
    repo.git("config", "core.hooksPath", str(tmp_path))
    opened = open_repository(repo.path)
    for command in (["status", "--porcelain"], ["log", "--oneline"], ["rev-list", "--all"], ["ls-files", "-s"]):
        opened.run(*command)
    assert not marker.exists()


def test_the_user_configuration_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = small(tmp_path / "repo")
    (tmp_path / ".gitconfig").write_text("[color]\n\tui = always\n[alias]\n\tx = log\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert b"color.ui" not in open_repository(repo.path).run("config", "--list")


@pytest.mark.parametrize(
    "config", [b"[core\n", b"\xff\xfe\x00", b"[core]\n\trepositoryformatversion = 99\n"], ids=["cut", "binary", "new"]
)
def test_a_broken_configuration_is_one_sentence(tmp_path: Path, config: bytes) -> None:
    repo = small(tmp_path / "repo")
    (repo.path / ".git" / "config").write_bytes(config)
    with pytest.raises(SourceError, match="cannot be opened as a git repository: ") as caught:
        open_repository(repo.path)
    assert "\n" not in str(caught.value)


def test_errors_are_one_line_without_control_characters(tmp_path: Path) -> None:
    opened = open_repository(small(tmp_path / "repo").path)
    with pytest.raises(GitError) as caught:
        opened.run("rev-parse", "--verify", "no\x1b[31m\nsuch")
    assert "git rev-parse failed" in str(caught.value)
    assert not any(ord(c) < 32 for c in str(caught.value))
    assert sanitize(b"fatal: a\x1b[2Jb\r\nhint: c\n\n") == "a�[2Jb; hint: c"


def blobs(repo: GitRepo, count: int) -> dict[str, bytes]:
    draw = random.Random(7)
    contents = [draw.randbytes(draw.randrange(0, 9000)) for _ in range(count)]
    names = repo.git("hash-object", "-w", "--stdin-paths", stdin=b"".join(written(repo, contents)))
    return dict(zip(names.split(), contents, strict=True))


def written(repo: GitRepo, contents: list[bytes]) -> list[bytes]:
    lines = []
    for number, content in enumerate(contents):
        (repo.path / f"{number}").write_bytes(content)
        lines.append(f"{number}\n".encode())
    return lines


def read(repo: GitRepo, ids: list[str], **options: int) -> list[Object]:
    return list(read_objects(open_repository(repo.path).git, ids, **options))


def test_reads_many_objects_in_order(tmp_path: Path) -> None:
    repo = GitRepo.new(tmp_path / "repo")
    contents = blobs(repo, 600)
    ids = [*contents, *reversed(contents)]
    items = read(repo, ids)
    assert [item.id for item in items] == ids
    assert all(item.data == contents[item.id] and item.kind == "blob" and not item.problem for item in items)


def test_more_objects_than_a_pipe_holds_do_not_deadlock(tmp_path: Path) -> None:
    repo = GitRepo.new(tmp_path / "repo")
    name = repo.blob(b"x" * 100)
    assert sum(item.size for item in read(repo, [name] * 60_000)) == 6_000_000


def test_a_reader_can_be_left_early(tmp_path: Path) -> None:
    repo = GitRepo.new(tmp_path / "repo")
    name = repo.blob(b"x" * 100_000)
    objects = read_objects(open_repository(repo.path).git, [name] * 5_000)
    assert next(objects).size == 100_000
    objects.close()


def test_missing_objects_are_told(tmp_path: Path) -> None:
    repo = GitRepo.new(tmp_path / "repo")
    here = repo.blob(b"here")
    gone = "1234567890" * 4
    items = read(repo, [here, gone, here])
    assert [item.problem for item in items] == ["", "missing", ""]
    assert items[2].data == b"here"


def test_large_objects_come_in_pieces(tmp_path: Path) -> None:
    repo = GitRepo.new(tmp_path / "repo")
    content = random.Random(1).randbytes(300_000)
    large, small_one = repo.blob(content), repo.blob(b"small")
    objects = read_objects(open_repository(repo.path).git, [large, small_one, large, small_one], limit=1000)
    first = next(objects)
    assert first.large is not None
    assert (first.size, first.data) == (300_000, b"")
    assert b"".join(iter(lambda: first.large.read(70_000), b"")) == content  # type: ignore[union-attr]
    assert next(objects).data == b"small"
    assert next(objects).large is not None  # left unread: it is passed over
    assert next(objects).data == b"small"
    assert next(objects, None) is None


Damage = Callable[[Path], None]


def cut(place: Path) -> None:
    data = place.read_bytes()
    place.chmod(0o644)
    place.write_bytes(data[: len(data) // 2])


def empty(place: Path) -> None:
    place.chmod(0o644)
    place.write_bytes(b"")


@pytest.mark.parametrize("damage", [cut, empty])
@pytest.mark.parametrize("limit", [100, 1_000_000])
def test_a_damaged_object_costs_only_itself(tmp_path: Path, damage: Damage, limit: int) -> None:
    repo = GitRepo.new(tmp_path / "repo")
    content = random.Random(2).randbytes(50_000)
    before, bad, after = repo.blob(b"before"), repo.blob(content), repo.blob(b"after")
    damage(repo.object_file(bad))
    problems: dict[str, set[str]] = {}
    for item in read_objects(open_repository(repo.path).git, [before, bad, after, bad, after], limit=limit):
        if item.large is not None:
            while item.large.read(1000):
                continue
        problems.setdefault(item.id, set()).add(item.problem or (item.large.problem if item.large else ""))
    assert problems[before] == problems[after] == {""}
    assert all(problems[bad])


def test_restarts_are_bounded(tmp_path: Path) -> None:
    repo = GitRepo.new(tmp_path / "repo")
    names = [repo.blob(random.Random(number).randbytes(3000)) for number in range(60)]
    for name in names:
        cut(repo.object_file(name))
    good = repo.blob(b"good")
    items = read(repo, [*names, good])
    assert len(items) == 61
    assert all(item.problem for item in items[:60])
    assert "git failed" in items[60].problem


def test_git_that_cannot_start_is_a_sentence(tmp_path: Path) -> None:
    program = shutil.which("git") or ""
    with pytest.raises(SourceError, match="git cannot be started"):
        Git(program, str(tmp_path / "nowhere")).run("version")
