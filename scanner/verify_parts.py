"""The values that a question about a key needs: the key, its groups, and its parts, wherever they are had from.

What the user configured wins; then what stood near the key; then what the other findings of the same file say, when
they all say the same; then the rule's default.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from scanner.models import Finding, Secret
from scanner.rule import Part, Rule
from scanner.verify_settings import Override


@dataclass(frozen=True, slots=True)
class Resolved:
    """Values by name; the names of those that the user or the rule gave; and the parts that are nowhere."""

    values: Mapping[str, Secret]
    configured: frozenset[str] = frozenset()
    missing: tuple[Part, ...] = ()


@dataclass(slots=True)
class Neighbours:
    """What the findings of each file hold, for keys whose parts are not near."""

    _keys: dict[tuple[str, str], set[Secret]] = field(default_factory=dict)
    _parts: dict[tuple[str, str, str], set[Secret]] = field(default_factory=dict)

    @classmethod
    def of(cls, findings: Iterable[Finding]) -> Neighbours:
        """Those of these findings."""
        found = cls()
        for one in findings:
            if one.key and not one.sample:
                found._keys.setdefault((one.location.path, one.rule_id), set()).add(one.key)
            for name, value in one.parts:
                found._parts.setdefault((one.location.path, one.provider, name), set()).add(value)
        return found

    def only(self, part: Part, finding: Finding) -> Secret | None:
        """The one value that the file has for a part; None when it has none or several, since guessing would send a
        key to where it does not belong."""
        path = finding.location.path
        found = set(self._parts.get((path, finding.provider, part.name), ()))
        for rule_id in part.rules:
            found |= self._keys.get((path, rule_id), set())
        return found.pop() if len(found) == 1 else None


def resolve(finding: Finding, rule: Rule, override: Override, neighbours: Neighbours) -> Resolved:
    """The values of a finding's question."""
    near = dict(finding.parts)
    values = own_values(finding.key, finding.secret)
    configured, missing = set(), []
    for part in rule.parts:
        said = override.parts.get(part.config) if part.config else None
        value = near.get(part.name) or neighbours.only(part, finding)
        if said or (value is None and part.default):
            configured.add(part.name)
            value = Secret((said or part.default).encode())
        if value is None:
            missing.append(part)
        else:
            values[part.name] = value
    return Resolved(values, frozenset(configured), tuple(missing))


def own_values(key: Secret, secret: Secret) -> dict[str, Secret]:
    """A key under the names that requests call it and its groups by."""
    whole = key if len(key) else secret
    public = whole.reveal().replace(secret.reveal(), b"", 1)
    return {"key": whole, "secret": secret, "public": Secret(public)}


def from_key(patterns: Mapping[str, str], key: Secret) -> dict[str, Secret]:
    """The values that are cut out of a key: of each pattern its last match. What does not match is not there."""
    found = {}
    for name, pattern in patterns.items():
        compiled = re.compile(pattern.encode("ascii"))
        group = "value" if "value" in compiled.groupindex else 0
        matches = [match.group(group) for match in compiled.finditer(key.reveal())]
        if matches and matches[-1]:
            found[name] = Secret(matches[-1])
    return found


def advice(parts: Sequence[Part], provider: str) -> str:
    """What a person can do about parts that are missing."""
    return f"missing: {'; '.join(_way_out(part, provider) for part in parts)}"


def _way_out(part: Part, provider: str) -> str:
    option = f"--part {part.name}=VALUE" if part.shown else f"--part-env {part.name}=VARIABLE"
    if part.config:
        return f"{part.name} (give it as '{part.config}' under [verify.{provider}]; one key alone: {option})"
    return f"{part.name} (it should stand near the key; one key alone: {option})"


__all__ = ["Neighbours", "Resolved", "advice", "from_key", "own_values", "resolve"]
