"""Rules of HTTP that a request must keep before it is interpreted (RFC 9110, RFC 9112).

gunicorn leaves these to the application.
"""

import re
from collections.abc import Callable, Iterable
from ipaddress import IPv6Address
from typing import Any

from flask import Flask, request
from werkzeug import exceptions

BODILESS = ("GET", "HEAD", "OPTIONS")
LENGTH, PROTOCOL = "CONTENT_LENGTH", "SERVER_PROTOCOL"  # of PEP 3333
CHUNKED = ("", "chunked")
IDENTITY = ("", "identity")
CONTINUE = "100-continue"
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[\w.~!$&'()*+,;=%-]+)(:\d*)?", re.ASCII)

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


def prepare(app: Flask) -> None:
    """Refuse requests that break the protocol, on every route of an application."""
    app.before_request(_check)
    app.wsgi_app = measured(app.wsgi_app)  # type: ignore[method-assign,assignment]


def measured(app: Wsgi) -> Wsgi:
    """An application that notices a body that ends before its ``Content-Length``.

    gunicorn says that it ends the input by itself, and then Werkzeug takes an early end for the
    regular one (RFC 9112, section 8: such a request is incomplete).
    """

    def call(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ.get(LENGTH):
            environ.pop("wsgi.input_terminated", None)
        return app(environ, start_response)

    return call


def is_host(host: str) -> bool:
    """Return true for a valid header ``Host`` (RFC 9110, section 7.2)."""
    if not _HOST.fullmatch(host):
        return False
    try:
        return not host.startswith("[") or bool(IPv6Address(host[1:].partition("]")[0]))
    except ValueError:
        return False


def _check() -> None:
    host = request.headers.get("Host")
    if host is None and request.environ[PROTOCOL] == "HTTP/1.1":
        raise exceptions.BadRequest("The header Host is missing")
    if host is not None and not is_host(host):
        raise exceptions.BadRequest("The header Host is invalid")
    if request.headers.get("Expect", CONTINUE).strip().lower() != CONTINUE:
        raise exceptions.ExpectationFailed(
            "The header Expect is invalid; only 100-continue is supported"
        )
    if request.headers.get("Transfer-Encoding", "").strip().lower() not in CHUNKED:
        raise exceptions.NotImplemented(
            "The header Transfer-Encoding is invalid; only chunked is supported"
        )
    coding = request.headers.get("Content-Encoding", "").strip().lower()
    if coding not in IDENTITY and request.method not in BODILESS:
        raise exceptions.UnsupportedMediaType(
            "The body must be sent without the header Content-Encoding"
        )
