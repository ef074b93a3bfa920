"""The keys of an earlier JSON report, found again where it says they stand, so that they can be asked about again.

A report holds no key. So its places are read once more, and a key that is found there is the report's when it has the
same fingerprint. A report is foreign: what it says chooses what is read, and nothing of it is sent anywhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from scanner.errors import SourceError, UsageError
from scanner.identity import Identities
from scanner.models import CommitRef, Finding, History, Kind
from scanner.rule import RuleSet
from scanner.sources.change import Contents
from scanner.sources.files import Files
from scanner.sources.git import Git
from scanner.sources.interface import Source
from scanner.sources.log_files import LogFile, LogStream
from scanner.sources.masked_names import Names, in_folders, in_git, ref_names
from scanner.sources.patch import Patch
from scanner.sources.stream import Stream
from scanner.whole_file import opened

LARGEST: Final = 256 << 20
"""A report of more bytes is not read."""

_OBJECTS = {Kind.BLOB, Kind.INDEX, Kind.COMMIT_MESSAGE, Kind.TAG_MESSAGE, Kind.NOTE}
_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_NAMES = {Kind.PATH_NAME, Kind.REF_NAME}
_OF_A_TEXT = {Kind.STDIN, Kind.PATCH}
_GONE = {
    Kind.STDIN: "it stood in standard input: name a file with the same text with --text",
    Kind.PATCH: "it stood in a patch: name the patch's file with --text, or recheck a report of the repository",
    Kind.COMMIT_MESSAGE: "it stood in the message of a commit that was being made: recheck a report of the history",
}
_NOT_AGAIN = {
    Kind.STDIN: "the key does not stand in the text of --text, or the report was made with another identity key",
    Kind.PATCH: "the key does not stand in the text of --text, or the report was made with another identity key",
    Kind.REF_NAME: "no branch or tag here has it in its name any more: fetch it, or name the repository with --repo",
    Kind.PATH_NAME: "no file here, in the index or in its commit has it in its name: name the place with --repo",
}

@dataclass(frozen=True, slots=True)
class Entry:
    """One finding of a report: whose fingerprint, at what place, and what was known of it then."""

    fingerprint: str
    rule: str
    key: str
    path: str
    kind: Kind
    object_id: str = ""
    line: int = 0
    column: int = 0
    occurrences: int = 1
    status: str = "unknown"
    reason: str = "not-asked"
    asked: str = ""
    history: History | None = field(default=None, repr=False)


def read_report(data: bytes, name: str) -> tuple[Entry, ...]:
    """The findings of a JSON report of keysweep. Raises `UsageError` for what is none, naming what is wrong with it."""
    try:
        report = json.loads(data)
    except (ValueError, RecursionError):
        raise UsageError(f"{name}: not JSON; recheck reads what --report json:{name} wrote") from None
    if not isinstance(report, dict) or report.get("schema") != 1 or not isinstance(report.get("findings"), list):
        raise UsageError(f"{name}: not a JSON report of keysweep (schema 1); make one with --report json:{name}")
    entries = []
    for number, finding in enumerate(report["findings"], start=1):
        try:
            entries.append(_entry(finding))
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
            raise UsageError(f"{name}: finding {number} is not one that keysweep wrote") from None
    return tuple(entries)


def _entry(finding: Any) -> Entry:
    validity = finding.get("validity", {})
    texts = [finding["fingerprint"], finding["rule"], finding["key"], finding["path"], finding["object"]]
    said = [validity.get("status", "unknown"), validity.get("reason", ""), validity.get("asked", "")]
    if not all(isinstance(text, str) for text in (*texts, *said)):
        raise TypeError
    return Entry(
        fingerprint=finding["fingerprint"],
        rule=finding["rule"],
        key=finding["key"],
        path=finding["path"],
        kind=Kind(finding["kind"]),
        object_id=finding["object"],
        line=int(finding["line"]),
        column=int(finding["column"]),
        occurrences=int(finding["occurrences"]),
        status=said[0],
        reason=said[1],
        asked=said[2],
        history=_history(finding.get("history")),
    )


def _history(value: Any) -> History | None:
    if value is None:
        return None
    introduced, removed = _commit(value["introduced"]), _commit(value["removed"])
    commits, paths = int(value["commits"]), int(value["paths"])
    return History(introduced, removed, commits, paths, bool(value["in_head"]), bool(value["reachable"]))


def _commit(value: Any) -> CommitRef | None:
    if value is None:
        return None
    if not _ID.fullmatch(value["id"]):
        raise ValueError
    return CommitRef(value["id"], str(value["author"]), str(value["email"]), str(value["date"]), bool(value["merge"]))


# --- reading again ---


def out_of_reach(entry: Entry, rules: RuleSet, *, repository: bool, text: bool) -> str:
    """Why the place of an entry cannot even be looked at, and the way out; "" when it can. Files are looked for from
    here; `text` says that there is one to look for what stood in standard input or in a patch."""
    if entry.rule not in rules.by_id:
        return "its rule is not known here: name its file with --rules"
    if entry.kind in _OF_A_TEXT:
        return "" if text else _GONE[entry.kind]
    if entry.kind in (Kind.FILE, Kind.LOG):
        return "" if _is_file(entry.path) else _without_file(entry, text=text)
    if entry.kind is Kind.PATH_NAME:
        return ""
    if entry.kind is not Kind.REF_NAME and not _ID.fullmatch(entry.object_id):
        return _GONE.get(entry.kind, "the report does not say in which object it stands: make another one")
    return "" if repository else "there is no repository here: name it with --repo"


def _without_file(entry: Entry, *, text: bool) -> str:
    if entry.kind is Kind.LOG and not entry.path:
        return "" if text else _GONE[Kind.STDIN]
    return "the file is not there any more: name the folder that was scanned with --repo"


def not_again(entry: Entry) -> str:
    """Why a key was not found again, though its place could be looked at."""
    otherwise = "the key does not stand there any more, or the report was made with another identity key"
    return _NOT_AGAIN.get(entry.kind, otherwise)


def _is_file(path: str) -> bool:
    try:
        return Path(path).is_file()
    except (OSError, ValueError):
        return False


def needs_repository(entries: Iterable[Entry]) -> bool:
    """Whether something stands in objects of git."""
    return any(entry.kind in _OBJECTS | _NAMES for entry in entries)


@dataclass(frozen=True, slots=True)
class Text:
    """What a report was made from where that was standard input or a patch: a file, and its name as the user has it."""

    path: Path
    name: str

    @classmethod
    def of(cls, path: Path | None) -> Text | None:
        """The file, wherever the current folder will be. Raises `UsageError` when it is not there."""
        if path and not path.exists():
            raise UsageError(f"--text: {path}: no such file")
        return cls(path.absolute(), str(path)) if path else None


def places(entries: Sequence[Entry], git: Git | None, text: Text | None) -> Iterator[Source]:
    """What has to be read again, each file and each object once. Raises `SourceError` when the text cannot be."""
    files = sorted({entry.path for entry in entries if entry.kind is Kind.FILE})
    if files:
        yield Files(files)
    yield from (LogFile(path, path) for path in sorted({entry.path for entry in entries if _is_log_file(entry)}))
    yield from _names(entries, git)
    for kind in sorted(_OBJECTS):
        objects = sorted({(entry.path, entry.object_id) for entry in entries if entry.kind is kind})
        if objects and git is not None:
            yield Contents(git, kind, tuple(objects))
    if text is not None:
        yield from _texts(entries, text)


def _is_log_file(entry: Entry) -> bool:
    return entry.kind is Kind.LOG and bool(entry.path)


def _names(entries: Sequence[Entry], git: Git | None) -> Iterator[Source]:
    """Names that may be those which the report shows masked."""
    if git is not None and any(entry.kind is Kind.REF_NAME for entry in entries):
        yield Names(Kind.REF_NAME, ref_names(git))
    named = [entry for entry in entries if entry.kind is Kind.PATH_NAME]
    masked = sorted({entry.path for entry in named})
    found = {name for one in masked for name in in_folders(one)}
    if git is not None and named:
        commits = {one.history.introduced.id for one in named if one.history and one.history.introduced}
        found.update(in_git(git, masked, ["HEAD", *sorted(commits)]))
    if found:
        yield Names(Kind.PATH_NAME, tuple(sorted(found)))


def _texts(entries: Sequence[Entry], text: Text) -> Iterator[Source]:
    """The text, read as what it was: under every name that it had."""
    try:
        for name in sorted({entry.path for entry in entries if entry.kind is Kind.STDIN}):
            with opened(text.path) as stream:
                yield Stream(stream, name)
        patched = any(entry.kind in (Kind.PATCH, Kind.PATH_NAME) for entry in entries)
        for name in ("", text.name) if patched else ():
            with opened(text.path) as stream:
                yield Patch(stream, name)
        if any(entry.kind is Kind.LOG and not entry.path for entry in entries):
            with opened(text.path) as stream:
                yield LogStream(stream)
    except OSError as error:
        raise SourceError(f"--text: {text.name}: cannot be read: {error.strerror}") from error


def recognised(entries: Sequence[Entry], findings: Sequence[Finding], identities: Identities) -> dict[int, Finding]:
    """By the number of the entry the finding that it speaks of: same rule, same place, same fingerprint; of several the
    one nearest to the line that the report names. It comes with what the report knows of its history."""
    found: dict[tuple[str, ...], list[Finding]] = {}
    for one in findings:
        found.setdefault(_spot_of(one, identities), []).append(one)
    alike = {number: found.get(_spot(entry), []) for number, entry in enumerate(entries)}
    identities.prepare([one for candidates in alike.values() for one in candidates])
    matched = {}
    for number, entry in enumerate(entries):
        same = [one for one in alike[number] if identities.of(one) == entry.fingerprint]
        if same:
            matched[number] = _with_history(_nearest(same, entry), entry)
    return matched


def _spot(entry: Entry) -> tuple[str, ...]:
    known = "" if entry.kind is Kind.REF_NAME else entry.path
    return entry.rule, entry.kind, known, entry.object_id if entry.kind in _OBJECTS else "", entry.key


def _spot_of(one: Finding, identities: Identities) -> tuple[str, ...]:
    kind = one.origin.kind
    path = "" if kind is Kind.REF_NAME else identities.place(one) if kind is Kind.PATH_NAME else one.location.path
    return one.rule_id, kind, path, one.origin.object_id if kind in _OBJECTS else "", one.masked


def _nearest(findings: Iterable[Finding], entry: Entry) -> Finding:
    def distance(one: Finding) -> tuple[int, int]:
        return abs(one.location.line - entry.line), abs(one.location.column - entry.column)

    return min(findings, key=distance)


def _with_history(finding: Finding, entry: Entry) -> Finding:
    return replace(finding, history=entry.history, occurrences=entry.occurrences)


def by_key(numbers: Mapping[int, Finding]) -> list[list[int]]:
    """The numbers of entries, those of one key together, in the entries' order."""
    groups: dict[tuple[str, Any], list[int]] = {}
    for number, finding in sorted(numbers.items()):
        groups.setdefault((finding.rule_id, finding.secret), []).append(number)
    return list(groups.values())


__all__ = [
    "LARGEST", "Entry", "Text", "by_key", "needs_repository", "not_again", "out_of_reach", "places", "read_report",
    "recognised",
]  # fmt: skip
