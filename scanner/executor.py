"""Where parts of a scan run: here, in processes of this machine, or on a cluster.

All of them stand behind `concurrent.futures.Executor`, so the pipeline does not know which one it has.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from multiprocessing.context import BaseContext
from types import TracebackType
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class NotStartedError(Exception):
    """A call that its executor did not take: it is broken, or could start no process."""


class Serial(Executor):
    """Runs each call here and now, while it is submitted. Ctrl-C comes through at once."""

    def submit(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> Future[R]:
        future: Future[R] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # the caller meets it in result(), as with every executor
            future.set_exception(error)
        return future


class LocalPool(ProcessPoolExecutor):
    """Worker processes of this machine. Each gets `shared` once, when it starts, and finds it with `shared()`.

    Ctrl-C is the parent's business: workers ignore it, and `stop()` ends them. A worker whose parent is gone
    ends itself.
    """

    def __init__(self, jobs: int, shared: object) -> None:
        self._others = set(multiprocessing.active_children())
        super().__init__(jobs, mp_context=_context(), initializer=_begin_worker, initargs=(shared,))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.shutdown()
        else:
            self.stop()

    def stop(self) -> None:
        """Ends the workers at once, whatever they are doing, and waits until they are gone."""
        ours = [child for child in multiprocessing.active_children() if child not in self._others]
        for child in ours:
            child.terminate()
        self.shutdown(wait=True, cancel_futures=True)
        for child in ours:
            child.join()


def local_pool(jobs: int, shared: object) -> LocalPool | None:
    """A pool of worker processes, or None where the system cannot have one (no semaphores, say)."""
    try:
        return LocalPool(jobs, shared)
    except (ImportError, NotImplementedError, OSError):
        return None


def shared() -> Any:
    """In a worker: what its pool was started with."""
    return _shared


def cpus() -> int:
    """How many processors this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def completed(
    executor: Executor, function: Callable[[T], R], items: Iterable[T], *, ahead: int
) -> Iterator[tuple[T, Future[R]]]:
    """Runs `function` on every item; yields each item with its finished future, in the order they finish.

    No more than `ahead` items are submitted and not yet finished, so memory does not grow with their number.
    An executor that breaks down gives futures with the exception, `NotStartedError` for what it never took; no
    item is lost.
    """
    running: dict[Future[R], T] = {}
    for item in items:
        running[_submit(executor, function, item)] = item
        if len(running) >= ahead:
            yield from _finished(running)
    while running:
        yield from _finished(running)


def _finished(running: dict[Future[R], T]) -> Iterator[tuple[T, Future[R]]]:
    done, _ = wait(running, return_when=FIRST_COMPLETED)
    for future in done:
        yield running.pop(future), future


def _submit(executor: Executor, function: Callable[[T], R], item: T) -> Future[R]:
    try:
        return executor.submit(function, item)
    except (RuntimeError, OSError) as error:  # broken, or no process could be started
        failed: Future[R] = Future()
        failed.set_exception(NotStartedError(type(error).__name__))
        return failed


def _context() -> BaseContext:
    """Fork is fastest and shares what the parent built, but is safe only while no other thread runs."""
    if _LINUX:
        return multiprocessing.get_context("fork" if threading.active_count() == 1 else "forkserver")
    return multiprocessing.get_context("spawn")


_LINUX = sys.platform.startswith("linux")
_shared: Any = None


def _begin_worker(shared: object) -> None:
    global _shared  # noqa: PLW0603 - the one place a process pool offers for what all its calls share
    _shared = shared
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(ValueError, OSError):  # not every system lets us
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Otherwise a worker whose parent was killed would wait for work for ever.

    The pipe that tells of the parent's end stays open as long as another process has inherited it, so the process
    that this one belongs to is looked at, too: an orphan gets another one.
    """
    parent, owner = multiprocessing.parent_process(), os.getppid()
    if parent is None:
        return
    while parent.is_alive() and os.getppid() == owner:
        parent.join(timeout=1)
    os._exit(1)


__all__ = ["LocalPool", "NotStartedError", "Serial", "completed", "cpus", "local_pool", "shared"]
