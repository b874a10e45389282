"""Work pools and their queues."""

import httpx
from prefect.exceptions import ObjectNotFound

from pygeoapi_prefect.engine import routes
from pygeoapi_prefect.engine.client import check, send
from pygeoapi_prefect.engine.routes import Call, Json

POOL_TYPE = "process"


def ensure_queue(pool: str, queue: str, priority: int | None = None) -> bool:
    """Create a work pool (of type ``process``) and a queue in it; False if both were there.

    Args:
        pool: Name of the pool.
        queue: Name of the queue.
        priority: Priority that the queue is to have; None leaves it to Prefect, or to an operator.

    Raises:
        EngineUnavailable: Prefect cannot be reached.
    """
    try:
        send(routes.read_pool(pool))
        existing = send(routes.read_queue(pool, queue))
    except ObjectNotFound:
        check()  # is it Prefect that says so?
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
    """Say why jobs of a work queue are not being taken just now; None if a worker takes them.

    A worker asks for work every few seconds; Prefect says after a minute that none does.
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


def _create(call: Call) -> None:
    """Create what another process may have created meanwhile."""
    try:
        send(call)
    except httpx.HTTPStatusError as error:
        if error.response.status_code != httpx.codes.CONFLICT:
            raise


def _template() -> Json:
    """The template of Prefect's process worker, without the schemas of its variables.

    Prefect validates the variables of every new run against their schemas, a third of the time that
    it needs to create one. Names alone cost it less, and the workers check the rest.
    """
    # half a second, needed once
    from pygeoapi_prefect.engine.internals.workers import base_job_template

    template = base_job_template()
    variables = template["variables"]["properties"]
    template["variables"] = {
        "type": "object",
        "properties": {name: {"title": known["title"]} for name, known in variables.items()},
    }
    return template
