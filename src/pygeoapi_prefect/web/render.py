"""A document becomes a response: as JSON, or by way of a page as HTML."""

from collections.abc import Iterator, Mapping
from typing import Any

from flask import Response, current_app, request
from pydantic_core import to_json

from pygeoapi_prefect.models.link_header import link_header
from pygeoapi_prefect.results.delivery import Reply
from pygeoapi_prefect.web import negotiation

PRETTY_PRINT = "PRETTY_PRINT"
"""Key of the application's configuration: true if JSON documents are indented."""
INDENT = 4
# What a job has made is never a page of this origin: a browser may show it, but runs nothing in it.
OUTPUT_HEADERS = {
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
}


def shown() -> negotiation.Format:
    """The format that the current request prefers.

    Raises:
        InvalidJobParameterError: There is no such format.
    """
    return negotiation.wanted(request.args.get("f"), request.headers.get("Accept"))


def json_text(document: object) -> bytes:
    """A document as JSON text, indented as pygeoapi does it where ``server.pretty_print`` is set.

    Not by ``json``: its indenting encoder takes three times as long as its compact one, this one
    half as long.
    """
    pretty = bool(current_app) and current_app.config.get(PRETTY_PRINT, False)
    return to_json(document, indent=INDENT if pretty else None, fallback=str)


def as_json(document: Mapping[str, Any], status: int = 200) -> Response:
    """A document as JSON, with its links also as ``Link`` headers (recommendation of RFC 8288)."""
    response = Response(json_text(document), status, content_type="application/json")
    for link in document.get("links", ()):
        href, rel = link.get("href", ""), link.get("rel", "")
        if _fits_a_header(href) and _fits_a_header(rel) and _fits_a_header(link.get("type", "")):
            response.headers.add("Link", link_header(href, rel=rel, type=link.get("type") or None))
    response.vary.add("Accept")
    return response


def as_html(page: str, policy: str, status: int = 200) -> Response:
    """A page, with the policy that its scripts and pictures need."""
    # A client's text may contain lone surrogates, which cannot be encoded.
    content = page.encode("utf-8", "replace")
    response = Response(content, status, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = policy
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    response.vary.add("Accept")
    return response


def reply(result: Reply) -> Response:
    """Results of a job, as ``results.delivery`` has made them."""
    body: bytes | Iterator[bytes] = result.body
    response = Response(body, result.status)
    del response.headers["Content-Type"]
    for name, value in result.headers:
        response.headers.add(name, value)
    for name, value in OUTPUT_HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _fits_a_header(text: object) -> bool:
    """Return true if a link that a process has declared is valid in a header, unchanged."""
    return (
        isinstance(text, str) and text.isascii() and text.isprintable() and not set('<>"') & {*text}
    )
