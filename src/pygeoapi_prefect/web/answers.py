"""Headers of every answer, from the views here, from pygeoapi's own and from Flask.

pygeoapi answers errors of its own routes as ``exception.yaml`` of OGC API - Features, and sends its
pages without any policy for browsers.
"""

import gzip
import json
from http import HTTPStatus
from typing import Any

from flask import Flask, Response
from werkzeug.datastructures import Headers

from pygeoapi_prefect.results import problem
from pygeoapi_prefect.web import render

# pygeoapi's pages load scripts and styles from elsewhere, and have scripts within: those stay.
PAGE_POLICY = "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
ACTIVE = ("text/html", "application/xhtml+xml", "image/svg+xml")
"""Media types that a browser may run scripts of."""


def prepare(app: Flask) -> None:
    """Complete every answer of an application."""
    app.after_request(_complete)


def _complete(response: Response) -> Response:
    if not isinstance(response.headers, Headers):  # pygeoapi puts a plain dict in their place
        response.headers = Headers(response.headers)
    if response.status_code >= HTTPStatus.BAD_REQUEST and response.mimetype == "application/json":
        _as_problem(response)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    if response.mimetype in ACTIVE:
        response.headers.setdefault("Content-Security-Policy", PAGE_POLICY)
        response.headers.setdefault("Referrer-Policy", "same-origin")
    return response


def _as_problem(response: Response) -> None:
    """Make a problem of an exception of pygeoapi; its members stay, for clients of Features."""
    told = _exception(response)
    if told is None:
        return
    status = response.status_code
    document = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": str(told.get("description") or ""),
        "code": told["code"],
        "description": told.get("description"),
    }
    response.headers.pop("Content-Encoding", None)
    response.headers["Content-Type"] = problem.MEDIA_TYPE
    response.set_data(render.json_text(document))


def _exception(response: Response) -> dict[str, Any] | None:
    """The exception that pygeoapi answers with; None if this is another document."""
    if response.is_streamed:
        return None
    content = response.get_data()
    if response.headers.get("Content-Encoding") == "gzip":
        content = gzip.decompress(content)
    try:
        told = json.loads(content)
    except ValueError:
        return None
    return told if isinstance(told, dict) and "code" in told else None
