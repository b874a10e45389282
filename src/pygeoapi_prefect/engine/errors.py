"""Distinguishes an outage of Prefect from an answer of Prefect: the one rule for all callers."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from prefect.exceptions import ObjectNotFound

from pygeoapi_prefect.errors import EngineUnavailable

UNREACHABLE = (httpx.TransportError, ConnectionError, TimeoutError)
# Refused credentials are an outage, too: an operator can mend them, and no job is to blame.
REFUSED = frozenset({401, 403, 408, 429})


def is_outage(error: BaseException | None) -> bool:
    """Tell whether an error, or what caused it, may be gone when the same is tried again.

    That is: Prefect is unreachable, too slow, refuses our credentials or answers with a 5xx.
    """
    while error is not None:
        if isinstance(error, (EngineUnavailable, *UNREACHABLE)):
            return True
        if isinstance(error, httpx.HTTPStatusError):
            status = error.response.status_code
            return status >= 500 or status in REFUSED
        error = error.__cause__
    return False


@contextmanager
def translate_errors() -> Iterator[None]:
    """Raise ``EngineUnavailable`` for an outage and ``ObjectNotFound`` for a 404.

    Any other status of Prefect's API is a fault of this library and passes through.

    Raises:
        EngineUnavailable: Prefect is unreachable, too slow, refuses our credentials or answers 5xx.
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
            raise EngineUnavailable(f"Prefect's API answered {status}") from error
        raise
