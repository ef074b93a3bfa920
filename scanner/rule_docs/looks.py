"""How a key looks, in a form that is none: its public beginning, a mask, and in words what the secret is made of."""

from __future__ import annotations

from re import _constants as sre  # type: ignore[attr-defined]
from typing import Any

from scanner import pattern
from scanner.models import MASK
from scanner.pattern.tree import Charset, every, group, single, width
from scanner.rule import Rule

MOST_FORMS = 6
"""How many beginnings of a key are spelt out; where there are more, `…` stands for what differs."""

_DIGITS: Charset = frozenset(b"0123456789")
_LOWER: Charset = frozenset(b"abcdefghijklmnopqrstuvwxyz")
_UPPER: Charset = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_GAP = "…"


def forms(rule: Rule) -> list[str]:
    """The key as reports show it: `sk_live_********`. No secret has a place in it."""
    tree = pattern.parse(rule.pattern)
    names: dict[str, int] = dict(tree.state.groupdict)
    public = group(tree, names["public"]) if "public" in names else None
    if public is None:
        return [MASK]
    behind = _stands_behind(tree, names)
    texts = list(dict.fromkeys(_clean(text) for text in _texts(public)))
    return [f"{MASK}{text}" if behind else f"{text}{MASK}" for text in texts]


def secret_words(rule: Rule) -> str:
    """What the secret part is made of: `32 lower-case letters and digits`."""
    tree = pattern.parse(rule.pattern)
    secret = group(tree, dict(tree.state.groupdict)["secret"])
    least, most = width(secret)
    size = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    return f"{size} {_characters(every(secret, False))}"


def _characters(found: Charset) -> str:
    if len(found) > 90:
        return "characters"
    if found == _DIGITS:
        return "digits"
    if found <= _DIGITS | frozenset(b"abcdefABCDEF") and found >= _DIGITS:
        return "hexadecimal digits"
    kinds = []
    if found & _LOWER and found & _UPPER:
        kinds.append("letters")
    elif found & _LOWER:
        kinds.append("lower-case letters")
    elif found & _UPPER:
        kinds.append("capital letters")
    if found & _DIGITS:
        kinds.append("digits")
    signs = sorted(found - _LOWER - _UPPER - _DIGITS)
    if 0 < len(signs) <= 8 and all(0x20 < value < 0x7F for value in signs):
        kinds.append(" ".join(map(chr, signs)))
    elif signs:
        kinds.append("signs")
    return ", ".join(kinds[:-1]) + (" and " if kinds[1:] else "") + kinds[-1]


def _stands_behind(tree: Any, names: dict[str, int]) -> bool:
    """Whether the public part stands behind the secret."""
    order: list[int] = []

    def walk(items: Any) -> None:
        for op, arg in items:
            if op is sre.SUBPATTERN:
                if arg[0] in (names["public"], names["secret"]):
                    order.append(arg[0])
                walk(arg[3])

    walk(tree)
    return order[:1] == [names["secret"]]


def _texts(items: Any) -> list[str]:
    """The texts that a public part can be, `…` for what varies."""
    texts = [""]
    for op, arg in items:
        ways = _ways(op, arg)
        if len(texts) * len(ways) > MOST_FORMS:
            ways = [_GAP]
        texts = [text + way for text in texts for way in ways]
    return texts


def _ways(op: Any, arg: Any) -> list[str]:
    if op is sre.SUBPATTERN:
        return _texts(arg[3])
    if op is sre.BRANCH:
        return [text for branch in arg[1] for text in _texts(branch)]
    if op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
        inside = _texts(arg[2])
        return ["", *inside] if arg[:2] == (0, 1) and inside != [_GAP] else [_GAP]
    chosen = single(op, arg, False)
    if chosen is not None and len(chosen) <= MOST_FORMS:
        return [chr(value) for value in sorted(chosen)]
    return [_GAP]


def _clean(text: str) -> str:
    """The text in one line, with gaps joined."""
    joined = "".join(character if character.isprintable() else _GAP for character in text)
    while _GAP * 2 in joined:
        joined = joined.replace(_GAP * 2, _GAP)
    return joined


__all__ = ["MOST_FORMS", "forms", "secret_words"]
