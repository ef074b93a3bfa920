"""What tests of logins to databases share: findings of URLs, a verifier that reaches this machine, servers."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from scanner.matcher import Matcher
from scanner.models import Chunk, Finding, Origin, Validity
from scanner.rule import RuleSet
from scanner.verifier import Verifier
from scanner.verify_settings import Override, VerifySettings


def found_in(matcher: Matcher, url: str) -> Finding:
    """The one database URL in a line."""
    found = matcher.find(Chunk(f"DATABASE_URL={url}\n".encode(), Origin(".env")))
    return next(one for one in found if one.rule_id.startswith("database-"))


def ask(rules: RuleSet, finding: Finding, address: str, ca_bundle: str = "", timeout: float = 5.0) -> Validity:
    """What comes of a login at this address, which is on this machine."""
    override = Override(parts={"address": address} if address else {}, per_minute=60_000)
    chosen = VerifySettings(
        providers={"database": override}, allow_loopback=True, ca_bundle=ca_bundle, attempts=1, timeout=timeout
    )
    with Verifier(rules, chosen) as verifier:
        (found,) = verifier.finish([finding])
    return found.validity


def said(validity: Validity) -> str:
    """Status and reason."""
    return f"{validity.status}/{validity.reason}"


def free_ports(number: int) -> list[int]:
    """Ports that nobody has now."""
    with contextlib.ExitStack() as stack:
        listening = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)]
        return [int(one.getsockname()[1]) for one in listening]


@contextlib.contextmanager
def running(command: Sequence[str], port: int, hello: bytes = b"", **options: Any) -> Iterator[None]:
    """A server for a while, from when it takes connections on the port (and answers to `hello`). Fails with its own
    words when it ends instead."""
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    try:
        for _ in range(600):
            if _answers(port, hello):
                break
            assert server.poll() is None, server.stdout.read().decode() if server.stdout else ""
            time.sleep(0.1)
        else:
            raise AssertionError("the server took more than a minute to start")
        yield
    finally:
        server.terminate()
        server.communicate(timeout=30)


def _answers(port: int, hello: bytes) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(hello)
            return bool(connection.recv(1))
    except OSError:
        return False


@contextlib.contextmanager
def speaking(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """The port of a server that talks to everybody who comes, one after the other."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    caller, _ = listening.accept()
                except OSError:
                    return
                with caller, contextlib.suppress(OSError, EOFError, ValueError):
                    caller.settimeout(5)
                    talk(caller)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield int(listening.getsockname()[1])
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def exactly(connection: socket.socket, size: int) -> bytes:
    """So many bytes. Raises EOFError."""
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data
