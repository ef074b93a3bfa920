"""Where keywords are looked for in a match: never anywhere else than they stand, and as narrowly as can be."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner import pattern
from scanner.rule import Rule, load_rules

WITH_PLACES = [rule for rule in load_rules() if not rule.context and not rule.whole]

TABLE: list[tuple[str, str, dict[bytes, list[tuple[int, int]]] | None]] = [
    ("fixed", "acme_[0-9]{4}", {b"acme_": [(0, 0)]}),
    ("case", "(?i:ACME)-[a-z]{4}", {b"acme-": [(0, 0)]}),
    ("optional", "(?:x-)?acme=[0-9]{4}", {b"acme=": [(0, 0), (2, 2)]}),
    ("behind a run", "[a-z]{3,9}_acme_[0-9]{4}", {b"_acme_": [(3, 9)]}),
    ("behind an optional run", "(?:x-[a-z]{0,30})?acme-[0-9]{4}", {b"acme-": [(0, 32)]}),
    ("alternatives", "[a-z]{0,20}(?:login|pin)=[0-9]{4}", {b"login": [(0, 20)], b"pin": [(0, 20)]}),
    ("alternatives of other lengths", "(?:[0-9]{9}KEY|[0-9]{4}x{3}KEY)[a-z]{4}", {b"key": [(7, 7), (9, 9)]}),
    ("a class inside", "acme_[12][0-9]{4}", {b"acme_1": [(0, 0)], b"acme_2": [(0, 0)]}),
    ("repeated", "(?:no[0-9]{2,5}){2,4}!", {b"no": [(0, 0)]}),
    ("repeated behind a run", "[0-9]{1,3}(?:[a-z]no){2,4}", {b"no": [(2, 4)]}),
    ("the narrower of two", "id[a-z]{2,90}acme_[0-9]{4}", {b"id": [(0, 0)], b"acme_": [(0, 0)]}),
    ("not in every alternative", "(?:acme|umbrella)_[0-9]{4}", None),
    ("only perhaps", "(?:acme)?[a-z]{8}", None),
]


@pytest.mark.parametrize(("text", "places"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_places_are_as_narrow_as_the_pattern_allows(text: str, places: dict[bytes, list[tuple[int, int]]]) -> None:
    keywords = [b"acme"] if places is None else list(places)
    assert pattern.keyword_places(pattern.parse(text), keywords) == places


@pytest.mark.parametrize("rule", WITH_PLACES, ids=lambda rule: rule.id)
def test_every_match_has_a_keyword_at_a_stored_place(rule: Rule) -> None:
    tree, rng = pattern.parse(rule.pattern), random.Random(rule.id)
    for spread in (0, 1, 4, 24, 60, 400) * 4:
        made = pattern.sample(tree, rng, spread=spread)
        assert any(_holds(made, *keyword) for keyword in rule.keywords)


pieces = st.recursive(
    st.sampled_from(["k", "ey", "_", "KEY_", "key", "key1", "[ab]", "[0-9]", "[a-z]", "[^k]", "x{2}", "[1-3]{0,2}"]),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map("".join),
        st.lists(inner, min_size=1, max_size=3).map(lambda some: f"(?:{'|'.join(some)})"),
        inner.map(lambda one: f"(?i:{one})"),
        st.tuples(inner, st.integers(0, 3), st.integers(0, 9)).map(
            lambda made: f"(?:{made[0]}){{{made[1]},{made[1] + made[2]}}}"
        ),
    ),
    max_leaves=12,
)


@settings(max_examples=400, deadline=None)
@given(pieces, st.integers(0, 2**32))
def test_whatever_the_pattern_what_is_promised_of_its_matches_holds(text: str, seed: int) -> None:
    tree, rng = pattern.parse(text), random.Random(seed)
    places = pattern.keyword_places(tree, [b"key", b"y_"]) or {}
    promised = [(keyword.decode(), *place) for keyword, spots in places.items() for place in spots]
    for spread in (0, 1, 3, 9) if promised else ():
        made = pattern.sample(tree, rng, spread=spread)
        assert any(_holds(made, *place) for place in promised), (made, promised)


def _holds(made: bytes, keyword: str, low: int, high: int) -> bool:
    return made.lower().find(keyword.encode(), low, high + len(keyword)) >= 0
