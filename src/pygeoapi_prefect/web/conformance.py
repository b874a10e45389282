"""The conformance classes that ``/conformance`` lists, and the link to it."""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Response

from pygeoapi_prefect.results import links
from pygeoapi_prefect.web import render

PREFIX = "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/"
CLASSES = tuple(
    PREFIX + name
    for name in (
        "core", "ogc-process-description", "json", "html", "oas30", "job-list", "callback",
        "dismiss",
    )
)  # fmt: skip
"""All classes of OGC API - Processes - Part 1 (18-062r2, clause 2)."""


def linked(view: Callable[..., Any], root: str) -> Callable[..., Any]:
    """A view of pygeoapi's landing page with the link that /req/core/landingpage-success requires.

    pygeoapi itself has only the relation ``conformance`` of OGC API - Common.
    """
    link = links.link(f"{root}/conformance", links.OGC_REL + "conformance", "Conformance classes")

    @wraps(view)
    def landing_page(*args: Any, **kwargs: Any) -> Any:
        reply = view(*args, **kwargs)
        # pygeoapi puts a plain dict in the place of Werkzeug's headers: names as they are written.
        kind = reply.headers.get("Content-Type", "") if isinstance(reply, Response) else ""
        if kind.startswith("application/json") and "Content-Encoding" not in reply.headers:
            document = json.loads(reply.get_data())
            if isinstance(document.get("links"), list):
                document["links"].append(link)
                reply.set_data(render.json_text(document))
        return reply

    return landing_page
