"""The page on revocation says what the rules and the code say."""

from __future__ import annotations

import re

from scanner.rule import RuleSet
from tests.revoke_table import DOCS, documented, table

PAGE = DOCS.read_text(encoding="utf-8")


def test_the_table_is_made_of_the_rules(rules: RuleSet) -> None:
    assert documented() == table(rules), "python tests/revoke_table.py writes the table anew"


def test_every_way_names_its_document(rules: RuleSet) -> None:
    silent = [rule.id for rule in rules if rule.revoke and not rule.revoke.get("references")]
    assert silent == []


def test_the_events_of_the_log_are_those_of_the_page() -> None:
    assert set(re.findall(r"^\| `(begin|said|checked)` \|", PAGE, re.MULTILINE)) == {"begin", "said", "checked"}
