"""How keys are to be checked: values of the configuration and of options, frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Override:
    """What a user says of one provider; all of it wins over the rule file.

    `base_url` replaces scheme, host and port of the rule's URL, and stands before its path
    (`https://git.acme.net/gitlab`). `headers` are sent besides the rule's. `parts` are the other values that a key
    needs, by the name that the rule gives them in `config`. `hosts` are those that a value found near a key may name
    (`api.acme.net`, `*.acme.net`). `allow_private` lets the request go to private addresses (never to metadata
    services). `proxy` is a URL, "" for none, None for what the environment says. `per_minute` and `at_once` 0 mean the
    rule's own.
    """

    enabled: bool = True
    base_url: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    parts: Mapping[str, str] = field(default_factory=dict, repr=False)
    hosts: tuple[str, ...] = ()
    allow_private: bool = False
    proxy: str | None = field(default=None, repr=False)
    per_minute: int = 0
    at_once: int = 0


@dataclass(frozen=True, slots=True)
class VerifySettings:
    """How to check keys. `providers` are overrides by provider id (the `provider` of a rule file).

    Times are in seconds: `timeout` for one exchange, connection included; `patience` for one key with all its retries;
    `budget` for a whole run. `attempts` is how often one request is sent at most. `at_once` is how many keys are asked
    about at the same time over all hosts. `allow_loopback` lets requests go to this machine, over plain HTTP, too.
    `ca_bundle` is a file of certificates that are trusted besides the system's. Verdicts are kept in `cache` for
    `cache_ttl` seconds; None, or 0, keeps none.
    """

    providers: Mapping[str, Override] = field(default_factory=dict)
    timeout: float = 10.0
    patience: float = 60.0
    budget: float = 600.0
    attempts: int = 4
    at_once: int = 200
    allow_loopback: bool = False
    ca_bundle: str = ""
    cache: Path | None = None
    cache_ttl: float = 0.0

    def of(self, provider: str) -> Override:
        """The override of a provider; nothing overridden when there is none."""
        return self.providers.get(provider, _NO_OVERRIDE)

    def with_parts(self, provider: str, parts: Mapping[str, str]) -> VerifySettings:
        """These settings with more values that a provider's keys need, in place of those of the same names."""
        if not parts:
            return self
        override = self.of(provider)
        override = replace(override, parts={**override.parts, **parts})
        return replace(self, providers={**self.providers, provider: override})


_NO_OVERRIDE = Override()

__all__ = ["Override", "VerifySettings"]
