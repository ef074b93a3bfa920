"""Who does the asking: threads, few for one host and more for many hosts.

Threads, because handlers are plain code (a login to a database knows no event loop) and because what they do is
waiting. Every host has a queue; a thread stays with a host while it has work, then takes another one's.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from scanner.verify_limits import Clock, Lane, Limit

Job = Callable[[], None]
"""Work that raises nothing."""


@dataclass(slots=True)
class _Queue:
    lane: Lane
    jobs: deque[Job] = field(default_factory=deque)
    threads: int = 0

    @property
    def short(self) -> bool:
        """Whether another thread would help."""
        return bool(self.jobs) and self.threads < self.lane.limit.at_once


class Crew:
    """Runs jobs in the background: for each host no more at once than its limit says, over all hosts `at_once`."""

    def __init__(self, at_once: int, clock: Clock) -> None:
        self._at_once, self._clock = at_once, clock
        self._queues: dict[str, _Queue] = {}
        self._threads = 0
        self._unfinished = 0
        self._changed = threading.Condition()

    def lane(self, host: str, limit: Limit) -> Lane:
        """The lane of a host, which from now on keeps this limit, too."""
        with self._changed:
            queue = self._queues.get(host)
            if queue is None:
                queue = self._queues[host] = _Queue(Lane(limit, self._clock))
            else:
                queue.lane.tighten(limit)
            return queue.lane

    def add(self, host: str, job: Job) -> None:
        """Puts a job into a host's queue. Its lane must be there."""
        with self._changed:
            queue = self._queues[host]
            queue.jobs.append(job)
            self._unfinished += 1
            if queue.short and self._threads < self._at_once:
                self._start(queue)

    def wait(self, seconds: float) -> bool:
        """Waits until all jobs are done, or the time is up; whether they are."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._unfinished, seconds)

    def drop(self) -> None:
        """Forgets the jobs that nobody has begun."""
        with self._changed:
            for queue in self._queues.values():
                self._unfinished -= len(queue.jobs)
                queue.jobs.clear()
            self._changed.notify_all()

    def _start(self, queue: _Queue) -> None:
        queue.threads += 1
        self._threads += 1
        # Daemons: a host that keeps us waiting must not keep the program from ending.
        threading.Thread(target=self._work, args=(queue,), name="verify", daemon=True).start()

    def _work(self, queue: _Queue) -> None:
        current: _Queue | None = queue
        while current is not None:
            with self._changed:
                job = current.jobs.popleft() if current.jobs else None
            if job is not None:
                job()
            with self._changed:
                if job is not None:
                    self._unfinished -= 1
                    self._changed.notify_all()
                current = self._following(current)

    def _following(self, queue: _Queue) -> _Queue | None:
        """Whose work a thread does next: its host's, another's that is short of threads, or none."""
        if queue.jobs and queue.threads <= queue.lane.limit.at_once:
            return queue
        queue.threads -= 1
        other = next((one for one in self._queues.values() if one.short), None)
        if other is None:
            self._threads -= 1
            return None
        other.threads += 1
        return other


__all__ = ["Crew", "Job"]
