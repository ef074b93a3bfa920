"""The whole way from a source to a result, and everything that can happen on it."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standin import StandIn, fresh_key

from scanner import pipeline
from scanner.errors import KeysweepError, SourceError
from scanner.models import (
    MASK,
    Allow,
    Chunk,
    CommitRef,
    Finding,
    History,
    Kind,
    Note,
    Origin,
    ScanResult,
    Skipped,
    Stats,
)
from scanner.pipeline import scan
from scanner.scrub import scrub
from scanner.sources.files import Files
from scanner.sources.interface import Source
from tests.commands import WAIT

DIED = "a worker process died while reading it"


@dataclass(frozen=True)
class Items:
    """A source of what it is given, split into one part an item. An exception is raised where it stands."""

    items: tuple[Any, ...]
    size: int = 0
    whole: bool = True

    def chunks(self) -> Iterator[Chunk | Skipped | Note]:
        for item in self.items:
            if isinstance(item, BaseException):
                raise item
            yield item

    def partitions(self, count: int) -> Sequence[Source]:
        return [replace(self, items=(item,), whole=False) for item in self.items] if self.whole else [self]

    def locate(self, findings: Sequence[Finding]) -> Sequence[Finding]:
        return findings

    def weight(self) -> int:
        return self.size

    def __str__(self) -> str:
        return ", ".join(item.origin.path if isinstance(item, Chunk) else type(item).__name__ for item in self.items)


def items(*given_items: Any, large: bool = False) -> Items:
    return Items(given_items, size=pipeline.SMALL if large else 0)


def chunk(path: str, data: bytes = b"", offset: int = 0) -> Chunk:
    return Chunk(data or fresh_key(), Origin(path), offset=offset)


def paths(result: ScanResult) -> list[str]:
    return [found.location.path for found in result.findings]


class Shuffled(Executor):
    """Holds calls back, and runs them in any order, as processes and clusters do."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self._held: list[tuple[Future[Any], Any, tuple[Any, ...]]] = []
        self._wake = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self._held.append((future, fn, args))
        self._wake.release()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._wake.release()
        self._thread.join()

    def _work(self) -> None:
        while self._wake.acquire() and self._held:
            future, fn, args = self._held.pop(self._dice.randrange(len(self._held)))
            future.set_result(fn(*args))


# --- one result, however it is made ---

SOME = st.lists(
    st.one_of(
        st.tuples(st.sampled_from("abc"), st.integers(0, 3)).map(
            lambda at: Chunk(b"." * at[1] + b"KEY-0123456789abcdef", Origin(at[0]))
        ),
        st.builds(Skipped, st.sampled_from("ab"), st.sampled_from("xy")),
        st.builds(Note, st.sampled_from("xy")),
    ),
    max_size=12,
)


@given(SOME, st.integers(1, 5), st.integers())
def test_any_order_of_the_parts_gives_the_same_result(made: list[Any], jobs: int, seed: int) -> None:
    expected = scan(items(*made), StandIn())
    with Shuffled(seed) as shuffling:
        assert scan(items(*made), StandIn(), jobs=jobs, executor=shuffling) == expected
    shuffled = random.Random(seed).sample(made, len(made))
    assert scan(items(*shuffled), StandIn()) == expected


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 4), SOME)
def test_any_number_of_processes_gives_the_same_result(jobs: int, made: list[Any]) -> None:
    assert scan(items(*made, large=True), StandIn(), jobs=jobs) == scan(items(*made), StandIn())


def test_a_tree_gives_the_same_result_in_processes_and_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "SMALL", 0)
    monkeypatch.chdir(tmp_path)
    for number in range(100):
        Path(f"d{number % 9}").mkdir(exist_ok=True)
        Path(f"d{number % 9}/x{number}").write_bytes(b"." * 3000 + fresh_key())
    Path(f"d0/{fresh_key().decode()}").touch()
    os.mkfifo("fifo")
    expected = scan(Files(["."], window=1024, overlap=64), StandIn())
    assert len(expected.findings) == 101
    assert expected.stats == Stats(contents=101, size=302_000)
    for jobs in (2, 3):
        assert scan(Files(["."], window=1024, overlap=64), StandIn(), jobs=jobs) == expected
    with ThreadPoolExecutor(3) as threads:
        assert scan(Files(["."]), StandIn(), jobs=3, executor=threads) == expected


def test_the_same_key_at_the_same_place_is_one_finding() -> None:
    same = chunk("a")
    other = replace(same, origin=Origin("a", Kind.BLOB, "1a2b"))
    result = scan(items(same, same, other, replace(same, offset=5)), StandIn())
    assert len(result.findings) == 3


def test_counts_contents_and_bytes_once() -> None:
    window = replace(chunk("a", b"." * 100), start=0, end=60)
    rest = replace(chunk("a", b"." * 80), start=20, offset=40)
    name = Chunk(b"name", Origin("", Kind.PATH_NAME))
    assert scan(items(window, rest, name, chunk("b", b"12")), StandIn()).stats == Stats(contents=2, size=122)


def test_small_work_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    monkeypatch.setattr("scanner.executor.local_pool", lambda *given_values: started.append(given_values))
    assert len(scan(items(chunk("a"), chunk("b")), StandIn(), jobs=4).findings) == 2
    assert not started
    assert len(scan(items(chunk("a"), chunk("b"), large=True), StandIn(), jobs=4).findings) == 2  # none to be had
    assert len(started) == 1


def test_large_parts_are_begun_first() -> None:
    class Noting(ThreadPoolExecutor):
        order: list[str] = []  # noqa: RUF012 - one test, one instance

        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            self.order.append(str(args[0]))
            return super().submit(fn, *args, **kwargs)

    class Mixed(Items):
        def partitions(self, count: int) -> Sequence[Source]:
            return [Items((item,), size=len(item.data), whole=False) for item in self.items]

    made = tuple(chunk(name, b"x" * size) for name, size in (("a", 1), ("b", 9), ("c", 5)))
    with Noting(1) as noting:
        scan(Mixed(made), StandIn(), executor=noting)
    assert noting.order == ["b", "c", "a"]


# --- what goes wrong ---


@pytest.mark.parametrize("large", [False, True])
def test_an_error_in_one_content_costs_that_content_only(large: bool) -> None:
    key = fresh_key()
    bad = [chunk("bad", b"RAISE-HERE " + key), chunk("big", b"NO-MEMORY")]
    result = scan(items(chunk("a"), *bad, chunk("z"), large=large), StandIn(), jobs=2)
    assert paths(result) == ["a", "z"]
    assert result.skipped == (
        Skipped("bad", "matching failed: ValueError"),
        Skipped("big", "matching failed: MemoryError"),
    )
    assert key[4:].decode() not in repr(result)


@pytest.mark.parametrize("large", [False, True])
def test_a_part_that_breaks_is_skipped(large: bool) -> None:
    key = fresh_key().decode()
    broken = [SourceError("the repository is damaged"), ValueError(key)]
    result = scan(items(chunk("a"), *broken, large=large), StandIn(), jobs=2)
    assert paths(result) == ["a"]
    assert result.skipped == (
        Skipped("SourceError", "the repository is damaged"),
        Skipped("ValueError", "reading stopped before its end: ValueError"),
    )
    assert key not in repr(result)


def test_a_part_without_a_name_of_its_own_gets_one() -> None:
    class Nameless:
        def chunks(self) -> Iterator[Chunk | Skipped | Note]:
            raise ValueError

        def partitions(self, count: int) -> Sequence[Source]:
            return [self]

        def locate(self, findings: Sequence[Finding]) -> Sequence[Finding]:
            return findings

    (skipped,) = scan(Nameless(), StandIn()).skipped
    assert skipped.what == "a part of the source (Nameless)"


def test_what_was_found_before_a_part_broke_remains() -> None:
    part = Items((chunk("a"), ValueError(), chunk("never")), whole=False)
    result = scan(part, StandIn())
    assert paths(result) == ["a"]
    assert not result.complete


def test_a_source_that_cannot_be_opened_is_an_error() -> None:
    with pytest.raises(SourceError, match="no such repository"):
        scan(Items((SourceError("no such repository"),), whole=False), StandIn())


def test_a_worker_that_dies_costs_what_it_died_of_only() -> None:
    given_items = [chunk(f"{number:02}") for number in range(20)]
    given_items[7] = chunk("07", b"DIE-HERE")
    given_items[13] = chunk("13", b"DIE-HERE")
    result = scan(items(*given_items, large=True), StandIn(), jobs=2)
    assert paths(result) == [f"{number:02}" for number in range(20) if number not in (7, 13)]
    assert result.skipped == (Skipped("07", DIED), Skipped("13", DIED))
    assert result.stats.contents == 18
    assert not multiprocessing.active_children()


def test_the_file_that_kills_a_worker_is_singled_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "SMALL", 0)
    monkeypatch.setattr(pipeline, "_PARTS_A_JOB", 1)
    monkeypatch.chdir(tmp_path)
    for number in range(40):
        Path(f"{number:02}").write_bytes(b"DIE-HERE" if number == 17 else fresh_key())
    result = scan(Files(["."]), StandIn(), jobs=2)
    assert len(result.findings) == 39
    assert result.skipped == (Skipped("17", DIED),)


def test_a_worker_that_dies_once_costs_nothing(tmp_path: Path) -> None:
    once = chunk("b", b"DIE-ONCE:" + os.fsencode(tmp_path / "died") + b" " + fresh_key())
    result = scan(items(chunk("a"), once, chunk("c"), large=True), StandIn(), jobs=2)
    assert paths(result) == ["a", "b", "c"]
    assert result.complete
    assert (tmp_path / "died").exists()


def test_an_executor_that_refuses_is_done_without() -> None:
    with ThreadPoolExecutor(1) as closed:
        pass
    result = scan(items(chunk("a"), chunk("b")), StandIn(), executor=closed)
    assert paths(result) == ["a", "b"]
    assert result.complete


@pytest.mark.parametrize(("jobs", "large"), [(1, False), (2, True)])
def test_findings_are_told_as_they_come_each_once(jobs: int, large: bool) -> None:
    told: list[Finding] = []
    given_items = [chunk(f"{number:02}") for number in range(20)]
    given_items[7] = chunk("07", b"DIE-HERE" if large else b"nothing here")
    result = scan(items(*given_items, large=large), StandIn(), jobs=jobs, found=told.extend)
    assert sorted(told, key=lambda finding: finding.sort_key) == list(result.findings)
    assert len(told) == 19


# --- Ctrl-C ---


def test_an_interrupted_scan_tells_what_it_has() -> None:
    parts = [chunk("a"), chunk("b", b"INTERRUPT-HERE"), chunk("c")]
    result = scan(items(*parts), StandIn())
    assert paths(result) == ["a"]
    assert result.skipped == (Skipped("the scan", "interrupted: 1 of 3 parts were read"),)


def test_an_interrupted_part_tells_what_it_has() -> None:
    part = Items((chunk("a"), KeyboardInterrupt(), chunk("c")), whole=False)
    result = scan(part, StandIn())
    assert paths(result) == ["a"]
    assert result.skipped == (Skipped("the scan", "interrupted: 0 of 1 parts were read"),)


INTERRUPTED = """
import multiprocessing, sys
from pathlib import Path
from scanner import pipeline
from scanner.sources.files import Files
from standin import StandIn

if __name__ == "__main__":
    pipeline.SMALL = 0
    print("begun", flush=True)
    result = pipeline.scan(Files(sys.argv[1:]), StandIn(), jobs=2, progress=lambda *now: print(now[1], flush=True))
    print(len(result.findings), [item.reason for item in result.skipped], multiprocessing.active_children())
"""


def test_ctrl_c_ends_the_workers_without_a_word(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(INTERRUPTED)
    (tmp_path / "tree").mkdir()
    for number in range(16):
        (tmp_path / "tree" / f"{number:02}").write_bytes(fresh_key() if number < 4 else b"SLEEP-HERE")
    roots = [Path(pipeline.__file__).parents[1], Path(__file__).parent]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, roots))}
    with subprocess.Popen(
        [sys.executable, tmp_path / "script.py", tmp_path / "tree"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        while process.stdout.readline() not in ("4\n", ""):
            pass
        os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to all processes of the group
        out, err = process.communicate(timeout=WAIT)
    assert err == ""
    found, told = out.splitlines()[-1].split(" ", 1)
    assert int(found) == 4
    assert "interrupted: " in told
    assert told.endswith(" parts were read'] []")
    assert process.returncode == 0


# --- what is shown ---


def full_finding(key: str) -> Finding:
    (found,) = StandIn().find(chunk("x"))
    who = CommitRef("1a2b", f"A {key}", f"{key}@example.org", "2026-01-01T00:00:00Z")
    return replace(
        found,
        location=replace(found.location, path=f"dir/{key}.txt"),
        origin=Origin(f"refs/heads/{key}", Kind.REF_NAME),
        variable=f"v_{key}",
        allow=Allow("", f"because {key}"),
        history=History(introduced=who, removed=who),
    )


def test_no_text_of_a_result_shows_a_key() -> None:
    key = fresh_key().decode()
    result = ScanResult(
        findings=(full_finding(key),),
        skipped=(Skipped(f"a/{key}", f"link to {key}"),),
        notes=(f"note {key}",),
        stats=Stats(1, 2, 3),
    )
    masked = scrub(result, StandIn().mask)
    assert key[4:] not in repr(masked)
    assert masked.findings[0].location.path == f"dir/KEY-{MASK}.txt"
    assert masked.findings[0].origin == Origin(f"refs/heads/KEY-{MASK}", Kind.REF_NAME)
    assert masked.skipped == (Skipped(f"a/KEY-{MASK}", f"link to KEY-{MASK}"),)
    assert masked.notes == (f"note KEY-{MASK}",)
    assert masked.stats == result.stats
    assert scrub(masked, StandIn().mask) == masked


def test_a_mask_that_fails_shows_nothing() -> None:
    class Failing(StandIn):
        def mask(self, text: str) -> str:
            raise ValueError(text)

    key = fresh_key().decode()
    assert key[4:] not in repr(scrub(ScanResult(findings=(full_finding(key),), notes=(key,)), Failing().mask))


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (KeysweepError("git is too old"), "git is too old"),
        (ValueError("bug"), "it failed: ValueError"),
        (KeyboardInterrupt(), "interrupted"),
    ],
)
def test_findings_survive_when_they_cannot_be_located(failure: BaseException, reason: str) -> None:
    class Lost(Items):
        def locate(self, findings: Sequence[Finding]) -> Sequence[Finding]:
            raise failure

    result = scan(Lost((chunk("a"),)), StandIn())
    assert paths(result) == ["a"]
    assert result.skipped == (Skipped("who brought the keys in, and when", reason),)


@pytest.mark.parametrize("large", [False, True])
def test_progress_goes_forward_to_the_end(large: bool) -> None:
    seen: list[tuple[int, int, int]] = []
    made = [chunk(str(number), b"." * 10) for number in range(12)]
    result = scan(items(*made, large=large), StandIn(), jobs=2, progress=lambda *now: seen.append(now))
    assert seen == sorted(seen)
    assert seen[-1] == (result.stats.size, 12, 12)


def test_progress_goes_forward_within_a_part() -> None:
    seen: list[tuple[int, int, int]] = []
    part = Items(tuple(chunk(str(number), b"." * 10) for number in range(3)), whole=False)
    scan(part, StandIn(), progress=lambda *now: seen.append(now))
    assert seen == [(10, 0, 1), (20, 0, 1), (30, 0, 1), (30, 1, 1)]
