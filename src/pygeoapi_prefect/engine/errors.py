"""Tells an outage of Prefect from an answer of Prefect."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from prefect.exceptions import ObjectNotFound

from pygeoapi_prefect.errors import EngineUnavailable

UNREACHABLE = (httpx.TransportError, ConnectionError, TimeoutError)


@contextmanager
def translate_errors() -> Iterator[None]:
    """Raise ``EngineUnavailable`` for what can heal and ``ObjectNotFound`` for a 404.

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
        if status >= 500 or status in (401, 403, 408, 429):
            raise EngineUnavailable(f"Prefect's API answered {status}") from error
        raise
