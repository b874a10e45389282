"""Public addresses: those that IANA has not reserved for a special purpose.

``special_purpose.csv`` has IANA's registries of special-purpose addresses (RFC 6890; as of October
2025, https://www.iana.org/assignments/iana-ipv4-special-registry and
.../iana-ipv6-special-registry), with all their rows. No address of them is connected to, not even
those that are globally reachable: these are relays and sinks of protocols, which serve no data. The
one exception is NAT64, through which a network of IPv6 alone reaches public IPv4 addresses.
"""

import csv
from functools import cache
from importlib import resources
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

NAT64 = IPv6Network("64:ff9b::/96")
GLOBAL_UNICAST = IPv6Network("2000::/3")
"""All IPv6 addresses that IANA has given out (RFC 4291, 2.4): the rest is local, multicast,
translated from IPv4 in some way, or reserved."""
MULTICAST = IPv4Network("224.0.0.0/4")
CLOUD = IPv4Network("168.63.129.16/32")
"""Azure's host, which only its own virtual machines reach: public in form only."""


@cache
def special() -> tuple[Network, ...]:
    """The blocks of IANA's registries."""
    file = resources.files(__package__).joinpath("special_purpose.csv")
    lines = file.read_text(encoding="ascii").splitlines()
    return tuple(ip_network(row["block"]) for row in csv.DictReader(lines))


def is_public(address: Address) -> bool:
    """Return true if an address is an ordinary one of the internet."""
    if isinstance(address, IPv6Address):
        if address in NAT64:
            return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
        refused = address not in GLOBAL_UNICAST
    else:
        refused = address in MULTICAST or address in CLOUD
    return not refused and not any(
        address in network for network in special() if network.version == address.version
    )
