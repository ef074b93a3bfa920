"""A history is read as objects: everything in it is reached, once, and what is missing is told."""

from __future__ import annotations

import pickle
import random
import secrets
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from gitrepo import GitRepo
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.errors import SourceError
from scanner.models import (
    Chunk,
    Confidence,
    Finding,
    History,
    Kind,
    Location,
    Note,
    Origin,
    Secret,
    Severity,
    Skipped,
)
from scanner.sources import git_describe, git_walk
from scanner.sources.git import open_repository
from scanner.sources.git_history import GitHistory
from scanner.sources.git_parts import SLICE
from scanner.sources.git_tree import NewEntries, entries
from scanner.sources.git_trim import TRIM_MARGIN, changed_windows
from scanner.sources.interface import Source


def token() -> str:
    """Something that stands in no repository yet."""
    return "tok" + secrets.token_hex(16)


def items(source: Source) -> list[Chunk | Skipped | Note]:
    return list(source.chunks())


def chunks(source: Source) -> list[Chunk]:
    return [item for item in items(source) if isinstance(item, Chunk)]


def skipped(source: Source) -> list[Skipped]:
    return [item for item in items(source) if isinstance(item, Skipped)]


def notes(source: Source) -> str:
    return " | ".join(item.text for item in items(source) if isinstance(item, Note))


def beginning(chunk: Chunk, text: str) -> Iterable[int]:
    """Where the text begins inside the chunk's window."""
    wanted, end = text.encode(), len(chunk.data) if chunk.end < 0 else chunk.end
    at = chunk.data.find(wanted, chunk.start)
    while 0 <= at < end:
        yield at
        at = chunk.data.find(wanted, at + 1)


def found(source: Source, text: str) -> list[Finding]:
    """What a matcher for this very text finds."""
    return [finding(chunk, at, text) for chunk in chunks(source) for at in beginning(chunk, text)]


def finding(chunk: Chunk, at: int, text: str) -> Finding:
    start = chunk.offset + at
    line = chunk.line + chunk.data.count(b"\n", 0, at)
    return Finding(
        rule_id="made-up",
        provider="made",
        title="Made up",
        severity=Severity.HIGH,
        confidence=Confidence.HIGH,
        secret=Secret(text.encode()),
        masked="********",
        location=Location(chunk.origin.path, start, start + len(text), line, 1, line, 1),
        origin=chunk.origin,
    )


def located(source: Source, text: str) -> dict[str, Finding]:
    """Findings by path, with their history."""
    return {one.origin.path: one for one in source.locate(found(source, text))}


def life(source: Source, text: str, path: str) -> tuple[Finding, History]:
    one = located(source, text)[path]
    assert one.history is not None
    return one, one.history


def new(path: Path) -> GitRepo:
    repo = GitRepo.new(path / "repo")
    repo.commit("first", {"README": "hello\n"})
    return repo


# Where content is reached


def test_every_blob_and_message_is_read_once(tmp_path: Path) -> None:
    repo = new(tmp_path)
    for number in range(5):
        repo.commit(f"change {number}", {"a.txt": f"{number}\n", f"d{number}/x": "same", f"n{number}": f"n{number}"})
    repo.git("tag", "-a", "-m", "a tag", "v1")
    repo.git("branch", "other")
    counted = Counter((one.origin.kind, one.origin.object_id) for one in chunks(GitHistory(repo.path)))
    listing = repo.git("cat-file", "--batch-all-objects", "--batch-check=%(objecttype) %(objectname)").split("\n")
    for sort, kind in (("blob", Kind.BLOB), ("commit", Kind.COMMIT_MESSAGE), ("tag", Kind.TAG_MESSAGE)):
        expected = {line.split()[1] for line in listing if line.startswith(sort)}
        assert {one for this, one in counted if this is kind} == expected
    kinds = (Kind.BLOB, Kind.COMMIT_MESSAGE, Kind.TAG_MESSAGE)
    assert {counted[key] for key in counted if key[0] in kinds} == {1}
    assert {one.origin.path for one in chunks(GitHistory(repo.path)) if one.origin.kind is Kind.REF_NAME} == {
        "refs/heads/main", "refs/heads/other", "refs/tags/v1",
    }  # fmt: skip


def test_a_removed_file_is_read(tmp_path: Path) -> None:
    repo, text = new(tmp_path), token()
    added = repo.commit("add", {"conf": f"x={text}\n"})
    removed = repo.commit("remove", {"conf": None})
    one, history = life(GitHistory(repo.path), text, "conf")
    assert (one.location.line, one.occurrences) == (1, 1)
    assert history.introduced is not None
    assert history.introduced.id == added
    assert (history.introduced.author, history.introduced.email) == ("Ada Author", "ada@example.org")
    assert history.introduced.date == "2024-01-01T02:00:00Z"
    assert history.removed is not None
    assert history.removed.id == removed
    assert (history.commits, history.paths, history.in_head, history.reachable) == (1, 1, False, True)


def test_content_that_only_a_merge_adds(tmp_path: Path) -> None:
    repo, text = new(tmp_path), token()
    repo.git("checkout", "-q", "-b", "side")
    repo.commit("side", {"side": "s"})
    repo.git("checkout", "-q", "main")
    repo.commit("main", {"main": "m"})
    merge = repo.merge("side", files={"evil": text})
    _, history = life(GitHistory(repo.path), text, "evil")
    assert history.introduced is not None
    assert (history.introduced.id, history.introduced.merge, history.in_head) == (merge, True, True)


def test_a_merge_that_only_brings_what_a_branch_had_introduced_nothing(tmp_path: Path) -> None:
    repo, text = new(tmp_path), token()
    repo.git("checkout", "-q", "-b", "side")
    side = repo.commit("side", {"side": text})
    repo.git("checkout", "-q", "main")
    repo.commit("main", {"main": "m"})
    repo.merge("side")
    _, history = life(GitHistory(repo.path), text, "side")
    assert history.introduced is not None
    assert (history.introduced.id, history.commits, history.in_head) == (side, 2, True)


def test_other_branch_stash_and_reflog(tmp_path: Path) -> None:
    repo = new(tmp_path)
    branch, stash, lost = token(), token(), token()
    repo.git("checkout", "-q", "-b", "other")
    repo.commit("other", {"other": branch})
    repo.git("checkout", "-q", "main")
    repo.write("README", stash)
    repo.git("stash")
    repo.commit("lost", {"lost": lost})
    repo.git("reset", "-q", "--hard", "HEAD~1")
    source = GitHistory(repo.path)
    for text, path in ((branch, "other"), (stash, "README"), (lost, "lost")):
        _, history = life(source, text, path)
        assert history.reachable
        assert history.introduced is not None
        assert not history.in_head


def test_unreachable_objects_are_read_when_asked(tmp_path: Path) -> None:
    repo = new(tmp_path)
    dangling, in_tree, message = token(), token(), token()
    blob = repo.blob(dangling)
    repo.git("checkout", "-q", "-b", "gone")
    repo.commit(message, {"deep/er/file": in_tree})
    repo.git("checkout", "-q", "main")
    repo.git("branch", "-D", "gone")
    repo.git("reflog", "expire", "--expire=now", "--all")
    plain, full = GitHistory(repo.path), GitHistory(repo.path, unreachable=True)
    for text in (dangling, in_tree, message):
        assert not found(plain, text)
        assert found(full, text)
    one, history = life(full, dangling, f"blob {blob[:12]}")
    assert (one.origin.object_id, history) == (blob, History(reachable=False))
    assert not life(full, in_tree, "deep/er/file")[1].reachable


def test_messages_and_names(tmp_path: Path) -> None:
    repo = new(tmp_path)
    commit, tag, note, ref, file, folder = (token() for _ in range(6))
    where = repo.commit(f"subject\n\nbody {commit}\n", {f"{file}.txt": "f", f"{folder}/x": "x", f"{folder}/y": "y"})
    repo.git("tag", "-a", "-m", f"tag\n\n{tag}", "v1")
    repo.git("notes", "add", "-m", note)
    repo.git("branch", f"b/{ref}")
    source = GitHistory(repo.path)
    one, history = life(source, commit, f"commit {where[:12]}")
    assert one.origin.kind is Kind.COMMIT_MESSAGE
    assert repo.git("cat-file", "commit", where).splitlines()[one.location.line - 1].endswith(commit)
    assert history.introduced is not None
    assert (history.introduced.id, history.in_head) == (where, True)
    (in_tag,) = located(source, tag).values()
    assert in_tag.origin.kind is Kind.TAG_MESSAGE
    assert in_tag.history is not None
    assert in_tag.history.introduced is not None
    assert in_tag.history.introduced.author == "Cleo Committer"
    (in_note,) = located(source, note).values()
    assert (in_note.origin.kind, in_note.origin.path) == (Kind.NOTE, f"note on {where[:12]}")
    assert in_note.history is not None
    assert in_note.history.introduced is not None
    (in_ref,) = located(source, ref).values()
    assert (in_ref.origin.kind, in_ref.origin.path) == (Kind.REF_NAME, f"refs/heads/b/{ref}")
    (in_file,) = located(source, file).values()
    assert (in_file.origin.kind, in_file.origin.path) == (Kind.PATH_NAME, f"{file}.txt")
    assert in_file.history is not None
    assert in_file.history.introduced is not None
    assert (in_file.history.introduced.id, in_file.history.in_head) == (where, True)
    (in_folder,) = located(source, folder).values()
    assert in_folder.origin.path == folder


def test_author_and_committer_are_read(tmp_path: Path) -> None:
    repo, text = new(tmp_path), token()
    repo.commit("x", {"x": "x"})
    repo.git("commit", "-q", "--amend", "--no-edit", f"--author=A <{text}@example.org>")
    assert [one.origin.kind for one in found(GitHistory(repo.path), text)] == [Kind.COMMIT_MESSAGE]


def test_a_second_name_by_pure_rename(tmp_path: Path) -> None:
    repo, text, inside = new(tmp_path), token(), token()
    added = repo.commit("add", {"first": inside})
    (repo.path / "first").rename(repo.path / text)
    repo.commit("rename")
    (repo.path / text).rename(repo.path / "third")
    repo.commit("rename again")
    source = GitHistory(repo.path)
    one, history = life(source, text, text)
    assert one.origin.kind is Kind.PATH_NAME
    assert not history.in_head
    _, history = life(source, inside, "third")
    assert history.introduced is not None
    assert (history.introduced.id, history.commits, history.paths, history.in_head) == (added, 3, 3, True)


def test_rename_with_edit_and_symlink_turned_file(tmp_path: Path) -> None:
    repo, text, linked = new(tmp_path), token(), token()
    (repo.path / "link").symlink_to("README")
    lines = "".join(f"line {number}\n" for number in range(100))
    repo.commit("add", {"old": lines})
    (repo.path / "link").unlink()
    (repo.path / "old").unlink()
    both = repo.commit("change", {"new": lines + text, "link": linked})
    for secret, path in ((text, "new"), (linked, "link")):
        introduced = life(GitHistory(repo.path), secret, path)[1].introduced
        assert introduced is not None
        assert introduced.id == both


def test_attributes_and_configuration_hide_nothing(tmp_path: Path) -> None:
    repo, text = new(tmp_path), token()
    marker, evil = tmp_path / "marker", tmp_path / "evil"
    evil.write_text(f"#!/bin/sh\ntouch '{marker}'\n")
    evil.chmod(0o755)
    repo.commit("add", {".gitattributes": "* -diff\n* binary\n* diff=x\n", "secret": text})
    settings = {
        "color.ui": "always", "diff.x.textconv": str(evil), "diff.external": str(evil), "core.fsmonitor": str(evil),
        "diff.orderFile": "nowhere", "diff.noprefix": "true", "log.showSignature": "true", "gpg.program": str(evil),
        "core.pager": str(evil), "log.diffMerges": "off", "diff.renames": "copies", "log.follow": "true",
    }  # fmt: skip
    for key, value in settings.items():
        repo.git("config", key, value)
    _, history = life(GitHistory(repo.path), text, "secret")
    assert history.in_head
    assert not marker.exists()


def test_replace_refs_and_grafts_hide_nothing(tmp_path: Path) -> None:
    repo, text, grafted = new(tmp_path), token(), token()
    repo.commit("old", {"grafted": grafted})
    repo.commit("old", {"grafted": "clean"})
    clean = repo.blob("nothing here")
    repo.commit("add", {"secret": text})
    repo.git("replace", repo.git("rev-parse", "HEAD:secret"), clean)
    info = repo.path / ".git" / "info"
    info.mkdir(exist_ok=True)
    (info / "grafts").write_text(repo.git("rev-parse", "HEAD~1") + "\n")
    source = GitHistory(repo.path)
    assert life(source, text, "secret")[1].in_head
    assert located(source, grafted)
    assert not notes(source)


def test_nul_bytes_long_lines_and_utf16_are_whole(tmp_path: Path) -> None:
    repo, text = new(tmp_path), token()
    contents = {
        "nul": b"\0\1" + text.encode() + b"\0",
        "long": b"x" * 300_000 + b" " + text.encode() + b" " + b"y" * 300_000,
        "utf16": text.encode("utf-16"),
    }
    repo.commit("add", contents)
    read = {one.origin.path: one.data for one in chunks(GitHistory(repo.path)) if one.origin.kind is Kind.BLOB}
    assert {path: read[path] for path in contents} == contents


def test_tags_of_blobs(tmp_path: Path) -> None:
    repo, annotated, light = new(tmp_path), token(), token()
    repo.git("tag", "-a", "-m", "m", "annotated", repo.blob(annotated))
    repo.git("tag", "light", repo.blob(light))
    source = GitHistory(repo.path)
    for text, path in ((annotated, "refs/tags/annotated"), (light, "refs/tags/light")):
        assert life(source, text, path)[1] == History()


def test_linked_worktree_and_bare_repository(tmp_path: Path) -> None:
    repo, text, detached = new(tmp_path), token(), token()
    repo.commit("add", {"secret": text})
    repo.git("worktree", "add", "-q", "--detach", str(tmp_path / "linked"))
    linked = GitRepo(tmp_path / "linked")
    linked.commit("in the worktree", {"detached": detached})
    bare = GitRepo.clone(repo, tmp_path / "bare.git", "--bare")
    for place in (repo.path, linked.path):
        assert set(located(GitHistory(place), text)) == {"secret"}
        assert set(located(GitHistory(place), detached)) == {"detached"}
    assert life(GitHistory(bare.path), text, "secret")[1].in_head
    assert GitHistory(repo.path).description.worktrees == 1


def test_names_that_are_not_utf8_or_have_line_breaks(tmp_path: Path) -> None:
    repo, text, other = new(tmp_path), token(), token()
    tree = b"100644 blob %s\tbad\xff\0" % repo.blob(text).encode()
    tree += b"100644 blob %s\ttwo\nlines\0" % repo.blob(other).encode()
    made = repo.git("mktree", "-z", stdin=tree)
    commit = repo.git("commit-tree", "-m", "x", made)
    repo.git("update-ref", "refs/heads/odd", commit)
    source = GitHistory(repo.path)
    assert {one.origin.path for one in chunks(source) if one.origin.kind is Kind.PATH_NAME} >= {
        "bad\\xff", "two\nlines",
    }  # fmt: skip
    for secret in (text, other):
        ((_, one),) = located(source, secret).items()
        assert one.history is not None
        assert one.history.introduced is not None
        assert (one.history.introduced.id, one.history.commits) == (commit, 1)


def test_an_empty_repository_is_a_note(tmp_path: Path) -> None:
    repo = GitRepo.new(tmp_path / "repo")
    source = GitHistory(repo.path)
    assert not chunks(source)
    assert not skipped(source)
    assert "nothing to read" in notes(source)
    assert not source.locate([])


def test_sha256_repositories(tmp_path: Path) -> None:
    repo, text = GitRepo.new(tmp_path / "repo", "--object-format=sha256"), token()
    added = repo.commit("add", {"d/secret": text})
    repo.commit("remove", {"d/secret": None})
    introduced = life(GitHistory(repo.path), text, "d/secret")[1].introduced
    assert introduced is not None
    assert introduced.id == added
    assert GitHistory(repo.path).description.branch == "main"


# What is narrowed


def test_ranges_read_what_they_bring(tmp_path: Path) -> None:
    repo, old, middle, late = new(tmp_path), token(), token(), token()
    repo.commit("old", {"old": old})
    repo.git("tag", "base")
    repo.commit("middle", {"middle": middle})
    repo.git("checkout", "-q", "-b", "topic")
    repo.commit("late", {"late": late})
    for revisions, expected in (
        (["base..topic"], [False, True, True]),
        (["main..topic"], [False, False, True]),
        (["main"], [True, True, False]),
        (["topic", "^main"], [False, False, True]),
    ):
        source = GitHistory(repo.path, revisions=revisions)
        assert [bool(found(source, text)) for text in (old, middle, late)] == expected
    _, history = life(GitHistory(repo.path, revisions=["main..topic"]), late, "late")
    assert history.introduced is not None
    assert history.commits == 1


def test_a_branch_and_a_date(tmp_path: Path) -> None:
    repo, old, new_one, side = new(tmp_path), token(), token(), token()
    repo.commit("old", {"old": old})  # 02:00
    repo.git("checkout", "-q", "-b", "side")
    repo.commit("side", {"side": side})  # 03:00
    repo.git("checkout", "-q", "main")
    repo.commit("new", {"new": new_one})  # 04:00
    by_branch = GitHistory(repo.path, branches=["side"])
    assert [bool(found(by_branch, text)) for text in (old, side, new_one)] == [True, True, False]
    by_date = GitHistory(repo.path, since="2024-01-01T03:30:00+00:00")
    assert [bool(found(by_date, text)) for text in (old, side, new_one)] == [False, False, True]
    names = [one.origin.kind for one in chunks(GitHistory(repo.path, since="1 hour ago", branches=["main"]))]
    assert names == [Kind.REF_NAME]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"revisions": ["nowhere"]}, "unknown revision 'nowhere'"),
        ({"revisions": ["0" * 39 + "1"]}, "unknown revision"),
        ({"revisions": ["HEAD..nowhere"]}, "unknown revision"),
        ({"revisions": ["README"]}, "unknown revision"),
        ({"revisions": ["--all"]}, "unknown revision"),
        ({"revisions": [""]}, "unknown revision"),
        ({"revisions": ["^HEAD"]}, "name one to read"),
        ({"branches": ["nowhere"]}, "no branch 'nowhere'"),
        ({"since": "the other day"}, "is not a date"),
        ({"since": "2024-02-31"}, "is not a date"),
    ],
)
def test_what_does_not_exist_is_never_empty(tmp_path: Path, options: dict[str, list[str]], words: str) -> None:
    repo = new(tmp_path)
    with pytest.raises(SourceError, match=words.replace("^", r"\^")):
        GitHistory(repo.path, **options)  # type: ignore[arg-type]


# What is missing


def test_a_shallow_clone_says_so(tmp_path: Path) -> None:
    repo, text = new(tmp_path), token()
    repo.commit("add", {"secret": text})
    repo.commit("remove", {"secret": None})
    source = GitHistory(GitRepo.clone(repo, tmp_path / "shallow", "--depth=1").path)
    assert not found(source, text)
    (gap,) = skipped(source)
    assert "1 shallow boundary commit" in gap.what
    assert "git fetch --unshallow" in gap.reason


def test_a_range_inside_a_shallow_clone_is_complete(tmp_path: Path) -> None:
    repo, text = new(tmp_path), token()
    repo.commit("two", {"two": "2"})
    repo.commit("three", {"secret": text})
    clone = GitRepo.clone(repo, tmp_path / "shallow", "--depth=2")
    source = GitHistory(clone.path, revisions=["HEAD~1..HEAD"])
    assert found(source, text)
    assert not skipped(source)


def test_a_partial_clone_names_what_is_missing(tmp_path: Path) -> None:
    repo, text = new(tmp_path), token()
    repo.git("config", "uploadpack.allowFilter", "true")
    repo.commit("add", {"deep/secret": text})
    repo.commit("change", {"deep/secret": "clean"})
    clone = GitRepo.clone(repo, tmp_path / "partial", "--filter=blob:none", "--no-checkout")
    source = GitHistory(clone.path)
    gaps = skipped(source)
    blob = repo.git("rev-parse", "HEAD~1:deep/secret")
    assert f"deep/secret (object {blob})" in {gap.what for gap in gaps}
    assert len(gaps) == 3
    assert all("partial clone (filter: blob:none)" in gap.reason for gap in gaps)
    assert repo.git("rev-parse", "HEAD") in {one.origin.object_id for one in chunks(source)}


def test_many_missing_objects_are_counted(tmp_path: Path) -> None:
    repo = GitRepo.new(tmp_path / "repo")
    repo.git("config", "uploadpack.allowFilter", "true")
    repo.commit("many", {f"f{number}": f"{number}" for number in range(60)})
    clone = GitRepo.clone(repo, tmp_path / "partial", "--filter=blob:none", "--no-checkout")
    gaps = skipped(GitHistory(clone.path))
    assert len(gaps) == 51
    assert any(gap.what.startswith("10 more objects") for gap in gaps)


def test_a_treeless_clone_is_told_and_does_not_crash(tmp_path: Path) -> None:
    repo, text = new(tmp_path), token()
    repo.git("config", "uploadpack.allowFilter", "true")
    repo.commit(text, {"a/b": "c"})
    clone = GitRepo.clone(repo, tmp_path / "partial", "--filter=tree:0", "--no-checkout")
    source = GitHistory(clone.path)
    assert skipped(source)
    assert located(source, text)


@pytest.mark.parametrize("what", ["HEAD:secret", "HEAD^{tree}", "HEAD~1^{tree}", "HEAD~1", "HEAD"])
def test_a_deleted_object_is_told(tmp_path: Path, what: str) -> None:
    repo, text, other = new(tmp_path), token(), token()
    repo.commit("add", {"d/other": other})
    repo.commit("add", {"secret": text})
    gone = repo.git("rev-parse", what)
    repo.object_file(gone).unlink()
    source = GitHistory(repo.path)
    gaps = skipped(source)
    assert gaps
    assert any(gone in gap.what + gap.reason for gap in gaps)
    assert found(source, other)
    assert all(one.history is not None for one in source.locate(found(source, other)))


@pytest.mark.parametrize("what", ["HEAD:secret", "HEAD^{tree}", "HEAD"])
def test_a_damaged_object_is_told(tmp_path: Path, what: str) -> None:
    repo, text, other = new(tmp_path), token(), token()
    repo.commit("add", {"d/other": other})
    repo.commit("add", {"secret": text + "x" * 5000 + secrets.token_hex(3000)})
    bad = repo.git("rev-parse", what)
    place = repo.object_file(bad)
    data = place.read_bytes()
    place.chmod(0o644)
    place.write_bytes(data[: len(data) // 2])
    source = GitHistory(repo.path)
    gaps = skipped(source)
    assert any(bad in gap.what + gap.reason for gap in gaps)
    assert found(source, other)
    source.locate(found(source, other))


def test_a_cut_pack_is_told(tmp_path: Path) -> None:
    repo, loose = new(tmp_path), token()
    repo.commit("add", {f"f{number}": secrets.token_hex(500) for number in range(20)})
    repo.git("repack", "-adq")
    repo.commit("loose", {"loose": loose})
    (pack,) = (repo.path / ".git" / "objects" / "pack").glob("*.pack")
    pack.chmod(0o644)
    pack.write_bytes(pack.read_bytes()[: pack.stat().st_size // 2])
    source = GitHistory(repo.path)
    assert skipped(source)
    assert found(source, loose)


def test_a_flipped_bit_in_a_pack_is_told(tmp_path: Path) -> None:
    repo, other = new(tmp_path), token()
    repo.commit("add", {"noise": secrets.token_bytes(30_000), "other": other})
    noise = repo.git("rev-parse", "HEAD:noise")
    repo.git("repack", "-adq")
    (pack,) = (repo.path / ".git" / "objects" / "pack").glob("*.pack")
    pack.chmod(0o644)
    data = bytearray(pack.read_bytes())
    data[len(data) // 2] ^= 0xFF  # inside the noise: all else is small
    pack.write_bytes(bytes(data))
    source = GitHistory(repo.path)
    assert any(noise in gap.what for gap in skipped(source))
    assert found(source, other)


def test_a_broken_ref_is_told(tmp_path: Path) -> None:
    repo, text = new(tmp_path), token()
    repo.commit("add", {"secret": text})
    (repo.path / ".git" / "refs" / "heads" / "broken").write_text("1234567890" * 4 + "\n")
    source = GitHistory(repo.path)
    assert any("refs/heads/broken" in gap.reason for gap in skipped(source))
    assert found(source, text)


# Submodules


def submodule(tmp_path: Path) -> tuple[GitRepo, str]:
    text = token()
    inner = GitRepo.new(tmp_path / "inner")
    inner.commit("add", {"secret": text})
    inner.commit("remove", {"secret": None})
    repo = new(tmp_path)
    repo.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner.path), "libs/inner")
    repo.commit("submodule")
    return repo, text


def test_submodules_are_noted_or_read(tmp_path: Path) -> None:
    repo, text = submodule(tmp_path)
    plain = GitHistory(repo.path)
    assert "libs/inner" in notes(plain)
    assert not skipped(plain)
    assert not found(plain, text)
    full = GitHistory(repo.path, submodules=True)
    _, history = life(full, text, "libs/inner/secret")
    assert history.introduced is not None
    assert history.removed is not None


def test_gitpython_describes_and_runs_no_git_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo, _ = submodule(tmp_path)
    repo.git("worktree", "add", "-q", "-b", "feature/x", str(tmp_path / "linked"))
    GitRepo.clone(repo, tmp_path / "bare.git", "--bare")
    monkeypatch.setattr(git_describe, "_by_git", None)  # no second way
    for place, branch, here in (("repo", "main", True), ("linked", "feature/x", True), ("bare.git", "main", False)):
        opened = open_repository(tmp_path / place)
        described = git_describe.describe(opened, git_describe.read_head(opened))
        assert described.branch == branch
        assert [(one.path, one.git_dir is not None) for one in described.submodules] == [("libs/inner", here)]


@pytest.mark.parametrize("modules", [False, True])
def test_gitpython_is_loaded_for_submodules_only(tmp_path: Path, modules: bool) -> None:
    repo = submodule(tmp_path)[0] if modules else new(tmp_path)
    if not modules:
        repo.commit("add", {"a": "text\n"})
    script = "import sys; from scanner.sources.git_history import GitHistory; d = GitHistory(sys.argv[1]).description"
    command = [sys.executable, "-c", f"{script}; print(d.branch, 'git' in sys.modules)", str(repo.path)]
    told = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parent.parent)
    assert told.stdout == f"main {modules}\n"


def test_an_absent_submodule_is_a_gap(tmp_path: Path) -> None:
    repo, _ = submodule(tmp_path)
    clone = GitRepo.clone(repo, tmp_path / "clone")
    (gap,) = skipped(GitHistory(clone.path, submodules=True))
    assert gap.what == "submodule libs/inner"
    assert "git submodule update --init" in gap.reason


@pytest.mark.parametrize("name", ["../../outside", "/etc", "a/../../.."])
def test_a_submodule_name_does_not_lead_outside(tmp_path: Path, name: str) -> None:
    repo, text = new(tmp_path), token()
    outside = GitRepo.new(tmp_path / "outside")
    outside.commit("add", {"secret": text})
    shutil.copytree(outside.path / ".git", repo.path / "outside")
    modules = f'[submodule "{name}"]\n\tpath = {name}\n\turl = x\n'
    head = repo.head()
    repo.write(".gitmodules", modules)
    repo.git("add", ".gitmodules")
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{head},sub")
    repo.git("commit", "-q", "-m", "x")
    assert not found(GitHistory(repo.path, submodules=True), text)


def test_a_hostile_configuration_is_described_all_the_same(tmp_path: Path) -> None:
    repo, text = new(tmp_path), token()
    repo.commit("add", {"secret": text, ".gitmodules": b"\xff\xfe[[[\n"})
    config = repo.path / ".git" / "config"
    config.write_text(config.read_text() + '[include]\n\tpath = nowhere\n[x "y"]\n\tz = %(q)s\n\tz\n[x "y"]\n\tz = 1\n')
    source = GitHistory(repo.path)
    assert source.description.branch == "main"
    assert found(source, text)


# Parts and trimming


def edits(repo: GitRepo, path: str, count: int, size: int) -> set[str]:
    """A history of one file: lines and tokens come and go. Returns every token it ever held."""
    draw = random.Random(size)
    lines = [draw.randbytes(20).hex() for _ in range(size)]
    tokens: set[str] = set()
    for number in range(count):
        for _ in range(draw.randrange(1, 4)):
            at = draw.randrange(len(lines))
            choice = draw.randrange(4)
            if choice == 0:
                tokens.add(text := token())
                lines.insert(at, text)
            elif choice == 1:
                del lines[at]
            elif choice == 2:
                lines[at:at] = lines[draw.randrange(len(lines)) :][:20]
            else:
                lines[at] = draw.randbytes(20).hex()
        repo.commit(f"edit {number}", {path: "\n".join(lines)})
    return tokens


def test_trimming_loses_nothing_and_saves_work(tmp_path: Path) -> None:
    repo = GitRepo.new(tmp_path / "repo")
    tokens = edits(repo, "file", 40, 1000)
    assert tokens
    source = GitHistory(repo.path)
    read = [one for one in chunks(source) if one.origin.kind is Kind.BLOB]
    assert all(any(list(beginning(one, text)) for one in read) for text in tokens)
    assert sum(one.end - one.start for one in read) * 2 < sum(
        len(one.data) for one in {one.origin.object_id: one for one in read}.values()
    )


def test_parts_do_not_depend_on_their_number(tmp_path: Path) -> None:
    repo = GitRepo.new(tmp_path / "repo")
    for number in range(4):
        edits(repo, f"d/file{number}", 3, 300 + number)
    source = GitHistory(repo.path)

    def seen(parts: Sequence[Source]) -> Sequence[object]:
        again = [pickle.loads(pickle.dumps(part)) for part in parts]  # noqa: S301 - our own
        return sorted(
            ((one.origin.path, one.origin.kind, one.origin.object_id, one.start, one.end), hash(one.data))
            for part in again
            for one in chunks(part)
        )

    one, many = source.partitions(1), source.partitions(7)
    assert seen(one) == seen(many)
    assert len(many) > len(one)
    assert sum(part.weight() for part in many[1:]) == source.weight()  # type: ignore[attr-defined]
    assert all("\n" not in str(part) for part in many)


def test_a_part_can_be_split_down_to_one_version(tmp_path: Path) -> None:
    repo = GitRepo.new(tmp_path / "repo")
    edits(repo, "file", 6, 200)
    (_, part) = GitHistory(repo.path).partitions(1)
    todo: list[Source] = [part]
    single: list[Source] = []
    while todo:
        one = todo.pop()
        halves = one.partitions(2)
        (todo if len(halves) > 1 else single).extend(halves)
    read = [{(one.origin.kind, one.origin.object_id) for one in chunks(leaf)} for leaf in single]
    assert all(len(ids) <= 1 or all(kind is Kind.PATH_NAME for kind, _ in ids) for ids in read)
    whole = {(one.origin.kind, one.origin.object_id) for one in chunks(part)}
    assert {key for ids in read for key in ids if key[0] is not Kind.PATH_NAME} == {
        key for key in whole if key[0] is not Kind.PATH_NAME
    }


def test_many_versions_are_cut_into_slices(tmp_path: Path) -> None:
    repo = GitRepo.new(tmp_path / "repo")
    stream = ["blob\nmark :1\ndata 1\nx\n"]
    for number in range(SLICE + 20):
        text = "".join(f"line {line} of {number}\n" for line in range(3))
        stream.append(
            f"commit refs/heads/main\ncommitter A <a@example.org> {1_704_067_200 + number} +0000\n"
            f"data 1\nm\nM 100644 inline file\ndata {len(text)}\n{text}\n"
        )
    repo.git("fast-import", "--quiet", stdin="".join(stream).encode())
    parts = GitHistory(repo.path).partitions(1000)
    sizes = [sum(one.origin.kind is Kind.BLOB for one in chunks(part)) for part in parts]
    assert sorted(size for size in sizes if size) == [20, SLICE]


def test_a_large_blob_is_read_in_windows(tmp_path: Path) -> None:
    repo, text = new(tmp_path), token()
    content = b"0123456789abcde\n" * (17 * 65_536) + text.encode() + b"\n"
    repo.commit("large", {"large": content})
    read = [one for one in chunks(GitHistory(repo.path)) if one.origin.path == "large" and one.offset]
    assert read
    (one,) = found(GitHistory(repo.path), text)
    assert one.location.start == content.index(text.encode())
    assert one.location.line == content.count(b"\n")
    assert located(GitHistory(repo.path), text)["large"].occurrences == 1


def test_the_newest_version_speaks_for_all(tmp_path: Path) -> None:
    repo, text = new(tmp_path), token()
    filler = "".join(f"{number} filler\n" for number in range(1000))
    for number in range(5):
        repo.commit("change", {"file": f"{number}\n" * (number + 1) + filler + text})
    repo.commit("remove", {"file": filler})
    one, history = life(GitHistory(repo.path), text, "file")
    assert one.origin.object_id == repo.git("rev-parse", "HEAD~1:file")
    assert (one.occurrences, history.commits, history.in_head) == (5, 5, False)
    assert one.location.line == 5 + 1000 + 1


def test_removed_in_head_counts_before_other_branches(tmp_path: Path) -> None:
    repo, text = new(tmp_path), token()
    repo.commit("add", {"secret": text})
    repo.git("branch", "side")
    removed = repo.commit("remove", {"secret": None})
    repo.git("checkout", "-q", "side")
    repo.commit("later", {"x": "x"})
    repo.commit("remove there too", {"secret": None})
    repo.git("checkout", "-q", "main")
    history = life(GitHistory(repo.path), text, "secret")[1]
    assert history.removed is not None
    assert history.removed.id == removed


def test_a_copy_counts_as_a_path(tmp_path: Path) -> None:
    repo, text = new(tmp_path), token()
    repo.commit("add", {"one": text, "two/three": text})
    repo.commit("add", {"other": f"edited {text}"})
    found_here = located(GitHistory(repo.path), text)
    assert {one.history.paths for one in found_here.values() if one.history} == {3}


def random_commits(repo: GitRepo, text: str, seed: int) -> tuple[dict[int, list[int]], dict[int, bool]]:
    """Commits with random parents, merges and clocks that go wrong, some of which hold the text. Returns each
    one's parents and whether it holds it; a branch `c<number>` points to each, and HEAD to the last."""
    draw = random.Random(seed)
    parents: dict[int, list[int]] = {}
    holds: dict[int, bool] = {}
    stream: list[str] = []
    for number in range(1, 31):
        older = list(range(max(1, number - 6), number))
        count = min(len(older), draw.choice([1, 1, 1, 2, 2, 3, 0]))
        parents[number] = draw.sample(older, count)
        change = draw.random()
        holds[number] = change < 0.25 or (change < 0.75 and bool(count) and holds[parents[number][0]])
        body = f"version {draw.randrange(5)}\n" + (f"{text}\n" if holds[number] else "")
        time = 1_704_067_200 + number * 60 + draw.choice([0, 0, 0, -300, 300])
        stream.append(f"commit refs/heads/c{number}\nmark :{number}\n")
        stream.append(f"committer A <a@example.org> {time} +0000\ndata 1\nm\n")
        stream += [f"{'merge' if at else 'from'} :{one}\n" for at, one in enumerate(parents[number])]
        stream.append(f"deleteall\nM 100644 inline file\ndata {len(body)}\n{body}\n")
        stream.append(f"M 100644 inline n\ndata 2\n{number:02}\n")
    repo.git("fast-import", "--quiet", stdin="".join(stream).encode())
    repo.git("symbolic-ref", "HEAD", "refs/heads/c30")
    return parents, holds


@pytest.mark.parametrize("seed", range(25))
def test_a_life_is_what_looking_at_every_commit_tells(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if seed % 2:  # two processes take turns
        monkeypatch.setattr(git_walk, "_BLOCK", 1 + seed % 5)
        monkeypatch.setattr(git_walk, "_SEVERAL", 0)
        monkeypatch.setattr("os.cpu_count", lambda: 2)
    repo, text = GitRepo.new(tmp_path / "repo"), token()
    parents, holds = random_commits(repo, text, seed)
    numbers = {repo.git("rev-parse", f"c{number}"): number for number in parents}

    def ancestors(number: int) -> set[int]:
        return {number}.union(*(ancestors(one) for one in parents[number]))

    _, history = life(GitHistory(repo.path), text, "file")
    assert history.commits == sum(holds.values())
    assert history.in_head == holds[30]
    brought = {one for one in parents if holds[one] and not any(holds[parent] for parent in parents[one])}
    assert history.introduced is not None
    first = numbers[history.introduced.id]
    assert first in brought
    assert not (ancestors(first) - {first}) & brought
    taken = {one for one in parents if not holds[one] and parents[one] and holds[parents[one][0]]}
    in_head = taken & ancestors(30)
    if holds[30] or not taken:
        assert history.removed is None
    else:
        assert history.removed is not None
        assert numbers[history.removed.id] in (in_head or taken)


@st.composite
def versions(draw: st.DrawFn) -> list[bytes]:
    """Versions of one content: blocks are put in, taken out, moved, doubled."""
    noise = random.Random(draw(st.integers(0, 2**32)))
    blocks = [noise.randbytes(noise.randrange(0, 6000)) for _ in range(draw(st.integers(1, 8)))]
    result = [b"".join(blocks)]
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(blocks) - 1))
        action = draw(st.sampled_from(["put", "key", "drop", "move", "double", "zeros", "swap byte"]))
        if action == "put":
            blocks.insert(at, noise.randbytes(noise.randrange(0, 3000)))
        elif action == "key":
            blocks.insert(at, b"<%032x>" % noise.getrandbits(128))
        elif action == "drop" and len(blocks) > 1:
            del blocks[at]
        elif action == "move":
            blocks.append(blocks.pop(at))
        elif action == "double":
            blocks.insert(at, blocks[at])
        elif action == "zeros":
            blocks.insert(at, b"\0" * noise.randrange(0, 9000))
        elif blocks[at]:
            place = noise.randrange(len(blocks[at]))
            blocks[at] = blocks[at][:place] + b"%" + blocks[at][place + 1 :]
        result.append(b"".join(blocks))
    return result


@settings(max_examples=300, deadline=None)
@given(versions())
def test_what_lies_outside_of_the_windows_stands_in_the_version_before(contents: list[bytes]) -> None:
    for before, after in pairwise(contents):
        windows = changed_windows(before, after)
        end = 0
        for start, stop in [*windows, (len(after), len(after))]:
            assert end <= start <= stop or start == stop == len(after)
            if start > end:
                same = after[max(0, end - TRIM_MARGIN) : start + TRIM_MARGIN]
                assert same in before
                assert end > 0 or before.startswith(same)
                assert start < len(after) or before.endswith(same)
            end = max(end, stop)


@st.composite
def trees(draw: st.DrawFn) -> list[dict[bytes, bytes]]:
    names = st.binary(min_size=1, max_size=12).filter(lambda name: b"\0" not in name and b"/" not in name)
    listing = draw(st.dictionaries(names, st.binary(min_size=20, max_size=20), max_size=40))
    result = [dict(listing)]
    for _ in range(draw(st.integers(1, 6))):
        for name in draw(st.lists(st.sampled_from(sorted(listing)), max_size=3)) if listing else ():
            listing.pop(name, None)
        listing.update(draw(st.dictionaries(names, st.binary(min_size=20, max_size=20), max_size=3)))
        result.append(dict(listing))
    return result


@settings(max_examples=300, deadline=None)
@given(trees())
def test_no_new_name_in_a_folder_is_missed(listings: list[dict[bytes, bytes]]) -> None:
    reader = NewEntries(20)
    seen: set[bytes] = set()
    before: dict[bytes, bytes] = {}
    for listing in listings:
        raw = b"".join(b"100644 %s\0%s" % (name, listing[name]) for name in sorted(listing))
        assert {name: child for _, name, child in entries(raw, 20)} == listing
        told = reader.add(raw)
        assert set(told) >= listing.items() - before.items()
        assert set(told) <= set(listing.items())
        seen |= {name for name, _ in told}
        assert seen >= set(listing)
        before = listing


def test_findings_of_streams_without_objects_are_left_alone(tmp_path: Path) -> None:
    repo = new(tmp_path)
    chunk = Chunk(b"x", Origin("somewhere", Kind.FILE))
    (one,) = GitHistory(repo.path).locate([finding(chunk, 0, "x")])
    assert one.origin.path == "somewhere"
