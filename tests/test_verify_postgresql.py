"""Database URLs, by logins to a real PostgreSQL that is started for them.

Where there is no PostgreSQL, `conftest.py` leaves this module out, unless CI_DATABASES says that there must be one
(`.ci/run` installs it, and says so).
"""

from __future__ import annotations

import os
import pwd
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.matcher import Matcher
from scanner.rule import RuleSet
from scanner.verifier import Verifier
from scanner.verify_settings import Override, VerifySettings
from tests.database_logins import (
    ask,
    folder_with_certificates,
    found_in,
    free_ports,
    passwords,
    running,
    said,
    speaking,
)
from tests.postgresql import binaries

RIGHT, WRONG = passwords(2)

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
class Server:
    port: int
    authority: str


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server of its own, with TLS for `localhost`, in a folder of its own."""
    found = binaries()
    assert found is not None, "CI_DATABASES says that PostgreSQL is here, and it is not"
    owner = pwd.getpwnam("postgres") if os.getuid() == 0 else None
    with folder_with_certificates("pg") as folder, free_ports(1) as (port,):
        if owner is not None:
            for path in (folder, *folder.iterdir()):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        as_owner = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []} if owner is not None else {}

        def run(*command: str, text: str = "") -> subprocess.CompletedProcess[str]:
            options: dict[str, Any] = {"cwd": folder, **as_owner}
            return subprocess.run(command, input=text, text=True, capture_output=True, check=False, **options)

        made = run(str(found / "initdb"), "-D", "data", "-U", "root_of_all", "--auth=trust", "-E", "UTF8", "--locale=C")
        assert made.returncode == 0, made.stderr
        (folder / "data/pg_hba.conf").write_text(RIGHTS)
        options = {
            "listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": folder, "ssl": "on",
            "ssl_cert_file": folder / "cert.pem", "ssl_key_file": folder / "key.pem", "fsync": "off",
        }  # fmt: skip
        command = [str(found / "postgres"), "-D", "data"]
        command += [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        sql = [str(found / "psql"), "-h", str(folder), "-p", str(port), "-U", "root_of_all", "-v", "ON_ERROR_STOP=1"]
        with running(command, lambda: run(*sql, "-c", "SELECT 1", "postgres").returncode == 0, cwd=folder, **as_owner):
            roles = run(*sql, "-q", "postgres", text=ROLES)
            assert roles.returncode == 0, roles.stderr
            yield Server(port, str(folder / "authority.pem"))


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
    what: str, who: str, behind: str, verdict: str, rules: RuleSet, matcher: Matcher, server: Server
) -> None:
    finding = found_in(matcher, f"postgres://{who}@db.widgets.net{behind}")
    validity = ask(rules, finding, f"localhost:{server.port}{behind}", server.authority)
    assert said(validity) == verdict
    assert validity.endpoint == f"postgresql://localhost:{server.port}"
    assert who.partition(":")[2] not in repr(validity)


def test_a_certificate_of_nobody_we_know_costs_the_secrecy_of_the_line_and_not_of_the_password(
    rules: RuleSet, matcher: Matcher, server: Server
) -> None:
    by_proof = found_in(matcher, f"postgres://scram:{RIGHT}@db.widgets.net/postgres")
    assert said(ask(rules, by_proof, f"localhost:{server.port}/postgres")) == "active/accepted"
    by_telling = found_in(matcher, f"postgres://told:{RIGHT}@db.widgets.net/postgres")
    assert said(ask(rules, by_telling, f"localhost:{server.port}/postgres")) == "unknown/no-check"


def test_a_host_that_only_a_file_names_is_not_reached(rules: RuleSet, matcher: Matcher) -> None:
    finding = found_in(matcher, f"postgres://scram:{RIGHT}@db.widgets.net:5432/postgres?sslmode=require")
    assert dict(finding.parts)["address"].reveal() == b"@db.widgets.net:5432/postgres?sslmode=require"
    validity = ask(rules, finding, "")
    assert said(validity) == "unknown/missing-part"
    assert "hosts" in validity.detail
    with Verifier(rules, VerifySettings(providers={"database": Override(hosts=("*.widgets.net",))})) as verifier:
        (target,) = verifier.plan([finding]).targets
    assert target.endpoint == "postgresql://db.widgets.net:5432"


def test_a_private_address_is_not_reached(rules: RuleSet, matcher: Matcher, server: Server) -> None:
    finding = found_in(matcher, f"postgres://scram:{RIGHT}@db.widgets.net/postgres")
    override = Override(parts={"address": f"localhost:{server.port}/postgres"})
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

    def say(caller: socket.socket) -> None:
        caller.sendall(begin + data)
        caller.shutdown(socket.SHUT_WR)
        while caller.recv(4096):
            pass

    with speaking(say) as port:
        validity = ask(rules, finding, f"localhost:{port}/postgres")
    assert validity.status != "active"
