"""MySQL URLs, by logins to a real MariaDB that is started for them.

Left out where there is none, unless CI_DATABASES says that there must be one.
"""

from __future__ import annotations

import getpass
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import pytest

from scanner.matcher import Matcher
from scanner.rule import RuleSet
from tests import databases
from tests.database_logins import answers, ask, folder_with_certificates, found_in, free_ports, passwords, running, said

RIGHT, WRONG = passwords(2)

USERS = f"""
CREATE USER app@'%' IDENTIFIED BY '{RIGHT}';
CREATE USER secure@'%' IDENTIFIED BY '{RIGHT}' REQUIRE SSL;
CREATE USER asleep@'%' IDENTIFIED BY '{RIGHT}' ACCOUNT LOCK;
CREATE USER elsewhere@'192.0.2.1' IDENTIFIED BY '{RIGHT}';
CREATE USER open@'%';
CREATE USER 'naïve user'@'%' IDENTIFIED BY 'p@ss/wörd%1';
"""


@dataclass(frozen=True)
class Server:
    port: int
    authority: str


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    program = databases.mariadb()
    assert program is not None, "CI_DATABASES says that MariaDB is here, and it is not"
    with folder_with_certificates("mariadb") as folder, free_ports(1) as (port,):
        data, as_us = f"--datadir={folder / 'data'}", f"--user={getpass.getuser()}"
        maker = [str(databases.program("mariadb-install-db")), "--no-defaults", data, as_us, "--skip-test-db"]
        done = subprocess.run([*maker, "--auth-root-authentication-method=normal"], capture_output=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        (folder / "users.sql").write_text(USERS.strip() + "\n", encoding="utf-8")
        command = [
            str(program), "--no-defaults", as_us, data, f"--socket={folder / 'socket'}", f"--port={port}",
            "--bind-address=127.0.0.1", "--skip-name-resolve", f"--init-file={folder / 'users.sql'}",
            f"--ssl-cert={folder / 'cert.pem'}", f"--ssl-key={folder / 'key.pem'}", "--character-set-server=utf8mb4",
            "--innodb-flush-log-at-trx-commit=0",
        ]  # fmt: skip
        with running(command, partial(answers, port)):
            yield Server(port, str(folder / "authority.pem"))


# (what, user and password, what is behind the port, verdict)
LOGINS = [
    ("right", f"app:{RIGHT}", "/shop", "active/accepted"),
    ("wrong", f"app:{WRONG}", "/shop", "inactive/invalid"),
    ("nobody", f"nobody:{RIGHT}", "/shop", "inactive/invalid"),
    ("without-tls", f"app:{RIGHT}", "/shop?ssl-mode=DISABLED", "active/accepted"),
    ("wants-tls", f"secure:{RIGHT}", "/shop", "active/accepted"),
    ("asleep", f"asleep:{RIGHT}", "/shop", "inactive/disabled"),
    ("from-elsewhere-only", f"elsewhere:{RIGHT}", "/shop", "inactive/invalid"),
    ("without-a-password", f"open:{RIGHT}", "/shop", "inactive/invalid"),
    ("escaped", "na%C3%AFve%20user:p%40ss%2Fw%C3%B6rd%251", "/shop", "active/accepted"),
]


@pytest.mark.parametrize(("what", "who", "behind", "verdict"), LOGINS, ids=[one[0] for one in LOGINS])
def test_a_login(
    what: str, who: str, behind: str, verdict: str, rules: RuleSet, matcher: Matcher, server: Server
) -> None:
    finding = found_in(matcher, f"mysql://{who}@db.widgets.net{behind}")
    validity = ask(rules, finding, f"localhost:{server.port}{behind}", server.authority)
    assert said(validity) == verdict
    assert validity.endpoint == f"mysql://localhost:{server.port}"
    assert who.partition(":")[2] not in repr(validity)


def test_a_certificate_of_nobody_we_know_costs_the_secrecy_of_the_line_and_not_of_the_password(
    rules: RuleSet, matcher: Matcher, server: Server
) -> None:
    finding = found_in(matcher, f"mariadb+pymysql://app:{RIGHT}@db.widgets.net/shop")
    assert said(ask(rules, finding, f"localhost:{server.port}/shop")) == "active/accepted"
