"""What the pages say of rules and their providers, as plain values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from scanner.rule import Rule
from scanner.rule_docs.looks import forms as _forms
from scanner.rule_docs.looks import secret_words

_VERDICTS = {"active": "it works", "inactive": "it is dead", "unknown": "not known"}


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider, and its rules in the order of their ids."""

    id: str
    name: str
    url: str
    rules: tuple[Rule, ...]

    @property
    def checked(self) -> int:
        """How many of its formats can be asked about."""
        return sum(rule.verify is not None for rule in self.rules)

    @property
    def ended(self) -> int:
        """How many of its formats `keysweep revoke` can end, or help to."""
        return sum(rule.revoke is not None for rule in self.rules)


def providers(rules: Iterable[Rule]) -> list[Provider]:
    """The providers of the rules, by name."""
    of: dict[str, list[Rule]] = {}
    for rule in rules:
        of.setdefault(rule.provider, []).append(rule)
    found = [
        Provider(name, own[0].provider_name, own[0].url, tuple(sorted(own, key=lambda rule: rule.id)))
        for name, own in of.items()
    ]
    return sorted(found, key=lambda one: (one.name.casefold(), one.id))


def forms(rule: Rule) -> list[str]:
    """The key as reports show it, masked, in each of its forms."""
    return _forms(rule)


def looks(rule: Rule) -> str:
    """How a key looks, in words around its public part (which stands between backquotes)."""
    shown = forms(rule)
    words = secret_words(rule)
    mask = " or ".join(f"`{text}`" for text in shown)
    return f"{mask}, the secret part {words}"


def environments(rule: Rule) -> str:
    """Whether live and test keys can be told apart."""
    names = rule.environment_names
    if not names:
        return "cannot be told"
    return f"{' and '.join(names)} {'are told apart' if len(names) > 1 else 'keys only'}"


def severity(rule: Rule) -> str:
    """The severity, and that of other environments where it differs."""
    others = [f"{name}: {value}" for name, value in (rule.severities or {}).items() if value != rule.severity]
    return f"{rule.severity}{f' ({chr(44).join(others)})' if others else ''}"


def found_by(rule: Rule) -> str:
    """What a scan goes by."""
    words = list(dict.fromkeys(f"`{keyword.text.strip()}`" for keyword in rule.keywords if keyword.text.strip()))
    some = ", ".join(words[:8]) + (f" and {len(words) - 8} more" if len(words) > 8 else "")
    if rule.whole:
        where = "the whole of a small file"
    elif rule.context:
        where = f"a value assigned near one of the words {some}"
    else:
        where = f"its own format, with {some}" if some else "its own format"
    files = ", ".join(f"`{glob}`" for glob in rule.files)
    return f"{where}{f'; in {files} only' if files else ''}"


def checked(rule: Rule) -> str:
    """How the provider is asked whether a key works."""
    verify = rule.verify
    if verify is None:
        return "not: nobody is asked about keys of this kind"
    if "handler" in verify:
        return f"by a check of its own, `{verify['handler']}`"
    urls = verify["url"]
    targets = list(urls.values()) if isinstance(urls, Mapping) else [urls]
    return f"{' or '.join(_request(verify, target) for target in dict.fromkeys(targets))}; {_replies(verify)}"


def _request(asked: Mapping[str, Any], url: str) -> str:
    return f"`{asked.get('method', 'GET')} {url}`"


def _replies(verify: Mapping[str, Any]) -> str:
    said: dict[str, None] = {}
    for reply in verify.get("replies", ()):
        status = reply.get("status")
        numbers = "/".join(map(str, status)) if isinstance(status, list) else str(status or "any status")
        said[f"{numbers}: {_VERDICTS.get(reply['is'], reply['is'])} ({reply.get('reason', '')})"] = None
    return ", ".join(said)


def ended(rule: Rule) -> str:
    """How a key is ended."""
    revoke = rule.revoke
    if revoke is None:
        return "by a person, see below"
    how = revoke["how"]
    if how == "page":
        steps = "; ".join(step.rstrip(".") for step in revoke.get("steps", ()))
        return f"by a person at {revoke['url']}{f': {steps}' if steps else ''}"
    if how == "owner":
        return "by another key of its owner, which `keysweep revoke` asks for"
    way = "it is reported to who issued it" if how == "report" else "it ends itself"
    return f"{way}, by `keysweep revoke`: {_request({'method': 'POST', **revoke}, str(revoke['url']))}"


def needs(rule: Rule) -> str:
    """The other values that a key needs; "" for none."""
    return ", ".join(f"`{part.name}`" for part in rule.parts)


__all__ = [
    "Provider", "checked", "ended", "environments", "forms", "found_by", "looks", "needs", "providers", "severity",
]  # fmt: skip
