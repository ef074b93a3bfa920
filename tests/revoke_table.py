"""The table of docs/revoke.md: how keys are ended, made of the rules.

`python tests/revoke_table.py` writes it anew.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scanner.rule import Rule, RuleSet, load_rules

DOCS = Path(__file__).parent.parent / "docs" / "revoke.md"
_TABLE = re.compile(r"(?s)(?<=<!-- table of endings -->\n)(.*?)(?=<!-- end of the endings -->)")
_HOW = {"report": "reported", "self": "by itself", "owner": "owner's key", "page": "by a person"}


def table(rules: RuleSet) -> str:
    """A row for each different way of a provider's, by the provider's name."""
    ways: dict[tuple[str, str, str], list[Rule]] = {}
    for rule in rules:
        if rule.revoke_data:
            ways.setdefault((rule.provider_name.lower(), rule.provider, rule.revoke_data), []).append(rule)
    rows = (f"{_row(found)}\n" for _, found in sorted(ways.items(), key=lambda item: item[0]))
    return "| provider | keys of rules | how | what ends them | documented |\n|---|---|---|---|---|\n" + "".join(rows)


def _row(rules: list[Rule]) -> str:
    first, data = rules[0], json.loads(rules[0].revoke_data)
    cells = (
        first.provider_name,
        ", ".join(f"`{rule.id}`" for rule in rules),
        _HOW[data["how"]],
        _asked(data),
        " ".join(f"[{number}]({link})" if link.startswith("https://") else link
                 for number, link in enumerate(data.get("references", ()), start=1)),
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _asked(data: Mapping[str, Any]) -> str:
    if data["how"] == "page":
        return f"<{data['url']}>"
    steps = [data["list"], data["delete"]] if data["how"] == "owner" else [data]
    told = "<br>".join(f"`{step.get('method', 'GET')} {step['url']}`" for step in steps)
    return f"{told}; a new key takes its place" if data.get("successor") else told


def documented() -> str:
    """The table as it stands in the page."""
    found = _TABLE.search(DOCS.read_text(encoding="utf-8"))
    return found[0] if found else ""


def main() -> None:
    """Writes the table into the page."""
    made = table(load_rules())
    DOCS.write_text(_TABLE.sub(lambda _: made, DOCS.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
