"""What the catalogue costs, counted and not timed: how often rules are tried on content that holds no keys."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from scanner.matcher import Matcher
from scanner.rule import RuleSet

HERE = Path(__file__).resolve().parent.parent
CONTENT = tuple(
    (path.relative_to(HERE).as_posix(), path.read_bytes())
    for pattern in ("scanner/**/*.py", "tests/*.py", "docs/*.md")
    for path in sorted(HERE.glob(pattern))
)
PER_MEGABYTE = 12_000
"""So often, over all rules, something is tried in a megabyte of text that speaks of keys all the time."""

COMMON = {"generic": 0.35, "url": 0.15, "http": 0.1, "airtable": 0.12, "discord": 0.1}
"""Rules that know no provider look at common words, and so do two of keys with a shape, but no prefix; these are the
shares of all tries that they may have."""

SHARE = 0.05
"""And so much the rules of one provider may have: whoever needs more has too common a keyword."""


@pytest.fixture(scope="module")
def tries(matcher: Matcher) -> Counter[str]:
    """How often the rules of each file have to be tried, keyword by keyword."""
    counted: Counter[str] = Counter()
    for path, data in CONTENT:
        counted.update(probe.rule.provider for probe, _, _ in matcher.places(data, 0, len(data), path=path))
    return counted


def test_a_megabyte_of_text_costs_few_tries(tries: Counter[str]) -> None:
    megabytes = sum(len(data) for _, data in CONTENT) / 1e6
    assert megabytes > 1
    assert tries.total() / megabytes < PER_MEGABYTE


def test_no_rule_file_has_more_than_its_share(tries: Counter[str], rules: RuleSet) -> None:
    """So none comes near to doubling the cost of all others together."""
    assert COMMON.keys() <= {rule.provider for rule in rules}
    dear = {name: count / tries.total() for name, count in tries.items()}
    assert {name: share for name, share in dear.items() if share > COMMON.get(name, SHARE)} == {}
    assert max(dear.values()) < 0.5
