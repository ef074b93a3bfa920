"""Content made to be slow: what is tried grows with its size, not with its square. Steps are counted, not timed."""

from __future__ import annotations

from collections import Counter

import pytest

from scanner import naming
from scanner.matcher import Matcher
from scanner.models import Chunk, Origin
from scanner.probe import Probe, Windows
from scanner.rule import RuleSet

REPEATED = {
    "one letter": b"A",
    "keyword of a rule with wide places": b"sk-aT3BlbkFJ",
    "header": b"x-api-key: ",
    "connection string": b"user=ab;password=",
    "word of a context": b"password=",
    "assignments on one line": b"token: aB1aB1aB1aB1aB1 ",
    "armour": b"AGE-SECRET-KEY-1",
    "base64 of text": b"cGFzc3dvcmQg",
    "escapes": b"%41",
    "backslashes": b"secret\\\n",
}
SIZE = 24_000


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often a pattern of wide places is tried, and how often a name is looked for."""
    counted: Counter[str] = Counter()
    try_at, assigned_name = Probe.try_at, naming.assigned_name

    def counting_tries(probe: Probe, data: bytes, start: int) -> object:
        counted[probe.rule.id] += 1
        return try_at(probe, data, start)

    def counting_names(data: bytes, start: int) -> bytes | None:
        counted["names"] += 1
        return assigned_name(data, start)

    monkeypatch.setattr(Probe, "try_at", counting_tries)
    monkeypatch.setattr(naming, "assigned_name", counting_names)
    return counted


@pytest.mark.parametrize("text", REPEATED.values(), ids=REPEATED.keys())
def test_what_is_tried_grows_with_the_size(text: bytes, steps: Counter[str], rules: RuleSet) -> None:
    matcher = Matcher(rules)
    told = []
    for copies in (1, 2):
        data = text * (copies * SIZE // len(text))
        list(matcher.find(Chunk(data, Origin("t.txt"))))
        names = steps.pop("names", 0)
        told.append((max(steps.values(), default=0), names))
        assert max(told[-1]) <= 6 * len(data), (told, steps.most_common(3))  # to find, and to mask what is shown
        steps.clear()
    assert all(second <= 2.3 * first + 100 for first, second in zip(*told, strict=True)), told


def test_what_was_found_near_is_forgotten_in_time(rules: RuleSet) -> None:
    probe = Probe(rules.get("url-query-token"))
    keyword = next(one for one in probe.rule.keywords if one.text == "token=")
    known: Windows = {}
    data = b"?token=" + b"a" * 500_000
    for at in range(1, len(data) - 8, 60):
        list(probe.attempts(data, keyword, at, known))
    assert len(known) <= 2048
