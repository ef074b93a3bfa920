"""Reads `verify` and `revoke` of a rule file: every mistake is refused with its line, what is left is plain data.

Nothing here is an object yet: the data goes through the rules' cache, and only whoever asks a provider makes objects
of it (`verify_spec`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import date
from typing import Any

from scanner import pattern
from scanner.nodes import Access, Fail, Node, bare
from scanner.verdicts import ACTIVE, INACTIVE, REASONS, UNKNOWN
from scanner.verify_handlers import HANDLERS
from scanner.verify_hosts import good_pattern
from scanner.verify_template import places

METHODS = ("GET", "POST", "HEAD", "DELETE", "PUT", "PATCH", "OPTIONS")
BODIES = ("json", "form", "body")
OUTCOMES = ("revoked", "accepted", "refused", "unknown")
"""What a reply to a revocation may mean: the key is dead; the report was taken (a later check tells); no; not known."""

_REQUEST = dict.fromkeys(("url", "method", "headers", "basic", *BODIES, "hosts", "limit", "key_in_url"), False)
_COMMON = _REQUEST | {"from_key": False, "references": False}
VERIFY_KEYS = _COMMON | dict.fromkeys(("handler", "parts", "replies", "options", "confirmed"), False)
HANDLER_KEYS = {"handler", "parts", "limit", "references", "confirmed", "options", "from_key", "hosts"}
REVOKE_KEYS: Mapping[str, Mapping[str, bool]] = {
    "report": _COMMON | {"how": True, "batch": True, "url": True, "replies": True},
    "self": _COMMON | {"how": True, "url": True, "replies": True, "successor": False},
    "owner": {"how": True, "list": True, "delete": True, "from_key": False, "references": False, "limit": False},
    "page": {"how": True, "url": True, "steps": True, "references": False},
}
LIST_KEYS = _REQUEST | {"url": True, "replies": True, "items": True, "id": True, "match": True, "more": False}
DELETE_KEYS = _REQUEST | {"url": True, "replies": True}
REPLY_KEYS = {"status": True, "json": False, "header": False, "text": False, "is": True, "reason": False}
MOST_KEYS_A_REPORT = 1000

_OWN_VALUES = frozenset({"key", "secret", "public"})
_URL = re.compile(r"https://(?P<host>[^/?#@\s:]+)(?::[0-9]{1,5})?(?P<rest>[/?][^\s#]*)?")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,60}")
_NEVER_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "proxy-authorization", "te"})
_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")


def verify(node: Node, parts: Collection[str], fail: Fail) -> dict[str, Any] | None:
    """The data of a `verify`; None for `verify: false`. `parts` are those that the rule describes."""
    return None if node.value is False else _Reader(parts, fail).verify(node)


def revoke(node: Node, parts: Collection[str], fail: Fail) -> dict[str, Any] | None:
    """The data of a `revoke`; None for `revoke: false`."""
    return None if node.value is False else _Reader(parts, fail).revoke(node)


class _Reader(Access):
    def __init__(self, parts: Collection[str], fail: Fail) -> None:
        super().__init__(fail)
        self.parts = frozenset(parts)
        self.extra: frozenset[str] = frozenset()

    def verify(self, node: Node) -> dict[str, Any]:
        own = self.keys(node, VERIFY_KEYS, "'verify'")
        if ("handler" in own) == ("url" in own):
            raise self.fail(node.line, "'verify' has either a 'url' or a 'handler'")
        self.describe(own)
        self.confirmed(own)
        if "handler" in own:
            self.handler(own)
        else:
            self.request(own, node)
            self.replies(own.get("replies"), node, self.verdict)
        return dict(bare(node))

    def handler(self, own: Mapping[str, Node]) -> None:
        for name, item in own.items():
            if name not in HANDLER_KEYS:
                raise self.fail(item.line, f"a handler makes its own request; '{name}' has no meaning beside it")
        named = own["handler"]
        if named.value not in HANDLERS:
            known = ", ".join(sorted(HANDLERS))
            raise self.fail(named.line, f"no handler is called '{named.value}'; there are: {known}")
        self.limit(own.get("limit"))
        self.hosts(own.get("hosts"))
        if "options" in own:
            self.mapping(own["options"], "options")

    def describe(self, own: Mapping[str, Node]) -> None:
        """The values that texts have places for, besides the key's own and the parts."""
        for item in self.items(own.get("parts"), "parts"):
            if item.value not in self.parts:
                raise self.fail(item.line, f"the rule describes no part '{item.value}' under 'parts'")
        found = self.mapping(own.get("from_key"), "from_key")
        for name, item in found.items():
            if not _NAME.fullmatch(name) or name in _OWN_VALUES | self.parts:
                raise self.fail(item.line, f"'{name}' cannot name a value of its own")
            self.pattern(item, "from_key")
        self.extra |= frozenset(found)
        for item in self.items(own.get("references"), "references"):
            self.text(item, "references")

    def confirmed(self, own: Mapping[str, Node]) -> None:
        """The day on which someone read the provider's document; there must be one that is named."""
        if (day := own.get("confirmed")) is not None:
            if not _is_day(str(day.value)):
                raise self.fail(day.line, "'confirmed' is the day on which the document was read: YYYY-MM-DD")
            if not self.items(own.get("references"), "references"):
                raise self.fail(day.line, "'confirmed' needs the document that was read, under 'references'")

    def revoke(self, node: Node) -> dict[str, Any]:
        how = node.value.get("how") if isinstance(node.value, dict) else None
        if how is None or how.value not in REVOKE_KEYS:
            raise self.fail(how.line if how else node.line, f"'revoke' says 'how': {', '.join(REVOKE_KEYS)}")
        own = self.keys(node, REVOKE_KEYS[how.value], f"'revoke' ({how.value})")
        self.describe(own)
        if how.value == "page":
            if not str(self.text(own["url"], "url")).startswith("https://"):
                raise self.fail(own["url"].line, "'url' must begin with https://")
            if not [self.text(item, "steps") for item in self.items(own["steps"], "steps")]:
                raise self.fail(own["steps"].line, "'steps' must be a list with at least one text")
        elif how.value == "owner":
            self.owner(own)
        else:
            self.one_request(own, node, how.value)
        return dict(bare(node))

    def one_request(self, own: Mapping[str, Node], node: Node, how: str) -> None:
        if how == "report":
            self.count(own["batch"], "batch", MOST_KEYS_A_REPORT)
            self.extra |= {"keys"}
            if own["batch"].value > 1 and not _places_under(own, "json") & {"keys"}:
                raise self.fail(own["batch"].line, "a batch goes into 'json', at {keys}")
        if "successor" in own:
            self.text(own["successor"], "successor")
        self.request(own, node)
        self.replies(own["replies"], node, self.outcome)

    def owner(self, own: Mapping[str, Node]) -> None:
        """An owner's key lists the keys (`{owner}`), the one that fits is found, and deleted by its `{id}`."""
        self.limit(own.get("limit"))
        listing = self.keys(own["list"], LIST_KEYS, "'list'")
        of_key = self.extra
        self.extra = of_key | {"owner"}
        self.request(listing, own["list"])
        self.replies(listing["replies"], own["list"], self.listed)
        for name in ("items", "id", "more"):
            if name in listing:
                self.text(listing[name], name)
        for item in self.mapping(listing["match"], "match").values():
            short = self.keys(item, {"shortened": True}, "'match'") if isinstance(item.value, dict) else {}
            self.filled(short.get("shortened", item), "match")
        if not listing["match"].value:
            raise self.fail(listing["match"].line, "'match' says which field of an item must hold what of the key")
        self.extra = of_key | {"owner", "id"}
        ending = self.keys(own["delete"], DELETE_KEYS, "'delete'")
        self.request(ending, own["delete"])
        self.replies(ending["replies"], own["delete"], self.outcome)
        if "id" not in _places_under(ending, "url", *BODIES):
            raise self.fail(own["delete"].line, "'delete' has no place for the {id} that was found")

    # --- the request ---

    def request(self, own: Mapping[str, Node], node: Node) -> None:
        method = own.get("method")
        if method is not None and method.value not in METHODS:
            raise self.fail(method.line, f"'method' is one of: {', '.join(METHODS)}")
        self.url(own)
        for name, item in self.mapping(own.get("headers"), "headers").items():
            if not _HEADER.fullmatch(name) or name.lower() in _NEVER_OURS:
                raise self.fail(item.line, f"'{name}' is no header that a rule may send")
            self.filled(item, "headers")
        basic = self.items(own.get("basic"), "basic")
        for item in basic:
            self.filled(item, "basic")
        if "basic" in own and len(basic) != 2:
            raise self.fail(own["basic"].line, "'basic' is a list of two: user and password")
        bodies = [name for name in BODIES if name in own]
        if len(bodies) > 1:
            raise self.fail(node.line, f"a request has one body: {' or '.join(bodies)}")
        for name in bodies:
            self.tree(own[name], name)
        for item in self.mapping(own.get("form"), "form").values():
            self.filled(item, "form")
        self.limit(own.get("limit"))
        self.hosts(own.get("hosts"))
        self.key_goes_somewhere(own, node)

    def key_goes_somewhere(self, own: Mapping[str, Node], node: Node) -> None:
        told = self.flag(own.get("key_in_url"), "key_in_url")
        secret = {"key", "secret", "keys", "owner"}
        in_url = bool(_places_under(own, "url") & secret)
        if in_url != told:
            wanted = "say 'key_in_url: true' if the provider has no other way" if in_url else "it does not stand there"
            raise self.fail(node.line, f"about the key in the URL: {wanted}")
        if not in_url and not _places_under(own, "headers", "basic", *BODIES) & secret:
            raise self.fail(node.line, "the request has no place for the {key} (or its {secret})")

    def url(self, own: Mapping[str, Node]) -> None:
        node = own["url"]
        for item in node.value.values() if isinstance(node.value, dict) else [node]:
            text = self.filled(item, "url")
            found = _URL.fullmatch(text)
            if found is None:
                raise self.fail(item.line, "'url' must be https://HOST/PATH, without user, fragment or spaces")
            if set(places(found["host"])) & (_OWN_VALUES | {"keys", "owner", "id"}):
                raise self.fail(item.line, "a key never decides about the host by itself: use 'parts' or 'from_key'")
        if isinstance(node.value, dict) and not (node.value and set(node.value) <= {"live", "test"}):
            raise self.fail(node.line, "'url' is a text, or one for each environment: live, test")

    def hosts(self, node: Node | None) -> None:
        for item in self.items(node, "hosts"):
            if not isinstance(item.value, str) or not good_pattern(item.value):
                raise self.fail(item.line, "'hosts' are names such as api.acme.com, or *.acme.com for all below it")

    def limit(self, node: Node | None) -> None:
        if node is not None:
            for name, item in self.keys(node, {"per_minute": False, "at_once": False}, "'limit'").items():
                self.count(item, name, 100_000)

    # --- the replies ---

    def replies(self, node: Node | None, above: Node, meaning: Callable[[Node, Mapping[str, Node]], None]) -> None:
        if node is None or not isinstance(node.value, list) or not node.value:
            raise self.fail(node.line if node else above.line, "'replies' must be a list: which reply means what")
        for item in node.value:
            own = self.keys(item, REPLY_KEYS, "a reply")
            self.status(own["status"])
            for path, wanted in self.mapping(own.get("json"), "json").items():
                self.criterion(wanted, f"json: {path}")
            for name, wanted in self.mapping(own.get("header"), "header").items():
                self.criterion(wanted, f"header: {name}")
            if "text" in own:
                self.criterion(own["text"], "text")
            meaning(item, own)

    def status(self, node: Node) -> None:
        for one in node.value if isinstance(node.value, list) else [node]:
            if not isinstance(one.value, int) or isinstance(one.value, bool) or not 200 <= one.value <= 599:
                raise self.fail(one.line, "'status' is an HTTP status (200 to 599), or a list of them")
        if node.value == []:
            raise self.fail(node.line, "'status' is an HTTP status (200 to 599), or a list of them")

    def criterion(self, node: Node, what: str) -> None:
        if isinstance(node.value, dict):
            self.pattern(self.keys(node, {"matches": True}, f"'{what}'")["matches"], what)
        elif isinstance(node.value, list) or node.value is None or node.value == "":
            raise self.fail(node.line, f"'{what}' is true (there), false (not there), a value, or {{matches: pattern}}")

    def verdict(self, node: Node, own: Mapping[str, Node]) -> None:
        status, reason = own["is"].value, own.get("reason")
        if status not in REASONS:
            raise self.fail(own["is"].line, f"'is' is one of: {', '.join(REASONS)}")
        if reason is None or reason.value not in REASONS[status]:
            line = reason.line if reason else node.line
            raise self.fail(line, f"'reason' of {status} is one of: {', '.join(REASONS[status])}")
        self.believable(node, own, status)

    def believable(self, node: Node, own: Mapping[str, Node], status: str) -> None:
        """Refuses what no reply can prove: a failing server, a limit or a redirect says nothing about a key, unless the
        provider's own words do."""
        codes = _statuses(own["status"])
        told = own.keys() & {"json", "header", "text"}
        if status != UNKNOWN and any(300 <= code < 400 or code >= 500 for code in codes):
            raise self.fail(node.line, "a redirect or a server's failure (3xx, 5xx) is never more than unknown")
        if status == INACTIVE and 429 in codes:
            raise self.fail(node.line, "429 never means that a key is inactive")
        if status == ACTIVE and not told and any(code >= 400 for code in codes):
            raise self.fail(node.line, "an error that proves a key genuine has the provider's own json, header or text")

    def outcome(self, node: Node, own: Mapping[str, Node]) -> None:
        self.success(node, own, OUTCOMES)

    def listed(self, node: Node, own: Mapping[str, Node]) -> None:
        self.success(node, own, ("listed", "refused", "unknown"))

    def success(self, node: Node, own: Mapping[str, Node], outcomes: Collection[str]) -> None:
        """Refuses a success that the status contradicts, unless the provider's own words say it."""
        if own["is"].value not in outcomes:
            raise self.fail(own["is"].line, f"'is' is one of: {', '.join(outcomes)}")
        codes = _statuses(own["status"])
        failed = any(300 <= code < 400 or code >= 500 or code == 429 for code in codes)
        wordless = any(code >= 400 for code in codes) and not own.keys() & {"json", "header", "text"}
        if own["is"].value in ("revoked", "accepted", "listed") and (failed or wordless):
            what = f"'{own['is'].value}' is a 2xx, or a 4xx with the provider's own json, header or text"
            raise self.fail(node.line, what)

    # --- typed access ---

    def items(self, node: Node | None, what: str) -> list[Node]:
        if node is not None and not isinstance(node.value, list):
            raise self.fail(node.line, f"'{what}' must be a list")
        return list(node.value) if node is not None else []

    def text(self, node: Node, what: str) -> str:
        if not isinstance(node.value, str) or not node.value.isprintable():
            raise self.fail(node.line, f"'{what}' must be a text on one line")
        return node.value

    def filled(self, node: Node, what: str) -> str:
        text = self.text(node, what)
        known = _OWN_VALUES | self.parts | self.extra
        for name in places(text):
            if name not in known:
                told = ", ".join(f"{{{one}}}" for one in sorted(known))
                raise self.fail(node.line, f"'{what}' has a place for '{name}', which nothing fills; there are: {told}")
        return text

    def tree(self, node: Node, what: str) -> None:
        """Texts with places, at any depth; numbers and booleans as they are."""
        if isinstance(node.value, str):
            self.filled(node, what)
        items = node.value.values() if isinstance(node.value, dict) else node.value
        for item in items if isinstance(node.value, dict | list) else ():
            self.tree(item, what)

    def pattern(self, node: Node, what: str) -> None:
        try:
            pattern.part(self.text(node, what))
        except pattern.PatternError as error:
            raise self.fail(node.line, str(error)) from error

    def count(self, node: Node, what: str, most: int) -> None:
        if not isinstance(node.value, int) or isinstance(node.value, bool) or not 1 <= node.value <= most:
            raise self.fail(node.line, f"'{what}' is a whole number from 1 to {most}")


def _is_day(text: str) -> bool:
    with suppress(ValueError):
        return date.fromisoformat(text).isoformat() == text
    return False


def _statuses(node: Node) -> list[int]:
    return [one.value for one in node.value] if isinstance(node.value, list) else [node.value]


def _places_under(own: Mapping[str, Node], *names: str) -> set[str]:
    """The places that texts anywhere below these keys have."""

    def below(tree: Any) -> set[str]:
        if isinstance(tree, str):
            return set(places(tree))
        items = list(tree.values()) if isinstance(tree, dict) else tree if isinstance(tree, list) else []
        return set[str]().union(*map(below, items))

    return below([bare(own[name]) for name in names if name in own])


__all__ = ["revoke", "verify"]
