"""A command that runs with its output masked (POSIX): its streams, its signals, its end."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import FrameType

from scanner.cli.masked_stream import PATIENCE, PIECE, write_all
from scanner.cli.terminal import Terminal
from scanner.masker import Masker

LINGER = 1.0
"""When the command has ended, what it left running may go on writing; after so many silent seconds nobody listens."""

_FORWARDED = ("SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")


@dataclass
class Stream:
    """One way out of the command: where it is read, where it goes, what masks it."""

    source: int
    target: int
    masker: Masker
    quiet_since: float = 0.0


class Child:
    """The command. `run()` returns what `subprocess` calls its return code: negative for the signal that ended it."""

    def __init__(self, command: Sequence[str], out: Masker, err: Masker) -> None:
        self._command, self._maskers = command, (out, err)
        self._terminal = _terminal()
        self._streams: list[Stream] = []
        self._wake, self._waker = os.pipe()
        os.set_blocking(self._waker, False)
        self._process: subprocess.Popen[bytes] | None = None

    def run(self) -> int:
        """Starts the command and copies its output to its end. Raises OSError when it cannot be started."""
        with self._signals(), contextlib.ExitStack() as stack:
            self._start()
            assert self._process is not None  # noqa: S101 - for the type checker: started
            if self._terminal is not None:
                stack.enter_context(self._terminal.raw())
            self._copy(self._process)
            return self._process.wait()

    # --- beginning ---

    def _start(self) -> None:
        terminal = self._terminal
        ends = [self._end(number) for number in (1, 2)]
        stdin = terminal.slave if terminal is not None and terminal.typed else None
        self._process = subprocess.Popen(
            list(self._command), stdin=stdin, stdout=ends[0], stderr=ends[1], start_new_session=terminal is not None,
            preexec_fn=None if terminal is None else terminal.controls,  # noqa: PLW1509 - no other thread is here
        )  # fmt: skip
        if terminal is not None:
            terminal.close_slave()
        for number in {end for end in ends if terminal is None or end != terminal.slave}:
            os.close(number)

    def _end(self, number: int) -> int:
        """The command's end of its output or errors, and ours put into the streams."""
        masker = self._maskers[number - 1]
        if self._terminal is not None and os.isatty(number):
            if not any(stream.source == self._terminal.master for stream in self._streams):
                self._streams.append(Stream(self._terminal.master, number, masker))
            return self._terminal.slave
        source, end = os.pipe()
        self._streams.append(Stream(source, number, masker))
        return end

    # --- signals ---

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Ours go to the command. Ctrl-C without a pseudo-terminal reaches it by itself; we wait for its end."""

        def noted(number: int, frame: FrameType | None) -> None:
            with contextlib.suppress(BlockingIOError):
                os.write(self._waker, bytes([number]))

        wanted = [signal.SIGINT, signal.SIGCHLD, *(getattr(signal, name) for name in _FORWARDED)]
        if self._terminal is not None:
            wanted.append(signal.SIGWINCH)
        before = {number: signal.signal(number, noted) for number in wanted}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _signalled(self, process: subprocess.Popen[bytes]) -> None:
        for number in set(os.read(self._wake, 4096)):
            if number == signal.SIGCHLD:
                self._changed(process)
            elif number == getattr(signal, "SIGWINCH", None) and self._terminal is not None:
                self._terminal.resize()
            elif number != signal.SIGINT or self._terminal is not None:
                self._send(process, number)

    def _send(self, process: subprocess.Popen[bytes], number: int) -> None:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number) if self._terminal is not None else os.kill(process.pid, number)

    def _changed(self, process: subprocess.Popen[bytes]) -> None:
        """The command ended, or was stopped from its keyboard: then we stop, too, and go on with it."""
        if self._terminal is None:
            process.poll()
            return
        if process.returncode is not None:
            return
        pid, status = os.waitpid(process.pid, os.WNOHANG | os.WUNTRACED)
        if pid == 0:
            return
        if not os.WIFSTOPPED(status):
            process.returncode = os.waitstatus_to_exitcode(status)
            return
        self._terminal.leave()
        os.killpg(0, signal.SIGSTOP)  # goes on here when our shell says so
        self._terminal.enter()
        self._terminal.resize()
        self._send(process, signal.SIGCONT)

    # --- copying ---

    def _copy(self, process: subprocess.Popen[bytes]) -> None:
        with selectors.DefaultSelector() as selector:
            for stream in self._streams:
                selector.register(stream.source, selectors.EVENT_READ, stream)
            selector.register(self._wake, selectors.EVENT_READ)
            if self._terminal is not None and self._terminal.typed:
                selector.register(0, selectors.EVENT_READ)
            process.poll() if self._terminal is None else self._changed(process)
            last = time.monotonic()
            while self._streams:
                found = selector.select(self._patience(process))
                for key, _ in found:
                    if isinstance(key.data, Stream):
                        last = time.monotonic()
                        self._read(key.data, selector)
                    elif key.fd == self._wake:
                        self._signalled(process)
                    else:
                        self._type(selector)
                if not found:
                    for stream in self._streams:
                        self._write(stream, stream.masker.settled(), selector)
                if process.returncode is not None and time.monotonic() - last > LINGER:
                    break
            for stream in list(self._streams):
                self._end_of(stream, selector)
        while process.returncode is None:
            self._signalled(process)

    def _patience(self, process: subprocess.Popen[bytes]) -> float | None:
        if process.returncode is not None:
            return LINGER / 4
        return PATIENCE if any(stream.masker.held for stream in self._streams) else None

    def _read(self, stream: Stream, selector: selectors.BaseSelector) -> None:
        try:
            piece = os.read(stream.source, PIECE)
        except OSError:  # the other end of a pseudo-terminal is closed
            piece = b""
        if piece:
            self._write(stream, stream.masker.feed(piece), selector)
        else:
            self._end_of(stream, selector)

    def _end_of(self, stream: Stream, selector: selectors.BaseSelector) -> None:
        self._write(stream, stream.masker.flush(), selector)
        self._drop(stream, selector)

    def _write(self, stream: Stream, piece: bytes, selector: selectors.BaseSelector) -> None:
        """Writes, or, when nobody reads any more, lets the command find that out as it would without us."""
        try:
            write_all(stream.target, piece)
        except OSError:
            self._drop(stream, selector)
            if self._terminal is not None and stream.source == self._terminal.master and self._process is not None:
                self._send(self._process, signal.SIGHUP)

    def _drop(self, stream: Stream, selector: selectors.BaseSelector) -> None:
        if stream in self._streams:
            self._streams.remove(stream)
            selector.unregister(stream.source)
            os.close(stream.source)

    def _type(self, selector: selectors.BaseSelector) -> None:
        assert self._terminal is not None  # noqa: S101 - for the type checker: only then the keyboard is read
        piece = os.read(0, 4096)
        if not piece or not any(stream.source == self._terminal.master for stream in self._streams):
            selector.unregister(0)
            return
        with contextlib.suppress(OSError):
            write_all(self._terminal.master, piece)


def _terminal() -> Terminal | None:
    """A pseudo-terminal when the command would have had a terminal to write to."""
    real = next((number for number in (1, 2) if os.isatty(number)), None)
    if real is None:
        return None
    typed = os.isatty(0) and os.tcgetpgrp(0) == os.getpgrp()
    return Terminal(0 if typed else real, typed=typed)


def end_like(code: int) -> int:
    """The exit code for a command's return code. One that a signal ended ends us the same way, without a core file."""
    if code >= 0:
        return code
    import resource  # noqa: PLC0415 - POSIX only

    sys.stdout.flush()
    sys.stderr.flush()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError, ValueError):
        signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
    return 128 - code


__all__ = ["LINGER", "Child", "end_like"]
