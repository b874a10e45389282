"""Exceptions as ``application/problem+json`` (RFC 7807; OGC API - Processes, 7.5)."""

import json
from collections.abc import Sequence

from pygeoapi_prefect.errors import ConfigurationError, EngineUnavailable, StackError
from pygeoapi_prefect.models.documents import Fault, Problem
from pygeoapi_prefect.models.message import clean

MEDIA_TYPE = "application/problem+json"
Parts = tuple[str, int, dict[str, str]]
"""Body, status and headers of a reply."""
ASK_OPERATOR = "Report the time of the request to the operator; the details are in the server's log"
"""Advice to a client, who cannot read that log."""


def problem(error: StackError) -> Parts:
    """The reply for an error of this library."""
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    if error.quota is not None:  # draft-ietf-httpapi-ratelimit-headers-09
        headers["RateLimit-Policy"] = f'"{error.quota.name}";q={error.quota.size}'
        headers["RateLimit"] = f'"{error.quota.name}";r=0;t={error.retry_after or 1}'
    if error.challenge is not None:
        headers["WWW-Authenticate"] = error.challenge
    # The details are for operators, in the log; a client only learns that the server is at fault.
    hidden = isinstance(error, ConfigurationError)
    detail = f"Only an operator can correct this. {ASK_OPERATOR}" if hidden else str(error)
    if isinstance(error, EngineUnavailable):
        detail += "; try again later"
    errors = [
        Fault(input=one.input, pointer=one.pointer, detail=one.detail) for one in error.errors
    ]
    return parts(error.type, error.title, int(error.status), detail, headers, errors)


def parts(
    type_: str,
    title: str,
    status: int,
    detail: str,
    headers: dict[str, str] | None = None,
    errors: Sequence[Fault] = (),
) -> Parts:
    """The reply for a problem that is not an exception of this library."""
    body: Problem = {
        "type": type_,
        "title": title,
        "status": status,
        "detail": clean(detail),
    }
    if errors:
        body["errors"] = list(errors)
    return json.dumps(body), status, {"Content-Type": MEDIA_TYPE, **(headers or {})}
