"""A pseudo-terminal for a command that had a terminal, and our own terminal handed through while it runs (POSIX)."""

from __future__ import annotations

import contextlib
import fcntl
import pty
import signal
import struct
import termios
import tty
from collections.abc import Iterator


class Terminal:
    """A pseudo-terminal: `master` is our end, `slave` the command's. `real` is the terminal we were started in; `typed`
    says whether its keyboard is ours to hand on."""

    def __init__(self, real: int, *, typed: bool) -> None:
        self._real, self.typed = real, typed
        self.master, self.slave = pty.openpty()
        self._before = termios.tcgetattr(real)
        modes = list(self._before)
        if not typed:  # our terminal goes on making line ends of line feeds
            modes[1] &= ~termios.OPOST
        termios.tcsetattr(self.slave, termios.TCSANOW, modes)
        self.resize()

    def resize(self) -> None:
        """Gives the command's terminal the size of ours."""
        with contextlib.suppress(OSError):
            size = fcntl.ioctl(self._real, termios.TIOCGWINSZ, struct.pack("HHHH", 0, 0, 0, 0))
            fcntl.ioctl(self.master, termios.TIOCSWINSZ, size)

    def controls(self) -> None:
        """Makes it the terminal that controls this process: for the command, before it begins."""
        fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)

    @contextlib.contextmanager
    def raw(self) -> Iterator[None]:
        """While this lasts every key goes to the command as it is: Ctrl-C and Ctrl-Z, too."""
        self.enter()
        try:
            yield
        finally:
            self.leave()

    def enter(self) -> None:
        """Our terminal hands all keys on."""
        if self.typed:
            with _unstopped():
                tty.setraw(self._real, termios.TCSADRAIN)

    def leave(self) -> None:
        """Our terminal is as it was."""
        with _unstopped(), contextlib.suppress(termios.error):
            termios.tcsetattr(self._real, termios.TCSADRAIN, self._before)


@contextlib.contextmanager
def _unstopped() -> Iterator[None]:
    """To change a terminal from the background stops a process."""
    before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGTTOU, before)


__all__ = ["Terminal"]
