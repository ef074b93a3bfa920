"""What sifting found out of objects, remembered for later runs: which hold nothing, and what in others may be a key.

Told apart by rule: after a change of rules, old content is looked through for the new and changed ones only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from scanner.memory import Memory
from scanner.sources.interface import NAME, Trace, Traces

_NAME = "objects"
_MOST = 5_000_000  # objects that are remembered: 100 MB


@dataclass(slots=True)
class Remembered:
    """Objects that were looked through (`known`, names of `NAME` bytes), the traces of those that could hold a key, and
    the rules that were looked for, each with a digest."""

    rules: dict[str, str] = field(default_factory=dict)
    known: set[bytes] = field(default_factory=set)
    traces: Traces = field(default_factory=dict)

    def changed(self, rules: Mapping[str, str]) -> frozenset[str]:
        """The ids of those rules (by id, with their digests) that nobody has looked for in what is known."""
        return frozenset(rule_id for rule_id, told in rules.items() if self.rules.get(rule_id) != told)

    def without(self, changed: frozenset[str], rules: Mapping[str, str]) -> Remembered:
        """The same without what was found of rules that changed or are none of these."""
        stay = rules.keys() - changed
        traces = {name: _among(trace, stay) for name, trace in self.traces.items() if not trace or _among(trace, stay)}
        return Remembered(self.rules, self.known, traces)

    def packed(self) -> bytes:
        """As bytes. Only ids of objects and of rules are in it."""
        kinds = {trace: number for number, trace in enumerate(sorted(set(self.traces.values())))}
        names = sorted(self.traces)
        clean = sorted(self.known.difference(names))
        about = {
            "rules": self.rules,
            "kinds": list(kinds),
            "traces": [kinds[self.traces[name]] for name in names],
            "clean": len(clean),
        }
        return json.dumps(about).encode() + b"\n" + b"".join(names) + b"".join(clean)


def recall(memory: Memory) -> Remembered:
    """What is remembered; nothing where there is nothing to be trusted."""
    content = memory.read(_NAME)
    if content is None:
        return Remembered()
    head, _, names = content.partition(b"\n")
    try:
        about = json.loads(head)
        kinds = [tuple((str(rule), int(places)) for rule, places in kind) for kind in about["kinds"]]
        raw = [names[at : at + NAME] for at in range(0, len(names), NAME)]
        traces = {name: kinds[kind] for name, kind in zip(raw, about["traces"], strict=False)}
        rules = {str(rule): str(told) for rule, told in about["rules"].items()}
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        return Remembered()
    if len(raw) != len(about["traces"]) + about["clean"]:
        return Remembered()
    return Remembered(rules, set(raw), traces)


def keep(memory: Memory, found: Remembered, current: set[bytes]) -> None:
    """Remembers. Where there is too much, what is not of this run (`current`) goes."""
    if len(found.known) > _MOST:
        traces = {name: trace for name, trace in found.traces.items() if name in current}
        found = Remembered(found.rules, found.known & current, traces)
    memory.write(_NAME, found.packed())


def _among(trace: Trace, rules: Set[str]) -> Trace:
    return tuple(one for one in trace if one[0] in rules)


__all__ = ["Remembered", "keep", "recall"]
