"""The tables of docs/verify.md: providers, made of the rules, and reasons.

`python tests/verify_table.py` writes them anew.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from scanner.rule import Rule, RuleSet, load_rules
from scanner.verdicts import REASONS

DOCS = Path(__file__).parent.parent / "docs" / "verify.md"
_TABLE = re.compile(r"(?s)(?<=<!-- table of providers -->\n)(.*?)(?=<!-- end of the table -->)")
_REASONS = re.compile(r"(?s)(?<=<!-- table of reasons -->\n)(.*?)(?=<!-- end of the reasons -->)")
_HEAD = (
    "| provider | keys of rules | asked | the key stands in | also needs | at most | documented | confirmed |\n"
    "|---|---|---|---|---|---|---|---|\n"
)


def table(rules: RuleSet) -> str:
    """A row for each different check of a provider, by the provider's name."""
    checks: dict[tuple[str, str, str], list[Rule]] = {}
    for rule in rules:
        if rule.verify_data:
            checks.setdefault((rule.provider_name.lower(), rule.provider, rule.verify_data), []).append(rule)
    return _HEAD + "".join(f"{_row(found)}\n" for _, found in sorted(checks.items(), key=lambda item: item[0]))


def _row(rules: list[Rule]) -> str:
    first, data = rules[0], json.loads(rules[0].verify_data)
    needed = [part.config or part.name for part in first.parts]
    cells = (
        first.provider_name,
        ", ".join(f"`{rule.id}`" for rule in rules),
        "<br>".join(_asked(data)),
        ", ".join(_places(data)),
        ", ".join(f"`{name}`" for name in needed),
        ", ".join(_limits(data.get("limit", {}))),
        " ".join(f"[{number}]({link})" for number, link in enumerate(data.get("references", ()), start=1)),
        data.get("confirmed", ""),
    )
    return f"| {' | '.join(cells)} |"


def _asked(data: Mapping[str, Any]) -> Iterator[str]:
    if "handler" in data:
        yield f"`{data['handler']}` (in Python)"
        return
    url = data["url"]
    for one in dict.fromkeys([url] if isinstance(url, str) else url.values()):
        yield f"`{data.get('method', 'GET')} {one}`"


def _places(data: Mapping[str, Any]) -> Iterator[str]:
    """Where of a request something of the key is."""
    secret = re.compile(r"\{(?:key|secret)\}")
    if secret.search(json.dumps(data.get("url", ""))):
        yield "the address"
    yield from (f"`{name}`" for name, text in data.get("headers", {}).items() if secret.search(text))
    if secret.search(json.dumps(data.get("basic", []))):
        yield "`Authorization` (basic)"
    yield from ("the body" for kind in ("json", "form", "body") if secret.search(json.dumps(data.get(kind, ""))))


def _limits(limit: Mapping[str, int]) -> Iterator[str]:
    if "per_minute" in limit:
        yield f"{limit['per_minute']} a minute"
    if "at_once" in limit:
        yield f"{limit['at_once']} at once"


def reasons() -> str:
    """A row for each reason."""
    rows = (
        f"| `{status}` | `{reason}` | {text} |\n" for status, known in REASONS.items() for reason, text in known.items()
    )
    return "| status | reason | what it means |\n|---|---|---|\n" + "".join(rows)


def documented() -> tuple[str, str]:
    """The tables as they stand in the page: providers, reasons."""
    page = DOCS.read_text(encoding="utf-8")
    providers, told = _TABLE.search(page), _REASONS.search(page)
    return providers[0] if providers else "", told[0] if told else ""


def main() -> None:
    """Writes the tables into the page."""
    providers, told = table(load_rules()), reasons()
    page = _TABLE.sub(lambda _: providers, DOCS.read_text(encoding="utf-8"))
    DOCS.write_text(_REASONS.sub(lambda _: told, page), encoding="utf-8")


if __name__ == "__main__":
    main()
