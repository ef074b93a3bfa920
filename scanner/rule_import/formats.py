"""Reads rule files of other scanners into plain values: TOML of gitleaks and betterleaks; YAML in the manner of Nosey
Parker and kingfisher, and of secrets-patterns-db.

Only what the documents of those formats say is known here. Files are foreign: bounded, and refused with one sentence.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scanner.errors import ConfigError
from scanner.whole_file import read_whole
from scanner.yaml_nodes import plain_yaml

LARGEST = 8 << 20
"""The largest file that is read, in bytes."""

MOST_RULES = 5_000
"""The most rules that are taken from a file."""

MOST_EXTENDED = 8
"""How many files may extend each other."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """A rule as the other scanner has it. `group` says which group is the secret: a number, a name, or "" for the first
    one, and for the whole match where there is none. `refused` is why it cannot be carried over at all."""

    id: str
    pattern: str = ""
    name: str = ""
    description: str = ""
    keywords: tuple[str, ...] = ()
    entropy: float = 0.0
    group: int | str = ""
    path: str = ""
    harmless: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    confidence: str = ""
    examples: tuple[str, ...] = ()
    counterexamples: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    refused: str = ""


@dataclass(slots=True)
class Ruleset:
    """All that a file says: its rules, what is said of the file as a whole, and paths that it leaves out."""

    rules: list[Foreign] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    left_out_paths: list[str] = field(default_factory=list)


def read(path: Path) -> Ruleset:
    """The rules of a file. Raises `ConfigError` when it cannot be read, or is of no kind known here."""
    data = _bytes(path)
    name = path.name
    found = _toml(data, path) if path.suffix.lower() == ".toml" else _yaml(data, name)
    if not found.rules and not found.notes:
        raise ConfigError(f"{name}: holds no rules")
    if len(found.rules) > MOST_RULES:
        raise ConfigError(f"{name}: holds {len(found.rules)} rules, more than {MOST_RULES}: cut it into several files")
    return found


def _bytes(path: Path) -> bytes:
    if not path.is_file():
        raise ConfigError(f"{path.name or path}: {'it is no regular file' if path.exists() else 'no such file'}")
    return read_whole(path, LARGEST, "rule file of another scanner", path.name)


# --- gitleaks, betterleaks ---


def _toml(data: bytes, path: Path, before: tuple[Path, ...] = ()) -> Ruleset:
    try:
        tree = tomllib.loads(data.decode("utf-8-sig").replace("\r\n", "\n"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        why = str(error) if isinstance(error, tomllib.TOMLDecodeError) else "not UTF-8 text"
        raise ConfigError(f"{path.name}: not TOML: {why}") from error
    except RecursionError as error:
        raise ConfigError(f"{path.name}: not TOML that can be read: nested too deeply") from error
    except ValueError as error:
        raise ConfigError(f"{path.name}: not TOML that can be read: a number of thousands of digits") from error
    found = Ruleset()
    _extended(_table(tree.get("extend")), path, before, found)
    listed = tree.get("rules", [])
    if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
        raise ConfigError(f"{path.name}: 'rules' must be a list of tables: not a file of gitleaks or betterleaks")
    own = [_gitleaks_rule(item, number) for number, item in enumerate(listed, start=1)]
    replaced = {rule.id for rule in own}
    found.rules = [rule for rule in found.rules if rule.id not in replaced] + own
    _global_allowlists(tree, found)
    return found


def _extended(extend: Mapping[str, Any], path: Path, before: tuple[Path, ...], found: Ruleset) -> None:
    if extend.get("useDefault") is True:
        found.notes.append("the default rules that it extends are not read: keysweep's own stand in their place")
    if extend.get("url"):
        found.notes.append("[extend] url is not read: import that file by itself")
    disabled = set(_texts(extend.get("disabledRules")))
    name = extend.get("path")
    if isinstance(name, str) and name:
        other = path.parent / name
        chain = (*before, path.resolve())
        try:
            circle = other.resolve() in chain
            other.is_file()
        except (OSError, ValueError) as error:  # too long, or with a NUL in it
            raise ConfigError(f"{path.name}: [extend] path cannot be the name of a file") from error
        if circle or len(chain) > MOST_EXTENDED:
            raise ConfigError(f"{path.name}: [extend] path '{name}' goes in a circle, or too deep")
        inner = _toml(_bytes(other), other, chain)
        found.rules += [rule for rule in inner.rules if rule.id not in disabled]
        found.notes += [note for note in inner.notes if note not in found.notes]
        found.left_out_paths += inner.left_out_paths
        disabled -= {rule.id for rule in inner.rules}
    if disabled:
        what = ", ".join(sorted(disabled)[:20])
        found.notes.append(f"disabled default rules have no counterpart here: {what}")


def _gitleaks_rule(item: dict[str, Any], number: int) -> Foreign:
    notes: list[str] = []
    rule_id = _text(item.get("id")) or f"rule-{number}"
    entropy, harmless = _number(item.get("entropy")), []
    found = re.search(r"\bentropy\(\s*finding[.\[\"'\w\]]*\s*\)\s*<=?\s*([0-9.]{1,6})", _text(item.get("filter")))
    if found and not entropy:
        entropy = _number(float(found[1])) if re.fullmatch(r"\d+(?:\.\d+)?", found[1]) else 0.0
    if _text(item.get("filter")):
        notes.append("its filter expression was left out" + (", save the least entropy" if found else ""))
    lists = [_table(item.get("allowlist")), *(_table(one) for one in _list(item.get("allowlists")))]
    for allowed in lists:
        harmless += _texts(allowed.get("regexes")) if allowed.get("regexTarget") not in ("match", "line") else []
        notes += _lost(allowed)
    for key, words in _LOST_KEYS.items():
        if item.get(key):
            notes.append(words)
    refused = ""
    if item.get("skipReport") is True:
        refused = "it only helps other rules (skipReport)"
    elif not _text(item.get("regex")):
        refused = "it looks at names of files, not at their content" if item.get("path") else "it has no regex"
    group = item.get("secretGroup")
    return Foreign(
        id=rule_id,
        pattern=_text(item.get("regex")),
        description=_text(item.get("description")),
        keywords=tuple(_texts(item.get("keywords"))),
        entropy=entropy,
        group=group if isinstance(group, int) and not isinstance(group, bool) and group > 0 else "",
        path=_text(item.get("path")),
        harmless=tuple(harmless),
        notes=tuple(dict.fromkeys(notes)),
        refused=refused,
    )


_LOST_KEYS = {
    "required": "what must stand near it (required) was left out: it may find more than the original",
    "components": "what must stand near it (components) was left out: it may find more than the original",
    "tokenEfficiency": "tokenEfficiency was left out",
    "validate": "its check at the provider (validate) was left out",
    "analyze": "its check at the provider (analyze) was left out",
    "revoke": "its revocation was left out",
}
"""Keys of a rule that have no counterpart, and what is said of them."""


def _lost(allowed: Mapping[str, Any]) -> Iterator[str]:
    """What of an allowlist of a rule cannot be carried over."""
    if _texts(allowed.get("regexes")) and allowed.get("regexTarget") in ("match", "line"):
        yield "an allowlist for the whole match or line was left out"
    if _texts(allowed.get("stopwords")):
        yield "its stopwords were left out: keysweep has checks for placeholders of its own"
    if _texts(allowed.get("paths")):
        yield "its allowed paths were left out: `exclude` in the configuration is for all rules"
    if _texts(allowed.get("commits")):
        yield "its allowed commits were left out: a baseline takes their place"


def _global_allowlists(tree: Mapping[str, Any], found: Ruleset) -> None:
    for allowed in (_table(tree.get("allowlist")), *(_table(one) for one in _list(tree.get("allowlists")))):
        found.left_out_paths += _texts(allowed.get("paths")) if not _texts(allowed.get("targetRules")) else []
        for key in ("regexes", "stopwords", "commits"):
            if _texts(allowed.get(key)):
                found.notes.append(f"{key} that it allows everywhere were left out: use a baseline, or keysweep:allow")
        if _texts(allowed.get("targetRules")):
            found.notes.append("an allowlist for certain rules was left out")
    for key in ("prefilter", "filter"):
        if _text(tree.get(key)):
            found.notes.append(f"the {key} for all rules was left out")


# --- Nosey Parker, kingfisher, secrets-patterns-db ---


def _yaml(data: bytes, name: str) -> Ruleset:
    tree = plain_yaml(data, name)
    if not isinstance(tree, dict):
        raise ConfigError(f"{name}: neither rules of gitleaks, Nosey Parker or kingfisher, nor secrets-patterns-db")
    if isinstance(tree.get("patterns"), list):
        listed = [_table(_table(item).get("pattern")) for item in tree["patterns"]]
        return Ruleset([_patterns_db_rule(item, number) for number, item in enumerate(listed, start=1)])
    if isinstance(tree.get("rules"), list):
        if "provider" in tree:
            raise ConfigError(f"{name}: this is a rule file of keysweep's already; `keysweep rules test` proves it")
        return Ruleset([_noseyparker_rule(_table(item), number) for number, item in enumerate(tree["rules"], start=1)])
    raise ConfigError(f"{name}: neither rules of gitleaks, Nosey Parker or kingfisher, nor secrets-patterns-db")


def _patterns_db_rule(item: Mapping[str, Any], number: int) -> Foreign:
    name = _text(item.get("name"))
    confidence = _text(item.get("confidence")).lower()
    return Foreign(
        id=name or f"rule-{number}",
        name=name,
        pattern=_text(item.get("regex")),
        confidence=confidence if confidence in ("high", "medium", "low") else "",
        refused="" if _text(item.get("regex")) else "it has no regex",
    )


def _noseyparker_rule(item: Mapping[str, Any], number: int) -> Foreign:
    name, rule_id = _text(item.get("name")), _text(item.get("id"))
    wanted = _table(item.get("pattern_requirements"))
    needs = [check for key, check in _REQUIREMENTS.items() if _number(wanted.get(key))]
    notes = [f"{key} of its requirements was left out" for key in wanted if key not in _REQUIREMENTS]
    notes += [f"more than one was required ({key}): one is" for key in _REQUIREMENTS if _number(wanted.get(key)) > 1]
    notes += [f"its {key} was left out" for key in ("validation", "revocation", "depends_on_rule") if item.get(key)]
    confidence = _text(item.get("confidence")).lower()
    pattern = _text(item.get("pattern"))
    refused = "it only helps other rules (visible: false)" if item.get("visible") is False else ""
    return Foreign(
        id=rule_id or name or f"rule-{number}",
        name=name,
        description=_text(item.get("description")),
        pattern=pattern,
        entropy=_number(item.get("min_entropy")),
        group="TOKEN",
        needs=tuple(needs),
        confidence=confidence if confidence in ("high", "medium", "low") else "",
        examples=tuple(_texts(item.get("examples"))),
        counterexamples=tuple(_texts(item.get("negative_examples"))),
        references=tuple(link for link in _texts(item.get("references")) if link.startswith("https://")),
        notes=tuple(notes),
        refused=refused or ("" if pattern else "it has no pattern"),
    )


_REQUIREMENTS = {
    "min_digits": "digit", "min_uppercase": "upper", "min_lowercase": "lower", "min_special_chars": "symbol",
}  # fmt: skip
"""What kingfisher requires of a secret, and our check of the same kind."""


# --- values that may be anything ---


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: Any) -> list[str]:
    return [item for item in _iterable(value) if isinstance(item, str) and item]


def _iterable(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list) else ()


def _number(value: Any) -> float:
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1_000_000
    return float(value) if good else 0.0


__all__ = ["LARGEST", "MOST_RULES", "Foreign", "Ruleset", "read"]
