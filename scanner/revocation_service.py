"""A company's own service that ends keys: a client for GitLab's Token Revocation API.

The service says which types of tokens it knows (`GET /v1/revocable_token_types`), and takes lists of them
(`POST /v1/revoke_tokens`: 204 taken, 400 not to be repeated, 429 later). It is idempotent by its specification, so a
request that failed may be repeated. See https://docs.gitlab.com/development/sec/token_revocation_api/.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from scanner.errors import UsageError
from scanner.exchange import Failure, Reply, Request
from scanner.models import Finding, Secret
from scanner.request import Requester, Way
from scanner.revoke_acts import Said
from scanner.verify_limits import Clock, Lane, Limit
from scanner.verify_reach import HostReach
from scanner.verify_settings import VerifySettings

BATCH: Final = 100
"""So many keys go into one request."""

TYPES: Final = "/v1/revocable_token_types"
REVOKE: Final = "/v1/revoke_tokens"

_MOST_TYPES = 10_000
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Service:
    """Where the service is, the token it wants, and what types it is to be told for rules that it does not know by
    themselves."""

    url: str
    token: Secret
    types: Mapping[str, str] = field(default_factory=dict)

    @property
    def shown(self) -> str:
        """What is asked."""
        return f"POST {self.url}{REVOKE}"

    @property
    def host(self) -> str:
        """Who is asked, with its port where that is not the usual one."""
        return urlsplit(self.url).netloc


def service(url: str, token: str, types: Mapping[str, str], *, loopback: bool) -> Service:
    """The service at an address. Raises UsageError when it cannot be one, or the token is none."""
    try:
        parts = urlsplit(url)
        host, user = parts.hostname or "", parts.username or parts.password
        parts.port  # noqa: B018 - reading it is what checks it
    except ValueError:
        host, user, parts = "", None, urlsplit("")
    good = parts.scheme == "https" or (parts.scheme == "http" and loopback and host in _HERE)
    if not host or not good or user or parts.query or parts.fragment or not url.isprintable():
        raise UsageError("--service wants an address such as https://revoke.acme.net, without user, query or fragment")
    if not token or not token.isascii() or not token.isprintable():
        raise UsageError("the service's token is not a text that can be sent in a header")
    return Service(url.rstrip("/"), Secret(token.encode()), types)


class ServiceClient:
    """Asks a service. Private addresses are allowed, since the user named it; metadata services never are."""

    def __init__(self, where: Service, requester: Requester, clock: Clock, settings: VerifySettings) -> None:
        self._where = where
        lane = Lane(Limit(), clock)
        self._reach = HostReach(requester, lane, clock, settings, frozenset({where.host}), Way(private=True))

    def types(self) -> frozenset[str] | Said:
        """The types of tokens that the service ends; or why they are not known."""
        reply = self._send("GET", TYPES)
        if isinstance(reply, Failure):
            return _failed(reply)
        if reply.status != 200:
            return Said("refused", "not-described", reply.status, "the service does not say which types it ends")
        try:
            listed = reply.json()["types"]
        except (ValueError, KeyError, TypeError):
            listed = None
        if not isinstance(listed, list) or len(listed) > _MOST_TYPES:
            return Said("refused", "not-described", reply.status, "the service's list of types could not be read")
        return frozenset(text for text in listed if isinstance(text, str))

    def revoke(self, findings: Sequence[Finding], types: Mapping[str, str], places: Sequence[str]) -> Said:
        """Hands keys over to the service; `types` by rule, `places` for each finding where it stands."""
        rows = [
            {"type": types[finding.rule_id], "token": _text(finding), "location": place}
            for finding, place in zip(findings, places, strict=True)
        ]
        reply = self._send("POST", REVOKE, json.dumps(rows).encode())
        if isinstance(reply, Failure):
            return _failed(reply)
        if reply.status == 204:
            return Said("accepted", http_status=204)
        if reply.status in (400, 401, 403, 405):
            why = "do not repeat it" if reply.status == 400 else "see its address and token"
            return Said("refused", "request-wrong", reply.status, f"the service refuses the request: {why}")
        return Said("unknown", "not-described", reply.status)

    def _send(self, method: str, path: str, body: bytes = b"") -> Reply | Failure:
        headers = {"Authorization": self._where.token.reveal().decode()}
        if body:
            headers["Content-Type"] = "application/json"
        return self._reach.send(Request(method, self._where.url + path, headers, body))


def type_of(rule_id: str, known: Iterable[str], named: Mapping[str, str]) -> str:
    """The service's type for the keys of a rule, "" when it has none: what the user says, or the identifier that
    keysweep's GitLab report (or GitLab's own analyzer) gives the rule, written in any way."""
    by_form = {_form(text): text for text in sorted(known, reverse=True)}
    if rule_id in named:
        return by_form.get(_form(named[rule_id]), "")
    for wanted in (f"keysweep_rule_id_{rule_id}", f"gitleaks_rule_id_{rule_id}", rule_id):
        if _form(wanted) in by_form:
            return by_form[_form(wanted)]
    return ""


def _form(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower())


def _text(finding: Finding) -> str:
    return (finding.key if len(finding.key) else finding.secret).reveal().decode("utf-8", "replace")


def _failed(failure: Failure) -> Said:
    if failure.reason == "rate-limited":
        return Said("refused", failure.reason, failure.http_status, "the service wants the keys later")
    return Said("unknown", failure.reason, failure.http_status, failure.detail)


__all__ = ["BATCH", "REVOKE", "TYPES", "Service", "ServiceClient", "service", "type_of"]
