"""Patch text as a source: patches that real git and diff write, and patches that nobody should have written."""

from __future__ import annotations

import base64
import io
import random
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scanner.fakes import Fake, KeyMaker
from scanner.matcher import Matcher
from scanner.models import Chunk, Finding, Kind, Note, Origin, ScanResult, Skipped
from scanner.pipeline import scan
from scanner.rule import RuleSet
from scanner.sources.patch import Patch
from tests.gitrepo import GitRepo

TOKEN = "github-personal-access-token"
NewKey = Callable[..., Fake]


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    made = GitRepo.new(tmp_path / "repo")
    made.commit("first", {"app.py": "".join(f"line {number}\n" for number in range(1, 21))})
    return made


@pytest.fixture
def key(new_key: NewKey) -> str:
    return new_key(TOKEN).key.decode()


def read(patch: bytes | str, matcher: Matcher, **options: int) -> ScanResult:
    data = patch.encode() if isinstance(patch, str) else patch
    return scan(Patch(io.BytesIO(data), "a.patch", **options), matcher)


def places(result: ScanResult) -> list[tuple[str, int, int]]:
    return [(found.location.path, found.location.line, found.location.column) for found in result.findings]


def with_key(key: str, at: int) -> str:
    lines = [f"line {number}\n" for number in range(1, 21)]
    lines.insert(at, f"    token = '{key}'\n")
    return "".join(lines)


FORMS: dict[str, tuple[str, ...]] = {
    "plain": (),
    "no context": ("-U0",),
    "long context": ("-U50",),
    "no prefix": ("--no-prefix",),
    "own prefixes": ("--src-prefix=before/", "--dst-prefix=after/"),
    "full index": ("--full-index", "--binary"),
    "function context": ("-W",),
    "patience": ("--patience", "--inter-hunk-context=9"),
}


@pytest.mark.parametrize("options", FORMS.values(), ids=FORMS.keys())
@pytest.mark.parametrize("path", ["app.py", "b/deep/app.py", "with space.py", "näive.py", 'q"uote\\.py', "tab\tx.py"])
def test_an_added_line_is_found_where_it_will_stand(
    repo: GitRepo, matcher: Matcher, key: str, options: tuple[str, ...], path: str
) -> None:
    repo.commit("before", {path: with_key("", 20)})
    repo.commit("after", {path: with_key(key, 12)})
    result = read(repo.run("diff", *options, "HEAD~", "HEAD"), matcher)
    assert places(result) == [(path, 13, 14)]
    assert result.findings[0].origin.kind is Kind.PATCH
    assert result.complete
    assert result.notes == ()
    assert key not in repr(result)


def test_mnemonic_prefixes(repo: GitRepo, matcher: Matcher, key: str) -> None:
    repo.write("app.py", with_key(key, 12))
    patch = repo.run("-c", "diff.mnemonicPrefix=true", "diff")
    assert b"+++ w/app.py" in patch
    assert places(read(patch, matcher)) == [("app.py", 13, 14)]


def test_a_path_that_is_not_utf_8(repo: GitRepo, matcher: Matcher, key: str) -> None:
    blob = repo.blob(f"x = '{key}'\n")
    repo.git("update-index", "--index-info", stdin=b"100644 %s\tnot-\xff.py\n" % blob.encode())
    for quote in ("true", "false"):
        patch = repo.run("-c", f"core.quotePath={quote}", "diff", "--cached")
        assert places(read(patch, matcher)) == [("not-\\xff.py", 1, 6)]


def test_removed_lines_and_context_are_not_reported(
    repo: GitRepo, matcher: Matcher, key: str, new_key: NewKey
) -> None:
    repo.commit("leaks", {"app.py": f"a = '{key}'\nb = '{new_key(TOKEN).key.decode()}'\nend\n"})
    repo.commit("half clean", {"app.py": f"a = '{key}'\nb = ''\nend\n"})
    assert places(read(repo.run("diff", "HEAD~", "HEAD"), matcher)) == []
    repo.commit("gone", {"app.py": None})
    assert places(read(repo.run("diff", "HEAD~", "HEAD"), matcher)) == []


class TestKeysOfSeveralLines:
    @pytest.fixture
    def pem(self) -> str:
        """A key file as programs write it, with random bytes for numbers."""
        body = base64.b64encode(b"\x30\x82\x04\xa4" + random.randbytes(600)).decode()
        lines = [body[at : at + 64] for at in range(0, len(body), 64)]
        return "\n".join(["-----BEGIN RSA PRIVATE KEY-----", *lines, "-----END RSA PRIVATE KEY-----", ""])

    @pytest.mark.parametrize("context", ["-U0", "-U3"])
    def test_all_of_them_added(self, repo: GitRepo, matcher: Matcher, pem: str, context: str) -> None:
        repo.commit("key", {"app.py": f"line 1\nline 2\n{pem}line 3\n"})
        found = read(repo.run("diff", context, "HEAD~", "HEAD"), matcher).findings
        assert [(one.location.line, one.location.end_line - one.location.line) for one in found] == [
            (3, pem.count("\n") - 2)
        ]

    def test_one_of_them_added_and_the_rest_in_the_context(self, repo: GitRepo, matcher: Matcher, pem: str) -> None:
        lines = pem.splitlines(keepends=True)
        repo.commit("all but one", {"app.py": "".join(lines[:3] + lines[4:])})
        repo.commit("whole", {"app.py": pem})
        found = read(repo.run("diff", "-U50", "HEAD~", "HEAD"), matcher).findings
        assert [one.location.line for one in found] == [1]

    def test_none_of_them_added(self, repo: GitRepo, matcher: Matcher, pem: str) -> None:
        repo.commit("key", {"app.py": f"one\n{pem}two\n"})
        repo.commit("beside it", {"app.py": f"one more\n{pem}two more\n"})
        assert read(repo.run("diff", "-U50", "HEAD~", "HEAD"), matcher).findings == ()


def test_two_changes_of_one_file_in_one_stream_are_two_findings(repo: GitRepo, matcher: Matcher, key: str) -> None:
    repo.commit("one", {"app.py": f"a = '{key}'\n"})
    first = repo.run("diff", "HEAD~", "HEAD")
    repo.commit("two", {"app.py": f"a = '{key}'\n\n\nb = '{key}'\n"})
    second = repo.run("diff", "-U0", "HEAD~", "HEAD")
    assert places(read(first + second, matcher)) == [("app.py", 1, 6), ("app.py", 4, 6)]
    assert len(read(first + first, matcher).findings) == 2


def test_crlf_in_the_content_and_in_the_whole_patch(repo: GitRepo, matcher: Matcher, key: str) -> None:
    repo.git("config", "core.autocrlf", "false")
    repo.commit("crlf", {"app.py": with_key(key, 12).replace("\n", "\r\n")})
    patch = repo.run("diff", "HEAD~", "HEAD")
    assert places(read(patch, matcher)) == [("app.py", 13, 14)]
    mailed = patch.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    result = read(mailed, matcher)
    assert places(result) == [("app.py", 13, 14)]
    assert result.notes == ()


def test_no_newline_at_the_end_of_the_file(repo: GitRepo, matcher: Matcher, key: str) -> None:
    repo.commit("open end", {"app.py": "a"})
    repo.commit("longer", {"app.py": f"b\nc = {key}"})
    patch = repo.run("diff", "HEAD~", "HEAD")
    assert patch.count(b"\\ No newline at end of file") == 2
    assert places(read(patch, matcher)) == [("app.py", 2, 5)]
    chunks = [one for one in Patch(io.BytesIO(patch), "p").chunks() if isinstance(one, Chunk) and one.data]
    assert [one.data for one in chunks] == [f"b\nc = {key}".encode()]


class TestNames:
    def test_the_name_of_a_new_file_is_content(self, repo: GitRepo, matcher: Matcher, key: str) -> None:
        repo.commit("empty", {f"{key}.txt": ""})
        found = read(repo.run("diff", "HEAD~", "HEAD"), matcher).findings
        assert [one.origin.kind for one in found] == [Kind.PATH_NAME]
        repo.commit("filled", {f"{key}.txt": "hello\n"})
        assert read(repo.run("diff", "HEAD~", "HEAD"), matcher).findings == ()

    def test_a_rename_with_an_edit(self, repo: GitRepo, matcher: Matcher, key: str) -> None:
        (repo.path / "app.py").unlink()
        repo.commit("moved", {"new name.py": with_key(key, 12)})
        patch = repo.run("diff", "-M", "HEAD~", "HEAD")
        assert b"rename to new name.py" in patch
        assert places(read(patch, matcher)) == [("new name.py", 13, 14)]

    def test_a_rename_to_a_name_that_is_a_key(self, repo: GitRepo, matcher: Matcher, key: str) -> None:
        repo.git("mv", "app.py", f"{key}.py")
        repo.commit("moved")
        found = read(repo.run("diff", "-M", "HEAD~", "HEAD"), matcher).findings
        assert [one.origin.kind for one in found] == [Kind.PATH_NAME]
        repo.git("mv", f"{key}.py", "clean.py")
        repo.commit("moved back")
        assert read(repo.run("diff", "-M", "HEAD~", "HEAD"), matcher).findings == ()

    def test_a_copy(self, repo: GitRepo, matcher: Matcher, key: str) -> None:
        repo.commit("copied", {"copy.py": with_key(key, 12)})
        patch = repo.run("diff", "-C", "--find-copies-harder", "HEAD~", "HEAD")
        assert b"copy to copy.py" in patch
        assert places(read(patch, matcher)) == [("copy.py", 13, 14)]

    def test_a_folder_called_b_without_prefixes(self, repo: GitRepo, matcher: Matcher, key: str) -> None:
        repo.commit("new", {"b/app.py": f"x = '{key}'\n"})
        assert places(read(repo.run("diff", "--no-prefix", "HEAD~", "HEAD"), matcher)) == [("b/app.py", 1, 6)]
        assert places(read(repo.run("diff", "HEAD~", "HEAD"), matcher)) == [("b/app.py", 1, 6)]

    def test_lines_that_look_like_names(self, repo: GitRepo, matcher: Matcher, key: str) -> None:
        """A removed line that begins with "-- " and an added one that begins with "++ "."""
        repo.commit("sql", {"app.sql": "-- a comment\nselect 1\n"})
        repo.commit("more", {"app.sql": f"++ b/other.py {key}\nselect 1\n"})
        patch = repo.run("diff", "HEAD~", "HEAD")
        assert b"\n--- a comment\n+++ b/other.py" in patch
        assert places(read(patch, matcher)) == [("app.sql", 1, 15)]


class TestCombined:
    @pytest.fixture
    def merged(self, repo: GitRepo, key: str) -> GitRepo:
        repo.git("checkout", "-q", "-b", "other")
        repo.commit("theirs", {"app.py": with_key("", 2).replace("line 20", "line twenty")})
        repo.git("checkout", "-q", "main")
        repo.commit("ours", {"app.py": with_key("", 20).replace("line 9\n", "line nine\n")})
        repo.git("merge", "-q", "--no-commit", "--no-ff", "-X", "ours", "other")
        text = (repo.path / "app.py").read_text().replace("line 15\n", f"line 15 = '{key}'\n")
        repo.commit("evil", {"app.py": text})
        return repo

    @pytest.mark.parametrize("form", ["--cc", "-c", "--combined-all-paths"])
    def test_a_line_that_only_the_merge_has(self, merged: GitRepo, matcher: Matcher, form: str) -> None:
        options = [form] if form != "--combined-all-paths" else ["-c", form]
        patch = merged.run("diff-tree", "-p", *options, "HEAD")
        assert b"@@@ -" in patch
        result = read(patch, matcher)
        assert places(result) == [("app.py", 16, 12)]
        assert result.complete

    def test_a_deletion_beside_it(self, merged: GitRepo, matcher: Matcher) -> None:
        patch = merged.run("show", "--cc", "HEAD")
        result = read(patch, matcher)
        assert [path for path, _, _ in places(result)] == ["app.py"]
        assert result.notes == ()


class TestMessages:
    def test_format_patch_holds_the_message_too(self, repo: GitRepo, matcher: Matcher, key: str) -> None:
        repo.commit(f"subject\n\nthe key is {key}\n", {"app.py": with_key("", 2)})
        patch = repo.run("format-patch", "--stdout", "-1")
        result = read(patch, matcher)
        line = patch.split(b"\n").index(f"the key is {key}".encode()) + 1
        assert places(result) == [("a.patch", line, 12)]
        assert result.notes == ()
        assert result.complete

    def test_a_series_and_its_signatures(self, repo: GitRepo, matcher: Matcher, key: str) -> None:
        for number in range(3):
            repo.commit(f"number {number}", {f"{number}.py": f"x = {number}\ny = '{key}'\n"})
        result = read(repo.run("format-patch", "--stdout", "-3", "--stat"), matcher)
        assert places(result) == [("0.py", 2, 6), ("1.py", 2, 6), ("2.py", 2, 6)]
        assert result.notes == ()

    @pytest.mark.parametrize("command", [("show",), ("log", "-p"), ("log", "-p", "--format=fuller", "--stat", "--raw")])
    def test_what_git_shows(self, repo: GitRepo, matcher: Matcher, key: str, command: tuple[str, ...]) -> None:
        repo.commit("one", {"app.py": with_key(key, 3)})
        repo.commit("two", {"app.py": with_key(key, 16)})
        result = read(repo.run(*command), matcher)
        newest = ("app.py", 17, 14)
        assert places(result) == ([newest] if command == ("show",) else [newest, ("app.py", 4, 14)])
        assert result.notes == ()
        assert result.complete


class TestBinary:
    def test_is_skipped_and_named(self, repo: GitRepo, matcher: Matcher) -> None:
        repo.commit("binary", {"a b.bin": b"\0\1\2" * 100, "app.py": with_key("", 3)})
        for options in ((), ("--binary",)):
            result = read(repo.run("diff", *options, "HEAD~", "HEAD"), matcher)
            assert [item.what for item in result.skipped] == ["a b.bin"]
            assert result.notes == ()
        repo.commit("changed", {"a b.bin": b"\0\1\2" * 100 + b"\3"})
        for options in ((), ("--binary",)):
            result = read(repo.run("diff", *options, "HEAD~", "HEAD"), matcher)
            assert [item.what for item in result.skipped] == ["a b.bin"]

    def test_a_removed_one_is_not(self, repo: GitRepo, matcher: Matcher) -> None:
        repo.commit("binary", {"a.bin": b"\0\1\2" * 100})
        repo.commit("gone", {"a.bin": None})
        for options in ((), ("--binary",)):
            assert read(repo.run("diff", *options, "HEAD~", "HEAD"), matcher).skipped == ()

    def test_what_follows_it_is_read(self, repo: GitRepo, matcher: Matcher, key: str) -> None:
        repo.commit("binary", {"a.bin": b"\0\1\2" * 100, "app.py": with_key(key, 12)})
        for options in ((), ("--binary",)):
            result = read(repo.run("diff", *options, "HEAD~", "HEAD"), matcher)
            assert places(result) == [("app.py", 13, 14)]


def run_diff(folder: Path, *args: str) -> bytes:
    done = subprocess.run(["diff", *args], cwd=folder, capture_output=True, check=False)
    assert done.returncode == 1, done.stderr
    return done.stdout


class TestOtherPrograms:
    @pytest.fixture
    def folders(self, tmp_path: Path, key: str) -> Path:
        for name, text in (("old", with_key("", 20)), ("new", with_key(key, 12))):
            (tmp_path / name / "dir").mkdir(parents=True)
            (tmp_path / name / "dir" / "app.py").write_text(text)
        return tmp_path

    def test_diff_of_folders(self, folders: Path, matcher: Matcher) -> None:
        result = read(run_diff(folders, "-ru", "old", "new"), matcher)
        assert places(result) == [("dir/app.py", 13, 14)]
        assert result.notes == ()

    def test_diff_of_files(self, folders: Path, matcher: Matcher, key: str) -> None:
        (folders / "app.py").write_text(with_key(key, 12))
        (folders / "app.py.orig").write_text(with_key("", 20))
        assert places(read(run_diff(folders, "-u", "app.py.orig", "app.py"), matcher)) == [("app.py", 13, 14)]

    def test_subversion(self, matcher: Matcher, key: str) -> None:
        patch = (
            f"Index: trunk/app.py\n{'=' * 67}\n--- trunk/app.py\t(revision 1)\n+++ trunk/app.py\t(working copy)\n"
            f"@@ -1 +1,2 @@\n one\n+two {key}\n"
        )
        result = read(patch, matcher)
        assert places(result) == [("trunk/app.py", 2, 5)]
        assert result.notes == ()

    @pytest.mark.parametrize("form", ["-c", "--normal", "-e"])
    def test_forms_that_are_not_understood_are_scanned_as_text(
        self, folders: Path, matcher: Matcher, form: str
    ) -> None:
        result = read(run_diff(folders, "-r", form, "old", "new"), matcher)
        assert [path for path, _, _ in places(result)] == ["a.patch"]
        assert any("plain text" in note for note in result.notes)


class TestHostile:
    def test_text_that_is_no_patch(self, matcher: Matcher, key: str) -> None:
        result = read(f"hello\nthe key is {key}\n", matcher)
        assert places(result) == [("a.patch", 2, 12)]
        assert result.notes == ("a.patch: 2 lines belong to no patch and were scanned as plain text, from line 1 on",)

    def test_an_empty_one(self, matcher: Matcher) -> None:
        result = read("", matcher)
        assert result.complete
        assert result.notes == ("a.patch: nothing to read: the patch is empty",)

    @pytest.mark.parametrize(
        "line",
        ["--- {}", "+++ {}", "diff --git {} {}", "diff -u {} x", "Index: {}", "@@ {} @@", "+{}", "-{}", " {}", "\\ {}",
         "index {}", "rename to {}", "--- x\n{}", "GIT binary patch\n{}", "-- \n{}", "@@ -1 +1\n+{}", "{}"],
    )  # fmt: skip
    def test_nothing_that_is_no_patch_is_lost(self, matcher: Matcher, key: str, line: str) -> None:
        for text in (line.format(key, key), line.format(key, key) + "\n", f"\n\n{line.format(key, key)}\nmore\n"):
            result = read(text, matcher)
            assert result.findings, text.replace(key, "KEY")

    @pytest.mark.parametrize(
        ("header", "found"),
        [
            ("@@ -1 +1,2 @@", [("x.py", 2), ("x.py", 3)]),
            ("@@ -1 +1 @@", [("x.py", 2), ("x.py", 3)]),
            ("@@ -0,0 +1,0 @@", []),
            ("@@ -1,9 +1,99 @@", [("x.py", 2), ("x.py", 3)]),
            ("@@ -1,999999999999999999 +1,999999999999999999 @@", [("x.py", 2), ("x.py", 3)]),
            ("@@@ -1 +1,3 @@@", []),
        ],
    )
    def test_counts_that_lie_lose_nothing(
        self, matcher: Matcher, new_key: NewKey, header: str, found: list[tuple[str, int]]
    ) -> None:
        one, two, three = (new_key(TOKEN).key.decode() for _ in range(3))
        patch = (
            f"diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n{header}\n first\n+a {one}\n+b {two}\n"
            f"diff --git a/y.py b/y.py\n--- a/y.py\n+++ b/y.py\n@@ -1 +1,2 @@\n x\n+c {three}\n"
        )
        result = read(patch, matcher)
        assert len({found_one.secret for found_one in result.findings}) == 3
        assert ("y.py", 2) in [place[:2] for place in places(result)]
        if found:
            assert [place[:2] for place in places(result) if place[0] == "x.py"] == found

    def test_names_without_a_first_line_behind_a_hunk_that_told_too_many_lines(
        self, matcher: Matcher, key: str
    ) -> None:
        patch = (
            "--- a/x.py\n+++ b/x.py\n@@ -1,5 +1,6 @@\n first\n+second\n"
            f"--- a/y.py\n+++ b/y.py\n@@ -1 +1,2 @@\n x\n+c {key}\n"
        )
        result = read(patch, matcher)
        assert places(result) == [("y.py", 2, 3)]
        assert any("number of lines" in note for note in result.notes)

    def test_an_end_amid_a_hunk_is_told(self, repo: GitRepo, matcher: Matcher, key: str) -> None:
        repo.commit("long", {"app.py": with_key(key, 12)})
        patch = repo.run("diff", "HEAD~", "HEAD")
        cut = patch[: patch.index(b"\n line 14") + 1]
        result = read(cut, matcher)
        assert places(result) == [("app.py", 13, 14)]
        assert [item.what for item in result.skipped] == ["a.patch"]
        assert "amid a hunk" in result.skipped[0].reason

    def test_a_hunk_without_a_file(self, matcher: Matcher, key: str) -> None:
        assert places(read(f"@@ -1 +5,2 @@\n x\n+{key}\n", matcher)) == [("a.patch", 6, 1)]

    def test_a_name_with_escapes_that_climbs_out_is_only_a_name(self, matcher: Matcher, key: str) -> None:
        patch = f'--- /dev/null\n+++ "b/../../etc/\\033[31mpass\\nwd"\n@@ -0,0 +1 @@\n+{key}\n'
        assert places(read(patch, matcher)) == [("../../etc/\x1b[31mpass\nwd", 1, 1)]

    def test_reading_that_fails_is_told(self, matcher: Matcher, key: str) -> None:
        class Failing(io.BytesIO):
            def readline(self, size: int | None = -1, /) -> bytes:
                return super().readline(size) or self.fail()

            def fail(self) -> bytes:
                raise OSError(5, "Input/output error")

        result = scan(Patch(Failing(f"+++ x\n{key}\n".encode()), "a.patch"), matcher)
        assert len(result.findings) == 1
        assert [item.reason for item in result.skipped] == ["reading failed before its end: Input/output error"]

    @given(data=st.binary(max_size=300), seed=st.integers(0, 2**32))
    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_spoilt_patches_never_crash(self, data: bytes, seed: int) -> None:
        rng = random.Random(seed)
        lines = [b"diff --git a/x b/x", b"--- a/x", b"+++ b/x", b"@@ -1,2 +1,3 @@", b" a", b"+b", b"-c", b"\\ No",
                 b"@@@ -1 -1 +1,2 @@@", b"++x", b"Binary files a and b differ", b"GIT binary patch", b"literal 3",
                 b"-- ", b"From 0123456789 Mon", b'+++ "b/\\', b"+++ /dev/null", b"rename to y", b"", data]  # fmt: skip
        text = b"\n".join(rng.choices(lines, k=rng.randrange(1, 40)))
        items = list(Patch(io.BytesIO(text), "p", window=16, overlap=8).chunks())
        assert all(isinstance(item, Chunk | Skipped | Note) for item in items)


class TestSize:
    def test_a_huge_hunk_is_read_in_pieces(self, matcher: Matcher, new_key: NewKey) -> None:
        """Pieces that are much shorter than the hunk, and keys at every place in it."""
        lines, expected = [], []
        for number in range(1, 2001):
            added = number % 3 == 0
            text = f"value {number}"
            if number % 50 in (0, 2):
                text = f"é {new_key(TOKEN).key.decode()}"
                if added:
                    expected.append(("x.py", number, 3))
            lines.append(("+" if added else " ") + text + "\n")
        old = sum(line.startswith(" ") for line in lines)
        patch = f"--- a/x.py\n+++ b/x.py\n@@ -1,{old} +1,{len(lines)} @@\n" + "".join(lines)
        assert places(read(patch, matcher, window=2000, overlap=500)) == expected
        assert places(read(patch, matcher)) == expected

    def test_a_line_longer_than_any_piece(self, matcher: Matcher, key: str) -> None:
        filler = "x " * 200_000
        patch = (
            f"--- a/x.py\n+++ b/x.py\n@@ -1,2 +1,3 @@\n {filler}{key}\n-{filler}{key}\n"
            f"+{filler}{key} {filler}\n+{key}\n"
        )
        result = read(patch, matcher)
        assert places(result) == [("x.py", 2, 400_001), ("x.py", 3, 1)]

    def test_memory_is_bounded(self, matcher: Matcher) -> None:
        class Endless(io.RawIOBase):
            """A patch of 64 MiB in one hunk, made as it is read."""

            def __init__(self) -> None:
                self.left = 1 << 20

            def readline(self, size: int | None = -1, /) -> bytes:
                self.left -= 1
                if self.left == (1 << 20) - 1:
                    return b"@@ -0,0 +1,%d @@\n" % (self.left - 1)
                return b"+" + b"y" * 62 + b"\n" if self.left > 0 else b""

        largest = total = 0
        for item in Patch(Endless(), "p").chunks():  # type: ignore[arg-type]
            assert isinstance(item, Chunk)
            largest = max(largest, len(item.data))
            total += (len(item.data) if item.end < 0 else item.end) - item.start
        assert total == 63 * ((1 << 20) - 2)
        assert largest < 4 * 1024 * 1024


# --- the property: a patch tells what the new version of a file tells about its added lines ---


@st.composite
def versions(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    """Two versions of a file, as numbers of lines."""
    line = st.integers(0, 9)
    old = draw(st.lists(line, max_size=25))
    new = list(old)
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(new)))
        new[at : at + draw(st.integers(0, 3))] = draw(st.lists(line, max_size=4))
    return old, new


@pytest.fixture(scope="module")
def corpus(rules: RuleSet) -> list[bytes]:
    rng = random.Random()
    maker = KeyMaker(rules.get(TOKEN), rng)
    keys = [b"token = '%s'" % maker.make().key for _ in range(4)]
    return [*keys, b"", b"one", "zwei äö".encode(), b"--- a/x", b"+++ b/x", b"@@ -1 +1 @@"]


@given(pair=versions(), ends=st.tuples(st.booleans(), st.booleans()), context=st.sampled_from(["-U0", "-U3"]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_patch_tells_what_the_new_file_tells_of_its_added_lines(
    tmp_path_factory: pytest.TempPathFactory,
    matcher: Matcher,
    corpus: list[bytes],
    pair: tuple[list[int], list[int]],
    ends: tuple[bool, bool],
    context: str,
) -> None:
    folder = tmp_path_factory.mktemp("pair")
    for name, numbers, end in zip(("old", "new"), pair, ends, strict=True):
        text = b"\n".join(corpus[number] for number in numbers)
        (folder / name).write_bytes(text + (b"\n" if end and numbers else b""))

    def diff(*options: str) -> bytes:
        command = ["git", "diff", "--no-index", *options, "--", "old", "new"]
        return subprocess.run(command, cwd=folder, capture_output=True, check=False).stdout

    added: set[int] = set()
    for found in re.finditer(rb"^@@ -\S+ \+(\d+)(?:,(\d+))? @@", diff("-U0"), re.MULTILINE):
        hunk_is_a_line_of_the_file = diff("-U0")[: found.start()].endswith((b"+", b"-", b" "))
        if not hunk_is_a_line_of_the_file:
            start, count = int(found[1]), int(found[2] or 1)
            added.update(range(start, start + count))
    whole = matcher.find(Chunk((folder / "new").read_bytes(), Origin("new")))
    expected = [place(one) for one in whole if one.location.line in added]
    result = read(diff(context), matcher)
    assert sorted(place(one) for one in result.findings) == sorted(expected)
    assert result.complete
    assert result.notes == () or "empty" in result.notes[0]


def place(found: Finding) -> tuple[int, int, int, bytes]:
    at = found.location
    return at.line, at.column, at.end_column, found.secret.reveal()
