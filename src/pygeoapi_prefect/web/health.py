"""Liveness and readiness, for container and proxy probes."""

import logging
from collections.abc import Callable, Iterable
from functools import partial

from flask import Response

from pygeoapi_prefect import storage
from pygeoapi_prefect.engine import client, pools
from pygeoapi_prefect.errors import EngineUnavailable, StackError
from pygeoapi_prefect.web import render

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
        checks[slug] = lambda slug=slug: storage.open_store(slug).exists("ready")  # type: ignore[misc]

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
