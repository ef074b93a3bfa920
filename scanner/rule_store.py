"""Where rules come from: the shipped files, the caller's files, and a cache of what was read.

The cache is JSON in a private folder of the user's: reading YAML and analysing patterns costs some hundred
milliseconds, and nobody waits for a hook. It is an input like any other: keyed by the content of the rule files,
checked against damage, rebuilt when in doubt, and never able to run anything.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

from scanner import __version__, userdir
from scanner.errors import KeysweepError, RuleError
from scanner.models import Confidence, Severity
from scanner.rule import Example, Keyword, Part, Rule

_HERE = Path(__file__).parent
_ENOUGH = 2 << 20  # bytes of a file: the parser refuses one that is so large


def shipped_folder() -> Path:
    """The folder of the shipped rule files: inside the installed package, or beside it in a checkout."""
    installed = _HERE / "rules"
    return installed if installed.is_dir() else _HERE.parent / "rules"


def load(extra: Sequence[Path], *, shipped: bool = True, cache: bool = True) -> list[Rule]:
    """Rules of all files, in no particular order. Raises RuleError (bad file, id used twice) or KeysweepError."""
    rules = _shipped(cache) if shipped else []
    for path in extra:
        texts = _texts(_files(path))
        rules = [*rules, *_cached(_key(texts), partial(list, texts), cache)]
    seen: dict[str, Rule] = {}
    for rule in rules:
        if rule.id in seen:
            other = seen[rule.id]
            raise RuleError(rule.file, rule.line, f"this id is taken by {other.file}:{other.line}", rule.id)
        seen[rule.id] = rule
    for rule in rules:
        for part in rule.parts:
            missing = [name for name in part.rules if name not in seen]
            if missing:
                reason = f"part '{part.name}' is a key of the rule '{missing[0]}', which is not there"
                raise RuleError(rule.file, rule.line, reason, rule.id)
    return rules


def load_each(paths: Sequence[Path]) -> tuple[list[Rule], list[KeysweepError]]:
    """The rules of every good file in `paths`, and the reasons why the others are refused. Nothing is cached."""
    rules: list[Rule] = []
    refused: list[KeysweepError] = []
    for path in paths:
        for text in _texts(_files(path)):
            try:
                rules += _parse([text])
            except RuleError as error:
                refused.append(error)
    return rules, refused


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        found = sorted(item for item in path.iterdir() if item.suffix in (".yaml", ".yml") and not item.is_dir())
        if not found:
            raise KeysweepError(f"{path}: no rule files (*.yaml) in this folder")
        for item in found:
            if not item.is_file():  # leaving it out would leave its keys unseen
                raise KeysweepError(f"{item}: cannot be read: it is no regular file, or a link to nothing")
        return found
    if not path.is_file():
        raise KeysweepError(f"{path}: no such rule file or folder")
    return [path]


def _texts(files: Sequence[Path]) -> list[tuple[str, bytes]]:
    texts = []
    for file in files:
        name = file.name if file.parent == shipped_folder() else file.as_posix()
        try:
            with file.open("rb") as opened:
                texts.append((name, opened.read(_ENOUGH)))
        except OSError as error:
            raise KeysweepError(f"{file}: cannot be read: {error.strerror}") from error
    return texts


def _shipped(cache: bool) -> list[Rule]:
    """The rules that come with keysweep. Their files are told by size and times, not read: 600 of them take 10 ms."""
    folder = shipped_folder()
    return _cached(_stamp(folder), lambda: _texts(_files(folder)), cache)


def _stamp(folder: Path) -> str:
    facts = [os.fspath(folder)]
    with os.scandir(folder) as entries:
        for entry in entries:
            about = entry.stat()
            facts.append(f"{entry.name} {about.st_size} {about.st_mtime_ns} {about.st_ctime_ns} {about.st_ino}")
    return _key([("", "\n".join(sorted(facts)).encode("utf-8", "surrogateescape"))])


def _cached(key: str, texts: Callable[[], Sequence[tuple[str, bytes]]], cache: bool) -> list[Rule]:
    if not cache:
        return _parse(texts())
    stored = userdir.read(f"rules-{key}.json")
    if stored is not None:
        rules = _decode(stored, key)
        if rules is not None:
            return rules
    rules = _parse(texts())
    userdir.write(f"rules-{key}.json", _encode(rules, key))
    return rules


def _parse(texts: Sequence[tuple[str, bytes]]) -> list[Rule]:
    from scanner.rule_file import read_rules  # noqa: PLC0415 - YAML and pattern analysis only when nothing is cached

    return [rule for name, text in texts for rule in read_rules(text, name)]


def _key(texts: Sequence[tuple[str, bytes]]) -> str:
    told = hashlib.blake2b(f"{__version__} {sys.version} {_layout()}".encode(), digest_size=12)
    for name, text in texts:
        told.update(f"{len(name)} {name} {len(text)} ".encode())
        told.update(text)
    return told.hexdigest()


def _layout() -> str:
    """Names of all fields: a cache written by another layout has another key."""
    return ",".join((*_FIELDS, *_PART_FIELDS, *Keyword._fields, *Example._fields))


_FIELDS = tuple(field.name for field in fields(Rule))
_PART_FIELDS = tuple(field.name for field in fields(Part))


def _encode(rules: Sequence[Rule], key: str) -> bytes:
    body = json.dumps([[_plain(getattr(rule, name)) for name in _FIELDS] for rule in rules], separators=(",", ":"))
    seal = hashlib.blake2b(f"{key}{body}".encode(), digest_size=16).hexdigest()
    return f"{seal}\n{body}".encode()


def _plain(value: Any) -> Any:
    if isinstance(value, Part):
        return [_plain(getattr(value, name)) for name in _PART_FIELDS]
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _decode(stored: bytes, key: str) -> list[Rule] | None:
    """The rules of a cache file; None when it is damaged or of another layout."""
    try:
        seal, body = stored.decode().split("\n", 1)
        if seal != hashlib.blake2b(f"{key}{body}".encode(), digest_size=16).hexdigest():
            return None
        return [_rule(dict(zip(_FIELDS, row, strict=True))) for row in json.loads(body)]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


_SEVERITIES = {one.value: one for one in Severity}  # a look-up takes a quarter of the time of Severity(text)
_CONFIDENCES = {one.value: one for one in Confidence}


def _part(row: dict[str, Any]) -> Part:
    return Part(**{**row, "rules": tuple(row["rules"])})


def _rule(row: dict[str, Any]) -> Rule:
    row["keywords"] = tuple(map(Keyword._make, row["keywords"]))
    row["examples"] = tuple(map(Example._make, row["examples"]))
    row["counterexamples"] = tuple(map(Example._make, row["counterexamples"]))
    row["parts"] = tuple([_part(dict(zip(_PART_FIELDS, item, strict=True))) for item in row["parts"]])
    for name in ("files", "names", "samples", "references"):
        row[name] = tuple(row[name])
    checks = [(name, tuple(value) if isinstance(value, list) else value) for name, value in row["checks"]]
    row["checks"] = tuple(checks)
    row["severity"] = _SEVERITIES[row["severity"]]
    row["confidence"] = _CONFIDENCES[row["confidence"]]
    row["severities"] = {env: _SEVERITIES[value] for env, value in (row["severities"] or {}).items()}
    return Rule(**row)
