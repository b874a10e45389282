"""Makes sure that a run is still its worker's, before it starts and before it reports its end.

After a pause that is longer than the patience with a worker, another worker may have ended the run
or started it again. Prefect lets a run leave the state ``CRASHED``, and go from Running to Running,
so its process must not.
"""

import time
from collections.abc import Callable, Sequence
from logging import Logger, LoggerAdapter
from typing import Any
from uuid import UUID

from prefect.client.schemas.objects import State
from prefect.exceptions import Abort

from pygeoapi_prefect.engine import routes
from pygeoapi_prefect.engine.client import send
from pygeoapi_prefect.engine.states import AWAITING_RETRY, FINAL
from pygeoapi_prefect.worker.forkserver.protocol import Job

ReadStates = Callable[[UUID], Sequence[State[Any]]]
"""Reads all states that a run has been in; repeats its request during an outage."""


def is_still_ours(job: Job) -> bool:
    """Return true if the claim holds: after a long pause another worker may have the run."""
    if not _may_be_lost(job):
        return True
    return str(send(routes.read_run(job.id))["state_id"]) == job.state_id


def stop_if_claimed_anew(job: Job, read: ReadStates) -> None:
    """Stop a process whose flow is about to begin, if another worker has the run meanwhile.

    Costs a request, but only for runs that were claimed some time ago.

    Args:
        job: The job.
        read: Reads the states of a run.

    Raises:
        Abort: Another worker has claimed the run.
    """
    if _may_be_lost(job) and not _has_last_claim(job, read(UUID(job.id))):
        raise Abort("The run was claimed by another worker in the meantime")


def stop_if_lost(job: Job, read: ReadStates, logger: Logger | LoggerAdapter[Any]) -> None:
    """Stop a process that is about to report a final state of a run which it has lost.

    Costs a request, but only for runs that were claimed some time ago.

    Args:
        job: The job.
        read: Reads the states of a run.
        logger: Logger of the run.

    Raises:
        Abort: The run has ended already, or waits for another process or has one.
    """
    if not _may_be_lost(job):
        return
    states = read(UUID(job.id))
    last = max(states, key=lambda state: state.timestamp)
    is_queued = last.type.value == "SCHEDULED" and last.name != AWAITING_RETRY
    if last.type.value in FINAL or is_queued or not _has_last_claim(job, states):
        message = f"The run is {last.type.value} already: its worker did not answer for too long"
        logger.warning("%s; this process reports no state", message)
        raise Abort(message)


def _has_last_claim(job: Job, states: Sequence[State[Any]]) -> bool:
    claims = [state for state in states if state.type.value == "PENDING"]
    return str(max(claims, key=lambda state: state.timestamp).id) == job.state_id


def _may_be_lost(job: Job) -> bool:
    return time.monotonic() - job.claimed >= job.stale_seconds
