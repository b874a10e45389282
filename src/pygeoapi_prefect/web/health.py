"""Liveness and readiness, for container and proxy probes."""

import json
import logging
from collections.abc import Callable, Iterable

from flask import Response

from pygeoapi_prefect import storage
from pygeoapi_prefect.engine import client
from pygeoapi_prefect.errors import StackError

LOGGER = logging.getLogger(__name__)
NO_STORE = {"Cache-Control": "no-store"}


def healthz() -> Response:
    """``GET /healthz``: this process answers; says nothing of others."""
    return Response('{"status": "ok"}', 200, NO_STORE, content_type="application/json")


def readiness(blocks: Iterable[str]) -> Callable[[], Response]:
    """The view for ``GET /readyz``: 503 with the name of each dependency that is down.

    Args:
        blocks: Slugs of the blocks that results are written to.
    """
    checks: dict[str, Callable[[], object]] = {"prefect": client.check}
    for slug in blocks:
        checks[slug] = lambda slug=slug: storage.open_store(slug).exists("ready")  # type: ignore[misc]

    def readyz() -> Response:
        state = {name: _state(check) for name, check in checks.items()}
        ready = all(value == "ok" for value in state.values())
        body = json.dumps({"status": "ok" if ready else "unavailable", "dependencies": state})
        return Response(body, 200 if ready else 503, NO_STORE, content_type="application/json")

    return readyz


def _state(check: Callable[[], object]) -> str:
    try:
        check()
    except StackError as error:
        return str(error)
    except Exception:  # whatever it is: it is not ready, and a probe must be told which part
        LOGGER.exception("a dependency cannot be checked")
        return "cannot be used; the server's log has the reason"
    return "ok"
