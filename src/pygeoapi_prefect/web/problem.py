"""Every exception of the application is answered with a problem."""

import logging
from http import HTTPStatus

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from pygeoapi_prefect.errors import RequestTooLarge, StackError
from pygeoapi_prefect.results.problem import Parts, parts, problem

LOGGER = logging.getLogger(__name__)


def register(app: Flask) -> None:
    """Answer every exception of an application with a problem."""
    app.register_error_handler(StackError, _stack_error)
    app.register_error_handler(HTTPException, _http_exception)
    app.register_error_handler(Exception, _unexpected)


def _stack_error(error: StackError) -> Parts:
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        LOGGER.error("%s %s: %s", request.method, request.path, error)
    return problem(error)


def _http_exception(error: HTTPException) -> Response | Parts:
    if error.response is not None:
        return error.response  # type: ignore[return-value]
    if isinstance(error, RequestEntityTooLarge):
        limit = request.max_content_length
        return problem(RequestTooLarge(f"The request body is larger than {limit} bytes"))
    kept = {k: v for k, v in error.get_headers() if k in ("Allow", "Location", "Retry-After")}
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    return parts("about:blank", error.name, status, error.description or "", kept)


def _unexpected(error: Exception) -> Parts:
    LOGGER.exception("%s %s failed", request.method, request.path, exc_info=error)
    title = HTTPStatus.INTERNAL_SERVER_ERROR.phrase
    return parts("about:blank", title, 500, "The server's log has the reason")
