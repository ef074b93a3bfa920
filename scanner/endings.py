"""How keys can be ended: for each finding what would be asked of whom, or why a person has to do it. Pure: sends
nothing, resolves no name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from scanner.canaries import canary
from scanner.models import Finding, Secret
from scanner.rule import Rule, RuleSet
from scanner.verdicts import REASONS, UNKNOWN
from scanner.verify_parts import Neighbours, Resolved, advice, from_key, resolve
from scanner.verify_request import Endpoint, Filling, endpoint, request
from scanner.verify_settings import Override, VerifySettings
from scanner.verify_template import MissingError, UnaskableError

REPORT: Final = "report"
SELF: Final = "self"
OWNER: Final = "owner"
PAGE: Final = "page"

WHAT: Final[Mapping[str, str]] = {
    REPORT: "is reported to its issuer, who ends it and tells its owner",
    SELF: "ends itself",
    OWNER: "is deleted with a key of its owner's",
    PAGE: "is ended by a person",
}
"""What happens to a key, by the way it is ended."""

@dataclass(frozen=True, slots=True)
class Ending:
    """How one key is ended: `how` is one of `WHAT`, `data` the rule's `revoke`, `endpoints` who is asked, in order.
    `barred` says why nobody can be asked though the rule knows a way; "" when they can. `never` means that nobody is to
    be told of this key at all (a sample, a honeytoken)."""

    finding: Finding
    rule: Rule
    how: str
    data: Mapping[str, Any] = field(default_factory=dict)
    filling: Filling = field(default=Filling({}), repr=False)
    override: Override = field(default=Override(), repr=False)
    endpoints: tuple[Endpoint, ...] = ()
    barred: str = ""
    never: bool = False

    @property
    def asks(self) -> bool:
        """Whether somebody is asked to end it, so that the world changes."""
        return self.how != PAGE and not self.barred

    @property
    def host(self) -> str:
        """Who is asked, "" for nobody."""
        return self.endpoints[-1].host if self.endpoints and not self.barred else ""

    @property
    def shown(self) -> str:
        """What ends it, without values: `DELETE https://api.acme.net/v1/keys/{id}`; "" for a person."""
        return self.endpoints[-1].shown if self.endpoints and not self.barred else ""

    @property
    def makes_new(self) -> bool:
        """Whether the key's place is taken by a new one, which has to be handed over."""
        return bool(self.data.get("successor")) and self.asks

    @property
    def pinned(self) -> bool:
        """Whether the list of an owner's keys tells this one from others, and not its sort only: by what it holds of
        the key, or because it is the key that is asked for itself."""
        step = self.data.get("list", {})
        told = [
            text if isinstance(text, str) else str(text.get("shortened", "")) for text in step.get("match", {}).values()
        ]
        request = " ".join((*step.get("headers", {}).values(), *step.get("basic", ())))
        own = {"key", "secret"}
        if any(f"{{{name}}}" in text for name in own | set(self.data.get("from_key", {})) for text in told):
            return True
        return any(f"{{{name}}}" in request for name in own) and "{owner}" not in request

    @property
    def page(self) -> str:
        """Where a person ends it: an address, "" when none is known."""
        url = str(self.data.get("url", "")) if self.how == PAGE else ""
        return url or (self.rule.rotate if self.rule.rotate.startswith("https://") else "")

    @property
    def steps(self) -> tuple[str, ...]:
        """What a person does to end it."""
        told = tuple(map(str, self.data.get("steps", ()))) if self.how == PAGE else ()
        return told or ((self.rule.rotate,) if self.rule.rotate else ())

    @property
    def batch(self) -> int:
        """How many keys one report holds at most."""
        return int(self.data.get("batch", 1))


def endings_of(findings: Sequence[Finding], rules: RuleSet, settings: VerifySettings) -> tuple[Ending, ...]:
    """How each of these keys is ended, in their order."""
    neighbours = Neighbours.of(findings)
    return tuple(_ending(finding, rules.get(finding.rule_id), settings, neighbours) for finding in findings)


def _ending(finding: Finding, rule: Rule, settings: VerifySettings, neighbours: Neighbours) -> Ending:
    data = rule.revoke or {}
    how = str(data.get("how", PAGE))
    override = settings.of(rule.provider)
    resolved = resolve(finding, rule, override, neighbours)
    trap = canary(value.reveal() for value in resolved.values.values())
    if finding.sample or trap:
        reason = "sample" if finding.sample else "canary"
        why = f"{REASONS[UNKNOWN][reason]}{f' ({trap})' if trap else ''}"
        return Ending(finding, rule, how, data, barred=why, never=True)
    if how == PAGE:
        return Ending(finding, rule, how, data)
    if not override.enabled:
        return Ending(finding, rule, how, data, barred=f"'enabled' is false under [verify.{rule.provider}]")
    values = {**resolved.values, **from_key(data.get("from_key", {}), resolved.values["key"])}
    try:
        filling = Filling(_texts(values), resolved.configured, finding.environment)
        endpoints = _endpoints(how, data, filling, override)
    except UnaskableError as error:
        return Ending(finding, rule, how, data, barred=_why(error, rule, resolved))
    trap = canary([one.host.encode() for one in endpoints])
    return Ending(finding, rule, how, data, filling, override, endpoints, barred=trap, never=bool(trap))


def _endpoints(how: str, data: Mapping[str, Any], filling: Filling, override: Override) -> tuple[Endpoint, ...]:
    """Who is asked. The requests are made, too, so that what cannot be sent is known beforehand."""
    if how == OWNER:
        whole = Filling({**filling.values, "owner": "x", "id": "x"}, filling.configured, filling.environment)
        for step in (data["list"], data["delete"]):
            request(step, whole, override)
        return tuple(endpoint(step, filling, override) for step in (data["list"], data["delete"]))
    if how == REPORT:
        filling = Filling({**filling.values, "keys": "x"}, filling.configured, filling.environment)
    request(data, filling, override)
    return (endpoint(data, filling, override),)


def _texts(values: Mapping[str, Secret]) -> dict[str, str]:
    """The values as text; one that is none is left out, and missing where there is a place for it."""
    found = {}
    for name, value in values.items():
        try:
            found[name] = value.reveal().decode()
        except UnicodeDecodeError:
            continue
    return found


def _why(error: UnaskableError, rule: Rule, resolved: Resolved) -> str:
    if isinstance(error, MissingError) and resolved.missing:
        return advice(resolved.missing, rule.provider)
    return str(error)


def distinct(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Each key once: the first place of each, in the given order."""
    seen: dict[Any, Finding] = {}
    for finding in findings:
        seen.setdefault((finding.rule_id, finding.secret, finding.key), finding)
    return tuple(seen.values())


__all__ = ["OWNER", "PAGE", "REPORT", "SELF", "WHAT", "Ending", "distinct", "endings_of"]
