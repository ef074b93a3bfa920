"""The values that travel through the pipeline. Frozen; standard library only.

Positions inside are half-open byte offsets; lines and columns are 1-based and are set once, when a finding
is made, because only then the content is at hand.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, NoReturn

MASK = "********"
"""What stands for a secret in every output, whatever the secret's length."""


NEAR = 640
"""How many bytes around a keyword an ordinary rule looks at. A source that gives only what changed in some content
gives this much around it, too; rules that reach farther are the matcher's business."""

LINES = 3
"""How many lines above that of a value are looked at for what it is called, and for what tells against it."""

BREAKS = 1
"""The line breaks that a match of an ordinary rule may hold; what may hold more counts as reaching far."""


class Severity(StrEnum):
    """How bad a leak of this key is, worst first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    NOTE = "note"

    @property
    def rank(self) -> int:
        """0 for critical … 4 for note: sorts worst first."""
        return _SEVERITIES.index(self)


_SEVERITIES = list(Severity)


class Confidence(StrEnum):
    """How sure the rule is that what it found is a key of that kind, surest first."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """0 for high … 2 for low."""
        return _CONFIDENCES.index(self)


_CONFIDENCES = list(Confidence)


class Kind(StrEnum):
    """What sort of content a chunk is."""

    FILE = "file"
    BLOB = "blob"
    STDIN = "stdin"
    LOG = "log"
    PATCH = "patch"
    INDEX = "index"
    COMMIT_MESSAGE = "commit-message"
    TAG_MESSAGE = "tag-message"
    NOTE = "note"
    REF_NAME = "ref-name"
    PATH_NAME = "path-name"


class Secret:
    """Bytes that hide themselves: every accidental way out (`repr`, `str`, format, pickle, JSON) shows a mask
    or fails. `reveal()` is the one deliberate way."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        """The secret itself. For masking, comparing, hashing and asking the provider; never for output."""
        return self._value

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return MASK

    def __len__(self) -> int:
        return len(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret does not pickle; findings cross a process border in a Parcel")

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self


_NOTHING = Secret(b"")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where content comes from.

    `path` is what a person would open, `/`-separated ("" for a stream without a name); for messages and
    names it says which (`commit 1a2b3c4`, `refs/heads/x`). `object_id` is git's id of the blob, commit or tag.
    """

    path: str
    kind: Kind = Kind.FILE
    object_id: str = ""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of content, handed to the matcher.

    `data[start:end]` is the window to report from: a finding belongs to this chunk when it touches the window;
    what stands around is context only, so that cutting content into windows, or scanning only what changed,
    never changes what is found. `end` -1 means the end of data. `offset`, `line` and `column` are the position
    of `data[0]` in the whole content (byte offset from 0, line and column from 1; a column is a character, and
    bytes that continue a UTF-8 character are none).

    `previous` is content that the same matcher was given just before and that stands outside of the window here, too
    (a newer version of the file; b"" for the first one): what is known of it need not be found out again, and a key
    that was found in a newer version in the same words is not told again.
    """

    data: bytes = field(repr=False)
    origin: Origin
    start: int = 0
    end: int = -1
    offset: int = 0
    line: int = 1
    column: int = 1
    previous: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Suspect:
    """What could be a key: its bytes, the rule, and the places where it could be one, a bit for each of `place.PLACES`.
    Found quickly, and not known to be one."""

    text: bytes = field(repr=False)
    rule_id: str
    places: int


@dataclass(frozen=True, slots=True)
class Location:
    """Where a key stands: byte offsets in the whole content (half-open), and 1-based lines and columns
    (characters; `end_column` is the column after the last character)."""

    path: str
    start: int
    end: int
    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Record:
    """What a log says of a line: when it was written (as the log has it), and the field that holds the key."""

    time: str = ""
    field: str = ""


@dataclass(frozen=True, slots=True)
class Allow:
    """An inline `keysweep:allow` on the finding's line: the rule it names ("" for any) and the reason given."""

    rule_id: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Validity:
    """What the provider says of a key: `active`, `inactive` or `unknown`, with the reason beside it (a word of
    `verdicts.REASONS`).

    The evidence: `endpoint` is what was asked (`GET https://api.acme.net/v1/me`, places for values left open; "" when
    nobody was), `asked` when (ISO 8601, UTC), `http_status` what it answered with (0 for no answer), `detail` words of
    our own. Nothing in here comes from the reply's text.
    """

    status: str = "unknown"
    reason: str = "not-asked"
    endpoint: str = ""
    asked: str = ""
    http_status: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class CommitRef:
    """A commit as reports show it. `date` is ISO 8601 in UTC (author date)."""

    id: str
    author: str
    email: str
    date: str
    merge: bool = False


@dataclass(frozen=True, slots=True)
class History:
    """A finding's life in a repository: what brought it in, how many commits' trees hold it, at how many
    paths, whether HEAD still holds it, and what removed it. `introduced` is None for unreachable objects."""

    introduced: CommitRef | None = None
    removed: CommitRef | None = None
    commits: int = 0
    paths: int = 0
    in_head: bool = False
    reachable: bool = True


@dataclass(frozen=True, slots=True)
class Finding:
    """A key that a rule found and all its checks confirmed.

    `masked` is the key as it may be shown (public part, then `MASK`); `text` is its line, shortened, with
    every finding on it masked. `variable` is the name it is assigned to, where there is one. `sample` says why
    it cannot be a live key: "" (it may be), "documented" (a provider's published sample) or "synthetic" (made
    by `keysweep rules fake`). `decoded` lists the encodings it was wrapped in, outermost first. `occurrences` is the
    number of versions of the content that hold it.

    `key` is all of the key, public part and secret, as a provider wants it. `parts` are the other values that it needs,
    by name, as they stand near it (an account id, a host), and `absorbed` names those of them that are keys by
    themselves, as (rule id, secret): they are a part of this finding and none of their own. `facts` are what may be
    told of the key, as (name, text): the parts that are public, and what the key says of itself. `expires` is the
    moment after which it is worth nothing, ISO 8601 in UTC, where the key says so. `record` is what a log says of the
    line it stands in. `marks` are the other scanners whose own comments allow it (see `rivals`).
    """

    rule_id: str
    provider: str
    title: str
    severity: Severity
    confidence: Confidence
    secret: Secret
    masked: str
    location: Location
    origin: Origin
    environment: str = ""
    variable: str = ""
    text: str = ""
    entropy: float = 0.0
    decoded: tuple[str, ...] = ()
    sample: str = ""
    allow: Allow | None = None
    occurrences: int = 1
    history: History | None = None
    validity: Validity = Validity()
    key: Secret = _NOTHING
    parts: tuple[tuple[str, Secret], ...] = ()
    absorbed: tuple[tuple[str, Secret], ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    expires: str = ""
    record: Record | None = None
    marks: tuple[str, ...] = ()

    @property
    def sort_key(self) -> tuple[Any, ...]:
        """Reports' order: by place, then rule. Total: no two findings of one result compare equal unless they
        are the same key at the same place."""
        at = self.location
        return (at.path, at.start, at.end, self.rule_id, self.origin.kind, self.origin.object_id, self.secret.reveal())

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Finding does not pickle; findings cross a process border in a Parcel")


class Parcel:
    """The one way findings cross a process border: pickles with their secrets, over our own pipe only."""

    __slots__ = ("findings",)

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        self.findings = findings

    def __repr__(self) -> str:
        return f"Parcel({len(self.findings)} findings)"

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpack, (tuple(_pack(finding) for finding in self.findings),)


_FIELDS = tuple(item.name for item in fields(Finding))
_HIDDEN = ("secret", "key")
_NAMED_HIDDEN = ("parts", "absorbed")


def _pack(finding: Finding) -> tuple[Any, ...]:
    named = {name: getattr(finding, name) for name in _FIELDS}
    named |= {name: named[name].reveal() for name in _HIDDEN}
    named |= {name: tuple((label, value.reveal()) for label, value in named[name]) for name in _NAMED_HIDDEN}
    return tuple(named.values())


def _unpack(packed: tuple[tuple[Any, ...], ...]) -> Parcel:
    return Parcel(tuple(_finding(values) for values in packed))


def _finding(values: tuple[Any, ...]) -> Finding:
    named = dict(zip(_FIELDS, values, strict=True))
    named |= {name: Secret(named[name]) for name in _HIDDEN}
    named |= {name: tuple((label, Secret(value)) for label, value in named[name]) for name in _NAMED_HIDDEN}
    return Finding(**named)


@dataclass(frozen=True, slots=True, order=True)
class Skipped:
    """Something that was asked for and not read: what (a path or an object), and why, as a short sentence.
    Any of these keeps a scan from being called clean."""

    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class Note:
    """A remark of a source that does not make a scan incomplete (12 files excluded by configuration)."""

    text: str


@dataclass(frozen=True, slots=True)
class Stats:
    """What was read. `contents` counts files, blobs, messages and ref names; `size` the bytes scanned of them.
    Path names are scanned too, but not counted: one file is one content."""

    contents: int = 0
    size: int = 0
    commits: int = 0

    def __add__(self, other: Stats) -> Stats:
        return Stats(self.contents + other.contents, self.size + other.size, self.commits + other.commits)


@dataclass(frozen=True, slots=True)
class ScanResult:
    """All that one scan found, in a fixed order, and all that it could not read. `notes` are remarks that do
    not make a scan incomplete (an exclusion by configuration, a repository that belongs to someone else)."""

    findings: tuple[Finding, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    stats: Stats = Stats()
    notes: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """True when everything that was asked for was read."""
        return not self.skipped


def merge(results: list[ScanResult]) -> ScanResult:
    """One result of several, sorted, so that the order in which parts finish never shows."""
    findings = sorted((f for r in results for f in r.findings), key=lambda f: f.sort_key)
    return ScanResult(
        findings=tuple(findings),
        skipped=tuple(sorted({s for r in results for s in r.skipped})),
        stats=sum((r.stats for r in results), Stats()),
        notes=tuple(sorted({n for r in results for n in r.notes})),
    )


__all__ = [
    "BREAKS", "LINES", "MASK", "NEAR", "Allow", "Chunk", "CommitRef", "Confidence", "Finding", "History", "Kind",
    "Location", "Note", "Origin", "Parcel", "Record", "ScanResult", "Secret", "Severity", "Skipped", "Stats",
    "Suspect", "Validity", "merge",
]  # fmt: skip
