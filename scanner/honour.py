"""Which findings other scanners were told to tolerate, by their own files.

A claim that holds the key, or a hash of it, fits that key only. A claim about a line of a commit is followed to the
key: the file is read as it was in that commit, and what stands on the line is the key that is meant, wherever it
stands in that file now.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from scanner.matcher import Matcher
from scanner.models import Chunk, Finding, Origin
from scanner.rival_files import Claim

Read = Callable[[str, str], bytes | None]
"""A file's content as it was in a commit; None when there is no such commit or file."""

MOST_FILES = 2_000
"""How many versions of files are read to find out which key a line of a commit held."""


@dataclass(frozen=True, slots=True)
class Honoured:
    """Which findings of one scan are tolerated, and by which claim; and the claims that fit none of them."""

    by: Mapping[tuple[str, str, bytes], Claim] = field(default_factory=dict, repr=False)
    unmatched: tuple[Claim, ...] = ()

    def claim(self, finding: Finding) -> Claim | None:
        """The claim that stands for this finding."""
        return self.by.get(_identity(finding))

    def reason(self, finding: Finding) -> str:
        """Which entry of which file tolerates the finding; "" for none."""
        found = self.claim(finding)
        return found.source if found else ""


def honoured(claims: Sequence[Claim], findings: Sequence[Finding], matcher: Matcher, read: Read) -> Honoured:
    """Matches the claims with the findings of a scan. The first claim that fits a finding stands for it."""
    at, hashed = _by_path(findings), _by_hash(findings) if any(claim.digest for claim in claims) else {}
    lines = _Lines(matcher, read)
    by: dict[tuple[str, str, bytes], Claim] = {}
    unmatched = []
    for claim in claims:
        near = hashed.get(claim.digest, []) if claim.digest else at.get(claim.path, []) if claim.path else findings
        fitting = [finding for finding in near if _fits(claim, finding, lines)]
        for finding in fitting:
            by.setdefault(_identity(finding), claim)
        if not fitting:
            unmatched.append(claim)
    return Honoured(by, tuple(unmatched))


def _by_path(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        found[_path(finding.location.path)].append(finding)
    return found


def _by_hash(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        for digest in _digests(finding):
            found[digest].append(finding)
    return found


def _identity(finding: Finding) -> tuple[str, str, bytes]:
    return finding.rule_id, finding.location.path, finding.secret.reveal()


def _path(path: str) -> str:
    return path.removeprefix("./")


def _fits(claim: Claim, finding: Finding, lines: _Lines) -> bool:
    if claim.path and claim.path != _path(finding.location.path):
        return False
    if claim.digest:
        return True
    if claim.secret:
        return _same(claim.secret.reveal(), finding)
    if not claim.line:
        return False
    if not claim.commit:
        return finding.location.line <= claim.line <= finding.location.end_line
    return finding.secret.reveal() in lines.secrets(claim)


def _same(value: bytes, finding: Finding) -> bool:
    """Whether a rival's secret is this key: the key or its secret part, or a stretch that holds all of the key."""
    key, secret = finding.key.reveal(), finding.secret.reveal()
    return value in (key, secret) or (len(key) >= 16 and key in value)


_ARMOUR = re.compile(rb"BEGIN[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?")


def _digests(finding: Finding) -> Iterator[str]:
    """SHA-1 and SHA-256 of what another scanner may have taken for the secret here. detect-secrets takes the first
    line of a private key."""
    values = {finding.key.reveal(), finding.secret.reveal(), *(one.reveal() for _, one in finding.absorbed)}
    values |= {found[0] for value in list(values) if (found := _ARMOUR.search(value[:128]))}
    for value in sorted(values):
        yield hashlib.sha1(value, usedforsecurity=False).hexdigest()
        yield hashlib.sha256(value, usedforsecurity=False).hexdigest()


class _Lines:
    """Which secrets stood on a line of a file in a commit. Each version of a file is read once."""

    def __init__(self, matcher: Matcher, read: Read) -> None:
        self._matcher, self._read = matcher, read
        self._known: dict[tuple[str, str], list[Finding]] = {}

    def secrets(self, claim: Claim) -> set[bytes]:
        """The secrets on the line that the claim names."""
        version = (claim.commit, claim.path)
        if version not in self._known:
            if len(self._known) >= MOST_FILES:
                return set()
            self._known[version] = list(self._findings(*version))
        return {
            finding.secret.reveal()
            for finding in self._known[version]
            if finding.location.line <= claim.line <= finding.location.end_line
        }

    def _findings(self, commit: str, path: str) -> Iterable[Finding]:
        data = self._read(commit, path)
        return self._matcher.find(Chunk(data, Origin(path))) if data else ()


__all__ = ["MOST_FILES", "Honoured", "Read", "honoured"]
