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

from scanner.errors import UsageError
from scanner.identity import Identities
from scanner.models import CommitRef, Finding, History, Kind
from scanner.rule import RuleSet
from scanner.sources.change import Contents
from scanner.sources.files import Files
from scanner.sources.git import Git
from scanner.sources.interface import Source

LARGEST: Final = 256 << 20
"""A report of more bytes is not read."""

_OBJECTS = {Kind.BLOB, Kind.INDEX, Kind.COMMIT_MESSAGE, Kind.TAG_MESSAGE, Kind.NOTE}
_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_GONE = {
    Kind.STDIN: "it stood in standard input, which is not there any more",
    Kind.PATCH: "it stood in a patch; recheck a report of the repository instead",
    Kind.REF_NAME: "it stands in the name of a branch or tag, which reports show masked",
    Kind.PATH_NAME: "it stands in the name of a file, which reports show masked",
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


def out_of_reach(entry: Entry, rules: RuleSet, *, repository: bool) -> str:
    """Why the place of an entry cannot even be looked at; "" when it can. Files are looked for from here."""
    if entry.rule not in rules.by_id:
        return "its rule is not known here: name its file with --rules"
    if entry.kind in _GONE:
        return _GONE[entry.kind]
    if entry.kind is Kind.FILE:
        return "" if _is_file(entry.path) else "the file is not there any more"
    if not _ID.fullmatch(entry.object_id):
        return "the report does not say in which object it stands"
    return "" if repository else "there is no repository here: name it with --repo"


def _is_file(path: str) -> bool:
    try:
        return Path(path).is_file()
    except (OSError, ValueError):
        return False


def needs_repository(entries: Iterable[Entry]) -> bool:
    """Whether something stands in objects of git."""
    return any(entry.kind in _OBJECTS for entry in entries)


def places(entries: Sequence[Entry], git: Git | None) -> Iterator[Source]:
    """What has to be read again, each file and each object once."""
    files = sorted({entry.path for entry in entries if entry.kind is Kind.FILE})
    if files:
        yield Files(files)
    for kind in sorted(_OBJECTS):
        objects = sorted({(entry.path, entry.object_id) for entry in entries if entry.kind is kind})
        if objects and git is not None:
            yield Contents(git, kind, tuple(objects))


def recognised(entries: Sequence[Entry], findings: Sequence[Finding], identities: Identities) -> dict[int, Finding]:
    """By the number of the entry the finding that it speaks of: same rule, same place, same fingerprint; of several the
    one nearest to the line that the report names. It comes with what the report knows of its history."""
    found: dict[tuple[str, str, str, str], list[Finding]] = {}
    for one in findings:
        found.setdefault((one.rule_id, one.location.path, one.origin.object_id, one.masked), []).append(one)
    alike = {number: found.get(_spot(entry), []) for number, entry in enumerate(entries)}
    identities.prepare([one for candidates in alike.values() for one in candidates])
    matched = {}
    for number, entry in enumerate(entries):
        same = [one for one in alike[number] if identities.of(one) == entry.fingerprint]
        if same:
            matched[number] = _with_history(_nearest(same, entry), entry)
    return matched


def _spot(entry: Entry) -> tuple[str, str, str, str]:
    return entry.rule, entry.path, entry.object_id if entry.kind is not Kind.FILE else "", entry.key


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
    "LARGEST", "Entry", "by_key", "needs_repository", "out_of_reach", "places", "read_report", "recognised",
]  # fmt: skip
