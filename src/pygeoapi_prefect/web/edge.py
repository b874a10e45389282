"""Reverse-proxy headers and CORS."""

from flask import Flask
from flask_cors import CORS
from werkzeug.middleware.proxy_fix import ProxyFix

from pygeoapi_prefect.config import ManagerSettings

EXPOSED = ("Link", "Location", "Preference-Applied", "Retry-After", "Content-Disposition")
ACCEPTED = ("Accept", "Authorization", "Content-Type", "Prefer")
METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "POST")
PREFLIGHT_SECONDS = 3600


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
