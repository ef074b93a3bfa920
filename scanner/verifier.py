"""Asks providers whether keys still work.

`plan` says, before anything is sent, who would be asked about how many keys, and which keys nobody is asked about, and
why. `submit` asks about a key in the background while a scan goes on; `finish` waits for all of them and gives the
findings back with what was said.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Final

from scanner.models import Finding, Validity
from scanner.request import Requester, Way
from scanner.rule import RuleSet
from scanner.verdict_cache import VerdictCache
from scanner.verdicts import ACTIVE, NOT_ASKED, UNKNOWN, Verdict, unknown
from scanner.verify_case import Case, Cases, NoCase
from scanner.verify_control import Controls
from scanner.verify_crew import Crew
from scanner.verify_handlers.interface import Question
from scanner.verify_limits import Clock, Limit
from scanner.verify_parts import Neighbours
from scanner.verify_reach import HostReach
from scanner.verify_settings import VerifySettings
from scanner.verify_template import UnaskableError

Progress = Callable[[int, int], None]
"""Is told how many keys are done, and of how many, now and then; in the thread that called `finish`."""

_GLANCE: Final = 0.05
"""Seconds between two looks at how far things are."""

_NOT_ASKED: Final = Validity(UNKNOWN, NOT_ASKED)


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
    """Keys of one rule that nobody is asked about: the reason, and a remark that says the way out."""

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

    Nothing that a provider does raises: it becomes a verdict. Nothing it holds shows a key. `clock` and `requester` are
    for tests. Raises ConfigError when the settings name a file of certificates that cannot be used.
    """

    def __init__(
        self,
        rules: RuleSet,
        settings: VerifySettings | None = None,
        *,
        clock: Clock | None = None,
        requester: Requester | None = None,
    ) -> None:
        self._settings = settings = settings or VerifySettings()
        self._clock = clock or Clock()
        self._requester = requester or Requester(
            timeout=settings.timeout, allow_loopback=settings.allow_loopback, ca_bundle=settings.ca_bundle
        )
        self._cases = Cases(rules, settings, self._clock.wall)
        self._crew = Crew(settings.at_once, self._clock)
        self._rng = random.SystemRandom()
        self._controls = Controls(self._rng)
        self._cache = (
            VerdictCache(settings.cache, settings.cache_ttl, self._clock.wall)
            if settings.cache and settings.cache_ttl else None
        )  # fmt: skip
        self._lock = threading.Lock()
        self._asked: set[Hashable] = set()
        self._said: dict[Hashable, Validity] = {}
        self._began = 0.0
        self._late = False

    def __repr__(self) -> str:
        return f"Verifier({len(self._asked)} keys)"

    def __enter__(self) -> Verifier:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def plan(self, findings: Iterable[Finding]) -> Plan:
        """Who would be asked about these findings. Pure: sends nothing, resolves no name."""
        listed = list(findings)
        neighbours = Neighbours.of(listed)
        targets: dict[tuple[str, str, str], set[Hashable]] = {}
        passed: dict[tuple[str, str, str], set[Hashable]] = {}
        for finding in listed:
            case = self._cases.of(finding, neighbours)
            if isinstance(case, NoCase):
                told = (finding.rule_id, case.verdict.reason, case.verdict.detail)
                passed.setdefault(told, set()).add(finding.secret)
                continue
            for endpoint in case.endpoints:
                targets.setdefault((endpoint.host, endpoint.shown, finding.provider), set()).add(case.token)
            if not case.endpoints:
                targets.setdefault(("", "", finding.provider), set()).add(case.token)
        return Plan(
            tuple(sorted(Target(*told, len(keys)) for told, keys in targets.items())),
            tuple(sorted(NotAsked(*told, len(keys)) for told, keys in passed.items())),
        )

    def submit(self, finding: Finding) -> None:
        """Begins to ask about a finding, in the background. One whose parts are not all near waits for `finish`."""
        case = self._cases.of(finding, Neighbours())
        if isinstance(case, Case):
            self._begin(case)

    def finish(self, findings: Sequence[Finding], progress: Progress | None = None) -> tuple[Finding, ...]:
        """The findings, in their order, each with its validity. Waits for those submitted, asks about the others.

        Ctrl-C stops the asking and is raised again; `close`, and `finish` once more, give what was found out so far.
        """
        neighbours = Neighbours.of(findings)
        cases = [self._cases.of(finding, neighbours) for finding in findings]
        for case in cases:
            if isinstance(case, Case):
                self._begin(case)
        try:
            self._wait(progress)
        except BaseException:
            self._stop()
            raise
        if self._cache is not None:
            self._cache.save()
        return tuple(
            replace(finding, validity=self._validity(case)) for finding, case in zip(findings, cases, strict=True)
        )

    def close(self) -> None:
        """Ends what is under way; keys not asked about stay `unknown/not-asked`."""
        self._stop()
        self._requester.close()

    # --- in the thread that calls ---

    def _begin(self, case: Case) -> None:
        if case.token in self._asked or self._clock.stopped:
            return
        self._asked.add(case.token)
        self._began = self._began or self._clock.now()
        limit = case.limit if case.host else Limit(100_000, 2)
        self._crew.lane(case.host, limit)
        self._crew.add(case.host, lambda: self._answer(case))

    def _wait(self, progress: Progress | None) -> None:
        done = self._clock.stopped
        while not done:
            done = self._crew.wait(_GLANCE)
            if progress is not None:
                with self._lock:
                    finished = len(self._said)
                progress(finished, len(self._asked))
            if not done and self._clock.now() - self._began > self._settings.budget:
                self._late = True
                self._stop()
                self._crew.wait(self._settings.timeout)
                return

    def _stop(self) -> None:
        self._clock.stop()
        self._crew.drop()

    def _validity(self, case: Case | NoCase) -> Validity:
        if isinstance(case, NoCase):
            verdict = case.verdict
            return Validity(verdict.status, verdict.reason, detail=verdict.detail)
        with self._lock:
            said = self._said.get(case.token)
        return said or (Validity(UNKNOWN, "out-of-time") if self._late else _NOT_ASKED)

    # --- in the crew's threads ---

    def _answer(self, case: Case) -> None:
        try:
            validity = self._ask(case)
        except Exception as error:  # a bug must not take the other keys along; what it holds stays here
            validity = Validity(UNKNOWN, "failed", case.shown, detail=type(error).__name__)
        with self._lock:
            self._said[case.token] = validity

    def _ask(self, case: Case) -> Validity:
        token = self._cache.token(case.parts) if self._cache else ""
        known = self._cache.get(token) if self._cache and token else None
        if known is not None:
            return replace(known, detail="kept from an earlier run")
        reach = self._reach(case)
        verdict = self._put(case, case.question, reach)
        verdict = self._controls.judge(
            verdict, case.rule, case.check, case.question, lambda question: self._put(case, question, self._reach(case))
        )
        if (verdict.status, verdict.reason, case.question.environment) == (ACTIVE, "accepted", "test"):
            verdict = replace(verdict, reason="test-key")
        asked = datetime.fromtimestamp(reach.asked, UTC).isoformat(timespec="seconds") if reach.asked else ""
        asked = asked.replace("+00:00", "Z")
        validity = Validity(
            verdict.status, verdict.reason, case.shown, asked, verdict.http_status, verdict.detail
        )
        if self._cache:
            self._cache.put(token, validity)
        return validity

    def _put(self, case: Case, question: Question, reach: HostReach) -> Verdict:
        try:
            return case.check.ask(question, reach)
        except UnaskableError as error:
            return unknown(error.reason, str(error))

    def _reach(self, case: Case) -> HostReach:
        return HostReach(
            requester=self._requester,
            lane=self._crew.lane(case.host, case.limit if case.host else Limit(100_000, 2)),
            clock=self._clock,
            settings=self._settings,
            hosts=frozenset(endpoint.host for endpoint in case.endpoints),
            way=Way(case.override.allow_private, case.override.proxy),
            rng=self._rng,
            until=self._began + self._settings.budget,
        )


__all__ = ["NotAsked", "Plan", "Progress", "Target", "Verifier"]
