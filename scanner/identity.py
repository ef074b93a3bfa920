"""The identity of a finding: what a baseline and a report may hold in the secret's place.

An identity is made of the rule, the place and the secret, and of nothing else, so it survives moved lines and
edits around the key. It is a *slow, salted* hash on purpose. Baselines are committed, reports are uploaded,
and both leak; with a plain SHA-256 in them, a reader could test billions of guesses a second ("is the
database password `summer2024`?"). With scrypt at the cost below each guess costs the same 6 ms and 4 MiB that
it costs us, for each entry again. An optional pepper (the user's own key, kept outside the repository) makes
guessing impossible without it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Hashable, Iterable

from scanner.models import Finding, Kind, Secret

KDF = "scrypt-4096-8-1"
"""Names the hash and its cost in files, so that a later version can tell which one made them."""

REPORT_SALT = b"keysweep report fingerprint 1"
"""The salt of fingerprints in reports. Fixed, because a SARIF fingerprint must be the same in every run, or
code scanning closes and reopens every alert; rule and place still salt it, and a pepper closes the rest."""

# Measured: 6.1 ms and 4 MiB a hash on a 2-core x86-64 machine (n=8192 takes 12 ms); 1,000 findings cost 3 s.
_COST = {"n": 4096, "r": 8, "p": 1}
_BYTES = 16

_PLACES = {
    Kind.COMMIT_MESSAGE: ".git/commit-messages",
    Kind.TAG_MESSAGE: ".git/tag-messages",
    Kind.NOTE: ".git/notes",
    Kind.REF_NAME: ".git/ref-names",
}

Key = tuple[str, str, Secret]


def identity(rule_id: str, path: str, secret: Secret, salt: bytes, pepper: bytes = b"") -> str:
    """128 bits in hexadecimal that stand for this secret, of this rule, at this path.

    Deliberately slow (about 6 ms), so that whoever reads a leaked baseline or report cannot test guesses
    cheaply. The same arguments give the same answer on every machine; without the salt (and the pepper, where
    one is used) nothing can be compared.
    """
    parts = (rule_id.encode(), path.encode("utf-8", "surrogateescape"), secret.reveal())
    # Lengths before the parts: ("a", "bc") and ("ab", "c") must not meet.
    message = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    if pepper:
        import hmac  # noqa: PLC0415 - start-up

        message = hmac.digest(pepper, message, "sha256")
    return hashlib.scrypt(message, salt=salt, dklen=_BYTES, **_COST).hex()


def place(finding: Finding) -> str:
    """The finding's path as identities and SARIF use it: one that the next commit does not change.

    For content of a file that is its path. A commit message has no path but the commit's id, which a rebase
    changes; so all commit messages share one place that no tracked file can have, likewise tags, notes and refs.
    """
    return _PLACES.get(finding.origin.kind) or finding.location.path or "stdin"


def _unchanged(text: str) -> str:
    return text


class Identities:
    """Identities of many findings: each computed once, in threads (scrypt releases the interpreter lock).

    `mask` is applied to places, so that a key in a file's name reaches neither a baseline nor a report.
    """

    def __init__(
        self, salt: bytes = REPORT_SALT, pepper: bytes = b"", mask: Callable[[str], str] = _unchanged
    ) -> None:
        self._salt, self._pepper, self._mask = salt, pepper, mask
        self._known: dict[Key, str] = {}
        self._places: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Identities({len(self._known)} known)"

    def place(self, finding: Finding) -> str:
        """The masked place of a finding."""
        raw = place(finding)
        if raw not in self._places:
            self._places[raw] = self._mask(raw)
        return self._places[raw]

    def key(self, finding: Finding) -> Key:
        """What two findings must share to be the same for a baseline; for use inside the process only."""
        return finding.rule_id, self.place(finding), finding.secret

    def prepare(self, findings: Iterable[Finding]) -> None:
        """Computes the identities of all of them at once."""
        missing = list(dict.fromkeys(key for key in map(self.key, findings) if key not in self._known))
        if len(missing) < 2:
            self._known.update((key, self._compute(key)) for key in missing)
            return
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - start-up

        with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
            self._known.update(zip(missing, pool.map(self._compute, missing), strict=True))

    def of(self, finding: Finding) -> str:
        """The identity of one finding."""
        key = self.key(finding)
        if key not in self._known:
            self._known[key] = self._compute(key)
        return self._known[key]

    def same(self, finding: Finding) -> Hashable:
        """A token that is equal for equal secrets, for grouping; it shows a mask if it is ever shown."""
        return finding.secret

    def _compute(self, key: Key) -> str:
        rule_id, path, secret = key
        return identity(rule_id, path, secret, self._salt, self._pepper)


__all__ = ["KDF", "REPORT_SALT", "Identities", "Key", "identity", "place"]
