"""A command that runs with its output masked (POSIX): its streams, its signals, its end."""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any

from scanner.cli.masked_stream import PATIENCE, PIECE, unwritten, write_all
from scanner.cli.monitored import Monitored
from scanner.cli.terminal import Terminal
from scanner.errors import KeysweepError
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


class Child:
    """The command. `run()` returns what `subprocess` calls its return code: negative for the signal that ended it."""

    def __init__(self, command: Sequence[str], out: Masker, err: Masker) -> None:
        self._command, self._maskers = command, (out, err)
        self._terminal = _terminal()
        self._streams: list[Stream] = []
        self._wake, self._waker = os.pipe()
        os.set_blocking(self._waker, False)
        self._piped: subprocess.Popen[bytes] | None = None
        self._monitored: Monitored | None = None
        self.lost: KeysweepError | None = None
        """What of its output could not be written though somebody might read it: a full disk."""

    def run(self) -> int:
        """Starts the command and copies its output to its end. Raises OSError when it cannot be started."""
        with self._signals(), contextlib.ExitStack() as stack:
            self._start()
            if self._terminal is not None:
                stack.enter_context(self._terminal.raw())
            self._copy()
        code = self._ended()
        assert code is not None  # noqa: S101 - for the type checker: `_copy` waits for it
        return code

    # --- beginning ---

    def _start(self) -> None:
        terminal = self._terminal
        ends = [self._end(number) for number in (1, 2)]
        if terminal is None:
            self._piped = subprocess.Popen(list(self._command), stdout=ends[0], stderr=ends[1])
        else:
            self._monitored = Monitored(self._command, terminal, [terminal.slave if terminal.typed else None, *ends])
            ends.append(terminal.slave)
        for number in set(ends):
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

    def _ended(self) -> int | None:
        """The return code, None while it runs."""
        if self._monitored is not None:
            return self._monitored.returncode
        return self._piped.poll() if self._piped is not None else None

    # --- signals ---

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Ours go to the command, but for those that whoever started us has ignored (`nohup`). Ctrl-C without a
        pseudo-terminal reaches it by itself; we wait for its end."""

        def noted(number: int, frame: FrameType | None) -> None:
            """The interpreter has written the number before it comes here, and even when it cannot come here since it
            is about to wait: a handler that wrote it would be heard too late."""

        before: dict[int, Any] = {}
        waker = signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        for number in (getattr(signal, name) for name in ("SIGINT", "SIGCHLD", "SIGWINCH", *_FORWARDED)):
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, noted)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(waker)

    def _signalled(self) -> None:
        for number in set(os.read(self._wake, 4096)):
            if number == signal.SIGWINCH:
                if self._terminal is not None:
                    self._terminal.resize()
            elif number != signal.SIGCHLD and (number != signal.SIGINT or self._terminal is not None):
                self._send(number)

    def _send(self, number: int) -> None:
        if self._monitored is not None:
            self._monitored.send(number)
        elif self._piped is not None:
            self._piped.send_signal(number)

    def _changed(self, monitored: Monitored, selector: selectors.BaseSelector) -> None:
        """The command ended, or was stopped from its keyboard: then we stop, too, and go on with it."""
        stopped = monitored.changed()
        if monitored.returncode is not None:
            selector.unregister(monitored.told)
        if stopped and self._terminal is not None:
            self._terminal.leave()
            os.killpg(0, signal.SIGSTOP)  # goes on here when our shell says so
            self._terminal.enter()
            self._terminal.resize()
            monitored.send(signal.SIGCONT)

    # --- copying ---

    def _copy(self) -> None:
        with selectors.DefaultSelector() as selector:
            for stream in self._streams:
                selector.register(stream.source, selectors.EVENT_READ, stream)
            selector.register(self._wake, selectors.EVENT_READ)
            if self._terminal is not None and self._terminal.typed:
                selector.register(0, selectors.EVENT_READ)
            if self._monitored is not None:
                selector.register(self._monitored.told, selectors.EVENT_READ)
            last = time.monotonic()
            while self._streams or self._ended() is None:
                found = selector.select(self._patience())
                for key, _ in found:
                    if isinstance(key.data, Stream):
                        last = time.monotonic()
                    self._ready(key, selector)
                if not found:
                    for stream in list(self._streams):
                        self._write(stream, stream.masker.settled(), selector)
                if self._ended() is not None and time.monotonic() - last > LINGER:
                    break
            for stream in list(self._streams):
                self._end_of(stream, selector)

    def _ready(self, key: selectors.SelectorKey, selector: selectors.BaseSelector) -> None:
        if isinstance(key.data, Stream):
            self._read(key.data, selector)
        elif key.fd == self._wake:
            self._signalled()
        elif self._monitored is not None and key.fd == self._monitored.told:
            self._changed(self._monitored, selector)
        else:
            self._type(selector)

    def _patience(self) -> float | None:
        if self._ended() is not None:
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
        except OSError as error:
            self._drop(stream, selector)
            if error.errno != errno.EPIPE and not (error.errno == errno.EIO and self._terminal is not None):
                self.lost = self.lost or unwritten("output" if stream.target == 1 else "errors", error)
            if self._terminal is not None and stream.source == self._terminal.master:
                self._send(signal.SIGHUP)

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
    return Terminal(0 if _in_front() else real, typed=_in_front())


def _in_front() -> bool:
    """Whether what is typed is for us: we are no job in the background."""
    try:
        return os.isatty(0) and os.tcgetpgrp(0) == os.getpgrp()
    except OSError:  # a terminal, but not that which controls us
        return True


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
