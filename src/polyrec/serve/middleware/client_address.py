"""Who counts as one client: an IPv4 address, or an IPv6 network of 64 bits."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

from starlette.types import Scope


@lru_cache(4_096)
def address_group(host: str) -> str:
    """Return the name under which the requests of an address are counted.

    A host is given a whole /64 of IPv6, so its addresses count as one.

    >>> address_group("10.0.0.7"), address_group("2001:db8::7"), address_group("::ffff:10.0.0.7")
    ('10.0.0.7', '2001:db8:0:0', '10.0.0.7')
    """
    try:
        address = ip_address(host)
    except ValueError:  # a Unix socket, or a name from a proxy
        return host
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return ":".join(f"{int(part, 16):x}" for part in address.exploded.split(":")[:4])
    return str(address)


@lru_cache(4_096)
def is_in_networks(host: str, networks: tuple[str, ...]) -> bool:
    """Return whether an address lies in one of these networks.

    >>> is_in_networks("10.0.0.7", ("127.0.0.1", "10.0.0.0/8"))
    True
    """
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return any(address in ip_network(network) for network in networks)


def client_group(scope: Scope) -> str:
    """Return the group of the address that a request came from."""
    return address_group((scope.get("client") or ("?",))[0])
