"""A matcher that stands in where the pipeline is tested, not what is found: a key is `KEY-` and 16 hex digits.

Some contents make it misbehave, as a real one might on a bad day.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import secrets
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from scanner.models import MASK, Chunk, Confidence, Finding, Location, Secret, Severity

_KEY = re.compile(rb"KEY-([0-9a-f]{16})")
_SHOWN = re.compile(r"(KEY-)[0-9a-f]{16}")


def fresh_key() -> bytes:
    return b"KEY-" + secrets.token_hex(8).encode()


class StandIn:
    def find(self, chunk: Chunk) -> Iterator[Finding]:
        self._misbehave(chunk.data)
        end = len(chunk.data) if chunk.end < 0 else chunk.end
        for match in _KEY.finditer(chunk.data):
            if chunk.start <= match.start() < end:
                yield self._finding(chunk, match)

    def mask(self, text: str) -> str:
        return _SHOWN.sub(r"\1" + MASK, text)

    def _finding(self, chunk: Chunk, match: re.Match[bytes]) -> Finding:
        before = chunk.data[: match.start()]
        line = chunk.line + before.count(b"\n")
        column = len(before) - before.rfind(b"\n") + (0 if b"\n" in before else chunk.column - 1)
        start, end = chunk.offset + match.start(), chunk.offset + match.end()
        return Finding(
            rule_id="standin-key",
            provider="standin",
            title="Stand-in key",
            severity=Severity.HIGH,
            confidence=Confidence.HIGH,
            secret=Secret(match[1]),
            masked=f"KEY-{MASK}",
            location=Location(chunk.origin.path, start, end, line, column, line, column + end - start),
            origin=chunk.origin,
        )

    def _misbehave(self, data: bytes) -> None:
        worker = multiprocessing.parent_process() is not None
        if b"RAISE-HERE" in data:
            raise ValueError(data.decode())
        if b"NO-MEMORY" in data:
            raise MemoryError
        if b"INTERRUPT-HERE" in data:
            raise KeyboardInterrupt
        if b"DIE-HERE" in data and worker:
            os.kill(os.getpid(), signal.SIGKILL)
        if (once := re.search(rb"DIE-ONCE:(\S+)", data)) and worker and not Path(os.fsdecode(once[1])).exists():
            Path(os.fsdecode(once[1])).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if b"SLEEP-HERE" in data:
            time.sleep(600)
