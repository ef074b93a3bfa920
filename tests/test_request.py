"""The one way out: where it may lead, what it sends, what it shows when it fails."""

from __future__ import annotations

import logging
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.addresses import literal, refusal
from scanner.errors import ConfigError
from scanner.exchange import MAX_REPLY, Failure, Reply, Request
from scanner.fakes import Fake
from scanner.request import Requester, Way, tls_context
from tests.commands import WAIT
from tests.database_logins import speaking
from tests.simulator import HERE, Answer, Simulator, simulator

REFUSED = {
    "loopback": ["127.0.0.1", "127.8.8.8", "::1"],
    "private": ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "100.127.255.254", "fd12::1"],
    "metadata": [
        "169.254.169.254", "169.254.170.2", "169.254.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.192",
        "fd00:ec2::254", "fd20:ce::254", "fe80::1", "fec0::1",
    ],
    "nobody": [
        "0.0.0.0", "0.1.2.3",  # noqa: S104 - an address to refuse
        "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250",
        "240.0.0.1", "255.255.255.255", "::", "ff02::1", "2001:db8::1", "2001:0:53aa:64c::1", "3fff::1", "100::1",
        "64:ff9b:1::1", "4000::1",
    ],
    "one in the other": [
        "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1", "::ffff:0:10.0.0.1", "::127.0.0.1",
        "64:ff9b::169.254.169.254", "64:ff9b::10.0.0.1", "2002:a9fe:a9fe::1", "2002:7f00:1::", "2002:c0a8:101::1",
    ],
}  # fmt: skip
PUBLIC = ["1.1.1.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", [one for some in REFUSED.values() for one in some])
def test_no_key_goes_to_addresses_of_our_own_network(address: str) -> None:
    assert refusal(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_keys_go_to_public_addresses(address: str) -> None:
    assert refusal(ip_address(address)) == ""


@pytest.mark.parametrize("address", REFUSED["private"])
def test_private_addresses_when_they_are_allowed(address: str) -> None:
    assert refusal(ip_address(address), private=True) == ""


@pytest.mark.parametrize("address", [*REFUSED["metadata"], "::ffff:169.254.169.254", "2002:a9fe:a9fe::1"])
def test_metadata_services_whatever_is_allowed(address: str) -> None:
    assert refusal(ip_address(address), private=True, loopback=True)


@given(st.ip_addresses(v=4), st.sampled_from([0, 0xFFFF << 32, 0xFFFF << 48, 0x64FF9B << 96]), st.booleans())
def test_an_address_in_another_is_judged_by_itself(inner: IPv4Address, prefix: int, private: bool) -> None:
    number = int(inner)
    outer = IPv6Address(prefix | number)
    if number > 1:
        assert bool(refusal(outer, private=private)) == bool(refusal(ip_address(number), private=private))


@pytest.mark.parametrize("host", ["0x7f.1", "2130706433", "127.1", "localhost", "api.acme.net", "1.2.3.4.5", ""])
def test_what_is_no_address_is_a_name(host: str) -> None:
    """Names are resolved and then judged, however much they look like numbers."""
    assert literal(host) is None


# --- real servers ---

NAMES = ("api.logtalk.io", "elsewhere.example", "localhost")


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """A server with TLS."""
    with simulator(NAMES, tmp_path_factory.mktemp("sim")) as made:
        yield made


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """A server without TLS."""
    with simulator(NAMES, tmp_path_factory.mktemp("plain"), tls=False) as made:
        yield made


@pytest.fixture(autouse=True)
def forgotten(sim: Simulator, plain: Simulator) -> None:
    """Every test begins with servers that nobody has asked."""
    for one in (sim, plain):
        one.asked.clear()
        one.answers.clear()
        one.addresses.clear()
        one.resolved.clear()
        one.answers["api.logtalk.io"] = lambda asked: Answer(200, {"ok": True})


@pytest.fixture
def requester(sim: Simulator) -> Iterator[Requester]:
    """What leads names to the server, and may."""
    made = Requester(timeout=60, allow_loopback=True, ca_bundle=str(sim.authority), resolver=sim.resolve)
    yield made
    made.close()


def test_a_reply(sim: Simulator, requester: Requester) -> None:
    url = f"{sim.url('api.logtalk.io')}/v1/x?y=1"
    reply = requester.send(Request("POST", url, {"X-Own": "a"}, b"body"))
    assert isinstance(reply, Reply)
    assert (reply.status, reply.json(), reply.whole) == (200, {"ok": True}, True)
    (asked,) = sim.asked
    assert (asked.host, asked.method, asked.path, asked.body) == ("api.logtalk.io", "POST", "/v1/x?y=1", b"body")
    assert asked.headers["x-own"] == "a"
    assert asked.headers["user-agent"].startswith("keysweep/")


def test_connections_are_used_again(sim: Simulator, requester: Requester) -> None:
    for _ in range(3):
        assert isinstance(requester.send(Request("GET", sim.url("api.logtalk.io"))), Reply)
    assert sim.resolved == ["api.logtalk.io"]


def test_loopback_is_refused_unless_it_is_allowed(sim: Simulator) -> None:
    requester = Requester(ca_bundle=str(sim.authority), resolver=sim.resolve)
    for host in ("api.logtalk.io", HERE, "localhost", "[::1]"):
        failure = requester.send(Request("GET", f"https://{host}:{sim.port}/"))
        assert isinstance(failure, Failure)
        assert failure.reason == "refused-address"
    assert sim.asked == []
    requester.close()


@pytest.mark.parametrize("address", ["169.254.169.254", "10.1.2.3", "fe80::1", "::ffff:10.0.0.1", "192.168.0.1"])
def test_a_name_that_leads_inside_is_not_asked(address: str, sim: Simulator, requester: Requester) -> None:
    sim.addresses["api.logtalk.io"] = [address]
    failure = requester.send(Request("GET", sim.url("api.logtalk.io")))
    assert isinstance(failure, Failure)
    assert failure.reason == "refused-address"


def test_one_bad_address_refuses_all_of_a_name(sim: Simulator, requester: Requester) -> None:
    sim.addresses["api.logtalk.io"] = [HERE, "10.0.0.1"]
    failure = requester.send(Request("GET", sim.url("api.logtalk.io")))
    assert isinstance(failure, Failure)
    assert failure.reason == "refused-address"
    assert sim.asked == []


def test_a_name_that_changes_its_mind_changes_nothing(sim: Simulator) -> None:
    """Rebinding: each look at the name gives another address; what is connected to is what was looked at, once."""
    answers = iter([[HERE], ["169.254.169.254"], ["10.0.0.1"]])
    looks: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        looks.append(host)
        return next(answers)

    requester = Requester(timeout=60, allow_loopback=True, ca_bundle=str(sim.authority), resolver=resolve)
    assert isinstance(requester.send(Request("GET", sim.url("api.logtalk.io"))), Reply)
    assert looks == ["api.logtalk.io"]
    requester.close()
    failure = requester.send(Request("GET", sim.url("api.logtalk.io")))
    assert isinstance(failure, Failure)
    assert failure.reason == "refused-address"
    requester.close()


def test_numbers_that_the_system_takes_for_this_machine(sim: Simulator) -> None:
    """`2130706433` and `0x7f.1` are 127.0.0.1 to the system's own resolver."""
    requester = Requester(timeout=60, ca_bundle=str(sim.authority))
    for host in ("2130706433", "0x7f000001", "127.1", "localhost"):
        failure = requester.send(Request("GET", f"https://{host}:{sim.port}/"))
        assert isinstance(failure, Failure)
        assert failure.reason in ("refused-address", "unreachable")
    assert sim.asked == []
    requester.close()


def test_a_resolver_that_hangs_keeps_nobody(sim: Simulator) -> None:
    release = threading.Event()

    def resolve(host: str, port: int) -> list[str]:
        release.wait(60)
        return [HERE]

    requester = Requester(timeout=0.1, allow_loopback=True, resolver=resolve)
    failure = requester.send(Request("GET", sim.url("api.logtalk.io")))
    release.set()
    assert isinstance(failure, Failure)
    assert failure.reason == "timeout"
    requester.close()


def test_plain_http_goes_to_this_machine_only(plain: Simulator) -> None:
    strict = Requester(timeout=60, resolver=plain.resolve)
    allowed = Requester(timeout=60, allow_loopback=True, resolver=plain.resolve)
    url = plain.url("api.logtalk.io")
    refused = strict.send(Request("GET", url))
    assert isinstance(refused, Failure)
    assert refused.reason == "refused-address"
    assert isinstance(allowed.send(Request("GET", url)), Reply)
    plain.addresses["api.logtalk.io"] = ["10.1.2.3"]
    allowed.close()
    away = allowed.send(Request("GET", url), Way(private=True))
    assert isinstance(away, Failure)
    assert away.reason == "refused-address"
    assert len(plain.asked) == 1
    allowed.close()


def test_certificates_are_always_checked(sim: Simulator) -> None:
    unknown = Requester(timeout=60, allow_loopback=True, resolver=sim.resolve)
    failure = unknown.send(Request("GET", sim.url("api.logtalk.io")))
    assert isinstance(failure, Failure)
    assert failure.reason == "certificate"
    assert sim.asked == []
    unknown.close()


def test_tls_names_the_host_and_not_the_address(sim: Simulator, requester: Requester) -> None:
    other = requester.send(Request("GET", sim.url("wrong.example")))
    assert isinstance(other, Failure)
    assert other.reason == "certificate"


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_bundle_that_cannot_be_used_is_an_error(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match="PEM file"):
        tls_context(str(path))


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirects_are_replies(code: int, sim: Simulator, requester: Requester) -> None:
    sim.answers["api.logtalk.io"] = lambda asked: Answer(code, {}, headers={"Location": sim.url("elsewhere.example")})
    reply = requester.send(Request("GET", sim.url("api.logtalk.io"), {"Authorization": "Bearer x"}))
    assert isinstance(reply, Reply)
    assert reply.status == code
    assert sim.hosts_asked() == {"api.logtalk.io"}


def test_cookies_are_not_kept(sim: Simulator, requester: Requester) -> None:
    sim.answers["api.logtalk.io"] = lambda asked: Answer(200, {}, headers={"Set-Cookie": "a=b"})
    for _ in range(2):
        requester.send(Request("GET", sim.url("api.logtalk.io")))
    assert all("cookie" not in asked.headers for asked in sim.asked)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://api.logtalk.io/", "file:/x", "https://", "https:///x", "https://a@api.logtalk.io/",
        "https://a:b@api.logtalk.io/", "https://api.logtalk.io:99999/", "https://api.logtalk.io/a b", "//x", "",
        "https://api.logtalk.io/\r\nX: y", "https://[::1", "gopher://x/",
    ],
)  # fmt: skip
def test_addresses_that_are_none(url: str, requester: Requester, sim: Simulator) -> None:
    assert isinstance(requester.send(Request("GET", url)), Failure)
    assert sim.asked == []


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\0b", "ä", "\u2028", "\x7f"])
def test_a_value_cannot_end_its_header(value: str, sim: Simulator, requester: Requester) -> None:
    failure = requester.send(Request("GET", sim.url("api.logtalk.io"), {"X-Key": value}))
    assert isinstance(failure, Failure)
    assert failure.reason == "not-sendable"
    assert sim.asked == []


FLOODS = {
    "headers without end": (b"HTTP/1.1 200 OK\r\n", b"X-Pad: " + b"a" * 8000 + b"\r\n"),
    "one header without end": (b"HTTP/1.1 200 OK\r\nX-Pad: ", b"a" * 8000),
    "a status without end": (b"HTTP/1.1 200 ", b"a" * 8000),
    "replies before the reply": (b"", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"),
    "chunks of nothing much": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
    "noise": (b"", bytes(range(256)) * 30),
}


@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_has_an_end(flood: str) -> None:
    """Whatever a server sends for as long as we listen, nothing of it is a whole reply, and we stop listening."""
    begin, again = FLOODS[flood]
    ended = threading.Event()

    def talk(caller: socket.socket) -> None:
        caller.recv(4096)
        try:
            caller.sendall(begin)
            while True:
                caller.sendall(again)
        except OSError:
            ended.set()

    with speaking(talk) as port:
        requester = Requester(timeout=2.0, allow_loopback=True)
        got = requester.send(Request("GET", f"http://127.0.0.1:{port}/"))
        requester.close()
        assert ended.wait(WAIT)
    assert isinstance(got, Failure) or not got.whole
    if isinstance(got, Failure):
        assert got.reason in ("unreachable", "timeout")


def test_the_body_is_read_up_to_its_bound(sim: Simulator, requester: Requester) -> None:
    sim.answers["api.logtalk.io"] = lambda asked: Answer(200, body=b"x" * (MAX_REPLY + 1))
    reply = requester.send(Request("GET", sim.url("api.logtalk.io")))
    assert isinstance(reply, Reply)
    assert (len(reply.body), reply.whole) == (MAX_REPLY, False)
    sim.answers["api.logtalk.io"] = lambda asked: Answer(200, body=b"x" * MAX_REPLY)
    reply = requester.send(Request("GET", sim.url("api.logtalk.io")))
    assert isinstance(reply, Reply)
    assert (len(reply.body), reply.whole) == (MAX_REPLY, True)


# --- proxies ---


@pytest.fixture
def proxy(sim: Simulator) -> Iterator[tuple[str, list[str]]]:
    """A proxy that tunnels to the simulator, whatever host it is told; its address, and what it was told."""
    told: list[str] = []
    listening = socket.create_server((HERE, 0))

    def pump(source: socket.socket, target: socket.socket) -> None:
        try:
            while piece := source.recv(65536):
                target.sendall(piece)
        except OSError:
            pass
        finally:
            target.close()

    def serve() -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(65536)
            told.append(head.decode())
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            server = socket.create_connection((HERE, sim.port))
            for pair in ((client, server), (server, client)):
                threading.Thread(target=pump, args=pair, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield f"http://ann:p%40ss@{HERE}:{listening.getsockname()[1]}", told
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()


def test_a_proxy_sees_the_name_and_no_more(sim: Simulator, proxy: tuple[str, list[str]]) -> None:
    url, told = proxy
    requester = Requester(timeout=60, ca_bundle=str(sim.authority), resolver=sim.resolve)
    request = Request("GET", f"{sim.url('api.logtalk.io')}/v1", {"Authorization": "Bearer hush"})
    reply = requester.send(request, Way(proxy=url))
    assert isinstance(reply, Reply)
    assert told[0].startswith(f"CONNECT api.logtalk.io:{sim.port} ")
    assert "hush" not in told[0]
    assert "proxy-authorization: basic" in told[0].lower()
    assert sim.asked[0].headers["authorization"] == "Bearer hush"
    assert sim.resolved == [], "the proxy resolves"
    requester.close()


def test_an_address_is_judged_before_a_proxy_is_asked(sim: Simulator, proxy: tuple[str, list[str]]) -> None:
    url, told = proxy
    requester = Requester(timeout=60, ca_bundle=str(sim.authority), resolver=sim.resolve)
    failure = requester.send(Request("GET", "https://169.254.169.254/latest"), Way(proxy=url))
    assert isinstance(failure, Failure)
    assert failure.reason == "refused-address"
    assert told == []
    requester.close()


def test_the_environment_names_the_proxy(
    sim: Simulator, proxy: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, told = proxy
    monkeypatch.setenv("https_proxy", url)
    monkeypatch.setenv("no_proxy", "elsewhere.example")
    requester = Requester(timeout=60, ca_bundle=str(sim.authority), allow_loopback=True, resolver=sim.resolve)
    assert isinstance(requester.send(Request("GET", sim.url("api.logtalk.io"))), Reply)
    assert isinstance(requester.send(Request("GET", sim.url("elsewhere.example"))), Reply)
    assert isinstance(requester.send(Request("GET", sim.url("api.logtalk.io")), Way(proxy="")), Reply)
    assert len(told) == 1
    requester.close()


def test_a_proxy_that_refuses(sim: Simulator) -> None:
    with socket.create_server((HERE, 0)) as listening:

        def refuse() -> None:
            client, _ = listening.accept()
            client.recv(65536)
            client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            client.close()

        threading.Thread(target=refuse, daemon=True).start()
        requester = Requester(timeout=60, resolver=sim.resolve)
        url = f"http://{HERE}:{listening.getsockname()[1]}"
        failure = requester.send(Request("GET", sim.url("api.logtalk.io")), Way(proxy=url))
        requester.close()
    assert isinstance(failure, Failure)
    assert failure.reason == "blocked"


# --- other protocols ---


def test_connections_of_other_protocols_are_guarded_too(sim: Simulator, requester: Requester) -> None:
    made = requester.connect("localhost", sim.port)
    assert isinstance(made, socket.socket)
    secured = requester.tls(made, "localhost")
    assert isinstance(secured, socket.socket)
    secured.close()
    made = requester.connect("localhost", sim.port)
    assert isinstance(made, socket.socket)
    wrong = requester.tls(made, "wrong.example")
    assert isinstance(wrong, Failure)
    assert wrong.reason == "certificate"
    sim.addresses["db.acme.net"] = ["10.0.0.1"]
    refused = requester.connect("db.acme.net", 5432)
    assert isinstance(refused, Failure)
    assert refused.reason == "refused-address"


# --- nothing shows what was sent ---


def test_nothing_shows_a_key(
    sim: Simulator, requester: Requester, new_key: Callable[..., Fake], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = new_key("logtalk-api-key", "live").key.decode()
    echo = {"X-Echo": secret}
    for instead in (None, lambda handler: handler.close()):
        sim.answers["api.logtalk.io"] = lambda asked: Answer(200, {"you": secret}, headers=echo, instead=instead)  # noqa: B023 - used at once
        request = Request("POST", f"{sim.url('api.logtalk.io')}/{secret}", {"Authorization": secret}, secret.encode())
        reply = requester.send(request)
        shown = f"{request!r} {reply!r} {reply} {requester!r} {Way(proxy=f'http://a:{secret}@b')!r} {caplog.text}"
        assert secret not in shown
        assert sim.asked


def test_json_that_is_none_is_told_without_it(new_key: Callable[..., Fake]) -> None:
    secret = new_key("logtalk-api-key", "live").key
    for reply in (Reply(200, {}, secret), Reply(200, {"content-type": "text/html"}, b'{"a": 1}')):
        with pytest.raises(ValueError, match="not JSON") as caught:
            reply.json()
        assert secret.decode() not in "".join(traceback.format_exception(caught.value))
        assert caught.value.__context__ is None
