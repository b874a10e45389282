"""Commands of OGC API - Processes: execute a process, dismiss a job."""

import logging
import time
from dataclasses import dataclass, replace
from functools import partial

from prefect.exceptions import ObjectNotFound

from pygeoapi_prefect.access.principal import Principal
from pygeoapi_prefect.config import Settings
from pygeoapi_prefect.engine import client, runs
from pygeoapi_prefect.engine.waiter import Wait, Waiter
from pygeoapi_prefect.errors import (
    EngineUnavailable,
    JobDismissedError,
    JobNotFoundError,
    SyncTimeout,
    TooBusy,
)
from pygeoapi_prefect.execution import idempotency, prefer
from pygeoapi_prefect.execution.prefer import Mode
from pygeoapi_prefect.execution.request import Received, Request
from pygeoapi_prefect.jobs import callback_urls, removal, status
from pygeoapi_prefect.jobs.admission import Admission
from pygeoapi_prefect.jobs.in_process import InProcess
from pygeoapi_prefect.jobs.keyed import InProgress, Keyed, in_use, keyed
from pygeoapi_prefect.jobs.lookup import find, known
from pygeoapi_prefect.jobs.outputs import Outputs
from pygeoapi_prefect.jobs.own_references import OwnOutputs
from pygeoapi_prefect.jobs.queue import Queue
from pygeoapi_prefect.jobs.retry_queue import in_background
from pygeoapi_prefect.jobs.submission import Submission, prepare
from pygeoapi_prefect.jobs.unanswered import Unanswered
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


@dataclass(frozen=True)
class Pending:
    """An execution whose client waits for the results.

    Attributes:
        submission: The execute request.
        wait: The wait for the end of its job.
    """

    submission: Submission
    wait: Wait


class Commands:
    """All that changes jobs. One instance serves all threads of a web process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.manager
        self._outputs = Outputs(settings)
        self._own_outputs = OwnOutputs(self._outputs, settings.public_url)
        unanswered = Unanswered()
        self._queue = Queue(settings.manager, unanswered)
        self._admission = Admission(settings.manager)
        self._in_process = InProcess(settings.manager, unanswered)
        self._in_progress = InProgress()
        self._waiter = Waiter(settings.manager.max_waiting)

    def execute(self, process: Process, received: Received) -> Execution:
        """Run a process, synchronously or not; a wait for its results occupies the thread.

        Args:
            process: The process.
            received: The execute request, as it has arrived.

        Raises:
            StackError: Anything of ``errors`` that can be wrong with the request, or went wrong.
        """
        begun = self.begin(process, received)
        if isinstance(begun, Execution):
            return begun
        with begun.wait:
            begun.wait.block()
            return self.complete(begun)

    def begin(self, process: Process, received: Received) -> Execution | Pending:
        """Run a process as far as it goes without waiting for a worker.

        Args:
            process: The process.
            received: The execute request, as it has arrived.

        Returns:
            The outcome; or, if the client wants to wait, what to wait for: its wait is closed by
            the caller, after ``complete`` or ``abandon``.

        Raises:
            StackError: Anything of ``errors`` that can be wrong with the request, or went wrong.
        """
        key = idempotency.parse(received.idempotency_key)
        if key is None:
            return self._begin(process, received)
        body = received.read()
        own = keyed(received.principal.subject, process.id, key, body)
        first = known(own.job_id, received.principal)
        if first is not None:
            return self._repeat(process, received, own, first)
        # A run that was created after this look is what Prefect answers with below.
        with self._in_progress.only(own.job_id):
            return self._begin(process, replace(received, read=lambda: body), own)

    def _begin(
        self, process: Process, received: Received, own: Keyed | None = None
    ) -> Execution | Pending:
        """Validate a request and run it; see ``begin``."""
        limit = self._settings.max_reference_bytes
        resolve = partial(self._own_outputs.resolve, received.principal)
        submission = prepare(process, received, limit, resolve, own)
        if process.deployment is None:
            return self._executed_here(submission, self._in_process.run(submission))
        wait = self._place(submission, received.arrived)
        try:
            with self._admission.admitted(submission):
                run = self._queue.put(submission)
            if own is not None:  # another web process may have had the first request
                own.check(run.labels)
        except BaseException:
            if wait is not None:
                wait.close()
            raise
        LOGGER.info("job %s: queued for process %s", submission.job_id, process.id)
        return self._follow(submission, wait, run)

    def _repeat(
        self, process: Process, received: Received, own: Keyed, run: runs.Run
    ) -> Execution | Pending:
        """Answer a repeated request with the job of the first one.

        Raises:
            StackError: As ``begin``; and if the body is another one.
        """
        own.check(run.labels)
        preferences = prefer.parse(received.prefer)
        mode = prefer.negotiate(preferences, process.description["jobControlOptions"])
        submission = Submission(process, Request(), mode, principal=received.principal, keyed=own)
        LOGGER.info("job %s: its request was repeated", own.job_id)
        if process.deployment is None:
            return self._executed_here(submission, run)
        wants_results = not mode.run_async or mode.wait
        if run.is_final and wants_results:
            return self._results(submission, run)
        return self._follow(submission, self._place(submission, received.arrived), run)

    def _executed_here(self, submission: Submission, run: runs.Run) -> Execution:
        """Answer with the results of a process without a deployment.

        Raises:
            KeyInUse: Another web process executes it for the first request.
            KeyReused: The body of the first request was another one.
        """
        if submission.keyed is not None:
            submission.keyed.check(run.labels)
        if not run.is_final:
            raise in_use()
        # A wait cannot be bounded here: only "synchronously" is a preference that is met.
        applied = submission.mode.applied if submission.mode.applied == "wait" else None
        return Execution(submission.job_id, None, self._outputs.reply(run), applied)

    def _results(self, submission: Submission, run: runs.Run) -> Execution:
        """Answer with the results of a job that has ended."""
        reply = self._outputs.reply(run)
        return Execution(submission.job_id, None, reply, submission.mode.applied)

    def _follow(
        self, submission: Submission, wait: Wait | None, run: runs.Run
    ) -> Execution | Pending:
        """Let a client that has a place wait for a run; the others come back for it."""
        if wait is None:
            return self._accepted(submission, run)
        wait.begin(run)
        # A client that waits keeps no large request in memory.
        return Pending(replace(submission, request=Request()), wait)

    def complete(self, pending: Pending) -> Execution:
        """Answer a client whose wait is over.

        Raises:
            StackError: The job failed or was dismissed, its results cannot be read, or it did not
                end in time and its process cannot be executed asynchronously.
        """
        run, submission = pending.wait.run, pending.submission
        if run is None:
            raise JobDismissedError("The job was dismissed and deleted")
        if not run.is_final:
            if _may_be_asynchronous(submission):
                return self._accepted(submission, run)
            run = self._cancelled(run)
            if run.state_type != "COMPLETED":  # or it ended just before it could be cancelled
                patience = self._patience(submission.mode)
                raise SyncTimeout(
                    f"The process did not finish within {patience:g} s; its job was cancelled"
                )
        return self._results(submission, run)

    def abandon(self, pending: Pending) -> None:
        """Cancel the job of a client that has left, unless it runs or calls somebody back.

        A client with an ``Idempotency-Key`` repeats its request when its connection breaks: its job
        goes on.
        """
        if pending.submission.keyed is not None:
            return
        try:
            cancel_unbegun(pending.submission.job_id)
        except EngineUnavailable:
            in_background(partial(cancel_unbegun, pending.submission.job_id))

    def dismiss(self, job_id: str, principal: Principal) -> StatusInfo:
        """Cancel a job that has not finished; remove one that has, with its outputs.

        Args:
            job_id: Identifier of the job.
            principal: Who wants it, and must be able to see the job.

        Returns:
            The job's last statusInfo, with the status ``dismissed``.

        Raises:
            JobNotFoundError: There is no such job.
            StorageUnavailable: The outputs cannot be removed now; the job is still there.
        """
        try:
            info = status.status_info(self._dismissed(find(job_id, principal)))
        except ObjectNotFound as error:
            client.check()  # a response that is not Prefect's is an outage
            raise JobNotFoundError(f"Job '{job_id}' was deleted in the meantime") from error
        return {**info, "status": "dismissed", "message": "The job was dismissed"}

    def _place(self, submission: Submission, arrived: float) -> Wait | None:
        """A place to wait for the results; None if the client is to come back for them.

        Raises:
            TooBusy: There is none, and the process can only be executed synchronously, or the
                client asked for nothing else.
        """
        mode = submission.mode
        if mode.run_async and not mode.wait:
            return None
        patience = self._patience(mode)
        try:
            if 0 < patience < time.monotonic() - arrived:
                raise TooBusy("The request could not be processed in time; try again later")
            return self._waiter.take(arrived + patience)
        except TooBusy:
            if mode.run_async or (mode.wait is not None and _may_be_asynchronous(submission)):
                return None
            raise

    @staticmethod
    def _cancelled(run: runs.Run) -> runs.Run:
        """Cancel a run that did not end in time; returns it as it is then."""
        try:
            runs.cancel(run.id)
            return runs.read(run.id)
        except EngineUnavailable:
            in_background(partial(runs.cancel, run.id))
            raise

    def _patience(self, mode: Mode) -> float:
        """Longest wait for the results, in seconds."""
        longest = self._settings.sync_timeout_seconds
        return longest if mode.wait is None else min(mode.wait, longest)

    @staticmethod
    def _accepted(submission: Submission, run: runs.Run) -> Execution:
        """Tell a client to come back for the results."""
        return Execution(submission.job_id, status.status_info(run), None, submission.mode.applied)

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


def cancel_unbegun(job_id: str) -> None:
    """Cancel the job of a client that has left, unless it has begun or has a subscriber.

    Raises:
        EngineUnavailable: Prefect cannot be reached.
    """
    run = runs.find(status.run_name(job_id))
    if run is None or run.start is not None or callback_urls.TAG in run.tags:
        return
    runs.cancel(run.id)
    LOGGER.info("job %s: cancelled, since its client left", job_id)


def _may_be_asynchronous(submission: Submission) -> bool:
    return submission.mode.run_async or ASYNC in submission.process.job_control_options
