"""Points Prefect's client in the test process to the server of the embedded stack."""

from collections.abc import Iterator
from contextlib import contextmanager

from prefect.settings import PREFECT_API_URL, temporary_settings

from pygeoapi_prefect.engine import client
from pygeoapi_prefect.storage import blocks


@contextmanager
def use_prefect(api_url: str) -> Iterator[None]:
    """Use the API at this URL; clients and stores of another one are forgotten."""
    forget()
    with temporary_settings({PREFECT_API_URL: api_url}):
        yield
    forget()


def forget() -> None:
    """Close this process's client and forget its stores."""
    for prefect, _ in client._clients.values():
        prefect._client.close()
    client._clients.clear()
    blocks._stores.clear()
