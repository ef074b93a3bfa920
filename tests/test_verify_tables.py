"""What the rule files say of asking providers: every table makes a request that goes to its provider and nowhere else,
and two dozen of them against servers that answer as the providers' public documents say."""

from __future__ import annotations

import base64
import random
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from scanner import pattern
from scanner.fakes import Fake, KeyMaker
from scanner.matcher import Matcher
from scanner.models import Chunk, Finding, Origin, Secret, Validity
from scanner.recognition import recognise, with_parts
from scanner.request import Requester
from scanner.rule import Part, Rule, RuleSet, load_rules
from scanner.verifier import Verifier
from scanner.verify_handlers import load
from scanner.verify_parts import from_key, own_values
from scanner.verify_request import Filling, endpoint, request
from scanner.verify_settings import Override, VerifySettings
from tests.provider_desks import DESKS, Desk
from tests.simulator import Answer, Asked, Simulator, simulator

NewKey = Callable[..., Fake]

FOUNDERS = {"logtalk", "legba", "sk-api", "linkt", "logic64"}
"""They have tests of their own."""

CHECKED = [rule for rule in load_rules(cache=False) if rule.verify is not None and rule.provider not in FOUNDERS]
TABLES = [rule for rule in CHECKED if "url" in (rule.verify or {})]

KEY_IN_URL = {
    "discord-webhook-url", "google-oauth-access-token", "mapbox-secret-token", "slack-incoming-webhook",
    "telegram-bot-token",
}  # fmt: skip
"""The rules whose key stands in the address, since the provider knows no other way. Another one is a decision."""

ELSEWHERE = {
    "algolia": {"algolia.net"},
    "azure": {"microsoftonline.com", "visualstudio.com"},
    "braintree": {"braintree-api.com"},
    "dropbox": {"dropboxapi.com"},
    "fly": {"machines.dev"},
    "google": {"googleapis.com"},
    "hashicorp": {"terraform.io"},
    "hubspot": {"hubapi.com"},
    "intercom": {"intercom.io"},
    "mailgun": {"mailgun.net"},
    "messagebird": {"messagebird.com"},
    "neon": {"neon.tech"},
    "npm": {"npmjs.org"},
    "postman": {"getpostman.com"},
    "prefect": {"prefect.cloud"},
    "sonarqube": {"sonarcloud.io"},
    "square": {"squareupsandbox.com"},
    "supabase": {"supabase.co"},
}
"""Domains of a provider's own that are not the one of its home page."""


def told(rule: Rule) -> dict[str, Any]:
    assert rule.verify is not None
    return dict(rule.verify)


def urls(rule: Rule) -> list[str]:
    url = told(rule)["url"]
    return [url] if isinstance(url, str) else list(url.values())


def domain(host: str) -> str:
    return ".".join(host.rsplit(".", 2)[-2:])


def test_there_are_sixty_providers_and_more_beside_the_five() -> None:
    assert len({rule.provider for rule in CHECKED}) >= 60


@pytest.mark.parametrize("rule", CHECKED, ids=lambda rule: rule.id)
def test_a_check_names_the_documents_that_say_so(rule: Rule) -> None:
    references = told(rule).get("references", rule.references)
    assert references
    assert all(re.fullmatch(r"https://[A-Za-z0-9.-]+/\S*|https://[a-z0-9.-]+", link) for link in references)


@pytest.mark.parametrize("rule", TABLES, ids=lambda rule: rule.id)
def test_a_table_asks_a_host_of_its_provider(rule: Rule) -> None:
    ours = {domain(urlsplit(rule.url).netloc)} | ELSEWHERE.get(rule.provider, set())
    for url in urls(rule):
        host = urlsplit(url).netloc
        assert url.startswith("https://")
        if re.fullmatch(r"\{[a-z_]+\}", host):  # the whole host is a value: only what nobody else can register
            assert all(name.startswith("*.") or "." in name for name in told(rule).get("hosts", ()))
        elif host.endswith("}"):
            assert told(rule)["hosts"]
        else:
            assert domain(host) in ours, host


@pytest.mark.parametrize("rule", TABLES, ids=lambda rule: rule.id)
def test_a_table_tells_a_yes_from_a_no_by_the_providers_own_words(rule: Rule) -> None:
    replies = told(rule)["replies"]
    assert any(one["is"] == "active" for one in replies)
    assert any(one["is"] != "active" for one in replies)
    for one in replies:
        assert one["is"] == "unknown" or one.keys() & {"json", "header", "text"}, one


@pytest.mark.parametrize("rule", TABLES, ids=lambda rule: rule.id)
def test_a_key_stands_in_no_address_but_where_that_is_the_only_way(rule: Rule) -> None:
    assert bool(told(rule).get("key_in_url")) is (rule.id in KEY_IN_URL)


def a_value(part: Part, rng: random.Random, rules: RuleSet) -> bytes:
    """Something a part could be."""
    if part.rules:
        return KeyMaker(rules.get(part.rules[0]), rng).make().key
    if not part.pattern:
        return b"value.widgets.net"
    made = pattern.sample(pattern.parse(part.pattern), rng)
    found = re.search(part.pattern.encode(), made)
    assert found is not None
    return found.group("value") if "value" in found.re.groupindex else found.group()


def filled(rule: Rule, rules: RuleSet, rng: random.Random) -> tuple[Fake, dict[str, str]]:
    """A key that can be asked about, and the values of its question."""
    for _ in range(50):
        fake = KeyMaker(rule, rng).make()
        cut = from_key(told(rule).get("from_key", {}), Secret(fake.key))
        if cut.keys() == told(rule).get("from_key", {}).keys():
            break
    values = {**own_values(Secret(fake.key), Secret(fake.secret)), **cut}
    texts = {name: value.reveal().decode() for name, value in values.items()}
    return fake, texts | {part.name: a_value(part, rng, rules).decode() for part in rule.parts}


@pytest.mark.parametrize("rule", TABLES, ids=lambda rule: rule.id)
def test_a_table_makes_a_request_with_the_key_in_it_and_shows_none(rule: Rule, rules: RuleSet) -> None:
    fake, values = filled(rule, rules, random.Random())
    override = Override(hosts=("value.widgets.net",))
    filling = Filling(values, frozenset(values) - {"key", "secret", "public"}, "")
    made = request(told(rule), filling, override)
    sent = "\n".join([unquote(made.url), *made.headers.values(), basics(made.headers), made.body.decode()])
    assert fake.secret.decode() in sent or fake.secret.decode() in unquote(sent)
    shown = endpoint(told(rule), filling, override)
    assert fake.secret.decode() not in shown.shown + shown.host + repr(made)
    in_url = fake.secret.decode() in unquote(made.url)
    assert in_url is (rule.id in KEY_IN_URL)


@pytest.mark.parametrize("rule", [rule for rule in CHECKED if "handler" in told(rule)], ids=lambda rule: rule.id)
def test_a_handler_exists_and_its_parts_are_described(rule: Rule) -> None:
    handler = load(told(rule)["handler"])
    assert set(handler.parts) <= {part.name for part in rule.parts}


def basics(headers: Mapping[str, str]) -> str:
    """The user and password of a basic authorization."""
    value = {name.lower(): text for name, text in headers.items()}.get("authorization", "")
    return base64.b64decode(value[6:]).decode() if value.startswith("Basic ") else ""


# --- providers that answer as their documents say ---

CASES = [pytest.param(desk, state, id=f"{desk.rule}-{state}") for desk in DESKS for state in desk.states]
HOSTS = sorted({f"{desk.rule.partition('-')[0]}.widgets.net" for desk in DESKS})


@pytest.fixture(scope="module")
def desk_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with simulator(HOSTS, tmp_path_factory.mktemp("authority")) as made:
        yield made


def answers(desk: Desk, issued: Mapping[str, str]) -> Callable[[Asked], Answer]:
    """The provider: looks for keys that it issued in what it was sent, and answers by their state."""

    def answer(asked: Asked) -> Answer:
        body = unquote(asked.body.decode())
        sent = "\n".join([unquote(asked.path), *asked.headers.values(), basics(asked.headers), body])
        state = next((state for secret, state in issued.items() if secret in sent), "invalid")
        status, tree, _ = desk.states[state]
        return Answer(status, tree, headers=desk.headers.get(state, {}))

    return answer


def ask(rules: RuleSet, server: Simulator, finding: Finding, host: str) -> Validity:
    settings = VerifySettings(
        providers={finding.provider: Override(base_url=server.url(host))}, allow_loopback=True, attempts=1
    )
    requester = Requester(allow_loopback=True, ca_bundle=str(server.authority), resolver=server.resolve)
    with Verifier(rules, settings, requester=requester) as verifier:
        (found,) = verifier.finish([finding])
    return found.validity


@pytest.mark.parametrize(("desk", "state"), CASES)
def test_a_verdict_is_what_the_documents_say(
    desk: Desk, state: str, rules: RuleSet, new_key: NewKey, desk_server: Simulator
) -> None:
    rule = rules.get(desk.rule)
    fake = new_key(desk.rule, "live" if "live" in rule.environment_names else "")
    finding = recognise(fake.key, rules, desk.rule)
    finding = with_parts(finding, desk.parts)
    host = f"{rule.provider}.widgets.net"
    desk_server.asked.clear()
    desk_server.answers[host] = answers(desk, {fake.secret.decode(): state})
    validity = ask(rules, desk_server, finding, host)

    assert f"{validity.status}/{validity.reason}" == desk.states[state][2]
    assert validity.http_status == desk.states[state][0]
    first = desk_server.asked[0]
    key = fake.key.decode()
    assert f"{first.method} {unquote(first.path)}" == desk.line.replace("{key}", key)
    name, template = desk.carried
    if name == "basic":
        assert basics(first.headers) == template.replace("{key}", key)
    elif name:
        assert first.headers[name] == template.replace("{key}", key)
    assert fake.secret.decode() not in repr(validity)


def test_an_access_key_of_amazon_and_its_id_are_found_together(matcher: Matcher, new_key: NewKey) -> None:
    key_id, secret = new_key("aws-access-key-id").key, new_key("aws-secret-access-key").key
    text = b"aws_access_key_id = " + key_id + b"\naws_secret_access_key = " + secret + b"\n"
    found = [one for one in matcher.find(Chunk(text, Origin("credentials"))) if one.parts]
    assert [(one.rule_id, dict(one.parts)["key_id"].reveal()) for one in found] == [("aws-secret-access-key", key_id)]
