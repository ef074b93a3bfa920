"""What `keysweep revoke` says: the plan, and what became of each key, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from scanner.endings import OWNER, PAGE, REPORT, SELF, Ending
from scanner.models import Validity
from scanner.reports.interface import count
from scanner.reports.text_safety import safe
from scanner.reports.words import meaning
from scanner.revocation_service import Service
from scanner.revoke_acts import Said
from scanner.revoker import ENDED, UNCERTAIN, WAS_ENDED, WORKS, Done

Mask = Callable[[str], str]

_PLAN = {
    REPORT: "report it to its issuer with {shown}; the key itself is not used, and its owner may be told",
    SELF: "have it end itself with {shown}",
    OWNER: "find it with an owner's key and {listed}, then {shown}",
}
_SAID = {
    "revoked": "the provider says that it has revoked it",
    "accepted": "the report was taken",
    "refused": "not done",
    "ambiguous": "not done",
    "not-sent": "not done, nothing was sent",
    "unknown": "no reply that says what happened",
}
_ORDER = (WORKS, UNCERTAIN, ENDED, WAS_ENDED)


def plan_text(endings: Sequence[Ending], where: Service | None, mask: Mask) -> Iterator[str]:
    """The plan, a line for people each: how each key is ended, what cannot be undone, what is left to a person."""
    doing = [one for one in endings if _is_done(one, where)]
    by_hand = [one for one in endings if not _is_done(one, where)]
    if doing:
        yield f"would end {count(len(doing), 'key')} ({_environments(doing)}), which cannot be undone:"
    for one in doing:
        yield f"  {_named(one, mask)}"
        told = f"hand it to the service with {where.shown}" if where else _how(one)
        yield f"    {safe(told, mask)}"
    if by_hand:
        yield "left to you:"
    for one in by_hand:
        yield from _left(one, mask)


def result_text(done: Sequence[Done], mask: Mask) -> Iterator[str]:
    """What became of each key, the worst first, and a last line with numbers."""
    for state in _ORDER:
        group = [one for one in done if one.state == state]
        if group:
            yield f"{state}: {count(len(group), 'key')}"
        for one in group:
            yield from _block(one, mask)
    numbers = [(state, sum(one.state == state for one in done)) for state in _ORDER]
    yield f"Of {count(len(done), 'key')}: {', '.join(f'{number:,} {state}' for state, number in numbers if number)}."


def as_json(endings: Sequence[Ending], done: Sequence[Done] | None, where: Service | None, mask: Mask) -> str:
    """The plan (`done` None), or what became of it, for programs."""
    rows = [_row(one, where, mask) for one in endings]
    for row, one in zip(rows, done or (), strict=False):
        said = one.said
        row |= {
            "state": one.state,
            "said": None if said is None else {
                "outcome": said.outcome, "reason": said.reason, "http_status": said.http_status,
                "detail": safe(said.detail, mask), "ids": list(said.ids),
            },
            "before": _validity(one.before), "after": _validity(one.after), "remark": safe(one.remark, mask),
        }  # fmt: skip
    return json.dumps({"dry_run": done is None, "keys": rows}, indent=2)


def _row(one: Ending, where: Service | None, mask: Mask) -> dict[str, Any]:
    return {
        "rule": one.finding.rule_id, "provider": one.rule.provider, "key": safe(one.finding.masked, mask),
        "environment": one.finding.environment or "unknown", "path": safe(one.finding.location.path, mask),
        "line": one.finding.location.line, "how": "service" if where and not one.never else one.how,
        "endpoint": where.shown if where and not one.never else one.shown,
        "barred": safe(one.barred, mask), "page": one.page, "steps": list(one.steps),
    }  # fmt: skip


def _validity(said: Validity) -> Mapping[str, Any]:
    return {"status": said.status, "reason": said.reason, "asked": said.asked, "http_status": said.http_status}


def _block(one: Done, mask: Mask) -> Iterator[str]:
    yield f"  {_named(one.ending, mask)}"
    if one.said is not None:
        yield f"    {safe(_told(one.said), mask)}"
        for identifier in one.said.ids if one.said.outcome != "revoked" else ():
            yield f"      fits: {safe(identifier, mask)}"
    yield f"    before: {_status(one.before)}; after: {_status(one.after)}"
    if one.remark:
        yield f"    {safe(one.remark, mask)}"
    if one.state in (WORKS, UNCERTAIN):
        yield from list(_left(one.ending, mask))[1:]


def _told(said: Said) -> str:
    number = f" (HTTP {said.http_status})" if said.http_status else ""
    reason = f": {said.reason}" if said.reason else ""
    return f"{_SAID.get(said.outcome, said.outcome)}{number}{reason}{f'; {said.detail}' if said.detail else ''}"


def _status(said: Validity) -> str:
    when = f" at {said.asked}" if said.asked else ""
    words = f": {meaning(said)}" if said.reason != "not-asked" else ""
    return f"{said.status} ({said.reason}){when}{words}"


def _left(one: Ending, mask: Mask) -> Iterator[str]:
    """What a person can do about a key."""
    yield f"  {_named(one, mask)}"
    if one.barred:
        yield f"    {safe(one.barred, mask)}"
    if one.never:
        return
    if one.page:
        yield f"    page: {safe(one.page, mask)}"
    for step in one.steps:
        if step != one.page:
            yield f"    - {safe(step, mask)}"


def _how(one: Ending) -> str:
    told = _PLAN[one.how].format(shown=one.shown, listed=one.endpoints[0].shown)
    return f"{told}; a new key takes its place (--new-key-file or --new-key-command)" if one.makes_new else told


def _named(one: Ending, mask: Mask) -> str:
    finding = one.finding
    place = f" {finding.location.path}:{finding.location.line}" if finding.location.path else ""
    kind = {"live": "LIVE", "test": "test"}.get(finding.environment, "")
    named = f"{finding.masked} [{finding.rule_id}]{f' {kind}' if kind else ''}"
    return f"{safe(named, mask)}{safe(place, mask)}"


def _environments(endings: Sequence[Ending]) -> str:
    names = {"live": "live", "test": "for tests", "": "perhaps live"}
    numbers = {name: sum(one.finding.environment == name for one in endings) for name in names}
    return ", ".join(f"{number:,} {names[name]}" for name, number in numbers.items() if number) or "any"


def _is_done(one: Ending, where: Service | None) -> bool:
    return not one.never if where else one.asks and one.how != PAGE


__all__ = ["as_json", "plan_text", "result_text"]
