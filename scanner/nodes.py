"""Values that know the line they stand on, and access to them by type: what is wrong is refused with its line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from scanner.errors import RuleError


@dataclass(frozen=True, slots=True)
class Node:
    """A value and its line, from 1. Mappings (by text) and lists hold nodes."""

    value: Any
    line: int


Fail = Callable[[int, str], RuleError]
"""Makes the error of a line."""


class Access:
    """Reads nodes as what they should be; whatever they are not raises the error that `fail` makes."""

    def __init__(self, fail: Fail) -> None:
        self.fail = fail

    def keys(self, node: Node, known: Mapping[str, bool], what: str) -> dict[str, Node]:
        """A mapping of known keys; those that are told True must be there."""
        if not isinstance(node.value, dict):
            raise self.fail(node.line, f"{what} must be a mapping (key: value)")
        for name, item in node.value.items():
            if name not in known:
                raise self.fail(item.line, f"unknown key '{name}' in {what}; the keys are: {', '.join(known)}")
        missing = [name for name, needed in known.items() if needed and name not in node.value]
        if missing:
            raise self.fail(node.line, f"{what} has no '{missing[0]}'")
        return dict(node.value)

    def mapping(self, node: Node | None, what: str) -> dict[str, Node]:
        """A mapping of any keys; empty for none."""
        if node is not None and not isinstance(node.value, dict):
            raise self.fail(node.line, f"'{what}' must be a mapping (key: value)")
        return dict(node.value) if node is not None else {}

    def flag(self, node: Node | None, what: str) -> bool:
        """True or false; false for none."""
        if node is not None and not isinstance(node.value, bool):
            raise self.fail(node.line, f"'{what}' is true or false")
        return node is not None and bool(node.value)


def bare(node: Node) -> Any:
    """The data without its lines."""
    if isinstance(node.value, dict):
        return {name: bare(item) for name, item in node.value.items()}
    return [bare(item) for item in node.value] if isinstance(node.value, list) else node.value


__all__ = ["Access", "Fail", "Node", "bare"]
