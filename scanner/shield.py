"""Work that no signal may tear in two: it is done in a thread of its own, and what wants the program to end (Ctrl-C,
SIGTERM, SIGHUP, SIGQUIT) is noted until it is done. The work must be bounded by itself.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType
from typing import Any, Final, TypeVar

T = TypeVar("T")

_ENDS: Final = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGBREAK")
_GLANCE: Final = 0.05
"""Seconds between two looks at whether a signal came."""


class Shield:
    """While it is open, signals that end a program only set `interrupted`. `on_first` is called at the first one, by
    `run`; what it raises is dropped, since the one who is told may be gone (a closed terminal).

    Signals that whoever started us has ignored (`nohup`) stay ignored. Python takes signals in its main thread only:
    opened in another one, it holds nothing back, and nothing reaches it there.
    """

    def __init__(self, on_first: Callable[[], None]) -> None:
        self._on_first, self._told, self._raises = on_first, False, False
        self._before: dict[int, Any] = {}
        self.interrupted = False

    def __enter__(self) -> Shield:
        if threading.current_thread() is threading.main_thread():
            for number in (getattr(signal, name) for name in _ENDS if hasattr(signal, name)):
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._noted)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def run(self, act: Callable[[], T]) -> T:
        """What comes of something that is done whole, or what it raises."""
        results: list[T] = []
        errors: list[BaseException] = []
        done = threading.Event()

        def work() -> None:
            try:
                results.append(act())
            except BaseException as error:  # carried over to the thread that waits
                errors.append(error)
            finally:
                done.set()

        threading.Thread(target=work, daemon=True).start()
        while not done.wait(_GLANCE):
            if self.interrupted and not self._told:
                self._told = True
                with contextlib.suppress(Exception):
                    self._on_first()
        if errors:
            raise errors[0]
        return results[0]

    @contextlib.contextmanager
    def open_to_interrupts(self) -> Iterator[None]:
        """Lets the next signal raise KeyboardInterrupt in here, once: for waiting that may be cut short."""
        self._raises = True
        try:
            yield
        finally:
            self._raises = False

    def _noted(self, number: int, frame: FrameType | None) -> None:
        self.interrupted = True
        if self._raises:
            self._raises = False
            raise KeyboardInterrupt


__all__ = ["Shield"]
