"""Redis URLs, by logins to a real Redis that is started for them.

Left out where there is none, unless CI_DATABASES says that there must be one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from scanner.matcher import Matcher
from scanner.rule import RuleSet
from tests import databases
from tests.database_logins import answers, ask, folder_with_certificates, found_in, free_ports, passwords, running, said

RIGHT, WRONG, OWN = passwords(3)
PING = b"PING\r\n"

USERS = f"""
user default on >{OWN} ~* &* +@all
user app on >{RIGHT} ~* &* +@all
user shy on >{RIGHT} -@all
user asleep off >{RIGHT} ~* &* +@all
user anyone on nopass ~* &* +@all
"""


@dataclass(frozen=True)
class Server:
    plain: int
    tls: int
    authority: str


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    program = databases.redis()
    assert program is not None, "CI_DATABASES says that Redis is here, and it is not"
    with folder_with_certificates("redis") as folder, free_ports(2) as (plain, tls):
        (folder / "users.acl").write_text(USERS)
        options = {
            "port": plain, "tls-port": tls, "tls-cert-file": folder / "cert.pem", "tls-key-file": folder / "key.pem",
            "tls-ca-cert-file": folder / "authority.pem", "tls-auth-clients": "no", "aclfile": folder / "users.acl",
            "bind": "127.0.0.1", "dir": folder, "save": "", "appendonly": "no",
        }  # fmt: skip
        command = [str(program), *(word for name, value in options.items() for word in (f"--{name}", str(value)))]
        with running(command, partial(answers, plain, PING)):
            yield Server(plain, tls, str(folder / "authority.pem"))


# (what, scheme, user and password, verdict)
LOGINS = [
    ("user", "redis", f"app:{RIGHT}", "active/accepted"),
    ("wrong", "redis", f"app:{WRONG}", "inactive/invalid"),
    ("nobody", "redis", f"nobody:{RIGHT}", "inactive/invalid"),
    ("no-user", "redis", f":{OWN}", "active/accepted"),
    ("no-user-wrong", "redis", f":{WRONG}", "inactive/invalid"),
    ("default", "redis", f"default:{OWN}", "active/accepted"),
    ("a-user-of-old", "redis", f"h:{OWN}", "active/accepted"),
    ("may-do-nothing", "redis", f"shy:{RIGHT}", "active/restricted"),
    ("asleep", "redis", f"asleep:{RIGHT}", "inactive/invalid"),
    ("anyone", "redis", f"anyone:{RIGHT}", "unknown/accepts-anything"),
    ("tls", "rediss", f"app:{RIGHT}", "active/accepted"),
    ("tls-wrong", "rediss", f"app:{WRONG}", "inactive/invalid"),
    ("valkey", "valkeys", f"app:{RIGHT}", "active/accepted"),
    ("escaped", "redis", f"app:{RIGHT}%0D%0APING", "inactive/invalid"),
]


@pytest.mark.parametrize(("what", "scheme", "who", "verdict"), LOGINS, ids=[one[0] for one in LOGINS])
def test_a_login(
    what: str, scheme: str, who: str, verdict: str, rules: RuleSet, matcher: Matcher, server: Server
) -> None:
    finding = found_in(matcher, f"{scheme}://{who}@cache.widgets.net:6379/0")
    tls = scheme in ("rediss", "valkeys")
    port = server.tls if tls else server.plain
    validity = ask(rules, finding, f"localhost:{port}/0", server.authority)
    assert said(validity) == verdict, validity.detail
    assert validity.endpoint == f"redis{'s' * tls}://localhost:{port}"
    assert who.partition(":")[2] not in repr(validity)


def test_a_certificate_of_nobody_we_know_gets_no_password(rules: RuleSet, matcher: Matcher, server: Server) -> None:
    finding = found_in(matcher, f"rediss://app:{RIGHT}@cache.widgets.net:6379/0")
    assert said(ask(rules, finding, f"localhost:{server.tls}/0")) == "unknown/certificate"


def test_a_server_without_a_password(rules: RuleSet, matcher: Matcher, tmp_path: Path) -> None:
    program = str(databases.redis())
    with free_ports(1) as (port,):
        command = [program, "--port", str(port), "--dir", str(tmp_path), "--save", ""]
        with running(command, partial(answers, port, PING)):
            finding = found_in(matcher, f"redis://:{RIGHT}@cache.widgets.net:6379/0")
            assert said(ask(rules, finding, f"localhost:{port}/0")) == "unknown/accepts-anything"
