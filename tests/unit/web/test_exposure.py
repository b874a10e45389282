"""Places at which a server may be reached, with and without access control."""

import os
from typing import Any

import pytest

from pygeoapi_prefect.config import Settings
from pygeoapi_prefect.errors import ConfigurationError
from pygeoapi_prefect.web import exposure, serving

HERE, PUBLIC = "http://localhost:5000", "https://geo.example.org/ogc"
OIDC = {"issuer": "https://sso.example.org", "audience": "geo", "default_role": "read"}


def settings(url: str, access: dict[str, Any] | None = None, **manager: Any) -> Settings:
    server: dict[str, Any] = {"url": url, "manager": manager}
    if access is not None:
        manager["access"] = access
    return Settings.from_config({"server": server})


@pytest.mark.parametrize(
    "url", [HERE, "http://127.0.0.1", "https://[::1]:5000/x", "http://LOCALHOST"]
)
@pytest.mark.parametrize(
    "bind", ["127.0.0.1", "127.0.0.9", "localhost", "::1", "[::1]", "127.0.0.1, ::1"]
)
def test_an_open_server_is_reached_from_its_machine(url: str, bind: str) -> None:
    exposure.check(settings(url), bind)


@pytest.mark.parametrize(
    ("url", "bind", "proxies", "told"),
    [
        (HERE, "0.0.0.0", 0, "it is bound to 0.0.0.0; either set PYGEOAPI_BIND=127.0.0.1"),
        (HERE, "::", 0, "it is bound to ::"),
        (HERE, "192.0.2.1", 0, "it is bound to 192.0.2.1"),
        (HERE, "127.0.0.1,192.0.2.1", 0, "it is bound to 127.0.0.1,192.0.2.1"),
        (HERE, "localhost.example.org", 0, "it is bound to localhost.example.org"),
        (HERE, "unix:/run/web.sock", 0, "it is bound to unix:/run/web.sock"),
        (HERE, "", 0, "it is bound to ;"),
        (HERE, None, 0, "the address that it is bound to is unknown"),
        (PUBLIC, "127.0.0.1", 0, "server.url is https://geo.example.org/ogc"),
        ("http://127.0.0.1.example.org", "127.0.0.1", 0, "server.url is"),
        ("http://[x", "127.0.0.1", 0, "server.url is"),
        (HERE, "127.0.0.1", 1, "trusted_proxies is not 0; either remove it"),
    ],
)
def test_an_open_server_does_not_start_anywhere_else(
    url: str, bind: str | None, proxies: int, told: str
) -> None:
    """The message says which lines to write; whoever means it writes ``anonymous: admin``."""
    with pytest.raises(ConfigurationError) as caught:
        exposure.check(settings(url, trusted_proxies=proxies), bind)
    message = str(caught.value)
    assert message.startswith("without server.manager.access everybody may do everything")
    assert told in message
    for line in ("'access:'", "'  keys: /folder/keys.json'", "'  anonymous: admin'"):
        assert line in message
    assert "\n" not in message
    exposure.check(settings(url, {"anonymous": "admin"}, trusted_proxies=proxies), bind)


@pytest.mark.parametrize("access", [{"keys": "/k"}, {"oidc": OIDC}, {"keys": "/k", "oidc": OIDC}])
def test_credentials_travel_over_tls_or_not_at_all(access: dict[str, Any]) -> None:
    for url in (HERE, PUBLIC, "http://[::1]:5000"):
        exposure.check(settings(url, access, trusted_proxies=1), "0.0.0.0")
    plain = "http://geo.example.org"
    with pytest.raises(ConfigurationError, match=r"server\.url is http://geo\.example\.org"):
        exposure.check(settings(plain, access), "0.0.0.0")
    exposure.check(settings(plain, {**access, "allow_plain_http": True}), "0.0.0.0")


def test_keys_of_an_issuer_travel_over_tls_too() -> None:
    for issuer, is_safe in (
        ("http://127.0.0.1:8080/realms/geo", True),
        ("http://keycloak:8080/realms/geo", False),
    ):
        access = {"oidc": {**OIDC, "issuer": issuer}}
        if is_safe:
            exposure.check(settings(PUBLIC, access), "0.0.0.0")
            continue
        with pytest.raises(ConfigurationError, match=r"access\.oidc\.issuer is http://keycloak"):
            exposure.check(settings(PUBLIC, access), "0.0.0.0")
        exposure.check(settings(PUBLIC, {**access, "allow_plain_http": True}), "0.0.0.0")


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["Host", "Via", "X-Real-IP"], None),
        (["Host", "Forwarded"], "Forwarded"),
        (["x-forwarded-for"], "x-forwarded-for"),
        (["X-FORWARDED-ANYTHING"], "X-FORWARDED-ANYTHING"),
        ([], None),
    ],
)
def test_headers_of_proxies_are_found(names: list[str], found: str | None) -> None:
    assert exposure.forwarding(names) == found


class Server:
    """An arbiter of gunicorn, as far as the hook knows it."""

    def __init__(self, *address: Any) -> None:
        self.cfg = self
        self.address = list(address)


@pytest.mark.parametrize(
    ("address", "given", "told"),
    [
        ([("0.0.0.0", 5000)], None, "0.0.0.0"),
        ([("127.0.0.1", 5000), ("::1", 5000)], None, "127.0.0.1,::1"),
        (["/run/web.sock"], None, "/run/web.sock"),
        ([("0.0.0.0", 5000)], "127.0.0.1", "127.0.0.1"),
        ([("0.0.0.0", 5000)], "", "0.0.0.0"),
    ],
)
def test_the_server_tells_its_addresses(
    monkeypatch: pytest.MonkeyPatch, address: list[Any], given: str | None, told: str
) -> None:
    """In a container, the address on the host counts."""
    monkeypatch.setenv(serving.BIND, given or "")
    serving.on_starting(Server(*address))
    assert os.environ[serving.BIND] == told


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("10.0.0.1", False),
        ("0.0.0.0", False),
        ("", False),
    ],
)
def test_loopback(name: str, expected: bool) -> None:
    assert exposure.is_loopback(name) is expected
