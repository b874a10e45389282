"""The use cases of OGC API - Processes on Prefect: execute, get, list, results, dismiss."""

import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Any

from prefect.exceptions import ObjectNotFound

from pygeoapi_prefect import errors, storage
from pygeoapi_prefect.config import Settings
from pygeoapi_prefect.engine import client, runs
from pygeoapi_prefect.engine.waiter import Waiter
from pygeoapi_prefect.errors import JobDismissedError, JobFailedError, JobNotFoundError
from pygeoapi_prefect.jobs import own, records, removal, status, submit
from pygeoapi_prefect.jobs.filters import JobFilter
from pygeoapi_prefect.jobs.local import LocalRunner
from pygeoapi_prefect.models.message import clean, named
from pygeoapi_prefect.models.processes import JobStatusInfoInternal
from pygeoapi_prefect.models.processes import OutputExecutionResultInternal as Stored
from pygeoapi_prefect.models.status import usable_media_type
from pygeoapi_prefect.process.registry import ASYNC, Registry
from pygeoapi_prefect.results import delivery, links
from pygeoapi_prefect.results.output import Output

LOGGER = logging.getLogger(__name__)
ALL = JobFilter()
MAX_HREF = 300  # of an address in a message, in characters
DURATION_SCAN = 5_000
"""Number of newest jobs that are read to filter by duration."""


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
    job: dict[str, Any] | None
    reply: delivery.Reply | None
    applied: str | None


@dataclass(frozen=True)
class JobPage:
    """One page of the job list, newest first; ``has_more`` if there is another one after it.

    Matching jobs are not counted: with 100 000 jobs that would take longer than all else.
    """

    jobs: list[dict[str, Any]]
    has_more: bool


@dataclass(frozen=True)
class JobDetails:
    """A job with what its page shows beside the statusInfo.

    Attributes:
        info: The statusInfo, without links.
        request: The execute request, or nothing if it cannot be read now.
        run_id: Identifier of the flow run in Prefect.
        outputs: What a successful job has generated.
        problem: Why the outputs cannot be shown now, or nothing.
    """

    info: dict[str, Any]
    request: dict[str, Any]
    run_id: str
    outputs: list[Output]
    problem: str


class Jobs:
    """All that can be done with jobs. One instance serves all threads of a web process."""

    def __init__(self, settings: Settings, registry: Registry) -> None:
        self._settings = settings
        self._registry = registry
        self._queue = submit.Queue(settings.manager)
        self._local = LocalRunner(settings.manager)
        self._waiter = Waiter()

    def execute(
        self, process_id: str, request: Mapping[str, Any], prefer_headers: Sequence[str] = ()
    ) -> Execution:
        """Run a process, synchronously or not.

        Args:
            process_id: Identifier of the process.
            request: A parsed execute request (``execution.request.parse``).
            prefer_headers: The values of all ``Prefer`` headers.

        Raises:
            StackError: Anything of ``errors`` that can be wrong with the request, or went wrong.
        """
        return self.run(self.check(process_id, request, prefer_headers))

    def check(
        self, process_id: str, request: Mapping[str, Any], prefer_headers: Sequence[str] = ()
    ) -> submit.Submission:
        """The first half of ``execute``: nothing exists of the job yet."""
        process = self._registry.get(process_id)
        limit = self._settings.manager.max_reference_bytes
        return submit.validate(process, request, prefer_headers, limit, self.own_output)

    def run(self, submission: submit.Submission) -> Execution:
        """The second half of ``execute``: run what was checked, once."""
        process, mode = submission.process, submission.mode
        if process.deployment is None:
            run = self._local.run(submission)
            # A wait cannot be bounded here: only "synchronously" is a preference that is met.
            applied = mode.applied if mode.applied == "wait" else None
            return Execution(submission.job_id, None, self._results(run), applied)
        patience = self._patience(mode.wait)
        if mode.run_async and mode.wait is None:
            patience = 0.0
        if patience:
            self._waiter.listen()
        run = self._queue.put(submission)
        submission.request.clear()  # whoever waits keeps nothing of a large one
        LOGGER.info("job %s: queued for process %s", submission.job_id, process.id)
        ended = self._waiter.wait(run, patience) if patience else run
        if ended is None:
            raise JobDismissedError("The job was dismissed and removed")
        if ended.is_final:
            return Execution(submission.job_id, None, self._results(ended), mode.applied)
        if mode.run_async or ASYNC in process.job_control_options:
            info = status.status_info(ended)
            return Execution(submission.job_id, info, None, mode.applied)
        runs.cancel(run.id)
        if runs.read(run.id).state_type == "COMPLETED":  # just before it could be cancelled
            return Execution(submission.job_id, None, self.results(submission.job_id), mode.applied)
        raise errors.SyncTimeout(
            f"The process did not finish within {patience:g} s; its job was cancelled"
        )

    def get(self, job_id: str) -> dict[str, Any]:
        """The job's statusInfo, without links.

        Raises:
            JobNotFoundError: There is no such job.
        """
        return status.status_info(self._shown(self._find(job_id)))

    def verified_status(self, job_id: str) -> str:
        """The job's status, which its record agrees with; raises as ``get`` does.

        Raises:
            StorageUnavailable: Its record cannot be read now.
        """
        return status.status(self._verified(self._find(job_id)))

    def page(self, limit: int, offset: int, wanted: JobFilter = ALL) -> JobPage:
        """A page of the jobs that are wanted, newest first.

        Args:
            limit: Largest number of jobs.
            offset: How many of the newest are left out.
            wanted: Which jobs are wanted. Of durations only the newest ``DURATION_SCAN`` jobs that
                are wanted otherwise are looked at.
        """
        chosen = wanted.as_prefect()
        if wanted.has_duration:
            now = datetime.now(UTC)
            newest = islice(runs.iterate(chosen), DURATION_SCAN)
            matching = (run for run in newest if wanted.accepts_duration(run, now))
            found = list(islice(matching, offset, offset + limit + 1))
        else:
            found = list(islice(runs.iterate(chosen, offset, limit + 1), limit + 1))
        return JobPage([status.status_info(run) for run in found[:limit]], len(found) > limit)

    def count(self) -> int:
        """Count all jobs."""
        return runs.count(ALL.as_prefect())

    def results(self, job_id: str) -> delivery.Reply:
        """The results, in the form that the execute request asked for.

        Raises:
            JobNotFoundError: There is no such job.
            JobNotReadyError: It has not finished.
            JobDismissedError: It was dismissed.
            StackError: It failed; the error says why as far as a client may know.
        """
        return self._results(self._find(job_id))

    def document(self, job_id: str, *, only_references: bool = False) -> delivery.Reply:
        """The results as a document, whatever the execute request asked for; see ``results``.

        Args:
            job_id: Identifier of the job.
            only_references: Whether all outputs are to be given by reference.
        """
        run = self._find(job_id)
        wanted = {**submit.original_request(run), "response": "document"}
        return delivery.deliver(self._outputs(run), wanted, only_references=only_references)

    def output(
        self, job_id: str, output_id: str, range_header: str | None = None
    ) -> delivery.Reply:
        """One output as it is, or the range of it that is asked for; raises as ``results`` does.

        Raises:
            OutputNotFound: The job has no such output.
        """
        for output in self._outputs(self._find(job_id)):
            if output.id == output_id:
                return delivery.ranged(output, range_header)
        raise errors.OutputNotFound(f"The job has no output {named(output_id)}")

    def own_output(self, href: str) -> own.Find | None:
        """Return what finds the output that an address names; None if it is none of this server.

        It raises ``InvalidJobParameterError`` if there is no such job or output, or no results.
        """
        names = links.output_named(self._settings.public_url, href)
        return partial(self._found_output, href, *names) if names else None

    def _found_output(self, href: str, job_id: str, output_id: str) -> own.Found:
        try:
            run = self._find(job_id)
            for output in self._outputs(run):
                if output.id == output_id:
                    output.size()  # its file is there
                    return self._found(run, output)
            raise errors.OutputNotFound(f"The job has no output {named(output_id)}")
        except errors.JobError as error:
            told = f"{clean(href, MAX_HREF)} cannot be used: {error}"
            raise errors.InvalidJobParameterError(told) from error

    def _found(self, run: runs.Run, output: Output) -> own.Found:
        block = run.parameters.get("result_storage_block")
        return own.Found(output, block if isinstance(block, str) else None, output.location)

    def details(self, job_id: str) -> JobDetails:
        """Details of a job for its page; raises as ``get`` does."""
        run = self._shown(self._find(job_id))
        outputs, problem = [], ""
        if status.status(run) == "successful":
            try:
                outputs = self._outputs(run)
            except errors.StackError as error:  # the page still has the rest to tell
                problem = str(error)
        try:
            request = submit.original_request(run)
        except errors.StackError:
            request = {}
        return JobDetails(status.status_info(run), request, run.id, outputs, problem)

    def dismiss(self, job_id: str) -> dict[str, Any]:
        """Cancel a job that has not finished; remove one that has, with its outputs.

        Returns:
            The job's last statusInfo, with the status ``dismissed``.

        Raises:
            JobNotFoundError: There is no such job.
            StorageUnavailable: The outputs cannot be removed now; the job is still there.
        """
        try:
            info = status.status_info(self._dismissed(self._find(job_id)))
        except ObjectNotFound as error:
            client.check()  # what is not Prefect's answer is an outage
            raise JobNotFoundError(f"Job '{job_id}' was removed meanwhile") from error
        return {**info, "status": "dismissed", "message": "The job was dismissed"}

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
            LOGGER.info("job %s: removed with its outputs", job_id)
        return run

    def _patience(self, wait: float | None) -> float:
        longest = self._settings.manager.sync_timeout_seconds
        return longest if wait is None else min(wait, longest)

    def _find(self, job_id: str) -> runs.Run:
        try:
            canonical = str(uuid.UUID(job_id))
        except ValueError:
            canonical = ""
        run = runs.find(status.NAME_PREFIX + canonical) if canonical == job_id else None
        if run is None or status.TAG not in run.tags:
            raise JobNotFoundError(f"There is no job {named(job_id)}")
        return run

    def _verified(self, run: runs.Run) -> runs.Run:
        """A run whose flow broke its contract is failed: for us, and from now on in Prefect too."""
        if run.state_type != "COMPLETED":
            return run
        try:
            self._record(run)
        except JobFailedError as error:
            message = status.failed_message(JobFailedError(str(error)))
            return replace(run, state_type="FAILED", state_message=message)
        return run

    def _shown(self, run: runs.Run) -> runs.Run:
        """A verified run; while its record cannot be read, what Prefect knows of it."""
        try:
            return self._verified(run)
        except (errors.StorageUnavailable, errors.ConfigurationError) as error:
            LOGGER.warning("job %s: its record is not checked: %s", status.job_id(run), error)
            return run

    def _record(self, run: runs.Run) -> JobStatusInfoInternal:
        try:
            return records.read(run)
        except records.RecordMissing:
            raise  # the store may be put back: nothing of this is remembered
        except JobFailedError as error:
            LOGGER.error("job %s: %s", status.job_id(run), error)
            message = status.failed_message(error)
            runs.set_state(run.id, "FAILED", message, data=run.state_data, force=True)
            raise

    def _results(self, run: runs.Run) -> delivery.Reply:
        return delivery.deliver(self._outputs(run), submit.original_request(run))

    def _outputs(self, run: runs.Run) -> list[Output]:
        """The generated outputs of a successful job; for any other job the error that fits."""
        state = status.status(run)
        if state == "failed":
            raise status.failure(run)
        if state == "dismissed":
            raise JobDismissedError("The job was dismissed")
        if state != "successful":
            raise errors.JobNotReadyError(f"The job has no results yet: it is {state}")
        record = self._record(run)
        generated = record.generated_outputs or {}
        store = self._store(run)
        return [self._output(run, store, key, output) for key, output in generated.items()]

    def _output(
        self, run: runs.Run, store: storage.Store, output_id: str, stored: Stored
    ) -> Output:
        job_id = status.job_id(run)
        try:
            inside = store.resolve(stored.location)
        except storage.OutsideStore as error:
            LOGGER.error("job %s: output %s is not in its block: %s", job_id, output_id, error)
            raise JobFailedError(f"output '{output_id}' is not in the result storage") from error
        seconds = self._settings.manager.signed_links_seconds
        signed = store.sign(inside, seconds) if seconds else None
        return Output(
            id=output_id,
            media_type=usable_media_type(stored.media_type) or "application/octet-stream",
            chunks=lambda start=0, length=None: store.chunks(inside, start, length),
            size=lambda: store.size(inside),
            location=inside,
            href=signed or links.output_url(self._settings.public_url, job_id, output_id),
            json_bytes=stored.json_bytes,
        )

    def _store(self, run: runs.Run) -> storage.Store:
        """Store of the job's outputs: the block that the flow was given."""
        return self._local.store(run.parameters.get("result_storage_block"))

    def _remove(self, run: runs.Run) -> None:
        """Files first: a job whose files cannot be removed stays, so that one can try again."""
        removal.remove_files(run, lambda: self._store(run))
        runs.delete(run.id)
