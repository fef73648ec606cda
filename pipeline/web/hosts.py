"""Which hosts a session may talk to, how often, and at which addresses."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, urlsplit

from pipeline.errors import FetchError

_LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
_GIVEN_OUT = IPv6Network("2000::/3")
_SPECIAL = tuple(
    IPv6Network(name)
    for name in (
        "2001::/23",  # Teredo, ORCHID and other protocols
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: holds an IPv4 address
        "3fff::/20",  # documentation
    )
)
_SPECIAL_4 = (IPv4Network("192.88.99.0/24"), IPv4Network("192.0.0.0/24"))  # relays of 6to4; protocol assignments


@dataclass(frozen=True)
class HostRule:
    """How one host is treated.

    Attributes:
        seconds_between: least time between the end of one request and the start of the next.
        pace_group: hosts of one group share one pace, because their owner counts them together.
        allows_private: whether the host may lie at a private address; only where the configuration names one.
        robots_exemption: why robots.txt of the host does not bind: the operator's own terms allow what is asked. Empty
            where it does, which is the rule.
    """

    seconds_between: float = 3.0
    pace_group: str = ""
    allows_private: bool = False
    robots_exemption: str = ""


def take_apart(url: str) -> SplitResult:
    """Returns the parts of an address.

    Raises:
        FetchError: it is none.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise FetchError(f"is no address ({error})", where=shown(url)) from None
    return parts


def shown(url: str) -> str:
    """Returns the start of an address as a message may show it: printable, on one line."""
    return "".join(sign if sign.isprintable() else f"\\x{ord(sign):02x}" for sign in url[:200])


def host_of(url: str) -> str:
    """Returns the host of an address, with its port if it names one, in lower case. Raises as `take_apart`."""
    return take_apart(url).netloc.rpartition("@")[2].lower()


def rule_for(url: str, seconds_between: float, pace_group: str = "", robots_exemption: str = "") -> dict[str, HostRule]:
    """Returns the rule for the host of a configured address. One at a loopback address is meant to be."""
    is_local = (take_apart(url).hostname or "") in _LOCAL_NAMES
    return {host_of(url): HostRule(seconds_between, pace_group, is_local, robots_exemption)}


def check_address(url: str, rules: Mapping[str, HostRule]) -> HostRule:
    """Returns the rule of an address that may be asked.

    Raises:
        FetchError: another scheme than http or https, a host that no source names, or one at a private address.
    """
    parts = take_apart(url)
    rule = rules.get(host_of(url))
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise FetchError(f"is not a web address ({parts.scheme or 'no scheme'})", where=shown(url))
    if "@" in parts.netloc:
        raise FetchError("carries a user name or password", where=shown(url), do="take them out of the address")
    if rule is None:
        raise FetchError(
            f"the host {host_of(url)} is not one that this source may ask",
            where=shown(url),
            do="if the service moved there, change the address in census.toml (and name the old host in moved_from)",
        )
    if not rule.allows_private:
        _refuse_private(parts.hostname, parts.port or (443 if parts.scheme == "https" else 80), url)
    return rule


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Says whether an address belongs to the public network, and to it alone.

    Of IPv6 only 2000::/3 is given out to hosts; what lies outside, and the parts of it that carry an IPv4 address or
    are kept for other ends, is refused by kind: a translator would lead it anywhere.
    """
    if not address.is_global or address.is_multicast or address.is_reserved or address.is_unspecified:
        return False
    if isinstance(address, IPv6Address):
        return address in _GIVEN_OUT and not any(address in network for network in _SPECIAL)
    return not any(address in network for network in _SPECIAL_4)


def _refuse_private(name: str, port: int, url: str) -> None:
    try:
        found = socket.getaddrinfo(name, port, proto=socket.IPPROTO_TCP)
    except (OSError, UnicodeError) as error:
        raise FetchError(
            f"the host {name} cannot be found ({error})", where=shown(url), do="check the connection, or the address"
        ) from None
    for *_, place in found:
        address = ip_address(str(place[0]).partition("%")[0])
        if not is_public(address):
            raise FetchError(
                f"the host {name} lies at the private address {address}",
                where=shown(url),
                do="nothing was sent; name the address in census.toml if it is meant",
            )
