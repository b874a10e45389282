"""Status of jobs, and lists."""

# Field names and aliases are both used here; a type checker knows only one of them.
# mypy: disable-error-code="call-arg"

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from pygeoapi_prefect.models.processes import (
    ExecutionOutput,
    JobList,
    JobStatus,
    JobStatusInfoBase,
    JobStatusInfoInternal,
    JobStatusInfoRead,
    Link,
    OutputExecutionResultInternal,
    ProcessExecutionMode,
    ProcessList,
    ProcessOutputTransmissionMode,
    ProcessResponseType,
    ProcessSummary,
)

TIME = datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=UTC)


def test_what_a_flow_returns() -> None:
    status = JobStatusInfoInternal(
        jobID="1",
        processID="p",
        status=JobStatus.successful,
        generated_outputs={
            "result": OutputExecutionResultInternal(
                location="s3://b/1/r.txt", media_type="text/plain"
            )
        },
    )
    assert (status.job_id, status.process_id) == ("1", "p")
    assert status.generated_outputs is not None
    assert status.generated_outputs["result"].location == "s3://b/1/r.txt"
    assert status.model_dump(by_alias=True, exclude_none=True, mode="json") == {
        "jobID": "1",
        "processID": "p",
        "status": "successful",
        "generated_outputs": {"result": {"location": "s3://b/1/r.txt", "media_type": "text/plain"}},
    }


def test_by_alias_and_by_field_name_it_is_the_same() -> None:
    by_name = JobStatusInfoInternal(job_id="1", process_id="p", status=JobStatus.failed)
    assert by_name == JobStatusInfoInternal(jobID="1", processID="p", status=JobStatus.failed)
    assert by_name == JobStatusInfoInternal.model_validate(
        {"jobID": "1", "processID": "p", "status": "failed"}
    )


FULL = JobStatusInfoInternal(
    job_id="1",
    process_id="p",
    status=JobStatus.running,
    message="half",
    created=TIME,
    started=TIME,
    finished=TIME,
    updated=TIME,
    progress=50,
    negotiated_execution_mode=ProcessExecutionMode.async_execute,
    requested_response_type=ProcessResponseType.document,
    requested_outputs={
        "a": ExecutionOutput(transmission_mode=ProcessOutputTransmissionMode.REFERENCE)
    },
    generated_outputs={"a": OutputExecutionResultInternal(location="l", media_type="a/b")},
)


@pytest.mark.parametrize("by_alias", [True, False])
@pytest.mark.parametrize("exclude_none", [True, False])
def test_any_dump_can_be_read_again(by_alias: bool, exclude_none: bool) -> None:
    dumped = FULL.model_dump(mode="json", by_alias=by_alias, exclude_none=exclude_none)
    assert JobStatusInfoInternal.model_validate(json.loads(json.dumps(dumped))) == FULL
    short = JobStatusInfoInternal(job_id="1", status=JobStatus.accepted)
    dumped = short.model_dump(mode="json", by_alias=by_alias, exclude_none=exclude_none)
    assert JobStatusInfoInternal.model_validate(dumped) == short


def test_times_are_written_with_their_offset() -> None:
    dumped = FULL.model_dump(mode="json", by_alias=True)
    assert dumped["created"] == "2026-01-02T03:04:05.678900Z"


@pytest.mark.parametrize(
    "change",
    [
        {"jobID": None},
        {"status": "done"},
        {"status": None},
        {"progress": -1},
        {"progress": 101},
        {"progress": 1.5},
        {"created": "yesterday"},
        {"generated_outputs": {"a": {"location": "l"}}},
        {"generated_outputs": {"a": {"location": None, "media_type": "a/b"}}},
        {"generated_outputs": {"a": {"location": "l", "media_type": None}}},
        {"generated_outputs": "{}"},
        {"negotiated_execution_mode": "sync"},
    ],
    ids=json.dumps,
)
def test_wrong_status(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        JobStatusInfoInternal.model_validate({"jobID": "1", "status": "running", **change})


@pytest.mark.parametrize("progress", [0, 100])
def test_the_ends_of_progress(progress: int) -> None:
    assert JobStatusInfoBase(job_id="1", status=JobStatus.running, progress=progress).progress == (
        progress
    )


def test_what_a_client_reads_names_its_type_and_nothing_that_is_not_there() -> None:
    read = JobStatusInfoRead(
        job_id="1", status=JobStatus.accepted, links=[Link(href="/jobs/1", rel="self")]
    )
    assert read.model_dump(mode="json", by_alias=True, exclude_none=True) == {
        "jobID": "1",
        "status": "accepted",
        "type": "process",
        "links": [{"href": "/jobs/1", "rel": "self"}],
    }


def test_lists() -> None:
    jobs = JobList(jobs=[JobStatusInfoRead(job_id="1", status=JobStatus.failed)], links=[])
    assert jobs.model_dump(mode="json", by_alias=True, exclude_none=True) == {
        "jobs": [{"jobID": "1", "status": "failed", "type": "process"}],
        "links": [],
    }
    processes = ProcessList(
        processes=[ProcessSummary(id="p", version="1")], links=[Link(href="/processes")]
    )
    assert processes.model_dump(mode="json", by_alias=True, exclude_none=True) == {
        "processes": [
            {
                "id": "p",
                "version": "1",
                "jobControlOptions": ["sync-execute"],
                "outputTransmission": ["value"],
            }
        ],
        "links": [{"href": "/processes"}],
    }
