"""Every verdict, in tables: what providers document, and what servers do instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from scanner.fakes import Fake
from scanner.models import Validity
from scanner.rule import RuleSet
from scanner.verify_settings import Override
from tests import simulator as sim_kinds
from tests.provider_docs import PROVIDERS
from tests.simulator import FIREWALL, GARBLED, PORTAL, Answer, Simulator, simulator
from tests.verifying import FlyingClock, Keys, asking, finding_of, serve, settings_for

NewKey = Callable[..., Fake]

ORG = "7d1f2c80-55a1-4c8e-9b0c-2f4f6e2b8a10"
PARTS = {"legba": {"org_uuid": ORG}, "twilio": {"sid": "AC" + "0a1b2c3d" * 4}}


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """One server for all providers."""
    names = [host for host, _ in PROVIDERS.values()]
    with simulator([*names, "elsewhere.example"], tmp_path_factory.mktemp("sim")) as made:
        yield made


@pytest.fixture(autouse=True)
def forgotten(sim: Simulator) -> None:
    """Every test begins with a server that nobody has asked yet."""
    sim.asked.clear()
    sim.answers.clear()


DOCUMENTED = [
    # rule, environment, what the provider knows of the key, status, reason, HTTP status
    ("logtalk-api-key", "live", "active", "active", "accepted", 200),
    ("logtalk-api-key", "test", "active", "active", "test-key", 200),
    ("logtalk-api-key", "live", "", "inactive", "invalid", 401),
    ("logtalk-api-key", "live", "expired", "inactive", "expired", 401),
    ("logtalk-api-key", "live", "no-plan", "active", "no-plan", 403),
    ("legba-api-key", "", "active", "active", "accepted", 200),
    ("legba-api-token", "", "active", "active", "accepted", 200),
    ("legba-api-key", "", "", "inactive", "invalid", 401),
    ("sk-api-key", "live", "active", "active", "accepted", 200),
    ("sk-api-key", "test", "active", "active", "test-key", 200),
    ("sk-api-key", "live", "restricted", "active", "restricted", 403),
    ("sk-api-key", "live", "", "inactive", "invalid", 401),
    ("linkt-api-key", "", "active", "active", "accepted", 200),
    ("linkt-api-key", "", "restricted", "active", "restricted", 403),
    ("linkt-api-key", "", "", "inactive", "invalid", 401),
    ("linkt-api-key", "", "rate-limited", "unknown", "rate-limited", 429),
    ("logic64-api-key", "", "active", "active", "accepted", 200),
    ("logic64-api-key", "", "", "inactive", "invalid", 401),
    ("logic64-api-key", "", "rate-limited", "unknown", "rate-limited", 429),
    ("github-fine-grained-token", "", "active", "active", "accepted", 200),
    ("github-fine-grained-token", "", "restricted", "active", "restricted", 403),
    ("github-fine-grained-token", "", "", "inactive", "invalid", 401),
    ("gitlab-personal-access-token", "", "active", "active", "accepted", 200),
    ("gitlab-personal-access-token", "", "revoked", "inactive", "revoked", 401),
    ("gitlab-personal-access-token", "", "expired", "inactive", "expired", 401),
    ("gitlab-personal-access-token", "", "", "unknown", "wrong-environment", 401),
    ("slack-bot-token", "", "active", "active", "accepted", 200),
    ("slack-bot-token", "", "revoked", "inactive", "revoked", 200),
    ("slack-bot-token", "", "disabled", "inactive", "disabled", 200),
    ("slack-bot-token", "", "", "unknown", "wrong-environment", 200),
    ("stripe-restricted-key", "live", "active", "active", "accepted", 200),
    ("stripe-restricted-key", "live", "expired", "inactive", "expired", 401),
    ("stripe-restricted-key", "test", "", "inactive", "invalid", 401),
    ("openai-legacy-key", "", "active", "active", "accepted", 200),
    ("openai-legacy-key", "", "no-quota", "active", "rate-limited-key", 429),
    ("openai-legacy-key", "", "busy", "unknown", "rate-limited", 429),
    ("openai-legacy-key", "", "", "inactive", "invalid", 401),
    ("anthropic-api-key", "", "active", "active", "accepted", 200),
    ("anthropic-api-key", "", "restricted", "active", "restricted", 403),
    ("anthropic-api-key", "", "", "inactive", "invalid", 401),
    ("npm-access-token", "", "active", "active", "accepted", 200),
    ("npm-access-token", "", "", "inactive", "invalid", 401),
    ("sendgrid-api-key", "", "active", "active", "accepted", 200),
    ("sendgrid-api-key", "", "", "inactive", "invalid", 401),
    ("digitalocean-oauth-token", "", "active", "active", "accepted", 200),
    ("digitalocean-oauth-token", "", "", "inactive", "invalid", 401),
    ("cloudflare-legacy-api-token", "", "active", "active", "accepted", 200),
    ("cloudflare-legacy-api-token", "", "disabled", "inactive", "disabled", 200),
    ("cloudflare-legacy-api-token", "", "expired", "inactive", "expired", 200),
    ("airtable-personal-access-token", "", "active", "active", "accepted", 200),
    ("airtable-personal-access-token", "", "", "inactive", "invalid", 401),
    ("twilio-auth-token", "", "active", "active", "accepted", 200),
    ("twilio-auth-token", "", "closed", "inactive", "disabled", 200),
    ("twilio-auth-token", "", "", "inactive", "invalid", 401),
    ("notion-legacy-token", "", "active", "active", "accepted", 200),
    ("notion-legacy-token", "", "", "inactive", "invalid", 401),
    ("linear-api-key", "", "active", "active", "accepted", 200),
    ("linear-api-key", "", "", "inactive", "invalid", 400),
    ("telegram-bot-token", "", "active", "active", "accepted", 200),
    ("telegram-bot-token", "", "", "inactive", "invalid", 401),
]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [(row[:3], row[3:]) for row in DOCUMENTED],
    ids=[f"{row[0]} {row[1]} {row[2] or 'unknown'}" for row in DOCUMENTED],
)
def test_what_providers_document(
    asked: tuple[str, str, str], expected: tuple[str, str, int], sim: Simulator, rules: RuleSet, new_key: NewKey
) -> None:
    rule_id, environment, state = asked
    rule, fake = rules.get(rule_id), new_key(rule_id, environment)
    host = serve(sim, rule.provider, Keys(**{fake.key.decode(): state}))
    finding = finding_of(rule, fake, PARTS.get(rule.provider))
    with asking(sim, rules, settings_for(sim, rule.provider)) as verifier:
        (found,) = verifier.finish([finding])
    said = found.validity
    assert (said.status, said.reason, said.http_status) == expected
    assert sim.hosts_asked() == {host}
    assert said.endpoint.partition(" ")[2].startswith(f"https://{host}:{sim.port}/")
    assert said.asked.endswith("Z")
    assert fake.secret.decode() not in repr(found)


def verdict(sim: Simulator, rules: RuleSet, new_key: NewKey, answer: Answer, **more: object) -> Validity:
    """What is said of a LogTalk key whose server answers all and everything like that."""
    sim.answers["api.logtalk.io"] = lambda asked: answer
    sim.answers["elsewhere.example"] = lambda asked: Answer(200, {"data": []})
    finding = finding_of(rules.get("logtalk-api-key"), new_key("logtalk-api-key", "live"))
    with asking(sim, rules, settings_for(sim, "logtalk", **more)) as verifier:
        return verifier.finish([finding])[0].validity


JSON = {"Content-Type": "application/json"}
BAD = [
    ("captive portal", PORTAL, "blocked", 200),
    ("firewall", FIREWALL, "blocked", 403),
    ("firewall with JSON", Answer(403, {"error": "denied"}), "not-described", 403),
    ("yes to all", Answer(200, {"data": []}), "accepts-anything", 200),
    ("no plan to all", Answer(403, {"error": {"code": "API_ACCESS_DENIED"}}), "accepts-anything", 403),
    ("garbled JSON", Answer(401, body=b'{"error": {"code": "INVALID_API', headers=JSON), "not-described", 401),
    ("another type", Answer(401, body=b'{"error":{"code":"INVALID_API_KEY"}}', headers={"Content-Type": "text/html"}),
     "not-described", 401),
    ("no body", Answer(401), "not-described", 401),
    ("an array", Answer(401, ["INVALID_API_KEY"]), "not-described", 401),
    ("our own fault", Answer(401, {"error": {"code": "MISSING_API_KEY"}}), "request-wrong", 401),
    ("not found", Answer(404, {"error": {"code": "INVALID_API_KEY"}}), "not-described", 404),
    ("redirect", Answer(302, headers={"Location": "https://elsewhere.example/"}), "redirected", 302),
    ("redirect for good", Answer(308, {}, headers={"Location": "//elsewhere.example"}), "redirected", 308),
    ("proxy wants a login", Answer(407, {}), "blocked", 407),
    ("network wants a login", Answer(511, body=b"<html>", headers={"Content-Type": "text/html"}), "blocked", 511),
    ("too many", Answer(429, {"error": {"code": "INVALID_API_KEY"}}), "rate-limited", 429),
    ("server error", Answer(500, {"error": {"code": "INVALID_API_KEY"}}), "server-error", 500),
    ("bad gateway", Answer(502, body=b"<html>"), "server-error", 502),
    ("unavailable", Answer(503, {}, headers={"Retry-After": "2"}), "server-error", 503),
    ("gateway time-out", Answer(504), "server-error", 504),
    ("hangs up", Answer(instead=sim_kinds.hang_up), "unreachable", 0),
    ("hangs up midway", Answer(instead=sim_kinds.cut), "unreachable", 0),
    ("another protocol", Answer(instead=sim_kinds.not_http), "unreachable", 0),
    ("headers without end", Answer(instead=sim_kinds.many_headers), "unreachable", 0),
    ("garbage", GARBLED, "accepts-anything", 200),
    ("unknown encoding", Answer(401, body=b"\x28\xb5\x2f\xfd", headers={**JSON, "Content-Encoding": "zstd"}),
     "not-described", 401),
    ("bad gzip", Answer(401, body=b"no gzip", headers={**JSON, "Content-Encoding": "gzip"}), "not-described", 401),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "reason", "code"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_what_servers_do_instead(
    answer: Answer, reason: str, code: int, sim: Simulator, rules: RuleSet, new_key: NewKey
) -> None:
    said = verdict(sim, rules, new_key, answer)
    assert (said.status, said.reason, said.http_status) == ("unknown", reason, code)
    assert sim.hosts_asked() == {"api.logtalk.io"}


@pytest.mark.parametrize("kind", [sim_kinds.silent, sim_kinds.drip], ids=["silent", "a byte now and then"])
def test_slow_servers_keep_nobody(
    kind: Callable[..., None], sim: Simulator, rules: RuleSet, new_key: NewKey
) -> None:
    said = verdict(sim, rules, new_key, Answer(instead=kind), timeout=0.12)
    assert (said.status, said.reason) == ("unknown", "timeout")


@pytest.mark.parametrize("kind", [sim_kinds.huge, sim_kinds.bomb], ids=["no end", "bomb"])
def test_large_replies_are_not_read_on(
    kind: Callable[..., None], sim: Simulator, rules: RuleSet, new_key: NewKey
) -> None:
    """The status and the type are as described, and a random key gets the same."""
    said = verdict(sim, rules, new_key, Answer(instead=kind))
    assert (said.status, said.reason) == ("unknown", "accepts-anything")


def test_a_large_reply_of_a_described_status_decides_nothing(
    sim: Simulator, rules: RuleSet, new_key: NewKey
) -> None:
    """For SendGrid 200 means something only with a certain content, which is never read to its end here."""
    rule, fake = rules.get("sendgrid-api-key"), new_key("sendgrid-api-key")
    sim.answers["api.sendgrid.com"] = lambda asked: Answer(instead=sim_kinds.huge)
    with asking(sim, rules, settings_for(sim, "sendgrid")) as verifier:
        (found,) = verifier.finish([finding_of(rule, fake)])
    assert (found.validity.status, found.validity.reason) == ("unknown", "too-large")


def test_a_host_that_nobody_answers_for(sim: Simulator, rules: RuleSet, new_key: NewKey) -> None:
    finding = finding_of(rules.get("logtalk-api-key"), new_key("logtalk-api-key", "live"))
    settings = settings_for(sim, overrides={"logtalk": Override(base_url="https://api.logtalk.io:1")})
    with asking(sim, rules, settings) as verifier:
        (found,) = verifier.finish([finding])
    assert (found.validity.status, found.validity.reason) == ("unknown", "unreachable")
    assert sim.asked == []


def test_a_certificate_for_another_name(sim: Simulator, rules: RuleSet, new_key: NewKey) -> None:
    finding = finding_of(rules.get("logtalk-api-key"), new_key("logtalk-api-key", "live"))
    settings = settings_for(sim, overrides={"logtalk": Override(base_url=sim.url("api.logtalk.net"))})
    with asking(sim, rules, settings) as verifier:
        (found,) = verifier.finish([finding])
    assert (found.validity.status, found.validity.reason) == ("unknown", "certificate")
    assert sim.asked == []


def test_the_retry_after_a_minute_succeeds(sim: Simulator, rules: RuleSet, new_key: NewKey) -> None:
    rule, fake = rules.get("logtalk-api-key"), new_key("logtalk-api-key", "live")
    host, documented = PROVIDERS["logtalk"]
    waiting = [Answer(429, {}, headers={"Retry-After": "30"}), Answer(503, {})]
    sim.answers[host] = lambda asked: (
        waiting.pop(0) if waiting else documented(asked, Keys(**{fake.key.decode(): "active"}))
    )
    clock = FlyingClock()
    with asking(sim, rules, settings_for(sim, "logtalk"), clock) as verifier:
        (found,) = verifier.finish([finding_of(rule, fake)])
    assert (found.validity.status, found.validity.reason) == ("active", "accepted")
    assert clock.now() >= 30
