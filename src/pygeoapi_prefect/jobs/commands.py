"""Commands of OGC API - Processes: execute a process, dismiss a job."""

import logging
from dataclasses import dataclass

from prefect.exceptions import ObjectNotFound

from pygeoapi_prefect.config import Settings
from pygeoapi_prefect.engine import client, runs
from pygeoapi_prefect.engine.waiter import Waiter
from pygeoapi_prefect.errors import JobDismissedError, JobNotFoundError, SyncTimeout
from pygeoapi_prefect.execution.prefer import Mode
from pygeoapi_prefect.execution.request import Received
from pygeoapi_prefect.jobs import removal, status
from pygeoapi_prefect.jobs.in_process import InProcess
from pygeoapi_prefect.jobs.lookup import find
from pygeoapi_prefect.jobs.outputs import Outputs
from pygeoapi_prefect.jobs.own_references import OwnOutputs
from pygeoapi_prefect.jobs.queue import Queue
from pygeoapi_prefect.jobs.submission import Submission, prepare
from pygeoapi_prefect.models.documents import StatusInfo
from pygeoapi_prefect.process.registry import ASYNC, Process
from pygeoapi_prefect.results.delivery import Reply

LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class Execution:
    """Outcome of an execute request.

    Attributes:
        job_id: Identifier of the job.
        job: The job's statusInfo; None if its results are here.
        reply: The results; None if the client is to come back for them.
        applied: Value for ``Preference-Applied``, or None.
    """

    job_id: str
    job: StatusInfo | None
    reply: Reply | None
    applied: str | None


class Commands:
    """All that changes jobs. One instance serves all threads of a web process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.manager
        self._outputs = Outputs(settings)
        self._own_outputs = OwnOutputs(self._outputs, settings.public_url)
        self._queue = Queue(settings.manager)
        self._in_process = InProcess(settings.manager)
        self._waiter = Waiter()

    def execute(self, process: Process, received: Received) -> Execution:
        """Run a process, synchronously or not.

        Args:
            process: The process.
            received: The execute request, as it has arrived.

        Raises:
            StackError: Anything of ``errors`` that can be wrong with the request, or went wrong.
        """
        if process.deployment is None:
            submission = self._prepared(process, received)
            run, applied = self._in_process.run(submission), submission.mode.applied
            # A wait cannot be bounded here: only "synchronously" is a preference that is met.
            applied = applied if applied == "wait" else None
            return Execution(submission.job_id, None, self._outputs.reply(run), applied)
        run, mode = self._queued(process, received)
        job_id, patience = status.job_id(run), self._patience(mode)
        ended = self._waiter.wait(run, patience) if patience else run
        if ended is None:
            raise JobDismissedError("The job was dismissed and deleted")
        if ended.is_final:
            return Execution(job_id, None, self._outputs.reply(ended), mode.applied)
        if mode.run_async or ASYNC in process.job_control_options:
            return Execution(job_id, status.status_info(ended), None, mode.applied)
        runs.cancel(run.id)
        ended = runs.read(run.id)
        if ended.state_type == "COMPLETED":  # just before it could be cancelled
            return Execution(job_id, None, self._outputs.reply(ended), mode.applied)
        raise SyncTimeout(
            f"The process did not finish within {patience:g} s; its job was cancelled"
        )

    def dismiss(self, job_id: str) -> StatusInfo:
        """Cancel a job that has not finished; remove one that has, with its outputs.

        Returns:
            The job's last statusInfo, with the status ``dismissed``.

        Raises:
            JobNotFoundError: There is no such job.
            StorageUnavailable: The outputs cannot be removed now; the job is still there.
        """
        try:
            info = status.status_info(self._dismissed(find(job_id)))
        except ObjectNotFound as error:
            client.check()  # a response that is not Prefect's is an outage
            raise JobNotFoundError(f"Job '{job_id}' was deleted in the meantime") from error
        return {**info, "status": "dismissed", "message": "The job was dismissed"}

    def _prepared(self, process: Process, received: Received) -> Submission:
        limit = self._settings.max_reference_bytes
        return prepare(process, received, limit, self._own_outputs.resolve)

    def _queued(self, process: Process, received: Received) -> tuple[runs.Run, Mode]:
        """Create the flow run; a client that waits for it then keeps no large request in memory."""
        submission = self._prepared(process, received)
        if self._patience(submission.mode):
            self._waiter.listen()
        run = self._queue.put(submission)
        LOGGER.info("job %s: queued for process %s", submission.job_id, process.id)
        return run, submission.mode

    def _patience(self, mode: Mode) -> float:
        """Longest wait for the results, in seconds."""
        longest = self._settings.sync_timeout_seconds
        if mode.wait is None:
            return 0.0 if mode.run_async else longest
        return min(mode.wait, longest)

    def _dismissed(self, run: runs.Run) -> runs.Run:
        job_id = status.job_id(run)
        if not run.is_final and run.state_type != "CANCELLING":
            runs.cancel(run.id)
            LOGGER.info("job %s: dismissed", job_id)
            run = runs.find(run.name) or run
            if run.is_final and run.state_type != "CANCELLED":
                self._remove(run)  # it ended before it could be cancelled
        elif run.is_final:
            self._remove(run)
            LOGGER.info("job %s: deleted with its outputs", job_id)
        return run

    def _remove(self, run: runs.Run) -> None:
        """Files first: a job whose files cannot be removed stays, so that one can try again."""
        removal.remove_files(run, lambda: self._outputs.store(run))
        runs.delete(run.id)
