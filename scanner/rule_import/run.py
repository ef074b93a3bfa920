"""The whole way of an import: read, convert, prove, write, and say what became of every rule."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scanner.errors import RuleError
from scanner.matcher import Matcher
from scanner.rule import Rule, RuleSet
from scanner.rule_file import MAX_FILE, read_rules
from scanner.rule_import.convert import REFERENCE, Draft, draft, listed, quoted, slug
from scanner.rule_import.formats import Foreign, Ruleset
from scanner.rule_import.proof import Outcome, holds, model, proved, silent
from scanner.rule_import.regex import ExpressionError

ROOM = 4 * 1024
"""Bytes of the file that are kept for its head."""


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one foreign rule: `as_id` is its id here ("" for none), `reason` why it was left out, `covered`
    which rules of ours find its keys anyway, `notes` what of it was not carried over."""

    foreign_id: str
    as_id: str = ""
    reason: str = ""
    covered: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Imported:
    """A rule file (as text, "" when no rule was carried over), and what is said of every rule."""

    text: str
    rules: tuple[Told, ...]

    @property
    def left_out(self) -> tuple[Told, ...]:
        """The rules that are lost: neither carried over nor covered by ours."""
        return tuple(one for one in self.rules if one.reason)


def bring(found: Ruleset, provider: str, source: str, shipped: RuleSet) -> Imported:
    """Carries the rules over into one rule file for `provider`; `source` is the name of the file they come from."""
    told: dict[int, Told] = {}
    drafts: dict[int, Draft] = {}
    ids = _ids(found.rules, provider, shipped)
    head = _head(provider, source)
    for number, foreign in enumerate(found.rules):
        try:
            made = model(draft(foreign, ids[number]))
            _read(head, [made], provider)
        except ExpressionError as error:
            told[number] = Told(foreign.id, reason=str(error))
        except RuleError as error:
            told[number] = Told(foreign.id, reason=error.reason)
        else:
            drafts[number] = made
    done = _proved(drafts, head, provider, shipped)
    size = len(head) + ROOM
    kept: list[Draft] = []
    for number, outcome in sorted(done.items()):
        rule = outcome.draft
        if outcome.reason or outcome.covered:
            told[number] = Told(rule.foreign.id, reason=outcome.reason, covered=outcome.covered)
            continue
        size += len("\n".join(rule.lines()).encode()) + 1
        if size > MAX_FILE:
            told[number] = Told(rule.foreign.id, reason=f"the file would be larger than {MAX_FILE >> 20} MiB")
            continue
        kept.append(rule)
        told[number] = Told(rule.foreign.id, rule.id, notes=rule.notes)
    text = _file(head, kept) if kept else ""
    return Imported(text, tuple(told[number] for number in sorted(told)))


def _proved(drafts: dict[int, Draft], head: str, provider: str, shipped: RuleSet) -> dict[int, Outcome]:
    """Tries every rule beside all that are left, until all that are left hold."""
    ours = frozenset(shipped.by_id)
    done: dict[int, Outcome] = {}
    left = dict(drafts)
    while left:
        rules = {rule.id: rule for rule in _read(head, list(left.values()), provider)}
        matcher = Matcher(RuleSet([*shipped, *rules.values()]))
        tried = {number: proved(one, rules[one.id], matcher, ours) for number, one in left.items()}
        lost = {number: one for number, one in tried.items() if one.reason or one.covered}
        done |= lost
        if not lost:
            return done | _settled(tried, head, provider, shipped)
        left = {number: one for number, one in left.items() if number not in lost}
    return done


def _settled(tried: dict[int, Outcome], head: str, provider: str, shipped: RuleSet) -> dict[int, Outcome]:
    """The last look: the rules as they will stand in the file, beside each other and ours."""
    outcomes = dict(tried)
    while True:
        good = {number: one for number, one in outcomes.items() if not one.reason}
        rules = {rule.id: rule for rule in _read(head, [one.draft for one in good.values()], provider)} if good else {}
        matcher = Matcher(RuleSet([*shipped, *rules.values()]))
        quiet = {number: _quiet(one, matcher) for number, one in good.items()}
        outcomes |= quiet
        bad = [number for number, one in quiet.items() if not holds(_again(rules[one.draft.id], one), matcher)]
        if not bad:
            return outcomes
        for number in bad:
            outcomes[number] = Outcome(outcomes[number].draft, "its examples do not hold beside the other rules")


def _again(rule: Rule, outcome: Outcome) -> Rule:
    texts = set(outcome.draft.counterexamples)
    return replace(rule, counterexamples=tuple(one for one in rule.counterexamples if one.text in texts))


def _quiet(outcome: Outcome, matcher: Matcher) -> Outcome:
    """The rule without counterexamples in which some rule finds a key: a file must not hold one."""
    kept = tuple(text for text in outcome.draft.counterexamples if "{key" in text or silent(matcher, text))
    return replace(outcome, draft=replace(outcome.draft, counterexamples=kept))


def _ids(rules: Iterable[Foreign], provider: str, shipped: RuleSet) -> list[str]:
    """An id for each rule: the provider and the rule's own, without repeating it, used by no other rule."""
    taken = set(shipped.by_id)
    found = []
    for foreign in rules:
        own = slug(foreign.id).removeprefix("kingfisher-").removeprefix("np-")
        base = own if own.startswith(f"{provider}-") else f"{provider}-{own or 'rule'}"
        name, number = base, 2
        while name in taken:
            name, number = f"{base}-{number}", number + 1
        taken.add(name)
        found.append(name)
    return found


def _head(provider: str, source: str) -> str:
    return (
        f"# Carried over from {printed(source)} by `keysweep rules import`.\n"
        f"provider: {provider}\n"
        f"name: {quoted(provider)}\n"
        "rotate: 'Where the key was made: the rule file that this rule comes from does not say.'\n"
        f"references: {listed([REFERENCE])}\n"
        "rules:\n"
    )


def printed(text: str) -> str:
    """A name as it may stand in a comment."""
    return "".join(c if c.isprintable() else "?" for c in text)[:120]


def _file(head: str, rules: Sequence[Draft]) -> str:
    return head + "\n".join(line for rule in rules for line in rule.lines()) + "\n"


def _read(head: str, rules: Sequence[Draft], provider: str) -> list[Rule]:
    """The rules as our own reader takes them; a file of each, so that their number has no bound."""
    return [rule for one in rules for rule in read_rules(_file(head, [one]).encode(), f"{provider}.yaml")]


def provider_of(path: Path) -> str:
    """A provider's name made of a file's (`.gitleaks.toml` gives `gitleaks`)."""
    return slug(path.name.strip(".").partition(".")[0]) or "imported"


__all__ = ["Imported", "Told", "bring", "printed", "provider_of"]
