"""Checks in Python: Amazon's signatures, Google's service accounts, PyPI's macaroons. The signatures are held against
Amazon's published examples and an independent implementation of RSA."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from hypothesis import given
from hypothesis import strategies as st

from scanner.canaries import aws_account
from scanner.exchange import Request
from scanner.fakes import Fake
from scanner.matcher import Matcher
from scanner.models import Chunk, Finding, Origin, Validity
from scanner.recognition import recognise
from scanner.request import Requester
from scanner.rule import RuleSet
from scanner.verifier import Verifier
from scanner.verify_handlers.aws_sts import Credentials, sign
from scanner.verify_handlers.pypi_macaroon import caveats_of
from scanner.verify_handlers.rsa import NotAKeyError, PrivateKey
from scanner.verify_settings import Override, VerifySettings
from tests.simulator import FIREWALL, PORTAL, Answer, Asked, Provider, Simulator, simulator

NewKey = Callable[..., Fake]

STS, GOOGLE = "sts.widgets.net", "oauth2.widgets.net"
HERE = {"aws": STS, "google": GOOGLE}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with simulator([STS, GOOGLE], tmp_path_factory.mktemp("authority")) as made:
        yield made


def ask(rules: RuleSet, server: Simulator, finding: Finding) -> Validity:
    providers = {name: Override(base_url=server.url(host)) for name, host in HERE.items()}
    settings = VerifySettings(providers=providers, allow_loopback=True, attempts=1)
    requester = Requester(allow_loopback=True, ca_bundle=str(server.authority), resolver=server.resolve)
    server.asked.clear()
    with Verifier(rules, settings, requester=requester) as verifier:
        (found,) = verifier.finish([finding])
    return found.validity


def said(validity: Validity) -> str:
    return f"{validity.status}/{validity.reason}"


def look(matcher: Matcher, text: bytes, rule_id: str) -> Finding:
    (found,) = (one for one in matcher.find(Chunk(text, Origin("settings"))) if one.rule_id == rule_id)
    return found


# --- Amazon ---


def published(rules: RuleSet) -> str:
    """The secret of Amazon's own examples, in the form that its test suite writes it."""
    (sample,) = (one for one in rules.get("aws-secret-access-key").samples if one.startswith("wJalr"))
    return sample.replace("MDENG/b", "MDENG+b")


AT_TEST_SUITE = 1440938160.0  # 2015-08-30 12:36:00 UTC

# (what, request, region, service, the signature that Amazon publishes for it)
VECTORS = [
    ("get-vanilla", Request("GET", "https://example.amazonaws.com/"), "us-east-1", "service",
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    ("list-users", Request("GET", "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08",
                           {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}),
     "us-east-1", "iam", "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "request_", "region", "service", "signature"), VECTORS, ids=lambda one: str(one)[:12])
def test_a_signature_is_the_one_that_amazon_publishes(
    what: str, request_: Request, region: str, service: str, signature: str, rules: RuleSet
) -> None:
    headers = sign(request_, Credentials("AKIDEXAMPLE", published(rules)), region, service, AT_TEST_SUITE)
    assert headers["Authorization"].endswith(f"Signature={signature}"), what


def sts(accounts: dict[str, str], outcome: str = "") -> Provider:
    """The token service: knows secrets by key id, and checks the signature of what it is asked. `outcome` is a code
    that it answers with to requests that are signed well."""

    def answer(asked: Asked) -> Answer:
        key_id = asked.headers["authorization"].partition("Credential=")[2].partition("/")[0]
        if key_id not in accounts:
            return refusal("InvalidClientTokenId", "The security token included in the request is invalid.")
        port = asked.headers["host"]
        again = Request("POST", f"https://{port}{asked.path}",
                        {name: asked.headers[name] for name in ("accept", "content-type")}, asked.body)  # fmt: skip
        who = Credentials(key_id, accounts[key_id], asked.headers.get("x-amz-security-token", ""))
        at = asked.headers["x-amz-date"]
        expected = sign(again, who, "us-east-1", "sts", moment(at))["Authorization"]
        if expected != asked.headers["authorization"]:
            return refusal("SignatureDoesNotMatch", "The request signature we calculated does not match.")
        if outcome:
            return refusal(*outcome.split(":", 1))
        account = aws_account(key_id[4:].encode())
        body = f"<GetCallerIdentityResult><Account>{account}</Account></GetCallerIdentityResult>"
        return Answer(200, body=body.encode(), headers={"Content-Type": "text/xml"})

    return answer


def moment(stamp: str) -> float:
    return datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()


def refusal(code: str, message: str) -> Answer:
    body = f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
    return Answer(403, body=body.encode(), headers={"Content-Type": "text/xml"})


def key_id_of_amazon(new_key: NewKey, rule_id: str) -> bytes:
    """One that names an account of twelve digits, as all of Amazon are; one in eleven that are drawn does not."""
    made = (new_key(rule_id).key for _ in iter(int, 1))
    return next(key for key in made if len(aws_account(key[4:])) == 12)


def pair(matcher: Matcher, new_key: NewKey, rule_id: str = "aws-access-key-id") -> tuple[str, str, Finding]:
    key_id, secret = key_id_of_amazon(new_key, rule_id), new_key("aws-secret-access-key").key
    text = b"aws_access_key_id = " + key_id + b"\naws_secret_access_key = " + secret + b"\n"
    return key_id.decode(), secret.decode(), look(matcher, text, "aws-secret-access-key")


AMAZON: list[tuple[str, str, str]] = [
    ("signs well", "", "active/accepted"),
    ("may not ask", "AccessDenied:not authorized", "active/restricted"),
    ("temporary", "ExpiredToken:The security token included in the request is expired", "inactive/expired"),
    ("clock", "SignatureDoesNotMatch:Signature expired: 20150830T123600Z is now earlier", "unknown/request-wrong"),
    ("something new", "Throttling:Rate exceeded", "unknown/not-described"),
]


@pytest.mark.parametrize(("what", "outcome", "verdict"), AMAZON, ids=[what for what, _, _ in AMAZON])
def test_a_pair_of_amazon_that_signs_well(
    what: str, outcome: str, verdict: str, rules: RuleSet, matcher: Matcher, new_key: NewKey, server: Simulator
) -> None:
    key_id, secret, finding = pair(matcher, new_key)
    server.answers[STS] = sts({key_id: secret}, outcome)
    validity = ask(rules, server, finding)
    assert said(validity) == verdict
    assert len(server.asked) == 1
    assert secret not in server.asked[0].everything  # it signs, and does not travel


def test_a_pair_of_amazon_that_is_gone_or_does_not_fit_together(
    rules: RuleSet, matcher: Matcher, new_key: NewKey, server: Simulator
) -> None:
    key_id, _, finding = pair(matcher, new_key)
    server.answers[STS] = sts({})
    assert said(ask(rules, server, finding)) == "inactive/invalid"
    server.answers[STS] = sts({key_id: "another secret"})
    assert said(ask(rules, server, finding)) == "unknown/missing-part"


def test_an_identity_that_is_not_the_keys_own_proves_nothing(
    rules: RuleSet, matcher: Matcher, new_key: NewKey, server: Simulator
) -> None:
    *_, finding = pair(matcher, new_key)
    body = b"<GetCallerIdentityResponse><Account>000000000000</Account></GetCallerIdentityResponse>"
    for answer in (Answer(200, body=body, headers={"Content-Type": "text/xml"}), PORTAL, FIREWALL, Answer(200, {})):
        server.answers[STS] = lambda asked, answer=answer: answer  # type: ignore[misc]
        assert ask(rules, server, finding).status == "unknown"


def test_a_temporary_key_without_its_session_token_is_not_asked_about(
    rules: RuleSet, matcher: Matcher, new_key: NewKey, server: Simulator
) -> None:
    *_, finding = pair(matcher, new_key, "aws-temporary-key-id")
    server.answers[STS] = sts({})
    assert said(ask(rules, server, finding)) == "unknown/missing-part"
    assert server.asked == []


def test_a_temporary_key_travels_with_its_session_token(
    rules: RuleSet, matcher: Matcher, new_key: NewKey, server: Simulator
) -> None:
    key_id, secret = key_id_of_amazon(new_key, "aws-temporary-key-id"), new_key("aws-secret-access-key").key
    token = new_key("aws-session-token").key[:300]
    text = b"aws_access_key_id=%b\naws_secret_access_key=%b\naws_session_token=%b\n" % (key_id, secret, token)
    finding = look(matcher, text, "aws-secret-access-key")
    server.answers[STS] = sts({key_id.decode(): secret.decode()})
    assert said(ask(rules, server, finding)) == "active/accepted"
    assert server.asked[0].headers["x-amz-security-token"] == token.decode()


# --- Google ---


@pytest.fixture(scope="module")
def account_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def pem(key: rsa.RSAPrivateKey, form: serialization.PrivateFormat = serialization.PrivateFormat.PKCS8) -> str:
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def account_file(key: rsa.RSAPrivateKey) -> bytes:
    return json.dumps({
        "type": "service_account", "project_id": "widgets", "private_key_id": "0a" * 20, "private_key": pem(key),
        "client_email": "deploy@widgets.iam.gserviceaccount.com", "token_uri": "https://evil.widgets.net/token",
    }, indent=2).encode()  # fmt: skip


def google(key: rsa.RSAPrivateKey, refusal: str = "") -> Provider:
    """The token endpoint: checks the signature with the public key, by an implementation that is not ours."""

    def answer(asked: Asked) -> Answer:
        (assertion,) = parse_qs(asked.body.decode())["assertion"]
        told, _, signature = assertion.rpartition(".")
        header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in told.split("."))
        assert header == {"alg": "RS256", "typ": "JWT", "kid": "0a" * 20}
        assert claims["iss"] == "deploy@widgets.iam.gserviceaccount.com"
        assert claims["aud"] == "https://oauth2.googleapis.com/token"
        try:
            key.public_key().verify(
                base64.urlsafe_b64decode(signature + "=="), told.encode(), padding.PKCS1v15(), hashes.SHA256()
            )
        except Exception:
            return Answer(400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
        if refusal:
            return Answer(400, {"error": "invalid_grant", "error_description": refusal})
        return Answer(200, {"access_token": "made here", "expires_in": 3599, "token_type": "Bearer"})

    return answer


def test_a_service_account_in_use(
    rules: RuleSet, matcher: Matcher, account_key: rsa.RSAPrivateKey, server: Simulator
) -> None:
    finding = look(matcher, account_file(account_key), "google-service-account-key")
    server.answers[GOOGLE] = google(account_key)
    assert said(ask(rules, server, finding)) == "active/accepted"
    assert len(server.asked) == 2  # the second one, with a spoilt signature, was refused
    assert server.hosts_asked() == {GOOGLE}  # and not where the file says


GONE = [
    ("deleted", "Invalid grant: account not found", "inactive/deleted"),
    ("clock", "Invalid JWT: Token must be a short-lived token (60 minutes)", "unknown/request-wrong"),
    ("new", "Something else", "unknown/not-described"),
]


@pytest.mark.parametrize(("what", "words", "verdict"), GONE, ids=[what for what, _, _ in GONE])
def test_a_service_account_that_is_refused(
    what: str, words: str, verdict: str, rules: RuleSet, matcher: Matcher, account_key: rsa.RSAPrivateKey,
    server: Simulator,
) -> None:  # fmt: skip
    finding = look(matcher, account_file(account_key), "google-service-account-key")
    server.answers[GOOGLE] = google(account_key, words)
    assert said(ask(rules, server, finding)) == verdict


def test_a_key_that_the_account_no_longer_has(
    rules: RuleSet, matcher: Matcher, account_key: rsa.RSAPrivateKey, server: Simulator
) -> None:
    finding = look(matcher, account_file(account_key), "google-service-account-key")
    server.answers[GOOGLE] = google(rsa.generate_private_key(65537, 2048))
    assert said(ask(rules, server, finding)) == "inactive/invalid"


def test_a_token_for_everybody_proves_nothing(
    rules: RuleSet, matcher: Matcher, account_key: rsa.RSAPrivateKey, server: Simulator
) -> None:
    finding = look(matcher, account_file(account_key), "google-service-account-key")
    server.answers[GOOGLE] = lambda asked: Answer(200, {"access_token": "for all"})
    assert said(ask(rules, server, finding)) == "unknown/accepts-anything"


@pytest.mark.parametrize("form", [serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL])
def test_a_signature_of_rsa_is_what_others_make(
    account_key: rsa.RSAPrivateKey, form: serialization.PrivateFormat
) -> None:
    theirs = account_key.sign(b"message", padding.PKCS1v15(), hashes.SHA256())
    written = pem(account_key, form)
    for text in (written, written.replace("\n", "\\n"), written.replace("\n", "\\\\n"), written.replace("\n", "\r\n")):
        assert PrivateKey.read(text).sign_sha256(b"message") == theirs


@given(st.binary(max_size=400))
def test_what_is_no_rsa_key_is_told_in_one_way(data: bytes) -> None:
    with pytest.raises(NotAKeyError):
        PrivateKey.read(base64.b64encode(data).decode())
    with pytest.raises(NotAKeyError):
        PrivateKey.read(data.decode("latin-1"))


def test_another_kind_of_key_is_no_rsa_key() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    told = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    with pytest.raises(NotAKeyError):
        PrivateKey.read(told)


# --- PyPI ---


def token(caveats: Sequence[object], location: bytes = b"pypi.org") -> bytes:
    """A token as PyPI makes them: a macaroon of version 2 with caveats in JSON."""

    def piece(kind: int, data: bytes) -> bytes:
        size = len(data)
        assert size < 1 << 14
        return bytes([kind]) + (bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])) + data

    rng = random.Random()
    told = b"\2" + piece(1, location) + piece(2, rng.randbytes(36).hex().encode()) + b"\0"
    told += b"".join(piece(2, one if isinstance(one, bytes) else json.dumps(one).encode()) + b"\0" for one in caveats)
    return b"pypi-" + base64.urlsafe_b64encode(told + b"\0" + piece(6, rng.randbytes(32))).rstrip(b"=")


UNRESTRICTED = "PyPI offers no way to ask; the token is for all projects of its user"
PYPI: list[tuple[str, list[object], str, str]] = [
    ("unrestricted", [], "unknown/no-check", UNRESTRICTED),
    ("user", [[3, "0a0a0a0a-0000-0000-0000-00000000000a"]], "unknown/no-check", UNRESTRICTED),
    ("project", [[1, ["widgets"]]], "unknown/no-check", "PyPI offers no way to ask; the token is for 1 project"),
    ("projects", [[2, ["a", "b", "c"]]], "unknown/no-check", "PyPI offers no way to ask; the token is for 3 projects"),
    ("older", [{"version": 1, "permissions": {"projects": ["widgets"]}}], "unknown/no-check",
     "PyPI offers no way to ask; the token is for 1 project"),
    ("over", [[0, 1_600_000_000, 1_500_000_000]], "inactive/expired", "by the time in the token itself"),
    ("over-older", [{"nbf": 1_500_000_000, "exp": 1_600_000_000}], "inactive/expired",
     "by the time in the token itself"),
    ("to-come", [[0, 4_000_000_000, 1_500_000_000]], "unknown/no-check", UNRESTRICTED),
    ("strange", [b"\xff not json"], "unknown/no-check",
     "PyPI offers no way to ask; the token has restrictions that are not known here"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "caveats", "verdict", "remark"), PYPI, ids=[one[0] for one in PYPI])
def test_a_token_of_pypi_tells_what_it_is_for(
    what: str, caveats: list[object], verdict: str, remark: str, rules: RuleSet, server: Simulator
) -> None:
    validity = ask(rules, server, recognise(token(caveats), rules, "pypi-api-token"))
    assert (said(validity), validity.detail) == (verdict, remark)
    assert (validity.endpoint, server.asked) == ("", [])


@given(st.binary(max_size=300))
def test_what_is_no_macaroon_is_told_in_one_way(data: bytes) -> None:
    with pytest.raises(ValueError, match="no macaroon of version 2"):
        caveats_of("pypi-" + base64.urlsafe_b64encode(b"\2" + data).decode())


@given(st.lists(st.binary(max_size=200), max_size=5))
def test_caveats_are_read_back(caveats: list[bytes]) -> None:
    assert len(caveats_of(token(list(caveats)).decode())) == len(caveats)


def test_the_place_of_a_check_in_python_is_shown(rules: RuleSet, matcher: Matcher, new_key: NewKey) -> None:
    *_, finding = pair(matcher, new_key)
    with Verifier(rules, VerifySettings()) as verifier:
        (target,) = verifier.plan([finding]).targets
    assert (target.host, target.endpoint) == ("sts.amazonaws.com", "POST https://sts.amazonaws.com/")
    assert urlsplit(target.endpoint.removeprefix("POST ")).path == "/"
