"""Whom a request counts for."""

import pytest

from pygeoapi_prefect.web import edge


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:1", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("_hidden", "_hidden"),
        ("", ""),
        (None, ""),
    ],
)
def test_addresses_that_one_client_may_use_are_one_client(address: str | None, client: str) -> None:
    assert edge.client(address) == client
