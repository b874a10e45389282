"""The flow of a job, with the job's limits, result block and checks."""

import copy
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from prefect import Flow
from prefect.client.schemas.objects import State

from pygeoapi_prefect.errors import JobFailedError
from pygeoapi_prefect.models.processes import JobStatusInfoInternal
from pygeoapi_prefect.process import task_results
from pygeoapi_prefect.process.contract import RECORD, RUN_NAME_PREFIX, invalid_result, verify
from pygeoapi_prefect.process.progress import delivered
from pygeoapi_prefect.process.recording import recorded
from pygeoapi_prefect.process.wrapping import wrapped
from pygeoapi_prefect.storage import block_of
from pygeoapi_prefect.worker.forkserver.protocol import Hooks, Job
from pygeoapi_prefect.worker.job.report import Report

NO_MEMORY = "The process needs more memory than the system provides"


def adapted(
    flow: Flow[..., Any], job: Job, before: Callable[[], object] = lambda: None
) -> Flow[..., Any]:
    """The flow with the job's limits, result block and checks.

    Args:
        flow: The flow of the job's deployment.
        job: The job.
        before: Called before the flow's function, which an exception keeps from beginning.
    """
    limits = [seconds for seconds in (flow.timeout_seconds, job.timeout_seconds) if seconds]
    own = copy.copy(flow)
    own.timeout_seconds = min(limits, default=None)
    known = [end for end, hooks in hooks_of(flow).items() if hooks]
    Report(Path(job.scratch)).announce_hooks(known)
    # The worker runs these in a separate process: this one may be blocked, or have no time.
    own.on_cancellation_hooks, own.on_crashed_hooks = [], []
    if job.result_block is not None:
        # With both set, Prefect does not ask its server for a default.
        if own.persist_result is None:
            own.persist_result = True
        if own.result_storage is None:
            own.result_storage = block_of(job.result_block)
    name = str(job.run.get("name", ""))
    if name.startswith(RUN_NAME_PREFIX):
        task_results.keep_with_job(own, name.removeprefix(RUN_NAME_PREFIX))
    report = Report(Path(job.scratch))
    if own.isgenerator or own.on_running_hooks:
        report.begin()  # as soon as Prefect has stored Running
    if not own.isgenerator:
        own.fn = recorded(checked(flow.fn, job, partial(_delivering, report, before)))
    return own


def hooks_of(flow: Flow[..., Any]) -> dict[Hooks, list[Callable[..., Any]]]:
    """The hooks of a flow for the ends that its own process may not live to see."""
    return {
        "cancelled": flow.on_cancellation_hooks,
        "crashed": flow.on_crashed_hooks,
        "failed": flow.on_failure_hooks,
    }


def checked(
    function: Callable[..., Any], job: Job, around: Callable[[], AbstractContextManager[None]]
) -> Callable[..., Any]:
    """The flow's function within a context, with errors that a client may see."""
    is_job = str(job.run.get("name", "")).startswith(RUN_NAME_PREFIX)

    def check(result: Any) -> Any:
        if is_job and not isinstance(result, JobStatusInfoInternal | State):
            kind = "None" if result is None else f"an instance of {type(result).__qualname__}"
            raise JobFailedError(invalid_result(f"{kind} instead of {RECORD}"))
        if is_job and isinstance(result, JobStatusInfoInternal):
            verify(result, job.run.get("parameters") or {})
        return result

    return wrapped(function, around, check)


@contextmanager
def _delivering(report: Report, before: Callable[[], object]) -> Iterator[None]:
    """Report the begin of a call, deliver its progress, and say what a lack of memory is."""
    before()
    report.begin()
    try:
        with delivered():
            yield
    except MemoryError as error:
        raise JobFailedError(NO_MEMORY) from error
