"""The files in which other scanners keep what is known: lists of fingerprints, and reports that serve as a baseline.

Each becomes claims: this key, or whatever stands at this place, is known. Files are foreign: bounded, and refused
with one sentence where they cannot be understood.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from scanner.errors import ConfigError
from scanner.models import Secret

LARGEST = 64 << 20
"""The largest file that is read, in bytes."""

_NO_SECRET = Secret(b"")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SHA1 = re.compile(r"[0-9a-f]{40}")
_JUDGED = {"True": ", audited: a secret", "False": ", audited: no secret"}


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that another scanner was told to tolerate: the key itself (`secret`, or its `digest`, a SHA-1 or
    SHA-256 in hexadecimal), or else what begins at a line. `path` "" is any file, `commit` "" any commit. `source`
    says which file and entry it stands in, for reports."""

    source: str
    path: str = ""
    commit: str = ""
    line: int = 0
    digest: str = ""
    secret: Secret = field(default=_NO_SECRET)

    @property
    def place(self) -> str:
        """Where it says the key is, for people."""
        at = f"{self.path}:{self.line}" if self.line else self.path
        return f"{at} of {self.commit[:12]}" if self.commit and at else at or "any file"


def parse(data: bytes, name: str) -> list[Claim]:
    """The claims of a file's content. Raises `ConfigError` when it is too large, or of no kind known here."""
    if len(data) > LARGEST:
        raise ConfigError(f"{name}: larger than {LARGEST >> 20} MiB")
    try:
        text = data.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name}: not UTF-8 text") from error
    if text.lstrip()[:1] not in ("[", "{"):
        return list(_fingerprints(text, name))
    try:
        tree = json.loads(text)
    except ValueError:
        return list(_trufflehog(_objects(text, name), name))
    except RecursionError as error:
        raise ConfigError(f"{name}: not JSON that can be read: nested too deeply") from error
    if isinstance(tree, list):
        return list(_gitleaks(tree, name))
    if isinstance(tree.get("results"), dict):
        return list(_detect_secrets(tree["results"], name))
    if isinstance(tree.get("findings"), list):
        return list(_betterleaks(tree["findings"], name))
    if not tree or "DetectorName" in tree:
        return list(_trufflehog([tree], name))
    raise ConfigError(
        f"{name}: neither fingerprints, nor a report of gitleaks, betterleaks or trufflehog, nor a baseline of "
        "detect-secrets"
    )


def _fingerprints(text: str, name: str) -> Iterator[Claim]:
    """`commit:file:rule:line`, `file:rule:line`, or the SHA-256 of a secret, one a line."""
    for number, written in enumerate(text.splitlines(), start=1):
        line = written.partition(" #")[0].strip() if not written.startswith("#") else ""
        if not line:
            continue
        source = f"{name}:{number}"
        if _DIGEST.fullmatch(line):
            yield Claim(source, digest=line)
            continue
        parts = line.replace("\\", "/").split(":")
        if len(parts) < 3 or not parts[-1].isdecimal() or len(parts[-1]) > 9:
            raise ConfigError(f"{source}: not a fingerprint: write COMMIT:FILE:RULE:LINE, FILE:RULE:LINE or a SHA-256")
        commit = parts.pop(0) if len(parts) > 3 and _COMMIT.fullmatch(parts[0]) else ""
        yield Claim(source, _plain(":".join(parts[:-2])), commit, int(parts[-1]))


def _gitleaks(entries: list[Any], name: str) -> Iterator[Claim]:
    for number, entry in enumerate(entries, start=1):
        source = f"{name} (entry {number})"
        if not isinstance(entry, dict) or not isinstance(entry.get("File"), str):
            raise ConfigError(f"{source}: not a finding of gitleaks: it has no 'File'")
        yield Claim(
            source, _plain(entry["File"]), _text(entry, "Commit"), _number(entry, "StartLine"),
            secret=_value(_text(entry, "Secret")),
        )  # fmt: skip


def _betterleaks(entries: list[Any], name: str) -> Iterator[Claim]:
    for number, entry in enumerate(entries, start=1):
        source = f"{name} (entry {number})"
        match, at = (_inside(entry, key) for key in ("match", "location"))
        digest = _text(match, "fingerprint")
        yield Claim(
            source, _plain(_text(at, "path")), _text(_inside(entry, "attributes"), "git.sha"),
            _number(at, "start_line"), digest if _DIGEST.fullmatch(digest) else "",
            Secret(b"") if digest else _value(_text(match, "value")),
        )  # fmt: skip


def _detect_secrets(results: dict[str, Any], name: str) -> Iterator[Claim]:
    for path, entries in results.items():
        if not isinstance(entries, list):
            raise ConfigError(f"{name}: the results of a file must be a list")
        for number, entry in enumerate(entries, start=1):
            digest = _text(entry if isinstance(entry, dict) else {}, "hashed_secret")
            if not _SHA1.fullmatch(digest):
                raise ConfigError(f"{name}: an entry of its results has no 'hashed_secret'")
            judged = _JUDGED.get(str(entry.get("is_secret")), "")
            line = _number(entry, "line_number")
            yield Claim(f"{name} (entry {number} of its file{judged})", _plain(path), line=line, digest=digest)


def _trufflehog(entries: list[Any], name: str) -> Iterator[Claim]:
    for number, entry in enumerate(entries, start=1):
        if not isinstance(entry, dict) or "SourceMetadata" not in entry:
            continue  # a line of its log
        data = _inside(_inside(entry, "SourceMetadata"), "Data")
        at = _inside(data, "Git") or _inside(data, "Filesystem")
        yield Claim(
            f"{name} (entry {number})", _plain(_text(at, "file")), _text(at, "commit"), _number(at, "line"),
            secret=_value(_text(entry, "Raw")),
        )  # fmt: skip


def _objects(text: str, name: str) -> list[Any]:
    """The JSON objects of a text with one on each line."""
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                found.append(json.loads(line))
            except (ValueError, RecursionError) as error:
                raise ConfigError(f"{name}:{number}: not JSON") from error
    return found


def _inside(value: Any, key: str) -> dict[str, Any]:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def _text(value: dict[str, Any], key: str) -> str:
    found = value.get(key)
    return found if isinstance(found, str) else ""


def _number(value: dict[str, Any], key: str) -> int:
    found = value.get(key)
    return found if isinstance(found, int) and not isinstance(found, bool) and found > 0 else 0


def _value(text: str) -> Secret:
    """A key as a report has it; none when it was masked there."""
    masked = "REDACTED" in text or "..." in text or "***" in text
    return _NO_SECRET if masked else Secret(text.encode("utf-8", "surrogatepass"))


def _plain(path: str) -> str:
    return path.replace("\\", "/").removeprefix("./")


__all__ = ["LARGEST", "Claim", "parse"]
