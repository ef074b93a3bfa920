"""The Markdown pages: one a provider, and an index of them by name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from scanner.reports.interface import count
from scanner.rule import Rule
from scanner.rule_docs import facts
from scanner.rule_docs.facts import Provider

MARK = "<!-- made by `keysweep rules docs`: what is changed here is lost -->"
"""The first line of every page that was made: such files may be replaced, and removed."""


def provider_page(provider: Provider) -> str:
    """All that is known of a provider's keys."""
    lines = [MARK, "", f"# {_plain(provider.name)}", ""]
    if provider.url:
        lines += [_link(provider.url), ""]
    lines += [f"{count(len(provider.rules), 'kind of key', 'kinds of keys')}: {_sums(provider)}.", ""]
    lines += ["| key | looks like | severity | confidence |", "|---|---|---|---|"]
    for rule in provider.rules:
        shown = " or ".join(_code(text) for text in facts.forms(rule))
        name = f"[{_plain(rule.name)}](#{rule.id})"
        lines.append(f"| {name} | {shown} | {facts.severity(rule)} | {rule.confidence} |")
    for rule in provider.rules:
        lines += ["", f'<a id="{rule.id}"></a>', "", f"## {_plain(rule.name)}", "", *_section(rule)]
    lines += ["", "[All providers](README.md)", ""]
    return "\n".join(lines)


def _sums(provider: Provider) -> str:
    checked, ended = provider.checked, provider.ended
    asked = f"{checked} can be checked with `--verify`" if checked else "none can be checked with `--verify`"
    return f"{asked}, {ended or 'none'} can be ended with `keysweep revoke`"


def _section(rule: Rule) -> Iterable[str]:
    yield f"`{rule.id}`. {_plain(rule.description)}"
    yield ""
    rows = [
        ("looks like", _words(facts.looks(rule))),
        ("live or test", facts.environments(rule)),
        ("severity", facts.severity(rule)),
        ("confidence", str(rule.confidence)),
        ("found by", _words(facts.found_by(rule))),
        ("needs", facts.needs(rule)),
        ("checked", _words(facts.checked(rule))),
        ("ended", _words(facts.ended(rule))),
        ("rotate", _link(rule.rotate)),
        ("references", " ".join(_link(link) for link in rule.references)),
    ]
    yield from (f"- **{name}**: {text}" for name, text in rows if text)


def index_page(found: Sequence[Provider]) -> str:
    """The providers by name, with how many kinds of keys each has."""
    rules = sum(len(one.rules) for one in found)
    checked, ended = (sum(number) for number in zip(*((one.checked, one.ended) for one in found), strict=True))
    lines = [
        MARK, "", "# Providers", "",
        f"{count(rules, 'kind of key', 'kinds of keys')} of {count(len(found), 'provider')}; {checked} can be checked, "
        f"{ended} can be ended. [Search them](index.html) in a browser.",
        "", "| provider | kinds of keys | checked | ended |", "|---|--:|--:|--:|",
    ]  # fmt: skip
    lines += [
        f"| [{_plain(one.name)}]({one.id}.md) | {len(one.rules)} | {one.checked or ''} | {one.ended or ''} |"
        for one in found
    ]
    return "\n".join([*lines, ""])


# --- Markdown ---

_SIGNS = re.compile(r"([\\`*_\[\]<>|#~])")


def _plain(text: str) -> str:
    """Text that means itself."""
    return _SIGNS.sub(r"\\\1", " ".join(text.split()))


def _code(text: str) -> str:
    """Text in a code span, also where it holds backquotes; bars of a table escaped."""
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{space}{text}{space}{fence}".replace("|", "\\|")


def _words(text: str) -> str:
    """Words with code spans in them: what stands between backquotes stays, the rest means itself."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else _plain_inline(part) for part in parts)


def _plain_inline(text: str) -> str:
    return re.sub(r"https://[^\s,;]+", lambda found: _link(found[0]), _SIGNS.sub(r"\\\1", text)) if text else ""


def _link(text: str) -> str:
    """A URL as a link; anything else as the words it is."""
    return f"<{text}>" if re.fullmatch(r"https://[^\s<>]+", text) else _plain(text)


__all__ = ["MARK", "index_page", "provider_page"]
