"""A command on a pseudo-terminal, with a process between it and us that has nothing to do but to watch it (POSIX).

A command that were our child in a session of its own could not be stopped with Ctrl-Z: nobody in its session could make
it go on, so the system does not stop it. The watching process is in its session, and tells us when it stops and ends.
"""

from __future__ import annotations

import contextlib
import os
import signal
import struct
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from scanner.cli.terminal import Terminal

_REPORT = struct.Struct("=ii")
_EXEC_FAILED = -1


class Monitored:
    """The command. `told` is a descriptor to be read when it is ready, with `changed()`; `returncode` is None until its
    end, and then as `subprocess` has it."""

    def __init__(self, command: Sequence[str], terminal: Terminal, ends: Sequence[int | None]) -> None:
        """Starts it; `ends` are its input, output and errors, None for ours. Raises OSError when it cannot be."""
        self.returncode: int | None = None
        self.pid = 0
        self.told, tell = os.pipe()
        parent = os.getpid()
        self._watcher = os.fork()
        if self._watcher == 0:
            _watch(command, terminal, ends, tell, parent)
        os.close(tell)
        kind, value = self._next()
        if kind == _EXEC_FAILED:
            os.waitpid(self._watcher, 0)
            raise OSError(value, os.strerror(value))
        self.pid = value

    def _next(self) -> tuple[int, int]:
        report = b""
        while len(report) < _REPORT.size:
            piece = os.read(self.told, _REPORT.size - len(report))
            if not piece:
                return 0, signal.SIGKILL  # the watcher is gone, and the command with it
            report += piece
        kind, value = _REPORT.unpack(report)
        return kind, value

    def changed(self) -> bool:
        """Reads what was told. Whether the command was stopped; its end is in `returncode`."""
        kind, status = self._next()
        if kind == 0 or not os.WIFSTOPPED(status):
            self.returncode = os.waitstatus_to_exitcode(status)
            os.waitpid(self._watcher, 0)
            return False
        return True

    def send(self, number: int) -> None:
        """A signal for the command and what belongs to it."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)


def _watch(
    command: Sequence[str], terminal: Terminal, ends: Sequence[int | None], tell: int, parent: int
) -> NoReturn:
    """The process between: never returns, whatever happens."""
    code = 1
    with contextlib.suppress(BaseException):
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP, signal.SIGTTOU):
            signal.signal(number, signal.SIG_IGN)
        for number in (signal.SIGCHLD, signal.SIGWINCH, signal.SIGUSR1, signal.SIGUSR2):
            signal.signal(number, signal.SIG_DFL)
        terminal.controls()
        failed, fail = os.pipe()
        pid = os.fork()
        if pid == 0:
            _become(command, terminal, ends, fail)
        os.close(fail)
        problem = os.read(failed, 4)
        if problem:
            os.write(tell, _REPORT.pack(_EXEC_FAILED, int.from_bytes(problem, "little")))
            os.waitpid(pid, 0)
        else:
            _hand_on(pid)
            if os.getppid() != parent:  # gone before anybody could hear of it
                os.kill(os.getpid(), signal.SIGHUP)
            os.write(tell, _REPORT.pack(1, pid))
            _report(pid, terminal, ends, tell)
        code = 0
    os._exit(code)


def _hand_on(pid: int) -> None:
    """What this process is told, the command is told. When `keysweep run` is killed its end of the terminal closes, of
    which the system tells only this process, the first of its session."""

    def hand_on(number: int, frame: FrameType | None) -> None:
        with contextlib.suppress(OSError):
            os.killpg(pid, number)
            if number == signal.SIGHUP:
                os.killpg(pid, signal.SIGCONT)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, hand_on)


def _report(pid: int, terminal: Terminal, ends: Sequence[int | None], tell: int) -> None:
    for end in {*ends, terminal.slave, terminal.master} - {None}:
        with contextlib.suppress(OSError):
            os.close(end or 0)
    for number in (0, 1, 2):
        with contextlib.suppress(OSError):
            os.close(number)
    while True:
        _, status = os.waitpid(pid, os.WUNTRACED)
        os.write(tell, _REPORT.pack(1, status))
        if not os.WIFSTOPPED(status):
            return


def _become(command: Sequence[str], terminal: Terminal, ends: Sequence[int | None], fail: int) -> NoReturn:
    """Turns into the command; tells why not, where it cannot."""
    try:
        os.setpgid(0, 0)
        os.tcsetpgrp(terminal.slave, os.getpid())
        for number, end in enumerate(ends):
            if end is not None:
                os.dup2(end, number)
        for number in range(1, signal.NSIG):
            with contextlib.suppress(OSError, ValueError):
                signal.signal(number, signal.SIG_DFL)
        os.execvp(command[0], list(command))  # noqa: S606 - no shell is meant
    except OSError as error:
        os.write(fail, (error.errno or 1).to_bytes(4, "little"))
    finally:
        os._exit(1)


__all__ = ["Monitored"]
