"""Where work runs: order, bounds, and processes that end when they should."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from scanner import executor
from scanner.executor import LocalPool, NotStartedError, Serial, completed, cpus, local_pool, shared
from tests.commands import WAIT


def double(number: int) -> int:
    return 2 * number


def with_shared(number: int) -> tuple[object, int, int]:
    return shared(), number, os.getpid()


def die(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def sleep(number: int) -> int:
    time.sleep(600)
    return number


def pool_of(jobs: int, what: object = None) -> LocalPool:
    pool = local_pool(jobs, what)
    assert pool is not None
    return pool


@pytest.mark.parametrize("make", [Serial, lambda: ThreadPoolExecutor(3), lambda: pool_of(2)])
@pytest.mark.parametrize("ahead", [1, 2, 100])
def test_every_item_comes_back_with_its_result(make: Any, ahead: int) -> None:
    with make() as running:
        done = [(item, future.result()) for item, future in completed(running, double, range(50), ahead=ahead)]
    assert sorted(done) == [(number, 2 * number) for number in range(50)]


def test_no_more_than_so_many_are_under_way() -> None:
    class Counting(ThreadPoolExecutor):
        submitted = 0

        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            self.submitted += 1
            return super().submit(fn, *args, **kwargs)

    with Counting(2) as running:
        for back, _ in enumerate(completed(running, double, iter(range(100)), ahead=4)):
            assert running.submitted - back <= 4
    assert running.submitted == 100


def test_an_exception_stays_with_its_item() -> None:
    def inverse(number: int) -> float:
        return 1 / number

    done = dict(completed(Serial(), inverse, [2, 0, 4], ahead=1))
    assert done[2].result() == 0.5
    assert isinstance(done[0].exception(), ZeroDivisionError)
    assert done[4].result() == 0.25


def test_ctrl_c_comes_through_the_serial_executor() -> None:
    def interrupted(number: int) -> int:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Serial().submit(interrupted, 1)


def test_workers_get_what_is_shared_once_and_are_other_processes() -> None:
    with pool_of(2, ["the matcher"]) as pool:
        results = [future.result() for _, future in completed(pool, with_shared, range(20), ahead=4)]
    assert [what for what, _, _ in results] == [["the matcher"]] * 20
    assert os.getpid() not in {process for _, _, process in results}
    assert shared() is None


def test_a_pool_works_while_other_threads_run() -> None:
    going = threading.Event()
    thread = threading.Thread(target=going.wait)
    thread.start()
    try:
        with pool_of(2, "shared") as pool:
            assert pool.submit(with_shared, 7).result()[:2] == ("shared", 7)
    finally:
        going.set()
        thread.join()


def test_no_item_is_lost_when_a_worker_dies() -> None:
    with pool_of(1) as pool:
        done = list(completed(pool, die, range(10), ahead=2))
    assert sorted(item for item, _ in done) == list(range(10))
    errors = [type(future.exception()) for _, future in done]
    assert set(errors) == {BrokenProcessPool, NotStartedError}
    assert errors.count(BrokenProcessPool) <= 2


def test_stop_ends_busy_workers() -> None:
    bystander = multiprocessing.get_context("spawn").Process(target=sleep, args=(1,))
    bystander.start()
    try:
        pool = pool_of(2)
        for number in range(4):
            pool.submit(sleep, number)
        busy = [child for child in multiprocessing.active_children() if child is not bystander]
        pool.stop()
        assert busy
        assert not any(child.is_alive() for child in busy)
        assert bystander.is_alive()
    finally:
        bystander.kill()
        bystander.join()


def test_an_exception_in_the_with_block_stops_the_workers() -> None:
    with suppress(KeyboardInterrupt), pool_of(1) as pool:
        pool.submit(sleep, 1)
        raise KeyboardInterrupt
    assert not multiprocessing.active_children()


ORPHANS = """
import os, sys, time
from scanner.executor import local_pool
def work(number):
    print(os.getpid(), flush=True)
    time.sleep(600)
if __name__ == "__main__":
    pool = local_pool(2, None)
    pool.submit(work, 1), pool.submit(work, 2)
    time.sleep(600)
"""


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "orphans.py"
    script.write_text(ORPHANS)
    environment = {**os.environ, "PYTHONPATH": str(Path(executor.__file__).parents[1])}
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True, env=environment) as parent:
        assert parent.stdout is not None
        workers = [int(parent.stdout.readline()) for _ in range(2)]
        parent.kill()
        # a pipe ends when the last process that holds it is gone, and the workers hold this one
        assert parent.communicate(timeout=WAIT)[0] == ""
    assert len(set(workers)) == 2


def test_where_no_pool_can_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(ProcessPoolExecutor, "__init__", refuse)
    assert local_pool(2, None) is None


def test_a_process_that_cannot_be_started_loses_no_item() -> None:
    class Full(Executor):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            raise BlockingIOError(11, "Resource temporarily unavailable")

    done = list(completed(Full(), double, [1, 2], ahead=1))
    assert [(item, type(future.exception())) for item, future in done] == [(1, NotStartedError), (2, NotStartedError)]


def test_there_is_a_processor() -> None:
    assert 1 <= cpus() <= (os.cpu_count() or 1)
