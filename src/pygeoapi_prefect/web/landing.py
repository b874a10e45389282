"""The landing page and the conformance classes, pygeoapi's own documents, as pages of ours.

pygeoapi's pages of them get their style sheet from elsewhere: without internet they have none.
"""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Flask, request

from pygeoapi_prefect.web import documents, negotiation
from pygeoapi_prefect.web.negotiation import MEDIA_TYPES
from pygeoapi_prefect.web.pages import Pages

TEMPLATES = {"landing": "landing_page.html", "conformance": "conformance.html"}
"""Our templates by pygeoapi's template names; an operator's own template takes precedence."""


def shown_by(
    app: Flask, view: Callable[..., Any], pages: Pages, template: str, url: str
) -> Callable[..., Any]:
    """A view of pygeoapi that shows its document by our template.

    Args:
        app: The application.
        view: The view; it answers JSON to ``f=json``.
        pages: Where the templates are.
        template: One of ``TEMPLATES``.
        url: Address of the document.
    """
    if pages.has_own(TEMPLATES[template]):
        return view

    @wraps(view)
    def show(*args: Any, **kwargs: Any) -> Any:
        wanted = negotiation.or_json(request.args.get("f"), request.headers.get("Accept"))
        if wanted != "html":  # pygeoapi has more formats than these two
            return view(*args, **kwargs)
        with app.test_request_context(request.path, query_string={"f": "json"}):
            document = json.loads(view(*args, **kwargs).get_data())
        this = documents.this_document(url, "html")
        others = [link for link in document.get("links", ()) if not _is_this(link)]
        return pages.respond({**document, "links": [*this, *others]}, "html", template)

    return show


def _is_this(link: dict[str, Any]) -> bool:
    """Return true if a link leads to the document itself in a format that our page has."""
    rel = link.get("rel")
    return rel == "self" or (rel == "alternate" and link.get("type") in MEDIA_TYPES.values())
