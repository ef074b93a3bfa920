"""The keys of an earlier report, read again where they stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

from scanner.cli.session import Session
from scanner.errors import SourceError
from scanner.identity import Identities
from scanner.models import Finding
from scanner.pipeline import scan
from scanner.recheck import (
    LARGEST,
    Entry,
    Text,
    needs_repository,
    not_again,
    out_of_reach,
    places,
    read_report,
    recognised,
)
from scanner.sources.git import Git, open_repository
from scanner.whole_file import read_whole


def load_report(path: Path) -> tuple[Entry, ...]:
    """The entries of a JSON report. Raises `ConfigError` or `UsageError` when there is none."""
    return read_report(read_whole(path, LARGEST, "report of keysweep"), str(path))


def inside(repo: str) -> chdir[str]:
    """The folder that was scanned, as the current one for a while."""
    if not Path(repo).is_dir():
        raise SourceError(f"{repo}: no such folder; name the repository, or the folder, that was scanned")
    return chdir(repo)


@dataclass(frozen=True, slots=True)
class Again:
    """The report's entries, the keys that were found again, by the number of their entry, and why others were not."""

    entries: tuple[Entry, ...]
    found: Mapping[int, Finding]
    lost: Mapping[int, str]

    @classmethod
    def of(cls, entries: tuple[Entry, ...], session: Session, text: Text | None = None) -> Again:
        """Reads all the places again; from the current folder. Raises SourceError when the text cannot be read."""
        git = _git(entries)
        far = [
            out_of_reach(entry, session.rules, repository=git is not None, text=text is not None) for entry in entries
        ]
        near = [(number, entry) for number, entry in enumerate(entries) if not far[number]]
        results = [scan(source, session.matcher) for source in places([entry for _, entry in near], git, text)]
        findings = [finding for result in results for finding in result.findings]
        identities = Identities(pepper=session.pepper, mask=session.matcher.mask)
        matched = recognised([entry for _, entry in near], findings, identities)
        found = {near[index][0]: finding for index, finding in matched.items()}
        unread = {item.what: item.reason for result in results for item in result.skipped}
        lost = {
            number: far[number] or _why(entry, unread)
            for number, entry in enumerate(entries) if number not in found
        }  # fmt: skip
        return cls(entries, found, lost)


def _git(entries: Sequence[Entry]) -> Git | None:
    if not needs_repository(entries):
        return None
    try:
        return open_repository(".").git
    except SourceError:
        return None


def _why(entry: Entry, unread: Mapping[str, str]) -> str:
    for what, reason in unread.items():
        if entry.object_id and entry.object_id in what:
            return f"it cannot be read: {reason}"
        if not entry.object_id and what == entry.path:
            return f"it cannot be read: {reason}"
    return not_again(entry)


def place_of(entry: Entry) -> str:
    """Where an entry stands, for people."""
    return f"{entry.path or entry.kind}:{entry.line}"


__all__ = ["Again", "inside", "load_report", "place_of"]
