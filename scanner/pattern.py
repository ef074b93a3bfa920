"""What a rule's pattern says about itself: widths, groups, where a keyword stands, which characters end it.

The pattern language is a part of Python's `re` over bytes: no look-around, no back-reference, no anchor, no
unbounded repeat, and no repeat that could be read in two ways (which is what makes a backtracking engine
explode). So every pattern is bounded and its cost on hostile bytes is, too.

Uses `re._parser`, the standard library's own parser of regular expressions (3.11 and later); it is private,
so all knowledge of it stays in this module, and the tests compare it with `re` on generated matches.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as sre_parser  # type: ignore[attr-defined]
from typing import Any

from scanner.models import NEAR

MAX_WIDTH = 16 * 1024
"""The longest match a pattern may have, in bytes."""

GROUPS = ("public", "secret", "environment")

Charset = frozenset[int]
_ALL: Charset = frozenset(range(256))
_DIGIT: Charset = frozenset(b"0123456789")
_WORD: Charset = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_SPACE: Charset = frozenset(b" \t\n\r\f\v")
_CATEGORIES: dict[Any, Charset] = {
    sre.CATEGORY_DIGIT: _DIGIT,
    sre.CATEGORY_NOT_DIGIT: _ALL - _DIGIT,
    sre.CATEGORY_WORD: _WORD,
    sre.CATEGORY_NOT_WORD: _ALL - _WORD,
    sre.CATEGORY_SPACE: _SPACE,
    sre.CATEGORY_NOT_SPACE: _ALL - _SPACE,
}


class PatternError(ValueError):
    """The pattern is not of the language; the text says why."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A run of fixed characters at the pattern's top level, `low`–`high` bytes after its beginning."""

    text: bytes
    low: int
    high: int


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
    groups: frozenset[str]
    key_first: bool
    key_last: bool
    ends_with: Charset
    literals: tuple[Literal, ...]
    tail: Tail | None
    secret_least: int
    secret_most: int


def parse(pattern: str) -> Any:
    """The parse tree of a pattern (as bytes, ASCII). Raises `PatternError`."""
    try:
        return sre_parser.parse(pattern.encode("ascii"))
    except UnicodeEncodeError as error:
        raise PatternError("the pattern has a character outside ASCII; write bytes as \\xNN") from error
    except (re.error, OverflowError, RecursionError) as error:
        raise PatternError(f"not a regular expression: {error}") from error


def shape(pattern: str) -> Shape:
    """Reads a pattern, or raises `PatternError` with the reason why it cannot be used."""
    tree = parse(pattern)
    _check(tree, False)
    names: dict[str, int] = dict(tree.state.groupdict)
    for name in names:
        if name not in GROUPS:
            raise PatternError(f"unknown group '{name}': the groups are public, secret and environment")
    if "secret" not in names:
        raise PatternError("the group 'secret' is missing: write (?P<secret>…) around what must never be shown")
    if tree.state.groups - 1 != len(names):
        raise PatternError("a plain group (…) is not allowed: write (?:…)")
    least, most = _width(tree)
    if most > MAX_WIDTH:
        raise PatternError(f"it may match {most} bytes, more than {MAX_WIDTH}: give repeats smaller largest counts")
    if least == 0:
        raise PatternError("it can match nothing at all")
    keys = {names[name] for name in ("public", "secret") if name in names}
    secret = _group(tree, names["secret"])
    if secret is None:
        raise PatternError("the group 'secret' must not stand inside a repeat")
    first, last = _edge(tree, 0), _edge(tree, -1)
    low, high = _width(secret)
    return Shape(
        least=least,
        most=most,
        groups=frozenset(names),
        key_first=first in keys,
        key_last=last in keys,
        ends_with=_last_charset(tree, False),
        literals=tuple(_literals(tree)),
        tail=_tail(secret),
        secret_least=low,
        secret_most=high,
    )


def part(text: str) -> int:
    """The longest match of the pattern of a key's part, in bytes; its one group, if it has any, is `value`. Raises
    `PatternError` with the reason why it cannot be used."""
    tree = parse(text)
    _check(tree, False)
    names = dict(tree.state.groupdict)
    if names.keys() - {"value"} or tree.state.groups - 1 != len(names):
        raise PatternError("a part's pattern has no group but (?P<value>…): write (?:…)")
    least, most = _width(tree)
    if least == 0 or most > NEAR:
        raise PatternError(f"a part's pattern matches at least 1 byte and at most {NEAR}")
    return most


def sample(tree: Any, rng: random.Random, *, spread: int = 24) -> bytes:
    """One random match of a parsed pattern. Repeats get between their least count and `spread` more."""
    out = bytearray()
    _sample(tree, rng, spread, out, False)
    return bytes(out)


def keyword_places(tree: Any, found: Shape, keywords: Sequence[bytes]) -> dict[bytes, list[tuple[int, int]]]:
    """How many bytes after the beginning of a match each keyword can stand: pairs of (least, most).

    Every match has one of the keywords at one of its places. Equal numbers mean a fixed place: the fastest kind.
    Keywords are compared without case.
    """
    fixed = _fixed_places(_prefixes(tree), keywords)
    if fixed is not None:
        return {keyword: [(at, at) for at in sorted(places)] for keyword, places in fixed.items()}
    places: dict[bytes, list[tuple[int, int]]] = {}
    for keyword in keywords:
        spots = [
            (literal.low + at, literal.high + at)
            for literal in found.literals
            for at in _occurrences(literal.text.lower(), keyword.lower())
        ]
        places[keyword] = spots if len(spots) == 1 and len(keywords) == 1 else [(0, found.most)]
    return places


def _occurrences(text: bytes, wanted: bytes) -> list[int]:
    return [at for at in range(len(text) - len(wanted) + 1) if text.startswith(wanted, at)]


def _fixed_places(prefixes: Sequence[bytes], keywords: Sequence[bytes]) -> dict[bytes, set[int]] | None:
    """Places for each keyword such that every prefix has a keyword at one of them, or None."""
    fixed: dict[bytes, set[int]] = {keyword: set() for keyword in keywords}
    for prefix in {prefix.lower() for prefix in prefixes}:
        spots = [(prefix.find(keyword.lower()), keyword) for keyword in keywords if keyword.lower() in prefix]
        if not spots:
            return None
        at, keyword = min(spots)
        fixed[keyword].add(at)
    if max(map(len, fixed.values())) > _MANY_PLACES:
        return None
    return {keyword: spots or {0} for keyword, spots in fixed.items()}


_MANY_PLACES = 6
_MANY_PREFIXES = 512


def _prefixes(tree: Any) -> list[bytes]:
    """All texts a match can begin with, as far as fixed characters, small classes and alternatives go."""
    return [text for text, _ in _expand(tree, [(b"", True)], False)]


def _expand(items: Any, texts: list[tuple[bytes, bool]], fold: bool) -> list[tuple[bytes, bool]]:
    """Continues each open text by `items`; a text closes where the pattern stops being enumerable."""
    for op, arg in items:
        if op is sre.LITERAL:
            step = [bytes([arg])]
        elif op is sre.IN and len(characters := _charset(arg, False)) <= 8:
            step = [bytes([value]) for value in sorted(characters)]
        elif op is sre.SUBPATTERN:
            texts = _expand(arg[3], texts, _folds(arg, fold))
            continue
        elif op in (sre.MAX_REPEAT, sre.MIN_REPEAT) and arg[:2] == (0, 1):
            texts = [*(item for item in texts if item[1]), *_expand(arg[2], texts, fold)]
            continue
        elif op is sre.BRANCH:
            closed = [item for item in texts if not item[1]]
            opened = [item for item in texts if item[1]]
            texts = closed + [item for branch in arg[1] for item in _expand(branch, opened, fold)]
            continue
        else:
            return [(text, False) for text, _ in texts]
        if len(texts) * len(step) > _MANY_PREFIXES:
            return [(text, False) for text, _ in texts]
        texts = [(text + more, True) for text, is_open in texts if is_open for more in step] + [
            item for item in texts if not item[1]
        ]
    return texts


def alphabet(characters: Iterable[int]) -> str:
    """The inside of a character class for these bytes."""
    return "".join(f"\\x{value:02x}" for value in sorted(characters))


def _charset(items: Sequence[Any], fold: bool) -> Charset:
    chosen: set[int] = set()
    negate = False
    for op, arg in items:
        if op is sre.NEGATE:
            negate = True
        elif op is sre.LITERAL:
            chosen.add(arg)
        elif op is sre.RANGE:
            chosen.update(range(arg[0], arg[1] + 1))
        elif op is sre.CATEGORY:
            chosen |= _CATEGORIES[arg]
        else:
            raise PatternError(f"not supported in a character class: {op}")
    folded = _fold(chosen) if fold else chosen
    return _ALL - folded if negate else frozenset(folded)


def _fold(chosen: Iterable[int]) -> set[int]:
    return {twin for value in chosen for twin in (*bytes([value]).lower(), *bytes([value]).upper())}


def _single(op: Any, arg: Any, fold: bool) -> Charset | None:
    """The characters of a one-byte element, None for any other element."""
    if op is sre.LITERAL:
        return frozenset(_fold([arg])) if fold else frozenset([arg])
    if op is sre.NOT_LITERAL:
        return _ALL - (frozenset(_fold([arg])) if fold else frozenset([arg]))
    if op is sre.ANY:
        return _ALL - frozenset(b"\n")
    if op is sre.IN:
        return _charset(arg, fold)
    return None


def _folds(arg: Any, fold: bool) -> bool:
    """Whether a group's inside is compared without case."""
    _, added, removed, _ = arg
    return (fold or bool(added & sre.SRE_FLAG_IGNORECASE)) and not removed & sre.SRE_FLAG_IGNORECASE


def _check(items: Any, fold: bool) -> None:
    """Refuses what is outside the language."""
    for op, arg in items:
        if _single(op, arg, fold) is not None:
            continue
        if op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            _check_repeat(arg, fold)
        elif op is sre.SUBPATTERN:
            _check(arg[3], _folds(arg, fold))
        elif op is sre.BRANCH:
            for branch in arg[1]:
                _check(branch, fold)
        elif op in (sre.ASSERT, sre.ASSERT_NOT):
            raise PatternError("look-ahead and look-behind are not allowed; boundaries are added for you")
        elif op is sre.AT:
            raise PatternError("anchors (^, $, \\b) are not allowed; boundaries are added for you")
        else:
            raise PatternError(f"not supported in a pattern: {str(op).lower()}")


def _check_repeat(arg: Any, fold: bool) -> None:
    _, high, inner = arg
    if high is sre.MAXREPEAT:
        raise PatternError("an unbounded repeat (*, + or {n,}) is not allowed: give a largest count")
    _check(inner, fold)
    if high > 1 and not _unambiguous(inner, fold):
        raise PatternError(
            "a repeat of something that itself varies can be read in several ways and could take for ever: "
            "let the repeated part begin with a character that cannot occur in the rest of it"
        )


def _unambiguous(items: Any, fold: bool) -> bool:
    """Whether repeating `items` can be read in one way only, as far as a simple look can tell."""
    if len(items) == 1:
        op, arg = items[0]
        if _single(op, arg, fold) is not None:
            return True
        if op is sre.SUBPATTERN:
            return _unambiguous(arg[3], _folds(arg, fold))
        if op is sre.BRANCH:
            return _disjoint_branches(arg[1], fold)
    least, most = _width(items)
    if least == most:
        return True
    if least == 0:
        return False
    return not _first(items, fold) & _varying(items, fold)


def _disjoint_branches(branches: Any, fold: bool) -> bool:
    seen: Charset = frozenset()
    for branch in branches:
        least, most = _width(branch)
        first = _first(branch, fold)
        if least == 0 or first & seen or (least != most and not _unambiguous(branch, fold)):
            return False
        seen |= first
    return True


def _first(items: Any, fold: bool) -> Charset:
    """The bytes that a match of `items` can begin with."""
    found: Charset = frozenset()
    for op, arg in items:
        single = _single(op, arg, fold)
        if single is not None:
            return found | single
        if op is sre.SUBPATTERN:
            found |= _first(arg[3], _folds(arg, fold))
            least = _width(arg[3])[0]
        elif op is sre.BRANCH:
            found |= frozenset().union(*(_first(branch, fold) for branch in arg[1]))
            least = _width([(op, arg)])[0]
        else:
            found |= _first(arg[2], fold)
            least = arg[0] * _width(arg[2])[0]
        if least:
            return found
    return found


def _varying(items: Any, fold: bool) -> Charset:
    """The bytes inside parts of `items` whose length varies."""
    found: Charset = frozenset()
    for op, arg in items:
        if op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            if arg[0] != arg[1] or _width(arg[2])[0] != _width(arg[2])[1]:
                found |= _every(arg[2], fold)
        elif op is sre.SUBPATTERN:
            found |= _varying(arg[3], _folds(arg, fold))
        elif op is sre.BRANCH:
            widths = {_width(branch) for branch in arg[1]}
            if len(widths) > 1 or any(low != high for low, high in widths):
                found |= frozenset().union(*(_every(branch, fold) for branch in arg[1]))
    return found


def _every(items: Any, fold: bool) -> Charset:
    """All bytes that can occur in a match of `items`."""
    found: Charset = frozenset()
    for op, arg in items:
        single = _single(op, arg, fold)
        if single is not None:
            found |= single
        elif op is sre.SUBPATTERN:
            found |= _every(arg[3], _folds(arg, fold))
        elif op is sre.BRANCH:
            found |= frozenset().union(*(_every(branch, fold) for branch in arg[1]))
        else:
            found |= _every(arg[2], fold)
    return found


def _width(items: Any) -> tuple[int, int]:
    least = most = 0
    for op, arg in items:
        if op is sre.SUBPATTERN:
            low, high = _width(arg[3])
        elif op is sre.BRANCH:
            widths = [_width(branch) for branch in arg[1]]
            low, high = min(w[0] for w in widths), max(w[1] for w in widths)
        elif op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            inner = _width(arg[2])
            low, high = inner[0] * arg[0], inner[1] * int(arg[1])
        else:
            low = high = 1
        least, most = least + low, most + high
    return least, most


def _group(items: Any, number: int) -> Any | None:
    for op, arg in items:
        if op is sre.SUBPATTERN:
            if arg[0] == number:
                return arg[3]
            inside = _group(arg[3], number)
            if inside is not None:
                return inside
    return None


def _edge(items: Any, side: int) -> int | None:
    """The number of the outermost group at the beginning (0) or end (-1) of the pattern."""
    while len(items):
        op, arg = items[side]
        if op is not sre.SUBPATTERN:
            return None
        if arg[0] is not None:
            return int(arg[0])
        items = arg[3]
    return None


def _last_charset(items: Any, fold: bool) -> Charset:
    """What the last element could go on with: empty when it is a fixed character."""
    if not len(items):
        return frozenset()
    op, arg = items[-1]
    if op is sre.SUBPATTERN:
        return _last_charset(arg[3], _folds(arg, fold))
    if op is sre.BRANCH:
        return frozenset().union(*(_last_charset(branch, fold) for branch in arg[1]))
    if op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
        found = _every(arg[2], fold)
        return found if arg[0] else found | _last_charset(items[:-1], fold)
    return frozenset() if op is sre.LITERAL else _single(op, arg, fold) or frozenset()


def _literals(items: Any) -> list[Literal]:
    """Runs of fixed bytes at the top level (groups opened), with their distance from the beginning."""
    runs: list[Literal] = []
    run = bytearray()
    low = high = 0

    def close() -> None:
        if run:
            runs.append(Literal(bytes(run), low - len(run), high - len(run)))
            run.clear()

    def walk(part: Any) -> None:
        nonlocal low, high
        for op, arg in part:
            if op is sre.LITERAL:
                run.append(arg)
                low, high = low + 1, high + 1
            elif op is sre.SUBPATTERN:
                walk(arg[3])
            else:
                close()
                least, most = _width([(op, arg)])
                low, high = low + least, high + most

    walk(items)
    close()
    return runs


def _tail(secret: Any) -> Tail | None:
    """The last repeat of a character class in the secret that has room for a mark (16 characters or more)."""
    after = 0
    for op, arg in reversed(list(secret)):
        if op in (sre.MAX_REPEAT, sre.MIN_REPEAT) and len(arg[2]) == 1:
            inner_op, inner_arg = arg[2][0]
            characters = _single(inner_op, inner_arg, False)
            if characters is not None and arg[0] >= 16 and 10 <= len(characters) <= 80:
                return Tail(bytes(sorted(characters)), arg[0], after)
        least, most = _width([(op, arg)])
        if least != most:
            return None
        after += least
    return None


def _sample(items: Any, rng: random.Random, spread: int, out: bytearray, fold: bool) -> None:
    for op, arg in items:
        if op is sre.LITERAL and not fold:
            out.append(arg)
            continue
        single = _single(op, arg, fold)
        if single is not None:
            out.append(_pick(single, rng))
        elif op is sre.SUBPATTERN:
            _sample(arg[3], rng, spread, out, _folds(arg, fold))
        elif op is sre.BRANCH:
            _sample(rng.choice(arg[1]), rng, spread, out, fold)
        else:
            low, high, inner = arg
            for _ in range(rng.randint(low, min(high, low + spread))):
                _sample(inner, rng, spread, out, fold)


_LETTERS_DIGITS: Charset = _WORD - frozenset(b"_")
_PRINTABLE: Charset = frozenset(range(0x21, 0x7F))


def _pick(characters: Charset, rng: random.Random) -> int:
    """A character a real key would have: letters and digits mostly where the class is wide."""
    if len(characters) > 80:
        characters = (characters & _LETTERS_DIGITS) or (characters & _PRINTABLE) or characters
    return rng.choice(sorted(characters))
