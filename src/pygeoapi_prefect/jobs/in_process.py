"""Processes without a deployment: run here, recorded as flow runs that Prefect's UI shows."""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from prefect.exceptions import ObjectNotFound
from pygeoapi.error import GenericError

from pygeoapi_prefect.config import ManagerSettings
from pygeoapi_prefect.engine import in_process, runs
from pygeoapi_prefect.engine.log.capture import into
from pygeoapi_prefect.engine.log.runlog import RunLog
from pygeoapi_prefect.engine.state_messages import prepare_states
from pygeoapi_prefect.engine.states import StateType
from pygeoapi_prefect.errors import (
    EngineUnavailable,
    StackError,
    StorageUnavailable,
)
from pygeoapi_prefect.jobs import owner, records, status
from pygeoapi_prefect.jobs.outputs import result_store
from pygeoapi_prefect.jobs.submission import Submission
from pygeoapi_prefect.jobs.unanswered import Unanswered
from pygeoapi_prefect.process import failures, vanilla
from pygeoapi_prefect.process.progress import delivered
from pygeoapi_prefect.process.recording import recorded
from pygeoapi_prefect.process.task_results import keep_with_job

LOGGER = logging.getLogger(__name__)


class InProcess:
    """Runs processes in this process, each in the thread of its request."""

    def __init__(self, settings: ManagerSettings, unanswered: Unanswered) -> None:
        self._settings = settings
        self._unanswered = unanswered
        self._recorders = ThreadPoolExecutor(thread_name_prefix="recorder")
        self._flows: dict[str, str] = {}
        prepare_states(failures.as_data)

    def run(self, submission: Submission) -> runs.Run:
        """Run a process to its end.

        Returns:
            Its flow run, final; that of the first request if this is a repetition, final or not.

        Raises:
            EngineUnavailable: The run cannot be recorded in Prefect; nothing is kept of it then.
            StorageUnavailable: The outputs cannot be stored; the job is recorded as failed.
        """
        runner = self._run_processor if submission.process.is_vanilla else self._run_flow
        try:
            return runner(submission)
        except EngineUnavailable:
            # The client gets a 503 and may retry, so a run that Prefect created must end. Nobody
            # executes it: with a key it is deleted, since the repetition must not find it.
            end = partial(end_unrecorded, submission)
            self._unanswered.watch(submission.job_id, end, lambda: None)
            raise

    def _run_processor(self, submission: Submission) -> runs.Run:
        """Record the start in parallel to the computation, so that only the end takes time."""
        process = submission.process
        target = result_store(process.result_storage, self._settings)
        start = self._recorders.submit(self._record_start, submission)
        if submission.keyed is not None and not submission.has_made(first := start.result()):
            return first
        try:
            with logged(lambda: start.result().id, submission.job_id):
                generated = vanilla.run(
                    process.new_processor(),
                    submission.job_id,
                    submission.request.as_json(),
                    process.description["outputs"],
                )
                record = vanilla.store(target, submission.job_id, process.id, generated)
        except Exception as error:
            told, data = failures.message(error), failures.as_data(error)
            run = self._end(start.result(), "FAILED", told, data or None)
            if isinstance(error, StorageUnavailable):
                raise
            return run
        data = {records.INLINE: record.model_dump(mode="json", exclude_none=True)}
        return self._end(start.result(), "COMPLETED", "", data)

    @staticmethod
    def _end(run: runs.Run, state: StateType, message: str, data: Any) -> runs.Run:
        """Record the end; returns the run, which need not be read again."""
        reached = runs.set_state(run.id, state, message, data=data)
        if reached == "CANCELLING":  # dismissed meanwhile, and nobody else ends it
            reached = runs.set_state(run.id, "CANCELLED", "Dismissed by a client", force=True)
        return replace(run, state_type=reached, state_message=message, state_data=data)

    def _record_start(self, submission: Submission) -> runs.Run:
        known = self._flows.get(submission.process.id)
        if known is not None:
            try:
                return self._start(submission, known)
            except ObjectNotFound:  # somebody has deleted the flow in Prefect
                self._flows.pop(submission.process.id, None)
        flow = self._flows[submission.process.id] = runs.flow_id(submission.process.id)
        return self._start(submission, flow)

    def _start(self, submission: Submission, flow: str) -> runs.Run:
        return runs.start(
            flow,
            name=status.run_name(submission.job_id),
            parameters=self._parameters(submission),
            tags=[*submission.tags, owner.tag()],
            labels=submission.labels,
            idempotency_key=submission.job_id,
        )

    def _parameters(self, submission: Submission) -> dict[str, Any]:
        store = result_store(submission.process.result_storage, self._settings)
        return submission.parameters(store, self._settings)

    def _run_flow(self, submission: Submission) -> runs.Run:
        """A Prefect-powered process: Prefect's engine runs and records it."""
        process = submission.process
        assert process.flow is not None
        flow = process.flow.with_options(
            persist_result=True,
            result_storage=process.result_block,
            result_serializer="json",
        )
        keep_with_job(flow, submission.job_id)
        flow.fn = recorded(flow.fn)
        values = self._parameters(submission)
        flow_run = in_process.create(
            flow,
            name=status.run_name(submission.job_id),
            parameters=values,
            tags=[*submission.tags, owner.tag()],
            labels=submission.labels,
            idempotency_key=submission.job_id,
        )
        run_id = str(flow_run.id)
        if submission.keyed is not None and not submission.keyed.has_made(flow_run.labels):
            return runs.read(run_id)
        with capturing(lambda: run_id), delivered(run_id):
            in_process.run(flow, flow_run, values)
        run = runs.read(run_id)
        if run.state_type == "CANCELLING":  # dismissed meanwhile, and nobody else ends it
            return self._end(run, "CANCELLED", "Dismissed by a client", None)
        return run


@contextmanager
def capturing(run_id: Callable[[], str]) -> Iterator[None]:
    """Capture what is logged and printed for the log of a run, without waiting for its delivery."""
    log = RunLog(run_id)
    try:
        with into(log):
            yield
    finally:
        log.close(wait=False)


@contextmanager
def logged(run_id: Callable[[], str], job_id: str) -> Iterator[None]:
    """As ``capturing``, and log why the job failed."""
    with capturing(run_id):
        try:
            yield
        except Exception as error:
            expected = isinstance(error, StackError | GenericError)
            details = None if expected else error
            LOGGER.warning("job %s failed: %s", job_id, failures.message(error), exc_info=details)
            raise


def end_unrecorded(submission: Submission, run: runs.Run) -> None:
    """End the run of a submission whose end could not be recorded.

    Raises:
        EngineUnavailable: Prefect cannot be reached.
    """
    job_id = submission.job_id
    if run.is_final or not submission.has_made(run):
        return
    if submission.keyed is not None:
        LOGGER.warning("job %s: its end could not be recorded; deleting it", job_id)
        runs.delete(run.id)
    else:
        LOGGER.warning("job %s: its end could not be recorded; marking it as crashed", job_id)
        runs.set_state(run.id, "CRASHED", "Prefect was unavailable when the job ended", force=True)
