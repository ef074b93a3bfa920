"""One foreign rule as a rule of ours: its text, and in words what of it was not carried over."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from scanner import pattern
from scanner.rule_import.formats import Foreign
from scanner.rule_import.regex import (
    DIGIT,
    LOWER,
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
    read,
)
from scanner.rule_import.rewrite import Pattern, is_value, rewrite

REFERENCE = "https://example.com/"
"""What stands in place of a document where the file names none."""

_SLUG = re.compile(r"[^a-z0-9]+")
_HEX = DIGIT | frozenset(b"abcdefABCDEF")


@dataclass(frozen=True, slots=True)
class Draft:
    """A rule on its way: the fields of the rule file, without examples. `around` is what stands around the key in a
    match, as far as it is needed for an example (two trees); `notes` are what was not carried over."""

    id: str
    foreign: Foreign
    pattern: Pattern
    keywords: tuple[str, ...]
    context: bool
    confidence: str
    checks: tuple[tuple[str, object], ...] = ()
    files: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    counterexamples: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """The rule as it stands in a rule file, without its examples when it has none yet."""
        foreign = self.foreign
        said = " ".join((foreign.description or foreign.name or foreign.id).split())
        name = " ".join((foreign.name or foreign.description or foreign.id).split())
        out = [
            f"  - id: {self.id}",
            f"    name: {quoted(name[:120])}",
            f"    description: {quoted(said if said.endswith(('.', '!', '?')) else f'{said}.')}",
            f"    {'context' if self.context else 'keywords'}: {listed(self.keywords)}",
            f"    {'value' if self.context else 'pattern'}: {quoted(self.pattern.text)}",
            "    severity: high",
            f"    confidence: {self.confidence}",
        ]
        if self.checks:
            out.append("    checks: {" + ", ".join(f"{name}: {_value(value)}" for name, value in self.checks) + "}")
        if self.files:
            out.append(f"    files: {listed(self.files)}")
        if foreign.references:
            out.append(f"    references: {listed(foreign.references)}")
        for title, texts in (("examples", self.examples), ("counterexamples", self.counterexamples)):
            out += [f"    {title}:", *(f"      - {self._example(text)}" for text in texts)]
        return out

    def _example(self, text: str) -> str:
        return f"{{path: {quoted(self.path)}, text: {quoted(text)}}}" if self.path else quoted(text)

    @property
    def path(self) -> str:
        """A file that the rule looks at, where it does not look at all ("" when it does)."""
        return self.files[0].replace("*", "settings") if self.files else ""


def draft(foreign: Foreign, rule_id: str) -> Draft:
    """The rule, not yet proved. Raises `ExpressionError` with the reason why it cannot be carried over."""
    if foreign.refused:
        raise ExpressionError(foreign.refused)
    expression = read(foreign.pattern)
    made = rewrite(expression, _secret_group(expression, foreign.group))
    try:
        pattern.shape(made.text)
    except pattern.PatternError as error:
        raise ExpressionError(str(error)) from error
    notes = [*foreign.notes, *made.notes]
    keywords, context = _keywords(foreign, made, notes)
    files, lost = _files(foreign.path)
    if lost:
        notes.append("its path was left out: it looks at all files")
    checks = _checks(foreign, expression, notes)
    confidence = foreign.confidence or ("high" if made.public and not context else "medium")
    return Draft(
        rule_id, foreign, made, keywords, context, confidence, checks, files, notes=tuple(dict.fromkeys(notes))
    )


def _secret_group(expression: Expression, wanted: int | str) -> int:
    if isinstance(wanted, int):
        if wanted not in expression.groups:
            raise ExpressionError(f"its secret is group {wanted}, which its pattern does not have")
        return wanted
    named = [number for number, name in expression.groups.items() if wanted and name.upper() == wanted]
    return next(iter(named or expression.groups), 0)


def _keywords(foreign: Foreign, made: Pattern, notes: list[str]) -> tuple[tuple[str, ...], bool]:
    """Keywords that stand in every match; or else words near which the value counts."""
    given = tuple(dict.fromkeys(word.lower() for word in foreign.keywords if len(word) >= 3 and word.isascii()))
    given = tuple(word for word in given if word.isprintable())
    if given and _always(made, given):
        return given, False
    if made.literals and _always(made, made.literals):
        if given:
            notes.append("its keywords do not stand in every match: literals of its pattern take their place")
        return made.literals, False
    if given and is_value(made):
        notes.append("its keywords stand near the key, not in it: they became context words, and the value must be "
                     "assigned to a name")  # fmt: skip
        return given, True
    raise ExpressionError("no text of three characters stands in every match, and it has no keyword that does")


def _always(made: Pattern, words: Sequence[str]) -> bool:
    """Whether one of the words stands in matches drawn from the pattern, as the rule file's reader will ask."""
    tree = pattern.parse(made.text)
    rng = random.Random(0)  # noqa: S311 - texts to try a pattern on, not secrets
    drawn = [pattern.sample(tree, rng, spread=4).lower() for _ in range(48)]
    return all(any(word.encode() in text for word in words) for text in drawn)


def _checks(foreign: Foreign, expression: Expression, notes: list[str]) -> tuple[tuple[str, object], ...]:
    found: list[tuple[str, object]] = []
    if foreign.entropy:
        found.append(("entropy", round(min(foreign.entropy, 8.0), 2)))
    if foreign.needs:
        found.append(("needs", list(foreign.needs)))
    kinds = [kind for text in foreign.harmless if (kind := _kind(text))]
    if kinds:
        found.append(("reject", sorted(set(kinds))))
    if len(kinds) < len(foreign.harmless):
        notes.append("values that it allows were left out: a baseline or keysweep:allow takes their place")
    return tuple(found)


def _kind(text: str) -> str:
    """The kind of harmless value that an allowing expression describes, as `reject` knows them; "" for none."""
    try:
        items = _flat(read(text).tree)
    except ExpressionError:
        return ""
    anchored = len(items) == 3 and isinstance(items[0], Edge) and isinstance(items[2], Edge)
    middle = items[1] if anchored else None
    if not isinstance(middle, Repeat) or not isinstance(middle.item, Char):
        return ""
    members = middle.item.members
    if members == DIGIT:
        return "number"
    if members <= _HEX and members > DIGIT:
        return "hex"
    return "word" if members in (LOWER, UPPER) else ""


# --- files ---


def _files(path: str) -> tuple[tuple[str, ...], bool]:
    """Globs for the files that a path expression names, and whether it could not be told."""
    if not path:
        return (), False
    try:
        items = _flat(read(path).tree)
    except ExpressionError:
        return (), True
    ends = bool(items) and isinstance(items[-1], Edge)
    texts = _texts(items[:-1]) if ends else None
    if not texts or any(set(text) & set("*?[]") for text in texts):
        return (), True
    return tuple(sorted({text if text.startswith("*") else f"*{text}" for text in _plain(texts)})), False


def _plain(texts: Sequence[str]) -> list[str]:
    return [text.replace("\0", "*") for text in texts]


def _texts(items: Sequence[Node]) -> list[str] | None:
    """The texts that the nodes can be, where they are few; `.*` is a NUL in them."""
    found = [""]
    for item in items:
        if isinstance(item, Edge):
            continue
        ways: list[str] | None = None
        if isinstance(item, Char) and (len(item.members) == 1 or item.fold):
            ways = [chr(max(item.members))]
        elif isinstance(item, Alt):
            parts = [_texts(_flat(branch)) for branch in item.branches]
            ways = [text for part in parts for text in part or ()] if all(part is not None for part in parts) else None
        elif isinstance(item, Repeat) and isinstance(item.item, Char) and len(item.item.members) > 200:
            ways = ["\0"]
        elif isinstance(item, Repeat) and (item.low, item.high) == (0, 1):
            inside = _texts(_flat(item.item))
            ways = ["", *inside] if inside is not None else None
        if ways is None or len(found) * len(ways) > 64:
            return None
        found = [text + way for text in found for way in ways]
    return found


def _flat(node: Node) -> list[Node]:
    if isinstance(node, Group):
        return _flat(node.item)
    return [inner for item in node.items for inner in _flat(item)] if isinstance(node, Seq) else [node]


# --- writing ---


def slug(text: str) -> str:
    """The text as a part of an id: lower-case letters and digits, with single dashes between."""
    return _SLUG.sub("-", text.lower()).strip("-")[:80].strip("-")


def quoted(text: str) -> str:
    """The text as a YAML value on one line."""
    clean = "".join(c if c in "\n\t" or c.isprintable() else "?" for c in text)
    if "\n" in clean or "\t" in clean:
        return json.dumps(clean, ensure_ascii=False)
    return "'" + clean.replace("'", "''") + "'"


def listed(texts: Sequence[str]) -> str:
    """The texts as a YAML list on one line."""
    return "[" + ", ".join(map(quoted, texts)) + "]"


def _value(value: object) -> str:
    return "[" + ", ".join(map(str, value)) + "]" if isinstance(value, list) else str(value)


def with_examples(rule: Draft, examples: Sequence[str], counterexamples: Sequence[str]) -> Draft:
    """The rule with the texts that prove it."""
    return replace(rule, examples=tuple(examples), counterexamples=tuple(counterexamples))


__all__ = ["REFERENCE", "Draft", "draft", "listed", "quoted", "slug", "with_examples"]
