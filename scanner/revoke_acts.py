"""The requests that end keys, and what the replies say. Nothing is sent twice that may have done its work: only a host
that asks to come later is asked again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import urlsplit

from scanner.endings import Ending
from scanner.exchange import Failure, Reply, Request
from scanner.models import Secret
from scanner.request import Requester, Way
from scanner.revoke_owner import Candidates, candidates
from scanner.verify_limits import Clock, Lane, Limit
from scanner.verify_reach import HostReach
from scanner.verify_replies import at, first_that_fits
from scanner.verify_request import Filling, request
from scanner.verify_settings import VerifySettings
from scanner.verify_template import NotSendableError, UnaskableError, data

LONGEST_KEY: Final = 4000
"""A new key of more characters is none."""

_NOT_SENT: Final = frozenset({"refused-address", "certificate", "not-sendable", "missing-part", "out-of-time"})
_KEYS: Final = "\0keys\0"


@dataclass(frozen=True, slots=True)
class Said:
    """What came of trying to end one key. `outcome`: revoked (the provider says so), accepted (it took the report),
    refused, unknown (it may have happened), not-sent, ambiguous (`ids` are those that fit).

    `reason` is a word of ours, or of `verdicts.REASONS`; `detail` words of our own. `successor` is the new key of one
    that was rotated, `rest` the reply in which it could not be read.
    """

    outcome: str
    reason: str = ""
    http_status: int = 0
    detail: str = ""
    ids: tuple[str, ...] = ()
    successor: Secret | None = field(default=None, repr=False)
    rest: bytes = field(default=b"", repr=False)


class Acts:
    """Sends requests, within the limits of each host."""

    def __init__(self, requester: Requester, clock: Clock, settings: VerifySettings) -> None:
        self._requester, self._clock, self._settings = requester, clock, settings
        self._lanes: dict[str, Lane] = {}

    def report(self, endings: Sequence[Ending]) -> Said:
        """Reports keys to who issued them, with one request; all the same way. The keys are not used, and nobody's
        name stands under the report."""
        first = endings[0]
        headers = {name: text for name, text in first.override.headers.items() if name.lower() != "authorization"}
        override = replace(first.override, headers=headers)
        filling = replace(first.filling, values={**first.filling.values, "keys": _KEYS})
        try:
            made = request(first.data, filling, override)
        except UnaskableError as error:
            return Said("not-sent", error.reason, detail=str(error))
        if "json" in first.data:
            keys = [one.filling.values["key"] for one in endings]
            tree = _with_keys(data(first.data["json"], filling.values), keys)
            made = replace(made, body=json.dumps(tree).encode())
        return self._said(made, first, first.data)

    def end(self, ending: Ending) -> Said:
        """Has a key end itself; or rotates it, where that is how its provider does it."""
        try:
            made = request(ending.data, ending.filling, ending.override)
        except UnaskableError as error:
            return Said("not-sent", error.reason, detail=str(error))
        reply = self._once(made, ending, ending.data)
        said = _meaning(ending.data, reply)
        path = ending.data.get("successor")
        if path is None or not isinstance(reply, Reply) or not 200 <= reply.status < 300:
            return said
        successor = _successor(reply, path)
        return replace(said, successor=successor) if successor else replace(said, rest=reply.body)

    def find(self, ending: Ending, owner: Secret) -> Said:
        """Finds the key among those that an owner's key lists: `found` with its one id; ambiguous, refused, …"""
        listed = self._list(ending, owner.reveal())
        if isinstance(listed, Said):
            return listed
        if not listed.complete:
            return Said("refused", "list-incomplete", detail="the list does not show all keys that might fit")
        if not listed.ids:
            return Said("refused", "not-listed", detail="no key of this list fits: it may be another account's")
        if len(listed.ids) > 1:
            return Said("ambiguous", "several-fit", detail="several keys fit: name the right one with --key-id",
                        ids=listed.ids)  # fmt: skip
        return Said("found", ids=listed.ids)

    def others(self, ending: Ending) -> Candidates | None:
        """What the key itself lists in the place of its owner's; None when it may not."""
        listed = self._list(ending, ending.filling.values["key"].encode())
        return None if isinstance(listed, Said) else listed

    def delete(self, ending: Ending, owner: Secret, identifier: str) -> Said:
        """Deletes the key with this id."""
        step = ending.data["delete"]
        try:
            made = request(step, _owned(ending, owner.reveal(), identifier), ending.override)
        except UnaskableError as error:
            return Said("not-sent", error.reason, detail=str(error))
        return self._said(made, ending, step)

    # --- one request ---

    def _list(self, ending: Ending, owner: bytes) -> Candidates | Said:
        step = ending.data["list"]
        try:
            filling = _owned(ending, owner)
            made = request(step, filling, ending.override)
        except UnaskableError as error:
            return Said("not-sent", error.reason, detail=str(error))
        reach = self._reach(made, ending, step, self._settings)
        reply = reach.send(made, lambda reply: first_that_fits(step["replies"], reply) is not None)
        said = _meaning(step, reply)
        if said.outcome != "listed" or isinstance(reply, Failure):
            return replace(said, outcome="refused", detail=said.detail or "the keys of the account could not be listed")
        try:
            tree = reply.json()
        except ValueError:
            return Said("refused", "not-described", reply.status, "the list of keys could not be read")
        values = ending.filling.values
        return candidates(tree, step, values, (filling.values["owner"], values["key"], values["secret"]))

    def _said(self, made: Request, ending: Ending, step: Mapping[str, Any]) -> Said:
        return _meaning(step, self._once(made, ending, step))

    def _once(self, made: Request, ending: Ending, step: Mapping[str, Any]) -> Reply | Failure:
        """One request; again only when the host did not take it (429), as long as patience lasts."""
        reach = self._reach(made, ending, step, replace(self._settings, attempts=1))
        replies = step["replies"]
        for _ in range(max(1, self._settings.attempts - 1)):
            reply = reach.send(made, lambda reply: first_that_fits(replies, reply) is not None)
            if not (isinstance(reply, Failure) and reply.reason == "rate-limited" and reply.http_status == 429):
                break
        return reply

    def _reach(
        self, made: Request, ending: Ending, step: Mapping[str, Any], settings: VerifySettings
    ) -> HostReach:
        host = urlsplit(made.url).netloc
        limit = Limit.of(
            step.get("limit", ending.data.get("limit", {})), ending.override.per_minute, ending.override.at_once
        )
        lane = self._lanes.setdefault(host, Lane(limit, self._clock))
        lane.tighten(limit)
        allowed = {one.host for one in ending.endpoints}
        way = Way(ending.override.allow_private, ending.override.proxy)
        return HostReach(self._requester, lane, self._clock, settings, frozenset(allowed), way)


def owner_fits(ending: Ending, owner: Secret, groups: Mapping[str, str]) -> bool:
    """Whether the owner's key, with these groups of its own, would fit the same entries as the key does: then one of
    the entries that fit is the owner's own."""
    if owner.reveal() == ending.filling.values["key"].encode() or not groups:
        return False
    ours = {**ending.filling.values, **groups}
    wanted = {path: text for path, text in ending.data["list"]["match"].items() if isinstance(text, str)}
    return bool(wanted) and all(data(text, ours) == data(text, ending.filling.values) for text in wanted.values())


def _owned(ending: Ending, owner: bytes, identifier: str = "") -> Filling:
    try:
        text = owner.decode()
    except UnicodeDecodeError:
        text = ""
    if not text:
        raise NotSendableError("the owner's key is not a text that can be sent")
    more = {"owner": text} | ({"id": identifier} if identifier else {})
    return replace(ending.filling, values={**ending.filling.values, **more})


def _meaning(step: Mapping[str, Any], reply: Reply | Failure) -> Said:
    if isinstance(reply, Failure):
        if reply.reason == "rate-limited":
            return Said("refused", reply.reason, reply.http_status, reply.detail)
        # A connection that never came about carried nothing.
        nothing = reply.reason in _NOT_SENT or reply.detail.startswith(("no connection to ", "the name "))
        return Said("not-sent" if nothing else "unknown", reply.reason, reply.http_status, reply.detail)
    meaning = first_that_fits(step["replies"], reply)
    if meaning is None:
        return Said("unknown", "redirected" if 300 <= reply.status < 400 else "not-described", reply.status)
    return Said(meaning.outcome, meaning.reason, reply.status)


def _successor(reply: Reply, path: str) -> Secret | None:
    """The new key of a reply, if it is one that can be handed over."""
    try:
        found = at(reply.json(), path)
    except ValueError:
        return None
    text = found if isinstance(found, str) else ""
    good = 0 < len(text) <= LONGEST_KEY and text.isascii() and text.isprintable() and " " not in text
    return Secret(text.encode()) if good else None


def _with_keys(tree: Any, keys: list[str]) -> Any:
    """The tree with the list of keys in its place."""
    if tree == _KEYS:
        return keys
    if isinstance(tree, dict):
        return {name: _with_keys(item, keys) for name, item in tree.items()}
    return [_with_keys(item, keys) for item in tree] if isinstance(tree, list) else tree


__all__ = ["LONGEST_KEY", "Acts", "Said", "owner_fits"]
