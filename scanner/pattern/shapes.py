"""What a rule's pattern says about itself without being run: widths, groups, which characters end it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from re import _constants as sre  # type: ignore[attr-defined]
from typing import Any

from scanner.models import NEAR
from scanner.pattern.language import MAX_WIDTH, check
from scanner.pattern.tree import Charset, PatternError, breaks, edge, group, last_charset, parse, single, width

GROUPS = ("public", "secret", "environment")


__all__ = ["GROUPS", "MAX_WIDTH", "Shape", "Tail", "alphabet", "is_class", "part", "shape"]


@dataclass(frozen=True, slots=True)
class Tail:
    """The last long run of the secret: its characters in order, how many there are at least, and how many
    bytes of fixed width follow it. Room for a mark of ours in a generated key."""

    alphabet: bytes
    least: int
    after: int


@dataclass(frozen=True, slots=True)
class Shape:
    """What can be known of a pattern without running it.

    `key_first` / `key_last`: the key (public and secret part) begins / ends the match. `ends_with`: the
    characters its last element could go on with.
    """

    least: int
    most: int
    breaks: int
    groups: frozenset[str]
    key_first: bool
    key_last: bool
    ends_with: Charset
    tail: Tail | None
    secret_least: int
    secret_most: int


def shape(pattern: str) -> Shape:
    """Reads a pattern, or raises `PatternError` with the reason why it cannot be used."""
    tree = parse(pattern)
    check(tree)
    names: dict[str, int] = dict(tree.state.groupdict)
    for name in names:
        if name not in GROUPS:
            raise PatternError(f"unknown group '{name}': the groups are public, secret and environment")
    if "secret" not in names:
        raise PatternError("the group 'secret' is missing: write (?P<secret>…) around what must never be shown")
    if tree.state.groups - 1 != len(names):
        raise PatternError("a plain group (…) is not allowed: write (?:…)")
    least, most = width(tree)
    if least == 0:
        raise PatternError("it can match nothing at all")
    keys = {names[name] for name in ("public", "secret") if name in names}
    secret = group(tree, names["secret"])
    if secret is None:
        raise PatternError("the group 'secret' must not stand inside a repeat")
    first, last = edge(tree, 0), edge(tree, -1)
    low, high = width(secret)
    return Shape(
        least=least,
        most=most,
        breaks=breaks(tree, False),
        groups=frozenset(names),
        key_first=first in keys,
        key_last=last in keys,
        ends_with=last_charset(tree, False),
        tail=_tail(secret),
        secret_least=low,
        secret_most=high,
    )


def part(text: str) -> int:
    """The longest match of the pattern of a key's part, in bytes; its one group, if it has any, is `value`. Raises
    `PatternError` with the reason why it cannot be used."""
    tree = parse(text)
    check(tree)
    names = dict(tree.state.groupdict)
    if names.keys() - {"value"} or tree.state.groups - 1 != len(names):
        raise PatternError("a part's pattern has no group but (?P<value>…): write (?:…)")
    least, most = width(tree)
    if least == 0 or most > NEAR:
        raise PatternError(f"a part's pattern matches at least 1 byte and at most {NEAR}")
    return most


def is_class(inside: str) -> bool:
    """Whether a text is the inside of a character class, and can be read as nothing else."""
    try:
        tree = parse(f"[{inside}]")
        return len(tree) == 1 and single(tree[0][0], tree[0][1], False) is not None
    except PatternError:
        return False


def alphabet(characters: Iterable[int]) -> str:
    """The inside of a character class for these bytes."""
    return "".join(f"\\x{value:02x}" for value in sorted(characters))


def _tail(secret: Any) -> Tail | None:
    """The last repeat of a character class in the secret that has room for a mark (16 characters or more)."""
    after = 0
    for op, arg in reversed(list(secret)):
        if op in (sre.MAX_REPEAT, sre.MIN_REPEAT) and len(arg[2]) == 1:
            inner_op, inner_arg = arg[2][0]
            characters = single(inner_op, inner_arg, False)
            if characters is not None and arg[0] >= 16 and 10 <= len(characters) <= 80:
                return Tail(bytes(sorted(characters)), arg[0], after)
        least, most = width([(op, arg)])
        if least != most:
            return None
        after += least
    return None
