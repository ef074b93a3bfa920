"""keysweep as a process of its own, as people start it."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

KEYSWEEP = [sys.executable, "-m", "scanner"]
WAIT = 120.0
"""How long anything may take that ends by itself, in seconds: the machine may be busy."""


def keysweep(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """One call in a folder, to its end. No traceback may come of it."""
    done = subprocess.run([*KEYSWEEP, *words], cwd=place, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    return done


class Piped:
    """A process with pipes at its ends that nothing buffers. Whatever is waited for fails after `WAIT`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    @property
    def stdin(self) -> IO[bytes]:
        """Its standard input, where that is a pipe; so the others."""
        assert self.process.stdin is not None
        return self.process.stdin

    @property
    def stdout(self) -> IO[bytes]:
        assert self.process.stdout is not None
        return self.process.stdout

    @property
    def stderr(self) -> IO[bytes]:
        assert self.process.stderr is not None
        return self.process.stderr

    def say(self, text: bytes) -> None:
        """Writes to its standard input."""
        self.stdin.write(text)

    def told(self, enough: bytes) -> bytes:
        """What comes out until it ends with `enough`."""
        said, end = b"", time.monotonic() + WAIT
        while not said.endswith(enough):
            assert self._ready(max(0, end - time.monotonic())), f"nothing more came behind {said!r}"
            piece = os.read(self.stdout.fileno(), 65536)
            assert piece, f"it ended behind {said!r}"
            said += piece
        return said

    def silent(self, seconds: float) -> bool:
        """Whether nothing comes out for so long."""
        return not self._ready(seconds)

    def signal(self, number: int) -> None:
        """Sends it a signal."""
        self.process.send_signal(number)

    def wait(self) -> int:
        """Its exit code, negative for a signal."""
        return self.process.wait(WAIT)

    def _ready(self, seconds: float) -> bool:
        return bool(select.select([self.stdout], [], [], seconds)[0])


@contextmanager
def piped(command: Sequence[str], **options: Any) -> Iterator[Piped]:
    """A running process, with pipes for what `options` says nothing of; killed at the end, should it still be there."""
    chosen: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    with subprocess.Popen(command, bufsize=0, **chosen) as process:
        try:
            yield Piped(process)
        finally:
            process.kill()


def until_idle(pid: int) -> None:
    """Waits until no thread of a process has had anything to do for half a second (Linux; elsewhere, for a while): it
    has read all that there is, and waits for more."""
    quiet, before = 0, ""
    while quiet < 5:
        time.sleep(0.1)
        try:
            told = [path.read_text().rsplit(")", 1)[1].split() for path in Path(f"/proc/{pid}/task").glob("*/stat")]
        except OSError:
            continue  # a thread has ended meanwhile
        if not told:
            time.sleep(5)
            return
        now = f"{[(words[11], words[12]) for words in told]}"
        waits = all(words[0] == "S" for words in told)
        quiet, before = (quiet + 1 if waits and now == before else 0), now
