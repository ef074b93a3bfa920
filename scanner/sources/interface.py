"""What the pipeline asks of a source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Protocol, runtime_checkable

from scanner.models import Chunk, Finding, Note, Skipped, Stats, Suspect


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


class Undivided(Source, Protocol):
    """A source that is read in one place, and knows no more of its findings than it yields. A base for such sources."""

    def partitions(self, count: int) -> Sequence[Source]:
        """Only itself."""
        return [self]

    def locate(self, findings: Sequence[Finding]) -> Sequence[Finding]:
        """As they are."""
        return findings


@runtime_checkable
class Weighed(Protocol):
    """A source, or a part of one, that knows about how much there is to read, without reading it.

    Small work is then done without worker processes, and large parts are begun first. `str(part)` names it for
    people: it is what a report says was not read when the process that read it died.
    """

    def weight(self) -> int:
        """About how many bytes there are to scan."""


Trace = tuple[tuple[str, int], ...]
"""Why an object could hold a key: ids of rules, each with the places where its keys could stand (see `Suspect`). An
empty one says that nothing is known of the object."""

Traces = dict[bytes, Trace]
"""Traces by name. What was looked through and has none holds no key."""

NAME = 20
"""A name has so many bytes."""


class Looking(Protocol):
    """What tells quickly whether content could hold a key: too often perhaps, never too seldom."""

    def look(
        self, data: bytes, windows: Sequence[tuple[int, int]], far: frozenset[str]
    ) -> tuple[list[Suspect], frozenset[str]]:
        """What could be keys and touches the windows; and `far`, what was told so of the content's base, with what the
        windows add to it."""


class Piece(Protocol):
    """Some objects of a repository, small to pickle, looked through where it is done."""

    @property
    def size(self) -> int:
        """About how many bytes on disk."""

    def names(self) -> Iterable[bytes]:
        """The names of what is looked at: of objects the first bytes of their raw ids (see `NAME`)."""

    def sift(self, looking: Looking) -> tuple[Traces, int]:
        """The traces of the objects that could hold a key, and the bytes looked at. Raises whatever is in the way."""


class Telling(Protocol):
    """What was found out of objects: whether one could hold a key of a file."""

    def reads(self, path: str) -> bool:
        """Whether content of that path is read whatever it holds."""

    def holds(self, name: bytes, path: str) -> bool:
        """Whether what has that name could hold a key, as content of that path: also what nobody has looked through,
        since it was kept by itself or came later."""


@runtime_checkable
class Siftable(Protocol):
    """A source that can be looked through quickly before it is read."""

    def sifting(self, count: int, known: Set[bytes]) -> Sequence[Piece] | None:
        """Its objects in about `count` pieces, less what is known already (by name); None where that cannot be done."""

    def prepare(self, count: int, known: Set[bytes]) -> Sequence[Piece]:
        """Does now what reading will need, while others look through the pieces. Returns more pieces: what is there
        only now (names of files)."""

    def narrow(self, told: Telling) -> Stats:
        """Leaves out, from now on, what can hold no key, as is told. Returns what is left out, as if it had been
        read."""


@runtime_checkable
class Sifting(Protocol):
    """What is asked of the matcher."""

    @property
    def digests(self) -> Mapping[str, str]:
        """The rules that are looked for, by id, each with what changes when it does."""

    def only(self, rules: frozenset[str]) -> Sifting:
        """The same for some of the rules."""

    def sieve(self, *, compile_now: bool) -> Looking | None:
        """What looks quickly; None where it cannot be had."""

    def could_report(self, rule_id: str, places: int, path: str) -> bool:
        """Whether what could be a key of the rule in these places could be one in content of that path."""


    def reads_whole(self, path: str) -> bool:
        """Whether a rule for whole files looks at files of that path: they are not sifted."""
