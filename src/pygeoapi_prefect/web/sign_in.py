"""Routes to sign in and out, for browsers."""

from flask import Response, abort, request

from pygeoapi_prefect.web.browsers import SIGN_IN, SIGN_OUT, Browsers
from pygeoapi_prefect.web.core import Core
from pygeoapi_prefect.web.pages import Pages


def add(core: Core, pages: Pages, signed_in: Browsers | None) -> None:
    """Add the routes to an application.

    Args:
        core: pygeoapi's application.
        pages: Where the templates are.
        signed_in: Sessions of browsers; None if they cannot sign in: then the routes answer 404.
    """

    def begin() -> Response:
        if signed_in is None:
            abort(404)
        if request.method == "POST":
            return signed_in.begin()
        return pages.show(pages.page("sign-in", {}))

    def end() -> Response:
        return abort(404) if signed_in is None else signed_in.end()

    prefix = core.prefix
    core.app.add_url_rule(f"{prefix}/{SIGN_IN}", SIGN_IN, begin, methods=["GET", "POST"])
    core.app.add_url_rule(f"{prefix}/{SIGN_OUT}", SIGN_OUT, end, methods=["POST"])
