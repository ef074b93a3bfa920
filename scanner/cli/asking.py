"""Verification during a run: whose settings count, who is told before a packet leaves, and what comes back.

A repository under scan is foreign. Its configuration may ask for more rules, never say where keys are sent: settings
count from a file that the user named (`--config`), from the user's own file, and from the environment. Checks that a
rule describes count when the rule is shipped with keysweep, or its file was named by the user.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from scanner import userdir
from scanner.cli.options import Wanted
from scanner.cli.progress import Progress
from scanner.config import Config, load_config_file
from scanner.errors import ConfigError
from scanner.models import Finding, ScanResult
from scanner.parts import absorb
from scanner.policy import Policy, to_be_asked
from scanner.reports.interface import count
from scanner.reports.text_safety import printable
from scanner.rule import RuleSet, load_rules

if TYPE_CHECKING:
    from scanner.verifier import Plan, Verifier
    from scanner.verify_settings import VerifySettings

INTERRUPTED = "interrupted; keys that were not asked about in time are unknown"


@dataclass(frozen=True, slots=True)
class Trust:
    """What of a run's configuration and rules may send keys somewhere."""

    settings: VerifySettings
    rules: RuleSet
    notes: tuple[str, ...] = ()


def trust(wanted: Wanted, config: Config, rules: RuleSet) -> Trust:
    """The settings that count, and the rules with those checks taken out that do not.

    Raises `ConfigError` when a configuration that nobody named says where keys are to go: to pass over that would send
    the keys of a company's own server to somebody else's.
    """
    from scanner.verify_config import settings  # noqa: PLC0415 - only who verifies needs it

    tables: list[tuple[str, Any]] = []
    own = userdir.own_config()
    if own is not None:
        tables.append((str(own), _own_table(load_config_file(own))))
    if config.verify:
        if wanted.config is None:
            raise ConfigError(
                f"{config.source}: 'verify' says where keys are sent, and a configuration that was only found, not "
                "named, may not: name the file with --config if you trust it, or put the table into "
                "~/.config/keysweep/config.toml"
            )
        tables.append((config.source, config.verify))
    folder = userdir.folder()
    found = settings(tables, rules, os.environ, folder / "verdicts" if folder else None)
    kept, dropped = _own_checks(wanted, config, rules)
    if not dropped:
        return Trust(found, kept)
    what = f"the {'check' if dropped == 1 else 'checks'} that {count(dropped, 'rule')} of the configuration"
    return Trust(
        found,
        kept,
        (f"{what} found here describe{'s' if dropped == 1 else ''} is not used: name its rule files with --rules",),
    )


def _own_table(config: Config) -> Any:
    if replace(config, verify={}) != Config(source=config.source):
        raise ConfigError(
            f"{config.source}: only the table 'verify' counts there; the rest belongs into .keysweep.toml"
        )
    return config.verify


def _own_checks(wanted: Wanted, config: Config, rules: RuleSet) -> tuple[RuleSet, int]:
    """The rules, without the checks of those that only a configuration found beside the content brought along."""
    named = config.rules if wanted.config is not None else tuple(map(str, wanted.rules))
    if set(named) == set(config.rules):
        return rules, 0
    trusted = load_rules(named).by_id
    asking = [rule for rule in rules if rule.verify_data or rule.revoke_data]
    foreign = [rule for rule in asking if trusted.get(rule.id) != rule]
    silent = {rule.id: replace(rule, verify_data="", revoke_data="") for rule in foreign}
    return RuleSet([silent.get(rule.id, rule) for rule in rules], rules.selected), len(foreign)


class Asking:
    """One run's questions. The scan goes on while they are asked; each host is named before it is asked first."""

    def __init__(
        self,
        trusted: Trust,
        policy: Policy,
        say: Callable[[str], None],
        perhaps_known: Callable[[Finding], bool] = lambda _: False,
    ) -> None:
        from scanner.verifier import Verifier  # noqa: PLC0415 - only who verifies needs it

        self._verifier: Verifier = Verifier(trusted.rules, trusted.settings)
        self._policy, self._say, self._perhaps_known = policy, say, perhaps_known
        self._named: set[str] = set()
        self.notes = trusted.notes
        self.interrupted = False

    def plan(self, findings: Iterable[Finding]) -> Plan:
        """Who would be asked, and about how many keys."""
        return self._verifier.plan(findings)

    def begin(self, findings: Sequence[Finding]) -> None:
        """Begins to ask about findings of a scan that still goes on, as far as they will be reported. What may be in
        the baseline waits for the end, when that is known."""
        for finding in absorb(ScanResult(tuple(findings))).findings:
            if to_be_asked(finding, self._policy) and not self._perhaps_known(finding):
                self._name(self._verifier.plan([finding]).hosts)
                self._verifier.submit(finding)

    def finish(self, findings: Sequence[Finding], progress: Progress, *, stop: bool = False) -> tuple[Finding, ...]:
        """The findings with what their providers say. Ctrl-C (or `stop`) gives what is known by then."""
        with self._verifier as verifier:
            try:
                if not stop:
                    self._tell(findings)
                    return verifier.finish(findings, progress.keys)
            except KeyboardInterrupt:
                self.interrupted = True
            verifier.close()
            return verifier.finish(findings)

    def _name(self, hosts: Iterable[str]) -> None:
        new = [host for host in hosts if host not in self._named]
        self._named.update(new)
        if new:
            self._say(f"asking {', '.join(new)}")

    def _tell(self, findings: Sequence[Finding]) -> None:
        plan = self.plan(findings)
        self._name(plan.hosts)
        if not findings:
            return
        hosts: dict[str, int] = {}
        for target in plan.targets:
            hosts[target.host or "nobody (checked offline)"] = hosts.get(target.host, 0) + target.keys
        asked = ", ".join(f"{number:,} at {host}" for host, number in sorted(hosts.items()))
        left = sum(item.keys for item in plan.not_asked)
        rest = (
            f"; {count(left, 'key')} {'is' if left == 1 else 'are'} not asked about (a plan says why)" if left else ""
        )
        self._say(f"asking about {count(plan.keys, 'key')}{': ' if asked else ''}{asked}{rest}")


def shown(plan: Plan) -> str:
    """A plan for people: hosts with what is asked there, and what is not asked, with the reason."""
    from scanner.verdicts import REASONS, UNKNOWN  # noqa: PLC0415 - only who verifies needs it

    lines = []
    for target in plan.targets:
        where = f"{target.host}: {target.endpoint}" if target.host else "nobody, checked offline"
        lines.append(f"  {count(target.keys, 'key')} of {target.provider}: {where}")
    lines = ["would ask:", *lines] if lines else ["would ask nobody"]
    if plan.not_asked:
        lines.append("would not ask about:")
    for item in plan.not_asked:
        remark = f"; {item.detail}" if item.detail else ""
        words = REASONS[UNKNOWN].get(item.reason, item.reason)
        lines.append(f"  {count(item.keys, 'key')} of {item.rule_id}: {item.reason}: {words}{remark}")
    return "".join(f"{printable(line)}\n" for line in lines)


__all__ = ["INTERRUPTED", "Asking", "Trust", "shown", "trust"]
