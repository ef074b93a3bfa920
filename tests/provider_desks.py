"""Providers as their public documents describe them: what is asked, how the key travels, and what they answer to keys
in different states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Desk:
    """A provider: the rule whose keys it issued, what must have been asked (`GET /user`), how the key travels, and its
    answers to keys in different states, each with the verdict it stands for. Keys it never issued are `invalid`."""

    rule: str
    line: str
    carried: tuple[str, str]
    states: Mapping[str, tuple[int, Any, str]]
    parts: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


BEARER = ("authorization", "Bearer {key}")
SID = "AC" + "0a" * 16

DESKS = [
    Desk("github-personal-access-token", "GET /user", BEARER, {
        "active": (200, {"login": "octo", "id": 1}, "active/accepted"),
        "invalid": (401, {"message": "Bad credentials", "status": "401"}, "inactive/invalid"),
        "sso": (403, {"message": "Resource protected by organization SAML enforcement. It must be granted."},
                "active/restricted"),
        "limited": (403, {"message": "API rate limit exceeded for user ID 1."}, "unknown/rate-limited"),
    }),
    Desk("github-installation-token", "GET /installation/repositories?per_page=1", BEARER, {
        "active": (200, {"total_count": 0, "repositories": []}, "active/accepted"),
        "invalid": (401, {"message": "Bad credentials"}, "inactive/invalid"),
    }),
    Desk("gitlab-personal-access-token", "GET /api/v4/personal_access_tokens/self", ("private-token", "{key}"), {
        "active": (200, {"id": 4, "active": True, "revoked": False, "scopes": ["api"]}, "active/accepted"),
        "invalid": (401, {"message": "401 Unauthorized"}, "unknown/wrong-environment"),
        "revoked": (401, {"error": "invalid_token", "error_description":
                          "Token was revoked. You have to re-authorize from the user."}, "inactive/revoked"),
        "expired": (401, {"error": "invalid_token", "error_description":
                          "Token is expired. You can either do re-authorization or token refresh."},
                    "inactive/expired"),
        "narrow": (403, {"error": "insufficient_scope", "scope": "api"}, "active/restricted"),
    }),
    Desk("slack-bot-token", "POST /api/auth.test", BEARER, {
        "active": (200, {"ok": True, "user_id": "U1", "team": "acme"}, "active/accepted"),
        "invalid": (200, {"ok": False, "error": "invalid_auth"}, "unknown/wrong-environment"),
        "revoked": (200, {"ok": False, "error": "token_revoked"}, "inactive/revoked"),
        "expired": (200, {"ok": False, "error": "token_expired"}, "inactive/expired"),
        "account": (200, {"ok": False, "error": "account_inactive"}, "inactive/disabled"),
        "late": (200, {"ok": False, "error": "ratelimited"}, "unknown/not-described"),
    }),
    Desk("stripe-secret-key", "GET /v1/account", BEARER, {
        "active": (200, {"object": "account", "id": "acct_1"}, "active/accepted"),
        "invalid": (401, {"error": {"message": "Invalid API Key provided: sk_****", "type": "invalid_request_error"}},
                    "inactive/invalid"),
        "expired": (401, {"error": {"code": "api_key_expired", "message": "Expired API Key provided: sk_live_****",
                                    "type": "invalid_request_error"}}, "inactive/expired"),
    }),
    Desk("stripe-restricted-key", "GET /v1/account", BEARER, {
        "invalid": (401, {"error": {"message": "Invalid API Key provided: rk_****"}}, "inactive/invalid"),
        "narrow": (403, {"error": {"message": "The provided key 'rk_****' does not have the required permissions for "
                                              "this endpoint on account 'acct_1'."}}, "active/restricted"),
    }),
    Desk("openai-project-key", "GET /v1/models", BEARER, {
        "active": (200, {"object": "list", "data": []}, "active/accepted"),
        "invalid": (401, {"error": {"message": "Incorrect API key provided: sk-****", "code": "invalid_api_key"}},
                    "inactive/invalid"),
        "narrow": (401, {"error": {"message": "You have insufficient permissions for this operation. Missing scopes: "
                                              "api.model.read.", "code": None}}, "active/restricted"),
        "spent": (429, {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}},
                  "active/rate-limited-key"),
    }),
    Desk("anthropic-api-key", "GET /v1/models?limit=1", ("x-api-key", "{key}"), {
        "active": (200, {"data": [{"id": "model"}]}, "active/accepted"),
        "invalid": (401, {"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}},
                    "inactive/invalid"),
        "narrow": (403, {"type": "error", "error": {"type": "permission_error", "message": "no"}}, "active/restricted"),
    }),
    Desk("huggingface-user-token", "GET /api/whoami-v2", BEARER, {
        "active": (200, {"type": "user", "name": "octo"}, "active/accepted"),
        "invalid": (401, {"error": "Invalid credentials in Authorization header"}, "inactive/invalid"),
        "expired": (401, {"error": 'User Access Token "ci" is expired'}, "inactive/expired"),
    }),
    Desk("assemblyai-api-key", "GET /v2/transcript?limit=1", ("authorization", "{key}"), {
        "active": (200, {"page_details": {"limit": 1}, "transcripts": []}, "active/accepted"),
        "invalid": (401, {"error": "Authentication error, API token missing/invalid"}, "inactive/invalid"),
    }),
    Desk("deepgram-api-key", "GET /v1/projects", ("authorization", "Token {key}"), {
        "active": (200, {"projects": []}, "active/accepted"),
        "invalid": (401, {"err_code": "INVALID_AUTH", "err_msg": "Invalid credentials."}, "inactive/invalid"),
        "narrow": (401, {"err_code": "INSUFFICIENT_PERMISSIONS", "err_msg": "No."},
                   "active/restricted"),
    }),
    Desk("elevenlabs-api-key", "GET /v1/user", ("xi-api-key", "{key}"), {
        "active": (200, {"user_id": "1", "subscription": {"tier": "free"}}, "active/accepted"),
        "invalid": (401, {"detail": {"status": "invalid_api_key", "message": "Invalid API key"}}, "inactive/invalid"),
    }),
    Desk("klaviyo-private-key", "GET /api/accounts", ("authorization", "Klaviyo-API-Key {key}"), {
        "active": (200, {"data": [{"type": "account", "id": "1"}]}, "active/accepted"),
        "invalid": (401, {"errors": [{"id": "1", "code": "not_authenticated", "title": "", "detail": ""}]},
                    "inactive/invalid"),
    }),
    Desk("resend-api-key", "GET /domains", BEARER, {
        "active": (200, {"object": "list", "data": []}, "active/accepted"),
        "invalid": (403, {"name": "invalid_api_key", "message": "API key is invalid"}, "inactive/invalid"),
        "narrow": (401, {"name": "restricted_api_key", "message": "This API key is restricted to only send emails"},
                   "active/restricted"),
    }),
    Desk("togetherai-api-key", "GET /v1/models", BEARER, {
        "active": (200, [{"id": "model"}], "active/accepted"),
        "invalid": (401, {"error": {"message": "Invalid API key provided", "type": "", "code": None}},
                    "inactive/invalid"),
    }),
    Desk("clerk-secret-key", "GET /v1/users/count", BEARER, {
        "active": (200, {"object": "total_count", "total_count": 3}, "active/accepted"),
        "invalid": (401, {"errors": [{"code": "clerk_key_invalid", "message": "invalid"}]}, "inactive/invalid"),
    }),
    Desk("neon-api-key", "GET /api/v2/auth", BEARER, {
        "active": (200, {"account_id": "1", "auth_method": "api_key_user"}, "active/accepted"),
        "invalid": (401, {"code": "", "message": "this endpoint requires an API key"}, "inactive/invalid"),
    }),
    Desk("pagerduty-api-key", "GET /abilities", ("authorization", "Token token={key}"), {
        "active": (200, {"abilities": []}, "active/accepted"),
        "invalid": (401, {"error": {"code": 2006, "message": "Unauthorized"}}, "unknown/wrong-environment"),
    }),
    Desk("sentry-user-token", "GET /api/0/", BEARER, {
        "active": (200, {"version": "0", "auth": {"scopes": ["org:read"]}, "user": None}, "active/accepted"),
        "invalid": (401, {"detail": "Invalid token"}, "unknown/wrong-environment"),
        "expired": (401, {"detail": "Token expired"}, "inactive/expired"),
        "gone": (401, {"detail": "User inactive or deleted"}, "inactive/disabled"),
        "narrow": (401, {"detail": "This token access is limited to organization endpoints."}, "active/restricted"),
    }),
    Desk("rubygems-api-key", "GET /api/v1/gems.json", ("authorization", "{key}"), {
        "active": (200, [], "active/accepted"),
        "invalid": (401, "Access Denied. Please sign up for an account at https://rubygems.org", "inactive/invalid"),
        "removed": (403, "An invalid API key cannot be used. Please delete it and create a new one.",
                    "inactive/disabled"),
        "narrow": (403, "The API key doesn't have access", "active/restricted"),
        "unconfirmed": (403, "Please confirm your email address before using the API.", "active/restricted"),
    }),
    Desk("npm-access-token", "GET /-/whoami", BEARER, {
        "active": (200, {"username": "octo"}, "active/accepted"),
        "invalid": (401, {}, "inactive/invalid"),
        "address": (401, {}, "active/restricted"),
    }, headers={"invalid": {"WWW-Authenticate": "Bearer"}, "address": {"WWW-Authenticate": "ipaddress"}}),
    Desk("cloudflare-legacy-api-token", "GET /client/v4/user/tokens/verify", BEARER, {
        "active": (200, {"success": True, "result": {"id": "1", "status": "active"}}, "active/accepted"),
        "disabled": (200, {"success": True, "result": {"id": "1", "status": "disabled"}}, "inactive/disabled"),
        "expired": (200, {"success": True, "result": {"id": "1", "status": "expired"}}, "inactive/expired"),
        "invalid": (401, {"success": False, "errors": [{"code": 1000, "message": "Invalid API Token"}]},
                    "unknown/wrong-environment"),
    }),
    Desk("digitalocean-personal-access-token", "GET /v2/account", BEARER, {
        "active": (200, {"account": {"uuid": "1", "status": "active"}}, "active/accepted"),
        "invalid": (401, {"id": "unauthorized", "message": "Unable to authenticate you."}, "inactive/invalid"),
        "narrow": (403, {"id": "forbidden", "message": "You do not have access for the attempted action."},
                   "active/restricted"),
    }),
    Desk("heroku-api-key", "GET /account", BEARER, {
        "active": (200, {"id": "1", "email": "a@widgets.net"}, "active/accepted"),
        "invalid": (401, {"id": "unauthorized", "message": "Invalid credentials provided."}, "inactive/invalid"),
    }),
    Desk("sendgrid-api-key", "GET /v3/scopes", BEARER, {
        "active": (200, {"scopes": ["mail.send"]}, "active/accepted"),
        "invalid": (401, {"errors": [{"field": None, "message": "authorization required"}]}, "inactive/invalid"),
    }),
    Desk("mailgun-api-key", "GET /v3/domains?limit=1", ("basic", "api:{key}"), {
        "active": (200, {"total_count": 0, "items": []}, "active/accepted"),
        "invalid": (401, {"message": "Unauthorized"}, "unknown/wrong-environment"),
    }),
    Desk("twilio-auth-token", f"GET /2010-04-01/Accounts/{SID}.json", ("basic", f"{SID}:{{key}}"), {
        "active": (200, {"sid": SID, "status": "active"}, "active/accepted"),
        "suspended": (200, {"sid": SID, "status": "suspended"}, "active/restricted"),
        "closed": (200, {"sid": SID, "status": "closed"}, "inactive/disabled"),
        "invalid": (401, {"code": 20003, "message": "Authenticate", "status": 401}, "inactive/invalid"),
    }, {"sid": SID}),
    Desk("datadog-api-key", "GET /api/v1/validate", ("dd-api-key", "{key}"), {
        "active": (200, {"valid": True}, "active/accepted"),
        "invalid": (403, {"errors": ["Forbidden"]}, "unknown/wrong-environment"),
    }),
    Desk("notion-token", "GET /v1/users/me", BEARER, {
        "active": (200, {"object": "user", "id": "1"}, "active/accepted"),
        "invalid": (401, {"object": "error", "status": 401, "code": "unauthorized", "message": "API token is invalid."},
                    "inactive/invalid"),
    }),
    Desk("linear-api-key", "POST /graphql", ("authorization", "{key}"), {
        "active": (200, {"data": {"viewer": {"id": "1"}}}, "active/accepted"),
        "invalid": (401, {"errors": [{"message": "Authentication required, not authenticated",
                                      "extensions": {"type": "authentication error"}}]}, "inactive/invalid"),
    }),
    Desk("discord-bot-token", "GET /api/v10/users/@me", ("authorization", "Bot {key}"), {
        "active": (200, {"id": "1", "username": "bot"}, "active/accepted"),
        "invalid": (401, {"message": "401: Unauthorized", "code": 0}, "inactive/invalid"),
    }),
    Desk("telegram-bot-token", "GET /bot{key}/getMe", ("", ""), {
        "active": (200, {"ok": True, "result": {"id": 1, "is_bot": True}}, "active/accepted"),
        "invalid": (401, {"ok": False, "error_code": 401, "description": "Unauthorized"}, "inactive/invalid"),
    }),
    Desk("mapbox-secret-token", "GET /tokens/v2?access_token={key}", ("", ""), {
        "active": (200, {"code": "TokenValid", "token": {}}, "active/accepted"),
        "revoked": (200, {"code": "TokenRevoked"}, "inactive/revoked"),
        "expired": (200, {"code": "TokenExpired"}, "inactive/expired"),
        "invalid": (200, {"code": "TokenInvalid"}, "inactive/invalid"),
    }),
    Desk("shopify-access-token", "GET /admin/oauth/access_scopes.json", ("x-shopify-access-token", "{key}"), {
        "active": (200, {"access_scopes": []}, "active/accepted"),
        "invalid": (401, {"errors": "[API] Invalid API key or access token (unrecognized login or wrong password)"},
                    "inactive/invalid"),
    }, {"shop": "acme.myshopify.com"}),
    Desk("mailchimp-api-key", "GET /3.0/ping", ("basic", "anystring:{key}"), {
        "active": (200, {"health_status": "Everything's Chimpy!"}, "active/accepted"),
        "invalid": (401, {"title": "API Key Invalid", "status": 401}, "inactive/invalid"),
    }),
    Desk("brevo-api-key", "GET /v3/account", ("api-key", "{key}"), {
        "active": (200, {"email": "a@widgets.net"}, "active/accepted"),
        "invalid": (401, {"code": "unauthorized", "message": "Key not found"}, "inactive/invalid"),
        "address": (401, {"code": "unauthorized", "message": "You are using an unrecognised IP address 192.0.2.1"},
                    "unknown/not-described"),
    }),
    Desk("google-api-key", "GET /v1beta/models?pageSize=1", ("x-goog-api-key", "{key}"), {
        "active": (200, {"models": [{"name": "models/one"}]}, "active/accepted"),
        "invalid": (400, {"error": {"code": 400, "message": "API key not valid. Please pass a valid API key.",
                                    "details": [{"reason": "API_KEY_INVALID"}]}}, "inactive/invalid"),
        "expired": (400, {"error": {"code": 400, "message": "API key expired. Please renew the API key.",
                                    "details": [{"reason": "API_KEY_INVALID"}]}}, "inactive/invalid"),
        "narrow": (403, {"error": {"code": 403, "details": [{"reason": "API_KEY_SERVICE_BLOCKED"}]}},
                   "active/restricted"),
    }),
    Desk("crates-api-token", "GET /api/v1/me", ("authorization", "{key}"), {
        "active": (403, {"errors": [{"detail": "this action can only be performed on the crates.io website"}]},
                   "active/restricted"),
        "invalid": (403, {"errors": [{"detail": "authentication failed"}]}, "inactive/invalid"),
        "old": (401, {"errors": [{"detail": "The given API token does not match the format used by crates.io."}]},
                "inactive/revoked"),
    }),
    Desk("hubspot-private-app-token", "GET /account-info/v3/details", BEARER, {
        "active": (200, {"portalId": 1, "timeZone": "UTC"}, "active/accepted"),
        "invalid": (401, {"category": "INVALID_AUTHENTICATION", "correlationId": "c1", "message": "No."},
                    "inactive/invalid"),
        "narrow": (403, {"category": "MISSING_SCOPES", "correlationId": "c1", "message": "No."}, "active/restricted"),
        "firewall": (403, {"message": "Forbidden"}, "unknown/not-described"),
    }),
    Desk("hashicorp-terraform-cloud-token", "GET /api/v2/account/details", BEARER, {
        "active": (200, {"data": {"id": "user-1", "type": "users"}}, "active/accepted"),
        "invalid": (401, {"errors": [{"status": "401", "title": "unauthorized"}]}, "unknown/wrong-environment"),
    }),
    Desk("duffel-access-token", "GET /air/airlines?limit=1", BEARER, {
        "active": (200, {"data": [{"id": "arl_1"}]}, "active/accepted"),
        "invalid": (401, {"errors": [{"code": "access_token_not_found"}]}, "inactive/invalid"),
        "narrow": (403, {"errors": [{"code": "insufficient_permissions"}]}, "active/restricted"),
    }),
    Desk("flutterwave-secret-key", "GET /v3/banks/NG", BEARER, {
        "active": (200, {"status": "success", "data": []}, "active/accepted"),
        "invalid": (401, {"status": "error", "message": "Authorization required", "data": None}, "inactive/invalid"),
    }),
    Desk("asana-personal-access-token", "GET /api/1.0/users/me", BEARER, {
        "active": (200, {"data": {"gid": "1", "resource_type": "user"}}, "active/accepted"),
        "invalid": (401, {"errors": [{"message": "Not Authorized"}]}, "inactive/invalid"),
    }),
    Desk("fly-access-token", "GET /v1/apps?org_slug=personal", BEARER, {
        "active": (200, {"total_apps": 0, "apps": []}, "active/accepted"),
        "invalid": (401, {"error": "invalid token"}, "unknown/wrong-environment"),
    }),
    Desk("gitlab-job-token", "GET /api/v4/job", ("job-token", "{key}"), {
        "active": (200, {"id": 7, "pipeline": {"id": 6}}, "active/accepted"),
        "invalid": (401, {"message": "401 Unauthorized"}, "unknown/wrong-environment"),
    }),
    Desk("azure-devops-pat", "GET /_apis/profile/profiles/me?api-version=7.1-preview.3", ("basic", ":{key}"), {
        "active": (200, {"id": "0a", "displayName": "Anna"}, "active/accepted"),
        "invalid": (401, {}, "unknown/wrong-environment"),
    }),
    Desk("dropbox-access-token", "POST /2/check/user", BEARER, {
        "active": (200, {"result": "keysweep"}, "active/accepted"),
        "expired": (401, {"error_summary": "expired_access_token/.", "error": {".tag": "expired_access_token"}},
                    "inactive/expired"),
        "narrow": (401, {"error_summary": "missing_scope/..", "error": {".tag": "missing_scope"}}, "active/restricted"),
        "invalid": (401, {"error_summary": "invalid_access_token/.", "error": {".tag": "invalid_access_token"}},
                    "inactive/invalid"),
    }),
    Desk("buildkite-api-token", "GET /v2/access-token", BEARER, {
        "active": (200, {"uuid": "1", "scopes": ["read_build"]}, "active/accepted"),
        "invalid": (401, {"message": "Authentication required. Please supply a valid API Access Token"},
                    "inactive/invalid"),
    }),
    Desk("cohere-api-key", "POST /v1/check-api-key", BEARER, {
        "active": (200, {"valid": True}, "active/accepted"),
        "no": (200, {"valid": False}, "inactive/invalid"),
        "expired": (401, {"message": "Your API key has expired. Please create a production key"}, "inactive/expired"),
        "invalid": (401, {"message": "invalid api token"}, "inactive/invalid"),
    }),
    Desk("azure-entra-client-secret", "POST /0a0a0a0a-0000-0000-0000-00000000000a/oauth2/v2.0/token", ("", ""), {
        "active": (200, {"access_token": "made here", "token_type": "Bearer"}, "active/accepted"),
        "invalid": (401, {"error": "invalid_client", "error_codes": [7000215]}, "inactive/invalid"),
        "expired": (401, {"error": "invalid_client", "error_codes": [7000222]}, "inactive/expired"),
        "stranger": (400, {"error": "unauthorized_client", "error_codes": [700016]}, "unknown/wrong-environment"),
    }, {"tenant": "0a0a0a0a-0000-0000-0000-00000000000a", "client": "0b0b0b0b-0000-0000-0000-00000000000b"}),
]  # fmt: skip
