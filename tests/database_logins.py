"""What tests of logins to databases share: findings of URLs, a verifier that reaches this machine, servers."""

from __future__ import annotations

import contextlib
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import trustme

from scanner.matcher import Matcher
from scanner.models import Chunk, Finding, Origin, Validity
from scanner.rule import RuleSet
from scanner.verifier import Verifier
from scanner.verify_settings import Override, VerifySettings


def passwords(number: int) -> list[str]:
    """So many passwords, each another, made for this run."""
    return [f"Gr3en{drawn}Hats" for drawn in random.sample(range(10**6, 10**7), number)]


def found_in(matcher: Matcher, url: str) -> Finding:
    """The database URL, which does not stand alone in its file."""
    (other,) = passwords(1)
    text = f"DATABASE_URL={url}\nOTHER={url.partition(':')[0]}://other:{other}@other.widgets.net/x\n"
    found = matcher.find(Chunk(text.encode(), Origin(".env")))
    return next(one for one in found if one.rule_id.startswith("database-"))


def ask(rules: RuleSet, finding: Finding, address: str, ca_bundle: str = "", timeout: float = 30.0) -> Validity:
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


@contextlib.contextmanager
def folder_with_certificates(database: str) -> Iterator[Path]:
    """A new folder with `authority.pem`, and with `cert.pem` and `key.pem` that it has signed for localhost. It has a
    short path, for sockets."""
    folder = Path(tempfile.mkdtemp(prefix=f"keysweep-{database}-"))
    try:
        authority = trustme.CA()
        certificate = authority.issue_cert("localhost")
        authority.cert_pem.write_to_path(str(folder / "authority.pem"))
        certificate.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
        certificate.private_key_pem.write_to_path(str(folder / "key.pem"))
        (folder / "key.pem").chmod(0o600)
        yield folder
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def free_ports(number: int) -> Iterator[list[int]]:
    """Ports for servers that are started meanwhile. Linux gives a port that is bound but not listened on to nobody who
    does not ask for it by its number; elsewhere such a port would be refused to the server, too, and is let go."""
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(number)]
        for one in held:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind(("127.0.0.1", 0))
        ports = [int(one.getsockname()[1]) for one in held]
        if sys.platform != "linux":
            stack.close()
        yield ports


@contextlib.contextmanager
def running(command: Sequence[str], is_up: Callable[[], bool], **options: Any) -> Iterator[None]:
    """A server for a while, from when it is up. Fails with its own words when it ends instead."""
    with tempfile.TemporaryFile() as words:
        server = subprocess.Popen(command, stdout=words, stderr=subprocess.STDOUT, **options)
        try:
            for _ in range(1200):
                if is_up():
                    break
                assert server.poll() is None, _all_of(words)
                time.sleep(0.1)
            else:
                raise AssertionError(f"the server took more than two minutes to start: {_all_of(words)}")
            yield
        finally:
            server.terminate()
            server.wait(120)


def _all_of(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def answers(port: int, hello: bytes = b"") -> bool:
    """Whether a server takes connections on the port, and answers to this."""
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
