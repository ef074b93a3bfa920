"""The verifier: who is asked, how often, who is not, and what is kept."""

from __future__ import annotations

import base64
import json
import stat
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scanner.canaries import AWS_ACCOUNTS, aws_account, canary
from scanner.endings import endings_of
from scanner.fakes import Fake
from scanner.matcher import Matcher
from scanner.models import Chunk, Finding, Origin, Secret
from scanner.rule import RuleSet, load_rules
from scanner.verdict_cache import VerdictCache
from scanner.verifier import NotAsked, Verifier
from scanner.verify_settings import Override, VerifySettings
from tests.commands import WAIT
from tests.provider_docs import PROVIDERS
from tests.simulator import FIREWALL, Answer, Asked, Simulator, simulator
from tests.verifying import FlyingClock, Keys, asking, finding_of, serve, settings_for

NewKey = Callable[..., Fake]

ORG = "7d1f2c80-55a1-4c8e-9b0c-2f4f6e2b8a10"


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """One server for all providers, and for hosts that no key should reach."""
    names = [*(host for host, _ in PROVIDERS.values()), "legba.evil.example", "git.acme.net", "eu.api.acme.net"]
    with simulator(names, tmp_path_factory.mktemp("sim")) as made:
        yield made


@pytest.fixture(autouse=True)
def forgotten(sim: Simulator) -> None:
    """Every test begins with a server that nobody has asked yet."""
    sim.asked.clear()
    sim.answers.clear()


def said(found: Finding) -> tuple[str, str]:
    return found.validity.status, found.validity.reason


# --- how often ---


def test_one_request_for_each_distinct_key(sim: Simulator, rules: RuleSet, new_key: NewKey) -> None:
    rule = rules.get("logtalk-api-key")
    fakes = [new_key("logtalk-api-key", "live") for _ in range(5)]
    serve(sim, "logtalk", Keys())
    findings = [finding_of(rule, fake, path=f"{number}.env") for fake in fakes for number in range(4)]
    with asking(sim, rules, settings_for(sim, "logtalk")) as verifier:
        for finding in findings:
            verifier.submit(finding)
        first = verifier.finish(findings)
        again = verifier.finish(findings)
    assert {said(one) for one in first} == {("inactive", "invalid")}
    assert first == again
    assert sorted(asked.bearer for asked in sim.asked) == sorted(fake.key.decode() for fake in fakes)


def test_a_key_that_two_rules_find_is_one_question(sim: Simulator, rules: RuleSet, new_key: NewKey) -> None:
    fake = new_key("legba-api-key")
    serve(sim, "legba", Keys())
    parts = {"org_uuid": ORG}
    findings = [finding_of(rules.get(rule_id), fake, parts) for rule_id in ("legba-api-key", "legba-header-token")]
    with asking(sim, rules, settings_for(sim, "legba")) as verifier:
        verifier.finish([replace(one, secret=findings[0].secret) for one in findings])
    assert len(sim.asked) == 1


def test_one_control_for_each_endpoint(sim: Simulator, rules: RuleSet, new_key: NewKey) -> None:
    rule = rules.get("logtalk-api-key")
    fakes = [new_key("logtalk-api-key", "live") for _ in range(6)]
    serve(sim, "logtalk", Keys(**{fake.key.decode(): "active" for fake in fakes}))
    findings = [finding_of(rule, fake) for fake in fakes]
    with asking(sim, rules, settings_for(sim, "logtalk")) as verifier:
        found = verifier.finish(findings)
    assert {said(one) for one in found} == {("active", "accepted")}
    others = [asked.bearer for asked in sim.asked if asked.bearer not in {fake.key.decode() for fake in fakes}]
    assert len(others) == 1
    assert others[0].startswith("lt_live_")
    assert len(others[0]) == len(fakes[0].key)


def test_no_control_where_no_key_works(sim: Simulator, rules: RuleSet, new_key: NewKey) -> None:
    serve(sim, "logtalk", Keys())
    finding = finding_of(rules.get("logtalk-api-key"), new_key("logtalk-api-key", "live"))
    with asking(sim, rules, settings_for(sim, "logtalk")) as verifier:
        verifier.finish([finding])
    assert len(sim.asked) == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(200, {"data": []}), "accepts-anything"),
        (FIREWALL, "no-control"),
        (Answer(500, {}), "no-control"),
        (Answer(429, {}), "no-control"),
        (Answer(403, {"error": {"code": "API_ACCESS_DENIED"}}), "accepts-anything"),
        (Answer(200, {"success": True}, headers={"Content-Type": "text/plain"}), "no-control"),
        (Answer(302, headers={"Location": "/login"}), "no-control"),
    ],
    ids=["accepted", "blocked", "server error", "limited", "genuine", "not described", "redirected"],
)
def test_an_active_key_without_a_refused_control_is_unknown(
    answer: Answer, reason: str, sim: Simulator, rules: RuleSet, new_key: NewKey
) -> None:
    fake = new_key("logtalk-api-key", "live")
    good = Answer(200, {"data": []})
    sim.answers["api.logtalk.io"] = lambda asked: good if asked.bearer == fake.key.decode() else answer
    with asking(sim, rules, settings_for(sim, "logtalk")) as verifier:
        (found,) = verifier.finish([finding_of(rules.get("logtalk-api-key"), fake)])
    assert said(found) == ("unknown", reason)


def test_every_attempt_has_an_end(sim: Simulator, rules: RuleSet, new_key: NewKey) -> None:
    """A host that fails is asked a bounded number of times, and left alone after a few keys."""
    sim.answers["api.logtalk.io"] = lambda asked: Answer(503, {})
    findings = [finding_of(rules.get("logtalk-api-key"), new_key("logtalk-api-key", "live")) for _ in range(30)]
    settings = settings_for(sim, "logtalk", overrides={"logtalk": Override(at_once=1)})
    clock = FlyingClock()
    with asking(sim, rules, settings, clock) as verifier:
        found = verifier.finish(findings)
    assert {said(one) for one in found} == {("unknown", "server-error")}
    assert len(sim.asked) == 3 * settings.attempts
    assert clock.now() < 3 * settings.patience


@pytest.mark.parametrize("told", ["3600", "Wed, 21 Oct 2099 07:28:00 GMT", "99999999999"])
def test_a_host_that_wants_an_hour_is_left_alone(
    told: str, sim: Simulator, rules: RuleSet, new_key: NewKey
) -> None:
    sim.answers["api.logtalk.io"] = lambda asked: Answer(429, {}, headers={"Retry-After": told})
    findings = [finding_of(rules.get("logtalk-api-key"), new_key("logtalk-api-key", "live")) for _ in range(9)]
    settings = settings_for(sim, "logtalk", overrides={"logtalk": Override(at_once=1)})
    with asking(sim, rules, settings) as verifier:
        found = verifier.finish(findings)
    assert {said(one) for one in found} == {("unknown", "rate-limited")}
    assert len(sim.asked) == 1


def test_a_run_has_an_end(sim: Simulator, rules: RuleSet, new_key: NewKey) -> None:
    """At less than one key a minute thirty would take an hour; that there is no time for more is known at once."""
    serve(sim, "logtalk", Keys())
    findings = [finding_of(rules.get("logtalk-api-key"), new_key("logtalk-api-key", "live")) for _ in range(30)]
    settings = settings_for(sim, "logtalk", budget=300, overrides={"logtalk": Override(per_minute=1, at_once=1)})
    with asking(sim, rules, settings) as verifier:
        found = verifier.finish(findings)
    reasons = [one.validity.reason for one in found]
    assert reasons == ["invalid"] * 3 + ["out-of-time"] * 27
    assert len(sim.asked) == 3


def test_documented_limits_are_kept(sim: Simulator, rules: RuleSet, new_key: NewKey) -> None:
    """Linkt allows 60 a minute: whatever minute is looked at, no more are sent."""
    clock, moments = FlyingClock(), list[float]()
    _, documented = PROVIDERS["linkt"]

    def answer(asked: Asked) -> Answer:
        moments.append(clock.now())
        return documented(asked, Keys())

    sim.answers["api.linkt.ai"] = answer
    findings = [finding_of(rules.get("linkt-api-key"), new_key("linkt-api-key")) for _ in range(200)]
    settings = settings_for(sim, "linkt", overrides={"linkt": Override(at_once=1)})
    with asking(sim, rules, settings, clock) as verifier:
        verifier.finish(findings)
    assert len(moments) == 200
    assert max(sum(1 for other in moments if moment <= other < moment + 60) for moment in moments) <= 60
    assert clock.now() < 220


# --- who is not asked ---


def test_samples_and_fakes_are_not_asked_about(sim: Simulator, rules: RuleSet, new_key: NewKey) -> None:
    rule = rules.get("logtalk-api-key")
    findings = [finding_of(rule, new_key("logtalk-api-key"), sample=kind) for kind in ("documented", "synthetic")]
    with asking(sim, rules, settings_for(sim, "logtalk")) as verifier:
        found = verifier.finish(findings)
    assert {said(one) for one in found} == {("unknown", "sample")}
    assert sim.asked == []


def aws_id(account: str) -> str:
    """An access key id of that account."""
    body = base64.b32encode((int(account) << 7).to_bytes(6, "big") + b"\x12\x34\x56\x78").decode()
    return f"AKIA{body}"


@pytest.mark.parametrize("account", sorted(AWS_ACCOUNTS))
def test_the_account_of_an_access_key(account: str) -> None:
    key = aws_id(account).encode()
    assert aws_account(key[4:]) == account
    assert canary([b"x " + key + b" y"])


@pytest.mark.parametrize("value", ["AKIAIOSFODNN7EXAMPLE", "https://canarytokens.com.acme.net", "mycanarytokens.com"])
def test_what_is_no_trap(value: str) -> None:
    assert canary([value.encode()]) == ""


@pytest.mark.parametrize("value", ["http://canarytokens.com/x", "mysql://a@b.canarytokens.ORG/db", "canarytokens.net"])
def test_traps_by_their_host(value: str) -> None:
    assert canary([value.encode()])


@pytest.mark.parametrize("account", ["534261010715", "123456789012"])
def test_a_trap_may_stand_elsewhere_in_the_file(account: str, sim: Simulator, rules: RuleSet, new_key: NewKey) -> None:
    """The id that belongs to a secret is not near it, but the only one that the file has."""
    identifier = finding_of(rules.get("aws-access-key-id"), Fake(aws_id(account).encode(), 0, 20))
    secret = finding_of(rules.get("aws-secret-access-key"), new_key("aws-secret-access-key"))
    with asking(sim, rules, VerifySettings()) as verifier:
        plan = verifier.plan([identifier, secret])
    trap = account in AWS_ACCOUNTS
    told = endings_of([identifier, secret], rules, VerifySettings())
    assert [one.never for one in told if one.finding is secret] == [trap]
    assert plan.hosts == (() if trap else ("sts.amazonaws.com",))
    assert ("aws-secret-access-key", "canary") in {(one.rule_id, one.reason) for one in plan.not_asked} or not trap


def test_traps_are_told_and_not_asked(sim: Simulator, rules: RuleSet, new_key: NewKey) -> None:
    rule = rules.get("twilio-auth-token")
    trap = aws_id("534261010715")
    findings = [
        finding_of(rule, new_key("twilio-auth-token"), {"sid": trap}),
        replace(finding_of(rule, new_key("twilio-auth-token")), key=Secret(b"https://x.canarytokens.com/a")),
    ]
    with asking(sim, rules, settings_for(sim, "twilio")) as verifier:
        found = verifier.finish(findings)
        plan = verifier.plan(findings)
    assert {said(one) for one in found} == {("unknown", "canary")}
    assert {item.reason for item in plan.not_asked} == {"canary"}
    assert sim.asked == []


def test_who_is_not_asked_and_why(sim: Simulator, rules: RuleSet, new_key: NewKey) -> None:
    expired = finding_of(rules.get("logtalk-api-key"), new_key("logtalk-api-key"), expires="2020-01-01T00:00:00Z")
    later = finding_of(rules.get("sk-api-key"), new_key("sk-api-key", "live"), expires="2099-01-01T00:00:00Z")
    off = finding_of(rules.get("linkt-api-key"), new_key("linkt-api-key"))
    unchecked = replace(off, rule_id="age-secret-key", provider="age")
    gone = replace(off, rule_id="no-such-rule")
    serve(sim, "sk-api", Keys())
    settings = settings_for(sim, "logtalk", "sk-api", overrides={"linkt": Override(enabled=False)})
    with asking(sim, rules, settings) as verifier:
        found = verifier.finish([expired, later, off, unchecked, gone])
    assert [said(one) for one in found] == [
        ("inactive", "expired"), ("inactive", "invalid"), ("unknown", "switched-off"), ("unknown", "no-check"),
        ("unknown", "no-check"),
    ]  # fmt: skip
    assert sim.hosts_asked() == {"api.example.com"}


# --- parts and hosts ---


def legba_settings(sim: Simulator, **override: Any) -> VerifySettings:
    return VerifySettings(providers={"legba": Override(**override)}, allow_loopback=True)


def legba_findings(matcher: Matcher, text: str) -> list[Finding]:
    return [one for one in matcher.find(Chunk(text.encode(), Origin(".env"))) if one.provider == "legba"]


ENV = "LEGBA_BASE_URL=https://{host}\nLEGBA_ORG_UUID={org}\nLEGBA_API_TOKEN={key}\n"


def test_a_host_from_text_alone_is_never_asked(
    sim: Simulator, rules: RuleSet, matcher: Matcher, new_key: NewKey
) -> None:
    fake = new_key("legba-api-key")
    serve(sim, "legba", Keys(**{fake.key.decode(): "active"}))
    sim.answers["legba.evil.example"] = sim.answers["legba.acme.net"]
    text = ENV.format(host="legba.evil.example", org=ORG, key=fake.key.decode())
    (finding,) = legba_findings(matcher, text)
    assert dict(finding.parts)["host"].reveal() == b"legba.evil.example"
    for hosts in ((), ("legba.acme.net",), ("*.acme.net",), ("*.legba.evil.example",)):
        with asking(sim, rules, legba_settings(sim, hosts=hosts)) as verifier:
            (found,) = verifier.finish([finding])
            assert verifier.plan([finding]).targets == ()
        assert said(found) == ("unknown", "missing-part")
        assert "hosts" in found.validity.detail
        assert "evil" not in found.validity.detail
    assert sim.asked == []
    assert "legba.evil.example" not in sim.resolved


def test_a_host_from_the_configuration_wins_over_the_text(
    sim: Simulator, rules: RuleSet, matcher: Matcher, new_key: NewKey
) -> None:
    fake = new_key("legba-api-key")
    serve(sim, "legba", Keys(**{fake.key.decode(): "active"}))
    text = ENV.format(host="legba.evil.example", org=ORG, key=fake.key.decode())
    (finding,) = legba_findings(matcher, text)
    for host in (f"legba.acme.net:{sim.port}", f"https://Legba.ACME.net:{sim.port}/"):
        sim.asked.clear()
        with asking(sim, rules, legba_settings(sim, parts={"host": host})) as verifier:
            (found,) = verifier.finish([finding])
        assert said(found) == ("active", "accepted")
        assert sim.hosts_asked() == {"legba.acme.net"}
        assert found.validity.endpoint == f"GET https://legba.acme.net:{sim.port}/orgs/{{org_uuid}}/api/key"


def test_a_host_from_text_that_the_configuration_allows(
    sim: Simulator, rules: RuleSet, matcher: Matcher, new_key: NewKey
) -> None:
    """Its port is the usual one; a plan tells."""
    text = ENV.format(host="legba.acme.net", org=ORG, key=new_key("legba-api-key").key.decode())
    (finding,) = legba_findings(matcher, text)
    for hosts in (("legba.acme.net",), ("*.acme.net",)):
        with asking(sim, rules, legba_settings(sim, hosts=hosts)) as verifier:
            (target,) = verifier.plan([finding]).targets
        assert (target.host, target.provider, target.keys) == ("legba.acme.net", "legba", 1)


# (what a file says, what the configuration allows, who is asked)
PORTS = [
    ("legba.acme.net", "legba.acme.net", "legba.acme.net"),
    ("legba.acme.net", "legba.acme.net:443", "legba.acme.net"),
    ("legba.acme.net", "*.acme.net:443", "legba.acme.net"),
    ("legba.acme.net", "Legba.Acme.net:443", "legba.acme.net"),
    ("legba.acme.net", "legba.acme.net:8443", ""),
    ("legba.acme.net", "legba.acme.net:44", ""),
    ("legba.acme.net", "legba.acme.net:4433", ""),
    ("legba.acme.net:443", "legba.acme.net", "legba.acme.net"),
    ("legba.acme.net:8443", "legba.acme.net:8443", "legba.acme.net:8443"),
    ("legba.acme.net:08443", "legba.acme.net:8443", ""),
    ("legba.acme.net:8443", "*.acme.net:8443", "legba.acme.net:8443"),
    ("legba.acme.net:8443", "legba.acme.net", ""),
    ("legba.acme.net:8443", "*.acme.net", ""),
    ("legba.acme.net:8443", "legba.acme.net:443", ""),
    ("evil.example:8443", "legba.acme.net:8443", ""),
    ("evil.example:8443#.acme.net:8443", "*.acme.net:8443", ""),
    ("evil.example:8443@legba.acme.net:8443", "legba.acme.net:8443", ""),
]


@pytest.mark.parametrize(("host", "allowed", "asked"), PORTS)
def test_a_host_is_allowed_with_its_port_or_whatever_the_usual_one_is(
    host: str, allowed: str, asked: str, sim: Simulator, rules: RuleSet, new_key: NewKey
) -> None:
    finding = finding_of(rules.get("legba-api-key"), new_key("legba-api-key"), {"host": host, "org_uuid": ORG})
    with asking(sim, rules, legba_settings(sim, hosts=(allowed,))) as verifier:
        assert verifier.plan([finding]).hosts == ((asked,) if asked else ())


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "acme.net.evil.example", "evilacme.net", "acme.net@evil.example", "evil.example/.acme.net",
        "evil.example?.acme.net", "evil.example#.acme.net", "evil.example:443/.acme.net", "evil.example\r\n.acme.net",
        "127.0.0.1", "[::1]", "acme.net", ".acme.net", "-.acme.net", "a b.acme.net", "%65vil.acme.net", "",
        "ev\u0131l.acme.net", "te\u017ft.acme.net", "\u212aey.acme.net", "a\uff0eacme.net", "a\u3002acme.net",
        "a.acme.net.",
    ],
)  # fmt: skip
def test_no_spelling_of_a_host_gets_past_the_restriction(
    host: str, sim: Simulator, rules: RuleSet, new_key: NewKey
) -> None:
    finding = finding_of(rules.get("legba-api-key"), new_key("legba-api-key"), {"host": host, "org_uuid": ORG})
    with asking(sim, rules, legba_settings(sim, hosts=("*.acme.net",))) as verifier:
        assert verifier.plan([finding]).targets == ()
        (found,) = verifier.finish([finding])
    assert found.validity.status == "unknown"
    assert sim.asked == []


@pytest.mark.parametrize("org", ["../../admin", "..", ".", "a/b", "a?b=c", "a#b", "a@b", "a%2fb", "a\r\nX: y", "ä"])
def test_a_part_cannot_leave_its_place_in_the_path(
    org: str, sim: Simulator, rules: RuleSet, new_key: NewKey
) -> None:
    fake = new_key("legba-api-key")
    serve(sim, "legba", Keys())
    finding = finding_of(rules.get("legba-api-key"), fake, {"org_uuid": org})
    with asking(sim, rules, settings_for(sim, "legba")) as verifier:
        verifier.finish([finding])
    for asked in sim.asked:
        before, _, rest = asked.path.partition("/orgs/")
        inside = rest.removesuffix("/api/key")
        assert before == ""
        assert not set(inside) & set("/?#@\r\n ")
        assert "x" not in asked.headers


def test_missing_parts_are_named(sim: Simulator, rules: RuleSet, new_key: NewKey) -> None:
    finding = finding_of(rules.get("legba-api-key"), new_key("legba-api-key"))
    with asking(sim, rules, legba_settings(sim)) as verifier:
        (found,) = verifier.finish([finding])
        assert verifier.plan([finding]).not_asked == (
            NotAsked("legba-api-key", "missing-part", found.validity.detail, 1),
        )
    assert said(found) == ("unknown", "missing-part")
    assert "'host' under [verify.legba]" in found.validity.detail
    assert "'org' under [verify.legba]" in found.validity.detail


def test_a_part_from_elsewhere_in_the_file(sim: Simulator, rules: RuleSet, new_key: NewKey) -> None:
    rule, sids = rules.get("twilio-auth-token"), ["AC" + "0a1b2c3d" * 4, "AC" + "4d5e6f70" * 4]
    fakes = [new_key("twilio-auth-token") for _ in range(2)]
    serve(sim, "twilio", Keys(**{fake.key.decode(): "active" for fake in fakes}))
    near = finding_of(rule, fakes[0], {"sid": sids[0]})
    far = finding_of(rule, fakes[1])
    with asking(sim, rules, settings_for(sim, "twilio")) as verifier:
        verifier.submit(far)
        found = verifier.finish([near, far])
    assert [said(one) for one in found] == [("active", "accepted")] * 2
    third = finding_of(rule, new_key("twilio-auth-token"), {"sid": sids[1]})
    with asking(sim, rules, settings_for(sim, "twilio")) as verifier:
        found = verifier.finish([near, far, third])
        other_file = verifier.finish([near, replace(far, location=replace(far.location, path="b.env"))])
    assert said(found[1]) == ("unknown", "missing-part"), "of two that would do, none is guessed"
    assert said(other_file[1]) == ("unknown", "missing-part")


def test_a_server_of_ones_own(sim: Simulator, rules: RuleSet, new_key: NewKey) -> None:
    """GitLab at home, in a folder of its host, behind a gateway that wants a header."""
    fake = new_key("gitlab-personal-access-token")
    _, documented = PROVIDERS["gitlab"]
    seen: list[Asked] = []

    def answer(asked: Asked) -> Answer:
        seen.append(asked)
        inner = replace(asked, path=asked.path.removeprefix("/gitlab"))
        return documented(inner, Keys(**{fake.key.decode(): "active"}))

    sim.answers["git.acme.net"] = answer
    own = Override(base_url=f"{sim.url('git.acme.net')}/gitlab/", headers={"X-Gate": "open", "private-token": "no"})
    settings = VerifySettings(providers={"gitlab": own}, allow_loopback=True)
    with asking(sim, rules, settings) as verifier:
        (found,) = verifier.finish([finding_of(rules.get("gitlab-personal-access-token"), fake)])
    assert {asked.path for asked in seen} == {"/gitlab/api/v4/personal_access_tokens/self"}
    assert {asked.headers["x-gate"] for asked in seen} == {"open"}
    assert {asked.headers["private-token"] for asked in seen} == {"no"}, "what the user says wins"
    assert said(found) == ("unknown", "wrong-environment")


def test_private_addresses_for_a_server_of_ones_own(sim: Simulator, rules: RuleSet, new_key: NewKey) -> None:
    sim.addresses["git.acme.net"] = ["10.255.255.1"]
    finding = finding_of(rules.get("gitlab-personal-access-token"), new_key("gitlab-personal-access-token"))
    own = Override(base_url="https://git.acme.net")
    with asking(sim, rules, VerifySettings(providers={"gitlab": own})) as verifier:
        (found,) = verifier.finish([finding])
    sim.addresses.clear()
    assert said(found) == ("unknown", "refused-address")


# --- plans ---


def test_a_plan_sends_nothing_and_resolves_nothing(sim: Simulator, rules: RuleSet, new_key: NewKey) -> None:
    sim.resolved.clear()
    fakes = [new_key("logtalk-api-key", "live") for _ in range(3)]
    findings = [finding_of(rules.get("logtalk-api-key"), fake) for fake in [*fakes, fakes[0]]]
    findings.append(finding_of(rules.get("linkt-api-key"), new_key("linkt-api-key")))
    with asking(sim, rules, VerifySettings()) as verifier:
        plan = verifier.plan(findings)
    assert [(one.host, one.endpoint, one.keys) for one in plan.targets] == [
        ("api.linkt.ai", "GET https://api.linkt.ai/v1/icp", 1),
        ("api.logtalk.io", "GET https://api.logtalk.io/v1/conversions", 3),
    ]
    assert plan.hosts == ("api.linkt.ai", "api.logtalk.io")
    assert plan.keys == 4
    assert sim.asked == sim.resolved == []


def test_no_plan_shows_a_key(rules: RuleSet, new_key: NewKey) -> None:
    """Of every rule that has a check, whatever its request looks like."""
    with Verifier(rules, VerifySettings()) as verifier:
        for rule in rules:
            if rule.verify is None:
                continue
            fake = new_key(rule.id)
            parts = {part.name: f"p4rt{part.name}" for part in rule.parts}
            finding = finding_of(rule, fake, parts)
            shown = repr((verifier.plan([finding]), verifier, finding))
            assert fake.secret.decode() not in shown, rule.id


# --- stopping ---


def test_what_was_found_out_before_ctrl_c_is_kept(sim: Simulator, rules: RuleSet, new_key: NewKey) -> None:
    rule, fakes = rules.get("logtalk-api-key"), [new_key("logtalk-api-key", "live") for _ in range(4)]
    waiting = threading.Event()
    _, documented = PROVIDERS["logtalk"]

    def answer(asked: Asked) -> Answer:
        if asked.bearer != fakes[0].key.decode():
            waiting.wait(WAIT)
        return documented(asked, Keys())

    sim.answers["api.logtalk.io"] = answer
    findings = [finding_of(rule, fake) for fake in fakes]

    def interrupt(done: int, of: int) -> None:
        assert of == 4
        if done:
            raise KeyboardInterrupt

    with asking(sim, rules, settings_for(sim, "logtalk")) as verifier:
        with pytest.raises(KeyboardInterrupt):
            verifier.finish(findings, interrupt)
        verifier.close()
        found = verifier.finish(findings)
        waiting.set()
    assert [said(one) for one in found] == [("inactive", "invalid"), *[("unknown", "not-asked")] * 3]


# --- the cache ---


def test_verdicts_are_kept_for_the_next_run(
    sim: Simulator, rules: RuleSet, new_key: NewKey, tmp_path: Path
) -> None:
    rule, good, bad = rules.get("logtalk-api-key"), new_key("logtalk-api-key", "live"), new_key("logtalk-api-key")
    known = Keys(**{good.key.decode(): "active"})
    serve(sim, "logtalk", known)
    findings = [finding_of(rule, good), finding_of(rule, bad)]
    settings = settings_for(sim, "logtalk", cache=tmp_path / "verdicts", cache_ttl=3600.0)

    def run(at: float) -> list[tuple[str, str]]:
        with asking(sim, rules, settings, FlyingClock(at)) as verifier:
            return [said(one) for one in verifier.finish(findings)]

    first = run(1_800_000_000)
    asked = len(sim.asked)
    known.states.clear()
    assert run(1_800_003_000) == first
    assert len(sim.asked) == asked
    assert run(1_800_004_000) == [("inactive", "invalid")] * 2
    assert len(sim.asked) > asked


def test_the_cache_holds_no_key_and_is_private(
    sim: Simulator, rules: RuleSet, new_key: NewKey, tmp_path: Path
) -> None:
    fake = new_key("logtalk-api-key", "live")
    serve(sim, "logtalk", Keys(**{fake.key.decode(): "active"}))
    settings = settings_for(sim, "logtalk", cache=tmp_path, cache_ttl=3600.0)
    with asking(sim, rules, settings) as verifier:
        verifier.finish([finding_of(rules.get("logtalk-api-key"), fake)])
    for file in tmp_path.iterdir():
        assert fake.secret not in file.read_bytes()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    text = (tmp_path / "verdicts.json").read_text()
    other = VerdictCache(tmp_path / "elsewhere", 3600.0, lambda: 0.0)
    assert other.token([fake.key]) not in text, "without the key of this folder nobody can look a key up"


def test_what_could_not_be_found_out_is_not_kept(
    sim: Simulator, rules: RuleSet, new_key: NewKey, tmp_path: Path
) -> None:
    sim.answers["api.logtalk.io"] = lambda asked: Answer(500, {})
    settings = settings_for(sim, "logtalk", cache=tmp_path, cache_ttl=3600.0)
    with asking(sim, rules, settings) as verifier:
        verifier.finish([finding_of(rules.get("logtalk-api-key"), new_key("logtalk-api-key"))])
    assert not (tmp_path / "verdicts.json").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"x": 1}',
        json.dumps({"0" * 64: [1.8e9, {"status": "active"}]}).encode(),
        json.dumps({"0" * 64: [1.8e9, {"status": "active", "reason": "because", "endpoint": "", "asked": "",
                                       "detail": "", "http_status": 1}]}).encode(),
        json.dumps({"0" * 64: ["now", {}]}).encode(),
        json.dumps({"0" * 64: [1.8e9, {"status": "active", "reason": "accepted", "endpoint": "\x1b[2J", "asked": "",
                                       "detail": "", "http_status": 1}]}).encode(),
    ],
)  # fmt: skip
def test_a_damaged_cache_is_none(content: bytes, tmp_path: Path) -> None:
    VerdictCache(tmp_path, 60, lambda: 1.8e9)
    (tmp_path / "verdicts.json").write_bytes(content)
    (tmp_path / "verdicts.json").chmod(0o600)
    assert repr(VerdictCache(tmp_path, 60, lambda: 1.8e9)) == "VerdictCache(0 verdicts)"


def test_a_cache_that_others_can_write_is_not_believed(tmp_path: Path) -> None:
    VerdictCache(tmp_path, 60, lambda: 1.8e9)
    (tmp_path / "verdicts.key").chmod(0o644)
    assert VerdictCache(tmp_path, 60, lambda: 1.8e9).token([b"x"]) == ""
    assert VerdictCache(Path("/proc/no/such"), 60, lambda: 1.8e9).token([b"x"]) == ""


# --- a rule of one's own ---


def test_a_region_cut_out_of_the_key_decides_below_the_providers_own_name_only(
    sim: Simulator, tmp_path: Path, new_key: NewKey
) -> None:
    file = tmp_path / "acme.yaml"
    file.write_text(
        """
provider: acme
name: Acme
rotate: there
references: [https://acme.net]
verify:
  url: https://{region}.api.acme.net/v1/me
  headers: {Authorization: 'Bearer {key}'}
  from_key: {region: '-(?P<value>[a-z]{2})'}
  replies:
    - {status: 200, json: {id: true}, is: active, reason: accepted}
rules:
  - id: acme-key
    name: Acme key
    description: Opens Acme.
    keywords: [acme_]
    pattern: '(?P<public>acme_)(?P<secret>[A-Za-z0-9]{32}(?:-[a-z]{2}){0,1})'
    severity: high
    confidence: high
    examples: ['A={key}', 'B={key}']
    counterexamples: ['A={key:cut}']
"""
    )
    rules = load_rules([file], shipped=False)
    body = b"acme_" + b"aB3dE6gH9jK2mN5pQ8sT1vW4yZ7cF0xL"
    keys = [body + b"-eu", body]
    findings = [finding_of(rules.get("acme-key"), Fake(key, 5, len(key))) for key in keys]
    with asking(sim, rules, VerifySettings()) as verifier:
        plan = verifier.plan(findings)
    assert plan.hosts == ("eu.api.acme.net",)
    assert [(item.reason, item.detail) for item in plan.not_asked] == [
        ("missing-part", "the key does not say its region")
    ]
