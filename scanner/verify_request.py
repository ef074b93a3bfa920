"""Makes a request of a rule's data (`url`, `headers`, `json`, …) and of values: the key and what else it needs.

Where it goes is decided here: a host with places must come from the user's configuration, or end in labels that the
rule spells out, or be one of the hosts that rule or configuration name. What stands in a scanned file alone never
decides it.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from scanner import verify_template as template
from scanner.exchange import Request
from scanner.verify_hosts import allowed
from scanner.verify_settings import Override

_URL = re.compile(r"(https?)://([^/?]+?)(:[0-9]{1,5})?([/?].*)?")
_CONFIGURED = re.compile(r"(?:https://)?(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?P<port>:[0-9]{1,5})?/?")
_WITH_PORT = re.compile(r"(?P<host>[^:]{1,253}):(?P<port>[1-9][0-9]{0,4})")
_USUAL = 443


class HostRefusedError(template.UnaskableError):
    """The host that a key would be sent to was found in text only. The error's text says how to name it."""

    reason = "missing-part"


@dataclass(frozen=True, slots=True)
class Filling:
    """The values for a request's places. `configured` are the names of those that the user (or the rule) gave, which
    may decide about the host; the others stood in what was scanned."""

    values: Mapping[str, str] = field(repr=False)
    configured: frozenset[str] = frozenset()
    environment: str = ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Who is asked: `host` with its port where that is not the usual one; `shown` with its places left open."""

    host: str
    shown: str


def endpoint(data: Mapping[str, Any], filling: Filling, override: Override) -> Endpoint:
    """Who a request would go to. Raises UnaskableError."""
    origin, path = _address(data, filling, override)
    return Endpoint(urlsplit(origin).netloc, f"{data.get('method', 'GET')} {origin}{path.partition('?')[0]}")


def request(data: Mapping[str, Any], filling: Filling, override: Override) -> Request:
    """The request, filled in. Raises UnaskableError."""
    origin, path = _address(data, filling, override)
    values = filling.values
    headers = {name: template.header(text, values) for name, text in data.get("headers", {}).items()}
    if "basic" in data:
        headers["Authorization"] = _basic(data["basic"], values)
    body, kind = _body(data, values)
    if kind and not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = kind
    own = {name.lower() for name in override.headers}
    headers = {name: text for name, text in headers.items() if name.lower() not in own} | dict(override.headers)
    return Request(data.get("method", "GET"), origin + template.path(path, values), headers, body)


def _address(data: Mapping[str, Any], filling: Filling, override: Override) -> tuple[str, str]:
    """Scheme and host, filled in; and the rest of the URL, with its places."""
    url = data["url"]
    text = url if isinstance(url, str) else url.get(filling.environment) or url.get("live") or next(iter(url.values()))
    found = _URL.fullmatch(text)
    if found is None:
        raise template.NotSendableError("the rule's address is none")
    scheme, host, port, path = found[1], found[2], found[3] or "", found[4] or "/"
    path = path if path.startswith("/") else f"/{path}"
    if override.base_url:
        base = override.base_url.rstrip("/")
        return _origin(base), quote(urlsplit(base).path, safe="/%") + path
    if not template.places(host):
        return f"{scheme}://{host}{port}", path
    return f"{scheme}://{_host(host, port, data, filling, override)}", path


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _host(text: str, port: str, data: Mapping[str, Any], filling: Filling, override: Override) -> str:
    """Host and port. Those that a text names need a permission for that very port when it is not the rule's."""
    names = template.places(text)
    if set(names) <= filling.configured:
        if text == f"{{{names[0]}}}":
            return _configured_host(filling.values[names[0]], names[0], port)
        return template.host(text, filling.values) + port
    values, own = _port_apart(text, names[0], filling.values)
    host = template.host(text, values)
    literal = template.PLACE.split(text)[-1].lower()
    ours = [f"*{literal}"] if literal.startswith(".") and literal.count(".") >= 2 else []
    patterns = (*ours, *data.get("hosts", ()), *override.hosts)
    usual = int(port[1:]) if port else _USUAL
    asked = int(own[1:]) if own else usual
    if asked != usual:
        patterns = tuple(pattern for pattern in patterns if ":" in pattern)
    if allowed(host, patterns, asked):
        return host if asked == _USUAL else f"{host}:{asked}"
    raise HostRefusedError(
        f"{', '.join(names)}: found in text only, which does not decide where a key is sent; "
        "give it in the configuration, or allow it there under 'hosts'; one key alone: with --part"
    )


def _port_apart(text: str, name: str, values: template.Values) -> tuple[template.Values, str]:
    """The values, and the port that the one behind `name` says where it is the whole host (`api.acme.net:8443`)."""
    found = _WITH_PORT.fullmatch(values.get(name, "")) if text == f"{{{name}}}" else None
    return ({**values, name: found["host"]}, f":{int(found['port'])}") if found else (values, "")


def _configured_host(value: str, name: str, port: str) -> str:
    """A host as users write it: `api.acme.net`, `https://api.acme.net/`, `api.acme.net:8443`."""
    found = _CONFIGURED.fullmatch(value.strip())
    if found is None:
        raise template.NotSendableError(f"the configured value of {name} is no host")
    return found["host"].lower() + (found["port"] or port)


def _basic(pair: list[str], values: template.Values) -> str:
    user, password = (str(template.data(text, values)) for text in pair)
    if ":" in user or not (user + password).isprintable():
        raise template.NotSendableError("user or password hold a character that cannot be sent")
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def _body(data: Mapping[str, Any], values: template.Values) -> tuple[bytes, str]:
    if "json" in data:
        return json.dumps(template.data(data["json"], values)).encode(), "application/json"
    if "form" in data:
        fields = template.data(data["form"], values)
        return urlencode(fields).encode(), "application/x-www-form-urlencoded"
    if "body" in data:
        return template.body(data["body"], values).encode(), "text/plain; charset=utf-8"
    return b"", ""


__all__ = ["Endpoint", "Filling", "HostRefusedError", "endpoint", "request"]
