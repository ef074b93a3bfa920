"""What the five founding providers document of their keys, line by line: the usual places, what is shown of a key,
live and test, placeholders, published samples, and keys that are cut."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from scanner.fakes import Fake
from scanner.matcher import Matcher
from scanner.models import Chunk, Finding, Origin, Severity

NewKey = Callable[..., Fake]

ORG = "7d1f2c80-55a1-4c8e-9b0c-2f4f6e2b8a10"
LEGBA_URL = f"https://legba.widgets.net/orgs/{ORG}/api/instances"
ICP = "https://api.linkt.ai/v1/icp"
BUNDLE = "https://api.logic64.com/bundles/latest"

PREFIX = {"logtalk-api-key", "sk-api-key", "stripe-secret-key", "legba-api-key", "logic64-api-key"}
"""The rules that know their keys by a prefix, which is public."""


def look(matcher: Matcher, text: str, path: str = "notes.txt") -> list[Finding]:
    return list(matcher.find(Chunk(text.encode(), Origin(path))))


def told(findings: list[Finding]) -> list[tuple[str, str, str, str]]:
    return [(one.rule_id, one.environment, one.masked, one.sample) for one in findings]


def shown(key: Fake) -> str:
    """The key as it may be shown: what is public, and a mask that does not tell the secret's length."""
    return key.key[: key.secret_start].decode() + "********"


# (what, file, text with {key}, rule that makes the key, environment, variable)
PLACES: list[tuple[str, str, str, str, str, str]] = [
    # LogTalk
    ("shell", "deploy.sh", "export LOGTALK_API_KEY={key}", "logtalk-api-key", "live", "LOGTALK_API_KEY"),
    ("shell-quoted", "deploy.sh", 'LOGTALK_API_KEY="{key}" ./run', "logtalk-api-key", "test", "LOGTALK_API_KEY"),
    ("dotenv", ".env", "PORT=80\nLOGTALK_API_KEY={key}\nDEBUG=1\n", "logtalk-api-key", "live", "LOGTALK_API_KEY"),
    ("dotenv-crlf", ".env", "LOGTALK_API_KEY={key}\r\nDEBUG=1\r\n", "logtalk-api-key", "test", "LOGTALK_API_KEY"),
    ("github-actions", ".github/workflows/ci.yml", "    env:\n      LOGTALK_API_KEY: {key}\n", "logtalk-api-key",
     "test", "LOGTALK_API_KEY"),
    ("gitlab-ci", ".gitlab-ci.yml", 'variables:\n  LOGTALK_API_KEY: "{key}"\n', "logtalk-api-key", "live",
     "LOGTALK_API_KEY"),
    ("header", "log.txt", "> Authorization: Bearer {key}", "logtalk-api-key", "live", "Authorization"),
    ("curl", "try.sh", 'curl -H "Authorization: Bearer {key}" https://api.logtalk.io/v1/conversions',
     "logtalk-api-key", "test", "Authorization"),
    ("fetch", "app.js", 'fetch("https://api.logtalk.io/v1/conversions", {\n  headers: {\n'
     "    Authorization: `Bearer {key}`,\n  },\n});", "logtalk-api-key", "live", "Authorization"),
    ("json-body", "reply.json", '{"request": {"headers": {"authorization": "Bearer {key}"}}}', "logtalk-api-key",
     "live", "authorization"),
    ("ci-output", "job.log", "2026-11-20T10:04:05.1234567Z + LOGTALK_API_KEY={key} make", "logtalk-api-key", "live",
     "LOGTALK_API_KEY"),
    ("chat", "chat.md", "just use {key}, it works", "logtalk-api-key", "live", ""),
    # Legba, by its prefix
    ("shell", "run.sh", "export LEGBA_API_TOKEN={key}", "legba-api-key", "", "LEGBA_API_TOKEN"),
    ("dotenv", ".env", f"LEGBA_ORG_UUID={ORG}\nLEGBA_API_TOKEN={{key}}\n", "legba-api-key", "", "LEGBA_API_TOKEN"),
    ("bare-header", "x.http", "Authorization: Bearer {key}", "legba-api-key", "", "Authorization"),
    ("rotation-answer", "reply.json", '{"key": "{key}", "key_id": "k_12", "created_at": "2026-01-02T03:04:05Z"}',
     "legba-api-key", "", "key"),
    ("chat", "chat.txt", "the new one is {key}", "legba-api-key", "", ""),
    # Legba, by its variable
    ("token", "run.sh", "export LEGBA_API_TOKEN={key}", "legba-api-token", "", "LEGBA_API_TOKEN"),
    ("key", ".env", "LEGBA_API_KEY='{key}'", "legba-api-token", "", "LEGBA_API_KEY"),
    ("settings", ".env", f"LEGBA_BASE_URL=https://legba.widgets.net\nLEGBA_ORG_UUID={ORG}\nLEGBA_API_TOKEN={{key}}\n",
     "legba-api-token", "", "LEGBA_API_TOKEN"),
    ("github-actions", ".github/workflows/ci.yml", "env:\n  LEGBA_API_TOKEN: {key}\n", "legba-api-token", "",
     "LEGBA_API_TOKEN"),
    ("compose", "compose.yml", "    environment:\n      - LEGBA_API_TOKEN={key}\n", "legba-api-token", "",
     "LEGBA_API_TOKEN"),
    ("kubernetes", "pod.yaml", "      - name: LEGBA_API_TOKEN\n        value: {key}\n", "legba-api-token", "",
     "LEGBA_API_TOKEN"),
    ("docker-layer", "Dockerfile", "ENV LEGBA_API_TOKEN {key}", "legba-api-token", "", "LEGBA_API_TOKEN"),
    ("python", "app.py", 'os.environ["LEGBA_API_TOKEN"] = "{key}"', "legba-api-token", "", "LEGBA_API_TOKEN"),
    ("powershell", "run.ps1", '$env:LEGBA_API_TOKEN = "{key}"', "legba-api-token", "", "LEGBA_API_TOKEN"),
    # Legba, by the address of its request
    ("url-first", "try.sh", f'curl {LEGBA_URL} -H "Authorization: Bearer {{key}}"', "legba-request-token", "",
     "Authorization"),
    ("url-first-lines", "try.sh", f'curl -X GET "{LEGBA_URL}" \\\n  -H "Accept: application/json" \\\n'
     '  -H "Authorization: Bearer {key}"\n', "legba-request-token", "", "Authorization"),
    ("http-dump", "dump.http", f"GET /orgs/{ORG}/api/instances HTTP/1.1\r\nHost: legba.widgets.net\r\n"
     "Accept: */*\r\nAuthorization: Bearer {key}\r\n\r\n", "legba-request-token", "", "Authorization"),
    ("requests", "app.py", f'response = requests.get(\n    "{LEGBA_URL}",\n'
     '    headers={"Authorization": "Bearer {key}"},\n)', "legba-request-token", "", "Authorization"),
    ("fetch", "app.js", f"const reply = await fetch('{LEGBA_URL}', {{\n  headers: {{\n"
     "    'Authorization': 'Bearer {key}',\n  }},\n}});", "legba-request-token", "", "Authorization"),
    ("rotate", "rotate.sh", f"curl -X POST https://legba.widgets.net/orgs/{ORG}/api/key/rotate "
     "-H 'Authorization: Bearer {key}'", "legba-request-token", "", "Authorization"),
    ("url-with-names", "app.py", 'url = f"{base}/orgs/{org_uuid}/api/instances"\n'
     'requests.get(url, headers={"Authorization": "Bearer {key}"})', "legba-request-token", "", "Authorization"),
    ("url-with-template", "app.js", "fetch(`${host}/orgs/${orgUuid}/api/instances`, {\n"
     "  headers: { Authorization: 'Bearer {key}' },\n})", "legba-request-token", "", "Authorization"),
    ("header-first", "try.sh", f'curl -H "Authorization: Bearer {{key}}" {LEGBA_URL}', "legba-header-token", "",
     "Authorization"),
    ("header-first-lines", "try.sh", "curl -s \\\n  -H 'Authorization: Bearer {key}' \\\n  -H 'Accept: */*' \\\n"
     f"  '{LEGBA_URL}'", "legba-header-token", "", "Authorization"),
    ("httpx", "app.py", 'client = httpx.Client(headers={"Authorization": "Bearer {key}"})\n'
     f'client.get("{LEGBA_URL}")', "legba-header-token", "", "Authorization"),
    ("header-first-names", "app.py", 'headers = {"Authorization": "Bearer {key}"}\n'
     'requests.get(f"{base}/orgs/{org}/api/instances", headers=headers)', "legba-header-token", "", "Authorization"),
    # The sk_ API, and Stripe with the same prefixes
    ("dotenv-live", ".env", "API_KEY={key}", "sk-api-key", "live", "API_KEY"),
    ("dotenv-test", ".env", "API_KEY={key}", "sk-api-key", "test", "API_KEY"),
    ("curl", "try.sh", 'curl https://api.example.com/v1/users/usr_123 \\\n  -H "Authorization: Bearer {key}"',
     "sk-api-key", "live", "Authorization"),
    ("client-side", "index.html", '<script>const client = new Client("{key}");</script>', "sk-api-key", "live",
     "Client"),
    ("ci-output", "job.log", "2026-11-20T10:04:05Z API_KEY={key}", "sk-api-key", "test", "API_KEY"),
    ("stripe-live", ".env", "STRIPE_SECRET_KEY={key}", "stripe-secret-key", "live", "STRIPE_SECRET_KEY"),
    ("stripe-test", "app.rb", "Stripe.api_key = '{key}'", "stripe-secret-key", "test", "Stripe.api_key"),
    # Linkt
    ("shell", "run.sh", "export LINKT_API_KEY={key}", "linkt-api-key", "", "LINKT_API_KEY"),
    ("dotenv", ".env", "LINKT_API_KEY={key}\n", "linkt-api-key", "", "LINKT_API_KEY"),
    ("github-actions", ".github/workflows/ci.yml", "env:\n  LINKT_API_KEY: {key}\n", "linkt-api-key", "",
     "LINKT_API_KEY"),
    ("gitlab-ci", ".gitlab-ci.yml", 'variables:\n  LINKT_API_KEY: "{key}"\n', "linkt-api-key", "", "LINKT_API_KEY"),
    ("client", "app.py", 'client = Linkt(api_key="{key}")', "linkt-api-key", "", "api_key"),
    ("client-lines", "app.py", 'client = Linkt(\n    api_key="{key}",\n)', "linkt-api-key", "", "api_key"),
    ("client-js", "app.ts", "const client = new Linkt({ apiKey: '{key}' });", "linkt-api-key", "", "apiKey"),
    ("client-js-lines", "app.ts", "const client = new Linkt({\n  apiKey: '{key}',\n});", "linkt-api-key", "", "apiKey"),
    ("url-first", "try.sh", f'curl {ICP} -H "x-api-key: {{key}}"', "linkt-request-key", "", "x-api-key"),
    ("url-first-lines", "try.sh", f'curl -s "{ICP}" \\\n  -H "x-api-key: {{key}}"', "linkt-request-key", "",
     "x-api-key"),
    ("url-far-above", "try.sh", f'curl --request GET \\\n  --url {ICP} \\\n  --header "Accept: application/json" \\\n'
     '  --header "x-api-key: {key}"', "linkt-request-key", "", "x-api-key"),
    ("fetch", "app.js", f'fetch("{ICP}", {{\n  method: "GET",\n  headers: {{\n    "x-api-key": "{{key}}",\n  }},\n}});',
     "linkt-request-key", "", "x-api-key"),
    ("requests", "app.py", f'requests.get(\n    "{ICP}",\n    headers={{\n        "X-API-Key": "{{key}}",\n    }},\n)',
     "linkt-request-key", "", "X-API-Key"),
    ("http-dump", "dump.http", "GET /v1/icp HTTP/1.1\r\nHost: api.linkt.ai\r\nAccept: */*\r\nx-api-key: {key}\r\n\r\n",
     "linkt-request-key", "", "x-api-key"),
    ("header-first", "try.sh", f"curl -H 'x-api-key: {{key}}' {ICP}", "linkt-header-key", "", "x-api-key"),
    ("header-first-lines", "try.sh", "curl -H 'x-api-key: {key}' \\\n  -H 'Accept: application/json' \\\n"
     f"  {ICP}", "linkt-header-key", "", "x-api-key"),
    ("httpx", "app.py", 'headers = {\n    "x-api-key": "{key}",\n    "accept": "application/json",\n}\n'
     f'reply = httpx.get("{ICP}", headers=headers)', "linkt-header-key", "", "x-api-key"),
    # Logic64
    ("shell", "run.sh", "export LOGIC64_TOKEN={key}", "logic64-api-key", "", "LOGIC64_TOKEN"),
    ("dotenv", ".env", "LOGIC64_TOKEN={key}", "logic64-api-key", "", "LOGIC64_TOKEN"),
    ("config", "home/.logic64/config.json", '{\n  "api_key": "{key}"\n}\n', "logic64-api-key", "", "api_key"),
    ("option", "run.sh", "logic64 download --api-key {key} --out x", "logic64-api-key", "", "api-key"),
    ("option-equals", "run.sh", "logic64 login --api-key={key}", "logic64-api-key", "", "api-key"),
    ("history-zsh", ".zsh_history", ": 1763632800:0;logic64 login --api-key {key}", "logic64-api-key", "", "api-key"),
    ("history-bash", ".bash_history", "#1763632800\nexport LOGIC64_TOKEN={key}\n", "logic64-api-key", "",
     "LOGIC64_TOKEN"),
    ("ci-output", "job.log", "2026-11-20T10:04:05.123Z ##[group]Run logic64\n2026-11-20T10:04:05.124Z   LOGIC64_TOKEN: "
     "{key}\n", "logic64-api-key", "", "LOGIC64_TOKEN"),
    ("ci-output-colour", "job.log", "\x1b[36;1mLOGIC64_TOKEN={key}\x1b[0m", "logic64-api-key", "", "LOGIC64_TOKEN"),
    ("docker-layer", "history.txt", "/bin/sh -c #(nop)  ENV LOGIC64_TOKEN={key}", "logic64-api-key", "",
     "LOGIC64_TOKEN"),
    ("image-config", "image.json", '{"config": {"Env": ["PATH=/usr/bin", "LOGIC64_TOKEN={key}"]}}', "logic64-api-key",
     "", "LOGIC64_TOKEN"),
    ("dockerfile", "Dockerfile", "ARG LOGIC64_TOKEN={key}\n", "logic64-api-key", "", "LOGIC64_TOKEN"),
    ("bearer", "try.sh", f'curl -H "Authorization: Bearer {{key}}" {BUNDLE}', "logic64-api-key", "", "Authorization"),
    ("deprecated-header", "try.sh", f'curl {BUNDLE} -H "X-API-Key: {{key}}"', "logic64-api-key", "", "X-API-Key"),
]  # fmt: skip


def ids(rows: list[Any]) -> list[str]:
    return [f"{row[3]}-{row[0]}" for row in rows]


@pytest.mark.parametrize(("what", "path", "text", "rule", "environment", "variable"), PLACES, ids=ids(PLACES))
def test_a_key_is_found_in_its_usual_place(
    matcher: Matcher, new_key: NewKey, what: str, path: str, text: str, rule: str, environment: str, variable: str
) -> None:
    key = new_key(rule, environment)
    findings = look(matcher, text.replace("{key}", key.key.decode()), path)
    expected = shown(key) if rule in PREFIX else "********"
    assert told(findings) == [(rule, environment, expected, "")], what
    assert findings[0].variable == variable
    assert key.secret.decode() not in findings[0].text + findings[0].masked + repr(findings[0])
    assert expected in findings[0].text


@pytest.mark.parametrize("rule", ["logtalk-api-key", "sk-api-key", "stripe-secret-key"])
def test_a_live_key_is_worse_than_a_test_key(matcher: Matcher, new_key: NewKey, rule: str) -> None:
    text = "\n".join(f"API_KEY={new_key(rule, name).key.decode()}" for name in ("live", "test"))
    live, test = look(matcher, text)
    assert (live.environment, test.environment) == ("live", "test")
    assert live.severity.rank <= Severity.HIGH.rank < test.severity.rank


HEX = "e3b0c44298fc1c149afb4c8996fb92427ae41e4649b934ca495991b7852b855"

SAMPLES = [
    ("logtalk", "LOGTALK_API_KEY=lt_live_a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6", "logtalk-api-key", "live",
     "lt_live_********"),
    ("legba", '{"key": "legba_new_api_key_xyz789", "key_id": "k_1"}', "legba-api-key", "", "legba_********"),
    ("sk", "Authorization: Bearer sk_live_abc123xyz789", "sk-api-key", "live", "sk_live_********"),
    ("logic64-32", "LOGIC64_TOKEN=l64_abc12345_a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4", "logic64-api-key", "",
     "l64_abc12345_********"),
    ("logic64-63", f"Authorization: Bearer l64_abc12345_{HEX}", "logic64-api-key", "", "l64_abc12345_********"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "rule", "environment", "masked"), [row[1:] for row in SAMPLES], ids=[row[0] for row in SAMPLES]
)
def test_a_published_sample_is_recognised_as_one(
    matcher: Matcher, text: str, rule: str, environment: str, masked: str
) -> None:
    findings = look(matcher, text, "docs/authentication.md")
    assert told(findings) == [(rule, environment, masked, "documented")]
    assert masked in findings[0].text


NO_LEAKS = [
    ("logtalk-placeholder", ".env.example", "LOGTALK_API_KEY=lt_live_your_api_key_here"),
    ("logtalk-github-actions", ".github/workflows/ci.yml", "env:\n  LOGTALK_API_KEY: ${{ secrets.LOGTALK_API_KEY }}"),
    ("logtalk-gitlab-ci", ".gitlab-ci.yml", "variables:\n  LOGTALK_API_KEY: $LOGTALK_API_KEY"),
    ("logtalk-header", "try.sh",
     'curl -H "Authorization: Bearer $LOGTALK_API_KEY" https://api.logtalk.io/v1/conversions'),
    ("logtalk-prefix", "a.md", "Production keys begin with `lt_live_`, sandbox keys with `lt_test_`."),
    ("logtalk-error", "reply.json", '{"success": false, "error": {"code": "INVALID_API_KEY", "message": "Invalid key",'
     ' "documentation_url": "https://docs.logtalk.io/errors"}, "request_id": "req_8f3k2j5h7d9s1a4q"}'),
    ("legba-placeholder", ".env.example", "LEGBA_API_TOKEN=legba_your_api_token_here"),
    ("legba-reference", ".gitlab-ci.yml", "variables:\n  LEGBA_API_TOKEN: $LEGBA_API_TOKEN"),
    ("legba-github-actions", "ci.yml", "env:\n  LEGBA_API_KEY: ${{ secrets.LEGBA_API_KEY }}"),
    ("legba-organisation", ".env", f"LEGBA_BASE_URL=https://legba.widgets.net\nLEGBA_ORG_UUID={ORG}\n"),
    ("legba-request", "try.sh", f'curl {LEGBA_URL} -H "Authorization: Bearer $LEGBA_API_TOKEN"'),
    ("legba-request-placeholder", "a.md", "curl https://{your-api-host}/orgs/{org_uuid}/api/instances "
     '-H "Authorization: Bearer YOUR_API_TOKEN"'),
    ("legba-request-names", "app.py", 'url = f"{base}/orgs/{org_uuid}/api/instances"\n'
     'headers = {"Authorization": f"Bearer {os.environ[\'LEGBA_API_TOKEN\']}"}'),
    ("legba-code", "app.py", "legba_client_v2 = legba_connection_from_settings(legba_settings2)"),
    ("sk-prefix", "reply.json", '{"success": true, "data": [{"id": "key_123", "name": "ci", "prefix": "sk_live_"}]}'),
    ("sk-placeholder", ".env.example", "API_KEY=sk_live_your_key_here"),
    ("sk-crosses", ".env.example", "API_KEY=sk_test_xxxxxxxxxxxxxxxx"),
    ("stripe-placeholder", ".env.example", "STRIPE_SECRET_KEY=sk_test_xxxxxxxxxxxxxxxxxxxxxxxx"),
    ("linkt-placeholder", ".env.example", "LINKT_API_KEY=your_linkt_api_key_here"),
    ("linkt-github-actions", "ci.yml", "env:\n  LINKT_API_KEY: ${{ secrets.LINKT_API_KEY }}"),
    ("linkt-gitlab-ci", ".gitlab-ci.yml", "variables:\n  LINKT_API_KEY: $LINKT_API_KEY"),
    ("linkt-environment", "app.py", 'client = Linkt(api_key=os.environ["LINKT_API_KEY"])'),
    ("linkt-environment-js", "app.ts", "const client = new Linkt({ apiKey: process.env.LINKT_API_KEY });"),
    ("linkt-header", "try.sh", f'curl {ICP} -H "x-api-key: $LINKT_API_KEY"'),
    ("linkt-header-placeholder", "a.md", f'curl -H "x-api-key: YOUR_API_KEY" {ICP}'),
    ("linkt-ellipsis", "app.py", 'client = Linkt(api_key="...")'),
    ("logic64-cut-12", "a.md", "l64_abc12345_e3b0c44298fc..."),
    ("logic64-cut-31", "a.md", "LOGIC64_TOKEN=l64_abc12345_e3b0c44298fc1c149afb4c8996fb924..."),
    ("logic64-cut-ellipsis", "a.md", "LOGIC64_TOKEN=l64_abc12345_e3b0c44298fc1c149afb4c8996fb92427ae4\u2026"),
    ("logic64-too-long", ".env", f"see l64_abc12345_{HEX}0a"),
    ("logic64-too-short", ".env", f"see l64_abc12345_{HEX[:31]}"),
    ("logic64-masked", "job.log", "using l64_abc12345_********"),
    ("logic64-public-part", "job.log", "using key l64_abc12345"),
    ("logic64-env-example", ".env.example", "LOGIC64_TOKEN=l64_xxxxxxxx_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
    ("logic64-placeholder", ".env.example", "LOGIC64_TOKEN=your-logic64-token-goes-here"),
    ("logic64-reference", "Dockerfile", "ARG LOGIC64_TOKEN\nENV LOGIC64_TOKEN=${LOGIC64_TOKEN}"),
    ("logic64-github-actions", "ci.yml", "env:\n  LOGIC64_TOKEN: ${{ secrets.LOGIC64_TOKEN }}"),
    ("logic64-hint", "reply.json", '{"code": "INVALID_API_KEY", "hint": "Run: logic64 login"}'),
]  # fmt: skip


@pytest.mark.parametrize(("path", "text"), [row[1:] for row in NO_LEAKS], ids=[row[0] for row in NO_LEAKS])
def test_what_is_no_leak_is_not_reported(matcher: Matcher, path: str, text: str) -> None:
    assert told(look(matcher, text, path)) == []


@pytest.mark.parametrize(
    ("rule", "keep"),
    [("logtalk-api-key", 31), ("sk-api-key", 11), ("logic64-api-key", 31), ("logic64-api-key", 12)],
)
@pytest.mark.parametrize("after", ["", "...", "\u2026", " [truncated]"])
def test_a_cut_key_is_not_reported(matcher: Matcher, new_key: NewKey, rule: str, keep: int, after: str) -> None:
    """One character less than the shortest key, and as documents write keys they do not want to show whole."""
    key = new_key(rule)
    cut = key.key[: key.secret_start + keep].decode()
    assert told(look(matcher, f"the key {cut}{after}\n")) == []


@pytest.mark.parametrize("length", [32, 40, 63, 64])
def test_logic64_secrets_of_every_documented_length(matcher: Matcher, length: int) -> None:
    text = f"LOGIC64_TOKEN=l64_q7w2e9r4_{(HEX[7:] + HEX)[:length]}"
    assert [(one.rule_id, one.masked, one.sample) for one in look(matcher, text)] == [
        ("logic64-api-key", "l64_q7w2e9r4_********", "")
    ]


def test_the_length_tells_the_sk_api_from_stripe(matcher: Matcher) -> None:
    """12 to 23 characters behind the prefix are the sk_ API's, 24 and more are Stripe's; never both."""
    drawn = "q8Zr4Tn1Vb7Kx2Lm9Pc5Wd3Hs6Jf0Gy"
    sizes = (11, 12, 23, 24, 31)
    rules = {size: [one.rule_id for one in look(matcher, f"KEY=sk_live_{drawn[:size]}")] for size in sizes}
    sk, stripe = ["sk-api-key"], ["stripe-secret-key"]
    assert rules == {11: [], 12: sk, 23: sk, 24: stripe, 31: stripe}
