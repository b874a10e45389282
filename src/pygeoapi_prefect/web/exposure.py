"""Places where a server may be reached: an open one on this machine only, keys only over TLS.

Without ``access``, everybody who reaches the server may do everything. So it must be bound to
loopback and addressed there, and no proxy may stand in front of it: one on the same machine would
make everybody who reaches the proxy a client of this machine.
"""

from collections.abc import Iterable
from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import urlsplit

from pygeoapi_prefect.config import Settings
from pygeoapi_prefect.errors import ConfigurationError, StackError

INSTEAD = (
    "or write two lines below server.manager of the configuration: 'access:' and '  keys: "
    "/folder/keys.json' (docs/access.md), or '  anonymous: admin' in the second to let everybody in"
)
FORWARDED = "forwarded"
PREFIX = "x-forwarded-"


class ThroughProxy(StackError):
    """A server without access control has got a request from beyond its machine."""

    status = HTTPStatus.FORBIDDEN
    title = "Not allowed"


def check(settings: Settings, bind: str | None) -> None:
    """Reject a configuration that lets strangers in, or sends credentials without encryption.

    Args:
        settings: The configuration.
        bind: Addresses that the server is bound to, separated by commas; None if nobody knows.

    Raises:
        ConfigurationError: The server must not start; the message says what to write.
    """
    access = settings.manager.access
    if access is None:
        _check_open(settings, bind)
        return
    if access.allow_plain_http or not access.has_credentials:
        return
    issuer = access.oidc.issuer if access.oidc is not None else settings.public_url
    for name, url in (("server.url", settings.public_url), ("access.oidc.issuer", issuer)):
        if url.startswith("http://") and not names_loopback(url):
            raise ConfigurationError(
                f"{name} is {url}: everybody on the way could read keys and tokens, or replace "
                "them; use https, or write 'allow_plain_http: true' below server.manager.access"
            )


def _check_open(settings: Settings, bind: str | None) -> None:
    addresses = (bind or "").split(",")
    if bind is None:
        told = "the address that it is bound to is unknown; either set PYGEOAPI_BIND=127.0.0.1"
    elif not all(map(is_loopback, addresses)):
        told = (
            f"it is bound to {bind}; either set PYGEOAPI_BIND=127.0.0.1 (a line of .env; without "
            "Compose, gunicorn's --bind)"
        )
    elif not names_loopback(settings.public_url):
        told = (
            f"server.url is {settings.public_url}; either name localhost there (PYGEOAPI_URL, a "
            "line of .env)"
        )
    elif settings.manager.trusted_proxies:
        told = "trusted_proxies is not 0; either remove it"
    else:
        return
    raise ConfigurationError(
        "without server.manager.access everybody may do everything, so this server may only be "
        f"reached from its own machine, but {told}, {INSTEAD}"
    )


def is_loopback(host: str) -> bool:
    """Return true for a name or address by which a machine reaches itself."""
    name = host.strip().strip("[]")
    try:
        return name.lower() == "localhost" or ip_address(name).is_loopback
    except ValueError:  # another name, or a socket of Unix, behind which there is a proxy
        return False


def names_loopback(url: str) -> bool:
    """Return true for a URL whose host is this machine."""
    try:
        return is_loopback(urlsplit(url).hostname or "")
    except ValueError:
        return False


def forwarding(headers: Iterable[str]) -> str | None:
    """The first of these names of headers that a proxy has added; None if there is none."""
    for name in headers:
        if name.lower() == FORWARDED or name.lower().startswith(PREFIX):
            return name
    return None
