"""Gives imported rules the examples and counterexamples that prove them, and tells what cannot be proved.

Examples hold a place for a key, never a key: where the foreign file has examples the key in them is cut out, where it
has none they are made from the pattern.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from scanner import pattern
from scanner.errors import KeysweepError
from scanner.fakes import KeyMaker
from scanner.matcher import Matcher
from scanner.models import Chunk, Origin
from scanner.proof import MODEL_PATH, prove
from scanner.rule import Example, Rule, RuleSet
from scanner.rule_import.convert import Draft, with_examples

SEEDS = (1, 2, 3)
"""The keys that every rule is tried with."""

_MODEL = ("{key}", "KEY={key}")
_LONGEST = 2_000
_TRIES = 24


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a rule: proved (`rule` with its examples), `covered` by rules of ours, or left out (`reason`)."""

    draft: Draft
    reason: str = ""
    covered: tuple[str, ...] = ()


def model(draft: Draft) -> Draft:
    """The rule with examples that any rule could have, so that a rule file with it can be read."""
    return with_examples(draft, _MODEL, _MODEL)


def proved(draft: Draft, rule: Rule, matcher: Matcher, shipped: frozenset[str]) -> Outcome:
    """Tries the rule, beside all others that `matcher` has. `shipped` are the ids of our own rules."""
    try:
        KeyMaker(rule, random.Random(0)).make()  # noqa: S311 - a key to try a rule with
    except KeysweepError:
        return Outcome(draft, "no key of its pattern passes its checks (entropy, and those that every rule has)")
    rng = random.Random(rule.id)  # noqa: S311 - texts to try a pattern on, not secrets
    given = list(dict.fromkeys(_given(draft, rule)))
    made = list(dict.fromkeys((*given, *_made(draft, rule, rng))))
    examples: list[str] = []
    reasons: list[str] = []
    for text in made:
        problems = _problems(rule, matcher, draft.path, (text,), ()) if silent(matcher, text) else []
        if silent(matcher, text) and not problems and text not in examples:
            examples.append(text)
        reasons += problems
        if len(examples) == 4 + len(given):
            break
    if len(examples) < 2:
        return _failed(draft, reasons, shipped)
    counter = [
        text for text in dict.fromkeys(_counter(draft, examples))
        if not _problems(rule, matcher, draft.path, (), (text,)) and ("{key" in text or silent(matcher, text))
    ]  # fmt: skip
    if len(counter) < 3 or not any("{key:cut}" in text for text in counter):
        return Outcome(draft, "it would also be found where a key is cut short, or where a placeholder stands")
    lost = [text for text in draft.foreign.counterexamples if text.strip("\n") not in counter]
    notes = list(draft.notes)
    if lost:
        notes.append(f"{len(lost)} of its negative examples are left out: they are found, or found by another rule")
    if len(given) < len(draft.foreign.examples):
        notes.append("some of its examples are left out: keysweep finds no key in them")
    own = [text for text in counter if text in draft.foreign.counterexamples]
    some = [text for text in counter if text not in own][:8]
    done = with_examples(replace(draft, notes=tuple(notes)), examples[: 4 + len(given)], [*some, *own[:20]])
    return Outcome(done)


def holds(rule: Rule, matcher: Matcher) -> bool:
    """Whether the finished rule keeps all its promises with every seed."""
    return not any(True for seed in SEEDS for _ in prove(rule, matcher, seed))


def _problems(
    rule: Rule, matcher: Matcher, path: str, examples: Sequence[str], counter: Sequence[str]
) -> list[str]:
    """What does not hold of these texts in a file of that path, with every seed."""
    tried = replace(
        rule, samples=(), examples=tuple(Example(text, path) for text in examples),
        counterexamples=tuple(Example(text, path) for text in counter),
    )  # fmt: skip
    found = [problem.text for seed in SEEDS for problem in prove(tried, matcher, seed)]
    return [text for text in found if not text.startswith("it needs")]


def _failed(draft: Draft, reasons: Iterable[str], shipped: frozenset[str]) -> Outcome:
    """Why a rule has no example that holds: mostly because rules of ours find its keys."""
    takers = [one for text in reasons for one in _takers(text)]
    if takers and all(taker in shipped and not taker.startswith("generic-") for taker in takers):
        return Outcome(draft, covered=tuple(sorted(set(takers))))
    if takers:
        return Outcome(draft, f"its keys are found by {', '.join(sorted(set(takers)))}")
    return Outcome(draft, "none of its keys could be found in a text made for it")


def _takers(problem: str) -> list[str]:
    found = re.search(r"the key was taken by ([a-z0-9, -]+)$", problem)
    return found[1].split(", ") if found else []


# --- examples ---


def _given(draft: Draft, rule: Rule) -> Iterator[str]:
    """The file's own examples, with a place for a key instead of the key."""
    alone = Matcher(RuleSet([rule]))
    for text in draft.foreign.examples:
        data = text.strip("\n").encode()
        hits = alone.hits(data, 0, len(data), draft.path or MODEL_PATH) if len(data) <= _LONGEST else []
        if len(hits) == 1 and not hits[0].decoded:
            hit = hits[0]
            context = (data[: hit.start] + b"{key}" + data[hit.end :]).decode("utf-8", "replace")
            if "{key" not in text and context.count("{key}") == 1:
                yield context


def _made(draft: Draft, rule: Rule, rng: random.Random) -> Iterator[str]:
    """Contexts made for the rule."""
    if rule.context:
        for word in dict.fromkeys(keyword.text for keyword in rule.keywords):
            name = re.sub(r"\W+", "_", word).strip("_") or word
            yield from (f"{name.upper()}_KEY={{key}}", f'{name}_secret = "{{key}}"', f"{name}_token: {{key}}")
        return
    if rule.key_first:
        yield from ("KEY={key}", 'token = "{key}"', "key: {key}", "Authorization: Bearer {key}", "{key}")
    else:
        for word in draft.keywords:
            yield from (f"{word}_api_key={{key}}", f'{word}_token = "{{key}}"', f"{word}: {{key}}", f"{word}={{key}}")
    tree = pattern.parse(rule.pattern)
    compiled = re.compile(rule.pattern.encode("ascii"))
    for number in range(_TRIES):
        drawn = pattern.sample(tree, rng, spread=number // 4)
        found = compiled.fullmatch(drawn)
        if found is None or len(drawn) > _LONGEST:
            continue
        start, end = found.span("secret")
        if "public" in found.re.groupindex:
            start = min(start, found.start("public"))
        before, after = drawn[:start], drawn[end:]
        if (before + after).isascii() and (before + after).decode().replace("\n", "").isprintable():
            yield f"{before.decode()}{{key}}{after.decode()}"


def _counter(draft: Draft, examples: Sequence[str]) -> Iterator[str]:
    """Texts in which the rule must stay silent: cut and too long keys, placeholders; then the file's own."""
    for text in examples[:2]:
        for other in ("{key:cut}", "{key:long}", "your_api_key_here", "${SECRET}", "xxxxxxxxxxxxxxxxxxxx"):
            yield text.replace("{key}", other)
    for text in draft.foreign.counterexamples:
        if len(text) <= _LONGEST and "{key" not in text:
            yield text.strip("\n")


def silent(matcher: Matcher, text: str) -> bool:
    """Whether no rule finds anything in a text: only such texts are written down."""
    return not any(True for _ in matcher.find(Chunk(text.encode(), Origin(MODEL_PATH))))


__all__ = ["Outcome", "holds", "model", "proved", "silent"]
