"""Runs flows with Prefect's own engine; a program of its own, as Prefect leaves threads behind.

``python -m support.engine_runs HOW RUN`` with ``PREFECT_API_URL`` set. ``HOW`` is one of

- ``plain``: the engine alone,
- ``detached``: the run without its deployment,
- ``spared``: as a job has it, with what the worker leaves out,
- ``fails``, ``slow``: flows that raise, or exceed their time limit.
"""

import sys
import time
from typing import Any
from uuid import UUID

from prefect import Flow, flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.context import SyncClientContext
from prefect.events.worker import EventsWorker
from prefect.flow_engine import run_flow
from pydantic import BaseModel

STORE = "local-file-system/pygeoapi-results"


class Answer(BaseModel):
    """A result."""

    number: int


@flow(name="contract", persist_result=True, result_storage=STORE, result_serializer="json")
def plain() -> Answer:
    """Return a record."""
    return Answer(number=42)


@flow(name="contract")
def fails() -> None:
    """Raise an exception."""
    raise ValueError("no such band: 7")


@flow(name="contract", timeout_seconds=0.2)
def slow() -> None:
    """Exceed the time limit."""
    time.sleep(5)


FLOWS: dict[str, Flow[..., Any]] = {"fails": fails, "slow": slow}


def run(how: str, run_id: UUID, client: SyncPrefectClient) -> None:
    """Run one flow."""
    flow_run = given = client.read_flow_run(run_id)
    if how in ("detached", "spared"):
        given = flow_run.model_copy(update={"deployment_id": None})
    if how == "spared":
        from pygeoapi_prefect.engine.internals import shortcuts

        shortcuts.spare(client, given, flow_run.deployment_id, has_retries=False, result_block=None)
    run_flow(FLOWS.get(how, plain), flow_run=given, return_type="state")


def main() -> None:
    """Run the command line."""
    how, run_id = sys.argv[1:]
    with SyncClientContext.get_or_create() as context:
        run(how, UUID(run_id), context.client)
    EventsWorker.drain_all(timeout=5)


if __name__ == "__main__":
    main()
