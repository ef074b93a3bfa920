"""Providers that end keys, for the simulator: they know keys, end them as their public documents say, and answer
questions about them, all in one place. What is asked of them can be bent (`wrong`), to be as bad as servers are.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from tests.simulator import Answer, Asked, Simulator

HERE = "127.0.0.1"
ORG = "7d1f2c80-55a1-4c8e-9b0c-2f4f6e2b8a10"
BAD: Mapping[str, Answer] = {
    "github": Answer(401, {"message": "Bad credentials"}),
    "gitlab": Answer(401, {"error": "invalid_token", "error_description": "Token was revoked. Sign in again."}),
    "legba": Answer(401, {"error": {"code": "UNAUTHORIZED", "message": "revoked"}}),
    "sk-api": Answer(401, {"success": False}),
    "slack": Answer(200, {"ok": False, "error": "token_revoked"}),
}

Bend = Callable[["Desk", Asked], Answer | None]


class Desk:
    """One provider at the simulator's address. `keys` are those that work; `ids` the owner's list, by id the key and
    what the list says of it. `wrong` answers first, where it has an answer."""

    def __init__(self, server: Simulator, provider: str) -> None:
        self.server, self.provider = server, provider
        self.keys: set[str] = set()
        self.owners: set[str] = set()
        self.ids: dict[str, tuple[str, dict[str, Any]]] = {}
        self.new_key = ""
        self.wrong: Bend | None = None
        server.answers[HERE] = self.answer

    def answer(self, asked: Asked) -> Answer:
        """What the provider says."""
        bent = self.wrong(self, asked) if self.wrong else None
        return bent or _PROVIDERS[self.provider](self, asked)

    def end(self, key: str) -> None:
        """The key works no more."""
        self.keys.discard(key)

    @property
    def changes(self) -> list[Asked]:
        """The requests that were to change something."""
        return [one for one in self.server.asked if (one.method, one.path) not in _QUESTIONS]

    def changes_of(self, path: str) -> list[Asked]:
        """Those of them that went to a path."""
        return [one for one in self.changes if one.path == path]


_QUESTIONS = {
    ("GET", "/user"), ("GET", "/api/v4/personal_access_tokens/self"), ("POST", "/api/auth.test"),
    ("GET", f"/orgs/{ORG}/api/key"), ("GET", "/v1/api-keys"), ("GET", "/v1/conversions"),
    ("GET", "/v1/revocable_token_types"),
}  # fmt: skip


def _github(desk: Desk, asked: Asked) -> Answer:
    if asked.path == "/credentials/revoke" and asked.method == "POST":
        if "authorization" in asked.headers:
            return Answer(403, {"message": "authenticated requests are refused"})
        listed = json.loads(asked.body)["credentials"]
        if not isinstance(listed, list) or len(listed) > 1000:
            return Answer(422, {"message": "Validation failed"})
        for key in listed:
            desk.end(key)
        return Answer(202)
    if asked.bearer in desk.keys:
        return Answer(200, {"login": "ada", "id": 1})
    return BAD["github"]


def _gitlab(desk: Desk, asked: Asked) -> Answer:
    key = asked.headers.get("private-token", "")
    if key not in desk.keys:
        return BAD["gitlab"]
    if asked.method == "DELETE":
        desk.end(key)
        return Answer(204)
    return Answer(200, {"id": 4, "active": True, "revoked": False})


def _slack(desk: Desk, asked: Asked) -> Answer:
    if asked.bearer not in desk.keys:
        return BAD["slack"]
    if asked.path == "/api/auth.revoke":
        desk.end(asked.bearer)
        return Answer(200, {"ok": True, "revoked": True})
    return Answer(200, {"ok": True, "user_id": "U1", "team_id": "T1", "url": "https://acme.slack.com/"})


def _legba(desk: Desk, asked: Asked) -> Answer:
    if asked.bearer not in desk.keys:
        return BAD["legba"]
    if asked.path == f"/orgs/{ORG}/api/key/rotate" and asked.method == "POST":
        desk.end(asked.bearer)
        desk.keys.add(desk.new_key)
        return Answer(200, {"key": desk.new_key, "key_id": "k_2", "created_at": "2026-11-22"})
    return Answer(200, {"key_id": "k_1", "name": "ci", "scopes": []})


def _sk_api(desk: Desk, asked: Asked) -> Answer:
    if asked.bearer not in desk.keys | desk.owners:
        return BAD["sk-api"]
    if asked.method == "DELETE":
        if asked.bearer not in desk.owners:
            return Answer(403, {"success": False})
        key, _ = desk.ids.pop(unquote(asked.path.rpartition("/")[2]), ("", {}))
        desk.end(key)
        return Answer(200 if key else 404, {"success": bool(key), "message": "API key revoked successfully"})
    return Answer(200, {"success": True, "data": [{"id": name, **told} for name, (_, told) in desk.ids.items()]})


def _logtalk(desk: Desk, asked: Asked) -> Answer:
    if asked.bearer in desk.keys:
        return Answer(200, {"data": []})
    return Answer(401, {"success": False, "error": {"code": "INVALID_API_KEY"}})


_PROVIDERS: Mapping[str, Callable[[Desk, Asked], Answer]] = {
    "github": _github, "gitlab": _gitlab, "slack": _slack, "legba": _legba, "sk-api": _sk_api, "logtalk": _logtalk,
}  # fmt: skip


class CompanyService:
    """GitLab's Token Revocation API as a company may run it, in front of a provider."""

    def __init__(self, desk: Desk, token: str, types: list[str]) -> None:
        self.desk, self.token, self.types = desk, token, types
        self.later = 0
        desk.wrong = self.answer

    def answer(self, desk: Desk, asked: Asked) -> Answer | None:
        """What the service says; None for what the provider is asked."""
        if not asked.path.startswith("/v1/revo"):
            return None
        if asked.headers.get("authorization") != self.token:
            return Answer(401, {"message": "Unauthorized"})
        if asked.path == "/v1/revocable_token_types":
            return Answer(200, {"types": self.types})
        if self.later:
            self.later -= 1
            return Answer(429, {}, headers={"Retry-After": "0"})
        rows = json.loads(asked.body)
        if not all(set(row) == {"type", "token", "location"} and row["type"] in self.types for row in rows):
            return Answer(400, {})
        for row in rows:
            desk.end(row["token"])
        return Answer(204)


__all__ = ["BAD", "HERE", "ORG", "CompanyService", "Desk"]
