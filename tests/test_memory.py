"""A scan that remembers: the same report as one that does not, whatever became of repository, rules and folder."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner import build, pipeline
from scanner import memory as memories
from scanner.fakes import Fake, KeyMaker
from scanner.matcher import Matcher
from scanner.memory import Memory, open_memory
from scanner.models import Finding, ScanResult
from scanner.remembered import Remembered, keep, recall
from scanner.rule import RuleSet
from scanner.sources.git_history import GitHistory
from tests.gitrepo import GitRepo
from tests.test_packs import history
from tests.test_sieve import edited, key_text, lines, told

PEPPER = b"a pepper of tests"


@pytest.fixture(scope="module")
def bulk(rules: RuleSet) -> Matcher:
    made = Matcher(rules, "vectorscan")
    assert made.sieve(compile_now=True) is not None
    return made


@pytest.fixture
def kept(tmp_path: Path) -> Memory:
    found = open_memory(tmp_path / "kept", PEPPER)
    assert found is not None
    return found


def remembering(repo: GitRepo, matcher: Matcher, memory: Memory, **options: bool) -> ScanResult:
    source = GitHistory(repo.path, memory=memory, **options)
    return pipeline.scan(source, matcher, memory=memory)


def same(repo: GitRepo, matcher: Matcher, memory: Memory, **options: bool) -> ScanResult:
    """A scan that remembers, and says what one says that does not."""
    result = remembering(repo, matcher, memory, **options)
    plain = Matcher(matcher.rules, "aho")
    assert told(result) == told(pipeline.scan(GitHistory(repo.path, **options), plain))
    return result


def with_keys(place: Path, key: bytes) -> GitRepo:
    repo = history(place, 3)
    for number in range(4):
        text = b"%d\n" % number + b"line\n" * 200 + b"x = " + key + b"\n"
        repo.commit(files={"b.txt": text, "c/d.txt": b"%d" % number})
    repo.git("repack", "-adfq")
    return repo


def key_of(new_key: Callable[..., Fake]) -> bytes:
    return new_key("stripe-secret-key").key


# --- reports stay the same ---


def test_another_build_of_the_same_version_trusts_nothing(kept: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.write("x", b"content")
    assert kept.read("x") == b"content"
    monkeypatch.setattr(memories, "build", lambda *_: "another")
    assert kept.read("x") is None


def test_a_build_is_told_by_its_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = set()
    for text in ("a = 1", "a = 2"):
        (tmp_path / "pattern").mkdir(exist_ok=True)
        (tmp_path / "pattern" / "one.py").write_text(text)
        monkeypatch.setattr(build, "__file__", str(tmp_path / "build.py"))
        build.build.cache_clear()
        told |= {build.build("", "pattern"), build.build("pattern")}
    build.build.cache_clear()
    assert len(told) == 2


def test_a_second_scan_reads_hardly_anything(
    tmp_path: Path, bulk: Matcher, kept: Memory, new_key: Callable[..., Fake]
) -> None:
    repo = with_keys(tmp_path / "r", key_of(new_key))
    assert same(repo, bulk, kept).findings
    assert same(repo, bulk, kept).findings
    source = GitHistory(repo.path, memory=kept)
    assert source.sifting(2, recall(kept).known) == []
    assert list(source.prepare(2, recall(kept).known)) == []


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 1 << 40))
def test_whatever_happens_in_between(
    seed: int, tmp_path_factory: pytest.TempPathFactory, bulk: Matcher, rules: RuleSet
) -> None:
    rng = random.Random(seed)
    memory = open_memory(tmp_path_factory.mktemp("m"), PEPPER)
    assert memory is not None
    repo = GitRepo.new(tmp_path_factory.mktemp("r"))
    keys = [key_text(rng, rng.choice(list(rules))) for _ in range(3)]
    files = {path: lines(rng, 40) for path in ("a.py", "b/app.yaml")}
    for number in range(rng.randrange(2, 6)):
        path = rng.choice(sorted(files))
        files[path] = edited(rng, files[path], keys)
        repo.commit(rng.choice(["change", keys[0].decode("latin-1").replace("\0", "")]), files=files)
        what = rng.randrange(6)
        if what == 0:
            repo.git("repack", "-adfq")
        elif what == 1:
            repo.git("repack", "-q")
        elif what == 2:
            repo.git("reset", "-q", "--hard", "HEAD~1" if number else "HEAD")
        elif what == 3:
            repo.git("branch", "-f", "other")
        elif what == 4:
            repo.git("tag", "-f", "-a", "v", "-m", "a tag")
        same(repo, bulk, memory)


def test_new_commits_are_found(tmp_path: Path, bulk: Matcher, kept: Memory, new_key: Callable[..., Fake]) -> None:
    repo = with_keys(tmp_path / "r", key_of(new_key))
    same(repo, bulk, kept)
    repo.commit(files={"new.txt": b"y = " + key_of(new_key)})
    assert len(same(repo, bulk, kept).findings) == 2
    repo.git("repack", "-adfq")
    assert len(same(repo, bulk, kept).findings) == 2
    repo.git("rm", "-q", "new.txt")
    repo.commit("gone")
    removed = [one.history.removed for one in same(repo, bulk, kept).findings if one.history]
    assert sum(one is not None for one in removed) == 1


def test_a_submodule_that_comes_later_is_read(
    tmp_path: Path, bulk: Matcher, kept: Memory, new_key: Callable[..., Fake]
) -> None:
    inner = with_keys(tmp_path / "inner", key_of(new_key))
    outer = GitRepo.new(tmp_path / "outer")
    outer.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner.path), "lib")
    outer.commit()
    clone = GitRepo.clone(outer, tmp_path / "clone")
    for _ in range(2):
        assert [one.what for one in same(clone, bulk, kept, submodules=True).skipped] == ["submodule lib"]
    clone.git("-c", "protocol.file.allow=always", "submodule", "update", "-q", "--init")
    for _ in range(2):
        assert same(clone, bulk, kept, submodules=True).findings


def test_only_what_is_new_is_looked_through(
    tmp_path: Path, bulk: Matcher, kept: Memory, new_key: Callable[..., Fake]
) -> None:
    repo = with_keys(tmp_path / "r", key_of(new_key))
    same(repo, bulk, kept)
    before = recall(kept).known
    repo.commit(files={"new.txt": b"y\n" * 500})
    repo.git("repack", "-q")
    pieces = GitHistory(repo.path, memory=kept).sifting(2, before)
    assert pieces is not None
    names = {name for piece in pieces for name in piece.names()}
    assert len(names) == 2  # the file and the commit
    assert not names & before


def test_an_object_that_is_lost_is_missed(
    tmp_path: Path, bulk: Matcher, kept: Memory, new_key: Callable[..., Fake]
) -> None:
    repo = with_keys(tmp_path / "r", key_of(new_key))
    repo.commit(files={"late.txt": b"late\n"})
    same(repo, bulk, kept)
    repo.object_file(repo.git("rev-parse", "HEAD:late.txt")).unlink()
    assert same(repo, bulk, kept).skipped


def test_rules_that_change_are_looked_for_in_what_is_known(
    tmp_path: Path, bulk: Matcher, kept: Memory, rules: RuleSet, new_key: Callable[..., Fake]
) -> None:
    repo = with_keys(tmp_path / "r", key_of(new_key))
    fewer = Matcher(RuleSet([rule for rule in rules if rule.provider != "stripe"]), "vectorscan")
    assert fewer.sieve(compile_now=True)
    assert not same(repo, fewer, kept).findings
    assert recall(kept).changed(bulk.digests) == {rule.id for rule in rules if rule.provider == "stripe"}
    assert [one.rule_id for one in same(repo, bulk, kept).findings] == ["stripe-secret-key"]
    assert not recall(kept).changed(bulk.digests)
    assert not same(repo, fewer, kept).findings
    assert same(repo, bulk, kept).findings


@pytest.mark.parametrize("loose", [False, True])
def test_rules_that_change_are_looked_for_in_what_was_away_meanwhile(
    loose: bool, tmp_path: Path, bulk: Matcher, kept: Memory, rules: RuleSet, new_key: Callable[..., Fake]
) -> None:
    """One folder for several repositories, or for clones of one that hold more or less of it."""
    fewer = Matcher(RuleSet([rule for rule in rules if rule.provider != "stripe"]), "vectorscan")
    assert fewer.sieve(compile_now=True)
    one, other = with_keys(tmp_path / "r", key_of(new_key)), with_keys(tmp_path / "o", key_of(new_key))
    for repo in (one, other):
        assert not same(repo, fewer, kept).findings
    assert same(one, bulk, kept).findings
    if loose:
        packs = list((other.path / ".git/objects/pack").iterdir())
        for number, file in enumerate(sorted(packs, key=lambda file: file.suffix != ".pack")):
            content = file.read_bytes()
            file.unlink()
            if not number:
                other.git("unpack-objects", "-q", stdin=content)
    assert same(other, bulk, kept).findings


@pytest.mark.parametrize("name", ["index", "other"])
def test_a_branch_that_moves_between_commits_that_were_there(
    name: str, tmp_path: Path, bulk: Matcher, kept: Memory, new_key: Callable[..., Fake]
) -> None:
    repo = with_keys(tmp_path / "r", key_of(new_key))
    bare = GitRepo(tmp_path / "bare")
    GitRepo(tmp_path).git("clone", "-q", "--bare", str(repo.path), str(bare.path))
    empty = bare.git("commit-tree", "-m", "empty", bare.git("hash-object", "-t", "tree", "-w", "--stdin", stdin=b""))
    full = bare.git("rev-parse", "main")
    bare.git("update-ref", f"refs/heads/{name}", empty)
    bare.git("symbolic-ref", "HEAD", f"refs/heads/{name}")
    bare.git("update-ref", "-d", "refs/heads/main")
    assert not same(bare, bulk, kept).findings
    bare.git("update-ref", f"refs/heads/{name}", full)
    assert same(bare, bulk, kept).findings


def test_refs_that_are_kept_elsewhere_are_asked_for_again(
    tmp_path: Path, bulk: Matcher, kept: Memory, new_key: Callable[..., Fake]
) -> None:
    repo = with_keys(tmp_path / "r", key_of(new_key))
    empty = repo.git("commit-tree", "-m", "empty", repo.git("hash-object", "-t", "tree", "-w", "--stdin", stdin=b""))
    full = repo.git("rev-parse", "main")
    bare = GitRepo(tmp_path / "bare")
    GitRepo(tmp_path).git("clone", "-q", "--bare", str(repo.path), str(bare.path))
    bare.git("update-ref", "refs/heads/main", full)  # out of the file of packed refs
    (bare.path / "packed-refs").unlink(missing_ok=True)
    shutil.copytree(bare.path / "refs/heads", tmp_path / "heads")
    shutil.rmtree(bare.path / "refs/heads")
    (bare.path / "refs/heads").symlink_to(tmp_path / "heads")
    (tmp_path / "heads/main").write_text(empty + "\n")
    assert not same(bare, bulk, kept).findings
    (tmp_path / "heads/main").write_text(full + "\n")
    assert same(bare, bulk, kept).findings


def test_selections_and_unreachable_objects_do_not_mix(
    tmp_path: Path, bulk: Matcher, kept: Memory, new_key: Callable[..., Fake]
) -> None:
    repo = with_keys(tmp_path / "r", key_of(new_key))
    repo.blob(b"z = " + key_of(new_key))
    repo.git("repack", "-adkq")
    assert len(same(repo, bulk, kept).findings) == 1
    assert len(same(repo, bulk, kept, unreachable=True).findings) == 2
    assert len(same(repo, bulk, kept).findings) == 1
    chosen = bulk.only(frozenset({"github-personal-access-token"}))
    assert not same(repo, chosen, kept).findings
    assert len(same(repo, bulk, kept).findings) == 1


# --- the folder ---


def test_nothing_in_it_tells_a_secret(
    tmp_path: Path, bulk: Matcher, kept: Memory, new_key: Callable[..., Fake]
) -> None:
    key = key_of(new_key)
    repo = with_keys(tmp_path / "r", key)
    repo.commit(f"about {key.decode()}", files={f"{key.decode()}.txt": b"x"})
    repo.git("repack", "-adq")
    same(repo, bulk, kept)
    files = list((tmp_path / "kept").iterdir())
    assert files
    for file in files:
        content = file.read_bytes()
        assert key not in content and b"b.txt" not in content and b"Ada Author" not in content
        assert file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "swap", "folder", "other key", "link", "pipe"])
def test_a_folder_that_is_not_ours_costs_time_only(
    tmp_path: Path, bulk: Matcher, kept: Memory, damage: str, new_key: Callable[..., Fake]
) -> None:
    repo = with_keys(tmp_path / "r", key_of(new_key))
    lying = Remembered(dict(bulk.digests), {bytes.fromhex(one) for one in every_object(repo)}, {})
    where = tmp_path / "kept"
    if damage == "other key":
        foreign = open_memory(where, b"another pepper")
        assert foreign is not None
        keep(foreign, lying, lying.known)
    same(repo, bulk, kept)
    for file in sorted(where.iterdir()):
        content = bytearray(file.read_bytes())
        if damage == "flip":
            content[len(content) // 2] ^= 1
            file.write_bytes(content)
        elif damage in {"cut", "empty"}:
            file.write_bytes(content[: len(content) - 3 if damage == "cut" else 0])
        elif damage == "swap":
            file.write_bytes(next(one for one in where.iterdir() if one != file).read_bytes())
        elif damage == "folder":
            file.unlink()
            file.mkdir()
        elif damage == "pipe":  # which nobody ever writes to
            file.unlink()
            os.mkfifo(file)
        elif damage == "link":
            file.rename(tmp_path / file.name)
            file.symlink_to(tmp_path / file.name)
    assert same(repo, bulk, kept).findings


def every_object(repo: GitRepo) -> list[str]:
    return repo.git("cat-file", "--batch-all-objects", "--batch-check=%(objectname)").splitlines()


def test_a_folder_that_cannot_be_written_costs_time_only(
    tmp_path: Path, bulk: Matcher, new_key: Callable[..., Fake]
) -> None:
    repo = with_keys(tmp_path / "r", key_of(new_key))
    (tmp_path / "file").write_text("in the way")
    memory = open_memory(tmp_path / "file", PEPPER)
    assert memory is not None and same(repo, bulk, memory).findings


@given(st.binary(max_size=300))
def test_what_is_written_is_read(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        memory = Memory(Path(folder), b"k" * 32)
        assert memory.write("name", content) and memory.read("name") == content
        assert memory.read("other") is None
        shutil.copy(Path(folder, "name.keysweep"), Path(folder, "other.keysweep"))
        assert memory.read("other") is None
        assert Memory(Path(folder), b"j" * 32).read("name") is None


def test_the_oldest_files_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memories, "LIMIT", 3000)
    memory = Memory(tmp_path, b"k" * 32)
    for number in range(8):
        assert memory.write(str(number), bytes(900))
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 3000
    assert memory.read("7") is not None and memory.read("0") is None
    assert not memory.write("large", bytes(4000))


def test_without_a_pepper_the_key_is_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYSWEEP_STATE_DIR", str(tmp_path / "state"))
    first, second = open_memory(tmp_path / "m", b""), open_memory(tmp_path / "m", b"")
    assert first is not None and second is not None
    assert first.write("name", b"content") and second.read("name") == b"content"
    (file,) = (tmp_path / "state").iterdir()
    assert file.stat().st_mode & 0o077 == 0 and file.read_bytes() not in (tmp_path / "m/name.keysweep").read_bytes()
    file.chmod(0o644)
    assert open_memory(tmp_path / "m", b"") is None


def test_what_is_remembered_survives_packing(kept: Memory) -> None:
    found = Remembered({"rule": "1"}, {bytes([value]) * 20 for value in range(9)}, {bytes(20): (("rule", -1),)})
    keep(kept, found, found.known)
    assert recall(kept) == found


def test_secrets_of_findings_are_told_apart_without_being_kept(
    tmp_path: Path, bulk: Matcher, kept: Memory, rules: RuleSet
) -> None:
    maker = KeyMaker(rules.get("stripe-secret-key"), random.Random())
    repo = with_keys(tmp_path / "r", maker.make().key)
    lives = [one.history for one in same(repo, bulk, kept).findings]
    assert [one.history for one in same(repo, bulk, kept).findings] == lives
    assert all(isinstance(one, Finding) for one in same(repo, bulk, kept).findings)


# --- the command ---


def run(*args: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "KEYSWEEP_IDENTITY_KEY": "a pepper", "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-m", "scanner", "history", "--no-progress", *args]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, check=False)


def test_the_option_and_the_configuration(tmp_path: Path, new_key: Callable[..., Fake]) -> None:
    repo = with_keys(tmp_path / "r", key_of(new_key))
    plain = run("--report", "json", cwd=repo.path)
    for _ in range(2):
        cached = run("--report", "json", "--cache", str(tmp_path / "c"), cwd=repo.path)
        assert (cached.returncode, cached.stdout) == (plain.returncode, plain.stdout)
        assert cached.returncode == 1
    assert list((tmp_path / "c").glob("*.keysweep"))
    (repo.path / ".keysweep.toml").write_text('cache = ".cache"\n')
    assert run(cwd=repo.path).returncode == 1
    assert list((repo.path / ".cache").glob("*.keysweep"))
    (repo.path / ".keysweep.toml").write_text('cache = "../elsewhere"\n')
    outside = run(cwd=repo.path)
    assert outside.returncode == 2 and b"must lie below" in outside.stderr
    assert not (tmp_path / "elsewhere").exists()
