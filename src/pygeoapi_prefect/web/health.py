"""Liveness and readiness, for container and proxy probes."""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial

from flask import Response

from pygeoapi_prefect import storage
from pygeoapi_prefect.engine import client, pools
from pygeoapi_prefect.errors import EngineUnavailable, StackError
from pygeoapi_prefect.web import render

WRITE_SECONDS = 30.0  # between one try to write and the next
WRITE_AGAIN_SECONDS = 5.0  # the same after one that failed
LOGGER = logging.getLogger(__name__)
NOT_LOADED = "cannot be loaded; the server's log has the reason"
NO_STORE = {"Cache-Control": "no-store"}


def healthz() -> Response:
    """``GET /healthz``: this process answers; says nothing of others."""
    return Response(
        render.json_text({"status": "ok"}), 200, NO_STORE, content_type="application/json"
    )


def readiness(
    blocks: Iterable[str],
    queues: Iterable[tuple[str, str]] = (),
    unavailable: Iterable[str] = (),
) -> Callable[[], Response]:
    """The view for ``GET /readyz``: 503 with the name of each dependency that is down.

    Jobs are accepted and wait while no worker takes them, and a process that cannot be loaded keeps
    no other from being served: that is told as ``degraded``, and is no 503.

    Args:
        blocks: Slugs of the blocks that results are written to.
        queues: Work pool and work queue of the deployed processes.
        unavailable: Identifiers of configured processes that cannot be loaded.
    """
    waited_for = sorted(set(queues))
    broken = {f"process {process_id}": NOT_LOADED for process_id in unavailable}
    checks: dict[str, Callable[[], object]] = {"prefect": client.check}
    for slug in blocks:
        checks[slug] = Writable(slug).check

    def readyz() -> Response:
        state = {name: _state(check) for name, check in checks.items()}
        ready = all(value == "ok" for value in state.values())
        state |= broken
        told = ("degraded" if broken else "ok") if ready else "unavailable"
        for pool, queue in waited_for if ready else ():
            waiting = _state(partial(_taken, pool, queue))
            state[f"{pool}/{queue}"] = waiting
            told = told if waiting == "ok" else "degraded"
        body = render.json_text({"status": told, "dependencies": state})
        return Response(body, 200 if ready else 503, NO_STORE, content_type="application/json")

    return readyz


class Writable:
    """Tells whether a result store can be read and, tried now and then, written.

    Args:
        slug: Slug of the block.
        clock: Gives the time, in seconds.
    """

    def __init__(self, slug: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._slug = slug
        self._clock = clock
        self._lock = threading.Lock()
        self._due = -math.inf
        self._error: StackError | None = None

    def check(self) -> None:
        """Raise what keeps the store from being used.

        Raises:
            StackError: It cannot be opened or read now, or could not be written the last time.
        """
        store = storage.open_store(self._slug)
        store.exists("ready")
        with self._lock:
            if self._clock() >= self._due:
                self._try(store)
            if self._error is not None:
                raise self._error

    def _try(self, store: storage.Store) -> None:
        self._error = None
        try:
            store.check_writable()
        except StackError as error:
            self._error = error
        pause = WRITE_SECONDS if self._error is None else WRITE_AGAIN_SECONDS
        self._due = self._clock() + pause


def _taken(pool: str, queue: str) -> None:
    """Raise what keeps the jobs of a queue from being taken."""
    reason = pools.queue_state(pool, queue)
    if reason is not None:
        raise EngineUnavailable(reason)


def _state(check: Callable[[], object]) -> str:
    try:
        check()
    except StackError as error:
        return str(error)
    except Exception:  # whatever it is: it is not ready, and a probe must be told which part
        LOGGER.exception("a dependency cannot be checked")
        return "cannot be used; the server's log has the reason"
    return "ok"
