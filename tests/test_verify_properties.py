"""What holds for every reply of a server: no key gets out, and no failure makes a status better."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scanner.exchange import Reply
from scanner.fakes import KeyMaker
from scanner.models import Finding, ScanResult
from scanner.policy import Policy, decide
from scanner.reports import FORMATS, Options, render
from scanner.rule import RuleSet
from scanner.verdicts import ACTIVE, INACTIVE, REASONS
from scanner.verify_limits import Clock, Lane, Limit, asked_to_wait, backoff
from scanner.verify_replies import first_that_fits
from scanner.verify_template import UnaskableError, body, data, header, host, path
from tests.made_findings import QuickFingerprints
from tests.provider_docs import PROVIDERS
from tests.simulator import Answer, Asked, Simulator, simulator
from tests.verifying import FlyingClock, asking, finding_of, settings_for


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """One server for two providers, and one host that no key should reach."""
    names = [PROVIDERS["logtalk"][0], PROVIDERS["sendgrid"][0], "elsewhere.example"]
    with simulator(names, tmp_path_factory.mktemp("sim")) as made:
        yield made


trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["INVALID_API_KEY", "KEY", "x", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["error", "code", "success", "data", "scopes", "errors", "message"]), inner, max_size=3
    ),
    max_leaves=8,
)  # fmt: skip
header_names = st.sampled_from(["Location", "Retry-After", "WWW-Authenticate", "Set-Cookie", "Content-Type", "X-Key"])
header_values = st.sampled_from(["https://elsewhere.example/KEY", "KEY", "application/json", "text/html", "0", "x"])


@st.composite
def answers(draw: st.DrawFn) -> Mapping[str, Any]:
    """Some reply; `KEY` stands for the key that was sent."""
    return {
        "status": draw(st.sampled_from([200, 201, 204, 301, 302, 307, 400, 401, 403, 404, 407, 429, 500, 503])),
        "body": draw(trees.map(json.dumps) | st.text(max_size=30) | st.just("KEY")),
        "headers": draw(st.dictionaries(header_names, header_values, max_size=4)),
    }


def _as_answer(told: Mapping[str, Any], asked: Asked) -> Answer:
    key = asked.bearer
    headers = {name: value.replace("KEY", key) for name, value in told["headers"].items()}
    content = told["body"].replace("KEY", key).encode()
    return Answer(told["status"], body=b"" if told["status"] == 204 else content, headers=headers)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=answers(), provider=st.sampled_from(["logtalk", "sendgrid"]), seed=st.integers(0, 2**32))
def test_no_reply_brings_a_key_anywhere(
    told: Mapping[str, Any], provider: str, seed: int, sim: Simulator, rules: RuleSet
) -> None:
    rule = rules.get({"logtalk": "logtalk-api-key", "sendgrid": "sendgrid-api-key"}[provider])
    fake = KeyMaker(rule, random.Random(seed)).make()
    sim.asked.clear()
    name = PROVIDERS[provider][0]
    sim.answers = {name: lambda asked: _as_answer(told, asked), "elsewhere.example": lambda asked: Answer(200, {})}
    with asking(sim, rules, settings_for(sim, provider)) as verifier:
        findings = verifier.finish([finding_of(rule, fake)])
        shown = repr((verifier, findings, verifier.plan(findings)))
    assert sim.hosts_asked() == {name}
    assert findings[0].validity.reason in REASONS[findings[0].validity.status]
    assert findings[0].validity.status != ACTIVE, "a random key was answered the same"
    assert fake.secret.decode() not in shown + "".join(_reports(findings, rules))


def _reports(findings: tuple[Finding, ...], rules: RuleSet) -> Iterator[str]:
    decision = decide(ScanResult(findings), Policy(), today=date(2027, 1, 1))
    for name in FORMATS:
        yield render(name, decision, rules, Options(QuickFingerprints(), verbosity=1))


@given(
    reply=st.builds(Reply, st.sampled_from([200, 401, 403, 404]), st.just({"content-type": "application/json"}),
                    trees.map(lambda tree: json.dumps(tree).encode())),
    cut=st.integers(0, 60),
    rule_id=st.sampled_from(["logtalk-api-key", "sendgrid-api-key", "sk-api-key", "npm-access-token"]),
)  # fmt: skip
def test_a_broken_reply_is_never_worth_more_than_a_whole_one(
    reply: Reply, cut: int, rule_id: str, rules: RuleSet
) -> None:
    """Cut, in another encoding, of another type: active and inactive stay what they were, or become unknown."""
    described = (rules.get(rule_id).verify or {})["replies"]
    whole = first_that_fits(described, reply)
    broken = [
        Reply(reply.status, reply.headers, reply.body[:cut], whole=False),
        Reply(reply.status, reply.headers, b"", whole=False),
        Reply(reply.status, {}, b"<html>"),
        Reply(reply.status, {"content-type": "text/html"}, reply.body),
    ]
    for one in broken:
        found = first_that_fits(described, one)
        if found is not None and found.outcome in (ACTIVE, INACTIVE):
            assert whole is not None
            assert found == whole


# --- places ---

values = st.text(min_size=1, max_size=40)


@given(values)
def test_a_value_stays_in_its_segment(value: str) -> None:
    try:
        filled = path("/a/{x}/b?c={x}", {"x": value})
    except UnaskableError:
        assert value.strip(".") == ""
        return
    first, _, rest = filled.removeprefix("/a/").partition("/b?c=")
    assert first == rest
    assert set(first) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~%")


@given(values)
def test_a_value_stays_in_its_header(value: str) -> None:
    try:
        filled = header("Bearer {x}", {"x": value})
    except UnaskableError as error:
        assert value not in str(error) or len(value) < 3
        return
    assert filled == f"Bearer {value}"
    assert filled.isascii()
    assert filled.isprintable()


@given(values)
def test_a_value_stays_in_its_host(value: str) -> None:
    try:
        filled = host("{x}.api.acme.net", {"x": value})
    except UnaskableError:
        return
    assert filled.endswith(".api.acme.net")
    assert set(filled) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-")


@given(values)
def test_a_value_stays_a_text_in_json(value: str) -> None:
    assert json.loads(json.dumps(data({"a": ["{x}", 1, True]}, {"x": value}))) == {"a": [value, 1, True]}


@given(values)
def test_a_value_means_nothing_in_a_body(value: str) -> None:
    try:
        filled = body("<k>{x}</k>", {"x": value})
    except UnaskableError:
        return
    assert not set(filled.removeprefix("<k>").removesuffix("</k>")) & set("<>&\"'{}()[];,\\ \r\n")


# --- manners ---


@given(st.integers(1, 400), st.integers(1, 40), st.lists(st.floats(0, 30), max_size=300), st.randoms())
def test_no_minute_sees_more_than_the_limit(
    per_minute: int, at_once: int, gaps: list[float], rng: random.Random
) -> None:
    clock = FlyingClock()
    lane = Lane(Limit(per_minute, at_once), clock)
    moments = []
    for gap in [*gaps, *[0.0] * (per_minute + 5)]:
        clock.sleep(gap * rng.random())
        clock.sleep(lane.take())
        moments.append(clock.now())
    first = 0
    for number, moment in enumerate(moments):
        while moments[first] <= moment - 60 + 1e-6:
            first += 1
        assert number - first + 1 <= per_minute


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("7", 7), ("0", 0), ("1.5", 1.5), ("999999", 3600), ("Wed, 21 Oct 2015 07:28:30 GMT", 30),
        ("Wed, 21 Oct 2015 07:27:00 GMT", 0), ("", None), ("soon", None), ("-5", None), ("nan", None), ("1e9", None),
        ("٣", None), ("9" * 400, None), ("Wed, 99 Oct 99999 07:28:30 GMT", None),
    ],
)  # fmt: skip
def test_how_long_a_server_wants_us_to_wait(told: str, seconds: float | None) -> None:
    assert asked_to_wait({"retry-after": told}, 1445412480.0) == seconds


@given(st.text(max_size=60))
def test_whatever_a_server_says_about_waiting(told: str) -> None:
    wait = asked_to_wait({"retry-after": told}, 1.8e9)
    assert wait is None or 0 <= wait <= 3600


@given(st.integers(1, 100), st.randoms())
def test_waiting_grows_and_has_an_end(attempt: int, rng: random.Random) -> None:
    longest = min(30.0, 2.0 ** (attempt - 1))
    assert longest / 2 <= backoff(attempt, rng) <= longest


def test_a_stopped_clock_wakes_everybody() -> None:
    clock = Clock()
    assert clock.sleep(0)
    clock.stop()
    assert not clock.sleep(3600)
