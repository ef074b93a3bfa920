"""How providers answer, as their public documents say: the five founders and a dozen others, for the simulator.

Each is a function of the request and of what its server knows of keys: `state(KEY)` is "" for one that it never made.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping

from tests.simulator import Answer, Asked

State = Callable[[str], str]
Documented = Callable[[Asked, State], Answer]


def logtalk(asked: Asked, state: State) -> Answer:
    """Errors carry a code; a plan without API access is 403."""

    def error(status: int, code: str) -> Answer:
        told = {"code": code, "message": "No.", "documentation_url": "https://docs.logtalk.io/errors"}
        return Answer(status, {"success": False, "error": told, "request_id": "r1", "timestamp": "2026-01-01"})

    if not asked.bearer:
        return error(401, "MISSING_API_KEY")
    known = state(asked.bearer)
    if known == "active" and asked.path == "/v1/conversions":
        return Answer(200, {"data": []})
    codes = {"expired": (401, "EXPIRED_API_KEY"), "no-plan": (403, "API_ACCESS_DENIED")}
    return error(*codes.get(known, (401, "INVALID_API_KEY")))


def legba(asked: Asked, state: State) -> Answer:
    """A host of the customer's, and the organisation in the path."""
    known = state(asked.bearer)
    if known == "active" and asked.path == "/orgs/7d1f2c80-55a1-4c8e-9b0c-2f4f6e2b8a10/api/key":
        about = {"name": "ci", "created_at": "2026-01-01", "last_used_at": None, "scopes": ["instances:read"]}
        return Answer(200, {"key_id": "k_1", **about})
    return Answer(401, {"error": {"code": "UNAUTHORIZED", "message": "missing, expired or revoked"}})


def sk_api(asked: Asked, state: State) -> Answer:
    """401 for what is not known, 403 without permission."""
    known = state(asked.bearer)
    if known == "active" and asked.path == "/v1/api-keys":
        return Answer(200, {"success": True, "data": [{"id": "key_123", "name": "ci", "prefix": "sk_live_"}]})
    return Answer(403 if known == "restricted" else 401, {"success": False})


def linkt(asked: Asked, state: State) -> Answer:
    """The key in a header of its own, and a limit."""
    known = state(asked.headers.get("x-api-key", ""))
    if known == "active" and asked.path == "/v1/icp":
        return Answer(200, {"items": []})
    if known == "restricted":
        return Answer(403, {"error": "forbidden"})
    if known == "rate-limited":
        return Answer(429, {"error": "rate_limit_exceeded"})
    return Answer(401, {"error": "unauthorized"})


def logic64(asked: Asked, state: State) -> Answer:
    """A download for a good key; past ten a minute 429 with Retry-After."""
    known = state(asked.bearer)
    if known == "active" and asked.path == "/bundles/latest":
        return Answer(200, body=b"PK\x03\x04" + b"\0" * 2000, headers={"Content-Type": "application/zip"})
    if known == "rate-limited":
        return Answer(429, {"code": "RATE_LIMITED"}, headers={"Retry-After": "7"})
    return Answer(401, {"code": "INVALID_API_KEY", "hint": "Run: logic64 login"})


def github(asked: Asked, state: State) -> Answer:
    """`GET /user`."""
    known = state(asked.bearer)
    if known == "active" and asked.path == "/user":
        return Answer(200, {"login": "octocat", "id": 1})
    if known == "restricted":
        return Answer(403, {"message": "Resource not accessible by personal access token"})
    return Answer(401, {"message": "Bad credentials", "documentation_url": "https://docs.github.com/rest"})


def gitlab(asked: Asked, state: State) -> Answer:
    """`GET /api/v4/personal_access_tokens/self`."""
    known = state(asked.headers.get("private-token", ""))
    if known == "active" and asked.path == "/api/v4/personal_access_tokens/self":
        return Answer(200, {"id": 4, "name": "ci", "revoked": False, "active": True, "scopes": ["api"]})
    told = {"revoked": "Token was revoked. You have to re-authorize from the user.", "expired": "Token is expired."}
    if known in told:
        return Answer(401, {"error": "invalid_token", "error_description": told[known]})
    return Answer(401, {"message": "401 Unauthorized"})


def slack(asked: Asked, state: State) -> Answer:
    """`auth.test`: 200 whatever it says."""
    known = state(asked.bearer)
    if known == "active" and asked.path == "/api/auth.test" and asked.method == "POST":
        return Answer(200, {"ok": True, "url": "https://acme.slack.com/", "user_id": "U1", "team_id": "T1"})
    errors = {"revoked": "token_revoked", "expired": "token_expired", "disabled": "account_inactive"}
    return Answer(200, {"ok": False, "error": errors.get(known, "invalid_auth")})


def stripe(asked: Asked, state: State) -> Answer:
    """`GET /v1/account`."""
    known = state(asked.bearer)
    if known == "active" and asked.path == "/v1/account":
        return Answer(200, {"object": "account", "id": "acct_1"})
    if known == "expired":
        return Answer(401, {"error": {"code": "api_key_expired", "message": "Expired API Key provided"}})
    return Answer(401, {"error": {"message": "Invalid API Key provided", "type": "invalid_request_error"}})


def openai(asked: Asked, state: State) -> Answer:
    """`GET /v1/models`; a quota that is used up is 429, and only a genuine key has one."""
    known = state(asked.bearer)
    if known == "active" and asked.path == "/v1/models":
        return Answer(200, {"object": "list", "data": []})
    if known == "no-quota":
        return Answer(429, {"error": {"code": "insufficient_quota"}})
    if known == "busy":
        return Answer(429, {"error": {"code": "rate_limit_exceeded"}})
    return Answer(401, {"error": {"code": "invalid_api_key", "message": "Incorrect API key provided"}})


def anthropic(asked: Asked, state: State) -> Answer:
    """`GET /v1/models`."""
    known = state(asked.headers.get("x-api-key", ""))
    if known == "active" and asked.headers.get("anthropic-version"):
        return Answer(200, {"data": [{"type": "model", "id": "m"}], "has_more": False})
    if known == "restricted":
        return Answer(403, {"type": "error", "error": {"type": "permission_error", "message": "no"}})
    return Answer(401, {"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}})


def npm(asked: Asked, state: State) -> Answer:
    """`GET /-/whoami`."""
    if state(asked.bearer) == "active" and asked.path == "/-/whoami":
        return Answer(200, {"username": "ann"})
    return Answer(401, {}, headers={"WWW-Authenticate": "Bearer"})


def sendgrid(asked: Asked, state: State) -> Answer:
    """`GET /v3/scopes`."""
    if state(asked.bearer) == "active" and asked.path == "/v3/scopes":
        return Answer(200, {"scopes": ["mail.send"]})
    wrong = "The provided authorization grant is invalid, expired, or revoked"
    return Answer(401, {"errors": [{"field": None, "message": wrong}]})


def digitalocean(asked: Asked, state: State) -> Answer:
    """`GET /v2/account`."""
    if state(asked.bearer) == "active" and asked.path == "/v2/account":
        return Answer(200, {"account": {"uuid": "u", "status": "active"}})
    return Answer(401, {"id": "Unauthorized", "message": "Unable to authenticate you"})


def cloudflare(asked: Asked, state: State) -> Answer:
    """`GET /client/v4/user/tokens/verify`."""
    known = state(asked.bearer)
    if known in ("active", "disabled", "expired"):
        return Answer(200, {"success": True, "errors": [], "result": {"id": "i", "status": known}})
    return Answer(401, {"success": False, "errors": [{"code": 1000, "message": "Invalid API Token"}]})


def airtable(asked: Asked, state: State) -> Answer:
    """`GET /v0/meta/whoami`."""
    if state(asked.bearer) == "active" and asked.path == "/v0/meta/whoami":
        return Answer(200, {"id": "usr1", "scopes": []})
    return Answer(401, {"error": {"type": "AUTHENTICATION_REQUIRED", "message": "Authentication required"}})


def twilio(asked: Asked, state: State) -> Answer:
    """Account id and token as user and password, the id in the path, too."""
    user, _, password = base64.b64decode(asked.headers.get("authorization", "Basic ")[6:]).decode().partition(":")
    known = state(password)
    if known in ("active", "closed") and asked.path == f"/2010-04-01/Accounts/{user}.json":
        return Answer(200, {"sid": user, "status": known})
    return Answer(401, {"code": 20003, "message": "Authenticate", "status": 401})


def notion(asked: Asked, state: State) -> Answer:
    """`GET /v1/users/me`."""
    known = state(asked.bearer)
    if known == "active" and asked.headers.get("notion-version"):
        return Answer(200, {"object": "user", "id": "u", "type": "bot"})
    return Answer(401, {"object": "error", "status": 401, "code": "unauthorized", "message": "API token is invalid."})


def linear(asked: Asked, state: State) -> Answer:
    """GraphQL."""
    known = state(asked.headers.get("authorization", ""))
    if known == "active" and "viewer" in json.loads(asked.body)["query"]:
        return Answer(200, {"data": {"viewer": {"id": "u"}}})
    return Answer(400, {"errors": [{"message": "x", "extensions": {"type": "authentication error"}}]})


def telegram(asked: Asked, state: State) -> Answer:
    """The key in the address."""
    key, _, method = asked.path.removeprefix("/bot").partition("/")
    if state(key.replace("%3A", ":")) == "active" and method == "getMe":
        return Answer(200, {"ok": True, "result": {"id": 7, "is_bot": True}})
    return Answer(401, {"ok": False, "error_code": 401, "description": "Unauthorized"})


PROVIDERS: Mapping[str, tuple[str, Documented]] = {
    "logtalk": ("api.logtalk.io", logtalk),
    "legba": ("legba.acme.net", legba),
    "sk-api": ("api.example.com", sk_api),
    "linkt": ("api.linkt.ai", linkt),
    "logic64": ("api.logic64.com", logic64),
    "github": ("api.github.com", github),
    "gitlab": ("gitlab.com", gitlab),
    "slack": ("slack.com", slack),
    "stripe": ("api.stripe.com", stripe),
    "openai": ("api.openai.com", openai),
    "anthropic": ("api.anthropic.com", anthropic),
    "npm": ("registry.npmjs.org", npm),
    "sendgrid": ("api.sendgrid.com", sendgrid),
    "digitalocean": ("api.digitalocean.com", digitalocean),
    "cloudflare": ("api.cloudflare.com", cloudflare),
    "airtable": ("api.airtable.com", airtable),
    "twilio": ("api.twilio.com", twilio),
    "notion": ("api.notion.com", notion),
    "linear": ("api.linear.app", linear),
    "telegram": ("api.telegram.org", telegram),
}
"""Of each provider its host, and how it answers."""
