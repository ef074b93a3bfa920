"""What the pipeline asks of a source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

from scanner.models import Chunk, Finding, Note, Skipped


class Source(Protocol):
    """Content to scan: lazy, and never silent about what it cannot read."""

    def chunks(self) -> Iterator[Chunk | Skipped | Note]:
        """Yields content, a `Skipped` for each thing that was asked for and cannot be read, and a `Note` for
        what a person should know though nothing is missing.

        Raises `SourceError` only when the source cannot be opened at all; one bad item is a `Skipped`.
        """

    def partitions(self, count: int) -> Sequence[Source]:
        """Splits into parts, each a source of its own, small to pickle, read where it is scanned.

        About `count` of them (it may be more or fewer); their chunks together are this source's chunks.
        """

    def locate(self, findings: Sequence[Finding]) -> Sequence[Finding]:
        """Adds who, when and where to findings, once, after the scan. Sources that know no more return
        them as they are."""


@runtime_checkable
class Weighed(Protocol):
    """A source, or a part of one, that knows about how much there is to read, without reading it.

    Small work is then done without worker processes, and large parts are begun first. `str(part)` names it for
    people: it is what a report says was not read when the process that read it died.
    """

    def weight(self) -> int:
        """About how many bytes there are to scan."""
