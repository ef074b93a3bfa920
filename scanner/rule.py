"""A rule: what a key looks like, how to be sure, what it means. Read from YAML, frozen, picklable.

`load_rules()` gives the shipped rules and any of the caller's; a bad file is refused whole, with file, line,
rule and reason. What a pattern says about itself (widths, places of keywords) is worked out here, once, so that
the matcher starts without parsing anything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from scanner.errors import KeysweepError
from scanner.models import Confidence, Severity


class Example(NamedTuple):
    """A context with a place for a key (`{key}`), and the file name it stands in, where that matters."""

    text: str
    path: str = ""


class Keyword(NamedTuple):
    """A literal without which the rule cannot match, in lower case, and where in a match it can stand
    (least and most bytes after the beginning)."""

    text: str
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Part:
    """Another value that a key needs, and where it is had from: the nearest match of `pattern`, or the nearest key of
    one of `rules` (which is no finding of its own with `absorb`); what the configuration gives `config` wins over it,
    and `default` is what is left. `shown` says that reports may show it. With `follows` the match begins right behind
    the key."""

    name: str
    pattern: str = ""
    rules: tuple[str, ...] = ()
    absorb: bool = False
    shown: bool = False
    config: str = ""
    default: str = ""
    follows: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """One key format. `context` rules look for `pattern` near one of the `keywords`; others match by themselves.

    `whole` rules match all of a small file, white space aside. `left` and `right` are insides of character classes:
    what may not stand before and after the key ("" for anything). `least` and `most` are the widths of a match in
    bytes, `breaks` the most line breaks in one. `verify_data` and `revoke_data` are JSON, read only by those who ask a
    provider.
    """

    id: str
    provider: str
    provider_name: str
    name: str
    description: str
    keywords: tuple[Keyword, ...]
    pattern: str
    severity: Severity
    confidence: Confidence
    context: bool = False
    severities: Mapping[str, Severity] | None = None
    environments: Mapping[str, str] | None = None
    checks: tuple[tuple[str, object], ...] = ()
    files: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    whole: bool = False
    left: str = ""
    right: str = ""
    least: int = 0
    most: int = 0
    breaks: int = 0
    key_first: bool = True
    priority: int = 0
    parts: tuple[Part, ...] = ()
    verify_data: str = field(default="", repr=False)
    revoke_data: str = field(default="", repr=False)
    samples: tuple[str, ...] = ()
    examples: tuple[Example, ...] = ()
    counterexamples: tuple[Example, ...] = ()
    url: str = ""
    rotate: str = ""
    references: tuple[str, ...] = ()
    file: str = ""
    line: int = 0

    def severity_in(self, environment: str) -> Severity:
        """The severity of a key of that environment ("" when it is not known)."""
        return (self.severities or {}).get(environment, self.severity)

    def applies_to(self, path: str) -> bool:
        """Whether the rule looks at files of that path: always, unless it names files."""
        name = path.rsplit("/", 1)[-1]
        return not self.files or any(fnmatchcase(path if "/" in glob else name, glob) for glob in self.files)

    @property
    def digest(self) -> str:
        """Changes whenever anything changes that decides which bytes the rule takes for a key. Hexadecimal."""
        told = (self.pattern, self.keywords, self.checks, self.left, self.right, self.names, self.samples)
        more = (self.context, self.key_first, self.whole)
        return hashlib.blake2b(repr((told, more)).encode(), digest_size=8).hexdigest()

    @property
    def verify(self) -> Mapping[str, Any] | None:
        """How the provider is asked whether a key works, as in the rule file; None when the rule has no way."""
        return _data(self.verify_data)

    @property
    def revoke(self) -> Mapping[str, Any] | None:
        """How a key is ended, as in the rule file; None when the rule does not say."""
        return _data(self.revoke_data)

    @property
    def environment_names(self) -> tuple[str, ...]:
        """The environments that this rule can tell apart: `live`, `test`, or none."""
        return tuple(sorted(set((self.environments or {}).values())))


def _data(text: str) -> Mapping[str, Any] | None:
    if not text:
        return None
    import json  # noqa: PLC0415 - start-up: most runs ask nobody

    found: Mapping[str, Any] = json.loads(text)
    return found


class RuleSet(Sequence[Rule]):
    """Rules in a fixed order (by id), and which of them are wanted in reports.

    Rules that are not selected still mask: a line that is shown never shows their keys.
    """

    def __init__(self, rules: Iterable[Rule], selected: frozenset[str] | None = None) -> None:
        self._rules = tuple(sorted(rules, key=lambda rule: rule.id))
        self.selected = frozenset(rule.id for rule in self._rules) if selected is None else selected

    def __getitem__(self, index: int) -> Rule:  # type: ignore[override]
        return self._rules[index]

    def __len__(self) -> int:
        return len(self._rules)

    def __iter__(self) -> Iterator[Rule]:
        return iter(self._rules)

    @cached_property
    def by_id(self) -> dict[str, Rule]:
        """The rules by their id."""
        return {rule.id: rule for rule in self._rules}

    @cached_property
    def digest(self) -> str:
        """Changes whenever anything that decides about findings changes. Hexadecimal."""
        told = hashlib.blake2b(digest_size=16)
        for rule in self._rules:
            told.update(repr((rule.id, rule.pattern, rule.keywords, rule.checks, rule.left, rule.right)).encode())
            told.update(repr((rule.files, rule.names, rule.samples, rule.context, rule.priority)).encode())
            told.update(repr((rule.parts, rule.whole)).encode())
        return told.hexdigest()

    def select(self, enable: Sequence[str] = (), disable: Sequence[str] = ()) -> RuleSet:
        """Narrows what is reported to `enable` (all when empty) less `disable`: rule ids, provider ids or globs.

        Raises KeysweepError for a name that fits no rule.
        """
        chosen = self._fitting(enable, "enable: ") if enable else {rule.id for rule in self._rules}
        return RuleSet(self._rules, frozenset(chosen - self._fitting(disable, "disable: ")))

    def called(self, names: Sequence[str]) -> list[Rule]:
        """The rules of these names (rule ids, provider ids or globs), all when there are none. Raises KeysweepError for
        a name that fits no rule."""
        chosen = self._fitting(names)
        return [rule for rule in self._rules if not names or rule.id in chosen]

    def _fitting(self, names: Sequence[str], option: str = "") -> set[str]:
        found: set[str] = set()
        for name in names:
            fits = {rule.id for rule in self._rules if name == rule.provider or fnmatchcase(rule.id, name)}
            if not fits:
                raise KeysweepError(f"{option}no rule or provider is called '{name}'; {self._near(name)}")
            found |= fits
        return found

    def get(self, rule_id: str) -> Rule:
        """The rule of that id. Raises KeysweepError that names the nearest, or those of a provider or glob."""
        try:
            return self.by_id[rule_id]
        except KeyError:
            raise KeysweepError(self._not_one(rule_id)) from None

    def _not_one(self, name: str) -> str:
        try:
            fits = [rule.id for rule in self.called([name])]
        except KeysweepError:
            return f"no rule is called '{name}'; {self._near(name)}"
        more = f" and {len(fits) - 3:,} more" if len(fits) > 3 else ""
        return f"'{name}' is not the id of one rule: name one of {', '.join(fits[:3])}{more}"

    def _near(self, name: str) -> str:
        import difflib  # noqa: PLC0415 - only when something is wrong

        near = difflib.get_close_matches(name, [*self.by_id, *{rule.provider for rule in self._rules}], 3)
        return f"did you mean {' or '.join(near)}?" if near else "`keysweep rules list` shows them all"


def load_rules(extra: Sequence[str | Path] = (), *, shipped: bool = True, cache: bool = True) -> RuleSet:
    """The shipped rules and those of the files or folders in `extra`. Raises RuleError for the first bad file."""
    from scanner import rule_store  # noqa: PLC0415 - the store imports Rule

    return RuleSet(rule_store.load([Path(item) for item in extra], shipped=shipped, cache=cache))
