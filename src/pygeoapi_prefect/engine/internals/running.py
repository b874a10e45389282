"""Runs a flow with Prefect's engine in this process, for a flow run that exists.

Needed because ``python -m prefect.engine``, the public way, is a new interpreter for each run.
"""

import asyncio
from typing import Any
from uuid import UUID

from prefect import Flow, flow_engine
from prefect._internal.engine import get_hook_name
from prefect.client.schemas.objects import FlowRun, State
from prefect.context import SyncClientContext
from prefect.engine import _drive_run_flow_result
from prefect.events.worker import EventsWorker
from prefect.exceptions import Abort, Pause
from prefect.flows import load_flow_from_entrypoint

__all__ = ["detached", "drain_events", "drive", "get_hook_name", "load", "load_from", "read_states"]


def detached(flow_run: FlowRun) -> FlowRun:
    """The run without its deployment, so that the engine opens no websocket for suspensions."""
    return flow_run.model_copy(update={"deployment_id": None})


def drive(flow: Flow[..., Any], flow_run: FlowRun, logger: Any) -> str:
    """Let Prefect's engine run the flow, and return the name of the state that the run is in then.

    Args:
        flow: The flow.
        flow_run: The run, PENDING.
        logger: Logger for the errors that the engine reports to Prefect.
    """
    try:
        result = flow_engine.run_flow(
            flow, flow_run=flow_run, return_type="state", error_logger=logger
        )
        if asyncio.iscoroutine(result):
            result = asyncio.run(result)
        else:
            _drive_run_flow_result(flow, result)
    except (Abort, Pause) as signal:
        return type(signal).__name__
    return str(result.name) if isinstance(result, State) else "Ended"


def load(flow_run: FlowRun) -> Flow[..., Any]:
    """Load the flow of a run as Prefect would, with the pull steps of its deployment."""
    return flow_engine.load_flow(flow_run)


def load_from(entrypoint: str) -> Flow[..., Any]:
    """Load the flow of an entry point (``file.py:name`` or a module's path).

    Raises:
        Exception: Any exception that the flow's code raises.
    """
    return load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False)


def drain_events(seconds: float) -> None:
    """Send the events that are still queued, for at most this number of seconds."""
    EventsWorker.drain_all(timeout=seconds)


def read_states(run_id: UUID) -> list[State[Any]]:
    """Read all states of a run, in no order, by the client of this process, which repeats requests.

    It is a function of its own, so that a flow that goes to other processes can hold it.
    """
    with SyncClientContext.get_or_create() as context:
        return context.client.read_flow_run_states(run_id)
