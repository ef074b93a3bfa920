"""Random matches of a pattern: keys that look like real ones."""

from __future__ import annotations

import random
from re import _constants as sre  # type: ignore[attr-defined]
from typing import Any

from scanner.pattern.tree import WORD, Charset, folds, single

_LETTERS_DIGITS: Charset = WORD - frozenset(b"_")
_PRINTABLE: Charset = frozenset(range(0x21, 0x7F))


def sample(tree: Any, rng: random.Random, *, spread: int = 24) -> bytes:
    """One random match of a parsed pattern. Repeats get between their least count and `spread` more."""
    out = bytearray()
    _sample(tree, rng, spread, out, False)
    return bytes(out)


def _sample(items: Any, rng: random.Random, spread: int, out: bytearray, fold: bool) -> None:
    for op, arg in items:
        if op is sre.LITERAL and not fold:
            out.append(arg)
            continue
        chosen = single(op, arg, fold)
        if chosen is not None:
            out.append(rng.choice(_likely(chosen)))
        elif op is sre.SUBPATTERN:
            _sample(arg[3], rng, spread, out, folds(arg, fold))
        elif op is sre.BRANCH:
            _sample(rng.choice(arg[1]), rng, spread, out, fold)
        else:
            low, high, inner = arg
            times = rng.randint(low, min(high, low + spread))
            repeated = single(inner[0][0], inner[0][1], fold) if len(inner) == 1 else None
            if repeated is None:
                for _ in range(times):
                    _sample(inner, rng, spread, out, fold)
            else:  # most of a key is one class repeated: it is read off once
                likely = _likely(repeated)
                out += bytes(rng.choice(likely) for _ in range(times))


def _likely(characters: Charset) -> list[int]:
    """The characters a real key would have: letters and digits mostly where the class is wide."""
    if len(characters) > 80:
        characters = (characters & _LETTERS_DIGITS) or (characters & _PRINTABLE) or characters
    return sorted(characters)
