"""What `keysweep staged` reads: real repositories, real indexes, as a commit hook meets them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from scanner.errors import SourceError
from scanner.fakes import Fake
from scanner.matcher import Matcher
from scanner.models import Kind, ScanResult
from scanner.novelty import scan_new
from scanner.pipeline import scan
from scanner.sources.git_index import Staged
from tests.gitrepo import GitRepo

TOKEN = "github-personal-access-token"
NewKey = Callable[..., Fake]


pytestmark = pytest.mark.usefixtures("no_git_environment")


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    made = GitRepo.new(tmp_path / "repo")
    made.commit("first", {"readme.txt": "hello\n"})
    return made


@pytest.fixture
def key(new_key: NewKey) -> str:
    return new_key(TOKEN).key.decode()


def stage(repo: GitRepo, path: str, content: bytes | str) -> None:
    repo.write(path, content)
    repo.git("add", "-f", "--", path)


def staged(repo: GitRepo, matcher: Matcher, *paths: str | bytes, **options: bool) -> ScanResult:
    return scan_new(Staged(repo.path, paths, folder=repo.path, **options), matcher)


def places(result: ScanResult) -> list[tuple[str, int]]:
    return [(found.location.path, found.location.line) for found in result.findings]


def test_a_staged_key_is_found(repo: GitRepo, matcher: Matcher, key: str) -> None:
    stage(repo, "conf/app.py", f"# one\nTOKEN = '{key}'\n")
    result = staged(repo, matcher)
    assert places(result) == [("conf/app.py", 2)]
    assert result.findings[0].origin.kind is Kind.INDEX
    assert result.findings[0].origin.object_id == repo.git("rev-parse", ":conf/app.py")
    assert result.complete
    assert key not in repr(result)


def test_what_is_not_staged_does_not_count(repo: GitRepo, matcher: Matcher, key: str) -> None:
    stage(repo, "app.py", "TOKEN = ''\n")
    repo.write("app.py", f"TOKEN = '{key}'\n")
    repo.write("untracked.py", f"TOKEN = '{key}'\n")
    assert places(staged(repo, matcher)) == []


def test_a_staged_key_counts_though_the_file_was_cleaned_since(repo: GitRepo, matcher: Matcher, key: str) -> None:
    stage(repo, "app.py", f"TOKEN = '{key}'\n")
    repo.write("app.py", "TOKEN = ''\n")
    assert places(staged(repo, matcher)) == [("app.py", 1)]


def test_attributes_that_empty_a_diff_change_nothing(repo: GitRepo, matcher: Matcher, key: str) -> None:
    repo.commit("attributes", {".gitattributes": "* -diff binary filter=x\n"})
    stage(repo, "app.py", f"TOKEN = '{key}'\n")
    assert places(staged(repo, matcher)) == [("app.py", 1)]


def test_the_users_diff_configuration_changes_nothing(repo: GitRepo, matcher: Matcher, key: str) -> None:
    for setting in ("diff.noprefix=true", "color.ui=always", "diff.relative=true", "diff.orderFile=/nowhere",
                    "diff.renames=copies", "diff.external=false", "core.abbrev=4"):  # fmt: skip
        repo.git("config", *setting.split("=", 1))
    stage(repo, "deep/app.py", f"TOKEN = '{key}'\n")
    assert places(scan_new(Staged(repo.path / "deep"), matcher)) == [("deep/app.py", 1)]


class TestComparedWithHead:
    def test_a_key_that_head_holds_is_not_new(self, repo: GitRepo, matcher: Matcher, key: str) -> None:
        repo.commit("leak", {"app.py": f"TOKEN = '{key}'\n"})
        stage(repo, "app.py", f"# moved down\n\nTOKEN = '{key}'  # and edited\n")
        result = staged(repo, matcher)
        assert places(result) == []
        assert any("left out" in note for note in result.notes)

    def test_a_second_key_in_the_same_file_is(self, repo: GitRepo, matcher: Matcher, key: str, new_key: NewKey) -> None:
        repo.commit("leak", {"app.py": f"TOKEN = '{key}'\n"})
        stage(repo, "app.py", f"TOKEN = '{key}'\nOTHER = '{new_key(TOKEN).key.decode()}'\n")
        assert places(staged(repo, matcher)) == [("app.py", 2)]

    def test_a_key_that_replaces_another_on_its_line_is_new(
        self, repo: GitRepo, matcher: Matcher, key: str, new_key: NewKey
    ) -> None:
        repo.commit("leak", {"app.py": f"TOKEN = '{key}'\n"})
        stage(repo, "app.py", f"TOKEN = '{new_key(TOKEN).key.decode()}'\n")
        assert places(staged(repo, matcher)) == [("app.py", 1)]

    def test_a_renamed_and_edited_file_is_not_new(self, repo: GitRepo, matcher: Matcher, key: str) -> None:
        repo.commit("leak", {"old.py": f"TOKEN = '{key}'\n"})
        repo.git("mv", "old.py", "new.py")
        stage(repo, "new.py", f"# edited\nTOKEN = '{key}'\n")
        assert places(staged(repo, matcher)) == []
        assert places(staged(repo, matcher, "new.py")) == []

    def test_a_copy_of_an_untouched_file_is_new(self, repo: GitRepo, matcher: Matcher, key: str) -> None:
        repo.commit("leak", {"old.py": f"TOKEN = '{key}'\n"})
        stage(repo, "copy.py", f"TOKEN = '{key}'\n")
        assert places(staged(repo, matcher)) == [("copy.py", 1)]

    def test_a_key_that_head_no_longer_holds_is_new_again(self, repo: GitRepo, matcher: Matcher, key: str) -> None:
        repo.commit("leak", {"app.py": f"TOKEN = '{key}'\n"})
        repo.commit("clean", {"app.py": "TOKEN = ''\n"})
        stage(repo, "app.py", f"TOKEN = '{key}'\n")
        assert places(staged(repo, matcher)) == [("app.py", 1)]

    def test_when_heads_version_is_missing_the_finding_stays_and_a_note_says_why(
        self, repo: GitRepo, matcher: Matcher, key: str
    ) -> None:
        repo.commit("leak", {"app.py": f"TOKEN = '{key}'\n"})
        blob = repo.git("rev-parse", "HEAD:app.py")
        stage(repo, "app.py", f"# more\nTOKEN = '{key}'\n")
        repo.object_file(blob).unlink()
        result = staged(repo, matcher)
        assert places(result) == [("app.py", 2)]
        assert any("app.py" in note and "not read for comparison" in note for note in result.notes)


class TestWhatACommitCanBe:
    def test_the_first_commit(self, tmp_path: Path, matcher: Matcher, key: str) -> None:
        repo = GitRepo.new(tmp_path / "new")
        stage(repo, "app.py", f"TOKEN = '{key}'\n")
        assert places(staged(repo, matcher)) == [("app.py", 1)]

    def test_the_first_commit_with_sha256(self, tmp_path: Path, matcher: Matcher, key: str) -> None:
        repo = GitRepo.new(tmp_path / "new", "--object-format=sha256")
        stage(repo, "app.py", f"TOKEN = '{key}'\n")
        assert places(staged(repo, matcher)) == [("app.py", 1)]
        repo.commit("leak")
        stage(repo, "app.py", f"\nTOKEN = '{key}'\n")
        assert places(staged(repo, matcher)) == []

    def test_an_empty_one(self, repo: GitRepo, matcher: Matcher) -> None:
        result = staged(repo, matcher)
        assert result == ScanResult()

    def test_an_empty_repository(self, tmp_path: Path, matcher: Matcher) -> None:
        assert staged(GitRepo.new(tmp_path / "new"), matcher) == ScanResult()

    def test_a_deletion_and_a_change_of_mode(self, repo: GitRepo, matcher: Matcher, key: str) -> None:
        repo.commit("leak", {"gone.py": f"A = '{key}'\n", "mode.py": f"B = '{key}'\n"})
        repo.git("rm", "-q", "gone.py")
        repo.git("update-index", "--chmod=+x", "mode.py")
        assert list(Staged(repo.path).chunks()) == []

    def test_a_link_is_its_target(self, repo: GitRepo, matcher: Matcher, key: str) -> None:
        (repo.path / "link").symlink_to(f"https://x:{key}@example.org")
        repo.git("add", "link")
        assert places(staged(repo, matcher)) == [("link", 1)]
        assert places(staged(repo, matcher, "link")) == [("link", 1)]

    def test_a_link_out_of_the_tree_is_not_followed(self, repo: GitRepo, matcher: Matcher, key: str) -> None:
        (repo.path.parent / "outside").write_text(key)
        (repo.path / "link").symlink_to("../outside")
        repo.git("add", "link")
        assert places(staged(repo, matcher)) == []

    def test_a_link_that_becomes_a_file(self, repo: GitRepo, matcher: Matcher, key: str) -> None:
        (repo.path / "link").symlink_to("readme.txt")
        repo.commit("link")
        (repo.path / "link").unlink()
        stage(repo, "link", f"TOKEN = '{key}'\n")
        assert places(staged(repo, matcher)) == [("link", 1)]

    def test_a_submodule_is_no_content(self, repo: GitRepo, matcher: Matcher) -> None:
        inner = GitRepo.new(repo.path / "inner")
        inner.commit("inner", {"a": "a"})
        repo.git("add", "inner")
        result = staged(repo, matcher)
        assert result == ScanResult()
        assert staged(repo, matcher, all_files=True).complete

    def test_an_intent_to_add(self, repo: GitRepo, matcher: Matcher, key: str) -> None:
        repo.write("later.py", f"TOKEN = '{key}'\n")
        repo.git("add", "-N", "later.py")
        result = staged(repo, matcher)
        assert places(result) == []
        assert result.complete

    def test_the_name_of_a_new_file_is_content(self, repo: GitRepo, matcher: Matcher, key: str) -> None:
        stage(repo, f"backup/{key}.txt", "nothing\n")
        result = staged(repo, matcher)
        assert [found.origin.kind for found in result.findings] == [Kind.PATH_NAME]
        assert key not in repr(result)

    def test_the_name_of_a_folder_that_was_there_is_not_new(self, repo: GitRepo, matcher: Matcher, key: str) -> None:
        repo.commit("names", {f"{key}/a.txt": "a\n"})
        stage(repo, f"{key}/b.txt", "b\n")
        assert places(staged(repo, matcher)) == []

    def test_a_file_beyond_the_limit_of_one_piece(self, repo: GitRepo, matcher: Matcher, key: str) -> None:
        stage(repo, "big.txt", b"x y z\n" * 3_000_000 + f"TOKEN = '{key}'\n".encode())
        assert places(staged(repo, matcher)) == [("big.txt", 3_000_001)]

    def test_a_missing_object_is_told(self, repo: GitRepo, matcher: Matcher) -> None:
        stage(repo, "app.py", "hello again\n")
        repo.object_file(repo.git("rev-parse", ":app.py")).unlink()
        result = staged(repo, matcher)
        assert [item.what.split(" ")[0] for item in result.skipped] == ["app.py"]

    def test_a_key_in_utf_16(self, repo: GitRepo, matcher: Matcher, key: str) -> None:
        stage(repo, "app.reg", f'"token"="{key}"\r\n'.encode("utf-16"))
        assert [path for path, _ in places(staged(repo, matcher))] == ["app.reg"]


class TestMerges:
    @pytest.fixture
    def merging(self, repo: GitRepo, key: str) -> GitRepo:
        """A merge in progress; the other side has brought a key."""
        repo.git("checkout", "-q", "-b", "other")
        repo.commit("theirs", {"theirs.py": f"TOKEN = '{key}'\n", "both.py": "one\n"})
        repo.git("checkout", "-q", "main")
        repo.commit("ours", {"ours.py": "mine\n"})
        repo.git("merge", "-q", "--no-commit", "--no-ff", "other")
        return repo

    def test_what_the_other_side_brings_is_not_new(self, merging: GitRepo, matcher: Matcher) -> None:
        assert places(staged(merging, matcher)) == []

    def test_also_where_the_merge_edits_it(self, merging: GitRepo, matcher: Matcher, key: str) -> None:
        stage(merging, "theirs.py", f"# merged\nTOKEN = '{key}'\n")
        assert places(staged(merging, matcher)) == []

    def test_what_the_merge_itself_adds_is(self, merging: GitRepo, matcher: Matcher, new_key: NewKey) -> None:
        stage(merging, "evil.py", f"TOKEN = '{new_key(TOKEN).key.decode()}'\n")
        stage(merging, "both.py", f"one\nTOKEN = '{new_key(TOKEN).key.decode()}'\n")
        assert places(staged(merging, matcher)) == [("both.py", 2), ("evil.py", 1)]

    def test_untouched_files_that_pre_commit_names_in_a_merge_stay_out(
        self, repo: GitRepo, matcher: Matcher, key: str
    ) -> None:
        repo.git("branch", "other")
        repo.commit("old leak", {"ours.py": f"TOKEN = '{key}'\n"})
        repo.git("checkout", "-q", "other")
        repo.commit("theirs", {"theirs.py": "x\n"})
        repo.git("checkout", "-q", "main")
        repo.git("merge", "-q", "--no-commit", "--no-ff", "other")
        assert places(staged(repo, matcher, "ours.py", "theirs.py", untouched=True)) == []

    def test_an_open_conflict_is_told_and_both_sides_are_read(self, repo: GitRepo, matcher: Matcher, key: str) -> None:
        repo.commit("base", {"app.py": "a\n"})
        repo.git("checkout", "-q", "-b", "other")
        repo.commit("theirs", {"app.py": f"TOKEN = '{key}'\n"})
        repo.git("checkout", "-q", "main")
        repo.commit("ours", {"app.py": "c\n"})
        done = subprocess.run(["git", "merge", "other"], cwd=repo.path, capture_output=True, check=False)
        assert done.returncode != 0
        result = staged(repo, matcher)
        assert [item.what for item in result.skipped] == ["app.py"]
        assert "conflict" in result.skipped[0].reason
        assert places(staged(repo, matcher, all_files=True)) == [("app.py", 1)]


class TestNarrowing:
    @pytest.fixture
    def three(self, repo: GitRepo, key: str) -> GitRepo:
        for path in ("a.py", "dir/b.py", "dir.py"):
            stage(repo, path, f"TOKEN = '{key}'\n")
        return repo

    @pytest.mark.parametrize(
        ("paths", "found"),
        [
            ((), ["a.py", "dir.py", "dir/b.py"]),
            (("a.py",), ["a.py"]),
            (("dir",), ["dir/b.py"]),
            (("dir/",), ["dir/b.py"]),
            (("./dir/../a.py",), ["a.py"]),
            ((".",), ["a.py", "dir.py", "dir/b.py"]),
            (("dir", "dir.py"), ["dir.py", "dir/b.py"]),
        ],
    )
    def test_by_files_and_folders(
        self, three: GitRepo, matcher: Matcher, paths: tuple[str, ...], found: list[str]
    ) -> None:
        assert [path for path, _ in places(staged(three, matcher, *paths))] == found

    def test_paths_are_relative_to_the_folder(self, three: GitRepo, matcher: Matcher) -> None:
        source = Staged(three.path / "dir", ["b.py"], folder=three.path / "dir")
        assert places(scan_new(source, matcher)) == [("dir/b.py", 1)]
        source = Staged(three.path / "dir", [three.path / "a.py"], folder=three.path / "dir")
        assert places(scan_new(source, matcher)) == [("a.py", 1)]

    def test_through_a_link_to_the_repository(self, three: GitRepo, matcher: Matcher, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(three.path)
        source = Staged(tmp_path / "link", [tmp_path / "link" / "a.py"], folder=tmp_path / "link")
        assert places(scan_new(source, matcher)) == [("a.py", 1)]

    @pytest.mark.parametrize(
        ("name", "shown"),
        [
            (b"with space.py", "with space.py"),
            (b"new\nline.py", "new\nline.py"),
            (b":(glob)*.py", ":(glob)*.py"),
            (b"-rf", "-rf"),
            ('naïve "q".py'.encode(), 'naïve "q".py'),
            (b"not-utf8-\xff.py", "not-utf8-\\xff.py"),
        ],
        ids=["space", "newline", "pathspec", "dash", "quote", "latin-1"],
    )
    def test_odd_names(self, repo: GitRepo, matcher: Matcher, key: str, name: bytes, shown: str) -> None:
        stage(repo, os.fsdecode(name), f"TOKEN = '{key}'\n")
        stage(repo, "other.py", f"TOKEN = '{key}'\n")
        assert places(staged(repo, matcher, name)) == [(shown, 1)]

    def test_a_name_that_is_not_in_the_index_is_told(self, three: GitRepo, matcher: Matcher) -> None:
        three.write("untracked.py", "x\n")
        result = staged(three, matcher, "untracked.py", "readme.txt")
        assert [item.what for item in result.skipped] == ["untracked.py"]
        assert "git add" in result.skipped[0].reason

    def test_a_name_outside_of_the_repository_is_refused(self, three: GitRepo) -> None:
        with pytest.raises(SourceError, match="outside of the repository"):
            Staged(three.path, ["../elsewhere"], folder=three.path)

    def test_named_files_that_are_not_staged_are_read_when_asked_to(
        self, repo: GitRepo, matcher: Matcher, key: str
    ) -> None:
        repo.commit("old leak", {"old.py": f"TOKEN = '{key}'\n"})
        stage(repo, "new.py", "x\n")
        assert places(staged(repo, matcher, "old.py", "new.py")) == []
        assert places(staged(repo, matcher, "old.py", "new.py", untouched=True)) == [("old.py", 1)]


def test_all_files_is_everything_in_the_index(repo: GitRepo, matcher: Matcher, key: str) -> None:
    repo.commit("old leak", {"old.py": f"TOKEN = '{key}'\n", "other/old.py": f"TOKEN = '{key}'\n"})
    repo.write("old.py", "")
    assert places(staged(repo, matcher, all_files=True)) == [("old.py", 1), ("other/old.py", 1)]
    assert places(staged(repo, matcher, "other", all_files=True)) == [("other/old.py", 1)]


class TestInAHook:
    def test_the_index_of_a_partial_commit_is_the_one_that_counts(
        self, repo: GitRepo, matcher: Matcher, key: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        repo.commit("both", {"one.py": "1\n", "two.py": "2\n"})
        stage(repo, "one.py", f"A = '{key}'\n")
        repo.write("two.py", f"B = '{key}'\n")
        index = repo.path / ".git" / "partial-index"
        env = {"GIT_INDEX_FILE": str(index)}
        repo.git("read-tree", "HEAD", env=env)
        repo.git("add", "two.py", env=env)
        monkeypatch.chdir(repo.path)
        monkeypatch.setenv("GIT_INDEX_FILE", ".git/partial-index")
        assert places(scan_new(Staged(), matcher)) == [("two.py", 1)]

    def test_git_hands_a_hook_the_index_of_commit_a(
        self, repo: GitRepo, matcher: Matcher, key: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What `git commit -a` and `git commit PATH` export is what the source reads."""
        hook = repo.write(".git/hooks/pre-commit", '#!/bin/sh\ncp "$GIT_INDEX_FILE" .git/kept-index\nexit 1\n')
        hook.chmod(0o755)
        repo.write("readme.txt", f"TOKEN = '{key}'\n")
        subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-q", "-a", "-m", "x"],
            cwd=repo.path, check=False, capture_output=True,
        )  # fmt: skip
        assert places(staged(repo, matcher)) == []
        monkeypatch.setenv("GIT_INDEX_FILE", str(repo.path / ".git" / "kept-index"))
        assert places(staged(repo, matcher)) == [("readme.txt", 1)]

    def test_a_repository_beside_its_work_tree(
        self, repo: GitRepo, matcher: Matcher, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        home = tmp_path / "home"
        home.mkdir()
        (home / ".profile").write_text(f"export TOKEN='{key}'\n")
        repo.git("--work-tree", str(home), "add", ".profile")
        monkeypatch.setenv("GIT_DIR", str(repo.path / ".git"))
        monkeypatch.setenv("GIT_WORK_TREE", str(home))
        source = Staged(home, [".profile"], folder=home)
        assert places(scan_new(source, matcher)) == [(".profile", 1)]

    def test_a_linked_worktree_has_an_index_of_its_own(
        self, repo: GitRepo, matcher: Matcher, key: str, tmp_path: Path
    ) -> None:
        repo.git("worktree", "add", "-q", str(tmp_path / "linked"))
        linked = GitRepo(tmp_path / "linked")
        stage(linked, "app.py", f"TOKEN = '{key}'\n")
        assert places(staged(linked, matcher)) == [("app.py", 1)]
        assert places(staged(repo, matcher)) == []


def test_a_bare_repository_has_nothing_staged(tmp_path: Path) -> None:
    bare = GitRepo.new(tmp_path / "bare", "--bare")
    with pytest.raises(SourceError, match="bare repository"):
        Staged(bare.path)


def test_no_repository(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="not in a git repository"):
        Staged(tmp_path)


def test_a_damaged_head_is_an_error_and_not_a_first_commit(repo: GitRepo, matcher: Matcher) -> None:
    stage(repo, "app.py", "x\n")
    repo.object_file(repo.git("rev-parse", "HEAD^{tree}")).unlink()
    with pytest.raises(SourceError, match="git fsck"):
        scan(Staged(repo.path), matcher)


def test_parts_hold_together_what_one_pass_reads(repo: GitRepo, matcher: Matcher, new_key: NewKey) -> None:
    for number in range(30):
        stage(repo, f"d/{number}.py", f"TOKEN = '{new_key(TOKEN).key.decode()}'\n")
    source = Staged(repo.path)
    parts = source.partitions(4)
    assert len(parts) > 3
    one_by_one = [found for part in parts for chunk in part.chunks() for found in matcher.find(chunk)]  # type: ignore[arg-type]
    assert sorted(found.location.path for found in one_by_one) == [path for path, _ in places(scan(source, matcher))]
    assert len(one_by_one) == 30
