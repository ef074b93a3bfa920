"""One key by itself, outside of any file: which rule's it is, as the finding that the rule would make of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from scanner.errors import UsageError
from scanner.matcher import Matcher
from scanner.models import Chunk, Finding, Origin, ScanResult, Secret
from scanner.parts import absorb
from scanner.rule import Rule, RuleSet

LONGEST = 1 << 20
"""So many bytes are looked at: the largest keys are files of JSON with a private key inside."""

_NAMED = 12  # rules that an error lists


def recognise(data: bytes, rules: RuleSet, rule_id: str = "", parts: Iterable[str] = ()) -> Finding:
    """The one key in `data`: text in which a rule finds it (a line of an .env file, a JSON file), or the key itself.

    With `rule_id` it is that rule's. Of several rules that fit, those count that know all of the `parts` which are
    given besides. The other values that it needs are taken from the text only, where there is some.
    Raises `UsageError` when there is none, or more than one, or its rule cannot be told; never quotes the data.
    """
    text = data.strip()
    if not text:
        raise UsageError("there is no key: standard input is empty")
    if len(data) > LONGEST:
        raise UsageError(f"standard input is larger than {LONGEST >> 10} KiB: pass one key; keysweep stdin scans more")
    if rule_id:
        return _of_rule(rules.get(rule_id), rules, data)
    found = list(_keys(Matcher(rules), data))
    if len(found) > 1:
        found = [one for one in found if rules.get(one.rule_id).verify_data] or found
    found = found or _by_form(text, rules, set(parts))
    return _only(found, "no rule recognises a key in it; name its rule with --rule (`keysweep rules list`)")


def _of_rule(rule: Rule, rules: RuleSet, data: bytes) -> Finding:
    """The one key of a rule."""
    found = [one for one in _keys(Matcher(rules), data) if one.rule_id == rule.id]
    found = found or list(_alone(rule, rules, data.strip()))
    return _only(found, f"there is no key of rule {rule.id} in it; `keysweep rules show` says how one looks")


def _by_form(key: bytes, rules: RuleSet, parts: set[str]) -> list[Finding]:
    """The key as the one rule finds it that has keys of this form, can ask about them, and knows these parts."""
    fitting = [rule for rule in rules if rule.verify_data and parts <= _names(rule) and _fits(rule, key)]
    if len(fitting) > 1:
        raise UsageError(f"{len(fitting)} rules know keys of this form: say which with --rule ({_list(fitting)})")
    return [one for rule in fitting for one in _alone(rule, rules, key)]


def named_parts(rule: Rule, given: Iterable[tuple[str, str]], *, shown: bool) -> dict[str, str]:
    """Other values that a user gives for a key of this rule, by the names of its parts; what the configuration calls
    them will do, too. Raises `UsageError` for one that the rule does not know, for one that is more than a line, and
    for a secret one when they will be `shown`."""
    known = {part.config: part for part in rule.parts if part.config} | {part.name: part for part in rule.parts}
    found = {}
    for name, value in given:
        part = known.get(name)
        if part is None:
            names = ", ".join(one.name for one in rule.parts) or "none"
            raise UsageError(f"rule {rule.id} has no part '{name[:40]}'; it has: {names}")
        if shown and not part.shown:
            raise UsageError(f"part '{part.name}' is secret: pass it with --part-env {part.name}=VARIABLE")
        if not value.isprintable():
            raise UsageError(f"part '{part.name}' holds a line break or another character that is not printable")
        found[part.name] = value
    return found


def with_parts(finding: Finding, given: Mapping[str, str]) -> Finding:
    """The finding with other values that its key needs, in place of those that stood near it."""
    more = {name: Secret(value.encode()) for name, value in given.items()}
    return replace(finding, parts=tuple({**dict(finding.parts), **more}.items()))


def _keys(matcher: Matcher, data: bytes, path: str = "") -> Iterator[Finding]:
    """The different keys in some text, ids that belong to a secret left out."""
    found = tuple(matcher.find(Chunk(data, Origin(path))))
    different = {(one.rule_id, one.key): one for one in absorb(ScanResult(found)).findings}
    yield from different.values()


def _alone(rule: Rule, rules: RuleSet, key: bytes) -> Iterator[Finding]:
    """The key as the rule finds it, by itself or in one of the rule's own examples, whose other values do not count."""
    partners = {name for part in rule.parts for name in part.rules}
    matcher = Matcher(RuleSet([rule, *(other for other in rules if other.id in partners and other.id != rule.id)]))
    places = ((_PLACE.sub(lambda _: key, example.text.encode()), example.path) for example in rule.examples)
    for text, path in ((key, ""), *places):
        for one in _keys(matcher, text, path):
            if one.rule_id == rule.id and one.key.reveal() == key:
                names = {part.name for part in rule.parts}
                facts = tuple(fact for fact in one.facts if fact[0] not in names)
                yield replace(one, parts=(), facts=facts, absorbed=(), variable="", text="")
                return


_PLACE = re.compile(rb"\{key(?::(?:live|test))?\}")


def _fits(rule: Rule, key: bytes) -> bool:
    return len(key) <= rule.most and re.fullmatch(rule.pattern.encode("ascii"), key) is not None


def _names(rule: Rule) -> set[str]:
    return {name for part in rule.parts for name in (part.name, part.config) if name}


def _only(found: list[Finding], otherwise: str) -> Finding:
    if not found:
        raise UsageError(otherwise)
    if len(found) > 1:
        ids = ", ".join(sorted({one.rule_id for one in found})[:_NAMED])
        raise UsageError(f"there are {len(found)} keys in it ({ids}): pass one; keysweep stdin --verify asks about all")
    return found[0]


def _list(rules: list[Rule]) -> str:
    names = [rule.id for rule in rules]
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")


__all__ = ["LONGEST", "named_parts", "recognise", "with_parts"]
