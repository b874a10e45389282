"""Requests that a page of another site has made a browser send, and names that are not ours.

A browser sends requests of any page to any server. It lets a page read an answer, and send JSON,
only where CORS allows it; but a form, or a body without a media type, needs no permission. So what
changes something must come from a page of this server, or of ``cors_origins``. And somebody who
lets a name of theirs point to this machine makes their pages ones "of this server" (DNS rebinding):
only known names are answered.
"""

from collections.abc import Collection
from urllib.parse import urlsplit

from flask import Flask, request
from werkzeug import exceptions
from werkzeug.datastructures import Headers

from pygeoapi_prefect.config import ANY, Settings
from pygeoapi_prefect.errors import UnsupportedMediaType
from pygeoapi_prefect.web import named
from pygeoapi_prefect.web.exposure import is_loopback
from pygeoapi_prefect.web.rates import PROBES

SAFE = ("GET", "HEAD", "OPTIONS", "TRACE")
"""Methods that change nothing (RFC 9110, section 9.2.1)."""
OWN_SITES = ("same-origin", "none")
"""Values of ``Sec-Fetch-Site`` (Fetch Metadata): a page of this origin; a person, not a page."""

NAVIGATION = ("navigate", "document")
"""``Sec-Fetch-Mode`` and ``Sec-Fetch-Dest`` of a page that is opened in a tab."""


def prepare(app: Flask, settings: Settings) -> None:
    """Reject requests to unknown hosts, and those that pages of other origins must not send.

    Args:
        app: The application.
        settings: What this library reads of the configuration.
    """
    # Else a path such as //x is answered with a redirect to the host that the client has named.
    app.url_map.merge_slashes = False
    hosts = known_hosts(settings)
    listed = settings.manager.cors_origins

    def check() -> None:
        host = request.headers.get("Host")
        if host and ANY not in hosts and request.endpoint not in PROBES:
            _check_host(host, hosts)
        if named.named_of(request.environ):  # by the proxy, whose cookie a browser has sent
            own = own_origins(settings)
            if not may_have_cookies(request.method, request.headers, own):
                named.forget(request.environ)
        if request.method in SAFE:
            return
        origin = request.headers.get("Origin")
        if is_foreign(request.headers, own_origins(settings)) and not _is_listed(origin, listed):
            raise exceptions.Forbidden(
                "Pages of other origins may not do this; server.manager.cors_origins lists those "
                "that may"
            )
        if has_body(request.headers) and not request.headers.get("Content-Type", "").strip():
            raise UnsupportedMediaType("The header Content-Type is missing")

    app.before_request(check)


def known_hosts(settings: Settings) -> frozenset[str]:
    """The host of the public URL, and those of ``allowed_hosts``; loopback is always known."""
    public = urlsplit(settings.public_url).hostname or ""
    return frozenset({public.rstrip("."), *settings.manager.allowed_hosts})


def name_of(host: str) -> str:
    """The name or address in a header ``Host``, in lower case, without the port.

    Args:
        host: The header; one that is no host has no name of one.
    """
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower().rstrip(".")


def own_origins(settings: Settings) -> tuple[str, str]:
    """The origins of the public URL, and of the address that the current request was sent to."""
    return origin_of(settings.public_url), origin_of(request.host_url)


def origin_of(url: str) -> str:
    """The origin of a URL, as browsers write it: without the port that the scheme implies."""
    parts = urlsplit(url.lower())
    implied = {"http": ":80", "https": ":443"}.get(parts.scheme, "")
    return f"{parts.scheme}://{parts.netloc.removesuffix(implied)}"


def is_foreign(headers: Headers, own: Collection[str]) -> bool:
    """Return true if a page of another origin has caused a request.

    Browsers send ``Sec-Fetch-Site`` over TLS and to loopback, and ``Origin`` with everything that
    may change something. Other programs send neither.

    Args:
        headers: The headers of the request.
        own: Origins of this server.
    """
    site = headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in OWN_SITES
    origin = headers.get("Origin")
    return origin is not None and origin.lower() not in own


def may_have_cookies(method: str, headers: Headers, own: Collection[str]) -> bool:
    """Return true if a cookie that a browser has sent counts.

    It does for pages of this server, and for a person who follows a link to it from elsewhere: the
    page there cannot read the answer.

    Args:
        method: The method of the request.
        headers: Its headers.
        own: Origins of this server.
    """
    if not is_foreign(headers, own):
        return True
    is_visit = (headers.get("Sec-Fetch-Mode"), headers.get("Sec-Fetch-Dest")) == NAVIGATION
    return method in SAFE and is_visit and "Origin" not in headers


def has_body(headers: Headers) -> bool:
    """Return true if a request has a body (RFC 9112, section 6.3)."""
    return "Transfer-Encoding" in headers or headers.get("Content-Length", "0").strip("0 ") != ""


def _check_host(host: str, known: Collection[str]) -> None:
    name = name_of(host)
    if name not in known and not is_loopback(name):
        raise exceptions.MisdirectedRequest(
            "This server does not answer as this host; server.manager.allowed_hosts lists its names"
        )


def _is_listed(origin: str | None, listed: Collection[str]) -> bool:
    return ANY in listed or (origin is not None and origin in listed)
