"""Reads one rule file: nodes of YAML to rules, every mistake refused with its line."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Collection
from typing import Any

from scanner import checks, pattern, verify_file
from scanner.errors import RuleError
from scanner.models import Confidence, Severity
from scanner.nodes import Access, Fail, Node
from scanner.rule import Example, Keyword, Part, Rule
from scanner.yaml_nodes import tree

FILE_KEYS = {"provider": True, "name": True, "url": False, "rotate": True, "references": True, "verify": False,
             "revoke": False, "rules": True}  # fmt: skip
"""The keys of a file, and whether they must be there."""

RULE_KEYS = {
    "id": True, "name": True, "description": True, "keywords": False, "pattern": False, "context": False,
    "value": False, "severity": True, "severities": False, "confidence": True, "environments": False,
    "checks": False, "files": False, "names": False, "left": False, "right": False, "priority": False,
    "parts": False, "whole": False, "examples": True, "counterexamples": True, "samples": False, "rotate": False,
    "references": False, "verify": False, "revoke": False,
}  # fmt: skip
"""The keys of a rule, and whether they must be there."""

PART_KEYS = dict.fromkeys(("pattern", "rule", "absorb", "shown", "config", "default", "follows"), False)
"""The keys of a part of a key."""

MAX_FILE = 1 << 20
"""A rule file of more than 1 MiB is refused."""

_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_PART_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")
_VALUE_LEFT = r"A-Za-z0-9_.+/\-"
_KEY_LEFT = "A-Za-z0-9"
_ALNUM = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")


Asking = Callable[[Node, Collection[str], Fail], dict[str, Any] | None]


class _Reader(Access):
    """Turns one file's text into rules; knows the file's name and the rule at hand, for its errors."""

    def __init__(self, file: str) -> None:
        super().__init__(lambda line, reason: RuleError(file, line, reason, self.rule_id))
        self.file = file
        self.rule_id = ""

    # --- texts ---

    def text(self, node: Node | None, what: str, default: str = "") -> str:
        if node is None:
            return default
        if not isinstance(node.value, str):
            raise self.fail(node.line, f"'{what}' must be a text")
        return node.value.strip("\n") if what not in ("text", "value", "pattern") else node.value

    def texts(self, node: Node | None, what: str) -> tuple[str, ...]:
        if node is None:
            return ()
        if not isinstance(node.value, list) or not all(isinstance(item.value, str) for item in node.value):
            raise self.fail(node.line, f"'{what}' must be a list of texts (quote numbers)")
        return tuple(item.value for item in node.value)

    # --- the rule ---

    def rules(self, text: bytes) -> list[Rule]:
        if len(text) > MAX_FILE:
            raise self.fail(1, f"the file is larger than {MAX_FILE >> 20} MiB")
        root = tree(text, self.fail)
        top = self.keys(root, FILE_KEYS, "the file")
        provider = self.text(top["provider"], "provider")
        if not _ID.fullmatch(provider):
            raise self.fail(top["provider"].line, "'provider' must be lower-case letters, digits and single dashes")
        if not isinstance(top["rules"].value, list) or not top["rules"].value:
            raise self.fail(top["rules"].line, "'rules' must be a list with at least one rule")
        found: list[Rule] = []
        for node in top["rules"].value:
            self.rule_id = ""
            rule = self.rule(node, provider, top)
            if any(other.id == rule.id for other in found):
                raise self.fail(node.line, "this id stands twice in the file")
            found.append(rule)
        return found

    def rule(self, node: Node, provider: str, top: dict[str, Node]) -> Rule:
        if isinstance(node.value, dict) and "id" in node.value:
            self.rule_id = str(node.value["id"].value)
        own = self.keys(node, RULE_KEYS, "the rule")
        if not _ID.fullmatch(self.rule_id) or not f"{self.rule_id}-".startswith(f"{provider}-"):
            raise self.fail(own["id"].line, f"the id must be lower-case words with dashes and begin with '{provider}-'")
        context = "context" in own
        form = own.keys() & {"context", "value", "keywords", "pattern"}
        whole = self.flag(own.get("whole"), "whole")
        if whole and (form != {"pattern"} or "files" not in own):
            raise self.fail(node.line, "a 'whole' rule has 'files' and a 'pattern', and no keywords")
        if not whole and form not in ({"context", "value"}, {"keywords", "pattern"}):
            raise self.fail(node.line, "a rule has either 'keywords' and 'pattern', or 'context' and 'value'")
        source = own["value" if context else "pattern"]
        text = self.text(source, "pattern")
        try:
            shape = pattern.shape(text)
        except pattern.PatternError as error:
            raise self.fail(source.line, str(error)) from error
        if context and not shape.key_first:
            raise self.fail(source.line, "a 'value' must begin with its secret or public group")
        environments = self.environments(own, shape, source.line)
        parts = self.parts(own.get("parts"))
        return Rule(
            id=self.rule_id,
            provider=provider,
            provider_name=self.text(top["name"], "name"),
            name=self.text(own["name"], "name"),
            description=self.text(own["description"], "description"),
            keywords=() if whole else self.keywords(own["context" if context else "keywords"], text, shape, context),
            whole=whole,
            pattern=text,
            severity=self.severity(own["severity"]),
            confidence=self.confidence(own["confidence"]),
            context=context,
            severities=self.severities(own.get("severities")),
            environments=environments,
            checks=self.checks(own.get("checks")),
            files=self.texts(own.get("files"), "files"),
            names=tuple(name.lower() for name in self.texts(own.get("names"), "names")),
            left=self.boundary(own.get("left"), (_VALUE_LEFT if context else _KEY_LEFT) if shape.key_first else ""),
            right=self.boundary(own.get("right"), pattern.alphabet(shape.ends_with | _ALNUM) if shape.key_last else ""),
            least=shape.least,
            most=shape.most,
            breaks=shape.breaks,
            key_first=shape.key_first,
            priority=self.priority(own.get("priority")),
            parts=parts,
            verify_data=self.asking(own.get("verify") or top.get("verify"), parts, verify_file.verify),
            revoke_data=self.asking(own.get("revoke") or top.get("revoke"), parts, verify_file.revoke),
            samples=self.texts(own.get("samples"), "samples"),
            examples=self.examples(own["examples"], "examples"),
            counterexamples=self.examples(own["counterexamples"], "counterexamples"),
            url=self.text(top.get("url"), "url"),
            rotate=self.text(own.get("rotate") or top["rotate"], "rotate"),
            references=self.texts(own.get("references") or top["references"], "references"),
            file=self.file,
            line=node.line,
        )

    def keywords(self, node: Node, text: str, shape: pattern.Shape, context: bool) -> tuple[Keyword, ...]:
        words = self.texts(node, "context" if context else "keywords")
        if not words:
            raise self.fail(node.line, "there must be at least one keyword")
        for word in words:
            if len(word) < 3 or not word.isascii() or "\n" in word:
                raise self.fail(node.line, f"keyword '{word}' must have three or more characters, ASCII, on one line")
        lowered = tuple(dict.fromkeys(word.lower() for word in words))
        if context:
            return tuple(Keyword(word, 0, 0) for word in lowered)
        parsed = pattern.parse(text)
        places = pattern.keyword_places(parsed, [word.encode() for word in lowered])
        if places is None:
            self.try_keywords(node, parsed, lowered)
            return tuple(Keyword(word, 0, max(0, shape.most - len(word))) for word in lowered)
        return tuple(Keyword(word, *place) for word in lowered for place in places[word.encode()])

    def try_keywords(self, node: Node, parsed: Any, words: tuple[str, ...]) -> None:
        """Makes sure that every match has a keyword, for one without would never be looked at, where the pattern's
        fixed characters do not show it: by trying the keywords on matches drawn from it."""
        rng = random.Random(0)  # noqa: S311 - texts to try a pattern on, not secrets
        for _ in range(24):
            made = pattern.sample(parsed, rng, spread=4).lower()
            if not any(word.encode() in made for word in words):
                raise self.fail(node.line, "it can match without any of the keywords, and such keys would be missed")

    def environments(self, own: dict[str, Node], shape: pattern.Shape, line: int) -> dict[str, str]:
        told = self.mapping(own.get("environments"), "environments")
        found = {text: self.text(item, text) for text, item in told.items()}
        if ("environment" in shape.groups) != bool(found):
            raise self.fail(line, "the group 'environment' and the key 'environments' go together")
        for name in found.values():
            if name not in ("live", "test"):
                raise self.fail(own["environments"].line, f"an environment is 'live' or 'test', not '{name}'")
        return found

    def checks(self, node: Node | None) -> tuple[tuple[str, object], ...]:
        found: list[tuple[str, object]] = []
        for name, item in self.mapping(node, "checks").items():
            value = [one.value for one in item.value] if isinstance(item.value, list) else item.value
            try:
                checks.build(name, value)
            except ValueError as error:
                raise self.fail(item.line, str(error)) from error
            found.append((name, tuple(value) if isinstance(value, list) else value))
        return tuple(found)

    def boundary(self, node: Node | None, default: str) -> str:
        if node is None:
            return default
        text = self.text(node, "left")
        if text and not pattern.is_class(text):
            raise self.fail(node.line, f"'{text}' is not the inside of a character class; escape [, ], -, &, | and ~")
        return text

    def priority(self, node: Node | None) -> int:
        if node is None:
            return 0
        if isinstance(node.value, bool) or not isinstance(node.value, int):
            raise self.fail(node.line, "'priority' must be a whole number")
        return node.value

    def parts(self, node: Node | None) -> tuple[Part, ...]:
        return tuple(self.part(name, item) for name, item in self.mapping(node, "parts").items())

    def part(self, name: str, node: Node) -> Part:
        if not _PART_NAME.fullmatch(name) or name in ("key", "secret", "public"):
            raise self.fail(node.line, f"a part is called by lower-case letters, digits and _, and not '{name}'")
        own = self.keys(node, PART_KEYS, f"the part '{name}'")
        if len(own.keys() & {"pattern", "rule"}) == 2 or not own.keys() & {"pattern", "rule", "config"}:
            raise self.fail(node.line, f"the part '{name}' is had from a 'pattern', a 'rule', or 'config' alone")
        text = self.text(own.get("pattern"), "pattern")
        if "pattern" in own:
            try:
                pattern.part(text)
            except pattern.PatternError as error:
                raise self.fail(own["pattern"].line, str(error)) from error
        told = own.get("rule")
        rules = self.texts(told, "rule") if told and isinstance(told.value, list) else (self.text(told, "rule"),)
        flags = {flag: self.flag(own.get(flag), flag) for flag in ("absorb", "shown", "follows")}
        if flags["absorb"] and not told:
            raise self.fail(node.line, f"the part '{name}' absorbs a key, so it names the key's 'rule'")
        if flags["follows"] and not text:
            raise self.fail(node.line, f"the part '{name}' follows the key by its 'pattern', and has none")
        config, default = (self.text(own.get(key), key) for key in ("config", "default"))
        return Part(name, text, tuple(filter(None, rules)), config=config, default=default, **flags)

    def asking(self, node: Node | None, parts: tuple[Part, ...], read: Asking) -> str:
        """A `verify` or `revoke`, checked, as JSON; "" for none."""
        data = read(node, [part.name for part in parts], self.fail) if node is not None else None
        return json.dumps(data, separators=(",", ":")) if data is not None else ""

    def severities(self, node: Node | None) -> dict[str, Severity]:
        return {environment: self.severity(item) for environment, item in self.mapping(node, "severities").items()}

    def severity(self, node: Node) -> Severity:
        try:
            return Severity(node.value)
        except ValueError:
            raise self.fail(node.line, f"a severity is one of: {', '.join(Severity)}") from None

    def confidence(self, node: Node) -> Confidence:
        try:
            return Confidence(node.value)
        except ValueError:
            raise self.fail(node.line, f"a confidence is one of: {', '.join(Confidence)}") from None

    def examples(self, node: Node, what: str) -> tuple[Example, ...]:
        if not isinstance(node.value, list) or not node.value:
            raise self.fail(node.line, f"'{what}' must be a list with at least one text")
        found: list[Example] = []
        for item in node.value:
            if isinstance(item.value, dict):
                parts = self.keys(item, {"path": True, "text": True}, f"an entry of '{what}'")
                found.append(Example(self.text(parts["text"], "text"), self.text(parts["path"], "path")))
            else:
                found.append(Example(self.text(item, "text")))
        return tuple(found)


def read_rules(text: bytes, file: str) -> list[Rule]:
    """The rules of one file's text. Raises RuleError with file, line, rule id and reason."""
    return _Reader(file).rules(text)
