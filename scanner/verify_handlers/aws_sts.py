"""AWS: who does this key sign for? `GetCallerIdentity` of the security token service, signed with Signature Version 4.

The call needs no permission and changes nothing. Its reply names the account, and so does the access key id itself: a
server that says yes to everything does not know which account to name.
References: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html,
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from scanner.canaries import aws_account
from scanner.exchange import Failure, Reply, Request
from scanner.verdicts import ACTIVE, INACTIVE, Verdict, unknown
from scanner.verify_handlers.interface import Handler, Question, Reach

_URL = "https://sts.amazonaws.com"
_BODY = b"Action=GetCallerIdentity&Version=2011-06-15"
_KEY_ID = re.compile(r"A[A-Z]{3}[A-Z2-7]{16}")
_REGION = re.compile(r"sts(?:-fips)?\.([a-z]{2}(?:-[a-z]{1,12}){1,3}-[0-9])\.")
_CODE = re.compile(rb"<Code>([A-Za-z]{1,60})</Code>|\"Code\"\s{0,4}:\s{0,4}\"([A-Za-z]{1,60})\"")
_ACCOUNT = re.compile(rb"<Account>([0-9]{12})</Account>|\"Account\"\s{0,4}:\s{0,4}\"([0-9]{12})\"")
_NO_TOKEN = "a temporary key needs its session token; one key alone: --part-env session_token=VARIABLE"  # noqa: S105
_CLOCK = re.compile(rb"Signature (?:expired|not yet current)")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What signs: an access key id, its secret, and the session token of temporary ones ("" for none)."""

    key_id: str
    secret: str = field(repr=False)
    session_token: str = field(default="", repr=False)


def sign(
    request: Request, who: Credentials, region: str, service: str, now: float, *, sign_token: bool = True
) -> dict[str, str]:
    """The headers that sign a request under Signature Version 4: its own, `X-Amz-Date`, `X-Amz-Security-Token` and
    `Authorization`. Path and query must be in canonical form already. `sign_token` False leaves the token unsigned, as
    a few services want it."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    url = urlsplit(request.url)
    headers = {"Host": url.netloc, **request.headers, "X-Amz-Date": stamp}
    token = {"X-Amz-Security-Token": who.session_token} if who.session_token else {}
    if sign_token:
        headers |= token
    lowered = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
    names = sorted(lowered)
    canonical = "\n".join([
        request.method, url.path or "/", url.query, *(f"{name}:{lowered[name]}" for name in names), "",
        ";".join(names), hashlib.sha256(request.body).hexdigest(),
    ])  # fmt: skip
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    told = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{who.secret}".encode()
    for step in (*scope.split("/"), told):
        key = hmac.new(key, step.encode(), hashlib.sha256).digest()
    proof = f"Credential={who.key_id}/{scope}, SignedHeaders={';'.join(names)}, Signature={key.hex()}"
    return {**headers, **token, "Authorization": f"AWS4-HMAC-SHA256 {proof}"}


class AwsSts:
    """The check `aws-sts`."""

    parts: tuple[str, ...] = ("key_id",)
    controlled: bool = False

    def endpoint(self, question: Question) -> str:
        """The global endpoint, or the user's own."""
        return f"POST {(question.base_url or _URL).rstrip('/')}/"

    def check(self, question: Question, reach: Reach) -> Verdict:
        """Asks STS. A pair that does not fit together is unknown: the id near a secret may be another one's."""
        who = Credentials(question.text("key_id"), question.text("key"), question.text("session_token"))
        if not _KEY_ID.fullmatch(who.key_id):
            return unknown("missing-part", "the access key id near it is none")
        if who.key_id.startswith("ASIA") and not who.session_token:
            return unknown("missing-part", _NO_TOKEN)
        url = self.endpoint(question).removeprefix("POST ")
        found = _REGION.match(urlsplit(url).netloc)
        headers = {
            "Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
            **question.headers,
        }  # fmt: skip
        request = Request("POST", url, headers, _BODY)
        signed = sign(request, who, found[1] if found else "us-east-1", "sts", reach.now())
        del signed["Host"]  # whoever sends the request writes it
        reply = reach.send(Request("POST", url, signed, _BODY))
        return unknown(reply.reason, reply.detail) if isinstance(reply, Failure) else _judge(reply, who.key_id)


_REFUSED: Final[Mapping[str, tuple[str, str]]] = {
    "InvalidClientTokenId": (INACTIVE, "invalid"),
    "ExpiredToken": (INACTIVE, "expired"),
    "ExpiredTokenException": (INACTIVE, "expired"),
    "AccessDenied": (ACTIVE, "restricted"),
}
"""Error codes, which STS gives in this order: the id is looked up, the signature compared, the permission looked at."""


def _judge(reply: Reply, key_id: str) -> Verdict:
    if not reply.whole:
        return unknown("not-described", http_status=reply.status)
    if reply.status == 200:
        account = _first(_ACCOUNT, reply.body)
        if account and account == aws_account(key_id[4:].encode()):
            return Verdict(ACTIVE, "accepted", 200)
        remark = "the reply names another account than the access key id" if account else ""
        return unknown("not-described", remark, 200)
    code = _first(_CODE, reply.body)
    if code in ("SignatureDoesNotMatch", "RequestExpired") and (code == "RequestExpired" or _CLOCK.search(reply.body)):
        return unknown("request-wrong", "the clock of this machine is wrong", reply.status)
    if code == "SignatureDoesNotMatch":
        return unknown("missing-part", "the access key id near it exists, but is another secret's", reply.status)
    if reply.status not in (400, 403) or code not in _REFUSED:
        return unknown("not-described", http_status=reply.status)
    status, reason = _REFUSED[code]
    return Verdict(status, reason, reply.status)


def _first(pattern: re.Pattern[bytes], body: bytes) -> str:
    found: Any = pattern.search(body)
    return next((one.decode() for one in found.groups() if one), "") if found else ""


HANDLERS: Final[Mapping[str, Handler]] = {"aws-sts": AwsSts()}

__all__ = ["HANDLERS", "AwsSts", "Credentials", "sign"]
