"""Logins to databases that are not what they seem.

Servers on this machine speak by a script, as the protocols say or as badly as anybody may.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import random
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.matcher import Matcher
from scanner.rule import RuleSet
from scanner.verifier import Verifier
from scanner.verify_handlers import bson
from scanner.verify_handlers.login import Wire
from scanner.verify_handlers.scram import Scram, ScramError
from scanner.verify_settings import Override, VerifySettings
from tests.database_logins import ask, exactly, found_in, passwords, said, speaking

RIGHT, WRONG = passwords(2)

Talk = Callable[[socket.socket], None]


def asked(rules: RuleSet, matcher: Matcher, url: str, talk: Talk, behind: str = "", timeout: float = 5.0) -> str:
    """The verdict on a URL whose server talks like this."""
    with speaking(talk) as port:
        return said(ask(rules, found_in(matcher, url), f"localhost:{port}{behind}", timeout=timeout))


# --- MySQL: a server that knows caching_sha2_password ---


def packet(number: int, data: bytes) -> bytes:
    return len(data).to_bytes(3, "little") + bytes([number]) + data


def read_packet(caller: socket.socket) -> tuple[int, bytes]:
    head = exactly(caller, 4)
    return head[3], exactly(caller, int.from_bytes(head[:3], "little"))


def mysql_error(code: int) -> bytes:
    return b"\xff" + struct.pack("<H", code) + b"#28000Access denied for somebody"


def mysql_greeting(salt: bytes, plugin: bytes = b"caching_sha2_password") -> bytes:
    capabilities = 0x1 | 0x200 | 0x8000 | 0x80000
    return (
        b"\x0a8.4.0\0" + struct.pack("<I", 7) + salt[:8] + b"\0" + struct.pack("<HBHH", capabilities & 0xFFFF, 45, 2,
        capabilities >> 16) + bytes([21]) + bytes(10) + salt[8:] + b"\0" + plugin + b"\0"
    )  # fmt: skip


def mysql(password: str, *, cached: bool = True, switch: bytes = b"") -> Talk:
    """A server that knows a password, as the documents of MySQL say; it needs no TLS for the fast way only."""

    def talk(caller: socket.socket) -> None:
        salt = bytes(random.choices(range(1, 128), k=20))
        caller.sendall(packet(0, mysql_greeting(salt)))
        number, answer = read_packet(caller)
        user, _, rest = answer[32:].partition(b"\0")
        assert user == b"app"
        proof = rest[1 : 1 + rest[0]]
        if switch:
            caller.sendall(packet(number + 1, b"\xfe" + switch + b"\0" + salt + b"\0"))
            number, proof = read_packet(caller)
            caller.sendall(packet(number + 1, mysql_error(1045)))
            return
        once = hashlib.sha256(password.encode()).digest()
        mixed = hashlib.sha256(hashlib.sha256(once).digest() + salt).digest()
        if not cached:
            caller.sendall(packet(number + 1, b"\x01\x04"))
            number, _ = read_packet(caller)  # nobody may say more here without TLS
        elif proof == bytes(one ^ other for one, other in zip(once, mixed, strict=True)):
            caller.sendall(packet(number + 1, b"\x01\x03") + packet(number + 2, b"\0\0\0\x02\0\0\0"))
        else:
            caller.sendall(packet(number + 1, mysql_error(1045)))

    return talk


MYSQL = f"mysql://app:{RIGHT}@db.widgets.net/shop"


@pytest.mark.parametrize(
    ("talk", "verdict"),
    [
        (mysql(RIGHT), "active/accepted"),
        (mysql(WRONG), "inactive/invalid"),
        (mysql(RIGHT, cached=False), "unknown/no-check"),
        (mysql(RIGHT, switch=b"mysql_clear_password"), "unknown/no-check"),
        (mysql(RIGHT, switch=b"dialog"), "unknown/no-check"),
        (mysql(RIGHT, switch=b"mysql_native_password"), "inactive/invalid"),
    ],
    ids=["fast", "wrong", "not-cached", "clear", "dialog", "native"],
)
def test_mysql(talk: Talk, verdict: str, rules: RuleSet, matcher: Matcher) -> None:
    assert asked(rules, matcher, MYSQL, talk) == verdict


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        (1040, "unknown/rate-limited"), (1130, "unknown/blocked"), (1064, "unknown/not-described"),
        (3118, "inactive/disabled"),
    ],
)  # fmt: skip
def test_mysql_errors_before_anything(code: int, verdict: str, rules: RuleSet, matcher: Matcher) -> None:
    assert asked(rules, matcher, MYSQL, lambda caller: caller.sendall(packet(0, mysql_error(code)))) == verdict


def test_a_server_that_lets_everybody_in_proves_nothing(rules: RuleSet, matcher: Matcher) -> None:
    def welcoming(caller: socket.socket) -> None:
        caller.sendall(packet(0, mysql_greeting(b"s" * 20)))
        number, _ = read_packet(caller)
        caller.sendall(packet(number + 1, b"\0\0\0\x02\0\0\0"))

    assert asked(rules, matcher, MYSQL, welcoming) == "unknown/accepts-anything"


# --- PostgreSQL ---


def postgresql_message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


def knows_nothing(*, ends: bytes = b"Z") -> Talk:
    """A server that proves, before anything was asked, that it knows what everybody knows."""

    def talk(caller: socket.socket) -> None:
        head = exactly(caller, 8)
        if head == struct.pack("!II", 8, 80877103):  # it has no TLS
            caller.sendall(b"N")
            head = exactly(caller, 8)
        exactly(caller, struct.unpack("!I", head[:4])[0] - 8)
        caller.sendall(postgresql_message(b"R", struct.pack("!I", 10) + b"SCRAM-SHA-256\0\0"))
        size = struct.unpack("!cI", exactly(caller, 5))[1]
        exactly(caller, size - 4)
        proof = b"v=" + base64.b64encode(hmac.digest(b"", b"", "sha256"))
        if ends == b"Z":
            caller.sendall(postgresql_message(b"R", struct.pack("!I", 12) + proof))
            caller.sendall(postgresql_message(b"R", struct.pack("!I", 0)))
        caller.sendall(postgresql_message(b"Z", b"I"))

    return talk


@pytest.mark.parametrize("ends", [b"Z", b""])
def test_a_server_that_skips_a_step_has_proved_nothing(ends: bytes, rules: RuleSet, matcher: Matcher) -> None:
    url = f"postgresql://app:{RIGHT}@db.widgets.net/shop"
    assert asked(rules, matcher, url, knows_nothing(ends=ends)) == "unknown/not-described"


# --- MongoDB ---


def test_bson_is_what_its_specification_shows() -> None:
    told = b"\x16\x00\x00\x00\x02hello\x00\x06\x00\x00\x00world\x00\x00"
    assert bson.encode({"hello": "world"}) == told
    assert bson.decode(told) == {"hello": "world"}
    awesome = (
        b"1\x00\x00\x00\x04BSON\x00&\x00\x00\x00\x020\x00\x08\x00\x00\x00awesome\x00"
        b"\x011\x00333333\x14@\x102\x00\xc2\x07\x00\x00\x00\x00"
    )
    assert bson.decode(awesome) == {"BSON": ["awesome", 5.05, 1986]}


TREES = st.recursive(
    st.text(alphabet="aé0", max_size=5) | st.integers(-(2**31), 2**31 - 1) | st.booleans() | st.binary(max_size=5),
    lambda below: st.dictionaries(st.text(alphabet="ab", max_size=3), below, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(alphabet="ab", max_size=3), TREES, max_size=4))
def test_what_is_encoded_is_decoded(tree: dict[str, Any]) -> None:
    assert bson.decode(bson.encode(tree)) == tree


@given(st.binary(max_size=60) | st.dictionaries(st.text(max_size=3), st.integers(0, 9), max_size=4).map(
    lambda tree: bson.encode({"a": tree}) if all("\0" not in name for name in tree) else b""
), st.integers(0, 60), st.integers(0, 255))  # fmt: skip
def test_no_bytes_surprise_the_reader(data: bytes, at: int, byte: int) -> None:
    bent = data[:at] + bytes([byte]) + data[at + 1 :]
    try:
        assert isinstance(bson.decode(bent), dict)
    except ValueError as error:
        assert str(error) == "no BSON that a login holds"


def test_scram_with_sha_1_is_what_its_specification_shows() -> None:
    """RFC 5802, section 5."""
    scram = Scram("pencil", "fyko+d2lbbFgONRv9qkxdawL", user="user", algorithm="sha1")
    assert scram.first() == b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL"
    told = scram.final(b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096")
    assert told == b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="
    assert scram.proven(b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=")
    assert not scram.proven(b"v=rmF9pqV8S7suAoZWja4dJRkFsKE=")


@pytest.mark.parametrize(("rounds", "good"), [(1, False), (4095, False), (4096, True), (1_000_001, False)])
def test_a_server_that_wants_a_cheap_proof_gets_none(rounds: int, good: bool) -> None:
    """With one round, whoever pretends to be the server could try billions of passwords on the proof."""
    scram = Scram(RIGHT, "nonce", user="app")
    try:
        assert scram.final(f"r=nonce+more,s=c2FsdA==,i={rounds}".encode()) and good
    except ScramError:
        assert not good


def mongodb(password: str, mechanisms: list[str], *, tells: bool = True, honest: bool = True, code: int = 18) -> Talk:
    """A server that knows `app` in `admin` with these mechanisms, as the documents of MongoDB say."""
    failed = {"ok": 0, "code": code, "codeName": "AuthenticationFailed", "errmsg": "Authentication failed."}

    def talk(caller: socket.socket) -> None:
        exchange: dict[str, Any] = {}
        while True:
            size, number, _, kind = struct.unpack("<iiii", exactly(caller, 16))
            assert kind == 2013
            command = bson.decode(exactly(caller, size - 16)[5:])
            told = bson.encode(answer(command, exchange))
            body = bytes(5) + told.replace(b"\x03saslSupportedMechs\0", b"\x04saslSupportedMechs\0")  # an array
            caller.sendall(struct.pack("<iiii", len(body) + 16, 1, number, 2013) + body)

    def answer(command: dict[str, Any], exchange: dict[str, Any]) -> dict[str, Any]:
        if "isMaster" in command:
            known = tells and command["saslSupportedMechs"] == "admin.app"
            array = {str(number): name for number, name in enumerate(mechanisms)}
            return {"ok": 1, **({"saslSupportedMechs": array} if known else {})}
        if command["$db"] != "admin":
            return failed
        if "saslStart" in command:
            if command["mechanism"] not in mechanisms:
                return {"ok": 0, "code": 2, "codeName": "BadValue"}
            exchange["kind"] = command["mechanism"].removeprefix("SCRAM-").replace("-", "").lower()
            exchange["bare"] = command["payload"].removeprefix(b"n,,")
            nonce = exchange["bare"].partition(b",r=")[2] + b"more"
            exchange["first"] = b"r=" + nonce + b",s=" + base64.b64encode(b"salt" * 4) + b",i=4096"
            return {"ok": 1, "conversationId": 1, "done": False, "payload": exchange["first"]}
        return finish(command["payload"], exchange)

    def finish(final: bytes, exchange: dict[str, Any]) -> dict[str, Any]:
        without, _, proof = final.partition(b",p=")
        kind = exchange["kind"]
        older = hashlib.md5(f"app:mongo:{password}".encode()).hexdigest()  # noqa: S324
        told = password if kind == "sha256" else older
        salted = hashlib.pbkdf2_hmac(kind, told.encode(), b"salt" * 4, 4096)
        client = hmac.digest(salted, b"Client Key", kind)
        message = b",".join([exchange["bare"], exchange["first"], without])
        signature = hmac.digest(hashlib.new(kind, client).digest(), message, kind)
        good = bytes(one ^ other for one, other in zip(client, signature, strict=True)) == base64.b64decode(proof)
        if not good and honest:
            return failed
        proves = hmac.digest(hmac.digest(salted, b"Server Key", kind), message, kind)
        return {"ok": 1, "conversationId": 1, "done": True, "payload": b"v=" + base64.b64encode(proves)}

    return talk


MONGODB = f"mongodb://app:{RIGHT}@m1.widgets.net:27017,m2.widgets.net:27017/"
BOTH = ["SCRAM-SHA-256", "SCRAM-SHA-1"]


@pytest.mark.parametrize(
    ("talk", "behind", "verdict"),
    [
        (mongodb(RIGHT, BOTH), "/", "active/accepted"),
        (mongodb(RIGHT, BOTH, tells=False), "/", "active/accepted"),
        (mongodb(RIGHT, ["SCRAM-SHA-1"], tells=False), "/", "active/accepted"),
        (mongodb(RIGHT, BOTH), "/?authMechanism=SCRAM-SHA-1", "active/accepted"),
        (mongodb(RIGHT, BOTH), "/shop?authSource=admin", "active/accepted"),
        (mongodb(RIGHT, BOTH), "/shop", "inactive/invalid"),
        (mongodb(WRONG, BOTH), "/", "inactive/invalid"),
        (mongodb(WRONG, BOTH, honest=False), "/", "unknown/not-described"),
        (mongodb(WRONG, BOTH, code=13), "/", "unknown/not-described"),
        (mongodb(RIGHT, []), "/", "unknown/not-described"),
        (mongodb(RIGHT, BOTH), "/?authMechanism=MONGODB-AWS", "unknown/no-check"),
    ],
    ids=["both", "silent", "sha-1", "named", "source", "another-source", "wrong", "liar", "other-error", "none", "aws"],
)
def test_mongodb(talk: Talk, behind: str, verdict: str, rules: RuleSet, matcher: Matcher) -> None:
    assert asked(rules, matcher, MONGODB, talk, behind) == verdict


def test_hosts_in_the_dns_are_not_looked_up(rules: RuleSet, matcher: Matcher) -> None:
    finding = found_in(matcher, f"mongodb+srv://app:{RIGHT}@cluster0.ab1cd.widgets.net/shop")
    validity = ask(rules, finding, "")
    assert said(validity) == "unknown/not-sendable" and "SRV" in validity.detail


# --- all of them ---

URLS = [MYSQL, MONGODB, f"redis://app:{RIGHT}@cache.widgets.net:6379/0", f"postgres://app:{RIGHT}@db.widgets.net/shop"]
BEGINNINGS = [
    b"", packet(0, mysql_greeting(b"s" * 20)), packet(0, mysql_greeting(b"s" * 20)) + packet(2, b"\x01\x04"),
    b"+OK\r\n", b"-", b"+", struct.pack("<iiii", 40, 1, 1, 2013), b"R\0\0\0\x08\0\0\0\x05",
]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(url=st.sampled_from(URLS), begin=st.sampled_from(BEGINNINGS), data=st.binary(max_size=200))
def test_no_server_makes_a_login_of_noise(
    url: str, begin: bytes, data: bytes, rules: RuleSet, matcher: Matcher
) -> None:
    def speak(caller: socket.socket) -> None:
        caller.sendall(begin + data)
        caller.shutdown(socket.SHUT_WR)
        while caller.recv(4096):
            pass

    assert asked(rules, matcher, url, speak).partition("/")[0] != "active"


@pytest.mark.parametrize("url", URLS, ids=lambda url: url.partition(":")[0])
def test_a_byte_now_and_then_keeps_nobody(url: str, rules: RuleSet, matcher: Matcher) -> None:
    """Each of them comes in time; all of them do not."""

    def drip(caller: socket.socket) -> None:
        for byte in packet(0, mysql_greeting(b"s" * 20)) if url == MYSQL else b"+" * 500:
            caller.sendall(bytes([byte]))
            time.sleep(0.1)

    assert asked(rules, matcher, url, drip, timeout=1.0) in ("unknown/timeout", "unknown/not-described")


@pytest.mark.parametrize("url", URLS, ids=lambda url: url.partition(":")[0])
def test_a_host_is_asked_where_it_is_allowed_with_its_port(url: str, rules: RuleSet, matcher: Matcher) -> None:
    finding = found_in(matcher, url)
    host = url.partition("@")[2].partition("/")[0].partition(",")[0]
    name, _, port = host.partition(":")
    port = port or {"mysql": "3306", "postgres": "5432"}[url.partition(":")[0]]
    for hosts, wanted in (((name,), True), ((f"{name}:{port}",), True), ((f"{name}:1234",), False), ((), False)):
        with Verifier(rules, VerifySettings(providers={"database": Override(hosts=hosts)})) as verifier:
            targets = verifier.plan([finding]).targets
        assert [one.host for one in targets] == ([f"{name}:{port}"] if wanted else [])


class Peer(socket.socket):
    """A connection that says it leads to an address."""

    address = ""

    def getpeername(self) -> tuple[str, int]:
        return self.address, 6379


@pytest.mark.parametrize(
    ("address", "discreet"),
    [("127.0.0.1", True), ("10.1.2.3", True), ("fd12::1", True), ("93.184.216.34", False), ("2606:2800::1", False)],
)
def test_a_password_is_said_inside_of_the_house_only(address: str, discreet: bool) -> None:
    with Peer() as peer:
        peer.address = address
        assert Wire(peer, "h", None).discreet is discreet
