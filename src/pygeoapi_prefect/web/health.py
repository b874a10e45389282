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
from pygeoapi_prefect.errors import EngineUnavailable, StackError, StorageUnavailable
from pygeoapi_prefect.web import render

WRITE_SECONDS = 30.0  # between one try to write and the next
WRITE_AGAIN_SECONDS = 5.0  # the same after one that failed
ANSWER_SECONDS = 10.0  # after which a look at the store that has not ended counts as failed
NO_ANSWER_YET = "the result store has not answered yet ({})"
LOGGER = logging.getLogger(__name__)
NOT_LOADED = "cannot be loaded; the reason is in the server's log"
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

    Jobs are accepted and wait while no worker claims them, and a process that cannot be loaded does
    not stop the others. Both are reported as ``degraded``, not as a 503.

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
    """Checks that a result store can be read and, at intervals, written.

    One thread at a time checks; the others get its last result, so that a store that does not
    respond blocks only one thread.

    Args:
        slug: Slug of the block.
        clock: Gives the time, in seconds.
    """

    def __init__(self, slug: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._slug = slug
        self._clock = clock
        self._lock = threading.Lock()
        self._began = math.inf  # no look is under way
        self._due = -math.inf
        self._write_error: StackError | None = None
        self._error: StackError | None = StorageUnavailable(NO_ANSWER_YET.format(slug))

    def check(self) -> None:
        """Raise the error that prevents the use of the store.

        Raises:
            StackError: It could not be opened, read or written the last time, or a look at it has
                been under way for more than ``ANSWER_SECONDS``.
        """
        if self._lock.acquire(blocking=False):
            try:
                self._began = self._clock()
                self._error = self._look()
            finally:
                self._began = math.inf
                self._lock.release()
        elif self._clock() - self._began > ANSWER_SECONDS:
            raise StorageUnavailable(f"the result store does not answer ({self._slug})")
        if self._error is not None:
            raise self._error.with_traceback(None)

    def _look(self) -> StackError | None:
        try:
            store = storage.open_store(self._slug)
            store.exists("ready")
        except StackError as error:
            return error
        if self._clock() >= self._due:
            self._write_error = _written(store)
            pause = WRITE_SECONDS if self._write_error is None else WRITE_AGAIN_SECONDS
            self._due = self._clock() + pause
        return self._write_error


def _written(store: storage.Store) -> StackError | None:
    try:
        store.check_writable()
    except StackError as error:
        return error
    return None


def _taken(pool: str, queue: str) -> None:
    """Raise the reason why no worker claims the jobs of a queue."""
    reason = pools.queue_state(pool, queue)
    if reason is not None:
        raise EngineUnavailable(reason)


def _state(check: Callable[[], object]) -> str:
    try:
        check()
    except StackError as error:
        return str(error)
    except Exception:  # any error means not ready, and the probe must name the part
        LOGGER.exception("a dependency cannot be checked")
        return "cannot be used; the reason is in the server's log"
    return "ok"
