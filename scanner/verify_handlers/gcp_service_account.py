"""Google Cloud: a service account's key signs for a token, as its documents say (RFC 7523 with RS256).

The token that a key in use gets is for reading the account's own address only, and is dropped. That the signature was
looked at is shown by a second request, whose signature is spoilt: it must be refused.
References: https://developers.google.com/identity/protocols/oauth2/service-account#httprest
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from scanner.exchange import Failure, Reply, Request
from scanner.verdicts import ACTIVE, INACTIVE, Verdict, unknown
from scanner.verify_handlers.interface import Handler, Question, Reach
from scanner.verify_handlers.rsa import NotAKeyError, PrivateKey

_URL = "https://oauth2.googleapis.com"
_PATH = "/token"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_SCOPE = "https://www.googleapis.com/auth/userinfo.email"
_LIFE = 600  # seconds


class GcpServiceAccount:
    """The check `gcp-service-account`."""

    parts: tuple[str, ...] = ("client_email",)
    controlled: bool = False

    def endpoint(self, question: Question) -> str:
        """Google's token endpoint, or the user's own; never what the key's file says (`token_uri`)."""
        return f"POST {(question.base_url or _URL).rstrip('/')}{_PATH}"

    def check(self, question: Question, reach: Reach) -> Verdict:
        """Asks for a token."""
        try:
            key = PrivateKey.read(question.text("key"))
        except NotAKeyError as error:
            return unknown("not-sendable", str(error))
        signed = _assertion(question, key, int(reach.now()))
        reply = self._ask(question, reach, signed)
        if isinstance(reply, Failure):
            return unknown(reply.reason, reply.detail)
        verdict = _judge(reply)
        if verdict.status != ACTIVE:
            return verdict
        control = self._ask(question, reach, _spoilt(signed))
        if isinstance(control, Failure):
            return unknown("no-control", http_status=reply.status)
        refused = _judge(control)
        if refused.status == ACTIVE:
            return unknown("accepts-anything", http_status=reply.status)
        return verdict if refused.status == INACTIVE else unknown("no-control", http_status=reply.status)

    def _ask(self, question: Question, reach: Reach, assertion: str) -> Reply | Failure:
        body = urlencode({"grant_type": _GRANT, "assertion": assertion}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded", **question.headers}
        return reach.send(Request("POST", self.endpoint(question).removeprefix("POST "), headers, body))


def _assertion(question: Question, key: PrivateKey, now: int) -> str:
    header = {"alg": "RS256", "typ": "JWT"}
    if question.text("private_key_id"):
        header["kid"] = question.text("private_key_id")
    claims = {
        "iss": question.text("client_email"), "scope": _SCOPE, "aud": f"{_URL}{_PATH}", "iat": now, "exp": now + _LIFE,
    }  # fmt: skip
    told = ".".join(_text64(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
    return f"{told}.{_text64(key.sign_sha256(told.encode()))}"


def _spoilt(signed: str) -> str:
    head, _, signature = signed.rpartition(".")
    return f"{head}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"


def _text64(plain: bytes) -> str:
    return base64.urlsafe_b64encode(plain).rstrip(b"=").decode()


def _judge(reply: Reply) -> Verdict:
    try:
        told: Any = reply.json()
    except ValueError:
        told = None
    if not isinstance(told, dict):
        return unknown("not-described", http_status=reply.status)
    if reply.status == 200 and (told.get("access_token") or told.get("id_token")):
        return Verdict(ACTIVE, "accepted", 200)
    words = str(told.get("error_description", ""))
    if reply.status not in (400, 401) or told.get("error") != "invalid_grant":
        return unknown("not-described", http_status=reply.status)
    if "account not found" in words:
        return Verdict(INACTIVE, "deleted", reply.status)
    if "Invalid JWT Signature" in words:
        return Verdict(INACTIVE, "invalid", reply.status)
    if "short-lived token" in words:
        return unknown("request-wrong", "the clock of this machine is wrong", reply.status)
    return unknown("not-described", http_status=reply.status)


HANDLERS: Final[Mapping[str, Handler]] = {"gcp-service-account": GcpServiceAccount()}

__all__ = ["HANDLERS", "GcpServiceAccount"]
