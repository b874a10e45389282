"""Prefect's server behind a check of ``Host`` and ``Origin``; run by ``uvicorn --factory``.

Needed because Prefect's server answers under any name, so that a page whose name leads to this
machine (DNS rebinding) has the server's own origin, and because CORS does not keep a browser from
sending a request, only from showing the answer to the page.
"""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from prefect.server.api.server import create_app as create_prefect
from prefect.settings import PREFECT_SERVER_CORS_ALLOWED_ORIGINS
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse

__all__ = ["Checked", "create_app"]


class Checked:
    """An ASGI application that rejects requests for other hosts, and from other origins, with 403.

    A request without ``Origin`` comes from no page, or is a GET of one, which changes nothing.
    WebSockets are checked in the same way: browsers let every page open them.

    Args:
        app: The application.
        origins: Origins (RFC 6454) whose pages may send requests; their hosts are the names under
            which the server answers, at any port: it may be behind a forwarded one.

    Raises:
        ValueError: An origin is none, such as ``*``.
    """

    def __init__(self, app: Any, origins: Iterable[str]) -> None:
        self._app = app
        self._origins = {origin.strip().lower() for origin in origins}
        self._hosts = {urlsplit(origin).hostname for origin in self._origins}
        if not self._hosts or None in self._hosts:
            raise ValueError(
                "PREFECT_SERVER_CORS_ALLOWED_ORIGINS must list the origins of Prefect's UI, such "
                "as http://127.0.0.1:4200"
            )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass on or reject a request."""
        reason = self._fault(Headers(scope=scope)) if "headers" in scope else ""
        app = PlainTextResponse(reason, 403) if reason else self._app
        await app(scope, receive, send)

    def _fault(self, headers: Headers) -> str:
        """The reason why a request is rejected, or an empty string."""
        if _host(headers.get("host", "")) not in self._hosts:
            return "The server does not answer under this Host"
        if any(origin.lower() not in self._origins for origin in headers.getlist("origin")):
            return "Pages of this Origin may not send requests"
        return ""


def create_app() -> Checked:
    """Create Prefect's API and UI for the origins of ``PREFECT_SERVER_CORS_ALLOWED_ORIGINS``.

    Raises:
        ValueError: The setting lists no origins.
    """
    return Checked(create_prefect(), PREFECT_SERVER_CORS_ALLOWED_ORIGINS.value().split(","))


def _host(header: str) -> str | None:
    """The name in a header ``Host``, without the port."""
    try:
        return urlsplit(f"//{header}").hostname
    except ValueError:
        return None
