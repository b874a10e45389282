"""Work pools and their queues."""

import httpx
from prefect.exceptions import ObjectNotFound

from pygeoapi_prefect.engine import routes
from pygeoapi_prefect.engine.client import check, send
from pygeoapi_prefect.engine.routes import Call, Json

POOL_TYPE = "process"
DRAIN_MARK = "(drained: its jobs wait for scripts/resume or docker compose up)"
"""Ends the description of a pool that ``pause`` has paused, for people and for ``resume``."""


def ensure_queue(pool: str, queue: str, priority: int | None = None) -> bool:
    """Create a work pool (of type ``process``) and a queue in it; False if nothing had to change.

    Args:
        pool: Name of the pool.
        queue: Name of the queue.
        priority: Priority of the queue; None leaves it to Prefect or to an operator.

    Raises:
        EngineUnavailable: Prefect cannot be reached.
    """
    try:
        send(routes.read_pool(pool))
        existing = send(routes.read_queue(pool, queue))
    except ObjectNotFound:
        check()  # the 404 may not be Prefect's
    else:
        if priority in (None, existing["priority"]):
            return False
        assert priority is not None
        send(routes.update_queue(pool, queue, priority))
        return True
    _create(routes.create_pool(pool, POOL_TYPE, _template()))
    _create(routes.create_queue(pool, queue, priority))
    return True


def queue_state(pool: str, queue: str) -> str | None:
    """Explain why jobs of a work queue wait; None if a worker claims them.

    A worker polls the queue every few seconds; after a minute without a poll, Prefect reports it.
    """
    try:
        found = send(routes.read_queue(pool, queue))
        paused = found["is_paused"] or send(routes.read_pool(pool))["is_paused"]
    except ObjectNotFound:
        check()
        return f"the work queue {pool}/{queue} does not exist; jobs cannot start"
    if paused:
        return f"the work queue {pool}/{queue} is paused; jobs wait"
    if found["status"] != "READY":
        return f"no worker polls the work queue {pool}/{queue}; jobs wait"
    return None


def pause(pool: str) -> None:
    """Pause a work pool, so that no worker claims its runs; they are accepted and wait.

    A pool that an operator has paused stays as it is: ``resume`` does not resume it.

    Raises:
        EngineUnavailable: Prefect cannot be reached.
    """
    found = _found(pool)
    if found and not found["is_paused"]:
        description = f"{found['description'] or ''} {DRAIN_MARK}".lstrip()
        send(routes.update_pool(pool, {"is_paused": True, "description": description}))


def resume(pool: str) -> bool:
    """Resume a work pool that ``pause`` has paused; False if it has not.

    Raises:
        EngineUnavailable: Prefect cannot be reached.
    """
    description = str((_found(pool) or {}).get("description") or "")
    if not description.endswith(DRAIN_MARK):
        return False
    before = description.removesuffix(DRAIN_MARK).rstrip() or None
    send(routes.update_pool(pool, {"is_paused": False, "description": before}))
    return True


def claimed_runs(pool: str) -> list[Json]:
    """Read the runs of a pool that a worker has claimed and that have not ended.

    Raises:
        EngineUnavailable: Prefect cannot be reached.
    """
    found: list[Json] = []
    while True:
        page = send(routes.filter_claimed_runs(pool, offset=len(found)))
        found += page
        if len(page) < routes.PAGE:
            return found


def _found(pool: str) -> Json | None:
    """The pool, or None if it does not exist, as in a new stack."""
    try:
        found: Json = send(routes.read_pool(pool))
    except ObjectNotFound:
        check()  # the 404 may not be Prefect's
        return None
    return found


def _create(call: Call) -> None:
    """Create an object unless another process has created it in the meantime."""
    try:
        send(call)
    except httpx.HTTPStatusError as error:
        if error.response.status_code != httpx.codes.CONFLICT:
            raise


def _template() -> Json:
    """The template of Prefect's process worker, without the schemas of its variables.

    Prefect validates the variables of every new run against these schemas, which takes a third of
    the time that it needs to create the run. Names alone take less time, and the workers validate
    the values.
    """
    # Imported here because it takes half a second and is needed only once.
    from pygeoapi_prefect.engine.internals.workers import base_job_template

    template = base_job_template()
    variables = template["variables"]["properties"]
    template["variables"] = {
        "type": "object",
        "properties": {name: {"title": known["title"]} for name, known in variables.items()},
    }
    return template
