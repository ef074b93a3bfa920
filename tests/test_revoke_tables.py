"""What the rule files say of ending keys: each way makes requests that go to its provider and nowhere else, and what
the provider's documents reply is understood."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from scanner.endings import Ending, endings_of
from scanner.fakes import Fake, KeyMaker
from scanner.models import Finding, Secret
from scanner.request import Requester
from scanner.revoke_acts import Acts, Said
from scanner.rule import Rule, RuleSet, load_rules
from scanner.verify_settings import Override, VerifySettings
from tests.simulator import Answer, Asked, Simulator, hang_up, simulator
from tests.verifying import FlyingClock, finding_of

OWNER = Secret(b"owner-of-all-keys-0123456789")
PARTS = {"org_uuid": "7d1f2c80-55a1-4c8e-9b0c-2f4f6e2b8a10", "host": "legba.acme.net"}

ENDING = [rule for rule in load_rules(cache=False) if (rule.revoke or {"how": "page"})["how"] != "page"]
ELSEWHERE = {
    "dropbox": "dropboxapi.com", "google": "googleapis.com", "legba": "acme.net", "hashicorp": "acme.net",
    "okta": "acme.net", "sk-api": "example.com",
}  # fmt: skip


@dataclass(frozen=True)
class Documented:
    """What the documents reply when the key is ended, and when it is not; and, for an owner's key, its list."""

    good: tuple[int, Any]
    bad: tuple[int, Any]
    outcome: str = "revoked"
    listed: Callable[[Fake], Any] = field(default=lambda _: None)
    identifier: Callable[[Fake], str] = field(default=lambda _: "key_abc")


def _shortened(fake: Fake, head: int, tail: int) -> str:
    text = fake.key.decode()
    return f"{text[:head]}...{text[-tail:]}"


NOTHING = (401, {"message": "unauthorized"})
DOCUMENTS = {
    "anthropic": Documented(
        (200, {"id": "key_abc", "status": "inactive", "type": "api_key"}), NOTHING,
        listed=lambda fake: {"data": [{"id": "key_abc", "partial_key_hint": _shortened(fake, 17, 4)},
                                      {"id": "key_other", "partial_key_hint": "sk-ant-api03-000...0000"}],
                             "has_more": False},
    ),
    "buildkite": Documented((204, None), NOTHING),
    "cloudflare": Documented(
        (200, {"success": True, "result": {"id": "key_abc"}}), (403, {"success": False}),
        listed=lambda _: {"success": True, "result": {"id": "key_abc", "status": "active"}},
    ),
    "crates": Documented((204, None), (403, {"errors": [{"detail": "authentication failed"}]})),
    "digitalocean": Documented((200, {}), NOTHING, "accepted"),
    "discord": Documented((204, None), (404, {"message": "Unknown Webhook", "code": 10015})),
    "dropbox": Documented((200, None), (401, {"error_summary": "expired_access_token/"})),
    "fastly": Documented((204, None), NOTHING),
    "github": Documented((202, {}), (422, {"message": "Validation failed"}), "accepted"),
    "gitlab": Documented((204, None), (401, {"message": "401 Unauthorized"})),
    "google": Documented((200, {}), (400, {"error": "invalid_token"})),
    "hashicorp": Documented((204, None), (403, {"errors": ["permission denied"]})),
    "huggingface": Documented((202, None), (400, {"error": "invalid request"}), "accepted"),
    "legba": Documented(
        (200, {"key": "new-key-of-the-test", "key_id": "k"}), (401, {"error": {"code": "UNAUTHORIZED"}})
    ),
    "okta": Documented((204, None), (401, {"errorCode": "E0000011"})),
    "openai": Documented(
        (200, {"id": "key_abc", "object": "organization.admin_api_key.deleted", "deleted": True}), NOTHING,
        listed=lambda fake: {"object": "list", "data": [
            {"id": "key_abc", "redacted_value": _shortened(fake, 8, 3)},
            {"id": "key_other", "redacted_value": "sk-admin...@@@"}], "has_more": False},
    ),
    "perplexity": Documented((200, {}), NOTHING),
    "posthog": Documented((200, {"found": True}), (200, {"found": False}), "accepted"),
    "sendgrid": Documented(
        (204, None), NOTHING, identifier=lambda fake: fake.key.decode().split(".")[1],
        listed=lambda fake: {"result": [{"name": "a", "api_key_id": fake.key.decode().split(".")[1]},
                                        {"name": "b", "api_key_id": "0" * 22}]},
    ),
    "sk-api": Documented(
        (200, {"success": True, "message": "API key revoked successfully"}), (401, {"success": False}),
        listed=lambda fake: {"success": True, "data": [{"id": "key_abc", "prefix": fake.key.decode()[:8]},
                                                       {"id": "key_other", "prefix": "sk_none_"}]},
    ),
    "slack": Documented((200, {"ok": True, "revoked": True}), (200, {"ok": False, "error": "invalid_auth"})),
    "tailscale": Documented((200, None), (404, {"message": "key not found"}), "accepted"),
    "vercel": Documented((200, {"tokenId": "abc"}), (403, {"error": {"code": "forbidden"}})),
}  # fmt: skip

BY_RULE = pytest.mark.parametrize("rule", ENDING, ids=lambda rule: rule.id)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with simulator(["desk.test"], tmp_path_factory.mktemp("desk")) as made:
        yield made


@pytest.fixture
def key(rule: Rule) -> Fake:
    """A fresh key of the rule; of Tailscale one of the sort that can end itself."""
    maker = KeyMaker(rule, random.Random())
    while True:
        fake = maker.make()
        if rule.provider != "tailscale" or fake.key.startswith(b"tskey-api-"):
            return fake


def ending_of(rule: Rule, fake: Fake, rules: RuleSet, override: Override) -> Ending:
    settings = VerifySettings(providers={rule.provider: override}, allow_loopback=True)
    finding: Finding = finding_of(rule, fake)
    (ending,) = endings_of([finding], rules, settings)
    return ending


@BY_RULE
def test_a_way_goes_to_its_provider(rule: Rule, key: Fake, rules: RuleSet) -> None:
    known = {part.config for part in rule.parts if part.config}
    names = {"host": "x.acme.net", "org": PARTS["org_uuid"]}
    override = Override(parts={name: names[name] for name in known if name in names})
    ending = ending_of(rule, key, rules, override)
    assert ending.barred == ""
    wanted = ELSEWHERE.get(rule.provider) or urlsplit(_page_of(rule)).netloc.removeprefix("www.")
    for endpoint in ending.endpoints:
        assert endpoint.host == wanted or endpoint.host.endswith(f".{wanted}"), endpoint
        assert key.secret.decode() not in endpoint.shown
    assert rule.provider in DOCUMENTS


def _page_of(rule: Rule) -> str:
    text = (Path(__file__).parent.parent / "rules" / f"{rule.provider}.yaml").read_text(encoding="utf-8")
    return next(line.partition(": ")[2] for line in text.splitlines() if line.startswith("url: "))


def end(rule: Rule, fake: Fake, rules: RuleSet, server: Simulator, reply: Answer) -> tuple[Said, list[Asked]]:
    """What is said of ending a key when the last request is answered like that; and all that was asked."""
    told = DOCUMENTS[rule.provider]
    settings = VerifySettings(allow_loopback=True, timeout=60.0, attempts=1)
    override = Override(base_url=server.url("desk.test"), parts={"org": PARTS["org_uuid"], "host": "x.acme.net"})
    ending = ending_of(rule, fake, rules, override)

    def answer(asked: Asked) -> Answer:
        return Answer(200, told.listed(fake)) if ending.how == "owner" and asked.method == "GET" else reply

    server.answers["desk.test"] = answer
    server.asked.clear()
    requester = Requester(timeout=60.0, allow_loopback=True, ca_bundle=str(server.authority), resolver=server.resolve)
    acts = Acts(requester, FlyingClock(), settings)
    if ending.how == "report":
        said = acts.report([ending])
    elif ending.how == "owner":
        found = acts.find(ending, OWNER)
        said = acts.delete(ending, OWNER, found.ids[0]) if found.outcome == "found" else found
    else:
        said = acts.end(ending)
    requester.close()
    return said, list(server.asked)


def _answer(told: tuple[int, Any]) -> Answer:
    return Answer(told[0], told[1])


@BY_RULE
def test_what_the_documents_reply_is_understood(rule: Rule, key: Fake, rules: RuleSet, server: Simulator) -> None:
    told = DOCUMENTS[rule.provider]
    said, asked = end(rule, key, rules, server, _answer(told.good))
    assert said.outcome == told.outcome
    if (rule.revoke or {})["how"] == "owner":
        assert told.identifier(key) in asked[-1].path
        assert OWNER.reveal().decode() in asked[-1].everything and key.secret.decode() not in asked[-1].everything
    else:
        assert len(asked) == 1 and key.secret.decode() in asked[0].everything
    refused, _ = end(rule, key, rules, server, _answer(told.bad))
    assert refused.outcome == "refused"


@BY_RULE
@pytest.mark.parametrize("reply", [
    Answer(500, {}), Answer(302, {}, headers={"Location": "https://evil.test/"}), Answer(418, {}),
    Answer(200, body=b"<html>Log in</html>", headers={"Content-Type": "text/html"}), Answer(instead=hang_up),
], ids=["500", "302", "418", "portal", "hang-up"])  # fmt: skip
def test_nothing_else_is_taken_for_an_end(
    rule: Rule, key: Fake, rules: RuleSet, server: Simulator, reply: Answer
) -> None:
    """A bare 200 counts only where the documents promise nothing more; the check afterwards sees through a portal."""
    said, asked = end(rule, key, rules, server, reply)
    bare = [told for told in _replies(rule) if told["status"] == 200 and not told.keys() & {"json", "text", "header"}]
    if not (bare and reply.body):
        assert said.outcome == "unknown"
    assert [one.host for one in asked] == ["desk.test"] * len(asked) and len(asked) <= 2


def _replies(rule: Rule) -> list[dict[str, Any]]:
    data = rule.revoke or {}
    found: list[dict[str, Any]] = data["delete"]["replies"] if data["how"] == "owner" else data["replies"]
    return found


def test_a_thousand_keys_go_in_one_report(rules: RuleSet, server: Simulator) -> None:
    rule = rules.get("github-personal-access-token")
    maker = KeyMaker(rule, random.Random())
    override = Override(base_url=server.url("desk.test"))
    settings = VerifySettings(providers={"github": override}, allow_loopback=True)
    endings = endings_of([finding_of(rule, maker.make()) for _ in range(1000)], rules, settings)
    server.answers["desk.test"] = lambda _: Answer(202, {})
    server.asked.clear()
    requester = Requester(timeout=60.0, allow_loopback=True, ca_bundle=str(server.authority), resolver=server.resolve)
    said = Acts(requester, FlyingClock(), settings).report(endings)
    requester.close()
    assert said.outcome == "accepted" and endings[0].batch == 1000
    (asked,) = server.asked
    assert len(set(json.loads(asked.body)["credentials"])) == 1000


def test_a_host_beside_the_key_does_not_decide(rules: RuleSet) -> None:
    """A stranger's line names the host that would get the key."""
    rule = rules.get("legba-api-key")
    fake = KeyMaker(rule, random.Random()).make()
    finding = finding_of(rule, fake, {"host": "evil.test", "org_uuid": PARTS["org_uuid"]})
    (ending,) = endings_of([finding], rules, VerifySettings())
    assert not ending.asks and "does not decide where a key is sent" in ending.barred
