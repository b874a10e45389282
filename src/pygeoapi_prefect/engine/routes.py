"""Routes of Prefect's REST API that this library calls, as data.

Each function returns a ``Call``; ``engine.client`` and ``engine.async_client`` send it. Nothing
else in the library names a route. ``tests/contracts/test_routes.py`` validates every route, method
and body against the OpenAPI document of the Prefect version in use.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote

from pygeoapi_prefect.engine.states import AWAITING_RETRY, CLAIMED, StateType
from pygeoapi_prefect.models.message import clean

Method = Literal["GET", "POST", "PATCH", "DELETE"]
Json = dict[str, Any]
PAGE = 200
"""Largest number of rows that one request to Prefect may ask for."""


@dataclass(frozen=True)
class Call:
    """One request to Prefect's API.

    Attributes:
        method: HTTP method.
        route: Path template, as in Prefect's OpenAPI document but without the prefix ``/api``.
        values: Values of the template's parameters, not yet percent-encoded.
        body: JSON body; None sends none.
        query: Query parameters.
        always_there: True for a route that every Prefect server has: a 404 then comes from
            something else at its address.
    """

    method: Method
    route: str
    values: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    query: Mapping[str, str] = field(default_factory=dict)
    always_there: bool = False

    @property
    def path(self) -> str:
        """The route with its values filled in and percent-encoded."""
        return self.route.format(
            **{name: quote(value, safe="") for name, value in self.values.items()}
        )


# -- Flow runs -----------------------------------------------------------------------------------


def create_run(deployment_id: str, body: Json) -> Call:
    """Queue a run of a deployment."""
    return Call("POST", "/deployments/{id}/create_flow_run", {"id": deployment_id}, body)


def record_run(body: Json) -> Call:
    """Record a run without a deployment."""
    return Call("POST", "/flow_runs/", body=body, always_there=True)


def read_run(run_id: str) -> Call:
    """Read one run."""
    return Call("GET", "/flow_runs/{id}", {"id": run_id})


def filter_runs(flow_runs: Mapping[str, Any], *, limit: int, offset: int) -> Call:
    """Read the newest runs that match a ``FlowRunFilter``."""
    body = {
        "sort": "EXPECTED_START_TIME_DESC",
        "limit": limit,
        "offset": offset,
        "flow_runs": dict(flow_runs),
    }
    return Call("POST", "/flow_runs/filter", body=body, always_there=True)


def filter_claimed_runs(pool: str, *, offset: int) -> Call:
    """Read runs of a pool that some worker has claimed and that have not ended."""
    states = {
        "operator": "or_",
        "type": {"any_": list(CLAIMED)},
        "name": {"any_": [AWAITING_RETRY]},
    }
    body = {
        "work_pools": {"name": {"any_": [pool]}},
        "flow_runs": {"state": states},
        "sort": "ID_DESC",
        "limit": PAGE,
        "offset": offset,
    }
    return Call("POST", "/flow_runs/filter", body=body, always_there=True)


def count_runs(flow_runs: Mapping[str, Any]) -> Call:
    """Count the runs that match a ``FlowRunFilter``."""
    body = {"flow_runs": dict(flow_runs)}
    return Call("POST", "/flow_runs/count", body=body, always_there=True)


def scheduled_runs(pool: str, queues: Sequence[str], *, before: str, limit: int) -> Call:
    """Read the runs that are due, by priority and time, except those of paused or full queues.

    Args:
        pool: Name of the work pool.
        queues: Names of its queues; an empty sequence means all.
        before: RFC 3339 time; runs that are due by then are read.
        limit: Largest number of runs.
    """
    body = {"work_queue_names": list(queues), "scheduled_before": before, "limit": limit}
    return Call("POST", "/work_pools/{name}/get_scheduled_flow_runs", {"name": pool}, body)


def filter_due_runs(
    queues: Sequence[str],
    tags: Mapping[str, Any],
    *,
    before: str,
    limit: int,
    without: Sequence[str] = (),
) -> Call:
    """Read the runs of some queues that are due and have certain tags, by time only.

    Args:
        queues: Identifiers of work queues; paused and full ones are not left out.
        tags: Filter of Prefect's API (``FlowRunFilterTags``).
        before: RFC 3339 time; runs that are due by then are read.
        limit: Largest number of runs.
        without: Identifiers of deployments whose runs are left out.
    """
    body: Json = {
        "work_pool_queues": {"id": {"any_": list(queues)}},
        "flow_runs": {
            "state": {"type": {"any_": ["SCHEDULED"]}},
            "next_scheduled_start_time": {"before_": before},
            "tags": dict(tags),
        },
        "sort": "NEXT_SCHEDULED_START_TIME_ASC",
        "limit": limit,
    }
    if without:
        body["deployments"] = {"id": {"not_any_": list(without)}}
    return Call("POST", "/flow_runs/filter", body=body, always_there=True)


def set_state(run_id: str, state: Json, *, force: bool = False) -> Call:
    """Propose a state of a run."""
    body = {"state": state, "force": force}
    return Call("POST", "/flow_runs/{id}/set_state", {"id": run_id}, body)


def state(
    type_: StateType,
    message: str,
    *,
    name: str | None = None,
    data: object = None,
    scheduled_time: str | None = None,
) -> Json:
    """Body for ``set_state``; the message is cleaned, and arguments that are None are omitted."""
    proposed: Json = {"type": type_, "message": clean(message)}
    if name is not None:
        proposed["name"] = name
    if data is not None:
        proposed["data"] = data
    if scheduled_time is not None:
        proposed["state_details"] = {"scheduled_time": scheduled_time}
    return proposed


def run_states(run_id: str) -> Call:
    """Read all states that a run has been in."""
    return Call("GET", "/flow_run_states/", query={"flow_run_id": run_id}, always_there=True)


def update_run(run_id: str, changes: Json) -> Call:
    """Change a run's tags or retry policy."""
    return Call("PATCH", "/flow_runs/{id}", {"id": run_id}, changes)


def update_labels(run_id: str, labels: Mapping[str, Any]) -> Call:
    """Add labels to a run; Prefect keeps the others."""
    return Call("PATCH", "/flow_runs/{id}/labels", {"id": run_id}, dict(labels))


def delete_run(run_id: str) -> Call:
    """Remove a run."""
    return Call("DELETE", "/flow_runs/{id}", {"id": run_id})


def write_logs(lines: Sequence[Json]) -> Call:
    """Store log lines of runs."""
    return Call("POST", "/logs/", body=list(lines), always_there=True)


# -- Flows and deployments -----------------------------------------------------------------------


def create_flow(name: str) -> Call:
    """Create a flow, or read the one of that name."""
    return Call("POST", "/flows/", body={"name": name}, always_there=True)


def create_deployment(body: Json) -> Call:
    """Create a deployment."""
    return Call("POST", "/deployments/", body=body, always_there=True)


def update_deployment(deployment_id: str, changes: Json) -> Call:
    """Change a deployment; its schedules stay."""
    return Call("PATCH", "/deployments/{id}", {"id": deployment_id}, changes)


def read_deployment(deployment_id: str) -> Call:
    """Read a deployment by its identifier."""
    return Call("GET", "/deployments/{id}", {"id": deployment_id})


def find_deployment(flow: str, name: str) -> Call:
    """Read the deployment ``<flow>/<name>``."""
    values = {"flow_name": flow, "deployment_name": name}
    return Call("GET", "/deployments/name/{flow_name}/{deployment_name}", values)


def filter_deployments(*, offset: int) -> Call:
    """Read a page of all deployments."""
    body = {"limit": PAGE, "offset": offset}
    return Call("POST", "/deployments/filter", body=body, always_there=True)


# -- Work pools, queues, workers -----------------------------------------------------------------


def create_pool(name: str, type_: str, template: Json) -> Call:
    """Create a work pool; 409 if there is one of that name."""
    body = {"name": name, "type": type_, "base_job_template": template}
    return Call("POST", "/work_pools/", body=body, always_there=True)


def read_pool(name: str) -> Call:
    """Read a work pool."""
    return Call("GET", "/work_pools/{name}", {"name": name})


def update_pool(name: str, changes: Json) -> Call:
    """Change a work pool."""
    return Call("PATCH", "/work_pools/{name}", {"name": name}, changes)


def create_queue(pool: str, name: str, priority: int | None) -> Call:
    """Create a work queue; 409 if the pool has one of that name."""
    body: Json = {"name": name} if priority is None else {"name": name, "priority": priority}
    return Call("POST", "/work_pools/{work_pool_name}/queues", {"work_pool_name": pool}, body)


def read_queue(pool: str, name: str) -> Call:
    """Read a work queue."""
    values = {"work_pool_name": pool, "name": name}
    return Call("GET", "/work_pools/{work_pool_name}/queues/{name}", values)


def update_queue(pool: str, name: str, priority: int) -> Call:
    """Change the priority of a work queue."""
    values = {"work_pool_name": pool, "name": name}
    body = {"priority": priority}
    return Call("PATCH", "/work_pools/{work_pool_name}/queues/{name}", values, body)


def filter_workers(pool: str) -> Call:
    """Read the workers of a pool, with their last heartbeats."""
    route = "/work_pools/{work_pool_name}/workers/filter"
    return Call("POST", route, {"work_pool_name": pool}, {"limit": PAGE})


def delete_worker(pool: str, name: str) -> Call:
    """Remove a worker from a pool's list."""
    route = "/work_pools/{work_pool_name}/workers/{name}"
    return Call("DELETE", route, {"work_pool_name": pool, "name": name})


# -- Blocks --------------------------------------------------------------------------------------


def read_block(document_id: str) -> Call:
    """Read a block document by its identifier, secrets included."""
    query = {"include_secrets": "true"}
    return Call("GET", "/block_documents/{id}", {"id": document_id}, query=query)


def find_block(type_slug: str, name: str) -> Call:
    """Read the block document ``<type slug>/<name>``, secrets included."""
    values = {"slug": type_slug, "block_document_name": name}
    route = "/block_types/slug/{slug}/block_documents/name/{block_document_name}"
    return Call("GET", route, values, query={"include_secrets": "true"})


# -- Logs ----------------------------------------------------------------------------------------


def find_log_line(run_id: str, moment: str) -> Call:
    """Find the line of a run's log that has a certain timestamp."""
    wanted = {
        "flow_run_id": {"any_": [run_id]},
        "timestamp": {"after_": moment, "before_": moment},
    }
    return Call("POST", "/logs/filter", body={"logs": wanted, "limit": 1}, always_there=True)


# -- Server --------------------------------------------------------------------------------------


def ready() -> Call:
    """Ask whether the server and its database are ready."""
    return Call("GET", "/ready", always_there=True)


def version() -> Call:
    """Ask for the version of the server; unlike ``ready``, it needs credentials."""
    return Call("GET", "/version", always_there=True)
