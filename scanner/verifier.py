"""Asks providers whether keys still work.

`plan` says, before anything is sent, who would be asked about how many keys, and which keys nobody is asked about, and
why. `submit` asks about a key in the background while a scan goes on; `finish` waits for all of them and gives the
findings back with what was said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from types import TracebackType

from scanner.models import Finding, Validity
from scanner.rule import RuleSet
from scanner.verify_settings import VerifySettings

Progress = Callable[[int, int], None]
"""Is told how many keys are done, and of how many, now and then; in the thread that called `finish`."""


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """Someone who would be asked. `host` with its port where that is not the usual one (`127.0.0.1:8080`), "" for
    checks that ask nobody (offline); `endpoint` as in `Validity`; `keys` how many distinct keys are sent there."""

    host: str
    endpoint: str
    provider: str
    keys: int


@dataclass(frozen=True, slots=True, order=True)
class NotAsked:
    """Keys of one rule that nobody is asked about: reason (of `unknown`), and a remark that says the way out."""

    rule_id: str
    reason: str
    detail: str
    keys: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What would happen, in a fixed order. Nothing was sent yet."""

    targets: tuple[Target, ...] = ()
    not_asked: tuple[NotAsked, ...] = ()

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts that would be asked, sorted."""
        return tuple(sorted({target.host for target in self.targets if target.host}))

    @property
    def keys(self) -> int:
        """How many distinct keys somebody would be asked about (checks that ask nobody included)."""
        return sum(target.keys for target in self.targets)


class Verifier:
    """Checks keys, each distinct one once in its life. Threads of its own do the asking; `close` ends them.

    Nothing that a provider does raises: it becomes a verdict. Nothing it holds shows a key.
    """

    def __init__(self, rules: RuleSet, settings: VerifySettings = VerifySettings()) -> None:  # noqa: B008 - frozen
        self._rules, self._settings = rules, settings

    def __repr__(self) -> str:
        return "Verifier()"

    def __enter__(self) -> Verifier:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def plan(self, findings: Iterable[Finding]) -> Plan:
        """Who would be asked about these findings. Pure: sends nothing, resolves no name."""
        return Plan(not_asked=tuple(NotAsked(f.rule_id, "no-check", "", 1) for f in findings))

    def submit(self, finding: Finding) -> None:
        """Begins to ask about a finding, in the background. One whose parts are not all near waits for `finish`."""

    def finish(self, findings: Sequence[Finding], progress: Progress | None = None) -> tuple[Finding, ...]:
        """The findings, in their order, each with its validity. Waits for those submitted, asks about the others.

        Ctrl-C stops the asking and is raised again; `close`, and `finish` once more, give what was found out so far.
        """
        return tuple(replace(finding, validity=Validity("unknown", "no-check")) for finding in findings)

    def close(self) -> None:
        """Ends what is under way; keys not asked about stay `unknown/not-asked`."""


__all__ = ["NotAsked", "Plan", "Progress", "Target", "Verifier"]
