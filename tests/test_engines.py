"""Both engines are one: the same places, the same findings, whatever the content; and a cache that cannot hurt."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.errors import UsageError
from scanner.matcher import Matcher
from scanner.models import Chunk, Origin
from scanner.prefilter import choice
from scanner.prefilter.aho import AhoPrefilter
from scanner.prefilter.vectorscan import VectorscanPrefilter
from scanner.proof import prove
from scanner.rule import RuleSet, load_rules
from tests.test_matcher import found, texts

RULES = load_rules()
AHO, VECTORSCAN = Matcher(RULES, "aho"), Matcher(RULES, "vectorscan")

words = st.lists(st.binary(min_size=1, max_size=6), min_size=1, max_size=12, unique_by=lambda word: word.lower())


@settings(max_examples=200, deadline=None)
@given(words, st.binary(max_size=400), st.data())
def test_both_find_every_keyword_at_the_same_places(keywords: list[bytes], noise: bytes, data: st.DataObject) -> None:
    parts = data.draw(st.lists(st.sampled_from([*keywords, noise[:9]]), max_size=20))
    text = noise.join([b"", *parts]) + b"".join(parts).upper()
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    lowered = [keyword.lower() for keyword in keywords]
    expected = {
        (number, at)
        for number, keyword in enumerate(lowered)
        for at in range(start, end - len(keyword) + 1)
        if text[at : at + len(keyword)].lower() == keyword
    }
    assert set(AhoPrefilter(lowered).hits(text, start, end)) == expected
    assert set(VectorscanPrefilter(lowered).hits(text, start, end)) == expected


@settings(max_examples=150, deadline=None)
@given(texts(), st.data())
def test_both_give_the_same_findings(made: tuple[bytes, list[object]], data: st.DataObject) -> None:
    text, _ = made
    start = data.draw(st.integers(0, len(text)))
    chunk = Chunk(text, Origin("t"), start, data.draw(st.integers(start, len(text))))
    assert found(AHO, chunk) == found(VECTORSCAN, chunk)


@pytest.mark.parametrize("matcher", [AHO, VECTORSCAN], ids=["aho", "vectorscan"])
def test_every_rule_proves_itself_with_both(matcher: Matcher) -> None:
    problems = [str(problem) for rule in RULES for problem in prove(rule, matcher, 1)]
    assert not problems


def test_auto_changes_to_the_fast_one_and_finds_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "ENOUGH", 100)
    prefilter = choice.prefilter([b"needle"], "auto")
    for _ in range(5):
        assert list(prefilter.hits(b"x" * 60 + b"NEEDLE", 0, 66)) == [(0, 60)]
    assert isinstance(prefilter._inner, VectorscanPrefilter)  # type: ignore[attr-defined]


def test_without_the_wheel_all_still_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scanner.prefilter.vectorscan", None)
    monkeypatch.setattr(choice, "ENOUGH", 10)
    prefilter = choice.prefilter([b"needle"], "auto")
    assert [list(prefilter.hits(b"a needle", 0, 8)) for _ in range(3)] == [[(0, 2)]] * 3
    with pytest.raises(UsageError, match="pip install hyperscan"):
        choice.prefilter([b"needle"], "vectorscan")


@pytest.mark.parametrize("damage", [b"", b"x" * 40, None], ids=["empty", "foreign", "cut"])
def test_a_damaged_database_is_compiled_anew(own_cache: Path, damage: bytes | None) -> None:
    keywords = [b"haystack", b"needle"]
    VectorscanPrefilter(keywords)
    stored = sorted(own_cache.glob("vectorscan-*.db"))
    assert stored
    for file in stored:
        file.write_bytes(file.read_bytes()[:-9] if damage is None else damage)
    assert list(VectorscanPrefilter(keywords).hits(b"a needle", 0, 8)) == [(1, 2)]


def test_a_database_from_the_cache_works(own_cache: Path) -> None:
    keywords = [b"second", b"first"]
    first, second = VectorscanPrefilter(keywords), VectorscanPrefilter(keywords)
    assert list(first.hits(b"first", 0, 5)) == list(second.hits(b"first", 0, 5)) == [(1, 0)]


def test_parallel_starts_share_one_cache(tmp_path: Path) -> None:
    code = (
        "from scanner.prefilter.vectorscan import VectorscanPrefilter as V\n"
        "print(list(V([b'needle%d' % i for i in range(300)]).hits(b'a needle7', 0, 9)))"
    )
    env = {"KEYSWEEP_CACHE_DIR": str(tmp_path), "PATH": "", "PYTHONPATH": str(Path(__file__).parents[1])}
    runs = [subprocess.Popen([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE) for _ in range(6)]
    assert {run.communicate()[0] for run in runs} == {b"[(7, 2)]\n"}
    assert [file.suffix for file in tmp_path.iterdir()] == [".db"]


def test_a_cache_folder_others_can_write_to_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o777)
    monkeypatch.setenv("KEYSWEEP_CACHE_DIR", str(tmp_path))
    assert list(VectorscanPrefilter([b"open"]).hits(b"open", 0, 4)) == [(0, 0)]
    assert list(load_rules()) == list(RULES)
    assert not list(tmp_path.iterdir())


def test_rules_that_select_nothing_still_scan(rules: RuleSet) -> None:
    assert list(Matcher(RuleSet([])).find(Chunk(b"anything", Origin("t")))) == []
