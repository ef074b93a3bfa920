"""Known findings, written down: `.keysweep-baseline`.

The first line says how the file was made, every further line is one entry, sorted, so that a reviewer sees one line
for one key, and entries of two branches seldom touch. It is meant to be committed: it holds no secret, and nothing
against which a reader could test guesses cheaply (see `identity`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from scanner.errors import ConfigError
from scanner.identity import KDF, Identities, Key, identity
from scanner.models import Finding, Secret
from scanner.whole_file import read_whole

DEFAULT_NAME = ".keysweep-baseline"
LARGEST = 64 << 20
VERSION = 1

_HEADER_KEYS = {"keysweep-baseline", "kdf", "salt", "keyed"}
_ENTRY_KEYS = {"rule", "path", "id", "reason", "expires", "added"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One known finding: which rule, where, which key (by its identity), why it is tolerated, and until when.
    From the day `expires` on it suppresses nothing; None is for good."""

    rule: str
    path: str
    id: str
    reason: str = ""
    expires: date | None = None
    added: date | None = None

    @property
    def sort_key(self) -> tuple[str, str, str]:
        """The order of lines in the file; also what makes an entry unique."""
        return self.path, self.rule, self.id

    def expired(self, today: date) -> bool:
        """True from the day of expiry on."""
        return self.expires is not None and self.expires <= today


@dataclass(frozen=True, slots=True)
class Baseline:
    """A baseline file's content. `keyed` proves, when it is not empty, which pepper the identities need."""

    salt: bytes = field(repr=False)
    entries: tuple[Entry, ...] = ()
    keyed: str = ""
    name: str = DEFAULT_NAME

    def identities(self, pepper: bytes = b"", mask: Callable[[str], str] | None = None) -> Identities:
        """What computes identities the way this baseline's were computed.

        Raises `ConfigError` when the file was made with a pepper and this is not it, or without one and there is one:
        otherwise every known finding would come back as new, with nobody knowing why.
        """
        if self.keyed and not pepper:
            raise ConfigError(
                f"{self.name}: made with an identity key; set KEYSWEEP_IDENTITY_KEY to the same key, "
                "or create the baseline anew"
            )
        import hmac  # noqa: PLC0415 - start-up

        if not hmac.compare_digest(self.keyed, _proof(self.salt, pepper)):
            made = "with another identity key" if self.keyed else "without an identity key"
            raise ConfigError(
                f"{self.name}: made {made} than KEYSWEEP_IDENTITY_KEY holds now; "
                "set or unset it as it was then, or create the baseline anew"
            )
        return Identities(self.salt, pepper, mask) if mask else Identities(self.salt, pepper)


@dataclass(frozen=True, slots=True)
class Known:
    """Which findings of one scan a baseline knows, and which of its entries no finding answered to."""

    entries: Mapping[Key, Entry] = field(default_factory=dict, repr=False)
    unmatched: tuple[Entry, ...] = ()
    key: Callable[[Finding], Key] | None = field(default=None, repr=False)

    def entry(self, finding: Finding) -> Entry | None:
        """The entry that stands for this finding, expired or not."""
        return self.entries.get(self.key(finding)) if self.key else None


NOTHING_KNOWN = Known()


@dataclass(frozen=True, slots=True)
class Update:
    """What an update did: the new baseline, and the entries that were added, kept, found stale, and removed."""

    baseline: Baseline
    added: tuple[Entry, ...] = ()
    kept: tuple[Entry, ...] = ()
    stale: tuple[Entry, ...] = ()
    removed: tuple[Entry, ...] = ()


def new_baseline(pepper: bytes = b"", name: str = DEFAULT_NAME) -> Baseline:
    """An empty baseline with a random salt."""
    salt = os.urandom(16)
    return Baseline(salt=salt, keyed=_proof(salt, pepper), name=name)


def match(baseline: Baseline, findings: Sequence[Finding], identities: Identities) -> Known:
    """Which of the findings the baseline knows. Only findings whose rule and place occur in the baseline at all
    cost a slow hash."""
    by_id = {(e.rule, e.path, e.id): e for e in baseline.entries}
    spots = {(e.rule, e.path) for e in baseline.entries}
    candidates = [f for f in findings if (f.rule_id, identities.place(f)) in spots]
    identities.prepare(candidates)
    entries: dict[Key, Entry] = {}
    for finding in candidates:
        entry = by_id.get((finding.rule_id, identities.place(finding), identities.of(finding)))
        if entry is not None:
            entries[identities.key(finding)] = entry
    answered = set(entries.values())
    unmatched = tuple(e for e in baseline.entries if e not in answered)
    return Known(entries=entries, unmatched=unmatched, key=identities.key)


def _no_reason(_: Finding) -> str:
    return ""


def update(
    baseline: Baseline,
    findings: Sequence[Finding],
    identities: Identities,
    today: date,
    *,
    reason: Callable[[Finding], str] = _no_reason,
    expires: date | None = None,
    prune: bool = False,
    complete: bool = True,
) -> Update:
    """The baseline brought up to the findings.

    What still stands keeps its reason, expiry and day; new findings are added, each with its `reason`, and `expires`;
    entries that no finding answers to are reported as stale and stay, unless `prune` removes them. After a
    scan that was not `complete` nothing is stale: what was not read may still hold the key.
    """
    if prune and not complete:
        raise ConfigError(
            f"{baseline.name}: not pruned, because the scan could not read everything and an entry may belong to "
            "what was not read; see what was skipped, or update without --prune"
        )
    known = match(baseline, findings, identities)
    new = [f for f in findings if known.entry(f) is None]
    identities.prepare(new)
    added: dict[Key, Entry] = {}
    for f in new:
        entry = Entry(f.rule_id, identities.place(f), identities.of(f), reason(f), expires, today)
        added.setdefault(identities.key(f), entry)
    stale = known.unmatched if complete else ()
    kept = tuple(e for e in baseline.entries if e not in set(known.unmatched))
    removed = stale if prune else ()
    entries = {*(e for e in baseline.entries if e not in set(removed)), *added.values()}
    return Update(
        baseline=replace(baseline, entries=_ordered(entries)),
        added=_ordered(added.values()),
        kept=kept,
        stale=stale,
        removed=removed,
    )


def render(baseline: Baseline) -> str:
    """The file's text: header, then one sorted line per entry."""
    header = {"keysweep-baseline": VERSION, "kdf": KDF, "salt": baseline.salt.hex(), "keyed": baseline.keyed}
    lines = [header, *(_entry_fields(e) for e in _ordered(baseline.entries))]
    return "".join(json.dumps(line) + "\n" for line in lines)


def save(baseline: Baseline, path: Path) -> None:
    """Writes the file whole or not at all: beside the old one, then in its place."""
    import tempfile  # noqa: PLC0415 - start-up: only who writes a baseline needs it

    target = path.resolve()  # a baseline that is a symlink stays one
    temporary = ""
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", newline="\n", dir=target.parent, prefix=target.name, delete=False
        ) as file:
            temporary = file.name
            file.write(render(baseline))
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o644
        Path(temporary).chmod(mode)
        os.replace(temporary, target)  # noqa: PTH105 - the pair of calls reads as what it is
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise ConfigError(f"{path}: the baseline cannot be written: {error.strerror or error}") from error


def load(path: Path) -> Baseline:
    """Reads a baseline file; refuses a bad one with `file:line` and the reason (`ConfigError`)."""
    return parse(read_whole(path, LARGEST, "baseline"), str(path))


def parse(data: bytes | str, name: str = DEFAULT_NAME) -> Baseline:
    """A baseline from text, wherever it comes from (a file, or the base commit's objects)."""
    try:
        text = data.decode() if isinstance(data, bytes) else data
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name}: not a baseline: not UTF-8 text") from error
    lines = text.removeprefix("\ufeff").split("\n")
    salt, keyed = _header(_object(lines[0], name, 1), name)
    entries: dict[tuple[str, str, str], Entry] = {}
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        entry = _entry(_object(line, name, number), name, number)
        if entry.sort_key in entries:
            raise _refusal(name, number, "the same rule, path and id stand in an earlier line; keep one of them")
        entries[entry.sort_key] = entry
    return Baseline(salt=salt, entries=_ordered(entries.values()), keyed=keyed, name=name)


def _proof(salt: bytes, pepper: bytes) -> str:
    """Tells, as slowly as any identity, whether a pepper is the one a baseline was made with."""
    return identity("keyed", "", Secret(b""), salt, pepper)[:8] if pepper else ""


def _ordered(entries: Any) -> tuple[Entry, ...]:
    return tuple(sorted(entries, key=lambda e: e.sort_key))


def _entry_fields(entry: Entry) -> dict[str, Any]:
    return {
        "rule": entry.rule,
        "path": entry.path,
        "id": entry.id,
        "reason": entry.reason,
        "expires": entry.expires.isoformat() if entry.expires else None,
        "added": entry.added.isoformat() if entry.added else None,
    }


def _refusal(name: str, line: int, reason: str) -> ConfigError:
    return ConfigError(f"{name}:{line}: {reason}")


def _object(line: str, name: str, number: int) -> dict[str, Any]:
    if line.startswith(("<<<<<<<", "=======", ">>>>>>>", "|||||||")):
        raise _refusal(name, number, "a merge conflict; keep the lines of both sides and delete the markers")
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        what = "not a baseline: the first line must be its header" if number == 1 else "not a JSON object"
        raise _refusal(name, number, what) from error
    if not isinstance(value, dict):
        raise _refusal(name, number, "not a JSON object")
    return value


def _only(value: dict[str, Any], allowed: set[str], name: str, number: int) -> None:
    unknown = sorted(set(value) - allowed)
    if unknown:
        known = ", ".join(sorted(allowed))
        raise _refusal(name, number, f"unknown key {json.dumps(unknown[0])}; known are {known}")


def _header(value: dict[str, Any], name: str) -> tuple[bytes, str]:
    version = value.get("keysweep-baseline")
    if version is None:
        raise _refusal(name, 1, "not a baseline: the first line must be its header")
    if version != VERSION:
        raise _refusal(name, 1, f"format version {VERSION} is what this keysweep reads; use a newer keysweep")
    _only(value, _HEADER_KEYS, name, 1)
    if value.get("kdf") != KDF:
        raise _refusal(name, 1, f"'kdf' must be {KDF}; create the baseline anew")
    keyed = value.get("keyed", "")
    try:
        salt = bytes.fromhex(value.get("salt", ""))
        proof = bytes.fromhex(keyed)
    except (TypeError, ValueError) as error:
        raise _refusal(name, 1, "'salt' and 'keyed' must be hexadecimal") from error
    if len(salt) < 16 or len(proof) not in (0, 4):
        raise _refusal(name, 1, "'salt' must be 16 bytes or more, 'keyed' empty or 4 bytes, in hexadecimal")
    return salt, keyed


def _entry(value: dict[str, Any], name: str, number: int) -> Entry:
    _only(value, _ENTRY_KEYS, name, number)
    for key in ("rule", "path", "id"):
        if not isinstance(value.get(key), str) or not value[key]:
            raise _refusal(name, number, f"'{key}' must be a text that is not empty")
    if not isinstance(value.get("reason", ""), str):
        raise _refusal(name, number, "'reason' must be a text")
    if len(value["id"]) != 32 or not set(value["id"]) <= set("0123456789abcdef"):
        raise _refusal(name, number, "'id' must be 32 hexadecimal digits")
    return Entry(
        rule=value["rule"],
        path=value["path"],
        id=value["id"],
        reason=value.get("reason", ""),
        expires=_date(value, "expires", name, number),
        added=_date(value, "added", name, number),
    )


def _date(value: dict[str, Any], key: str, name: str, number: int) -> date | None:
    written = value.get(key)
    if written is None:
        return None
    try:
        return date.fromisoformat(written)
    except (TypeError, ValueError) as error:
        raise _refusal(name, number, f"'{key}' must be a date such as 2027-01-31, or null") from error


__all__ = [
    "DEFAULT_NAME", "NOTHING_KNOWN", "Baseline", "Entry", "Known", "Update", "load", "match", "new_baseline",
    "parse", "render", "save", "update",
]  # fmt: skip
