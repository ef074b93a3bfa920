"""The shortcuts of masking (which words are worth a look, which verdicts are remembered) change nothing of what comes
out: lines are masked as if every keyword on them were looked at closely."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scanner.fakes import Fake, KeyMaker
from scanner.look import Look
from scanner.masker import Masker
from scanner.naming import assigned_name
from scanner.own_keys import Key, OwnKeys, in_order
from scanner.probe import Probe
from scanner.rule import RuleSet
from scanner.stretch import Stretches
from scanner.worth import BROAD, Sight, Worth

NewKey = Callable[..., Fake]

WORDS = (
    b"token secret password api_key authorization Bearer key=value user: session path /api/v1/users/1234 value: name: "
    b"default content env let data { } [ ] ( ) , ; \" ' ` => -> := \\n %3D = == : > < <password> </password> token: "
    b"--password --token X-Api-Key Password secret_key: String str= password:String Option<String> | >- - ** $ ${X} "
    b"\x1b[0m \x1b[31m password=\x1b[1m https://a.example.io/?token= u:p@ ... **** <%= %( \xc3\xa9 \xff"
).split(b" ")
ENDS = [b"\n", b"\n", b"\n", b"\r\n", b" ", b"\\\n", b"", b"\n  "]


class Thorough(Stretches):
    """Looks at every keyword closely."""

    def look(self, data: bytes, start: int, end: int, *, colours: bool = True) -> Look:
        seen = super().look(data, start, end, colours=colours)
        rest = [(at, number) for number, at in self._prefilter(data, start, end) if self._rest[number]]
        return Look(seen.keys, sorted(rest), seen.signs)


@pytest.fixture(scope="module")
def quick(rules: RuleSet) -> Stretches:
    return Stretches(rules, "bulk")


@pytest.fixture(scope="module")
def thorough(rules: RuleSet) -> Stretches:
    return Thorough(rules, "bulk")


@pytest.fixture(scope="module")
def coloured(rules: RuleSet) -> Stretches:
    return Coloured(rules, "bulk")


def masked(stretches: Stretches, data: bytes) -> bytes:
    masker = Masker(stretches=stretches)
    return masker.feed(data) + masker.flush()


@st.composite
def lines(draw: st.DrawFn, shipped: RuleSet) -> bytes:
    """Lines in which keys stand where they are known, where they are not, and beside words that tell of one."""
    rules = [rule for rule in shipped if not rule.whole]
    values = [rule for rule in rules if rule.provider == BROAD]
    rng = random.Random(draw(st.integers(0, 2**32)))
    parts = []
    for _ in range(draw(st.integers(1, 5))):
        rule = draw(st.sampled_from(rules))
        words = [draw(st.sampled_from(WORDS)) for _ in range(draw(st.integers(0, 8)))]
        kind = draw(st.sampled_from(["example", "key", "value", "words"]))
        if kind == "example":
            parts.append(KeyMaker(rule, rng).render(draw(st.sampled_from(rule.examples)))[0])
        elif kind != "words":
            made = KeyMaker(rule if kind == "key" else draw(st.sampled_from(values)), rng).make().key
            words.insert(draw(st.integers(0, len(words))), made)
        parts += [draw(st.sampled_from([b" ", b""])).join(words), draw(st.sampled_from(ENDS))]
    return b"".join(parts)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_words_that_are_not_looked_at_closely_hide_nothing(
    data: st.DataObject, rules: RuleSet, quick: Stretches, thorough: Stretches
) -> None:
    text = data.draw(lines(rules))
    assert masked(quick, text) == masked(thorough, text)


CODES = [b"\x1b[31m", b"\x1b[0m", b"\x1b[1;32m", b"\x1b]8;;x\x07", b"\x1b[K", b"\x1b"]


class Coloured(Stretches):
    """Looks at every line closely in which there is a colour."""

    def look(self, data: bytes, start: int, end: int, *, colours: bool = True) -> Look:
        seen = super().look(data, start, end, colours=False)
        found = [start + at.start() for at in re.finditer(b"\x1b", data[start:end])] if colours else []
        return Look(seen.keys, seen.events, sorted([*seen.signs, *found]))


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_coloured_lines_that_are_not_looked_at_closely_hide_nothing(
    data: st.DataObject, rules: RuleSet, quick: Stretches, coloured: Stretches
) -> None:
    text = data.draw(lines(rules))
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + data.draw(st.sampled_from(CODES)) + text[at:]
    assert masked(quick, text) == masked(coloured, text)


NAMES = [
    "token", "API_TOKEN", "apiKey", "x-api-key", "db.password", "--password", "pat", "GH_PAT", "my-pat", "api",
    "APP_SK", "Authorization", "cookie", "sessionId2", "jwt", "connection_string", "licenceKey", "dsn", "creds",
]  # fmt: skip
GIVEN = [
    "{0}={1}", "{0} = {1}", '{0}: "{1}"', '"{0}": "{1}"', "'{0}' => '{1}'", "{0} := {1}", '("{0}", "{1}")', "{0}({1})",
    "<{0}>{1}</{0}>", '<string name="{0}">{1}</string>', "--{0} {1}", "{0}: String = {1}", "{0}: &'static str = {1}",
    'name: {0}\n  value: "{1}"', 'name="{0}" value="{1}"', "{0}: Bearer {1}", '{0}:\n  "{1}"', "{0}: >-\n    {1}",
    "{0} ?= b'{1}'", '{0} = String::from("{1}")', "${0}->{1}", "{0}=\\\"{1}\\\"",
    'setx {0} {1}', '{0}=f"{1}"', "{0} ||= {1}", "\t{0}:     {1}",
]  # fmt: skip


@pytest.mark.parametrize("form", GIVEN)
def test_a_value_that_is_given_to_a_name_is_worth_a_look(form: str, rules: RuleSet, new_key: NewKey) -> None:
    probe = Probe(rules.get("generic-secret"))
    keyword = probe.rule.keywords[0]
    worth = Worth(keyword.text.encode(), ((probe, keyword),), lambda rule: False)
    asked = 0
    for name in NAMES:
        value = new_key("generic-secret").key
        line = form.format(name, value.decode()).encode()
        text = b"one line\n" + keyword.text.encode() + b" " + line + b"\nnext line\nlast line\n"
        found = assigned_name(text, text.index(value))
        attempts = probe.attempts(text, keyword, text.index(b"\n") + 1, {})
        passes = any(next(probe.objections(text, one), None) is None for one in attempts)
        asked += passes
        assert worth(Sight(text, text, len(text)), text.index(b"\n") + 1) == passes, f"{name}: {found!r}"
    assert asked


def test_a_remembered_verdict_is_that_of_a_first_look(rules: RuleSet, quick: Stretches, new_key: NewKey) -> None:
    around = [(b"", b""), (b"x=", b" y"), (b"${", b"}"), (b"<", b">"), (b"key ", b"..."), (b"key ", b"ab********"),
              (b"\\n", b"\\n"), (b"%3D", b"%26"), (b"_", b""), (b"<%=", b""), (b"a", b""), (b"(", b")")]  # fmt: skip
    for rule_id in ("github-personal-access-token", "stripe-secret-key", "slack-bot-token", "twitch-stream-key"):
        key = new_key(rule_id).key
        owners = [own for own in quick._owners if any(probe.rule.id == rule_id for probe, _ in own)]
        for of_keyword in owners:
            remembers = OwnKeys(of_keyword)
            text = of_keyword[0][1].text.encode()
            if text not in key.lower():
                continue
            for before, behind in around * 2:
                data = b"say " + before + key + behind + b"\n"
                at = data.lower().index(text)
                found: list[list[Key]] = [[], []]
                for keys, way in zip(found, (remembers, OwnKeys(of_keyword)), strict=True):
                    way.find(data, at, len(data), keys)
                assert in_order(found[0]) == in_order(found[1]), f"{rule_id} {before!r} {behind!r}"


@pytest.mark.parametrize("rule_id", ["voyageai-api-key", "npm-legacy-token", "github-personal-access-token"])
def test_what_was_shown_of_a_held_line_is_not_shown_twice(rule_id: str, new_key: NewKey, quick: Stretches) -> None:
    text = b"curl -u ann:Authorization: Bearer " + new_key(rule_id).key + b"\r\nnext\n"
    for cut in range(len(text) - 9, len(text) - 4):
        masker, out = Masker(stretches=quick), []
        for piece in (text[:30], text[30:cut], text[cut:-5], text[-5:]):
            out += [masker.feed(piece), masker.settled()]
        assert b"".join([*out, masker.flush()]) == masked(quick, text)
