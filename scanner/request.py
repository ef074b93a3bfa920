"""One bounded HTTP exchange with a provider.

HTTPS, with the certificate checked; plain HTTP to this machine only, where that is allowed. No redirect is followed, no
cookie kept. Addresses are checked (`network`). Connection, reply and decompressed body have an end in time and in size.
Nothing is raised: what goes wrong is a `Failure` that names kinds of errors, since exceptions of an HTTP client hold
requests, and requests hold keys.
"""

from __future__ import annotations

import logging
import re
import socket
import ssl
import threading
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

import httpcore

from scanner import __version__
from scanner.addresses import literal
from scanner.errors import ConfigError
from scanner.exchange import MAX_REPLY, Failure, Reply, Request
from scanner.network import CheckedBackend, Deadline, Dialer, DialError, Resolver, system_resolver

_OURS = {
    "user-agent": f"keysweep/{__version__}",
    "accept": "application/json",
    "accept-encoding": "identity",
}
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_VALUE = re.compile(r"[\x20-\x7e]*")
_MOST_HEADERS = 200
_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Way:
    """How a host may be reached: `private` allows private addresses; `proxy` is a URL, "" for none, None for what the
    environment says (`HTTPS_PROXY`, `NO_PROXY`, …)."""

    private: bool = False
    proxy: str | None = field(default=None, repr=False)


class Requester:
    """Sends requests, from any thread; keeps connections open for the next one. `close` ends them.

    `timeout` is for one exchange with all that belongs to it, in seconds. Raises ConfigError when `ca_bundle` cannot
    be used.
    """

    def __init__(
        self,
        *,
        timeout: float = 10.0,
        allow_loopback: bool = False,
        ca_bundle: str = "",
        resolver: Resolver = system_resolver,
    ) -> None:
        # Below WARNING httpcore logs the headers of replies, which may echo a key.
        logging.getLogger("httpcore").setLevel(logging.WARNING)
        self._timeout, self._loopback, self._resolver = timeout, allow_loopback, resolver
        self._deadline = Deadline()
        self._tls = tls_context(ca_bundle)
        self._pools: dict[tuple[str, bool, bool], httpcore.ConnectionPool] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return "Requester()"

    def send(self, request: Request, way: Way = Way()) -> Reply | Failure:
        """One exchange. A redirect is a reply like any other."""
        url = self._allowed(request.url)
        if isinstance(url, Failure):
            return url
        headers = _headers(request)
        if headers is None:
            return Failure("not-sendable", "a header would hold more than visible characters")
        self._deadline.start(self._timeout)
        try:
            return self._exchange(request, url, headers, way)
        except DialError as error:
            return Failure(error.reason, error.detail)
        except Exception as error:  # whatever it is, it may hold the request, so only its kind goes on
            return _failure(error)

    def connect(self, host: str, port: int, way: Way = Way()) -> socket.socket | Failure:
        """A TCP connection to a checked address, for protocols other than HTTP; no proxy. The caller closes it."""
        self._deadline.start(self._timeout)
        try:
            return self._dialer(way, plain=False).connect(host, port)
        except DialError as error:
            return Failure(error.reason, error.detail)

    def tls(self, connection: socket.socket, host: str) -> socket.socket | Failure:
        """The connection under TLS, with the certificate checked for `host`. The given one is used up."""
        try:
            return self._tls.wrap_socket(connection, server_hostname=host)
        except (OSError, ValueError) as error:
            connection.close()
            return _failure(error)

    def close(self) -> None:
        """Closes what is open."""
        with self._lock:
            pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            pool.close()

    def _allowed(self, text: str) -> SplitResult | Failure:
        try:
            url = urlsplit(text)
            url.port  # noqa: B018 - reading it is what checks it
        except ValueError:
            return Failure("not-sendable", "the address is none")
        if not text.isascii() or not text.isprintable() or " " in text or not url.hostname or "@" in url.netloc:
            return Failure("not-sendable", "the address is none")
        if url.scheme == "https" or (url.scheme == "http" and self._loopback):
            return url
        return Failure("refused-address", f"{url.hostname} would be asked without TLS")

    def _exchange(
        self, request: Request, url: SplitResult, headers: list[tuple[bytes, bytes]], way: Way
    ) -> Reply | Failure:
        target = url.path or "/"
        address = httpcore.URL(
            scheme=url.scheme.encode(),
            host=(url.hostname or "").encode(),
            port=url.port,
            target=(f"{target}?{url.query}" if url.query else target).encode(),
        )
        with self._pool(url, way).stream(
            request.method.encode(), address, headers=[(b"host", _host(url)), *headers], content=request.body or None
        ) as response:
            told = _told(response.headers)
            body, whole = _read(response.iter_stream(), told.get("content-encoding", ""))
            return Reply(response.status, told, body, whole)

    def _pool(self, url: SplitResult, way: Way) -> httpcore.ConnectionPool:
        host, plain = url.hostname or "", url.scheme == "http"
        proxy = "" if plain or _is_here(host) else _environment_proxy(host) if way.proxy is None else way.proxy
        if proxy:
            # The proxy resolves the name, so only an address that is written out can be judged here.
            if literal(host) is not None:
                self._dialer(way, plain=False).addresses(host, url.port or 443)
            dialer = Dialer(self._deadline, self._resolver, trusting=True)
        else:
            dialer = self._dialer(way, plain=plain)
        with self._lock:
            key = (proxy, way.private, plain)
            if key not in self._pools:
                self._pools[key] = httpcore.ConnectionPool(
                    ssl_context=self._tls,
                    proxy=_proxy(proxy) if proxy else None,
                    max_connections=None,
                    max_keepalive_connections=50,
                    keepalive_expiry=15.0,
                    network_backend=CheckedBackend(dialer),
                )
            return self._pools[key]

    def _dialer(self, way: Way, *, plain: bool) -> Dialer:
        return Dialer(
            self._deadline, self._resolver, loopback=self._loopback, private=way.private, only_loopback=plain
        )


def tls_context(ca_bundle: str = "") -> ssl.SSLContext:
    """Checks certificates and names, against the system's authorities (certifi's where there are none) and those of a
    file. Raises ConfigError when the file cannot be used."""
    context = ssl.create_default_context()
    paths = ssl.get_default_verify_paths()
    if not context.get_ca_certs() and not paths.cafile and not paths.capath:
        import certifi  # noqa: PLC0415 - comes with httpcore; only where the system has no authorities

        context.load_verify_locations(certifi.where())
    if ca_bundle:
        try:
            context.load_verify_locations(ca_bundle)
        except OSError as error:
            what = "holds no certificates" if isinstance(error, ssl.SSLError) else error.strerror or "cannot be read"
            raise ConfigError(f"{ca_bundle}: {what}; it should be a PEM file of certificate authorities") from None
    return context


def _headers(request: Request) -> list[tuple[bytes, bytes]] | None:
    """The headers as bytes, ours filled in; None when one cannot be sent."""
    given = {name.lower(): value for name, value in request.headers.items()}
    given = {**_OURS, **given}
    if request.body or request.method in ("POST", "PUT", "PATCH"):
        given["content-length"] = str(len(request.body))
    if not all(_NAME.fullmatch(name) and _VALUE.fullmatch(value) for name, value in given.items()):
        return None
    return [(name.encode(), value.strip().encode()) for name, value in given.items() if name != "host"]


def _host(url: SplitResult) -> bytes:
    host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname or ""
    usual = url.port in (None, _PORTS[url.scheme])
    return (host if usual else f"{host}:{url.port}").encode()


def _is_here(host: str) -> bool:
    known = literal(host)
    return host == "localhost" if known is None else known.is_loopback


def _environment_proxy(host: str) -> str:
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415 - 20 ms, and only when something is asked

    proxies = getproxies()
    proxy = proxies.get("https") or proxies.get("all") or ""
    return "" if not proxy or proxy_bypass(host) else proxy if "://" in proxy else f"http://{proxy}"


def _proxy(text: str) -> httpcore.Proxy:
    url = urlsplit(text)
    if url.scheme not in ("http", "https", "socks5", "socks5h") or not url.hostname:
        raise DialError("unreachable", "the proxy's address is none of http://, https:// and socks5://")
    scheme = url.scheme.removesuffix("h") if url.scheme.startswith("socks") else url.scheme
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    auth = (unquote(url.username), unquote(url.password or "")) if url.username else None
    port = url.port or {"http": 80, "https": 443}.get(scheme, 1080)
    return httpcore.Proxy(f"{scheme}://{host}:{port}", auth=auth)


def _told(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by name, in lower case; of a name that stands twice, both values."""
    found: dict[str, str] = {}
    for name, value in list(headers)[:_MOST_HEADERS]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def _read(pieces: Iterable[bytes], encoding: str) -> tuple[bytes, bool]:
    """The decoded body up to `MAX_REPLY`, and whether that is all of it. A small reply that would unpack to gigabytes
    is unpacked no farther than that."""
    kind = encoding.strip().lower()
    if kind not in ("", "identity", "gzip", "x-gzip", "deflate"):
        return b"", False
    unpack = zlib.decompressobj(wbits=47) if kind in ("gzip", "x-gzip", "deflate") else None
    body, raw = bytearray(), 0
    for piece in pieces:
        raw += len(piece)
        try:
            body += unpack.decompress(piece, MAX_REPLY + 1 - len(body)) if unpack else piece
        except zlib.error:
            return b"", False
        if len(body) > MAX_REPLY or raw > MAX_REPLY or (unpack and unpack.unconsumed_tail):
            return bytes(body[:MAX_REPLY]), False
    return bytes(body), unpack is None or unpack.eof


def _failure(error: BaseException) -> Failure:
    """What an error means, from its kind and the kinds of those behind it."""
    kinds: list[BaseException] = []
    while error and len(kinds) < 8:
        kinds.append(error)
        following = error.__cause__ or error.__context__
        if following is None:
            break
        error = following
    if any(isinstance(kind, ssl.SSLCertVerificationError) for kind in kinds):
        return Failure("certificate")
    if any(isinstance(kind, httpcore.TimeoutException | TimeoutError) for kind in kinds):
        return Failure("timeout")
    if any(isinstance(kind, ImportError) for kind in kinds):
        return Failure("unreachable", "a SOCKS proxy needs the package socksio")
    if any(isinstance(kind, httpcore.ProxyError) for kind in kinds):
        return Failure("blocked", "the proxy refuses the connection")
    network = httpcore.NetworkError | httpcore.ProtocolError | OSError
    return Failure("unreachable" if isinstance(kinds[0], network) else "failed", type(kinds[0]).__name__)


__all__ = ["Requester", "Way", "tls_context"]
