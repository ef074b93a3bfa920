"""Providers to ask: real HTTPS servers on this machine, with an authority of their own, that behave as their public
documents say, or as badly as servers do.

One `Simulator` is one server that is many hosts: a client says whom it means by name (SNI and Host), and the simulator
is also the resolver that leads every name here. All that was asked stands in `asked`.
"""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import trustme

HERE = "127.0.0.1"


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    host: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def bearer(self) -> str:
        """The token of `Authorization: Bearer`."""
        kind, _, token = self.headers.get("authorization", "").partition(" ")
        return token if kind == "Bearer" else ""

    @property
    def everything(self) -> str:
        """All of it as one text, to look for a key in."""
        return "\n".join([self.host, self.method, self.path, repr(dict(self.headers)), self.body.decode("latin-1")])


@dataclass(frozen=True)
class Answer:
    """What is replied. `tree` is sent as JSON, `body` as it is. `first` is done before a byte is sent, and `instead`
    in place of everything."""

    status: int = 200
    tree: Any = None
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    instead: Callable[[BaseHTTPRequestHandler], None] | None = None


Provider = Callable[[Asked], Answer]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are what some tests are about."""


class Simulator:
    """A server of many names. `answers` says who replies what; a name without an entry gets 404."""

    def __init__(self, names: Sequence[str], folder: Path, *, tls: bool = True) -> None:
        self.names = tuple(names)
        self.asked: list[Asked] = []
        self.answers: dict[str, Provider] = {}
        self.addresses: dict[str, list[str]] = {}
        self.resolved: list[str] = []
        authority = trustme.CA()
        self.authority = folder / "authority.pem"
        authority.cert_pem.write_to_path(str(self.authority))
        self._server = _Server((HERE, 0), _handler_of(self))
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert(*(names or [HERE])).configure_cert(context)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._scheme = "https" if tls else "http"
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def url(self, name: str) -> str:
        """The address of one of its hosts."""
        return f"{self._scheme}://{name}:{self.port}"

    def resolve(self, host: str, port: int) -> Sequence[str]:
        """Leads every name here, or where `addresses` says."""
        self.resolved.append(host)
        return self.addresses.get(host, [HERE])

    def hosts_asked(self) -> set[str]:
        """The names that requests were meant for."""
        return {one.host for one in self.asked}

    def close(self) -> None:
        """Ends the server."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextlib.contextmanager
def simulator(names: Sequence[str], folder: Path, *, tls: bool = True) -> Iterator[Simulator]:
    """A simulator for a while."""
    made = Simulator(names, folder, tls=tls)
    try:
        yield made
    finally:
        made.close()


def _handler_of(owner: Simulator) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Takes a request, looks whom it is for, and lets that provider answer."""

        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def answer(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = self.rfile.read(length) if length else b""
            host = (self.headers.get("host") or "").partition(":")[0]
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(host, self.command, self.path, headers, body)
            owner.asked.append(asked)
            provider = owner.answers.get(host)
            send(self, provider(asked) if provider else Answer(404, {"error": "no such host"}))

        do_GET = do_POST = do_HEAD = do_DELETE = do_PUT = answer  # noqa: N815 - names that http.server looks for

        def log_message(self, format: str, *arguments: object) -> None:
            """Tests stay quiet."""

    return Handler


def send(handler: BaseHTTPRequestHandler, answer: Answer) -> None:
    """Writes an answer as it is meant."""
    if answer.instead is not None:
        answer.instead(handler)
        return
    body = json.dumps(answer.tree).encode() if answer.tree is not None else answer.body
    headers = {"Content-Type": "application/json"} if answer.tree is not None else {}
    handler.send_response(answer.status)
    for name, value in {**headers, **answer.headers, "Content-Length": str(len(body))}.items():
        handler.send_header(name, value)
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body)


# --- servers that behave badly ---


def cut(handler: BaseHTTPRequestHandler) -> None:
    """Promises more than it sends, and hangs up."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", "500")
    handler.end_headers()
    handler.wfile.write(b'{"data": [{"id": 1')
    handler.close_connection = True


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    """Hangs up without a word."""
    handler.close_connection = True


def silent(handler: BaseHTTPRequestHandler) -> None:
    """Says nothing until the other side goes away."""
    handler.connection.settimeout(5)
    with contextlib.suppress(OSError):
        handler.connection.recv(1)
    handler.close_connection = True


def drip(handler: BaseHTTPRequestHandler) -> None:
    """Sends headers for ever, a few bytes at a time, so that no single wait is long."""
    with contextlib.suppress(OSError):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
        for number in range(400):
            handler.wfile.write(b"X-%d: y\r\n" % number)
            handler.wfile.flush()
            time.sleep(0.01)
    handler.close_connection = True


def huge(handler: BaseHTTPRequestHandler) -> None:
    """Sends JSON that does not end."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.end_headers()
    with contextlib.suppress(OSError):
        handler.wfile.write(b'{"data": ["')
        for _ in range(400):
            handler.wfile.write(b"x" * 65536)
    handler.close_connection = True


def bomb(handler: BaseHTTPRequestHandler) -> None:
    """Sends 200 KB that unpack to 200 MB of JSON."""
    pack = zlib.compressobj(9, wbits=31)
    body = pack.compress(b'{"data": "' + b"0" * 1000)
    body += b"".join(pack.compress(b"0" * 1_000_000) for _ in range(200)) + pack.flush()
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Encoding", "gzip")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    with contextlib.suppress(OSError):
        handler.wfile.write(body)


def many_headers(handler: BaseHTTPRequestHandler) -> None:
    """Sends a megabyte of headers."""
    with contextlib.suppress(OSError):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"X-More: " + b"y" * 1_000_000 + b"\r\n\r\n")
    handler.close_connection = True


def not_http(handler: BaseHTTPRequestHandler) -> None:
    """Speaks another protocol."""
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.9\r\n")
    handler.close_connection = True


PORTAL = Answer(200, body=b"<html>Welcome. Please log in.</html>", headers={"Content-Type": "text/html"})
FIREWALL = Answer(403, body=b"<html>Forbidden by policy</html>", headers={"Content-Type": "text/html"})
GARBLED = Answer(200, body=b'{"data": [', headers={"Content-Type": "application/json"})
