"""Which hosts a session may talk to, how often, and at which addresses."""

import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from pipeline.errors import FetchError

_LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")


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


def host_of(url: str) -> str:
    """Returns the host of an address, with its port if it names one, in lower case."""
    return urlsplit(url).netloc.rpartition("@")[2].lower()


def rule_for(url: str, seconds_between: float, pace_group: str = "", robots_exemption: str = "") -> dict[str, HostRule]:
    """Returns the rule for the host of a configured address. One at a loopback address is meant to be."""
    is_local = (urlsplit(url).hostname or "") in _LOCAL_NAMES
    return {host_of(url): HostRule(seconds_between, pace_group, is_local, robots_exemption)}


def check_address(url: str, rules: Mapping[str, HostRule]) -> HostRule:
    """Returns the rule of an address that may be asked.

    Raises:
        FetchError: another scheme than http or https, a host that no source names, or one at a private address.
    """
    parts = urlsplit(url)
    rule = rules.get(host_of(url))
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise FetchError(f"is not a web address ({parts.scheme or 'no scheme'})", where=url[:200])
    if "@" in parts.netloc:
        raise FetchError("carries a user name or password", where=url[:200], do="take them out of the address")
    if rule is None:
        raise FetchError(
            f"the host {host_of(url)} is not one that this source may ask",
            where=url[:200],
            do="if the service moved there, change the address in census.toml (and name the old host in moved_from)",
        )
    if not rule.allows_private:
        _refuse_private(parts.hostname, parts.port or (443 if parts.scheme == "https" else 80), url)
    return rule


def _refuse_private(name: str, port: int, url: str) -> None:
    try:
        found = socket.getaddrinfo(name, port, proto=socket.IPPROTO_TCP)
    except (OSError, UnicodeError) as error:
        raise FetchError(
            f"the host {name} cannot be found ({error})", where=url[:200], do="check the connection, or the address"
        ) from None
    for *_, place in found:
        address = ipaddress.ip_address(str(place[0]).partition("%")[0])
        if not address.is_global or address.is_multicast:
            raise FetchError(
                f"the host {name} lies at the private address {address}",
                where=url[:200],
                do="nothing was sent; name the address in census.toml if it is meant",
            )
