"""``GET /openapi``: the document as JSON, or a page to read it and try it out."""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from html import escape
from importlib.resources import files
from typing import Any

from flask import Response, request, send_from_directory

from pygeoapi_prefect.access.principal import Principal
from pygeoapi_prefect.web import negotiation, render
from pygeoapi_prefect.web.core import Core, Endpoint
from pygeoapi_prefect.web.identity import principal
from pygeoapi_prefect.web.openapi.document import document
from pygeoapi_prefect.web.pages import Pages

MEDIA_TYPE = "application/vnd.oai.openapi+json;version=3.0"
ASSETS = "openapi/ui"
WHO = "<!-- who -->"
"""Place in the page for who is signed in."""
_PAGE = files(__package__).joinpath("page.html")


class OpenApiView:
    """The view function, over one document for each set of processes that somebody may use.

    Args:
        made: Makes the document for a principal.
        title: Title of the page.
        pages: What the page is sent with.
    """

    def __init__(
        self, made: Callable[[Principal], Mapping[str, Any]], title: str, pages: Pages
    ) -> None:
        self._made = made
        self._texts: dict[Collection[str] | None, bytes] = {}
        self._html = _page(title, pages.base)
        self._pages = pages

    def __call__(self) -> Response:
        """``GET /openapi``."""
        accept = request.headers.get("Accept")
        if negotiation.wanted(request.args.get("f"), accept) == "html":
            return self._pages.show(self._html.replace(WHO, self._pages.who()))
        response = Response(self._text(principal()), content_type=MEDIA_TYPE)
        response.vary.add("Accept")
        return response

    def _text(self, reader: Principal) -> bytes:
        """The document as the current application writes JSON; there are as many as roles."""
        text = self._texts.get(reader.processes)
        if text is None:
            text = self._texts[reader.processes] = render.json_text(self._made(reader))
        return text


def install(core: Core, pages: Pages) -> None:
    """Put our document and its page in the place of pygeoapi's.

    Args:
        core: pygeoapi's application, which has read its own document.
        pages: What the page is sent with.
    """
    manager = core.manager
    base = core.openapi
    made = partial(document, base, manager.settings, manager.registry, core.prefix)
    whole = made()
    core.replace_openapi(whole)
    core.replace(Endpoint.OPENAPI, OpenApiView(made, str(whole["info"]["title"]), pages))
    # The files of Swagger UI (Apache-2.0), from the package that carries them.
    folder = str(files("flask_swagger_ui").joinpath("dist"))
    send = partial(send_from_directory, folder, max_age=86400)
    core.app.add_url_rule(f"{core.prefix}/{ASSETS}/<path:path>", "openapi_assets", send)


def _page(title: str, base: str) -> str:
    values = {"title": title, "base": base}
    text = _PAGE.read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace(f"@{name}@", escape(value))
    return text
