"""Sifting a history says too much, perhaps, and never too little: with it and without it, the same report."""

from __future__ import annotations

import base64
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence, Set
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner import pattern, pipeline, sieve, sifting
from scanner.fakes import Fake, KeyMaker
from scanner.matcher import Matcher
from scanner.models import Chunk, Origin, ScanResult
from scanner.place import PLACES, place_of, sort_of, stands_in_tests
from scanner.prefilter.choice import prefilter
from scanner.prefilter.screen import Screen
from scanner.rule import Rule, RuleSet
from scanner.sources.git_history import GitHistory
from scanner.sources.git_trim import lines_around
from scanner.sources.interface import Piece
from scanner.suspicion import Suspicion
from scanner.tables import Tables
from tests.gitrepo import GitRepo

SEED = random.Random().randrange(1 << 40)  # other keys in every run; a failure names it


@pytest.fixture(scope="module")
def bulk(rules: RuleSet) -> Matcher:
    """A matcher with a sieve, compiled once for all tests here."""
    made = Matcher(rules, "vectorscan")
    assert made.sieve(compile_now=True) is not None
    return made


@pytest.fixture(scope="module")
def plain(rules: RuleSet) -> Matcher:
    """A matcher that has none."""
    return Matcher(rules, "aho")


def both_ways(place: Path, bulk: Matcher, plain: Matcher, **options: Any) -> ScanResult:
    """The result of a scan, which is the same with the sieve and without it."""
    sifted = pipeline.scan(GitHistory(place, **options), bulk)
    whole = pipeline.scan(GitHistory(place, **options), plain)
    assert told(sifted) == told(whole), f"seed {SEED}"
    return sifted


def told(result: ScanResult) -> tuple[object, ...]:
    """All that a report is made of, secrets included (told apart, never printed)."""
    keys = [hash((one.secret.reveal(), one.key.reveal())) for one in result.findings]
    return result.findings, keys, result.skipped, result.notes, result.stats


# --- one text ---


@pytest.mark.parametrize("wrapped", ["as it is", "base64", "lines", "utf-16", "hex", "percent", "escaped"])
def test_what_the_matcher_finds_the_sieve_names(bulk: Matcher, rules: RuleSet, wrapped: str) -> None:
    looking = bulk.sieve(compile_now=True)
    assert looking is not None
    rng = random.Random(SEED)
    missed = []
    for rule in rules:
        for example in rule.examples if wrapped == "as it is" else rng.sample(rule.examples, 1):
            text = disguised(KeyMaker(rule, rng).render(example)[0], wrapped)
            path = example.path or "t"
            if bulk.reads_whole(path):
                continue
            suspects, _ = looking.look(text, [(0, len(text))], frozenset())
            named = {one.rule_id for one in suspects if bulk.could_report(one.rule_id, one.places, path)}
            found = {one.rule_id for one in bulk.find(Chunk(text, Origin(path)))}
            missed += [(rule.id, found - named)] if found - named else []
    assert not missed, f"seed {SEED}"


def test_small_files_are_passed_over_only_where_nothing_is(bulk: Matcher, plain: Matcher, rules: RuleSet) -> None:
    rng = random.Random(SEED)
    for rule in rules:
        for example in (*rule.examples, *rule.counterexamples):
            how = rng.choice(["", "", "base64", "lines", "utf-16", "hex", "percent", "escaped"])
            text = disguised(KeyMaker(rule, rng).render(example)[0], how)
            chunk = Chunk(text, Origin(example.path or rng.choice(["a.py", "t", "docs/x.md", ".env", "values.yaml"])))
            found = list(bulk.find(chunk))
            assert found == list(plain.find(chunk)), (rule.id, f"seed {SEED}")
    assert bulk.for_bulk(1 << 40) is bulk


def disguised(text: bytes, how: str) -> bytes:
    if how == "base64":
        return b"x: " + base64.b64encode(text) + b"\n"
    if how == "lines":
        return base64.encodebytes(b"some words before " + text)
    if how == "utf-16":
        return text.decode("latin-1").encode("utf-16-le")
    if how == "hex":
        return text.hex().encode()
    if how == "percent":
        return b"".join(b"%%%02X" % value for value in text)
    if how == "escaped":
        return b"".join(b"\\x%02x" % value for value in text)
    return text


def test_a_screen_matches_wherever_a_pattern_does(bulk: Matcher) -> None:
    rng = random.Random(SEED)
    closely = Suspicion(bulk.rules, Tables(bulk.rules), prefilter([], "aho"))
    screen = Screen(closely.wanted, frozenset(closely.reaches))
    assert screen.open(compile_now=True)
    missed = []
    for rule in closely.wanted:
        tree = pattern.parse(rule.pattern)
        for _ in range(4):
            key = pattern.sample(tree, rng)
            word = rule.keywords[0].text.encode() if rule.context else b""
            for text in (word + b" = " + key, b"\n" + key + b" " + word):
                seen = screen.look(text).rules | screen.distant(text)
                if rule.id not in seen and holds_what_is_needed(rule, key):
                    missed.append(rule.id)
    assert not missed, f"seed {SEED}"


def holds_what_is_needed(rule: Rule, key: bytes) -> bool:
    needs = dict(rule.checks).get("needs", ())
    digit = any(value in b"0123456789" for value in key)
    return digit if needs else True


ENDINGS = ["", ".py", ".env", ".md", ".yaml", ".csv"]


@given(st.text(alphabet="abcdefgst./_-0EnvTI", max_size=40), st.sampled_from(ENDINGS))
def test_every_path_has_a_place_that_says_the_same(stem: str, ending: str) -> None:
    path = stem + ending
    shown = PLACES[place_of(path)]
    assert (sort_of(shown), stands_in_tests(shown)) == (sort_of(path), stands_in_tests(path))


def test_every_place_is_its_own() -> None:
    assert [place_of(path) for path in PLACES] == list(range(len(PLACES)))


def test_what_is_suspected_hides_itself(bulk: Matcher, new_key: Callable[..., Fake]) -> None:
    key = new_key("stripe-secret-key").key
    looking = bulk.sieve(compile_now=True)
    assert looking is not None
    suspects, _ = looking.look(key, [(0, len(key))], frozenset())
    assert suspects and key.decode() not in repr(suspects)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1 << 40))
def test_what_an_edit_makes_a_key_is_named(seed: int, bulk: Matcher, rules: RuleSet) -> None:
    looking = bulk.sieve(compile_now=True)
    assert looking is not None
    rng = random.Random(seed)
    for rule in rng.sample(list(rules), 80):
        example = rng.choice(rule.examples)
        path = example.path or "t"
        if bulk.reads_whole(path):
            continue
        key = disguised(KeyMaker(rule, rng).render(example)[0], rng.choice(["", "", "", "", "lines", "utf-16"]))
        before = lines(rng, rng.randrange(4)) + key + b"\n" + lines(rng, rng.randrange(4))
        known, far = looking.look(before, [(0, len(before))], frozenset())
        for _ in range(3):
            after, change = near_edit(rng, before)
            named, far = looking.look(after, lines_around([change], after), far)
            known = named + [one for one in known if one.text in after]
            told = {one.rule_id for one in known if bulk.could_report(one.rule_id, one.places, path)}
            found = {one.rule_id for one in bulk.find(Chunk(after, Origin(path)))}
            assert found <= told, (rule.id, found - told)
            before = after


@pytest.mark.parametrize("wrapped", ["percent", "escaped", "hex", "base64", "lines"])
def test_a_key_stays_known_when_its_encoded_stretch_changes_far_from_it(
    wrapped: str, bulk: Matcher, new_key: Callable[..., Fake]
) -> None:
    looking = bulk.sieve(compile_now=True)
    assert looking is not None
    text = b"BUGSNAG_API_KEY=" + new_key("bugsnag-notifier-key").key + b" " + b"some more words " * 120
    if wrapped == "percent":  # one sign is enough, and it may be far away
        before = text.replace(b"=", b"%3D").replace(b" ", b"+") + b"\n"
    else:
        before = disguised(text, wrapped)
    known, far = looking.look(before, [(0, len(before))], frozenset())
    assert known
    at = len(before) - 9
    after = before[:at] + before[at + 4 :]
    found = {one.rule_id for one in bulk.find(Chunk(after, Origin("t")))}
    named, _ = looking.look(after, lines_around([(at, at)], after), far)
    assert found == {"bugsnag-notifier-key"}
    assert found <= {one.rule_id for one in (*named, *(one for one in known if one.text in after))}


def near_edit(rng: random.Random, data: bytes) -> tuple[bytes, tuple[int, int]]:
    """An edit of some bytes or lines, and where in what comes of it something is new."""
    edges = [0, *(at + 1 for at, value in enumerate(data) if value == 10), len(data)]
    pick = (lambda: rng.choice(edges)) if rng.random() < 0.6 else (lambda: rng.randrange(len(data) + 1))
    at = pick()
    until = rng.choice([at, at, max(at, pick()), min(len(data), at + rng.randrange(4))])
    piece = rng.choice([b"", b"\n", b"x", b" ", b'"', b"\\\n", b"name: ", b"password = ", lines(rng, 1), lines(rng, 3)])
    return data[:at] + piece + data[until:], (at, at + len(piece))


# --- histories ---

FAR = ("privatekey-rsa", "jwt-token", "kubernetes-secret-data", "http-bearer-token", "privatekey-openssh")


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1 << 40))
def test_random_histories_give_the_same_report(
    seed: int, tmp_path_factory: pytest.TempPathFactory, bulk: Matcher, plain: Matcher, rules: RuleSet
) -> None:
    rng = random.Random(seed)
    repo = GitRepo.new(tmp_path_factory.mktemp("h"))
    repo.run("fast-import", "--quiet", stdin=random_history(rng, rules))
    repo.git("repack", "-adfq", f"--depth={rng.choice([1, 5, 50])}", f"--window={rng.choice([2, 10, 30])}")
    assert GitHistory(repo.path).sifting(3, frozenset())
    both_ways(repo.path, bulk, plain)


def random_history(rng: random.Random, rules: RuleSet) -> bytes:
    """A stream for git fast-import: versions of a few files, each made of the one before."""
    pool = [rng.choice(list(rules)) for _ in range(4)] + [rules.get(rng.choice(FAR))]
    keys = [key_text(rng, rule) for rule in pool]
    files = {path: lines(rng, rng.randrange(1, 120)) for path in ("a.py", "deploy/app.yaml", "tests/data.txt", ".env")}
    stream = []
    for number in range(rng.randrange(3, 16)):
        changed = rng.sample(sorted(files), rng.randrange(1, 3))
        stream.append(b"commit refs/heads/main\ncommitter A <a@example.org> %d +0000\ndata 1\nx\n" % (10**9 + number))
        for path in changed:
            files[path] = edited(rng, files[path], keys)
            stream.append(b"M 644 inline %s\ndata %d\n%s\n" % (path.encode(), len(files[path]), files[path]))
    return b"".join(stream)


def lines(rng: random.Random, count: int) -> bytes:
    words = [b"token", b"for", b"value", b"password", b"=", b'"quoted"', b"return", b"x1", b"key:", b"data", b"curl -u"]
    return b"".join(b" ".join(rng.choices(words, k=rng.randrange(1, 9))) + b"\n" for _ in range(count))


def key_text(rng: random.Random, rule: Rule) -> bytes:
    text = KeyMaker(rule, rng).render(rng.choice(rule.examples))[0]
    return disguised(text, rng.choice(["", "", "", "base64", "lines", "utf-16", "hex", "escaped"])) + b"\n"


def edited(rng: random.Random, data: bytes, keys: list[bytes]) -> bytes:
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(data) + 1)
        until = min(len(data), at + rng.choice([0, 0, 1, 5, 60, 900]))
        kind = rng.randrange(5)
        piece = rng.choice(keys)
        if kind == 0:  # a key, a part of one, or one torn apart
            cut = rng.randrange(len(piece) + 1)
            gap = lines(rng, rng.choice([0, 0, 1, 12, 40]))
            data = data[:at] + piece[:cut] + (gap if rng.random() < 0.4 else b"") + piece[cut:] + data[until:]
        elif kind == 1:
            data = data[:at] + lines(rng, rng.randrange(1, 30)) + data[until:]
        elif kind == 2:
            data = data[:at] + data[until:]
        elif kind == 3 and (found := data.find(piece[: len(piece) // 2])) >= 0:  # what was torn apart is joined
            data = data[:found] + piece + data[found + len(piece) :]
        else:
            data = data[:at] + bytes([rng.randrange(256)]) + data[at:]
    return data


def test_a_key_stays_known_while_its_file_changes_around_it(
    tmp_path: Path, bulk: Matcher, plain: Matcher, new_key: Callable[..., Fake]
) -> None:
    key = new_key("stripe-secret-key").key
    repo = GitRepo.new(tmp_path / "r")
    rest = b"".join(b"line %d of the rest\n" % number for number in range(400))
    for number in range(12):
        head = b"head %d\n" % number
        repo.commit(files={"a.txt": head + (rest if number % 5 == 4 else rest + key + b"\n") + rest})
    repo.git("repack", "-adfq")
    assert both_ways(repo.path, bulk, plain).findings[0].occurrences == 10


def test_no_more_is_read_than_what_could_hold_a_key(
    tmp_path: Path, bulk: Matcher, new_key: Callable[..., Fake]
) -> None:
    key = new_key("stripe-secret-key").key
    repo = GitRepo.new(tmp_path / "r")
    repo.commit(files={"a.txt": b"nothing\n" * 99, "b.txt": b"x = " + key})
    repo.git("repack", "-adq")
    history = GitHistory(repo.path)
    passed = sifting.sift(history, bulk, 1, lambda *_: None)
    assert passed.contents == 2  # a.txt and the message
    assert [one.path for one in history._slices if one.sort == "blob"] == [b"b.txt"]


# --- repositories of all sorts ---

Maker = Callable[[Path, bytes], GitRepo]


def with_two_packs(place: Path, key: bytes) -> GitRepo:
    repo = GitRepo.new(place)
    repo.commit(files={"a.txt": b"one\n" * 50})
    repo.git("repack", "-q")
    repo.commit(files={"a.txt": b"one\n" * 50 + key})
    repo.git("repack", "-q")
    assert len(list((place / ".git/objects/pack").glob("*.pack"))) == 2
    return repo


def with_sha256(place: Path, key: bytes) -> GitRepo:
    repo = GitRepo.new(place, "--object-format=sha256")
    for number in range(3):
        repo.commit(files={"a.txt": b"%d\n" % number + b"line\n" * 300 + (key if number else b"")})
    repo.git("repack", "-adfq")
    return repo


def with_loose_objects(place: Path, key: bytes) -> GitRepo:
    repo = GitRepo.new(place)
    repo.commit(files={"a.txt": b"one\n" * 50})
    repo.git("repack", "-adq")
    repo.commit("a key in the message: " + key.decode(), files={"b.txt": b"x = " + key})
    return repo


def with_a_pack_of_git_maintenance(place: Path, key: bytes) -> GitRepo:
    """The scheduled task packs loose objects under names of its own, and takes them away the next time."""
    repo = with_two_packs(place, b"last line\n")
    repo.commit("see " + key.decode(), files={"b.txt": b"x = " + key})
    for _ in range(2):
        repo.git("maintenance", "run", "--task=loose-objects")
    assert list((place / ".git/objects/pack").glob("loose-*.idx"))
    assert not list((place / ".git/objects").glob("??/*"))
    return repo


def with_an_alternate(place: Path, key: bytes) -> GitRepo:
    first = GitRepo.new(place.with_name("first"))
    first.commit(files={"a.txt": b"x = " + key})
    first.git("repack", "-adq")
    GitRepo(place.parent).git("clone", "-q", "--shared", str(first.path), str(place))
    repo = GitRepo(place)
    repo.commit(files={"b.txt": b"more\n" * 60})
    repo.git("repack", "-adlq")
    return repo


def with_a_shallow_boundary(place: Path, key: bytes) -> GitRepo:
    source = GitRepo.new(place.with_name("source"))
    for number in range(4):
        source.commit(files={"a.txt": b"%d\n" % number + key})
    return GitRepo.clone(source, place, "--depth=2")


def with_missing_blobs(place: Path, key: bytes) -> GitRepo:
    source = GitRepo.new(place.with_name("source"))
    source.git("config", "uploadpack.allowFilter", "true")
    source.commit(files={"a.txt": b"x = " + key})
    source.commit(files={"a.txt": b"gone\n", "b.txt": b"x = " + key})
    return GitRepo.clone(source, place, "--filter=blob:none")


def with_notes_and_tags(place: Path, key: bytes) -> GitRepo:
    repo = GitRepo.new(place)
    repo.commit(files={"a.txt": b"one\n"})
    repo.git("notes", "add", "-m", "see " + key.decode())
    repo.git("tag", "-a", "v1", "-m", "made with " + key.decode())
    repo.git("repack", "-adq")
    return repo


def with_a_named_key(place: Path, key: bytes) -> GitRepo:
    repo = GitRepo.new(place)
    repo.commit(files={f"keys/{key.decode()}/a.txt": b"one\n"})
    repo.git("repack", "-adq")
    return repo


def with_a_large_file(place: Path, key: bytes) -> GitRepo:
    repo = GitRepo.new(place)
    repo.commit(files={"big.txt": b"some text\n" * 1_800_000 + key})
    repo.commit(files={"big.txt": b"some text\n" * 1_800_001 + key})
    repo.git("repack", "-adfq")
    return repo


@pytest.mark.parametrize(
    "make",
    [
        with_two_packs, with_sha256, with_loose_objects, with_an_alternate, with_a_shallow_boundary, with_missing_blobs,
        with_notes_and_tags, with_a_named_key, with_a_large_file, with_a_pack_of_git_maintenance,
    ],
)  # fmt: skip
def test_all_sorts_of_repositories(
    make: Maker, tmp_path: Path, bulk: Matcher, plain: Matcher, new_key: Callable[..., Fake]
) -> None:
    repo = make(tmp_path / "r", new_key("stripe-secret-key").key + b"\n")
    assert both_ways(repo.path, bulk, plain).findings or make is with_missing_blobs


def test_what_is_packed_while_a_scan_runs_is_read(
    tmp_path: Path, bulk: Matcher, new_key: Callable[..., Fake], monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = with_loose_objects(tmp_path / "r", new_key("stripe-secret-key").key)
    prepare = GitHistory.prepare

    def prepare_late(self: GitHistory, count: int, known: Set[bytes]) -> Sequence[Piece]:
        found = prepare(self, count, known)
        repo.git("repack", "-dq")  # what was loose when the packs were listed is in a pack now
        return found

    monkeypatch.setattr(GitHistory, "prepare", prepare_late)
    result = pipeline.scan(GitHistory(repo.path), bulk)
    assert sorted(one.origin.path.partition(" ")[0] for one in result.findings) == ["b.txt", "commit"]


def test_unreachable_objects_and_parts_of_a_history(
    tmp_path: Path, bulk: Matcher, plain: Matcher, new_key: Callable[..., Fake]
) -> None:
    key = new_key("stripe-secret-key").key
    repo = GitRepo.new(tmp_path / "r")
    first = repo.commit(files={"a.txt": b"one\n"})
    repo.commit(files={"a.txt": b"x = " + key})
    repo.blob(b"y = " + key)
    repo.git("repack", "-adkq")
    assert both_ways(repo.path, bulk, plain, unreachable=True).findings[0].rule_id == "stripe-secret-key"
    assert GitHistory(repo.path, revisions=[f"{first}..main"]).sifting(2, frozenset()) is None
    assert both_ways(repo.path, bulk, plain, revisions=[f"{first}..main"]).findings
    assert not both_ways(repo.path, bulk, plain, since="2030-01-01").findings


def test_submodules_are_read_too(tmp_path: Path, bulk: Matcher, plain: Matcher, new_key: Callable[..., Fake]) -> None:
    key = new_key("stripe-secret-key").key
    inner = GitRepo.new(tmp_path / "inner")
    inner.commit(files={"s.txt": b"x = " + key})
    outer = GitRepo.new(tmp_path / "outer")
    outer.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner.path), "lib")
    outer.commit()
    outer.git("repack", "-adq")
    found = both_ways(outer.path, bulk, plain, submodules=True).findings
    assert [one.location.path for one in found] == ["lib/s.txt"]


def test_a_file_that_a_rule_reads_whole_is_never_left_out(
    tmp_path: Path, bulk: Matcher, plain: Matcher, rules: RuleSet
) -> None:
    rule = next(one for one in rules if one.whole and any(example.path for example in one.examples))
    example = next(one for one in rule.examples if one.path)
    text = KeyMaker(rule, random.Random(SEED)).render(example)[0]
    repo = GitRepo.new(tmp_path / "r")
    repo.commit(files={example.path: text})
    repo.git("repack", "-adq")
    assert rule.id in {one.rule_id for one in both_ways(repo.path, bulk, plain).findings}


# --- when something is in the way ---


class Dying(Matcher):
    """Its sieve kills every process but the one that it was made in."""

    home = os.getpid()

    def sieve(self, *, compile_now: bool) -> sieve.Sieve | None:
        if os.getpid() != self.home:
            os._exit(9)
        return super().sieve(compile_now=compile_now)


def test_a_worker_that_dies_while_sifting_costs_time_only(
    tmp_path: Path, rules: RuleSet, plain: Matcher, new_key: Callable[..., Fake]
) -> None:
    repo = with_two_packs(tmp_path / "r", new_key("stripe-secret-key").key)
    dying = Dying(rules, "vectorscan")
    assert dying.sieve(compile_now=True)
    result = pipeline.scan(GitHistory(repo.path), dying, jobs=2)
    assert told(result) == told(pipeline.scan(GitHistory(repo.path), plain))
    assert result.findings


INTERRUPTED = r"""
import os, sys, time
from scanner import pipeline
from scanner.matcher import Matcher
from scanner.rule import load_rules
from scanner.sources.git_history import GitHistory

class Slow:
    def look(self, data, windows, far):
        os.write(1, b"looking\n")
        time.sleep(60)

class Waiting(Matcher):
    def sieve(self, *, compile_now):
        return Slow()

result = pipeline.scan(GitHistory(sys.argv[1]), Waiting(load_rules()), jobs=int(sys.argv[2]))
print([item.what for item in result.skipped])
"""


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_interruption_while_sifting_is_told(tmp_path: Path, jobs: str) -> None:
    repo = with_two_packs(tmp_path / "r", b"")
    command = [sys.executable, "-c", INTERRUPTED, str(repo.path), jobs]
    where = Path(__file__).parents[1]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=where, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "looking\n"
        time.sleep(0.2)
        os.killpg(process.pid, signal.SIGINT)
        told_us = process.stdout.read()
    assert told_us.splitlines()[-1] == "['the scan']"


def test_without_the_wheel_the_history_is_read_whole(
    tmp_path: Path, rules: RuleSet, plain: Matcher, monkeypatch: pytest.MonkeyPatch, new_key: Callable[..., Fake]
) -> None:
    repo = with_two_packs(tmp_path / "r", new_key("stripe-secret-key").key)
    monkeypatch.setitem(sys.modules, "scanner.sieve", None)
    other = Matcher(rules)
    assert other.sieve(compile_now=True) is None
    assert told(pipeline.scan(GitHistory(repo.path), other)) == told(pipeline.scan(GitHistory(repo.path), plain))


def test_nothing_is_compiled_for_little_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rules: RuleSet) -> None:
    repo = with_two_packs(tmp_path / "r", b"")
    empty = tmp_path / "empty"
    monkeypatch.setenv("KEYSWEEP_CACHE_DIR", str(empty))
    pipeline.scan(GitHistory(repo.path), Matcher(rules))
    assert not list(empty.glob("vectorscan-*"))
