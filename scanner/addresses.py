"""Which addresses a key may be sent to: none that only our own network can reach.

The list is written out, from the registries of special addresses (RFC 6890 and those that update it), because
`ipaddress` judges some of them differently from one version of Python to the next.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

Address = IPv4Address | IPv6Address

_LOOPBACK: Final = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))

_PRIVATE: Final = (
    IPv4Network("10.0.0.0/8"), IPv4Network("172.16.0.0/12"), IPv4Network("192.168.0.0/16"),
    IPv4Network("100.64.0.0/10"),  # carriers' own; clouds use it, too
    IPv6Network("fc00::/7"),
)  # fmt: skip
"""What a company has inside: reached when the configuration of the provider says so."""

_METADATA: Final = (
    IPv4Network("169.254.0.0/16"),  # link-local: 169.254.169.254 in most clouds, 169.254.170.2 for containers
    IPv4Network("100.100.100.200/32"),  # Alibaba
    IPv4Network("168.63.129.16/32"),  # Azure
    IPv4Network("192.0.0.0/24"),  # protocol assignments; 192.0.0.192 at Oracle
    IPv6Network("fe80::/10"), IPv6Network("fec0::/10"),
    IPv6Network("fd00:ec2::/32"),  # Amazon
    IPv6Network("fd20:ce::/32"),  # Google
)  # fmt: skip
"""Services that hand out credentials to whoever asks from inside, and the links they stand on: never reached."""

_NEVER: Final = (
    IPv4Network("0.0.0.0/8"), IPv4Network("192.0.2.0/24"), IPv4Network("192.31.196.0/24"),
    IPv4Network("192.52.193.0/24"), IPv4Network("192.88.99.0/24"), IPv4Network("192.175.48.0/24"),
    IPv4Network("198.18.0.0/15"), IPv4Network("198.51.100.0/24"), IPv4Network("203.0.113.0/24"),
    IPv4Network("224.0.0.0/4"), IPv4Network("240.0.0.0/4"),
)  # fmt: skip
"""Not of a server's: unspecified, documentation, benchmarks, relays, multicast, reserved, broadcast."""

_GLOBAL6: Final = IPv6Network("2000::/3")
_NEVER6: Final = (IPv6Network("2001::/23"), IPv6Network("2001:db8::/32"), IPv6Network("3fff::/20"))
"""Inside of the global range and no server's: tunnels (Teredo) and protocol assignments, documentation."""

_SIXTOFOUR: Final = IPv6Network("2002::/16")
_NAT64: Final = IPv6Network("64:ff9b::/96")
_MAPPED: Final = (IPv6Network("::ffff:0:0/96"), IPv6Network("::/96"), IPv6Network("::ffff:0:0:0/96"))


def refusal(address: Address, *, loopback: bool = False, private: bool = False) -> str:
    """Why nothing is sent to that address, "" when it may be: in words that end a sentence about it."""
    within = _within(address)
    inner = _refusal(within, loopback, private)
    if within is address or not inner:
        return inner
    return f"{inner}, inside of an IPv6 address"


def literal(host: str) -> Address | None:
    """The address that a host's name is, None for a name."""
    try:
        return ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None


def _within(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, or the address itself."""
    if isinstance(address, IPv4Address) or int(address) <= 1:
        return address
    if address in _NAT64 or any(address in net for net in _MAPPED):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _SIXTOFOUR:
        return IPv4Address(int(address) >> 80 & 0xFFFFFFFF)
    return address


def _refusal(address: Address, loopback: bool, private: bool) -> str:
    if any(address in net for net in _LOOPBACK):
        return "" if loopback else "it is this machine"
    if any(address in net for net in _METADATA):
        return "it is link-local, where clouds keep their metadata"
    if any(address in net for net in _PRIVATE):
        return "" if private else "it is private"
    if isinstance(address, IPv4Address):
        return "it is no server's" if any(address in net for net in _NEVER) else ""
    if address not in _GLOBAL6 or any(address in net for net in _NEVER6):
        return "it is no server's"
    return ""


__all__ = ["Address", "literal", "refusal"]
