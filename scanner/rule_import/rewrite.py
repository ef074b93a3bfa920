"""From the tree of a foreign expression to a pattern of our language: bounded, without look-around, with groups."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import prod

from scanner.rule_import.regex import (
    DIGIT,
    LOWER,
    SPACE,
    UNBOUNDED,
    UPPER,
    Alt,
    Char,
    Edge,
    Expression,
    ExpressionError,
    Group,
    Node,
    Repeat,
    Seq,
)

MAX_CHOICES = 1_000_000
"""The most ways in which the repeats before the last one of a pattern may share what they match."""

MAX_KEYWORDS = 40
"""The most literals that are kept of a pattern."""

_ALNUM = DIGIT | UPPER | LOWER
_LETTERS = UPPER | LOWER
_WIDE = 90


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern of our language; `literals` are texts one of which stands in every match (none when there are no such),
    `public` is true when its beginning may be shown; `before` and `after` are what stands around the key."""

    text: str
    literals: tuple[str, ...]
    public: bool
    before: Node
    key: Node
    after: Node
    notes: tuple[str, ...] = field(default=())


def rewrite(expression: Expression, group: int) -> Pattern:
    """The pattern whose secret is the group of that number (0 for the whole match). Raises `ExpressionError`."""
    bounds: list[str] = []
    notes = list(expression.notes)
    before, key, after = _cut(expression.tree, group)
    if key is None:
        notes.append("the secret stands in one of several places: the whole match is taken for it")
        before, key, after = (), expression.tree, ()
    if _anchored(expression.tree):
        notes.append("anchors were left out: keysweep adds boundaries of its own")
    head, tail = (_bounded(Seq(tuple(part)), bounds, secret=False) for part in (before, after))
    body = _bounded(key, bounds, secret=True)
    notes += list(dict.fromkeys(bounds))
    head, tail = _without_delimiter(head, notes), _without_delimiter(tail, notes)
    if not _width(body)[1]:
        raise ExpressionError("its secret is empty")
    if _choices((head, body, tail)) > MAX_CHOICES:
        raise ExpressionError("its pattern has too many repeats one after the other: it could take for ever")
    shown, rest = _split(body) if not _items(head) else ((), body)
    public = f"(?P<public>{_text(Seq(tuple(shown)))})" if shown else ""
    text = f"{_text(head)}{public}(?P<secret>{_text(rest)}){_text(tail)}"
    literals = _literals(Seq((head, body, tail)))
    return Pattern(text, literals, bool(shown), head, body, tail, tuple(dict.fromkeys(notes)))


def is_value(pattern: Pattern) -> bool:
    """Whether nothing but the key is in the pattern, as where it is known by the words near it."""
    return not _items(pattern.before)


# --- what is secret ---


def _cut(tree: Node, group: int) -> tuple[Sequence[Node], Node | None, Sequence[Node]]:
    """What stands before the group, the group, and what stands behind; no group where it is one of several ways."""
    if group == 0:
        return (), tree, ()
    if isinstance(tree, Group):
        return ((), tree.item, ()) if tree.number == group else _cut(tree.item, group)
    if isinstance(tree, Seq):
        for at, item in enumerate(tree.items):
            before, key, after = _cut(item, group)
            if key is not None:
                return (*tree.items[:at], *before), key, (*after, *tree.items[at + 1 :])
    return (), None, ()


def _split(key: Node) -> tuple[tuple[Node, ...], Node]:
    """The fixed beginning of a key, which a provider gives to all of them, and the rest."""
    items = _items(key)
    fixed = 0
    while fixed < len(items) and _fixed(items[fixed]):
        fixed += 1
    shown, rest = items[:fixed], Seq(items[fixed:])
    if _width(Seq(shown))[0] < 2 or _width(rest)[0] < 8:
        return (), key
    return shown, rest


def _fixed(node: Node) -> bool:
    if isinstance(node, Char):
        return len(node.members) == 1
    if isinstance(node, Seq):
        return all(map(_fixed, node.items))
    return isinstance(node, Alt) and len(node.branches) <= MAX_KEYWORDS and all(map(_fixed, node.branches))


def _items(node: Node) -> tuple[Node, ...]:
    if not isinstance(node, Seq):
        return (node,)
    return tuple(inner for item in node.items for inner in _items(item))


# --- bounds ---


def _bounded(node: Node, notes: list[str], *, secret: bool) -> Node:
    """The node without groups and edges, every repeat with a largest count."""
    if isinstance(node, Group):
        return _bounded(node.item, notes, secret=secret)
    if isinstance(node, Edge):
        return Seq()
    if isinstance(node, Seq):
        return Seq(tuple(inner for item in node.items for inner in _items(_bounded(item, notes, secret=secret))))
    if isinstance(node, Alt):
        return _alternatives([_bounded(branch, notes, secret=secret) for branch in node.branches])
    if isinstance(node, Repeat):
        item = _bounded(node.item, notes, secret=secret)
        high = node.high
        if high == UNBOUNDED:
            high = _limit(item, node.low, secret=secret)
            notes.append(f"a repeat without end became one of at most {high}")
        if not _width(item)[1] or high == 0:
            return Seq()
        return item if (node.low, high) == (1, 1) else Repeat(item, node.low, high, node.lazy)
    return node


def _limit(item: Node, low: int, *, secret: bool) -> int:
    if not isinstance(item, Char):
        return max(2 * low, 16)
    if item.members <= SPACE:
        return max(2 * low, 32)
    if not secret:
        return max(2 * low, 100)
    return max(2 * low, 4096 if len(item.members) > _WIDE else 256)


def _alternatives(branches: Sequence[Node]) -> Node:
    """The branches; an empty one makes the others optional."""
    full = tuple(dict.fromkeys(branch for branch in branches if _width(branch)[1]))
    if not full:
        return Seq()
    node = full[0] if len(full) == 1 else Alt(full)
    return Repeat(node, 0, 1) if any(not _width(branch)[1] for branch in branches) else node


def _width(node: Node) -> tuple[int, int]:
    if isinstance(node, Char):
        return 1, 1
    if isinstance(node, Seq):
        widths = [_width(item) for item in node.items]
        return sum(low for low, _ in widths), sum(high for _, high in widths)
    if isinstance(node, Alt):
        widths = [_width(branch) for branch in node.branches]
        return min(low for low, _ in widths), max(high for _, high in widths)
    if isinstance(node, Repeat):
        low, high = _width(node.item)
        return low * node.low, high * node.high
    return _width(node.item) if isinstance(node, Group) else (0, 0)


def _anchored(node: Node) -> bool:
    if isinstance(node, Edge):
        return node.what != "look-around"
    if isinstance(node, Seq):
        return any(map(_anchored, node.items))
    if isinstance(node, Alt):
        return any(map(_anchored, node.branches))
    return isinstance(node, Group | Repeat) and _anchored(node.item)


def _without_delimiter(node: Node, notes: list[str]) -> Node:
    """Nothing, in place of a few signs that only say where a key begins or ends: boundaries are added."""
    low, high = _width(node)
    wide = any(isinstance(item, Char) and len(item.members) > 100 for item in _items(node))
    if high and high <= 4 and (low == 0 or (wide and low == 1)):
        notes.append("what may stand right before or behind the key was left out: keysweep adds boundaries of its own")
        return Seq()
    return node


def _choices(nodes: Iterable[Node]) -> int:
    """In how many ways repeats could share what they match, the largest of them aside."""
    factors = sorted(_freedoms(Seq(tuple(nodes))))
    return prod(factors[:-1])


def _freedoms(node: Node) -> list[int]:
    if isinstance(node, Seq):
        return [one for item in node.items for one in _freedoms(item)]
    if isinstance(node, Alt):
        return max((_freedoms(branch) for branch in node.branches), key=prod)
    if isinstance(node, Repeat):
        return [min(node.high - node.low + 1, 100), *_freedoms(node.item)]
    return []


# --- literals ---


def _literals(node: Node) -> tuple[str, ...]:
    """Texts of three characters or more, in lower case, one of which stands in every match; the rarest choice."""
    found = _required(node)
    return tuple(sorted(found)) if found else ()


def _required(node: Node) -> frozenset[str] | None:
    if isinstance(node, Alt):
        parts = [_required(branch) for branch in node.branches]
        if any(part is None for part in parts):
            return None
        together = frozenset(one for part in parts if part for one in part)
        return together if len(together) <= MAX_KEYWORDS else None
    if isinstance(node, Repeat):
        return _required(node.item) if node.low else None
    if not isinstance(node, Seq):
        return None
    choices = [found for item in node.items if (found := _required(item))]
    choices += [frozenset({run}) for run in _runs(node) if len(run) >= 3]
    if len(node.items) > 1 or not choices:
        choices += _joined(node)
    return max(choices, key=lambda words: (min(map(len, words)), -len(words)), default=None)


def _runs(node: Seq) -> list[str]:
    """Runs of fixed characters, in lower case."""
    runs, run = [], ""
    for item in _items(node):
        if isinstance(item, Char) and len(item.members) == 1:
            run += chr(next(iter(item.members))).lower()
        elif isinstance(item, Char) and _one_letter(item.members):
            run += chr(min(one | 0x20 for one in item.members))
        else:
            runs.append(run)
            run = ""
    return [*runs, run] if all(text.isascii() for text in (*runs, run)) else []


def _joined(node: Seq) -> list[frozenset[str]]:
    """Fixed beginnings with an alternative in them (`sk_(?:live|test)_`), spelt out."""
    found = []
    spelt = [_spelt(item) for item in _items(node)]
    for start in range(len(spelt)):
        texts = [""]
        for ways in spelt[start : start + 64]:
            if not ways or len(texts) * len(ways) > MAX_KEYWORDS:
                break
            texts = [text + way for text in texts for way in ways]
        if min(map(len, texts)) >= 3 and all(text.isascii() for text in texts):
            found.append(frozenset(texts))
    return found


def _spelt(node: Node) -> list[str]:
    if isinstance(node, Char):
        if len(node.members) == 1 or _one_letter(node.members):
            return [chr(max(node.members)).lower()]
        return [chr(one).lower() for one in sorted(node.members)] if len(node.members) <= 4 else []
    if isinstance(node, Seq):
        texts = [""]
        for item in node.items:
            ways = _spelt(item)
            if not ways or len(texts) * len(ways) > MAX_KEYWORDS:
                return []
            texts = [text + way for text in texts for way in ways]
        return texts
    if isinstance(node, Alt):
        parts = [_spelt(branch) for branch in node.branches]
        return [one for part in parts for one in part] if all(parts) else []
    return []


def _one_letter(members: frozenset[int]) -> bool:
    return len(members) == 2 and members <= _LETTERS and len({one | 0x20 for one in members}) == 1


# --- writing ---


def _text(node: Node) -> str:
    if isinstance(node, Char):
        return _folded([node]) if _folds(node) else _character(node.members)
    if isinstance(node, Seq):
        return _sequence(_items(node))
    if isinstance(node, Alt):
        return "(?:" + "|".join(map(_text, node.branches)) + ")"
    if isinstance(node, Repeat):
        inner = _text(node.item) if isinstance(node.item, Char | Alt) else f"(?:{_text(node.item)})"
        count = "?" if (node.low, node.high) == (0, 1) else f"{{{node.low}}}"
        count = count if node.low == node.high or count == "?" else f"{{{node.low},{node.high}}}"
        return f"{inner}{count}{'?' if node.lazy and node.low != node.high else ''}"
    return ""


def _sequence(items: Sequence[Node]) -> str:
    """The items' texts; letters of either case together, with the signs between them."""
    parts, run = [], list[Char]()
    for item in (*items, None):
        if isinstance(item, Char) and (_folds(item) or (run and len(item.members) == 1 and not _is_letter(item))):
            run.append(item)
            continue
        if run:
            parts.append(_folded(run))
            run = []
        if item is not None:
            parts.append(_text(item))
    return "".join(parts)


def _is_letter(item: Char) -> bool:
    return bool(item.members & _LETTERS)


def _folds(item: Char) -> bool:
    return item.fold and len(item.members) == 1 and _is_letter(item)


def _folded(run: Sequence[Char]) -> str:
    return "(?i:" + "".join(_character(item.members) for item in run) + ")"


def _character(members: frozenset[int]) -> str:
    if len(members) == 1:
        return _escaped(next(iter(members)), r"\.^$*+?{}[]()|/")
    negate = len(members) > 128
    shown = sorted(frozenset(range(256)) - members if negate else members)
    return f"[{'^' if negate else ''}{_ranges(shown)}]" if shown or not negate else r"[\x00-\xff]"


def _ranges(values: Sequence[int]) -> str:
    out, start = "", 0
    while start < len(values):
        end = start
        while end + 1 < len(values) and values[end + 1] == values[end] + 1:
            end += 1
        first, last = (_escaped(values[at], r"\]^[-&~|") for at in (start, end))
        out += first if start == end else f"{first}{last}" if end == start + 1 else f"{first}-{last}"
        start = end + 1
    return out


def _escaped(value: int, signs: str) -> str:
    character = chr(value)
    if character in signs and character != "/":
        return f"\\{character}"
    named = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character)
    return named or (character if 0x20 <= value < 0x7F else f"\\x{value:02x}")


__all__ = ["MAX_CHOICES", "Pattern", "is_value", "rewrite"]
