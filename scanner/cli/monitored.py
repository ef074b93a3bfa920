"""A command on a pseudo-terminal, with a process between it and us that has nothing to do but to watch it (POSIX).

A command that were our child in a session of its own could not be stopped with Ctrl-Z: nobody in its session could make
it go on, so the system does not stop it. The watching process is in its session, and tells us when it stops and ends.
"""

from __future__ import annotations

import contextlib
import os
import signal
import struct
from collections.abc import Sequence, Set
from typing import NoReturn

from scanner.cli.terminal import Terminal

_REPORT = struct.Struct("=ii")
_EXEC_FAILED = -1
_HEARD = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2})
"""What the watching process hands on."""


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


def _watch(command: Sequence[str], terminal: Terminal, ends: Sequence[int | None], tell: int, parent: int) -> NoReturn:
    """The process between: never returns, whatever happens."""
    code = 1
    with contextlib.suppress(BaseException):
        signal.set_wakeup_fd(-1)
        ignored = {number for number in signal.valid_signals() if signal.getsignal(number) is signal.SIG_IGN}
        heard = _HEARD - ignored
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {*heard, signal.SIGCHLD})
        os.setsid()
        for number in (signal.SIGTSTP, signal.SIGTTOU):
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGWINCH, signal.SIG_DFL)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # not every system keeps what nobody would handle
        terminal.controls()
        failed, fail = os.pipe()
        pid = os.fork()
        if pid == 0:
            _become(command, terminal, ends, fail, mask, ignored)
        os.close(fail)
        problem = os.read(failed, 4)
        if problem:
            os.write(tell, _REPORT.pack(_EXEC_FAILED, int.from_bytes(problem, "little")))
            os.waitpid(pid, 0)
        else:
            if os.getppid() != parent:  # gone before anybody could hear of it
                os.kill(os.getpid(), signal.SIGHUP)
            os.write(tell, _REPORT.pack(1, pid))
            _let_go(terminal, ends)
            _report(pid, tell, heard)
        code = 0
    os._exit(code)


def _let_go(terminal: Terminal, ends: Sequence[int | None]) -> None:
    for end in {0, 1, 2, *ends, terminal.slave, terminal.master} - {None}:
        with contextlib.suppress(OSError):
            os.close(end or 0)


def _report(pid: int, tell: int, heard: Set[signal.Signals]) -> None:
    """Until the command's end. What this process is told, the command is told. When `keysweep run` is killed its end of
    the terminal closes, of which the system tells only this process, the first of its session.

    The signals are blocked and asked for one by one: none can come between a look and the wait that follows it.
    """
    while True:
        number = signal.sigwait({*heard, signal.SIGCHLD})
        if number == signal.SIGCHLD:
            if _ended(pid, tell):
                return
            continue
        with contextlib.suppress(OSError):
            os.killpg(pid, number)
            if number == signal.SIGHUP:
                os.killpg(pid, signal.SIGCONT)


def _ended(pid: int, tell: int) -> bool:
    """Tells what became of the command since the last look."""
    while True:
        changed, status = os.waitpid(pid, os.WUNTRACED | os.WNOHANG)
        if not changed:
            return False
        os.write(tell, _REPORT.pack(1, status))
        if not os.WIFSTOPPED(status):
            return True


def _become(
    command: Sequence[str],
    terminal: Terminal,
    ends: Sequence[int | None],
    fail: int,
    mask: Set[int],
    ignored: Set[int],
) -> NoReturn:
    """Turns into the command; tells why not, where it cannot. It has the signals that we were given: `ignored` ones
    stay so, but for those that the interpreter itself ignores."""
    try:
        os.setpgid(0, 0)
        os.tcsetpgrp(terminal.slave, os.getpid())
        for number, end in enumerate(ends):
            if end is not None:
                os.dup2(end, number)
        for number in signal.valid_signals() - (ignored - {signal.SIGPIPE, signal.SIGXFSZ}):
            with contextlib.suppress(OSError, ValueError):
                signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.execvp(command[0], list(command))  # noqa: S606 - no shell is meant
    except OSError as error:
        os.write(fail, (error.errno or 1).to_bytes(4, "little"))
    finally:
        os._exit(1)


__all__ = ["Monitored"]
