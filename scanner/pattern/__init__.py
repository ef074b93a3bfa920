"""The patterns of rules: the language they are written in, and what they say about themselves.

The language is a part of Python's `re` over bytes in which every pattern is bounded, and so is its cost on hostile
bytes. `tree` reads the parse tree, `language` says what is allowed, `shapes` what a pattern looks like, `places`
where its keywords stand, `sampler` makes matches of it.
"""

from scanner.pattern.places import keyword_places
from scanner.pattern.sampler import sample
from scanner.pattern.shapes import GROUPS, MAX_WIDTH, Shape, Tail, alphabet, is_class, part, shape
from scanner.pattern.tree import PatternError, parse

__all__ = [
    "GROUPS", "MAX_WIDTH", "PatternError", "Shape", "Tail", "alphabet", "is_class", "keyword_places", "parse", "part",
    "sample", "shape",
]  # fmt: skip
