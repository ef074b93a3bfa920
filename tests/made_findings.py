"""Findings made for tests, with fresh random secrets."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Hashable, Sequence
from typing import Any

from scanner.identity import place
from scanner.models import (
    MASK,
    CommitRef,
    Confidence,
    Finding,
    History,
    Kind,
    Location,
    Origin,
    Secret,
    Severity,
)  # fmt: skip
from scanner.rule import Rule, RuleSet

RULES = RuleSet(
    [
        Rule(
            id="logtalk-api-key",
            provider="logtalk",
            provider_name="LogTalk",
            name="LogTalk API key",
            description="Opens the LogTalk API for the account that made it.",
            keywords=(),
            pattern="",
            severity=Severity.HIGH,
            confidence=Confidence.HIGH,
            severities={"test": Severity.LOW},
            environments={"live": "live", "test": "test"},
            rotate="https://logtalk.io/settings/api-keys",
            references=("https://docs.logtalk.io/authentication",),
        ),
        Rule(
            id="pem-private-key",
            provider="pem",
            provider_name="PEM",
            name="Private key",
            description="Proves who its owner is. " + "Keep it. " * 200,
            keywords=(),
            pattern="",
            severity=Severity.CRITICAL,
            confidence=Confidence.MEDIUM,
            rotate="Make a new key pair, and remove the old public key wherever it is trusted.",
        ),
    ]
)

ADDED = CommitRef("1a2b3c4d5e6f" + "7" * 28, "Ann Example", "ann@example.org", "2024-03-01T10:00:00Z")
GONE = CommitRef("9f8e7d6c5b4a" + "3" * 28, "Ben Example", "ben@example.org", "2025-04-02T10:00:00Z", merge=True)
STILL_THERE = History(introduced=ADDED, commits=12, paths=2, in_head=True)
REMOVED = History(introduced=ADDED, removed=GONE, commits=3, paths=1)


def fresh() -> bytes:
    """A secret nobody has seen before."""
    return secrets.token_hex(16).encode()


def made(path: str = "app/settings.py", line: int = 12, *, secret: bytes | None = None, **changes: Any) -> Finding:
    """A LogTalk key in an assignment, the way the matcher would report it."""
    environment = changes.get("environment", "live")
    shown = f"lt_{environment or 'live'}_{MASK}"
    values: dict[str, Any] = {
        "rule_id": "logtalk-api-key",
        "provider": "logtalk",
        "title": "LogTalk API key",
        "severity": Severity.LOW if environment == "test" else Severity.HIGH,
        "confidence": Confidence.HIGH,
        "secret": Secret(secret or fresh()),
        "masked": shown,
        "location": Location(path, 300, 340, line, 20, line, 60),
        "origin": Origin(path, changes.pop("kind", Kind.FILE), changes.pop("object_id", "")),
        "environment": environment,
        "variable": "LOGTALK_API_KEY",
        "text": f'LOGTALK_API_KEY = "{shown}"',
        "entropy": 3.914,
    }
    return Finding(**{**values, **changes})


def private_key(path: str = "keys/id_rsa", **changes: Any) -> Finding:
    """A key of 27 lines, of which nothing may be shown."""
    values: dict[str, Any] = {
        "rule_id": "pem-private-key",
        "provider": "pem",
        "title": "Private key",
        "severity": Severity.CRITICAL,
        "confidence": Confidence.MEDIUM,
        "masked": MASK,
        "location": Location(path, 0, 1700, 1, 1, 27, 30),
        "environment": "",
        "variable": "",
        "text": "-----BEGIN RSA PRIVATE KEY-----",
    }
    return made(path, **{**values, **changes})


class QuickFingerprints:
    """Stands in for `Identities` where a property runs hundreds of reports: the same promises, a cheap hash."""

    def prepare(self, findings: Sequence[Finding]) -> None:
        pass

    def of(self, finding: Finding) -> str:
        parts = repr((finding.rule_id, self.place(finding), finding.secret.reveal()))
        return hashlib.sha256(parts.encode("utf-8", "surrogatepass")).hexdigest()[:32]

    def place(self, finding: Finding) -> str:
        return place(finding)

    def same(self, finding: Finding) -> Hashable:
        return finding.secret
