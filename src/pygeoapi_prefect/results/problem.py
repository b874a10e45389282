"""Exceptions as ``application/problem+json`` (RFC 7807; OGC API - Processes, 7.5)."""

import json

from pygeoapi_prefect.errors import ConfigurationError, StackError
from pygeoapi_prefect.models.message import clean

MEDIA_TYPE = "application/problem+json"
Parts = tuple[str, int, dict[str, str]]
"""Body, status and headers of a reply."""


def problem(error: StackError) -> Parts:
    """The reply for an error of this library."""
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    # What an operator has to mend is in the log; a client only learns that it is not its fault.
    hidden = isinstance(error, ConfigurationError)
    detail = "The server's log has the reason" if hidden else str(error)
    return parts(error.type, error.title, int(error.status), detail, headers)


def parts(
    type_: str, title: str, status: int, detail: str, headers: dict[str, str] | None = None
) -> Parts:
    """The reply for a problem that is no exception of this library."""
    body = {"type": type_, "title": title, "status": status, "detail": clean(detail)}
    return json.dumps(body), status, {"Content-Type": MEDIA_TYPE, **(headers or {})}
