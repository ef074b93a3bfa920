"""What a handler is given, and what it must do."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from scanner.exchange import Failure, Reply, Request
from scanner.models import Secret
from scanner.verdicts import Verdict


class Reach(Protocol):
    """The ways out, all of them guarded: addresses are checked, time and size are bounded, limits are kept, and
    nothing is raised that could hold a key."""

    def send(self, request: Request, final: Callable[[Reply], bool] | None = None) -> Reply | Failure:
        """One HTTPS exchange with a host that the endpoint names, tried again with patience after 429, a failure of the
        server (5xx) and a broken connection; what comes of it in the end. So a reply is never one of these, except one
        that `final` calls an answer."""

    def connect(self, host: str, port: int) -> socket.socket | Failure:
        """A TCP connection to a checked address of the host, with a time-out; the caller closes it. TLS is put on it
        with `tls`."""

    def tls(self, connection: socket.socket, host: str) -> socket.socket | Failure:
        """The connection under TLS, the certificate checked for `host`."""

    def now(self) -> float:
        """Seconds since 1970, for signatures and for what has expired."""


@dataclass(frozen=True, slots=True)
class Question:
    """One key to check. `values` holds `key` (all of it), `secret`, `public` and the rule's parts, by name.

    `options` is the rule's `verify` as it stands in its file. `base_url` is the user's own address in place of the
    provider's ("" for none); `headers` are the user's own besides. `configured` are the names of the values that the
    user or the rule gave: only they decide about a host freely, others only for one that `hosts` allows.
    """

    rule_id: str
    values: Mapping[str, Secret]
    options: Mapping[str, Any] = field(default_factory=dict)
    environment: str = ""
    base_url: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    configured: frozenset[str] = frozenset()
    hosts: tuple[str, ...] = ()

    def text(self, name: str) -> str:
        """A value as text; "" when it is missing. Raises ValueError (that quotes nothing) when it is not UTF-8."""
        value = self.values.get(name)
        try:
            return value.reveal().decode() if value is not None else ""
        except UnicodeDecodeError:
            pass  # leaving the handler first: the exception inside would carry the value along
        raise ValueError(f"'{name}' is not UTF-8")


class Handler(Protocol):
    """A check written in Python. One object serves many threads at once, so it keeps nothing of a question."""

    parts: tuple[str, ...]
    """The parts without which it cannot ask."""

    controlled: bool
    """Whether a random key of the same shape must be refused before `active` is believed. False only where the reply
    itself proves that the key was understood (a signature over it), or where nobody is asked."""

    def endpoint(self, question: Question) -> str | tuple[str, ...]:
        """Who would be asked, for plans and as evidence: `POST https://sts.amazonaws.com/`, `postgresql://host:5432`,
        "" when nobody is (the check is offline); several when more than one host is. Nobody else can be reached. Holds
        no secret; sends nothing. Raises ValueError when the key and its parts make no sense together."""

    def check(self, question: Question, reach: Reach) -> Verdict:
        """Asks, and judges. Whatever is not clearly described by the provider is unknown."""


__all__ = ["Handler", "Question", "Reach"]
