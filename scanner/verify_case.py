"""From a finding to a question: what is asked, of whom, or why nobody is asked. Pure: sends nothing."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from scanner.canaries import canary
from scanner.models import Finding
from scanner.rule import Rule, RuleSet
from scanner.verdicts import INACTIVE, Verdict, unknown
from scanner.verify_check import Check, check_of
from scanner.verify_handlers.interface import Question
from scanner.verify_limits import Limit
from scanner.verify_parts import Neighbours, Resolved, advice, from_key, own_values, resolve
from scanner.verify_request import Endpoint
from scanner.verify_settings import Override, VerifySettings
from scanner.verify_template import UnaskableError

_GRACE = 300.0
"""A key counts as expired so many seconds late: clocks differ."""


@dataclass(frozen=True, slots=True)
class Case:
    """One question about one key. Two cases with the same `token` are the same question."""

    rule: Rule
    check: Check
    question: Question
    override: Override = field(repr=False)
    endpoints: tuple[Endpoint, ...] = ()

    @property
    def host(self) -> str:
        """Who is asked first, "" for nobody."""
        return self.endpoints[0].host if self.endpoints else ""

    @property
    def shown(self) -> str:
        """The evidence: what is asked, without values."""
        return self.endpoints[0].shown if self.endpoints else ""

    @property
    def limit(self) -> Limit:
        """What the host is to be spared, as far as this case knows."""
        said = self.check.data.get("limit", {})
        return Limit.of(said, self.override.per_minute, self.override.at_once)

    @property
    def token(self) -> Hashable:
        """Equal for equal questions. Shows masks if it is ever shown."""
        values = tuple(sorted(self.question.values.items(), key=lambda item: item[0]))
        # Not the rule's id: a key that two rules of one check find is one question.
        return self.rule.provider, self.rule.verify_data, self.question.environment, self.endpoints, values

    @property
    def parts(self) -> list[bytes]:
        """All that decides about the answer, for a cache's keyed hash. Holds the key."""
        values = sorted(self.question.values.items(), key=lambda item: item[0])
        shown = [self.rule.provider, self.rule.verify_data, self.question.environment, self.shown]
        told = [text.encode() for text in shown]
        return told + [one for name, value in values for one in (name.encode(), value.reveal())]


@dataclass(frozen=True, slots=True)
class NoCase:
    """Nobody is asked; the verdict that stands without."""

    verdict: Verdict


class Cases:
    """Makes cases of findings; reads each rule's check once."""

    def __init__(self, rules: RuleSet, settings: VerifySettings, wall: Callable[[], float]) -> None:
        self._rules, self._settings, self._wall = rules, settings, wall
        self._checks: dict[str, Check | None] = {}

    def of(self, finding: Finding, neighbours: Neighbours) -> Case | NoCase:
        """The question about a finding, or why there is none."""
        rule = self._rules.by_id.get(finding.rule_id)
        if finding.sample:
            return NoCase(unknown("sample"))
        values = own_values(finding.key, finding.secret)
        trap = canary([values["key"].reveal(), *(part.reveal() for _, part in finding.parts)])
        if trap:
            return NoCase(unknown("canary", trap))
        if self._over(finding):
            return NoCase(Verdict(INACTIVE, "expired", detail="by the time that the key itself says"))
        check = self._check(rule) if rule else None
        if rule is None or check is None:
            return NoCase(unknown("no-check"))
        override = self._settings.of(rule.provider)
        if not override.enabled:
            return NoCase(unknown("switched-off", f"'enabled' is false under [verify.{rule.provider}]"))
        return self._case(finding, rule, check, resolve(finding, rule, override, neighbours))

    def _case(self, finding: Finding, rule: Rule, check: Check, resolved: Resolved) -> Case | NoCase:
        override = self._settings.of(rule.provider)
        trap = canary(value.reveal() for value in resolved.values.values())
        if trap:
            return NoCase(unknown("canary", trap))
        cut = from_key(check.data.get("from_key", {}), resolved.values["key"])
        question = Question(
            rule_id=rule.id,
            values={**resolved.values, **cut},
            options=check.data,
            environment=finding.environment,
            base_url=override.base_url,
            headers=override.headers,
            configured=resolved.configured,
            hosts=(*check.data.get("hosts", ()), *override.hosts),
        )
        lacking = check.needs(question) - question.values.keys()
        if lacking:
            return _incomplete(lacking, resolved, rule)
        try:
            endpoints = check.endpoints(question)
        except UnaskableError as error:
            return NoCase(unknown(error.reason, str(error)))
        trap = canary([endpoint.host.encode() for endpoint in endpoints])
        return NoCase(unknown("canary", trap)) if trap else Case(rule, check, question, override, endpoints)

    def _check(self, rule: Rule) -> Check | None:
        if rule.id not in self._checks:
            self._checks[rule.id] = check_of(rule)
        return self._checks[rule.id]

    def _over(self, finding: Finding) -> bool:
        try:
            end = datetime.fromisoformat(finding.expires) if finding.expires else None
        except ValueError:
            return False
        if end is None:
            return False
        return self._wall() > end.replace(tzinfo=end.tzinfo or UTC).timestamp() + _GRACE


def _incomplete(lacking: frozenset[str], resolved: Resolved, rule: Rule) -> NoCase:
    parts = [part for part in resolved.missing if part.name in lacking]
    cut = sorted(lacking - {part.name for part in rule.parts})
    told = [advice(parts, rule.provider)] if parts else []
    told += [f"the key does not say its {', '.join(cut)}"] if cut else []
    return NoCase(unknown("missing-part", "; ".join(told)))


__all__ = ["Case", "Cases", "NoCase"]
