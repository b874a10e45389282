"""Which addresses are public; none of them is ever connected to."""

import csv
import ipaddress
from importlib import resources
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

import pytest

from pygeoapi_prefect import outgoing
from pygeoapi_prefect.outgoing.addresses import Network, is_public, special

NAT64 = "64:ff9b::/96"
PUBLIC = [
    "1.1.1.1",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.31.195.255",
    "192.31.197.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2001:200::1",
    "2003::1",
    "2606:4700::1111",
    "2620:4f:7fff::1",
    "2a00:1450:4001::1",
    "3ffe:ffff::1",
    "64:ff9b::101:101",  # NAT64 of 1.1.1.1
]
# Beside the registries: other classes of addresses, and others' ways to write an IPv4 address.
BEYOND = [
    "224.0.0.1",
    "239.255.255.255",
    "168.63.129.16",
    "ff02::1",
    "ff0e::1",
    "fec0::1",
    "feff::1",
    "::7f00:1",
    "::ffff:0:7f00:1",
    "::ffff:101:101",
    "2002:101:101::1",
    "2001:0:101:101::1",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::e000:1",
    "64:ff9a:ffff:ffff:ffff:ffff:ffff:ffff",
    "64:ff9b:0:0:0:1::",
    "4000::1",
    "1000::1",
    "e000::1",
    "200::1",
]


def rows() -> list[dict[str, str]]:
    file = resources.files(outgoing).joinpath("special_purpose.csv")
    return list(csv.DictReader(file.read_text().splitlines()))


def edges(network: Network) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    return [network[0], network[network.num_addresses // 2], network[-1]]


@pytest.mark.parametrize("row", rows(), ids=lambda row: row["block"])
def test_no_special_purpose_address_is_public(row: dict[str, str]) -> None:
    """Fault 37: the registries as data, each row with its source."""
    block = ip_network(row["block"])  # refuses bits beyond the prefix
    assert block in special()
    assert row["source"].startswith("RFC ")
    assert row["name"]
    assert row["globally_reachable"] in ("True", "False", "N/A")
    if row["block"] != NAT64:
        assert not any(is_public(address) for address in edges(block))


def test_the_registries_have_no_row_twice_and_as_many_as_iana() -> None:
    """Fault 37: 26 rows of IPv4 and 25 of IPv6, as of October 2025."""
    blocks = [row["block"] for row in rows()]
    assert len(set(blocks)) == len(blocks)
    assert sum(isinstance(network, IPv4Network) for network in special()) == 26
    assert sum(isinstance(network, IPv6Network) for network in special()) == 25


def test_what_python_takes_for_private_is_not_public() -> None:
    """Fault 37: an independent list, though a shorter one, of the same registries."""
    constants: Any = ipaddress
    theirs = [
        *constants._IPv4Constants._private_networks,
        *constants._IPv6Constants._private_networks,
        *constants._IPv6Constants._reserved_networks,
    ]
    assert len(theirs) > 30
    for network in theirs:
        for address in edges(network):
            assert not is_public(address) or address in ip_network(NAT64), address


@pytest.mark.parametrize("address", PUBLIC)
def test_ordinary_addresses_are_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("address", BEYOND)
def test_other_ways_inside_are_not(address: str) -> None:
    """Fault 37."""
    assert not is_public(ip_address(address))
