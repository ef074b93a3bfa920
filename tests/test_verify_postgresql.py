"""Database URLs, by logins to a real PostgreSQL that is started for them.

Where there is no PostgreSQL, `conftest.py` leaves this module out, unless CI_DATABASES says that there must be one
(`.ci/run` installs it, and says so).
"""

from __future__ import annotations

import os
import pwd
import random
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.matcher import Matcher
from scanner.models import Chunk, Finding, Origin, Validity
from scanner.rule import RuleSet
from scanner.verifier import Verifier
from scanner.verify_settings import Override, VerifySettings
from tests.postgresql import binaries

RIGHT, WRONG = (f"Gr3en{number}Hats" for number in random.sample(range(10**6, 10**7), 2))

ROLES = f"""
SET password_encryption = 'scram-sha-256';
CREATE ROLE scram LOGIN PASSWORD '{RIGHT}';
CREATE ROLE asleep PASSWORD '{RIGHT}';
CREATE ROLE clear LOGIN PASSWORD '{RIGHT}';
CREATE ROLE told LOGIN PASSWORD '{RIGHT}';
CREATE ROLE anyone LOGIN;
CREATE ROLE "naïve user" LOGIN PASSWORD 'p@ss/wörd%1';
SET password_encryption = 'md5';
CREATE ROLE older LOGIN PASSWORD '{RIGHT}';
CREATE DATABASE closed;
REVOKE CONNECT ON DATABASE closed FROM PUBLIC;
"""

RIGHTS = """
local   all all                       trust
host    all anyone 127.0.0.1/32       trust
hostssl all clear  127.0.0.1/32       password
host    all told   127.0.0.1/32       password
host    all older  127.0.0.1/32       md5
host    all all    127.0.0.1/32       scram-sha-256
"""


@dataclass(frozen=True)
class Database:
    port: int
    authority: Path


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    """A server of its own, with TLS for `localhost`, in a folder of its own."""
    found = binaries()
    assert found is not None, "CI_DATABASES says that PostgreSQL is here, and it is not"
    owner = pwd.getpwnam("postgres") if os.getuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="keysweep-pg-"))
    data, authority = folder / "data", trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    certificate = authority.issue_cert("localhost")
    certificate.private_key_pem.write_to_path(str(folder / "key.pem"))
    certificate.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    (folder / "key.pem").chmod(0o600)
    if owner is not None:
        for path in (folder, *folder.iterdir()):
            os.chown(path, owner.pw_uid, owner.pw_gid)

    def run(*command: str, text: str = "") -> None:
        done = subprocess.run(command, input=text, text=True, capture_output=True, check=False, **as_owner)
        assert done.returncode == 0, done.stderr

    as_owner = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []} if owner is not None else {}
    as_owner["cwd"] = str(folder)
    run(str(found / "initdb"), "-D", str(data), "-U", "root_of_all", "--auth=trust", "-E", "UTF8", "--locale=C")
    (data / "pg_hba.conf").write_text(RIGHTS)
    port = free_port()
    options = {
        "listen_addresses": "127.0.0.1", "port": str(port), "unix_socket_directories": str(folder), "ssl": "on",
        "ssl_cert_file": str(folder / "cert.pem"), "ssl_key_file": str(folder / "key.pem"), "fsync": "off",
    }  # fmt: skip
    command = [str(found / "postgres"), "-D", str(data)]
    command += [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **as_owner)
    try:
        sql = [str(found / "psql"), "-h", str(folder), "-p", str(port), "-U", "root_of_all", "-v", "ON_ERROR_STOP=1"]
        wait_for(server, sql, as_owner)
        run(*sql, "-q", "postgres", text=ROLES)
        yield Database(port, folder / "authority.pem")
    finally:
        server.terminate()
        server.communicate(timeout=30)
        shutil.rmtree(folder)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def wait_for(server: subprocess.Popen[bytes], sql: list[str], as_owner: dict[str, object]) -> None:
    """Until it takes connections; fails with its own words when it ends instead."""
    for _ in range(300):
        asked = subprocess.run([*sql, "-c", "SELECT 1", "postgres"], capture_output=True, check=False, **as_owner)  # type: ignore[call-overload]
        if asked.returncode == 0:
            return
        if server.poll() is not None:
            raise AssertionError((server.stderr.read() if server.stderr else b"").decode())
        time.sleep(0.1)
    raise AssertionError("PostgreSQL took more than half a minute to start")


def found_in(matcher: Matcher, url: str) -> Finding:
    text = f"DATABASE_URL={url}\nOTHER=postgres://other:{WRONG}@other.widgets.net/x\n"
    chunk = Chunk(text.encode(), Origin(".env"))
    return next(one for one in matcher.find(chunk) if one.rule_id == "database-postgresql-url")


def ask(
    rules: RuleSet, finding: Finding, address: str, ca_bundle: str = "", hosts: tuple[str, ...] = ()
) -> Validity:
    override = Override(parts={"address": address} if address else {}, hosts=hosts, per_minute=60_000)
    chosen = VerifySettings(providers={"database": override}, allow_loopback=True, ca_bundle=ca_bundle, attempts=1)
    with Verifier(rules, chosen) as verifier:
        (found,) = verifier.finish([finding])
    return found.validity


def said(validity: Validity) -> str:
    return f"{validity.status}/{validity.reason}"


# (what, user and password as the URL writes them, what is behind the port, verdict)
LOGINS = [
    ("scram", f"scram:{RIGHT}", "/postgres", "active/accepted"),
    ("scram-wrong", f"scram:{WRONG}", "/postgres", "inactive/invalid"),
    ("scram-nobody", f"nobody:{RIGHT}", "/postgres", "inactive/invalid"),
    ("no-name-of-a-database", f"scram:{RIGHT}", "", "active/accepted"),
    ("database-gone", f"scram:{RIGHT}", "/gone", "active/accepted"),
    ("database-closed", f"scram:{RIGHT}", "/closed", "active/restricted"),
    ("without-tls", f"scram:{RIGHT}", "/postgres?sslmode=disable", "active/accepted"),
    ("escaped", "na%C3%AFve%20user:p%40ss%2Fw%C3%B6rd%251", "/postgres", "active/accepted"),
    ("md5", f"older:{RIGHT}", "/postgres", "active/accepted"),
    ("md5-wrong", f"older:{WRONG}", "/postgres", "inactive/invalid"),
    ("clear", f"clear:{RIGHT}", "/postgres", "active/accepted"),
    ("clear-wrong", f"clear:{WRONG}", "/postgres", "inactive/invalid"),
    ("clear-without-tls", f"told:{RIGHT}", "/postgres?sslmode=disable", "unknown/no-check"),
    ("anyone", f"anyone:{RIGHT}", "/postgres", "unknown/accepts-anything"),
    ("asleep", f"asleep:{RIGHT}", "/postgres", "inactive/disabled"),
]


@pytest.mark.parametrize(("what", "who", "behind", "verdict"), LOGINS, ids=[one[0] for one in LOGINS])
def test_a_login(
    what: str, who: str, behind: str, verdict: str, rules: RuleSet, matcher: Matcher, database: Database
) -> None:
    finding = found_in(matcher, f"postgres://{who}@db.widgets.net{behind}")
    validity = ask(rules, finding, f"localhost:{database.port}{behind}", str(database.authority))
    assert said(validity) == verdict
    assert validity.endpoint == f"postgresql://localhost:{database.port}"
    assert who.partition(":")[2] not in repr(validity)


def test_a_certificate_of_nobody_we_know_costs_the_secrecy_of_the_line_and_not_of_the_password(
    rules: RuleSet, matcher: Matcher, database: Database
) -> None:
    by_proof = found_in(matcher, f"postgres://scram:{RIGHT}@db.widgets.net/postgres")
    assert said(ask(rules, by_proof, f"localhost:{database.port}/postgres")) == "active/accepted"
    by_telling = found_in(matcher, f"postgres://told:{RIGHT}@db.widgets.net/postgres")
    assert said(ask(rules, by_telling, f"localhost:{database.port}/postgres")) == "unknown/no-check"


def test_a_host_that_only_a_file_names_is_not_reached(rules: RuleSet, matcher: Matcher) -> None:
    finding = found_in(matcher, f"postgres://scram:{RIGHT}@db.widgets.net:5432/postgres?sslmode=require")
    assert dict(finding.parts)["address"].reveal() == b"@db.widgets.net:5432/postgres?sslmode=require"
    validity = ask(rules, finding, "")
    assert said(validity) == "unknown/missing-part"
    assert "hosts" in validity.detail
    with Verifier(rules, VerifySettings(providers={"database": Override(hosts=("*.widgets.net",))})) as verifier:
        (target,) = verifier.plan([finding]).targets
    assert target.endpoint == "postgresql://db.widgets.net:5432"


def test_a_private_address_is_not_reached(rules: RuleSet, matcher: Matcher, database: Database) -> None:
    finding = found_in(matcher, f"postgres://scram:{RIGHT}@db.widgets.net/postgres")
    override = Override(parts={"address": f"localhost:{database.port}/postgres"})
    with Verifier(rules, VerifySettings(providers={"database": override}, attempts=1)) as verifier:
        (found,) = verifier.finish([finding])
    assert said(found.validity) == "unknown/refused-address"


@settings(max_examples=30, deadline=None)
@given(
    data=st.binary(max_size=200),
    begin=st.sampled_from([b"", b"S", b"N", b"NR\0\0\0\x08\0\0\0\0", b"NE\0\0\0\x0cC28P01\0\0"]),
)
def test_no_server_makes_a_login_of_noise(data: bytes, begin: bytes, rules: RuleSet, matcher: Matcher) -> None:
    finding = found_in(matcher, f"postgres://scram:{RIGHT}@db.widgets.net/postgres")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        speaker = threading.Thread(target=speak, args=(listening, begin + data), daemon=True)
        speaker.start()
        validity = ask(rules, finding, f"localhost:{listening.getsockname()[1]}/postgres")
        listening.shutdown(socket.SHUT_RDWR)  # whoever waits for callers stops
    speaker.join()
    assert validity.status != "active"


def speak(listening: socket.socket, data: bytes) -> None:
    """Says the same to everybody who comes, and hangs up."""
    while True:
        try:
            caller, _ = listening.accept()
        except OSError:
            return
        with caller:
            caller.settimeout(1)
            try:
                caller.sendall(data)
                caller.shutdown(socket.SHUT_WR)
                while caller.recv(4096):
                    pass
            except OSError:
                continue
