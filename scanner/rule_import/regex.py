"""Reads the regular expressions of other scanners (RE2, Rust, Perl as far as it goes) into a small tree.

Only read, never run: what is read is bounded in length and nesting, and whatever our own pattern language has no word
for is either left out with a note or refused with a reason.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

MAX_LENGTH = 16 * 1024
"""The longest expression that is read, in characters."""

MAX_DEPTH = 40
"""How deep groups may nest."""

UNBOUNDED = -1


class ExpressionError(ValueError):
    """The expression cannot be carried over; the text says why."""


@dataclass(frozen=True, slots=True)
class Char:
    """One byte out of a set; `fold` where letters of either case are meant."""

    members: frozenset[int]
    fold: bool = False


@dataclass(frozen=True, slots=True)
class Seq:
    """One after the other."""

    items: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Alt:
    """One of several."""

    branches: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """`item` from `low` to `high` times (`UNBOUNDED` for no limit), as few as possible when `lazy`."""

    item: Node
    low: int
    high: int
    lazy: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """A capturing group, by number and perhaps by name."""

    item: Node
    number: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class Edge:
    """A place without width: an anchor, a word boundary, the beginning or end."""

    what: str


Node = Char | Seq | Alt | Repeat | Group | Edge


@dataclass(slots=True)
class Expression:
    """What was read: the tree, the names of groups by number, and what was left out on the way."""

    tree: Node
    groups: dict[int, str]
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Flags:
    fold: bool = False
    dot_all: bool = False
    verbose: bool = False


ALL = frozenset(range(256))
DIGIT = frozenset(b"0123456789")
UPPER = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")
LOWER = frozenset(b"abcdefghijklmnopqrstuvwxyz")
WORD = DIGIT | UPPER | LOWER | frozenset(b"_")
SPACE = frozenset(b" \t\n\r\f\v")
_PRINT = frozenset(range(0x20, 0x7F))
_CLASSES = {"d": DIGIT, "w": WORD, "s": SPACE, "h": frozenset(b" \t"), "v": frozenset(b"\n\r\f\v")}
_POSIX = {
    "alnum": DIGIT | UPPER | LOWER, "alpha": UPPER | LOWER, "ascii": frozenset(range(128)), "blank": frozenset(b" \t"),
    "cntrl": frozenset((*range(32), 127)), "digit": DIGIT, "graph": _PRINT - {32}, "lower": LOWER, "print": _PRINT,
    "punct": _PRINT - {32} - DIGIT - UPPER - LOWER, "space": SPACE, "upper": UPPER, "word": WORD,
    "xdigit": DIGIT | frozenset(b"abcdefABCDEF"),
}  # fmt: skip
_ESCAPES = {"n": 10, "r": 13, "t": 9, "f": 12, "v": 11, "a": 7, "0": 0, "e": 27}
_EDGES = {"b": "a word boundary", "B": "a word boundary", "A": "an anchor", "z": "an anchor", "Z": "an anchor"}
_LOOKS = {"?=": "look-ahead", "?!": "look-ahead", "?<=": "look-behind", "?<!": "look-behind"}
_QUANTITY = re.compile(r"\{(\d{1,6})(?:(,)(\d{1,6})?)?\}")
_FLAG_GROUP = re.compile(r"\?([a-zA-Z]*)(?:-([a-zA-Z]+))?([:)])")
_NAME = re.compile(r"\?P?<([A-Za-z_]\w{0,60})>|\?'([A-Za-z_]\w{0,60})'")


def read(text: str) -> Expression:
    """The tree of an expression. Raises `ExpressionError` with the reason why it cannot be carried over."""
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"its pattern is longer than {MAX_LENGTH >> 10} KiB")
    reader = _Reader(text)
    tree = reader.alternatives(_Flags(), 0)
    if reader.at < len(text):
        raise ExpressionError("its pattern has a ')' too many")
    return Expression(tree, reader.groups, list(dict.fromkeys(reader.notes)))


class _Reader:
    """Goes through the text once, from left to right."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.groups: dict[int, str] = {}
        self.notes: list[str] = []

    def alternatives(self, flags: _Flags, depth: int) -> Node:
        """As far as the closing bracket of the group, or the end. Flags that change inside hold as far as that."""
        if depth > MAX_DEPTH:
            raise ExpressionError(f"its pattern nests deeper than {MAX_DEPTH} groups")
        branches: list[Node] = []
        items: list[Node] = []
        while self.at < len(self.text) and self.text[self.at] != ")":
            if self.text[self.at] == "|":
                self.at += 1
                branches.append(Seq(tuple(items)))
                items = []
                continue
            changed = self.flags(flags)
            if changed is not None:
                flags = changed
                continue
            atom = self.atom(flags, depth)
            if atom is not None:
                items += self.repeated(atom, flags)
        branches.append(Seq(tuple(items)))
        return branches[0] if len(branches) == 1 else Alt(tuple(branches))

    def flags(self, flags: _Flags) -> _Flags | None:
        """`(?i)` and its like, which hold from here on; None where none stands."""
        found = _FLAG_GROUP.match(self.text, self.at + 1) if self.text[self.at] == "(" else None
        if found is None or found[3] != ")":
            return None
        self.at = found.end()
        return self.changed(flags, found[1], found[2] or "")

    def changed(self, flags: _Flags, on: str, off: str) -> _Flags:
        for letter in on + off:
            if letter not in "imsxuUR":
                raise ExpressionError(f"its pattern has the flag '{letter}', which is not known here")
        if "U" in on:
            self.notes.append("the flag U (repeats as short as possible) was left out")
        for letter, name in (("i", "fold"), ("s", "dot_all"), ("x", "verbose")):
            if letter in on or letter in off:
                flags = replace(flags, **{name: letter in on})
        return flags

    def atom(self, flags: _Flags, depth: int) -> Node | None:
        """The next thing that may be repeated; None for what leaves nothing behind (a comment, look-around)."""
        character = self.text[self.at]
        self.at += 1
        if flags.verbose and (character.isspace() or character == "#"):
            if character == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end + 1
            return None
        if character == "(":
            return self.group(flags, depth)
        if character == "[":
            return Char(self.members(flags), flags.fold)
        if character == ".":
            return Char(ALL if flags.dot_all else ALL - {10})
        if character in "^$":
            return Edge("an anchor")
        if character == "\\":
            return self.escape(flags)
        if character in "*+?":
            raise ExpressionError(f"its pattern has a '{character}' with nothing to repeat")
        return self.literal(character, flags)

    def literal(self, character: str, flags: _Flags) -> Node:
        members = [Char(frozenset([value]), flags.fold) for value in character.encode("utf-8", "surrogatepass")]
        return members[0] if len(members) == 1 else Seq(tuple(members))

    def group(self, flags: _Flags, depth: int) -> Node | None:
        rest = self.text[self.at : self.at + 4]
        look = next((sign for sign in ("?<=", "?<!", "?=", "?!") if rest.startswith(sign)), "")
        if rest.startswith("?#"):
            end = self.text.find(")", self.at)
            self.at = len(self.text) if end < 0 else end + 1
            return None
        if rest.startswith(("?>", "?(", "?|", "?R", "?&", "?P>", "?P=", "*")) or rest[:2] in ("?0", "?1", "?2"):
            raise ExpressionError("its pattern has an atomic, conditional or recursive group, or a back-reference")
        number, name = 0, ""
        flagged = _FLAG_GROUP.match(self.text, self.at)
        named = _NAME.match(self.text, self.at)
        if look:
            self.at += len(look)
        elif flagged is not None:
            self.at = flagged.end()
            flags = self.changed(flags, flagged[1], flagged[2] or "")
        else:
            if rest.startswith("?") and named is None:
                raise ExpressionError("its pattern has a kind of group that is not known here")
            number, name = len(self.groups) + 1, (named[1] or named[2]) if named else ""
            self.groups[number] = name
            self.at = named.end() if named else self.at
        inside = self.alternatives(flags, depth + 1)
        if self.at >= len(self.text):
            raise ExpressionError("its pattern has a '(' that is never closed")
        self.at += 1
        if look:
            self.notes.append(f"{_LOOKS[look]} was left out: it may find more than the original")
            return Edge("look-around")
        return Group(inside, number, name) if number else inside

    def repeated(self, atom: Node, flags: _Flags) -> list[Node]:
        """The atom with the quantities that stand behind it."""
        if flags.verbose:
            while self.at < len(self.text) and self.text[self.at].isspace():
                self.at += 1
        found = _QUANTITY.match(self.text, self.at)
        sign = self.text[self.at : self.at + 1]
        if found is not None:
            low = int(found[1])
            high = int(found[3]) if found[3] else UNBOUNDED if found[2] else low
            self.at = found.end()
        elif sign and sign in "*+?":
            low, high = {"*": (0, UNBOUNDED), "+": (1, UNBOUNDED), "?": (0, 1)}[sign]
            self.at += 1
        else:
            return [atom]
        mode = self.text[self.at : self.at + 1]
        if mode in ("?", "+"):
            self.at += 1
        if mode == "+":
            self.notes.append("a possessive repeat became an ordinary one")
        if high != UNBOUNDED and high < low:
            raise ExpressionError(f"its pattern has a repeat from {low} to {high}")
        return [atom] if isinstance(atom, Edge) else [Repeat(atom, low, high, mode == "?")]

    def escape(self, flags: _Flags) -> Node:
        character = self.text[self.at : self.at + 1]
        if not character:
            raise ExpressionError("its pattern ends in a backslash")
        if character in _EDGES:
            self.at += 1
            return Edge(_EDGES[character])
        if character == "Q":
            end = self.text.find("\\E", self.at)
            inside = self.text[self.at + 1 : end if end >= 0 else len(self.text)]
            self.at = end + 2 if end >= 0 else len(self.text)
            return Seq(tuple(self.literal(one, flags) for one in inside))
        if character in "123456789kgG":
            raise ExpressionError("its pattern has a back-reference")
        if character in "CXRK":
            raise ExpressionError(f"its pattern has '\\{character}', which is not known here")
        members = self.class_escape()
        if members is not None:
            return Char(members, flags.fold)
        value = self.value()
        return self.literal(chr(value), flags) if value > 0x7F else Char(frozenset([value]), flags.fold)

    def class_escape(self) -> frozenset[int] | None:
        """The set of `\\d` and its like at this place; None for anything else."""
        character = self.text[self.at : self.at + 1]
        if character.lower() in _CLASSES and character and character not in ("h", "v", "H", "V"):
            self.at += 1
            found = _CLASSES[character.lower()]
            return found if character.islower() else ALL - found
        if character in ("p", "P"):
            raise ExpressionError("its pattern has a Unicode class (\\p)")
        return None

    def value(self) -> int:
        """The code of an escaped character."""
        character = self.text[self.at]
        self.at += 1
        if character in ("x", "u"):
            found = re.compile(r"\{([0-9A-Fa-f]{1,6})\}|([0-9A-Fa-f]{2,4})").match(self.text, self.at)
            if found is None:
                raise ExpressionError(f"its pattern has '\\{character}' without a number")
            digits = found[1] or (found[2][:2] if character == "x" else found[2])
            self.at += len(digits) + (2 if found[1] else 0)
            value = int(digits, 16)
            if value > 0x10FFFF or 0xD800 <= value < 0xE000:
                raise ExpressionError("its pattern has a character that there is not")
            return value
        return _ESCAPES.get(character, ord(character))

    def members(self, flags: _Flags) -> frozenset[int]:
        """The bytes of a character class, whose '[' has been read."""
        negate = self.text.startswith("^", self.at)
        self.at += negate
        chosen: set[int] = set()
        first = True
        while True:
            if self.at >= len(self.text):
                raise ExpressionError("its pattern has a '[' that is never closed")
            if self.text[self.at] == "]" and not first:
                self.at += 1
                break
            first = False
            if flags.verbose and self.text[self.at].isspace():
                self.at += 1
                continue
            chosen |= self.member()
        found = frozenset(chosen)
        if flags.fold:
            found |= {twin for one in found & (UPPER | LOWER) for twin in (one ^ 0x20,)}
        return ALL - found if negate else found

    def member(self) -> frozenset[int]:
        posix = re.compile(r"\[:(\^?)([a-z]+):\]").match(self.text, self.at)
        if posix is not None:
            if posix[2] not in _POSIX:
                raise ExpressionError(f"its pattern has a class '{posix[2]}' that is not known here")
            self.at = posix.end()
            return ALL - _POSIX[posix[2]] if posix[1] else _POSIX[posix[2]]
        if self.text.startswith(("&&", "--", "~~"), self.at):
            raise ExpressionError("its pattern has a character class made of others (&&, --)")
        escaped = self.take("\\")
        members = self.class_escape() if escaped else None
        if members is not None:
            return members
        low = self.one(escaped)
        if not self.text.startswith("-", self.at) or self.text[self.at + 1 : self.at + 2] in ("]", ""):
            return self.range(low, low)
        self.at += 1
        escaped = self.take("\\")
        if escaped and self.class_escape() is not None:
            raise ExpressionError("its pattern has a range that ends in a class")
        high = self.one(escaped)
        if high < low:
            raise ExpressionError("its pattern has a range the wrong way round")
        return self.range(low, high)

    def take(self, sign: str) -> bool:
        """Whether the sign stands here; if so it is passed."""
        found = self.text.startswith(sign, self.at)
        self.at += len(sign) if found else 0
        return found

    def one(self, escaped: bool) -> int:
        """A character of a class; behind a backslash when `escaped`."""
        if self.at >= len(self.text):
            raise ExpressionError("its pattern has a '[' that is never closed")
        if escaped and not self.take("b"):
            return self.value()
        if escaped:
            return 8
        self.at += 1
        return ord(self.text[self.at - 1])

    def range(self, low: int, high: int) -> frozenset[int]:
        if high > 0x7F:
            self.notes.append("characters beyond ASCII were left out of a class")
        return frozenset(range(low, min(high, 0x7F) + 1))


__all__ = [
    "ALL", "DIGIT", "LOWER", "SPACE", "UNBOUNDED", "UPPER", "WORD", "Alt", "Char", "Edge", "Expression",
    "ExpressionError", "Group", "Node", "Repeat", "Seq", "read",
]  # fmt: skip
