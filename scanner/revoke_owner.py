"""Which entry of an owner's list of keys is the one that leaked. What the list does not say is not guessed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from scanner.verify_replies import at
from scanner.verify_template import Values, data

MOST_ITEMS: Final = 10_000
SEEN: Final = 3
"""A shortened key must show so many characters of the secret, or it fits every key of its sort."""

_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._:-]{0,127}")
_GAP = re.compile(r"\.{2,}|\*{2,}|…|•{2,}")


@dataclass(frozen=True, slots=True)
class Candidates:
    """The public ids of the entries that fit, sorted. `complete` is False when the list goes on elsewhere, or holds an
    entry that fits and has no id that could be sent and shown."""

    ids: tuple[str, ...] = ()
    complete: bool = True


def candidates(tree: Any, listing: Mapping[str, Any], values: Values, hidden: tuple[str, ...]) -> Candidates:
    """The entries of a reply's JSON that fit a key with these values. An id that holds one of the `hidden` texts (keys
    that a server echoes) is none."""
    found = tree if listing["items"] in ("", ".") else at(tree, listing["items"])
    items = [found] if isinstance(found, dict) else found
    if not isinstance(items, list) or len(items) > MOST_ITEMS:
        return Candidates(complete=False)
    more = at(tree, listing["more"]) if listing.get("more") else None
    fitting = [item for item in items if fits(item, listing["match"], values)]
    ids = {text for text in (_id(item, listing["id"], hidden) for item in fitting) if text}
    return Candidates(tuple(sorted(ids)), complete=not more and len(ids) == len(fitting))


def fits(item: Any, match: Mapping[str, Any], values: Values) -> bool:
    """Whether an entry has in all of these fields what the key wants there."""
    return all(_field_fits(at(item, path), wanted, values) for path, wanted in match.items())


def _field_fits(found: Any, wanted: Any, values: Values) -> bool:
    if isinstance(wanted, Mapping):
        return isinstance(found, str) and _is_short_for(found, str(data(wanted["shortened"], values)), values)
    return isinstance(found, str) and found == data(wanted, values)


def _is_short_for(short: str, key: str, values: Values) -> bool:
    """Whether a text such as `sk-abc...xyz` stands for the key, and shows enough of it to mean something."""
    gap = _GAP.search(short)
    if gap is None:
        return False
    head, tail = short[: gap.start()], short[gap.end() :]
    shown = max(0, len(head) - len(values.get("public", ""))) + len(tail)
    return shown >= SEEN and len(key) > len(head) + len(tail) and key.startswith(head) and key.endswith(tail)


def _id(item: Any, path: str, hidden: tuple[str, ...]) -> str:
    found = at(item, path)
    text = str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""
    echoes = any(secret and secret in text for secret in hidden)
    return text if _ID.fullmatch(text) and not echoes else ""


__all__ = ["Candidates", "candidates", "fits"]
