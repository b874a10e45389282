"""The Prefect client: one for each OS process, shared by its threads."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL

from pygeoapi_prefect.engine import routes
from pygeoapi_prefect.engine.errors import translate_errors
from pygeoapi_prefect.engine.internals.settings import SettingsContext, without_retries
from pygeoapi_prefect.errors import EngineUnavailable

TIMEOUT = httpx.Timeout(10, connect=2)
READY_TIMEOUT = httpx.Timeout(3, connect=2)
# uvicorn closes an idle connection after 5 s. Ours expire earlier: no request uses a closed one.
LIMITS = httpx.Limits(max_connections=32, max_keepalive_connections=16, keepalive_expiry=4)

_lock = threading.Lock()
_clients: dict[int, tuple[SyncPrefectClient, SettingsContext]] = {}


@contextmanager
def api() -> Iterator[SyncPrefectClient]:
    """Provide this process's Prefect client; safe in threads and after a fork.

    Prefect's own retries are turned off here: they would back off for minutes. A client that gets a
    503 at once can decide for itself whether to try again.

    Raises:
        EngineUnavailable: Prefect is unreachable, too slow or answers with a server error.
        prefect.exceptions.ObjectNotFound: Prefect answers 404.
    """
    client, settings = _client()
    with translate_errors(), settings.model_copy():
        yield client


def adopt(client: SyncPrefectClient) -> None:
    """Use an existing client, that of a job's run, as the client of this process."""
    with _lock:
        _keep(client)


def api_url() -> str | None:
    """Address of Prefect's API as configured; None means Prefect's ephemeral server."""
    url: str | None = PREFECT_API_URL.value()
    return url


def send(call: routes.Call, timeout: httpx.Timeout = TIMEOUT) -> Any:
    """Send a request to Prefect's API.

    Returns:
        The answer as plain JSON; None if it has no body. Building Prefect's own models would take
        about a millisecond for each run.

    Raises:
        EngineUnavailable: Prefect is unreachable, too slow or answers with a server error, or
            something else answers at its address.
        prefect.exceptions.ObjectNotFound: Prefect answers 404.
        httpx.HTTPStatusError: Prefect rejects the request.
    """
    with answered_by_prefect(call), api() as client:
        # Prefect types the path as one of its templates; ours is a template with values filled in.
        path = cast(Any, call.path)
        response = client.request(
            call.method, path, json=call.body, params=dict(call.query) or None, timeout=timeout
        )
        return response.json() if response.content else None


def check() -> None:
    """Check that Prefect's API and its database are ready, and that it accepts our credentials.

    Raises:
        EngineUnavailable: They are not ready, the API rejects the credentials, or something else
            answers at Prefect's address.
    """
    send(routes.ready(), READY_TIMEOUT)
    send(routes.version(), READY_TIMEOUT)


@contextmanager
def answered_by_prefect(call: routes.Call) -> Iterator[None]:
    """Translate the 404 of a route that every Prefect server has: Prefect did not send it.

    Raises:
        EngineUnavailable: The answer was 404.
    """
    try:
        yield
    except ObjectNotFound as error:
        if not call.always_there:
            raise
        raise EngineUnavailable(
            "Prefect's API is not at its configured address (PREFECT_API_URL)"
        ) from error


def _client() -> tuple[SyncPrefectClient, SettingsContext]:
    pid = os.getpid()
    with _lock:
        if pid not in _clients:
            with translate_errors():
                client = get_client(
                    sync_client=True, httpx_settings={"timeout": TIMEOUT, "limits": LIMITS}
                )
            _keep(client)
        return _clients[pid]


def _keep(client: SyncPrefectClient) -> None:
    _clients.clear()  # a fork must not use the client of its parent
    _clients[os.getpid()] = client, without_retries()
