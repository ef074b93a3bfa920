"""What users say of verification: tables `[verify]` of configuration files, and the environment, as `VerifySettings`.

Where keys are sent is decided here, so nothing is taken from a file that merely lies in the tree that is scanned: who
calls this says which files count (`scanner.cli.asking`). Errors name keys and never quote values, which may be secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from scanner.errors import ConfigError
from scanner.rule import RuleSet
from scanner.verify_settings import Override, VerifySettings

PREFIX: Final = "KEYSWEEP_VERIFY_"
"""Environment variables that begin like this are settings: `KEYSWEEP_VERIFY_TIMEOUT`, and with two underscores those of
one provider: `KEYSWEEP_VERIFY_GITLAB__BASE_URL`."""

Table = Mapping[str, Any]
"""A table `[verify]` whose settings were read: values by name, and for a provider a table of values by name."""

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_MOST_TEXT = 4096


def read_table(value: Any) -> Table:
    """A table `[verify]`, its settings checked and read. What a provider's table may hold beside them is only known
    with the rules at hand: `settings` looks. Raises ValueError that says what is wrong."""
    if not isinstance(value, dict):
        raise ValueError("must be a table")
    table: dict[str, Any] = {}
    for name, content in value.items():
        if name in SETTINGS:
            table[name] = _read(SETTINGS[name], content, name)
        elif isinstance(content, dict):
            table[name] = _provider(name, content)
        else:
            raise ValueError(f"has an unknown key '{name}'{_nearest(name, SETTINGS)}")
    return table


def settings(
    tables: Iterable[tuple[str, Table]], rules: RuleSet, environ: Mapping[str, str], cache: Path | None
) -> VerifySettings:
    """The settings that tables make together with the environment, later ones winning, setting by setting.

    Each table comes with the name of its file. `cache` is where verdicts may be kept. Raises `ConfigError` for a
    provider or a value that no rule knows, with the nearest, and for a variable or a file that is not there.
    """
    parts = _parts(rules)
    merged: dict[str, Any] = {}
    for source, table in (*tables, ("the environment", _of_environment(environ, parts))):
        for name, content in table.items():
            if name in SETTINGS:
                merged[name] = content
                continue
            _known(source, name, content, parts)
            merged[name] = {**merged.get(name, {}), **content}
    general = {name: merged.pop(name) for name in list(merged) if name in SETTINGS}
    ttl = general.pop("cache", 0.0)
    if not Path(general.get("ca_bundle", __file__)).is_file():
        raise ConfigError("verification: 'ca_bundle' names no file")
    overrides = {provider: _override(provider, content, environ) for provider, content in merged.items()}
    return VerifySettings(providers=overrides, cache=cache if ttl else None, cache_ttl=ttl, **general)


def _parts(rules: RuleSet) -> dict[str, set[str]]:
    """Of each provider the values that a user may give, as its rules call them."""
    found: dict[str, set[str]] = {}
    for rule in rules:
        found.setdefault(rule.provider, set()).update(part.config for part in rule.parts if part.config)
    return found


def _known(source: str, provider: str, content: Table, parts: Mapping[str, set[str]]) -> None:
    if provider not in parts:
        raise ConfigError(f"{source}: [verify.{provider}]: there is no such provider{_nearest(provider, parts)}")
    for name in content:
        if name not in PROVIDER_SETTINGS and name not in parts[provider]:
            hint = _nearest(name, {*PROVIDER_SETTINGS, *parts[provider]})
            raise ConfigError(f"{source}: [verify.{provider}]: unknown key '{name}'{hint}")


def _override(provider: str, content: Table, environ: Mapping[str, str]) -> Override:
    own = {name: value for name, value in content.items() if name in PROVIDER_SETTINGS and name != "headers"}
    parts = {name: value for name, value in content.items() if name not in PROVIDER_SETTINGS}
    headers = content.get("headers", {})
    return Override(**own, parts=_resolved(provider, parts, environ), headers=_resolved(provider, headers, environ))


@dataclass(frozen=True, slots=True)
class _Variable:
    """Stands for what an environment variable holds."""

    name: str


def _resolved(provider: str, values: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for name, value in values.items():
        text = environ.get(value.name, "") if isinstance(value, _Variable) else value
        if not text or not text.isprintable():
            raise ConfigError(
                f"[verify.{provider}]: '{name}': its environment variable holds no text, or more than a line"
            )
        found[name] = text
    return found


def _of_environment(environ: Mapping[str, str], parts: Mapping[str, set[str]]) -> Table:
    table: dict[str, Any] = {}
    providers = {_shouted(provider): provider for provider in parts}
    for variable in sorted(name for name in environ if name.startswith(PREFIX) and environ[name]):
        head, _, tail = variable.removeprefix(PREFIX).partition("__")
        text = environ[variable]
        try:
            if not tail:
                table.update(read_table({head.lower(): _plain(head.lower(), text, SETTINGS)}))
                continue
            provider = providers.get(head)
            if provider is None:
                raise ValueError(f"names no provider{_nearest(head.lower(), parts)}")
            value = {tail.lower(): _plain(tail.lower(), text, PROVIDER_SETTINGS)}
            table.setdefault(provider, {}).update(_provider(provider, value))
        except ValueError as error:
            raise ConfigError(f"the environment variable {variable} {error}") from None
    return table


def _shouted(provider: str) -> str:
    return re.sub(r"\W", "_", provider).upper()


def _plain(name: str, text: str, known: Mapping[str, Callable[[Any], Any]]) -> Any:
    """A variable's text as the value that a file would hold."""
    reader = known.get(name)
    if reader is _flag and text in ("true", "false"):
        return text == "true"
    if reader in (_seconds, _whole) and re.fullmatch(r"\d{1,9}(\.\d{1,6})?", text):
        return float(text) if "." in text else int(text)
    if reader is _hosts:
        return [host.strip() for host in text.split(",")]
    if reader is _headers:
        raise ValueError("cannot be a variable: write headers into a configuration file")
    return text


# --- values ---


def _provider(provider: str, content: Mapping[str, Any]) -> Table:
    return {
        name: _read(PROVIDER_SETTINGS.get(name, _value), value, f"{provider}.{name}") for name, value in content.items()
    }


def _read(reader: Callable[[Any], Any], value: Any, name: str) -> Any:
    try:
        return reader(value)
    except ValueError as error:
        raise ValueError(f"'{name}' {error}") from None


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 100_000:
        raise ValueError("must be a whole number from 1 to 100000")
    return value


_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def _seconds(value: Any) -> float:
    if isinstance(value, str):
        found = re.fullmatch(r"(\d{1,9})\s*([smhd]?)", value.strip())
        if found:
            return float(int(found[1]) * _UNITS[found[2]])
    elif isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e9:
        return float(value)
    raise ValueError('must be seconds, or a text such as "30s", "10m", "12h" or "7d"')


def _some_seconds(value: Any) -> float:
    found = _seconds(value)
    if not found:
        raise ValueError("must be more than 0")
    return found


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > _MOST_TEXT:
        raise ValueError("must be a text that is not empty")
    if not value.isprintable():
        raise ValueError("holds a line break or another character that is not printable")
    return value


def _value(value: Any) -> str | _Variable:
    """A text, or `{env = "NAME"}`: what that environment variable holds."""
    if isinstance(value, dict):
        name = value.get("env")
        if set(value) == {"env"} and isinstance(name, str) and re.fullmatch(r"\w{1,200}", name):
            return _Variable(name)
        raise ValueError('must be a text, or {env = "NAME"} for that of an environment variable')
    return _text(value)


def _base_url(value: Any) -> str:
    text = _text(value)
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host, parts = "", urlsplit("")
    plain_loopback = parts.scheme == "http" and host in _LOOPBACK
    if not host or not (parts.scheme == "https" or plain_loopback):
        raise ValueError("must be an address such as https://git.acme.net (http only for this machine)")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("must have no user name, query or fragment")
    return text


def _proxy(value: Any) -> str:
    if value == "":
        return ""
    text = _text(value)
    if not re.match(r"(?i)(?:https?|socks5h?)://[^/]", text):
        raise ValueError('must be an address such as http://proxy.acme.net:3128, or "" for none')
    return text


_LAST_PORT: Final = 65_535
_HOST = re.compile(r"(?:\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?(?::(?P<port>[1-9]\d{0,4}))?", re.IGNORECASE | re.ASCII)


def _hosts(value: Any) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else [value]
    if not listed or not all(isinstance(host, str) and _is_host(host) for host in listed):
        raise ValueError('must be a list of hosts, such as ["api.acme.net", "*.acme.net", "db.acme.net:5433"]')
    return tuple(listed)


def _is_host(text: str) -> bool:
    found = _HOST.fullmatch(text)
    return found is not None and int(found["port"] or 1) <= _LAST_PORT


def _headers(value: Any) -> Mapping[str, str | _Variable]:
    if not isinstance(value, dict) or not all(re.fullmatch(r"[A-Za-z0-9-]{1,80}", name) for name in value):
        raise ValueError("must be a table of header names and texts")
    return {name: _read(_value, content, name) for name, content in value.items()}


SETTINGS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "timeout": _some_seconds,
    "patience": _some_seconds,
    "budget": _some_seconds,
    "attempts": _whole,
    "at_once": _whole,
    "allow_loopback": _flag,
    "ca_bundle": _text,
    "cache": _seconds,
}
"""What a table `[verify]` may say in general."""

PROVIDER_SETTINGS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "enabled": _flag,
    "base_url": _base_url,
    "headers": _headers,
    "hosts": _hosts,
    "allow_private": _flag,
    "proxy": _proxy,
    "per_minute": _whole,
    "at_once": _whole,
}
"""What a table `[verify.PROVIDER]` may say, beside the values that the provider's rules ask for."""


def _nearest(word: str, known: Iterable[str]) -> str:
    import difflib  # noqa: PLC0415 - only when something is wrong

    names = sorted(known)
    near = difflib.get_close_matches(word.lower().replace("-", "_"), names, n=1, cutoff=0.6)
    near = near or difflib.get_close_matches(word.lower(), names, n=1, cutoff=0.6)
    if near:
        return f"; did you mean '{near[0]}'?"
    return f"; known are {', '.join(names)}" if len(names) < 30 else "; `keysweep rules list` shows them all"


__all__ = ["PREFIX", "PROVIDER_SETTINGS", "SETTINGS", "Table", "read_table", "settings"]
