"""Every exception of the application is answered with a problem."""

import json
import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import ClientDisconnected, HTTPException, RequestEntityTooLarge
from werkzeug.exceptions import UnsupportedMediaType as WrongMediaType

from pygeoapi_prefect.access.issuer import IssuerUnavailable
from pygeoapi_prefect.errors import (
    InvalidJobParameterError,
    JobError,
    RequestTooLarge,
    StackError,
    TooBusy,
    UnsupportedMediaType,
)
from pygeoapi_prefect.models.message import clean
from pygeoapi_prefect.results.problem import ASK_OPERATOR, Parts, parts, problem
from pygeoapi_prefect.web import negotiation, render
from pygeoapi_prefect.web.browsers import FORM

LOGGER = logging.getLogger(__name__)
Reply = Response | Parts


def register(app: Flask, as_page: Callable[[dict[str, Any], dict[str, str]], Response]) -> None:
    """Answer every exception of an application with a problem.

    Args:
        app: The application.
        as_page: Makes a page of a problem and its headers, for who prefers HTML.
    """

    def negotiated[E: Exception](handler: Callable[[E], Reply]) -> Callable[[E], Reply]:
        def handle(error: E) -> Reply:
            reply = handler(error)
            if isinstance(reply, Response):
                return reply
            body, status, headers = reply
            told = json.loads(body)
            if _for_a_reader():
                return as_page(told, headers)
            return render.json_text(told).decode(), status, headers

        return handle

    app.register_error_handler(StackError, negotiated(_stack_error))
    app.register_error_handler(HTTPException, negotiated(_http_exception))
    app.register_error_handler(ClientDisconnected, negotiated(_unreadable))
    app.register_error_handler(Exception, negotiated(_unexpected))


def _for_a_reader() -> bool:
    """Return true if a page is the right answer: not to a POST of a program, but to a form."""
    wanted = negotiation.or_json(request.args.get("f"), request.headers.get("Accept"))
    is_form = request.mimetype == FORM
    return (request.method in ("GET", "HEAD") or is_form) and wanted == "html"


def _unreadable(_error: Exception) -> Parts:
    return problem(InvalidJobParameterError("The body could not be read completely"))


def _stack_error(error: StackError) -> Parts:
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        # A client provokes those of a job, and of a bound, as often as it likes.
        is_provoked = isinstance(error, (JobError, TooBusy, IssuerUnavailable))
        level = logging.WARNING if is_provoked else logging.ERROR
        LOGGER.log(level, "%s %s: %s", request.method, clean(request.path), clean(error))
    return problem(error)


def _http_exception(error: HTTPException) -> Response | Parts:
    if error.response is not None:
        return error.response  # type: ignore[return-value]
    if isinstance(error, RequestEntityTooLarge):
        limit = request.max_content_length
        return problem(RequestTooLarge(f"The request body is larger than {limit} bytes"))
    if isinstance(error, WrongMediaType):
        return problem(UnsupportedMediaType(error.description))
    kept = {k: v for k, v in error.get_headers() if k in ("Allow", "Location", "Retry-After")}
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    return parts("about:blank", error.name, status, error.description or "", kept)


def _unexpected(error: Exception) -> Parts:
    LOGGER.exception("%s %s failed", request.method, clean(request.path), exc_info=error)
    title = HTTPStatus.INTERNAL_SERVER_ERROR.phrase
    return parts("about:blank", title, 500, f"An unexpected error occurred. {ASK_OPERATOR}")
