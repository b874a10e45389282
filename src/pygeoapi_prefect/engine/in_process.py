"""Runs a flow in this process; Prefect's engine records the run like any other."""

import asyncio
import inspect
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from prefect import Flow, flow_engine
from prefect.client.schemas.objects import FlowRun

from pygeoapi_prefect.engine import routes, runs
from pygeoapi_prefect.engine.client import send


def create(
    flow: Flow[..., Any],
    *,
    name: str,
    parameters: Mapping[str, Any],
    tags: Sequence[str],
    labels: Mapping[str, str],
    idempotency_key: str,
) -> FlowRun:
    """Record a run that is about to begin here, without a deployment.

    Args:
        flow: The flow; Prefect identifies it by its name.
        name: Name of the run.
        parameters: Parameters, for the record.
        tags: Tags of the run.
        labels: Labels of the run.
        idempotency_key: The same key gives the same run again.

    Raises:
        EngineUnavailable: Prefect cannot be reached.
    """
    body = {
        "flow_id": runs.flow_id(flow.name),
        "flow_version": flow.version,
        "name": name,
        "parameters": dict(parameters),
        "tags": list(tags),
        "labels": dict(labels),
        "idempotency_key": idempotency_key,
        "state": {"type": "PENDING"},
        "empirical_policy": {
            "retries": flow.retries,
            "retry_delay": int(flow.retry_delay_seconds or 0),
        },
    }
    return FlowRun.model_validate(send(routes.record_run(body)))


def run(flow: Flow[..., Any], flow_run: FlowRun, parameters: Mapping[str, Any]) -> None:
    """Run a synchronous or asynchronous flow to its end; the state of the run says how it ended."""
    with suppress(SystemExit):  # Prefect has recorded it, and it must not end this process
        ended = flow_engine.run_flow(
            flow, flow_run=flow_run, parameters=dict(parameters), return_type="state"
        )
        if inspect.iscoroutine(ended):
            asyncio.run(ended)
