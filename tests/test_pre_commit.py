"""The hooks of `.pre-commit-hooks.yaml`, installed and run by the real pre-commit from a clone of this project."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from scanner.fakes import Fake
from tests.gitrepo import GitRepo
from tests.hook_runs import BIN, RULE, Answer, git, run, stage

ROOT = Path(__file__).parent.parent
MANIFEST = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
NewKey = Callable[..., Fake]


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all processes of a test run: an environment of pre-commit's takes a while to install."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def hook_repository(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> GitRepo:
    """This project as it is on disk, committed or not, as a repository to clone hooks from."""
    place = shared / "keysweep-hooks"
    if not place.exists():
        made = GitRepo.new(tmp_path_factory.mktemp("made") / "repo")
        for path in _files():
            target = made.path / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, target)
        made.commit("keysweep")
        try:
            made.path.rename(place)
        except OSError:  # another process of this test run was faster
            assert (place / ".git").is_dir()
    return GitRepo(place)


def _files() -> Iterator[str]:
    """What the package is built of."""
    yield from (".pre-commit-hooks.yaml", "pyproject.toml", "README.md", "LICENSE")
    for folder in ("scanner", "rules"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path.relative_to(ROOT).as_posix()


@pytest.fixture
def pre_commit(shared: Path) -> Callable[..., Answer]:
    """`pre_commit(folder, "run", "--all-files")`: the real program, with a cache that all tests share."""
    def call(place: Path, *words: str, secret: str = "", **env: str) -> Answer:
        cache = {"PRE_COMMIT_HOME": str(shared / "pre-commit"), **env}
        return run(place, str(BIN / "pre-commit"), *words, env=cache, secret=secret)

    return call


def config(source: GitRepo, **changes: object) -> str:
    hooks = [{"id": hook["id"], **changes} for hook in MANIFEST]
    return yaml.safe_dump({"repos": [{"repo": str(source.path), "rev": source.head(), "hooks": hooks}]})


@pytest.fixture
def repo(tmp_path: Path, hook_repository: GitRepo, pre_commit: Callable[..., Answer]) -> Path:
    """A repository without a commit, with all three hooks installed for all their stages."""
    made = GitRepo.new(tmp_path / "repo")
    stage(made.path, ".pre-commit-config.yaml", config(hook_repository))
    types = ("pre-commit", "pre-merge-commit", "pre-push", "commit-msg")
    installed = pre_commit(made.path, "install", *(f"--hook-type={kind}" for kind in types))
    assert installed.ok, installed.text
    return made.path


@pytest.fixture
def begun(repo: Path, shared: Path) -> Path:
    """The same, with a first commit."""
    assert commit(repo, shared).ok
    return repo


@pytest.fixture
def key(new_key: NewKey) -> str:
    return new_key(RULE).key.decode()


def commit(place: Path, shared: Path, *words: str, secret: str = "") -> Answer:
    return git(
        place, "commit", "-m", "change", *words, env={"PRE_COMMIT_HOME": str(shared / "pre-commit")}, secret=secret
    )


def heads(place: Path) -> int:
    return len(git(place, "log", "--oneline").text.splitlines())


def test_the_first_commit_of_a_repository_is_guarded(repo: Path, shared: Path, key: str) -> None:
    stage(repo, "app.py", f"TOKEN = '{key}'\n")
    stopped = commit(repo, shared, secret=key)
    assert not stopped.ok
    assert "app.py:1:" in stopped.text
    assert "git reset -- FILE" in stopped.text
    assert not git(repo, "rev-parse", "--verify", "-q", "HEAD").ok
    stage(repo, "app.py", "import os\nTOKEN = os.environ['TOKEN']\n")
    passed = commit(repo, shared)
    assert passed.ok, passed.text
    assert "Passed" in passed.text


def test_a_reason_allows_a_key(begun: Path, shared: Path, key: str) -> None:
    stage(begun, "app.py", f"TOKEN = '{key}'  # keysweep:allow {RULE} revoked long ago\n")
    assert commit(begun, shared, secret=key).ok


def test_only_what_is_staged_of_a_file_counts(begun: Path, shared: Path, key: str) -> None:
    stage(begun, "app.py", "TOKEN = ''\n")
    (begun / "app.py").write_text(f"TOKEN = '{key}'\n")
    assert commit(begun, shared, secret=key).ok
    stage(begun, "app.py", f"TOKEN = '{key}'\n")
    (begun / "app.py").write_text("TOKEN = ''\n")
    stopped = commit(begun, shared, secret=key)
    assert not stopped.ok
    assert "app.py:1:" in stopped.text
    assert (begun / "app.py").read_text() == "TOKEN = ''\n"


@pytest.mark.parametrize(
    "name",
    ["with some  spaces.py", "with\na line break.py", "grün-日本.py", "quote'\"$(touch ran).py", "--no-config", "-q",
     "--fail-on=never"],
    ids=["spaces", "line break", "not ASCII", "shell", "option", "short option", "option with a value"],
)  # fmt: skip
def test_a_file_of_any_name_is_read(begun: Path, shared: Path, key: str, name: str) -> None:
    stage(begun, name, f"TOKEN = '{key}'\n")
    stopped = commit(begun, shared, secret=key)
    assert not stopped.ok
    assert "[github-personal-access-token]" in stopped.text
    assert not (begun / "ran").exists()


def test_the_target_of_a_link_is_content(begun: Path, shared: Path, key: str) -> None:
    (begun / "link").symlink_to(f"/srv/{key}")
    assert git(begun, "add", "-A").ok
    assert not commit(begun, shared, secret=key).ok


def test_what_a_link_leads_to_is_not_read(begun: Path, shared: Path, key: str, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text(f"TOKEN = '{key}'\n")
    (begun / "link").symlink_to(tmp_path / "outside")
    assert git(begun, "add", "-A").ok
    assert commit(begun, shared, secret=key).ok


def test_attributes_hide_nothing(begun: Path, shared: Path, key: str) -> None:
    stage(begun, ".gitattributes", "* -diff binary\n")
    assert commit(begun, shared).ok
    stage(begun, "app.py", f"TOKEN = '{key}'\n")
    assert not commit(begun, shared, secret=key).ok


def test_commits_without_content_pass(begun: Path, shared: Path) -> None:
    assert commit(begun, shared, "--allow-empty").ok
    stage(begun, "tool.sh", "echo\n")
    assert commit(begun, shared).ok
    assert git(begun, "update-index", "--chmod=+x", "tool.sh").ok
    assert commit(begun, shared).ok
    assert git(begun, "rm", "-q", "-f", "tool.sh").ok
    assert commit(begun, shared).ok
    assert heads(begun) == 5


def test_a_known_key_does_not_stop_a_change_of_mode_or_a_removal(begun: Path, shared: Path, key: str) -> None:
    stage(begun, "tool.sh", f"TOKEN='{key}'\n")
    assert commit(begun, shared, "--no-verify").ok
    assert git(begun, "update-index", "--chmod=+x", "tool.sh").ok
    assert commit(begun, shared, secret=key).ok
    assert git(begun, "rm", "-q", "--cached", "tool.sh").ok
    assert commit(begun, shared, secret=key).ok
    assert heads(begun) == 4


class TestByHand:
    """`pre-commit run` on files: what is named is read, and what was committed long ago is reported, too."""

    @pytest.fixture
    def old(self, begun: Path, shared: Path, key: str) -> Path:
        stage(begun, "old.py", f"TOKEN = '{key}'\n")
        stage(begun, "clean.py", "a = 1\n")
        assert commit(begun, shared, "--no-verify").ok
        return begun

    def test_all_files(self, old: Path, pre_commit: Callable[..., Answer], key: str) -> None:
        found = pre_commit(old, "run", "--all-files", secret=key)
        assert not found.ok
        assert "old.py:1:" in found.text
        assert git(old, "rm", "-q", "--cached", "old.py").ok
        (old / "old.py").unlink()
        clean = pre_commit(old, "run", "--all-files")
        assert clean.ok, clean.text

    def test_all_files_with_the_old_key_in_a_file_that_is_staged(
        self, old: Path, shared: Path, pre_commit: Callable[..., Answer], key: str
    ) -> None:
        stage(old, "old.py", f"# edited\nTOKEN = '{key}'\n")
        found = pre_commit(old, "run", "--all-files", secret=key)
        assert not found.ok
        assert "old.py:2:" in found.text
        assert commit(old, shared, secret=key).ok

    def test_files(self, old: Path, pre_commit: Callable[..., Answer], key: str) -> None:
        assert not pre_commit(old, "run", "--files", "old.py", secret=key).ok
        assert pre_commit(old, "run", "--files", "clean.py", secret=key).ok

    def test_nothing_named_and_nothing_staged(self, old: Path, pre_commit: Callable[..., Answer], key: str) -> None:
        nothing = pre_commit(old, "run", secret=key)
        assert nothing.ok
        assert "no files to check" in nothing.text

    def test_the_manual_stage(self, old: Path, pre_commit: Callable[..., Answer], key: str) -> None:
        assert not pre_commit(old, "run", "--hook-stage", "manual", "--all-files", secret=key).ok

    def test_many_files_with_one_key(self, begun: Path, pre_commit: Callable[..., Answer], key: str) -> None:
        for number in range(10_000):
            place = begun / f"folder-of-many-files-{number % 100:02}"
            place.mkdir(exist_ok=True)
            text = f"TOKEN = '{key}'\n" if number == 7_777 else f"number = {number}\n"
            (place / f"file-number-{number}.py").write_text(text)
        assert git(begun, "add", "-A").ok
        found = pre_commit(begun, "run", "--all-files", secret=key)
        assert not found.ok
        assert "file-number-7777.py:1:" in found.text


class TestMerges:
    @pytest.fixture
    def forked(self, begun: Path, shared: Path) -> Path:
        stage(begun, "app.py", "a = 1\n")
        assert commit(begun, shared).ok
        assert git(begun, "checkout", "-q", "-b", "side").ok
        stage(begun, "app.py", "a = 2\n")
        assert commit(begun, shared).ok
        assert git(begun, "checkout", "-q", "-").ok
        return begun

    def merge(self, place: Path, shared: Path, *words: str) -> Answer:
        return git(place, "merge", "--no-ff", *words, "side", env={"PRE_COMMIT_HOME": str(shared / "pre-commit")})

    def test_a_clean_merge_passes(self, forked: Path, shared: Path) -> None:
        merged = self.merge(forked, shared)
        assert merged.ok, merged.text
        assert "keysweep (staged files)" in merged.text

    def test_what_a_merge_itself_adds_is_stopped(self, forked: Path, shared: Path, key: str) -> None:
        stage(forked, "app.py", "a = 3\n")
        assert commit(forked, shared).ok
        assert not self.merge(forked, shared).ok  # a conflict
        stage(forked, "app.py", f"a = '{key}'\n")
        stopped = commit(forked, shared, secret=key)
        assert not stopped.ok
        assert "app.py:1:" in stopped.text
        stage(forked, "app.py", "a = 4\n")
        assert commit(forked, shared).ok

    def test_a_key_that_the_other_branch_holds_is_not_new(self, forked: Path, shared: Path, key: str) -> None:
        assert git(forked, "checkout", "-q", "side").ok
        stage(forked, "other.py", f"TOKEN = '{key}'\n")
        assert commit(forked, shared, "--no-verify").ok
        assert git(forked, "checkout", "-q", "-").ok
        assert self.merge(forked, shared).ok


def test_a_submodule_is_no_content(begun: Path, shared: Path, tmp_path: Path, key: str) -> None:
    other = GitRepo.new(tmp_path / "other")
    other.commit("begin", {"app.py": f"TOKEN = '{key}'\n"})
    added = git(begun, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other.path), "lib")
    assert added.ok, added.text
    assert commit(begun, shared, secret=key).ok
    stage(begun, ".gitmodules", f"# {key}\n")
    assert not commit(begun, shared, secret=key).ok


class TestMessage:
    def test_a_key_in_the_message_stops_the_commit(self, begun: Path, shared: Path, key: str) -> None:
        stopped = git(
            begun, "commit", "--allow-empty", "-m", f"use {key}", env={"PRE_COMMIT_HOME": str(shared / "pre-commit")},
            secret=key,
        )  # fmt: skip
        assert not stopped.ok
        assert "commit message:1:" in stopped.text

    def test_a_line_that_looks_like_a_comment_is_kept_without_an_editor(
        self, begun: Path, shared: Path, key: str
    ) -> None:
        stopped = git(
            begun, "commit", "--allow-empty", "-m", "change", "-m", f"# {key}",
            env={"PRE_COMMIT_HOME": str(shared / "pre-commit")}, secret=key,
        )  # fmt: skip
        assert not stopped.ok


class TestPush:
    @pytest.fixture
    def remote(self, begun: Path, tmp_path: Path) -> Path:
        GitRepo.new(tmp_path / "remote.git", "--bare")
        assert git(begun, "remote", "add", "origin", str(tmp_path / "remote.git")).ok
        return tmp_path / "remote.git"

    def push(self, place: Path, shared: Path, *words: str, secret: str = "") -> Answer:
        env = {"PRE_COMMIT_HOME": str(shared / "pre-commit")}
        return git(place, "push", "origin", *words, env=env, secret=secret)

    def test_a_key_that_was_removed_again_does_not_leave(
        self, begun: Path, shared: Path, remote: Path, key: str
    ) -> None:
        stage(begun, "app.py", f"TOKEN = '{key}'\n")
        assert commit(begun, shared, "--no-verify").ok
        stage(begun, "app.py", "TOKEN = ''\n")
        assert commit(begun, shared).ok
        stopped = self.push(begun, shared, "main", secret=key)
        assert not stopped.ok
        assert "app.py:1:" in stopped.text
        assert not git(remote, "rev-parse", "-q", "--verify", "main").ok
        assert git(begun, "reset", "-q", "--hard", "HEAD~2").ok
        assert self.push(begun, shared, "main").ok

    def test_only_what_leaves_counts(self, begun: Path, shared: Path, remote: Path, key: str) -> None:
        stage(begun, "old.py", f"TOKEN = '{key}'\n")
        assert commit(begun, shared, "--no-verify").ok
        assert self.push(begun, shared, "--no-verify", "main").ok
        stage(begun, "new.py", "a = 1\n")
        assert commit(begun, shared).ok
        passed = self.push(begun, shared, "main", secret=key)
        assert passed.ok, passed.text
        assert "keysweep (commits that leave)" in passed.text
        assert self.push(begun, shared, "main:other", secret=key).ok


def test_options_of_ones_own_need_two_dashes_when_a_file_looks_like_one(
    repo: Path, hook_repository: GitRepo, shared: Path, key: str
) -> None:
    stage(repo, ".pre-commit-config.yaml", config(hook_repository, args=["--quiet"]))
    stage(repo, "--no-config", f"TOKEN = '{key}'\n")
    refused = commit(repo, shared, secret=key)
    assert not refused.ok
    assert "a file here is called '--no-config'" in refused.text


def test_the_manifest_is_one_that_pre_commit_takes(pre_commit: Callable[..., Answer]) -> None:
    assert pre_commit(ROOT, "validate-manifest", ".pre-commit-hooks.yaml").ok
    assert {hook["id"] for hook in MANIFEST} == {"keysweep-staged", "keysweep-push", "keysweep-message"}
    assert {hook["minimum_pre_commit_version"] for hook in MANIFEST} == {"3.2.0"}
