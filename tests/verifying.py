"""What tests of verification share: a verifier that asks the simulator, findings with fresh keys, time that flies."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from scanner.fakes import Fake
from scanner.models import Finding, Location, Origin, Secret
from scanner.request import Requester
from scanner.rule import Rule, RuleSet
from scanner.verifier import Verifier
from scanner.verify_limits import Clock
from scanner.verify_settings import Override, VerifySettings
from tests.provider_docs import PROVIDERS
from tests.simulator import Answer, Asked, Simulator


class FlyingClock(Clock):
    """Time that passes only when somebody sleeps, and then at once."""

    def __init__(self, wall: float = 1_800_000_000.0) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._gone, self._began = 0.0, wall
        self.slept: list[float] = []

    def now(self) -> float:
        """Seconds that were slept."""
        with self._lock:
            return self._gone

    def wall(self) -> float:
        """The moment given, and what was slept."""
        return self._began + self.now()

    def sleep(self, seconds: float) -> bool:
        """Lets the time pass at once."""
        with self._lock:
            self._gone += max(0.0, seconds)
            if seconds > 0:
                self.slept.append(seconds)
        return not self.stopped


class Keys:
    """What a provider knows: keys that it made, with their state."""

    def __init__(self, **states: str) -> None:
        self.states: dict[str, str] = dict(states)

    def __call__(self, key: str) -> str:
        return self.states.get(key, "")


def serve(sim: Simulator, provider: str, known: Keys) -> str:
    """Lets the simulator answer as the provider's documents say; the provider's host."""
    host, documented = PROVIDERS[provider]

    def answer(asked: Asked) -> Answer:
        return documented(asked, known)

    sim.answers[host] = answer
    return host


def finding_of(
    rule: Rule, fake: Fake, parts: Mapping[str, str] | None = None, path: str = "app/.env", **more: Any
) -> Finding:
    """A finding of a key that was made."""
    environment = ""
    for text, name in (rule.environments or {}).items():
        environment = name if text.encode() in fake.key[: fake.secret_start] else environment
    return Finding(
        rule_id=rule.id,
        provider=rule.provider,
        title=rule.name,
        severity=rule.severity,
        confidence=rule.confidence,
        secret=Secret(fake.secret),
        masked="********",
        location=Location(path, 0, len(fake.key), 1, 1, 1, 1),
        origin=Origin(path),
        environment=environment,
        key=Secret(fake.key),
        parts=tuple((name, Secret(value.encode())) for name, value in (parts or {}).items()),
        **more,
    )


def settings_for(sim: Simulator, *providers: str, **more: Any) -> VerifySettings:
    """Settings that ask the simulator in the place of these providers, under their own names."""
    given: dict[str, Override] = more.pop("overrides", {})
    overrides = {
        name: replace(given.get(name, Override()), base_url=sim.url(PROVIDERS[name][0])) for name in providers
    }
    return VerifySettings(providers={**given, **overrides}, allow_loopback=True, **{"timeout": 60.0, **more})


@contextmanager
def asking(
    sim: Simulator, rules: RuleSet, settings: VerifySettings, clock: Clock | None = None
) -> Iterator[Verifier]:
    """A verifier whose names the simulator resolves and whose authority it trusts."""
    requester = Requester(
        timeout=settings.timeout, allow_loopback=settings.allow_loopback, ca_bundle=str(sim.authority),
        resolver=sim.resolve,
    )  # fmt: skip
    with Verifier(rules, settings, clock=clock or FlyingClock(), requester=requester) as verifier:
        yield verifier
