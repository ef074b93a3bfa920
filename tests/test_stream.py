"""Standard input and other streams."""

from __future__ import annotations

import io
import os
import threading
from typing import BinaryIO, cast

import pytest
from standin import StandIn, fresh_key

from scanner.models import Chunk, Kind, Origin, ScanResult, Skipped, Stats
from scanner.pipeline import scan
from scanner.sources.stream import Stream


def test_reads_a_pipe_to_its_end() -> None:
    key, filler = fresh_key(), b"text\n" * 50_000
    reading, writing = os.pipe()

    def write() -> None:
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(filler + key + filler)

    writer = threading.Thread(target=write)
    writer.start()
    with os.fdopen(reading, "rb") as pipe:
        result = scan(Stream(pipe, "build.log", window=8192, overlap=256), StandIn(), jobs=4)
    writer.join()
    (found,) = result.findings
    assert found.secret.reveal() == key[4:]
    assert (found.location.path, found.location.start, found.location.line) == ("build.log", len(filler), 50_001)
    assert result.stats == Stats(contents=1, size=2 * len(filler) + len(key))
    assert result.complete


@pytest.mark.parametrize("name", ["", "a.log"])
def test_an_empty_stream_is_one_empty_content(name: str) -> None:
    assert list(Stream(io.BytesIO(), name).chunks()) == [Chunk(b"", Origin(name, Kind.STDIN))]
    assert scan(Stream(io.BytesIO(), name), StandIn()) == ScanResult(stats=Stats(contents=1))


class Broken(io.BytesIO):
    """Gives 30 bytes, then fails."""

    def read(self, count: int | None = -1) -> bytes:
        if self.tell():
            raise OSError(5, "Input/output error")
        return super().read(30)


def test_a_stream_that_breaks_is_told_and_what_came_before_is_scanned() -> None:
    key = fresh_key()
    result = scan(Stream(cast(BinaryIO, Broken(b"\n" + key + b"x" * 100)), window=16, overlap=4), StandIn())
    assert result.skipped == (Skipped("standard input", "reading failed before its end: Input/output error"),)
    whole = scan(Stream(cast(BinaryIO, Broken(b"\n" + key + b"x" * 100))), StandIn())
    assert [found.location.start for found in whole.findings] == [1]
    assert not whole.complete
