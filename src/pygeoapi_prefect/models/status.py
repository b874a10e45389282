"""Status of jobs and lists of jobs and processes (``statusInfo.yaml``, ``jobList.yaml``)."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from pygeoapi_prefect.models.base import Link, Model
from pygeoapi_prefect.models.description import ProcessSummary
from pygeoapi_prefect.models.enums import JobStatus, ProcessExecutionMode, ProcessResponseType
from pygeoapi_prefect.models.execution import ExecutionOutput


class JobStatusInfoBase(Model):
    """Common members of a job's status.

    Attributes:
        job_id: Identifier of the job.
        process_id: Identifier of its process.
        status: Where it stands.
        message: A line for people.
        created: When it was accepted.
        started: When it began to run.
        finished: When it ended, in whatever way.
        updated: When any of this changed last.
        progress: How much is done, in percent.
    """

    job_id: str = Field(alias="jobID")
    process_id: str | None = Field(default=None, alias="processID")
    status: JobStatus
    message: str | None = None
    created: datetime | None = None
    started: datetime | None = None
    finished: datetime | None = None
    updated: datetime | None = None
    progress: Annotated[int, Field(ge=0, le=100)] | None = None


class OutputExecutionResultInternal(Model):
    """Location of an output that a flow has stored.

    Attributes:
        location: Full location in the result block, beginning with the block's ``basepath``.
        media_type: Media type of what is stored.
        json_bytes: Size of the file if ``write_output`` found it to be JSON while it wrote it; not
            for others to set. A file of another size is not the one that was looked at.
    """

    location: str
    media_type: str
    json_bytes: int | None = None


class JobStatusInfoInternal(JobStatusInfoBase):
    """Return value of a flow.

    Attributes:
        negotiated_execution_mode: How the job was executed.
        requested_response_type: Form of results that the client asked for.
        requested_outputs: Outputs that the client asked for.
        generated_outputs: Outputs that were made, by their ids.
    """

    negotiated_execution_mode: ProcessExecutionMode | None = None
    requested_response_type: ProcessResponseType | None = None
    requested_outputs: dict[str, ExecutionOutput] | None = None
    generated_outputs: dict[str, OutputExecutionResultInternal] | None = None


class JobStatusInfoRead(JobStatusInfoBase):
    """Status of a job for clients (``statusInfo.yaml``)."""

    type: Literal["process"] = "process"
    links: list[Link] | None = None


class JobList(Model):
    """A page of the list of jobs (``jobList.yaml``)."""

    jobs: list[JobStatusInfoRead]
    links: list[Link]


class ProcessList(Model):
    """A page of the list of processes (``processList.yaml``)."""

    processes: list[ProcessSummary]
    links: list[Link]
