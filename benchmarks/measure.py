"""One command, measured: wall time, processor time of all its processes, their memory together, exit code.

Time and memory are measured in different runs: looking at the memory of a process takes time from it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import statistics
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

INTERVAL = 0.02
"""Seconds between two looks at the memory."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What one run took. `cpu` counts the process and every child that was waited for; `memory` is the largest sum
    seen over all processes at one moment, None when it was not looked at. `exit_code` is None after a time-out."""

    wall: float
    cpu: float
    exit_code: int | None
    memory: int | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command runs: folder, environment, and the files that take its output."""

    folder: Path
    environment: Mapping[str, str]
    stdout: Path
    stderr: Path
    stdin: Path | None = None


def run(command: Sequence[str], place: Place, *, timeout: float, memory: bool = False) -> Sample:
    """Runs a command to its end, or kills it with all its children when the time is over."""
    with contextlib.ExitStack() as files:
        stdin = files.enter_context(place.stdin.open("rb")) if place.stdin else subprocess.DEVNULL
        stdout = files.enter_context(place.stdout.open("wb"))
        stderr = files.enter_context(place.stderr.open("wb"))
        begin = time.perf_counter()
        process = subprocess.Popen(
            list(command),
            cwd=place.folder,
            env=dict(place.environment),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
        over = threading.Event()
        killer = threading.Timer(timeout, _kill, (process.pid, over))
        killer.start()
        watch = _Watch(process.pid) if memory else None
        try:
            _, status, used = os.wait4(process.pid, 0)
            wall = time.perf_counter() - begin
        except BaseException:
            _kill(process.pid, over)
            process.wait()
            raise
        finally:
            killer.cancel()
            peak = watch.stop() if watch else None
        process.returncode = os.waitstatus_to_exitcode(status)
    code = None if over.is_set() else process.returncode
    return Sample(wall, used.ru_utime + used.ru_stime, code, peak)


def _kill(leader: int, over: threading.Event) -> None:
    over.set()
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


class _Watch:
    """Looks every 20 ms at the memory of all processes of a session (Linux; elsewhere it sees nothing)."""

    def __init__(self, session: int) -> None:
        self._session = session
        self._peak: int | None = None
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> int | None:
        self._done.set()
        self._thread.join()
        return self._peak

    def _look(self) -> None:
        while True:
            now = sum(map(_memory, _members(self._session)))
            if now:
                self._peak = max(self._peak or 0, now)
            if self._done.wait(INTERVAL):
                return


def _members(session: int) -> Iterator[int]:
    """The processes of a session: the child made one of its own, and what it starts inherits it."""
    try:
        names = [path.name for path in Path("/proc").iterdir()]
    except OSError:
        return
    for name in names:
        if name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                # Behind the command, which stands in parentheses and may hold anything: state, parent, group, session.
                fields = Path(f"/proc/{name}/stat").read_bytes().rpartition(b")")[2].split()
                if int(fields[3]) == session:
                    yield int(name)


def _memory(pid: int) -> int:
    """Bytes of a process: its share of what it shares (PSS), or what is resident where the kernel does not tell."""
    with contextlib.suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_bytes().splitlines():
            if line.startswith(b"Pss:"):
                return int(line.split()[1]) * 1024
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


@dataclass(frozen=True, slots=True)
class Summary:
    """Several runs of one command: medians, and the fastest and slowest wall time beside them."""

    wall: float
    fastest: float
    slowest: float
    cpu: float
    runs: int


def summarise(samples: Sequence[Sample]) -> Summary:
    """The medians of at least one run."""
    walls = [sample.wall for sample in samples]
    cpu = statistics.median(sample.cpu for sample in samples)
    return Summary(statistics.median(walls), min(walls), max(walls), cpu, len(samples))


def rounds(names: Sequence[str], count: int) -> Iterator[str]:
    """The order of `count` interleaved runs of each name: another one begins every round, so that none profits
    from always following the same neighbour."""
    for turn in range(count):
        first = turn % len(names) if names else 0
        yield from (*names[first:], *names[:first])
