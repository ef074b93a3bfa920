"""The words for what a provider says of a key: three statuses, and for each the reasons that it may have.

A reason is one of these words and never a text of the provider's, so that nothing a server writes can reach a report.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

ACTIVE: Final = "active"
INACTIVE: Final = "inactive"
UNKNOWN: Final = "unknown"

NOT_ASKED: Final = "not-asked"

REASONS: Final[Mapping[str, Mapping[str, str]]] = {
    ACTIVE: {
        "accepted": "the provider accepts the key",
        "restricted": "the key is genuine, without permission for what was asked",
        "no-plan": "the key is genuine, its plan does not include what was asked",
        "rate-limited-key": "the key is genuine, it has used up its quota",
        "test-key": "the provider accepts the key, which is one for tests",
    },
    INACTIVE: {
        "revoked": "the key was revoked",
        "expired": "the key has expired",
        "invalid": "the provider does not know the key: it is revoked, mistyped or was never one",
        "disabled": "the key, or its account, is switched off",
        "deleted": "the key, or its account, was deleted",
    },
    UNKNOWN: {
        NOT_ASKED: "nobody was asked",
        "no-check": "the rule describes no way to ask",
        "switched-off": "the configuration says not to ask this provider",
        "missing-part": "a value that the request needs is neither near the key nor in the configuration",
        "not-sendable": "the key holds characters that the request has no place for",
        "sample": "a documented sample or one of our own making; nobody was asked",
        "canary": "a honeytoken that raises an alarm when it is used; nobody was asked",
        "not-described": "the provider's reply is not one that the rule describes",
        "request-wrong": "the provider found fault with the request, not with the key",
        "wrong-environment": "refused, as a working key of another environment, region or address would be",
        "accepts-anything": "a random key is accepted there, too, so the reply says nothing",
        "no-control": "a random key could not be tried, so that the reply proves nothing",
        "rate-limited": "the provider wants no more questions for now",
        "server-error": "the provider failed",
        "redirected": "the reply points elsewhere, and a key is not sent after it",
        "blocked": "a firewall, proxy or login page replied in the provider's place",
        "too-large": "the reply is larger than what is read",
        "unreachable": "no connection to the provider",
        "certificate": "the certificate of the provider's host is not valid",
        "timeout": "the reply took too long",
        "refused-address": "the host's address is one that keys are not sent to",
        "out-of-time": "the time for checking was over",
        "failed": "the check itself failed",
    },
}
"""For every status, its reasons and what each means."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of asking about one key: status and reason, the HTTP status (0: none), a remark of our own words."""

    status: str
    reason: str
    http_status: int = 0
    detail: str = ""

    def __post_init__(self) -> None:
        if self.reason not in REASONS.get(self.status, {}):
            raise ValueError(f"'{self.reason}' is no reason for '{self.status}'")


def unknown(reason: str, detail: str = "", http_status: int = 0) -> Verdict:
    """The verdict `unknown` for that reason."""
    return Verdict(UNKNOWN, reason, http_status, detail)


__all__ = ["ACTIVE", "INACTIVE", "NOT_ASKED", "REASONS", "UNKNOWN", "Verdict", "unknown"]
