"""Databases: a real login with the URL that was found, and nothing after it.

The password is never said aloud to a stranger: over a connection without TLS only methods are used that prove that it
is known (SCRAM, challenges), and a server that wants the password itself is not given it. And since anybody can write a
URL into a file, only hosts that the configuration names are reached.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

from scanner.exchange import Failure
from scanner.verdicts import ACTIVE, INACTIVE, Verdict, unknown
from scanner.verify_handlers.interface import Handler, Question, Reach
from scanner.verify_handlers.login import PROVEN, Login, NoLoginError, Wire
from scanner.verify_handlers.mongodb_login import log_in as mongodb_log_in
from scanner.verify_handlers.mysql_login import log_in as mysql_log_in
from scanner.verify_handlers.postgresql_login import log_in as postgresql_log_in
from scanner.verify_handlers.redis_login import log_in as redis_log_in
from scanner.verify_hosts import allowed
from scanner.verify_request import HostRefusedError
from scanner.verify_template import NotSendableError

_SCHEME = re.compile(r"(?P<scheme>[A-Za-z]+[0-9]?)(?P<more>\+[a-z0-9_]{1,20})?://(?P<user>[^:]*):")
_ADDRESS = re.compile(
    r"@?(?P<host>[A-Za-z0-9._-]{1,253})(?::(?P<port>[0-9]{1,5}))?(?:,[A-Za-z0-9._:,-]{1,500})?"
    r"(?:/(?P<name>[^?#]*))?(?:\?(?P<options>.*))?"
)
_TLS_NAMED = re.compile(r"[?&](?:sslmode|ssl-mode|ssl_mode|tls|ssl)=(?:disable|DISABLED|false)(?![A-Za-z])")
_TLS_WANTED = re.compile(r"[?&](?:tls|ssl)=true(?![A-Za-z])")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of database: the name its URLs are told by, its usual port, and who logs in. `tls` says how TLS comes
    about: it is asked for in the protocol; or the connection is under it from its first byte, always or never or as the
    URL says."""

    name: str
    port: int
    login: Callable[[Wire, Login], Verdict] = field(repr=False)
    tls: str = "asked"


_POSTGRESQL = Kind("postgresql", 5432, postgresql_log_in)
_MYSQL = Kind("mysql", 3306, mysql_log_in)
_REDIS = Kind("redis", 6379, redis_log_in, "never")
_REDIS_TLS = Kind("rediss", 6379, redis_log_in, "always")
_KINDS: Final[Mapping[str, Kind]] = {
    "postgres": _POSTGRESQL, "postgresql": _POSTGRESQL, "postgis": _POSTGRESQL, "pgsql": _POSTGRESQL,
    "timescaledb": _POSTGRESQL, "cockroachdb": Kind("postgresql", 26257, postgresql_log_in),
    "redshift": Kind("postgresql", 5439, postgresql_log_in),
    "mysql": _MYSQL, "mysql2": _MYSQL, "mariadb": _MYSQL,
    "redis": _REDIS, "valkey": _REDIS, "rediss": _REDIS_TLS, "valkeys": _REDIS_TLS,
    "mongodb": Kind("mongodb", 27017, mongodb_log_in, "url"),
}  # fmt: skip


class DatabaseLogin:
    """The check `database-login`."""

    parts: tuple[str, ...] = ("address",)
    controlled: bool = False

    def endpoint(self, question: Question) -> str:
        """`postgresql://host:5432`. Raises NotSendableError for a URL that cannot be used, HostRefusedError for a host
        that the user does not name."""
        kind, login = _read(question)
        if "address" not in question.configured and not allowed(login.host, question.hosts, login.port):
            raise HostRefusedError(
                "a database's host that stands in text only is not asked: allow it in the configuration under 'hosts'"
            )
        return f"{kind.name}://{login.host}:{login.port}"

    def check(self, question: Question, reach: Reach) -> Verdict:
        """Logs in, with TLS where the server has it, else by a method that does not tell the password. What proves a
        login is the server's own: it shows that it knows the password, or it refuses a wrong one."""
        kind, login = _read(question)
        verdict = _try(kind, login, reach)
        if verdict.status != ACTIVE or verdict.detail == PROVEN:
            return verdict
        control = _try(kind, login.with_other_password(), reach)
        if control.status == ACTIVE:
            return unknown("accepts-anything", "the server lets this user in with any password")
        return verdict if control.status == INACTIVE else unknown("no-control")


def _try(kind: Kind, login: Login, reach: Reach) -> Verdict:
    """Where TLS is asked for, under it first, and without where the certificate is not good (most databases make their
    own)."""
    if kind.tls != "asked":
        wanted = bool(_TLS_WANTED.search(f"?{login.options}"))
        return _once(kind, login, reach, tls=kind.tls == "always" or (kind.tls == "url" and wanted))
    verdict = unknown("certificate") if login.plain else _once(kind, login, reach, tls=True)
    return _once(kind, login, reach, tls=False) if verdict.reason == "certificate" else verdict


def _once(kind: Kind, login: Login, reach: Reach, *, tls: bool) -> Verdict:
    connection = reach.connect(login.host, login.port)
    if isinstance(connection, Failure):
        return unknown(connection.reason, connection.detail)
    wire = Wire(connection, login.host, reach if tls else None)
    try:
        return kind.login(wire, login)
    except NoLoginError as error:
        return unknown(error.reason, error.detail)
    except TimeoutError:
        return unknown("timeout")
    except OSError:
        return unknown("unreachable", "the server ended the connection")
    finally:
        wire.close()


def _read(question: Question) -> tuple[Kind, Login]:
    """What a URL says. Raises NotSendableError, whose text holds nothing of it."""
    found = _SCHEME.fullmatch(question.text("public"))
    place = _ADDRESS.fullmatch(question.text("address"))
    if found is None or place is None:
        raise NotSendableError("the URL has no host, or one that cannot be read")
    kind = _KINDS.get(found["scheme"].lower())
    if kind is None:
        raise NotSendableError("there is no login for databases of this kind")
    if found["more"] == "+srv":
        raise NotSendableError("its hosts stand in SRV records, which are not looked up")
    port = int(place["port"] or kind.port)
    if port != kind.port and not 1024 <= port <= 65535:
        raise NotSendableError("the port is one of another service")
    name = unquote(place["name"] or "")
    plain = bool(_TLS_NAMED.search(question.text("address")))
    user, password = unquote(found["user"]), unquote(question.text("secret"))
    if "\0" in user + password + name:
        raise NotSendableError("the URL holds a character that no login can hold")
    return kind, Login(place["host"].lower(), port, user, password, name, plain, place["options"] or "")


HANDLERS: Final[Mapping[str, Handler]] = {"database-login": DatabaseLogin()}

__all__ = ["HANDLERS", "DatabaseLogin"]
