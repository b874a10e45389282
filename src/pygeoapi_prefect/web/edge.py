"""The client as the application sees it: its address behind proxies, and pages of other origins."""

from ipaddress import IPv6Address, ip_address, ip_network

from flask import Flask
from flask_cors import CORS
from werkzeug.middleware.proxy_fix import ProxyFix

from pygeoapi_prefect.config import ManagerSettings

EXPOSED = (
    *("Link", "Location", "Preference-Applied", "Retry-After", "Content-Disposition"),
    *("RateLimit", "RateLimit-Policy", "WWW-Authenticate"),
)
ACCEPTED = ("Accept", "Authorization", "Content-Type", "Idempotency-Key", "Prefer", "X-API-Key")
METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "POST")
PREFLIGHT_SECONDS = 3600
IPV6_PREFIX = 64
"""Length of the prefix in which one client may use any address (RFC 6177, RFC 8981)."""


def prepare(app: Flask, settings: ManagerSettings) -> None:
    """Set an application up for its place: behind proxies, and for pages of other origins."""
    if settings.trusted_proxies:
        trust_proxies(app, settings.trusted_proxies)
    if settings.cors_origins:
        share(app, settings.cors_origins)


def trust_proxies(app: Flask, number: int) -> None:
    """Believe the ``X-Forwarded-*`` headers of the nearest ``number`` proxies.

    They decide on the client's address, scheme, host and path prefix as the application sees them,
    in its log and redirects; links always begin with the configured public URL.
    """
    counts = dict.fromkeys(("x_for", "x_proto", "x_host", "x_port", "x_prefix"), number)
    app.wsgi_app = ProxyFix(app.wsgi_app, **counts)  # type: ignore[method-assign]


def client(address: str | None) -> str:
    """Whom a request counts for: the client's address, or its network of IPv6.

    Args:
        address: The address, behind proxies that are trusted; None if the server knows none.

    Returns:
        The same text for all addresses that one client may use; empty if there is none.
    """
    try:
        known = ip_address(address or "")
    except ValueError:  # a socket of Unix, or an obfuscated identifier of RFC 7239
        return address or ""
    if not isinstance(known, IPv6Address):
        return str(known)
    if known.ipv4_mapped is not None:
        return str(known.ipv4_mapped)
    return str(ip_network((known.packed, IPV6_PREFIX), strict=False))


def share(app: Flask, origins: tuple[str, ...]) -> None:
    """Let scripts in pages of these origins use the API (CORS protocol of the Fetch standard)."""
    CORS(
        app,
        origins=list(origins),
        methods=list(METHODS),
        allow_headers=list(ACCEPTED),
        expose_headers=list(EXPOSED),
        max_age=PREFLIGHT_SECONDS,
    )
