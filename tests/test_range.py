"""What `keysweep diff A..B` and the push hooks read: real histories, with what happens to them in real life."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from scanner.errors import SourceError
from scanner.fakes import Fake
from scanner.matcher import Matcher
from scanner.models import Finding, Kind, ScanResult
from scanner.novelty import scan_new
from scanner.sources.git import QUARANTINE_VARIABLES
from scanner.sources.git_range import (
    Range,
    RevisionRange,
    RevisionRanges,
    UnknownRevisionError,
    parse_range,
    pushed,
    received,
)
from tests.gitrepo import GitRepo

TOKEN = "github-personal-access-token"
ZEROS = "0" * 40
NewKey = Callable[..., Fake]


pytestmark = pytest.mark.usefixtures("no_git_environment")


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    """A repository with a branch `base`."""
    made = GitRepo.new(tmp_path / "repo")
    made.commit("first", {"readme.txt": "hello\n", "app.py": "one\ntwo\n"})
    made.git("branch", "base")
    return made


@pytest.fixture
def key(new_key: NewKey) -> str:
    return new_key(TOKEN).key.decode()


def diff(
    repo: GitRepo, matcher: Matcher, base: str = "base", head: str = "HEAD", *, symmetric: bool = False, jobs: int = 1
) -> ScanResult:
    return scan_new(RevisionRange(repo.path, base, head, symmetric=symmetric), matcher, jobs=jobs)


def places(result: ScanResult) -> list[tuple[str, int]]:
    return [(found.location.path, found.location.line) for found in result.findings]


def in_head(found: Finding) -> bool:
    assert found.history is not None
    return found.history.in_head


class TestNewCommits:
    def test_a_key_that_they_bring(self, repo: GitRepo, matcher: Matcher, key: str) -> None:
        commit = repo.commit("leak", {"app.py": f"one\ntoken = '{key}'\n"})
        repo.commit("more", {"other.py": "x\n"})
        result = diff(repo, matcher)
        assert places(result) == [("app.py", 2)]
        [found] = result.findings
        assert found.history is not None
        assert found.history.introduced is not None
        assert (found.history.introduced.id, found.history.in_head, found.history.removed) == (commit, True, None)
        assert found.origin.kind is Kind.BLOB
        assert result.complete
        assert key not in repr(result)

    def test_a_key_that_is_added_and_removed_in_between_is_still_leaked(
        self, repo: GitRepo, matcher: Matcher, key: str
    ) -> None:
        added = repo.commit("leak", {"app.py": f"one\ntoken = '{key}'\n"})
        removed = repo.commit("oops", {"app.py": "one\n"})
        result = diff(repo, matcher)
        assert places(result) == [("app.py", 2)]
        history = result.findings[0].history
        assert history is not None
        assert history.introduced is not None
        assert history.removed is not None
        assert (history.introduced.id, history.removed.id, history.in_head) == (added, removed, False)

    def test_the_place_is_that_in_the_head(self, repo: GitRepo, matcher: Matcher, key: str) -> None:
        """A key stays, far from what later commits change; its line is that of the last version."""
        text = "".join(f"line {number} of a long file, long enough to be trimmed\n" for number in range(400))
        repo.commit("leak", {"app.py": f"{text}token = '{key}'\n"})
        repo.commit("above", {"app.py": f"# a new first line\n\n{text}token = '{key}'\n"})
        result = diff(repo, matcher)
        [found] = result.findings
        assert places(result) == [("app.py", 403)]
        assert (found.location.column, found.location.end_line) == (10, 403)
        assert found.origin.object_id == repo.git("rev-parse", "HEAD:app.py")
        assert in_head(found)

    def test_none(self, repo: GitRepo, matcher: Matcher) -> None:
        result = diff(repo, matcher)
        assert (result.findings, result.skipped) == ((), ())
        assert result.notes == ("nothing to read: there are no new commits",)

    def test_messages_names_and_author(self, repo: GitRepo, matcher: Matcher, new_key: NewKey) -> None:
        one, two, three = (new_key(TOKEN).key.decode() for _ in range(3))
        repo.commit(f"subject\n\nthe key is {one}", {f"{two}.txt": "x\n"})
        repo.git("commit", "-q", "--amend", "--no-edit", f"--author={three} <a@example.org>")
        kinds = sorted(found.origin.kind for found in diff(repo, matcher).findings)
        assert kinds == [Kind.COMMIT_MESSAGE, Kind.COMMIT_MESSAGE, Kind.PATH_NAME]

    def test_attributes_and_configuration_change_nothing(self, repo: GitRepo, matcher: Matcher, key: str) -> None:
        repo.commit("leak", {".gitattributes": "* -diff\n", "app.py": f"token = '{key}'\n"})
        for setting in ("diff.noprefix=true", "color.ui=always", "diff.relative=true", "diff.orderFile=/nowhere",
                        "diff.renames=copies", "diff.external=false", "log.showSignature=true"):  # fmt: skip
            repo.git("config", *setting.split("=", 1))
        assert places(diff(repo, matcher)) == [("app.py", 1)]

    def test_a_name_with_a_line_break(self, repo: GitRepo, matcher: Matcher, key: str) -> None:
        repo.commit("leak", {"new\nline.py": f"token = '{key}'\n"})
        [found] = diff(repo, matcher).findings
        assert in_head(found)
        repo.git("branch", "-f", "base")
        repo.commit("edit", {"new\nline.py": f"\ntoken = '{key}'\n"})
        assert diff(repo, matcher).findings == ()

    def test_worker_processes_find_the_same(self, repo: GitRepo, matcher: Matcher, new_key: NewKey) -> None:
        for number in range(6):
            repo.commit(f"{number}", {f"{number}.py": f"x = '{new_key(TOKEN).key.decode()}'\n" + "y\n" * 400_000})
        alone, apart = diff(repo, matcher), diff(repo, matcher, jobs=2)
        assert len(alone.findings) == 6
        assert alone == apart


class TestWhatTheBaseHolds:
    def test_the_same_key_on_another_line(self, repo: GitRepo, matcher: Matcher, key: str) -> None:
        repo.commit("old leak", {"app.py": f"token = '{key}'\n"})
        repo.git("branch", "-f", "base")
        repo.commit("edit", {"app.py": f"# more\n\ntoken = '{key}'\n"})
        result = diff(repo, matcher)
        assert places(result) == []
        assert any("left out" in note for note in result.notes)

    def test_a_file_that_moved(self, repo: GitRepo, matcher: Matcher, key: str) -> None:
        repo.commit("old leak", {"app.py": f"token = '{key}'\n"})
        repo.git("branch", "-f", "base")
        repo.commit("moved", {"app.py": None, "new.py": f"# more\ntoken = '{key}'\n"})
        assert places(diff(repo, matcher)) == []

    def test_a_file_that_moved_twice(self, repo: GitRepo, matcher: Matcher, key: str) -> None:
        repo.commit("old leak", {"app.py": f"token = '{key}'\n"})
        repo.git("branch", "-f", "base")
        repo.commit("moved", {"app.py": None, "new.py": f"# more\ntoken = '{key}'\n"})
        repo.commit("moved", {"new.py": None, "newer.py": f"# even more\ntoken = '{key}'\n"})
        repo.commit("gone", {"newer.py": None})
        assert places(diff(repo, matcher)) == []

    def test_another_key_beside_it(self, repo: GitRepo, matcher: Matcher, key: str, new_key: NewKey) -> None:
        repo.commit("old leak", {"app.py": f"token = '{key}'\n"})
        repo.git("branch", "-f", "base")
        repo.commit("edit", {"app.py": f"token = '{key}'\nother = '{new_key(TOKEN).key.decode()}'\n"})
        assert places(diff(repo, matcher)) == [("app.py", 2)]

    def test_a_copy_elsewhere_is_new(self, repo: GitRepo, matcher: Matcher, key: str) -> None:
        repo.commit("old leak", {"app.py": f"token = '{key}'\n"})
        repo.git("branch", "-f", "base")
        repo.commit("copy", {"copy.py": f"# copied\ntoken = '{key}'\n"})
        assert places(diff(repo, matcher)) == [("copy.py", 2)]

    def test_a_key_that_the_base_has_removed_is_new_again(self, repo: GitRepo, matcher: Matcher, key: str) -> None:
        repo.commit("old leak", {"app.py": f"token = '{key}'\n"})
        repo.commit("clean", {"app.py": "token = ''\n"})
        repo.git("branch", "-f", "base")
        repo.git("revert", "--no-edit", "HEAD", env={"GIT_COMMITTER_DATE": "1704100000 +0000"})
        assert places(diff(repo, matcher)) == [("app.py", 1)]

    def test_the_name_of_a_folder_that_was_there(self, repo: GitRepo, matcher: Matcher, key: str) -> None:
        repo.commit("names", {f"{key}/a.txt": "a\n"})
        repo.git("branch", "-f", "base")
        repo.commit("beside", {f"{key}/b.txt": "b\n"})
        assert places(diff(repo, matcher)) == []

    def test_a_base_that_went_on(self, repo: GitRepo, matcher: Matcher, key: str) -> None:
        """Both sides got the same key since they parted: with `..` the base holds it, with `...` it is new."""
        repo.git("checkout", "-q", "-b", "topic")
        repo.commit("ours", {"app.py": f"token = '{key}'\n"})
        repo.git("checkout", "-q", "base")
        repo.commit("theirs", {"app.py": f"# base\ntoken = '{key}'\n"})
        assert places(diff(repo, matcher, "base", "topic")) == []
        assert places(diff(repo, matcher, "base", "topic", symmetric=True)) == [("app.py", 1)]

    def test_what_only_the_base_brought_since_is_not_ours(self, repo: GitRepo, matcher: Matcher, key: str) -> None:
        repo.commit("old leak", {"app.py": f"token = '{key}'\n", "b.py": "b\n"})
        repo.git("branch", "-f", "base")
        repo.git("checkout", "-q", "-b", "topic")
        repo.commit("ours", {"b.py": "bb\n"})
        repo.git("checkout", "-q", "base")
        repo.commit("cleaned", {"app.py": "token = ''\n"})
        for symmetric in (False, True):
            assert places(diff(repo, matcher, "base", "topic", symmetric=symmetric)) == []


class TestMerges:
    def test_what_an_evil_merge_adds(self, repo: GitRepo, matcher: Matcher, key: str) -> None:
        repo.git("checkout", "-q", "-b", "side")
        repo.commit("side", {"side.py": "x\n"})
        repo.git("checkout", "-q", "main")
        repo.commit("ours", {"ours.py": "x\n"})
        merge = repo.merge("side", files={"evil.py": f"token = '{key}'\n"})
        result = diff(repo, matcher)
        assert places(result) == [("evil.py", 1)]
        history = result.findings[0].history
        assert history is not None
        assert history.introduced is not None
        assert (history.introduced.id, history.introduced.merge) == (merge, True)

    def test_what_a_merge_of_the_base_brings_is_not_new(self, repo: GitRepo, matcher: Matcher, key: str) -> None:
        repo.commit("ours", {"ours.py": "x\n"})
        repo.git("checkout", "-q", "base")
        repo.commit("theirs", {"theirs.py": f"token = '{key}'\n"})
        repo.git("checkout", "-q", "main")
        repo.merge("base")
        for symmetric in (False, True):
            assert places(diff(repo, matcher, symmetric=symmetric)) == []

    @pytest.mark.parametrize("touched", [False, True])
    def test_a_merge_that_keeps_what_the_base_has_removed(
        self, repo: GitRepo, matcher: Matcher, key: str, touched: bool
    ) -> None:
        repo.commit("old leak", {"app.py": f"token = '{key}'\n"})
        repo.git("branch", "-f", "base")
        repo.commit("ours", {"app.py": f"# more\ntoken = '{key}'\n"} if touched else {"ours.py": "x\n"})
        repo.git("checkout", "-q", "base")
        repo.commit("cleaned", {"app.py": "token = ''\n"})
        repo.git("checkout", "-q", "main")
        repo.git("merge", "-q", "-s", "ours", "base", "-m", "keep ours")
        assert places(diff(repo, matcher)) == [("app.py", 2 if touched else 1)]

    def test_also_beside_a_key_that_only_came_and_went(
        self, repo: GitRepo, matcher: Matcher, key: str, new_key: NewKey
    ) -> None:
        """What a commit in between replaced excuses what only commits in between held, and nothing else."""
        repo.commit("old leak", {"app.py": f"token = '{key}'\n"})
        repo.git("branch", "-f", "base")
        repo.commit("ours", {"app.py": f"# more\ntoken = '{key}'\n", "b.py": f"b = '{new_key(TOKEN).key.decode()}'\n"})
        repo.commit("oops", {"b.py": None})
        repo.git("checkout", "-q", "base")
        repo.commit("cleaned", {"app.py": "token = ''\n"})
        repo.git("checkout", "-q", "main")
        repo.git("merge", "-q", "-s", "ours", "base", "-m", "keep ours")
        result = diff(repo, matcher)
        assert places(result) == [("app.py", 2), ("b.py", 1)]
        assert [in_head(found) for found in result.findings] == [True, False]

    def test_a_branch_that_is_merged_into_the_head(self, repo: GitRepo, matcher: Matcher, key: str) -> None:
        repo.git("checkout", "-q", "-b", "side")
        repo.commit("leak", {"side.py": f"token = '{key}'\n"})
        repo.commit("removed", {"side.py": "x\n"})
        repo.git("checkout", "-q", "main")
        repo.merge("side")
        result = diff(repo, matcher)
        assert places(result) == [("side.py", 1)]
        assert not in_head(result.findings[0])


class TestPushes:
    def test_a_new_branch_is_compared_with_what_the_remote_has(
        self, repo: GitRepo, matcher: Matcher, key: str, tmp_path: Path
    ) -> None:
        repo.commit("old leak", {"old.py": f"token = '{key}'\n"})
        clone = GitRepo.clone(repo, tmp_path / "clone")
        clone.git("checkout", "-q", "-b", "topic")
        clone.commit("new leak", {"new.py": f"new_token = '{key}'\n"})
        lines = [f"refs/heads/topic {clone.head()} refs/heads/topic {ZEROS}"]
        source = RevisionRanges(clone.path, pushed(lines), excluded=["--remotes=origin"])
        assert places(scan_new(source, matcher)) == [("new.py", 1)]
        everything = RevisionRanges(clone.path, pushed(lines))
        assert places(scan_new(everything, matcher)) == [("new.py", 1), ("old.py", 1)]

    def test_a_deleted_ref_is_nothing_to_do(self, repo: GitRepo, matcher: Matcher, key: str) -> None:
        repo.commit("leak", {"app.py": f"token = '{key}'\n"})
        source = RevisionRanges(repo.path, pushed([f"(delete) {ZEROS} refs/heads/gone {repo.head()}"]))
        result = scan_new(source, matcher)
        assert (result.findings, result.skipped) == ((), ())

    def test_many_refs_at_once(self, repo: GitRepo, matcher: Matcher, new_key: NewKey) -> None:
        base, lines = repo.head(), [f"(delete) {ZEROS} refs/heads/gone {repo.head()}"]
        for number in range(3):
            repo.git("checkout", "-q", "-b", f"b{number}", base)
            repo.commit("leak", {f"{number}.py": f"token = '{new_key(TOKEN).key.decode()}'\n"})
            lines.append(f"refs/heads/b{number} {repo.head()} refs/heads/b{number} {base if number else ZEROS}")
        result = scan_new(RevisionRanges(repo.path, pushed(lines)), matcher)
        assert places(result) == [("0.py", 1), ("1.py", 1), ("2.py", 1)]
        assert all(in_head(found) for found in result.findings)

    def test_an_annotated_tag(self, repo: GitRepo, matcher: Matcher, key: str, new_key: NewKey) -> None:
        name = new_key(TOKEN).key.decode()
        repo.git("tag", "-a", name, "-m", f"the key is {key}")
        tag = repo.git("rev-parse", f"refs/tags/{name}")
        source = RevisionRanges(repo.path, [Range(ZEROS, tag, ref=f"refs/tags/{name}")], excluded=["--branches"])
        kinds = sorted(found.origin.kind for found in scan_new(source, matcher).findings)
        assert kinds == [Kind.REF_NAME, Kind.TAG_MESSAGE, Kind.TAG_MESSAGE]

    def test_a_tag_of_a_blob(self, repo: GitRepo, matcher: Matcher, key: str) -> None:
        blob = repo.blob(f"token = '{key}'\n")
        repo.git("tag", "blob", blob)
        source = RevisionRanges(repo.path, [Range(ZEROS, blob, ref="refs/tags/blob")], excluded=["--branches"])
        assert len(scan_new(source, matcher).findings) == 1

    def test_a_forced_push_over_a_commit_that_is_not_here(self, repo: GitRepo, matcher: Matcher, key: str) -> None:
        repo.commit("leak", {"app.py": f"token = '{key}'\n"})
        ranges = [Range("1" * 40, repo.head(), ref="refs/heads/main")]
        source = RevisionRanges(repo.path, ranges, lenient=True, excluded=["refs/heads/base"])
        result = scan_new(source, matcher)
        assert places(result) == [("app.py", 1)]
        assert any("refs/heads/main: the old commit is not here" in note for note in result.notes)
        with pytest.raises(UnknownRevisionError, match="git fetch origin 1111"):
            RevisionRanges(repo.path, ranges)

    def test_a_forced_push_back_to_an_old_commit(self, repo: GitRepo, matcher: Matcher, key: str) -> None:
        old = repo.head()
        repo.commit("leak", {"app.py": f"token = '{key}'\n"})
        result = scan_new(RevisionRanges(repo.path, [Range(repo.head(), old)]), matcher)
        assert result.findings == ()

    def test_a_server_sees_pushed_objects_in_their_quarantine(
        self, repo: GitRepo, matcher: Matcher, key: str, tmp_path: Path
    ) -> None:
        """A real pre-receive hook runs the source on what git tells it."""
        bare = GitRepo.clone(repo, tmp_path / "server.git", "--bare")
        script = tmp_path / "hook.py"
        script.write_text(HOOK)
        hook = bare.path / "hooks" / "pre-receive"
        hook.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "{Path(__file__).parent.parent}"\n')
        hook.chmod(0o755)
        repo.git("remote", "add", "server", str(bare.path))
        repo.commit("leak", {"app.py": f"one\ntoken = '{key}'\n"})
        with pytest.raises(AssertionError, match=r"found app\.py:2"):
            repo.git("push", "-q", "server", "main")
        repo.git("reset", "-q", "--hard", "HEAD~")
        repo.commit("clean", {"app.py": "one\ntoken = ''\n"})
        repo.git("push", "-q", "server", "main", "main:other", ":base")
        assert bare.git("rev-parse", "main") == repo.head()

    def test_the_lines_of_hooks(self) -> None:
        assert pushed(["refs/heads/a 1 refs/heads/b 2\n", "\n"]) == [Range("2", "1", ref="refs/heads/b")]
        assert received(["1 2 refs/heads/b"]) == [Range("1", "2", ref="refs/heads/b")]
        with pytest.raises(SourceError, match="pre-push"):
            pushed(["one two"])
        with pytest.raises(SourceError, match="pre-receive"):
            received(["one"])


HOOK = """
import sys
sys.path.insert(0, sys.argv[1])
from scanner.matcher import Matcher
from scanner.novelty import scan_new
from scanner.rule import load_rules
from scanner.sources.git import QUARANTINE_VARIABLES
from scanner.sources.git_range import RevisionRanges, received

source = RevisionRanges(".", received(sys.stdin), excluded=["--all"], inherit=QUARANTINE_VARIABLES)
result = scan_new(source, Matcher(load_rules()))
for found in result.findings:
    print(f"found {found.location.path}:{found.location.line}", file=sys.stderr)
for item in result.skipped:
    print(f"skipped {item}", file=sys.stderr)
sys.exit(bool(result.findings or result.skipped))
"""


class TestWhatIsNotThere:
    @pytest.mark.parametrize("name", ["nowhere", "-x", "--all", "HEAD~99", "a\nb", "base^{tree}^{commit}", "é"])
    def test_an_unknown_revision(self, repo: GitRepo, name: str) -> None:
        for base, head in ((name, "HEAD"), ("base", name)):
            with pytest.raises(UnknownRevisionError, match="is not in this repository") as caught:
                RevisionRange(repo.path, base, head)
            assert caught.value.revision == name

    @pytest.mark.parametrize("base", ["HEAD~9", "HEAD^5"])
    def test_what_cannot_be_fetched_is_not_to_be_fetched(self, repo: GitRepo, base: str) -> None:
        with pytest.raises(UnknownRevisionError, match="git log shows which commits there are"):
            RevisionRange(repo.path, base, "HEAD")

    def test_where_nothing_is_committed(self, tmp_path: Path) -> None:
        with pytest.raises(UnknownRevisionError, match="'HEAD' is not in this repository: there is no commit yet"):
            RevisionRange(GitRepo.new(tmp_path / "new").path, "HEAD", "HEAD")

    def test_in_a_shallow_clone_the_way_out_is_named(self, repo: GitRepo, tmp_path: Path) -> None:
        base = repo.head()
        repo.commit("second", {"app.py": "2\n"})
        shallow = GitRepo.clone(repo, tmp_path / "shallow", "--depth=1")
        with pytest.raises(UnknownRevisionError, match="fetch-depth: 0"):
            RevisionRange(shallow.path, base, "HEAD")

    def test_a_way_to_the_base_that_is_cut_off_is_told(
        self, repo: GitRepo, matcher: Matcher, key: str, tmp_path: Path
    ) -> None:
        repo.commit("hidden", {"hidden.py": f"token = '{key}'\n"})
        repo.commit("removed", {"hidden.py": None})
        repo.commit("head", {"app.py": f"token = '{key}'\n"})
        shallow = GitRepo.clone(repo, tmp_path / "shallow", "--depth=1", "--no-single-branch")
        for symmetric in (False, True):
            result = diff(shallow, matcher, "origin/base", "HEAD", symmetric=symmetric)
            assert places(result) == [("app.py", 1)]
            assert ["git fetch --unshallow" in item.reason for item in result.skipped] == [True]

    def test_a_shallow_clone_that_reaches_the_base_is_complete(
        self, repo: GitRepo, matcher: Matcher, key: str, tmp_path: Path
    ) -> None:
        repo.commit("one", {"app.py": f"token = '{key}'\n"})
        repo.commit("two", {"two.py": "2\n"})
        shallow = GitRepo.clone(repo, tmp_path / "shallow", "--depth=3", "--no-single-branch")
        result = diff(shallow, matcher, "origin/base", "HEAD")
        assert places(result) == [("app.py", 1)]
        assert result.complete

    @pytest.mark.parametrize("what", ["HEAD:app.py", "HEAD^{tree}", "HEAD~^{tree}", "HEAD~"])
    def test_a_missing_object_is_told(self, repo: GitRepo, matcher: Matcher, key: str, what: str) -> None:
        repo.commit("one", {"one.py": f"token = '{key}'\n"})
        repo.commit("two", {"app.py": "2\n"})
        repo.object_file(repo.git("rev-parse", what)).unlink()
        result = diff(repo, matcher)
        assert not result.complete
        if what != "HEAD~":
            assert places(result) == [("one.py", 1)]

    def test_a_missing_version_of_the_base_keeps_the_finding_and_a_note_says_why(
        self, repo: GitRepo, matcher: Matcher, key: str
    ) -> None:
        repo.commit("old leak", {"app.py": f"token = '{key}'\n"})
        repo.git("branch", "-f", "base")
        repo.commit("edit", {"app.py": f"# more\ntoken = '{key}'\n"})
        repo.object_file(repo.git("rev-parse", "base:app.py")).unlink()
        result = diff(repo, matcher)
        assert places(result) == [("app.py", 2)]
        assert any("not read for comparison" in note for note in result.notes)

    def test_unrelated_histories(self, repo: GitRepo, matcher: Matcher, key: str) -> None:
        repo.git("checkout", "-q", "--orphan", "other")
        repo.commit("other", {"app.py": f"token = '{key}'\n"})
        for symmetric in (False, True):
            result = diff(repo, matcher, symmetric=symmetric)
            assert places(result) == [("app.py", 1)]
            assert result.complete


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a..b", Range("a", "b")),
        ("a...b", Range("a", "b", symmetric=True)),
        ("a..", Range("a", "HEAD")),
        ("..b", Range("HEAD", "b")),
        ("...b", Range("HEAD", "b", symmetric=True)),
        ("v1.0..v1.1", Range("v1.0", "v1.1")),
        ("HEAD@{2 days ago}..@", Range("HEAD@{2 days ago}", "@")),
    ],
)
def test_ranges_are_written_as_git_does(text: str, expected: Range) -> None:
    assert parse_range(text) == expected


@pytest.mark.parametrize("text", ["", "main", "..", "...", "a..b..c", "a....b"])
def test_what_is_no_range(text: str) -> None:
    with pytest.raises(SourceError, match=r"BASE\.\.HEAD"):
        parse_range(text)


def test_quarantine_is_inherited_only_when_asked_for(repo: GitRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(repo.path / "nowhere"))
    assert RevisionRange(repo.path, "base", "HEAD").chunks()
    with pytest.raises(SourceError):
        RevisionRanges(repo.path, [Range("base", "HEAD")], inherit=QUARANTINE_VARIABLES)
