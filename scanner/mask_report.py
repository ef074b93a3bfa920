"""What was masked in a stream: how often for each rule, and where first. Nothing of what it was."""

from __future__ import annotations

from dataclasses import dataclass, field

LINES_NAMED = 10
"""For each rule so many lines are remembered."""


@dataclass(frozen=True, slots=True)
class Masked:
    """What was masked for one rule: how often, and the first lines on which it was."""

    rule_id: str
    count: int
    lines: tuple[int, ...]


@dataclass
class Report:
    """What was masked so far. Lines count from 1."""

    _found: dict[str, list[int]] = field(default_factory=dict)  # how often, then the lines
    cut: int = 0
    """How often a key was longer than any known format, and hidden to its end."""

    def add(self, rule_id: str, line: int) -> None:
        """One more."""
        found = self._found.get(rule_id)
        if found is None:
            found = self._found[rule_id] = [0]
        found[0] += 1
        if len(found) == 1 or (len(found) <= LINES_NAMED and found[-1] != line):
            found.append(line)

    @property
    def total(self) -> int:
        """How many stretches were masked."""
        return sum(found[0] for found in self._found.values())

    @property
    def by_rule(self) -> list[Masked]:
        """By rule, the most frequent first."""
        rows = [Masked(rule_id, found[0], tuple(found[1:])) for rule_id, found in self._found.items()]
        return sorted(rows, key=lambda row: (-row.count, row.rule_id))


__all__ = ["LINES_NAMED", "Masked", "Report"]
