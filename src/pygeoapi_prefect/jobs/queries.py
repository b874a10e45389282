"""Queries of OGC API - Processes: one job, the list of jobs, the results."""

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from pygeoapi_prefect import errors
from pygeoapi_prefect.access.principal import Principal
from pygeoapi_prefect.config import Settings
from pygeoapi_prefect.engine import runs
from pygeoapi_prefect.execution.request import Request
from pygeoapi_prefect.jobs import records, run_parameters, status
from pygeoapi_prefect.jobs.filters import JobFilter
from pygeoapi_prefect.jobs.lookup import find, tags_seen_by
from pygeoapi_prefect.jobs.outputs import Outputs
from pygeoapi_prefect.models.documents import StatusInfo
from pygeoapi_prefect.results import delivery
from pygeoapi_prefect.results.output import Output

ALL = JobFilter()
DURATION_SCAN = 5_000
"""Number of newest jobs that are read to filter by duration."""


@dataclass(frozen=True)
class JobPage:
    """One page of the job list, newest first; ``has_more`` if there is another one after it.

    Matching jobs are not counted: with 100 000 jobs that would take longer than all else.
    """

    jobs: list[StatusInfo]
    has_more: bool


@dataclass(frozen=True)
class JobDetails:
    """A job with the further information on its page.

    Attributes:
        info: The statusInfo, without links.
        request: The execute request, or an empty one if it cannot be read now.
        run_id: Identifier of the flow run in Prefect.
        outputs: What a successful job has generated.
        problem: Why the outputs cannot be shown now, or nothing.
    """

    info: StatusInfo
    request: Request
    run_id: str
    outputs: list[Output]
    problem: str


class Queries:
    """Queries about jobs, each for a principal. One instance serves all threads of a web process.

    A job that the principal may not see does not exist for it.
    """

    def __init__(self, settings: Settings) -> None:
        self._outputs = Outputs(settings)

    def get(self, job_id: str, principal: Principal) -> StatusInfo:
        """The job's statusInfo, without links.

        Raises:
            JobNotFoundError: There is no such job.
        """
        return status.status_info(records.shown(find(job_id, principal)))

    def verified_status(self, job_id: str, principal: Principal) -> str:
        """The job's status, which its record agrees with; raises as ``get`` does.

        Raises:
            StorageUnavailable: Its record cannot be read now.
        """
        return status.status(records.verified(find(job_id, principal)))

    def page(
        self, limit: int, offset: int, principal: Principal, wanted: JobFilter = ALL
    ) -> JobPage:
        """A page of the matching jobs, newest first.

        Args:
            limit: Largest number of jobs.
            offset: How many of the newest are left out.
            principal: Who wants to see them.
            wanted: Which jobs are wanted. Of durations only the newest ``DURATION_SCAN`` jobs that
                are wanted otherwise are looked at.
        """
        chosen = wanted.as_prefect(tags_seen_by(principal))
        if wanted.has_duration:
            now = datetime.now(UTC)
            newest = islice(runs.iterate(chosen), DURATION_SCAN)
            matching = (run for run in newest if wanted.accepts_duration(run, now))
            found = list(islice(matching, offset, offset + limit + 1))
        else:
            found = list(islice(runs.iterate(chosen, offset, limit + 1), limit + 1))
        return JobPage([status.status_info(run) for run in found[:limit]], len(found) > limit)

    def count(self, principal: Principal) -> int:
        """Count all jobs that the principal may see."""
        return runs.count(ALL.as_prefect(tags_seen_by(principal)))

    def results(self, job_id: str, principal: Principal) -> delivery.Reply:
        """The results in the form of the execute request.

        Raises:
            JobNotFoundError: There is no such job.
            JobNotReadyError: It has not finished.
            JobDismissedError: It was dismissed.
            StackError: It failed; the error says why as far as a client may know.
        """
        return self._outputs.reply(find(job_id, principal))

    def document(
        self, job_id: str, principal: Principal, *, only_references: bool = False
    ) -> delivery.Reply:
        """The results as a document, regardless of the execute request; see ``results``.

        Args:
            job_id: Identifier of the job.
            principal: Who wants to see them.
            only_references: Whether all outputs are to be given by reference.
        """
        return self._outputs.document(find(job_id, principal), only_references=only_references)

    def output(
        self, job_id: str, output_id: str, principal: Principal, range_header: str | None = None
    ) -> delivery.Reply:
        """One output unchanged, or the requested range of it; raises like ``results``.

        Raises:
            OutputNotFound: The job has no such output.
        """
        return delivery.ranged(self._outputs.one(find(job_id, principal), output_id), range_header)

    def details(self, job_id: str, principal: Principal) -> JobDetails:
        """Details of a job for its page; raises as ``get`` does."""
        run = records.shown(find(job_id, principal))
        outputs, problem = [], ""
        if status.status(run) == "successful":
            try:
                outputs = self._outputs.of(run)
            except errors.StackError as error:  # the page still has the rest to tell
                problem = str(error)
        try:
            request = run_parameters.original_request(run)
        except errors.StackError:
            request = Request()
        return JobDetails(status.status_info(run), request, run.id, outputs, problem)
