"""Users whom a reverse proxy in front has authenticated, and names in headers.

The headers count only on a connection from the proxy itself: its address is that of the socket, not
one of ``X-Forwarded-For``, which a client may write. From all requests they are removed, so that
nothing behind can take them for the proxy's.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from flask import Flask

from pygeoapi_prefect.access_settings import ProxySettings
from pygeoapi_prefect.web.protocol import Wsgi
from pygeoapi_prefect.web.server.environ import REPEATED, key_of

NAMED = "pygeoapi_prefect.named"
"""User and roles in the environment of WSGI; no header has a name without ``HTTP_``."""


def prepare(app: Flask, settings: ProxySettings) -> None:
    """Believe the headers of a proxy; call this after what changes a request's address."""
    app.wsgi_app = apart(app.wsgi_app, settings)  # type: ignore[method-assign,assignment]


def apart(app: Wsgi, settings: ProxySettings) -> Wsgi:
    """An application that gets what the proxy says apart from what the client says."""
    user_key = key_of(settings.user_header)
    roles_key = key_of(settings.roles_header) if settings.roles_header else ""

    def call(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        user, roles = (_text(environ.pop(key, "")) for key in (user_key, roles_key))
        if user and settings.trusts(environ.get("REMOTE_ADDR", "")):
            # One of two headers may be of the client. The gate rejects a user with a comma.
            is_sure = roles_key not in environ.get(REPEATED, ())
            environ[NAMED] = (user, roles if is_sure else "")
        return app(environ, start_response)

    return call


def named_of(environ: Mapping[str, Any]) -> tuple[str, str] | None:
    """The user whom the proxy has named, and their roles; None if it has named nobody."""
    found: tuple[str, str] | None = environ.get(NAMED)
    return found


def forget(environ: dict[str, Any]) -> None:
    """Take a user away whom the proxy has named for a page of another origin."""
    environ.pop(NAMED, None)


def _text(value: str) -> str:
    """The text of a header, which most proxies send in UTF-8 (PEP 3333 gives Latin-1)."""
    try:
        return value.strip().encode("latin-1").decode()
    except UnicodeError:
        return value.strip()
