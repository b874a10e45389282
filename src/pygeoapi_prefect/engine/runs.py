"""Flow runs: create, find, list, change, remove.

Replies are read as plain JSON: building Prefect's own models would take about a millisecond for
each run.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self, cast

from prefect.exceptions import ObjectNotFound

from pygeoapi_prefect.engine import routes
from pygeoapi_prefect.engine.client import send
from pygeoapi_prefect.engine.routes import PAGE
from pygeoapi_prefect.engine.states import FINAL, StateType

NEVER = datetime.fromtimestamp(0, UTC)
"""Time of a run for which Prefect has no time."""


@dataclass(frozen=True)
class Run:
    """A flow run as Prefect's API shows it.

    Attributes:
        id: Prefect's identifier of the run.
        state_data: Data of the state, such as the metadata of the persisted result.
        labels: Labels of the run, which include its progress.
        retries: Number of repetitions after a failure.
    """

    id: str
    name: str
    state_type: StateType | None
    state_name: str
    state_message: str
    state_data: Any
    run_count: int
    created: datetime
    start: datetime | None
    end: datetime | None
    updated: datetime
    parameters: Mapping[str, Any] = field(repr=False)
    tags: tuple[str, ...]
    labels: Mapping[str, Any] = field(repr=False)
    retries: int = 0

    @classmethod
    def from_json(cls, run: Mapping[str, Any]) -> Self:
        """Read one element of Prefect's replies."""
        state = run.get("state") or {}
        # Prefect filters and sorts by ``expected_start_time``, the time of the run's first state.
        times = (run.get(name) for name in ("expected_start_time", "created", "updated"))
        created = next((time for text in times if (time := _time(text))), NEVER)
        return cls(
            id=run["id"],
            name=run["name"],
            state_type=run.get("state_type"),
            state_name=run.get("state_name") or "",
            state_message=state.get("message") or "",
            state_data=state.get("data"),
            run_count=run.get("run_count") or 0,
            created=created,
            start=_time(run.get("start_time")),
            end=_time(run.get("end_time")),
            updated=_time(run.get("updated")) or created,
            parameters=run.get("parameters") or {},
            tags=tuple(run.get("tags") or ()),
            labels=run.get("labels") or {},
            retries=(run.get("empirical_policy") or {}).get("retries") or 0,
        )

    @property
    def is_final(self) -> bool:
        """True if the run's state is terminal."""
        return self.state_type in FINAL


def create(
    deployment_id: str,
    *,
    name: str,
    parameters: Mapping[str, Any],
    tags: Sequence[str],
    labels: Mapping[str, str],
    idempotency_key: str,
    retries: int | None = None,
    retry_delay: int | None = None,
) -> Run:
    """Queue a run of a deployment, or return the run that has the same idempotency key.

    Args:
        deployment_id: Identifier of the deployment.
        name: Name of the run.
        parameters: Parameters of the flow.
        tags: Tags of the run.
        labels: Labels of the run.
        idempotency_key: The same key gives the same run again.
        retries: Number of repetitions after a failure; None leaves it to the flow.
        retry_delay: Seconds before a repetition; None leaves it to the flow.

    Raises:
        prefect.exceptions.ObjectNotFound: The deployment does not exist.
    """
    body: dict[str, Any] = {
        "name": name,
        "parameters": dict(parameters),
        "tags": list(tags),
        "labels": dict(labels),
        "idempotency_key": idempotency_key,
        "state": {"type": "SCHEDULED"},
    }
    if retries is not None or retry_delay is not None:
        body["empirical_policy"] = {"retries": retries, "retry_delay": retry_delay}
    return Run.from_json(send(routes.create_run(deployment_id, body)))


def flow_id(name: str) -> str:
    """Return the identifier of the flow of that name, which is created if it does not exist."""
    return str(send(routes.create_flow(name))["id"])


def start(
    flow: str,
    *,
    name: str,
    parameters: Mapping[str, Any],
    tags: Sequence[str],
    labels: Mapping[str, str],
    idempotency_key: str,
) -> Run:
    """Record a run that has begun here, without a deployment.

    Args:
        flow: Identifier of the flow.
        name: Name of the run.
        parameters: Parameters, for the record.
        tags: Tags of the run.
        labels: Labels of the run.
        idempotency_key: The same key gives the same run again.
    """
    body = {
        "flow_id": flow,
        "name": name,
        "parameters": dict(parameters),
        "tags": list(tags),
        "labels": dict(labels),
        "idempotency_key": idempotency_key,
        "state": {"type": "RUNNING"},
    }
    return Run.from_json(send(routes.record_run(body)))


def read(run_id: str) -> Run:
    """Read a run by Prefect's identifier.

    Raises:
        prefect.exceptions.ObjectNotFound: There is no such run.
    """
    return Run.from_json(send(routes.read_run(run_id)))


def find(name: str) -> Run | None:
    """Find the run of that name, or None; Prefect's database has an index of names."""
    runs = list_runs({"name": {"any_": [name]}}, limit=1, offset=0)
    return runs[0] if runs else None


def list_runs(flow_runs: Mapping[str, Any], *, limit: int, offset: int) -> list[Run]:
    """Read the newest runs that match a ``FlowRunFilter``; ``limit`` is at most 200."""
    found = send(routes.filter_runs(flow_runs, limit=limit, offset=offset))
    return [Run.from_json(run) for run in found]


def iterate(flow_runs: Mapping[str, Any], offset: int = 0, page: int = PAGE) -> Iterator[Run]:
    """Read all runs that match a filter, newest first, page by page.

    A caller that changes runs must read all of them first: pages shift when a run stops matching.

    Args:
        flow_runs: Filter of Prefect's API (``FlowRunFilter``).
        offset: Number of the newest runs that are skipped.
        page: Number of runs to request at a time; 200 if it is larger.
    """
    page = min(page, PAGE)
    while found := list_runs(flow_runs, limit=page, offset=offset):
        yield from found
        if len(found) < page:
            return
        offset += page


def count(flow_runs: Mapping[str, Any]) -> int:
    """Count the runs that match a filter."""
    return int(send(routes.count_runs(flow_runs)))


def cancel(run_id: str) -> None:
    """Request cancellation: Prefect cancels a queued run at once, its worker a running one.

    Raises:
        prefect.exceptions.ObjectNotFound: There is no such run.
    """
    set_state(run_id, "CANCELLING", "Dismissed by a client")


def set_state(
    run_id: str, state: StateType, message: str, *, data: object = None, force: bool = False
) -> StateType:
    """Propose a state, and return the one that the run has then, which may differ."""
    reply = send(routes.set_state(run_id, routes.state(state, message, data=data), force=force))
    return cast(StateType, reply["state"]["type"]) if reply.get("state") else state


def set_tags(run_id: str, tags: Sequence[str]) -> None:
    """Replace the tags of a run; a run that no longer exists is not an error."""
    try:
        send(routes.update_run(run_id, {"tags": list(tags)}))
    except ObjectNotFound:
        return


def delete(run_id: str) -> None:
    """Remove a run; a run that no longer exists is not an error."""
    try:
        send(routes.delete_run(run_id))
    except ObjectNotFound:
        return


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
