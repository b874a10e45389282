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

from pygeoapi_prefect.config import Settings
from pygeoapi_prefect.results import problem
from pygeoapi_prefect.web import render
from pygeoapi_prefect.web.origins import origin_of

FRAME_POLICY = "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
"""Policy of pages of an operator's own templates, which may load anything."""
LIBRARIES = "https://unpkg.com https://cdn.jsdelivr.net https://cdnjs.cloudflare.com"
"""Hosts of the scripts and styles of pygeoapi's own pages; they also have some within."""
HSTS = "max-age=31536000"
ACTIVE = ("text/html", "application/xhtml+xml", "image/svg+xml")
"""Media types that a browser may run scripts of."""


def prepare(app: Flask, settings: Settings, has_templates: bool) -> None:
    """Complete every answer of an application.

    Args:
        app: The application.
        settings: What this library reads of the configuration.
        has_templates: True if the operator has templates of their own.
    """
    policy = FRAME_POLICY if has_templates else page_policy(settings.public_url)
    is_secure = settings.public_url.startswith("https:")

    def complete(response: Response) -> Response:
        completed = _complete(response, policy)
        if is_secure:
            completed.headers.setdefault("Strict-Transport-Security", HSTS)
        return completed

    app.after_request(complete)


def page_policy(public_url: str) -> str:
    """The policy of pygeoapi's own pages: what they load, and nothing else.

    Their pictures are map tiles and thumbnails of any server; they read data of the public URL,
    which may be another origin than that of the page.
    """
    code = f"'self' 'unsafe-inline' {LIBRARIES}"
    return (
        f"default-src 'none'; script-src {code}; style-src {code} https://fonts.googleapis.com; "
        "font-src 'self' data: https://fonts.gstatic.com; img-src * data: blob:; "
        f"connect-src 'self' {origin_of(public_url)}; worker-src 'self' blob:; {FRAME_POLICY}"
    )


def _complete(response: Response, policy: str) -> Response:
    if not isinstance(response.headers, Headers):  # pygeoapi puts a plain dict in their place
        response.headers = Headers(response.headers)
    if response.status_code >= HTTPStatus.BAD_REQUEST and response.mimetype == "application/json":
        _as_problem(response)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    if response.mimetype in ACTIVE:
        response.headers.setdefault("Content-Security-Policy", policy)
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
