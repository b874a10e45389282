"""Distinguishes an outage of Prefect from an answer of Prefect; all callers use this rule."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from prefect.exceptions import ObjectNotFound

from pygeoapi_prefect.errors import EngineUnavailable

UNREACHABLE = (httpx.TransportError, ConnectionError, TimeoutError)
# Rejected credentials count as an outage: an operator can correct them, and no job is at fault.
REFUSED = frozenset({401, 403, 408, 429})
OUTAGES = REFUSED | frozenset(range(500, 600))
"""Statuses of an outage. The Prefect client in a job's process repeats requests with these."""
WRONG_CREDENTIALS = ": it rejects our credentials (PREFECT_API_AUTH_STRING)"
UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
"""Errors before the first byte of a request was sent."""


def is_outage(error: BaseException | None) -> bool:
    """Return true if an error or its cause is an outage, so that another attempt may succeed.

    In an outage, Prefect is unreachable or too slow, rejects our credentials, asks for fewer
    requests, or answers with a 5xx.
    """
    while error is not None:
        if isinstance(error, (EngineUnavailable, *UNREACHABLE)):
            return True
        if isinstance(error, httpx.HTTPStatusError):
            return error.response.status_code in OUTAGES
        error = error.__cause__
    return False


def had_no_effect(outage: EngineUnavailable) -> bool:
    """Return true if the request of an outage was not sent, or was rejected.

    Any other request without an answer may still change something: Prefect goes on with one whose
    client has left, and its database may commit what it has not confirmed.
    """
    cause = outage.__cause__
    if isinstance(cause, httpx.HTTPStatusError):
        return cause.response.status_code in REFUSED
    return isinstance(cause, UNSENT)


@contextmanager
def translate_errors() -> Iterator[None]:
    """Raise ``EngineUnavailable`` for an outage and ``ObjectNotFound`` for a 404.

    Any other error status of Prefect's API is a fault of this library, and is raised unchanged.

    Raises:
        EngineUnavailable: There is an outage of Prefect (``is_outage``).
        ObjectNotFound: Prefect answers 404.
    """
    try:
        yield
    except UNREACHABLE as error:
        raise EngineUnavailable("Prefect's API cannot be reached") from error
    except httpx.HTTPStatusError as error:
        status = error.response.status_code
        if status == httpx.codes.NOT_FOUND:
            raise ObjectNotFound(error) from error
        if is_outage(error):
            why = WRONG_CREDENTIALS if status == httpx.codes.UNAUTHORIZED else ""
            raise EngineUnavailable(f"Prefect's API answered {status}{why}") from error
        raise
