"""``GET /openapi``: the document as JSON, or a page to read it and try it out."""

import json
from collections.abc import Mapping
from functools import partial
from html import escape
from importlib.resources import files
from typing import Any

from flask import Flask, Response, request, send_from_directory

from pygeoapi_prefect.config import Settings
from pygeoapi_prefect.process.registry import Registry
from pygeoapi_prefect.web import negotiation, render
from pygeoapi_prefect.web.openapi.document import document
from pygeoapi_prefect.web.pages import Pages

MEDIA_TYPE = "application/vnd.oai.openapi+json;version=3.0"
ASSETS = "openapi/ui"
_PAGE = files(__package__).joinpath("page.html")


class OpenApiView:
    """The view function, over one document.

    Args:
        document: The OpenAPI document; it is written as the current application writes JSON.
        pages: What the page is sent with.
    """

    def __init__(self, document: Mapping[str, Any], pages: Pages) -> None:
        self._json = render.json_text(document)
        self._html = _page(str(document["info"]["title"]), pages.base)
        self._pages = pages

    def __call__(self) -> Response:
        """``GET /openapi``."""
        accept = request.headers.get("Accept")
        if negotiation.wanted(request.args.get("f"), accept) == "html":
            return self._pages.show(self._html)
        response = Response(self._json, content_type=MEDIA_TYPE)
        response.vary.add("Accept")
        return response


def install(
    app: Flask, api: Any, settings: Settings, registry: Registry, prefix: str, pages: Pages
) -> None:
    """Put our document and its page in the place of pygeoapi's.

    Args:
        app: pygeoapi's application.
        api: pygeoapi's ``API``, which has read its own document.
        settings: Public URL, limits and security schemes.
        registry: The processes.
        prefix: Path prefix of pygeoapi's routes.
        pages: What the page is sent with.
    """
    base = json.loads(api.openapi) if isinstance(api.openapi, str) else api.openapi
    api.openapi = document(base, settings, registry, prefix)
    with app.app_context():
        app.view_functions["pygeoapi.openapi"] = OpenApiView(api.openapi, pages)
    # The files of Swagger UI (Apache-2.0), from the package that carries them.
    folder = str(files("flask_swagger_ui").joinpath("dist"))
    send = partial(send_from_directory, folder, max_age=86400)
    app.add_url_rule(f"{prefix}/{ASSETS}/<path:path>", "openapi_assets", send)


def _page(title: str, base: str) -> str:
    values = {"title": title, "base": base}
    text = _PAGE.read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace(f"@{name}@", escape(value))
    return text
