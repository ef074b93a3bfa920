"""What a job on GitHub Actions has to read: from the event that started it to commits, and how to reach them.

Decides only; the checkout it decides about is behind `Clone`. Nothing here believes the change itself: commits come
from the event, and a base that cannot be had is an error, never an empty change.
https://docs.github.com/en/actions/reference/workflows-and-actions/events-that-trigger-workflows
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from scanner.errors import KeysweepError, SourceError, UsageError

EVENTS: Final = (
    "pull_request", "pull_request_target", "push", "merge_group", "workflow_dispatch", "schedule",
)  # fmt: skip
"""The events that say what to read."""

SCOPES: Final = ("auto", "history")
DEPTHS: Final = (50, 1000, 0)
"""How much of a shallow checkout's history is fetched at a time until it reaches far enough; 0 is all of it."""

WAY_OUT: Final = (
    "give actions/checkout 'fetch-depth: 0'; where its credentials are not kept (persist-credentials: false), a "
    "private repository can be read in no other way"
)

_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_BY_HAND = frozenset({"workflow_dispatch", "schedule", "repository_dispatch"})


class OutOfReachError(KeysweepError):
    """What the event is about cannot be read: the commits are not here, and cannot be fetched."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be read: the commits from `base` to `head`, or (`whole`) the whole history.

    `base` is "" when there is none; then, and when it is gone and `forced`, the branch `default` stands for it ("" for
    none: everything that `head` reaches is new). `symmetric` compares with the commit where both parted. `commits` is
    how many commits the event speaks of. No `head` and not `whole`: there is nothing to read.
    """

    about: str
    head: str = ""
    base: str = ""
    default: str = ""
    symmetric: bool = False
    forced: bool = False
    commits: int = 0
    whole: bool = False


class Clone(Protocol):
    """A checkout, and the one remote that it came from."""

    @property
    def shallow(self) -> bool:
        """Whether its history ends early."""

    def holds(self, commit: str) -> bool:
        """Whether the commit is here."""

    def tip(self, branch: str) -> str:
        """The commit of the remote's branch as far as known here; "" when it is not."""

    def cut(self, base: str, head: str) -> bool:
        """Whether history ends early on the way from `head` or `base` ("" for the beginning) to where both part."""

    def fetch(self, commits: Sequence[str] = (), branch: str = "", *, depth: int = 0, deepen: int = 0) -> None:
        """Asks the remote for commits or a branch (nothing named: all branches and tags), `depth` commits deep, or
        `deepen` commits deeper than now; 0 and 0 for the whole of their histories. Raises `SourceError`."""


def make_plan(event: str, payload: Mapping[str, Any], scope: str = "auto") -> Plan:
    """The plan for an event. Raises `UsageError` for an event that does not say what to read."""
    if scope not in SCOPES:
        raise UsageError(f"input scope: '{scope}' is not known: choose from {', '.join(SCOPES)}")
    if event in _BY_HAND:
        return Plan(f"{event}: the whole history", whole=True)
    plan = _of_event(event, payload)
    if scope == "history" and plan is not None:
        return replace(plan, about=f"{event}: the whole history", whole=True)
    if scope == "history":
        return Plan(f"{event}: the whole history", whole=True)
    if plan is None:
        raise UsageError(
            f"the event '{event}' does not say what to read: start the workflow on {', '.join(EVENTS)}, or give "
            "the input scope: history"
        )
    return plan


def reach(plan: Plan, clone: Clone) -> Plan:
    """The plan with the base that it can really be compared with, once all its commits are here: fetches what is not.

    Raises `OutOfReachError` when they cannot be had.
    """
    if plan.whole:
        return _whole(plan, clone)
    if not plan.head:
        return plan
    base = _base(plan, clone)
    _fetch_missing(plan, clone, [base, plan.head])
    _deepen(plan, clone, base)
    if plan.base and base != plan.base:
        about = f"{plan.about}; what was there before the force-push is gone, so they are compared with {plan.default}"
        return replace(plan, base=base, about=about)
    return replace(plan, base=base)


# --- events ---


def _of_event(event: str, payload: Mapping[str, Any]) -> Plan | None:
    if event in ("pull_request", "pull_request_target"):
        return _pull_request(payload)
    if event == "push":
        return _push(payload)
    return _merge_group(payload) if event == "merge_group" else None


def _pull_request(payload: Mapping[str, Any]) -> Plan:
    request = _part(payload, "pull_request")
    number = request.get("number", payload.get("number", "?"))
    return Plan(
        about=f"pull request {number}: its commits",
        head=_id(_part(request, "head"), "sha", "pull_request.head.sha"),
        base=_id(_part(request, "base"), "sha", "pull_request.base.sha"),
        symmetric=True,
        commits=_count(request.get("commits")),
    )


def _push(payload: Mapping[str, Any]) -> Plan:
    ref = str(payload.get("ref", ""))
    head, base = _id(payload, "after", "after"), _id(payload, "before", "before")
    if payload.get("deleted") is True or _zeros(head):
        return Plan(f"push: {ref} is deleted, there is nothing to read")
    default = str(_part(payload, "repository").get("default_branch") or "")
    new = _zeros(base)
    commits = payload.get("commits")
    return Plan(
        about=f"push: the {'new ref' if new else 'new commits of'} {ref}",
        head=head,
        base="" if new else base,
        default="" if ref == f"refs/heads/{default}" else default,
        forced=payload.get("forced") is True,
        commits=len(commits) if isinstance(commits, list) else 0,
    )


def _merge_group(payload: Mapping[str, Any]) -> Plan:
    group = _part(payload, "merge_group")
    return Plan(
        about="merge group: its commits",
        head=_id(group, "head_sha", "merge_group.head_sha"),
        base=_id(group, "base_sha", "merge_group.base_sha"),
    )


def _part(payload: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = payload.get(name)
    if not isinstance(part, dict):
        raise UsageError(f"the event has no '{name}': $GITHUB_EVENT_PATH is not the payload of this kind of event")
    return part


def _id(payload: Mapping[str, Any], name: str, path: str) -> str:
    value = payload.get(name)
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise UsageError(f"the event has no commit id at '{path}': $GITHUB_EVENT_PATH is not the payload of its kind")
    return value


def _zeros(commit: str) -> bool:
    return set(commit) == {"0"}


def _count(number: object) -> int:
    return number if isinstance(number, int) and number > 0 else 0


# --- reaching ---


def _whole(plan: Plan, clone: Clone) -> Plan:
    try:
        if clone.shallow:
            clone.fetch()
    except SourceError as error:
        raise OutOfReachError(f"the checkout is shallow, and the rest cannot be fetched: {error}. {WAY_OUT}") from error
    base = _base(plan, clone)
    _fetch_missing(plan, clone, [base])
    return replace(plan, base=base)


def _base(plan: Plan, clone: Clone) -> str:
    if plan.base and not clone.holds(plan.base):
        try:
            clone.fetch([plan.base], depth=_depth(plan, clone))
        except SourceError as error:
            if not (plan.forced and plan.default):
                raise _gone(plan, plan.base, error) from error
        else:
            return plan.base
    elif plan.base or not plan.default:
        return plan.base
    return _tip(plan, clone)


def _tip(plan: Plan, clone: Clone) -> str:
    """The default branch stands for a base that is not there, or no longer."""
    if not clone.tip(plan.default):
        try:
            clone.fetch(branch=plan.default, depth=_depth(plan, clone))
        except SourceError as error:
            raise OutOfReachError(
                f"the branch '{plan.default}', which new commits are compared with, cannot be fetched: {error}. "
                f"{WAY_OUT}"
            ) from error
    return clone.tip(plan.default)


def _fetch_missing(plan: Plan, clone: Clone, commits: Sequence[str]) -> None:
    for commit in commits:
        if not commit or clone.holds(commit):
            continue
        try:
            clone.fetch([commit], depth=_depth(plan, clone))
        except SourceError as error:
            raise _gone(plan, commit, error) from error


def _deepen(plan: Plan, clone: Clone, base: str) -> None:
    wanted = [one for one in (base, plan.head) if one]
    where = f"the checkout is too shallow to see where {plan.head[:12]} parts from its base"
    for depth in DEPTHS:
        if not clone.cut(base, plan.head):
            return
        try:
            clone.fetch(wanted, deepen=depth and depth + plan.commits)
        except SourceError as error:
            raise OutOfReachError(f"{where}, and the rest cannot be fetched: {error}. {WAY_OUT}") from error
    if clone.cut(base, plan.head):
        raise OutOfReachError(f"{where}, and so is its origin: use a clone that is not")


def _depth(plan: Plan, clone: Clone) -> int:
    """A shallow checkout stays shallow, as far as that will do; one that is not shall not become it."""
    return DEPTHS[0] + plan.commits if clone.shallow else 0


def _gone(plan: Plan, commit: str, error: SourceError) -> OutOfReachError:
    if plan.forced and commit == plan.base:
        return OutOfReachError(
            f"the commit before this force-push, {commit[:12]}, is gone, so what is new cannot be told: {error}. "
            "Start a workflow with 'scope: history' to read everything"
        )
    return OutOfReachError(f"commit {commit[:12]} is not in the checkout and cannot be fetched: {error}. {WAY_OUT}")


__all__ = ["DEPTHS", "EVENTS", "SCOPES", "WAY_OUT", "Clone", "OutOfReachError", "Plan", "make_plan", "reach"]
