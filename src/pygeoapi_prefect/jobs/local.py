"""Processes without a deployment: run here, recorded as flow runs that Prefect's UI shows."""

import logging
import os
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from prefect.exceptions import ObjectNotFound
from pygeoapi.error import GenericError

from pygeoapi_prefect import storage
from pygeoapi_prefect.config import ManagerSettings
from pygeoapi_prefect.engine import in_process, runs
from pygeoapi_prefect.engine.log.capture import into
from pygeoapi_prefect.engine.log.runlog import RunLog
from pygeoapi_prefect.engine.state_messages import clean_messages
from pygeoapi_prefect.engine.states import StateType
from pygeoapi_prefect.errors import (
    EngineUnavailable,
    JobFailedError,
    StackError,
    StorageUnavailable,
)
from pygeoapi_prefect.jobs import records, status
from pygeoapi_prefect.jobs.background import in_background
from pygeoapi_prefect.jobs.submit import Submission, parameters
from pygeoapi_prefect.models.message import clean
from pygeoapi_prefect.process import vanilla
from pygeoapi_prefect.process.progress import delivered
from pygeoapi_prefect.process.recording import recorded
from pygeoapi_prefect.process.task_results import keep_with_job

LOGGER = logging.getLogger(__name__)
OWNER_TAG_PREFIX = "pygeoapi-web:"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class LocalRunner:
    """Runs processes in this process, each in the thread of its request."""

    def __init__(self, settings: ManagerSettings) -> None:
        self._settings = settings
        self._recorders = ThreadPoolExecutor(thread_name_prefix="recorder")
        self._flows: dict[str, str] = {}
        clean_messages()

    def run(self, submission: Submission) -> runs.Run:
        """Run a process to its end; returns its flow run, final.

        Raises:
            EngineUnavailable: The run cannot be recorded in Prefect; nothing is kept of it then.
            StorageUnavailable: The outputs cannot be stored; the job is recorded as failed.
        """
        runner = self._run_processor if submission.process.is_vanilla else self._run_flow
        try:
            return runner(submission)
        except EngineUnavailable:
            # The client is told to try again; what Prefect may have of this attempt is to end.
            in_background(partial(end_unrecorded, submission.job_id))
            raise

    def store(self, slug: object) -> storage.Store:
        """The block of that name; without a name, a folder: ``server.manager.output_dir``."""
        if isinstance(slug, str):
            return storage.open_store(slug)
        return storage.open_folder(self._settings.output_dir or Path(tempfile.gettempdir()))

    def _run_processor(self, submission: Submission) -> runs.Run:
        """Prefect records the start beside the computation, so that only the end takes time."""
        process = submission.process
        target = self.store(process.result_storage)
        recorded = self._recorders.submit(self._record_start, submission)
        try:
            with logged(lambda: recorded.result().id, submission.job_id):
                generated = vanilla.run(
                    process.new_processor(),
                    submission.job_id,
                    submission.request,
                    process.description["outputs"],
                )
                record = vanilla.store(target, submission.job_id, process.id, generated)
        except Exception as error:
            run = self._end(recorded.result(), "FAILED", status.failed_message(error), None)
            if isinstance(error, StorageUnavailable):
                raise
            return run
        data = {records.INLINE: record.model_dump(mode="json", exclude_none=True)}
        return self._end(recorded.result(), "COMPLETED", "", data)

    @staticmethod
    def _end(run: runs.Run, state: StateType, message: str, data: Any) -> runs.Run:
        """Record the end; what the run is then need not be read again."""
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
            name=status.NAME_PREFIX + submission.job_id,
            parameters=parameters(
                submission, self._settings, self.store(submission.process.result_storage)
            ),
            tags=[*submission.tags, OWNER_TAG_PREFIX + owner()],
            labels=submission.labels,
            idempotency_key=submission.job_id,
        )

    def _run_flow(self, submission: Submission) -> runs.Run:
        """A Prefect-powered process: Prefect's engine runs and records it."""
        process = submission.process
        if process.flow is None or process.result_storage is None:
            raise JobFailedError(f"process '{process.id}' has no result storage")
        flow = process.flow.with_options(
            persist_result=True,
            result_storage=process.result_storage,
            result_serializer="json",
        )
        keep_with_job(flow, submission.job_id)
        flow.fn = recorded(flow.fn)
        values = parameters(submission, self._settings, self.store(process.result_storage))
        flow_run = in_process.create(
            flow,
            name=status.NAME_PREFIX + submission.job_id,
            parameters=values,
            tags=[*submission.tags, OWNER_TAG_PREFIX + owner()],
            labels=submission.labels,
        )
        run_id = str(flow_run.id)
        with capturing(lambda: run_id), delivered(run_id):
            in_process.run(flow, flow_run, values)
        run = runs.read(run_id)
        if run.state_type == "CANCELLING":  # dismissed meanwhile, and nobody else ends it
            return self._end(run, "CANCELLED", "Dismissed by a client", None)
        return run


@contextmanager
def capturing(run_id: Callable[[], str]) -> Iterator[None]:
    """Bring what is logged and printed within into the log of a run; nobody waits for that."""
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
            told = clean(f"{type(error).__name__}: {clean(error)}")
            LOGGER.warning("job %s failed: %s", job_id, told, exc_info=details)
            raise


def owner() -> str:
    """This process, told apart from all that were or will be: host, pid and start."""
    return f"{socket.gethostname()}/{os.getpid()}/{_start_of(os.getpid())}"


def _start_of(pid: int) -> str:
    """Start of a process; where there is a ``/proc``, a step of the clock does not change it.

    Raises:
        psutil.NoSuchProcess: There is no such process.
    """
    if not BOOT_ID.exists():
        return str(int(psutil.Process(pid).create_time()))
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        raise psutil.NoSuchProcess(pid) from None
    return f"{BOOT_ID.read_text().strip()}+{fields[19]}"  # ticks since boot: proc_pid_stat(5)


def end_abandoned() -> int:
    """End local runs whose web process, of this host, is gone; returns how many there were.

    Raises:
        EngineUnavailable: Prefect cannot be reached.
    """
    running: Mapping[str, Any] = {
        "tags": {"all_": [status.TAG]},
        "state": {"type": {"any_": ["RUNNING", "PENDING", "CANCELLING"]}},
    }
    ended = 0
    for run in list(runs.iterate(running)):  # before any of them is changed
        owners = [tag for tag in run.tags if tag.startswith(OWNER_TAG_PREFIX)]
        if owners and _is_gone(owners[0].removeprefix(OWNER_TAG_PREFIX)):
            LOGGER.warning("job %s: its web process is gone; it is ended", status.job_id(run))
            runs.set_state(run.id, "CRASHED", "The web process that ran it is gone", force=True)
            ended += 1
    return ended


def _is_gone(owner_id: str) -> bool:
    host, _, rest = owner_id.partition("/")
    pid, _, started = rest.partition("/")
    if host != socket.gethostname() or not pid.isdecimal():
        return False  # another host's to tell, or not our tag
    try:
        return _start_of(int(pid)) != started
    except psutil.NoSuchProcess:
        return True


def end_unrecorded(job_id: str) -> None:
    """End the run of a job whose end could not be recorded, if there is one.

    Raises:
        EngineUnavailable: Prefect cannot be reached.
    """
    run = runs.find(status.NAME_PREFIX + job_id)
    if run is not None and not run.is_final:
        LOGGER.warning("job %s: its end could not be recorded; it is ended as crashed", job_id)
        runs.set_state(run.id, "CRASHED", "Prefect was not available at the end", force=True)
