"""How one rule's keys are checked: by the table in its rule file, or by a handler. The same promises for both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from scanner.exchange import MAX_REPLY, Failure, Reply
from scanner.rule import Rule
from scanner.verdicts import ACTIVE, Verdict, unknown
from scanner.verify_handlers import load
from scanner.verify_handlers.interface import Handler, Question, Reach
from scanner.verify_replies import first_that_fits
from scanner.verify_request import Endpoint, Filling, endpoint, request
from scanner.verify_settings import Override
from scanner.verify_template import NotSendableError, UnaskableError, places

REFUSALS = frozenset({400, 401, 404, 422})
"""Statuses with which a random key counts as refused, though the rule does not describe the reply. 403 is none: that is
how a firewall speaks."""


class Check(Protocol):
    """One way to ask. `endpoints` and `ask` raise UnaskableError when there is no question."""

    @property
    def data(self) -> Mapping[str, Any]:
        """The rule's `verify`."""

    def needs(self, question: Question) -> frozenset[str]:
        """The values without which it cannot ask, besides the key's own."""

    @property
    def controlled(self) -> bool:
        """Whether a random key must be refused before `active` is believed."""

    def endpoints(self, question: Question) -> tuple[Endpoint, ...]:
        """Who would be asked, the first one as evidence; none when the check asks nobody. Sends nothing."""

    def ask(self, question: Question, reach: Reach) -> Verdict:
        """Asks, and judges the reply by itself; whether a random key would fare the same is another's business."""


def check_of(rule: Rule) -> Check | None:
    """The check of a rule; None when it has none."""
    data = rule.verify
    if data is None:
        return None
    return HandlerCheck(data, load(data["handler"])) if "handler" in data else TableCheck(data)


@dataclass(frozen=True, slots=True)
class TableCheck:
    """The request and the replies that a rule describes."""

    data: Mapping[str, Any]
    controlled: bool = True

    def needs(self, question: Question) -> frozenset[str]:
        """What the request has places for; those of the host do not count when the user gives another address."""
        names = _names({**self.data, "url": _without_host(self.data["url"])} if question.base_url else self.data)
        return frozenset(names) - {"key", "secret", "public"}

    def endpoints(self, question: Question) -> tuple[Endpoint, ...]:
        """The one address. The request is made, too, so that what cannot be sent is known beforehand."""
        filling, override = _filling(question), _override(question)
        request(self.data, filling, override)
        return (endpoint(self.data, filling, override),)

    def ask(self, question: Question, reach: Reach) -> Verdict:
        """One request, and what the rule says of its reply."""
        replies = self.data["replies"]
        reply = reach.send(
            request(self.data, _filling(question), _override(question)),
            lambda reply: first_that_fits(replies, reply) is not None,
        )
        if isinstance(reply, Failure):
            return unknown(reply.reason, reply.detail, reply.http_status)
        meaning = first_that_fits(replies, reply)
        if meaning is None:
            return _undescribed(reply)
        return Verdict(meaning.outcome, meaning.reason, reply.status)


@dataclass(frozen=True, slots=True)
class HandlerCheck:
    """A check in Python."""

    data: Mapping[str, Any]
    handler: Handler

    def needs(self, question: Question) -> frozenset[str]:
        """The parts of the rule and those of the handler."""
        return frozenset(self.data.get("parts", ())) | frozenset(self.handler.parts) | frozenset(_from_key(self.data))

    @property
    def controlled(self) -> bool:
        """What the handler says."""
        return self.handler.controlled

    def endpoints(self, question: Question) -> tuple[Endpoint, ...]:
        """What the handler says."""
        try:
            told = self.handler.endpoint(question)
            shown = (told,) if isinstance(told, str) else told
            return tuple(Endpoint(urlsplit(one.rpartition(" ")[2]).netloc, one) for one in shown if one)
        except UnaskableError:
            raise
        except Exception as error:  # a plan is made of many keys: one that a handler trips over is told by its kind
            kind = type(error).__name__
        raise NotSendableError(f"the key and its parts make no question ({kind})")

    def ask(self, question: Question, reach: Reach) -> Verdict:
        """The handler's verdict."""
        try:
            return self.handler.check(question, reach)
        except UnaskableError:
            raise
        except ValueError as error:
            kind = type(error).__name__
        raise NotSendableError(f"the key and its parts make no question ({kind})")


def refused(verdict: Verdict) -> bool:
    """Whether a random key with this verdict was told apart from a real one."""
    if verdict.status == "inactive" or verdict.reason == "wrong-environment":
        return True  # the rule describes the reply: such a key is not known there
    unclear = verdict.reason in ("not-described", "request-wrong")
    return verdict.status != ACTIVE and unclear and verdict.http_status in REFUSALS


def _undescribed(reply: Reply) -> Verdict:
    """What a reply that the rule does not describe still says about who replied."""
    page = "html" in reply.headers.get("content-type", "")
    if 300 <= reply.status < 400:
        return unknown("redirected", http_status=reply.status)
    if reply.status in (407, 511) or (page and reply.status in (200, 403)):
        return unknown("blocked", http_status=reply.status)
    cut = not reply.whole and len(reply.body) >= MAX_REPLY
    return unknown("too-large" if cut else "not-described", http_status=reply.status)


def _filling(question: Question) -> Filling:
    values = {}
    for name, value in question.values.items():
        try:
            values[name] = value.reveal().decode()
        except UnicodeDecodeError:
            continue
    broken = sorted(question.values.keys() - values.keys())
    if broken:
        raise NotSendableError(f"not UTF-8: {', '.join(broken)}")
    return Filling(values, question.configured, question.environment)


def _override(question: Question) -> Override:
    return Override(base_url=question.base_url, headers=question.headers, hosts=question.hosts)


def _without_host(url: str | Mapping[str, str]) -> list[str]:
    return [text.split("/", 3)[-1] for text in ([url] if isinstance(url, str) else url.values())]


def _from_key(data: Mapping[str, Any]) -> Mapping[str, str]:
    found: Mapping[str, str] = data.get("from_key", {})
    return found


def _names(data: Mapping[str, Any]) -> set[str]:
    """The names of all values that a request has places for."""

    def below(tree: Any) -> set[str]:
        if isinstance(tree, str):
            return set(places(tree))
        items = list(tree.values()) if isinstance(tree, Mapping) else tree if isinstance(tree, list) else []
        return set[str]().union(*map(below, items))

    told = [data[name] for name in ("url", "headers", "basic", "json", "form", "body") if name in data]
    return below(told) | set(data.get("parts", ()))


__all__ = ["Check", "HandlerCheck", "TableCheck", "check_of", "refused"]
