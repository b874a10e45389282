"""What a flow returns is checked before anybody believes it."""

import json
from typing import Any

import pytest

from pygeoapi_prefect.errors import JobFailedError
from pygeoapi_prefect.models.processes import JobStatusInfoInternal
from pygeoapi_prefect.process.contract import verify

OUTPUT = {"location": "/store/job/x", "media_type": "text/plain"}
PARAMETERS = {
    "job_id": "job",
    "process_description": json.dumps({"id": "process", "outputs": {"a": {}, "b/c": {}}}),
}


def record(**members: Any) -> JobStatusInfoInternal:
    known = {"jobID": "job", "processID": "process", "status": "successful", **members}
    return JobStatusInfoInternal.model_validate(known)


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"processID": None},
        {"generated_outputs": {}},
        {"generated_outputs": {"a": OUTPUT, "b/c": OUTPUT}},
    ],
)
def test_a_record_of_the_job_is_taken(members: dict[str, Any]) -> None:
    verify(record(**members), PARAMETERS)


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"jobID": "other"}, "the jobID 'other' instead of 'job'"),
        ({"processID": "other"}, "the processID 'other' instead of 'process'"),
        ({"status": "running"}, "the status 'running'"),
        ({"status": "accepted"}, "the status 'accepted'"),
        ({"status": "dismissed"}, "the status 'dismissed'"),
        ({"generated_outputs": {"a": OUTPUT, "d": OUTPUT}}, "does not declare: 'd'"),
        ({"generated_outputs": {f"x{n}": OUTPUT for n in range(9)}}, "'x4' and 4 more"),
        ({"generated_outputs": {"x" * 10_000: OUTPUT}}, "x..."),
    ],
)
def test_a_breach_of_the_contract_says_what_it_is(members: dict[str, Any], told: str) -> None:
    """Fault 27."""
    with pytest.raises(JobFailedError) as caught:
        verify(record(**members), PARAMETERS)
    assert told in str(caught.value)
    assert str(caught.value).startswith("The process returned an invalid result: ")
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("message", ["the raster is empty", None])
def test_a_failure_has_the_message_of_the_flow(message: str | None) -> None:
    """Fault 27: failed is failed, whatever else is in the record."""
    with pytest.raises(JobFailedError) as caught:
        verify(record(status="failed", message=message, jobID="other"), PARAMETERS)
    assert str(caught.value) == (message or "The process failed")


@pytest.mark.parametrize("described", [None, "{", "[]", "{}", {"id": "process", "outputs": None}])
def test_what_is_not_known_is_not_held_against_a_record(described: object) -> None:
    """A job of an older version, or of another server, may have other parameters."""
    verify(record(generated_outputs={"d": OUTPUT}), {"process_description": described})


def test_a_process_without_declared_outputs_has_one_without_a_name() -> None:
    parameters = {"process_description": json.dumps({"id": "process", "outputs": {}})}
    verify(record(generated_outputs={"result": OUTPUT}), parameters)
    with pytest.raises(JobFailedError, match="does not declare"):
        verify(record(generated_outputs={"a": OUTPUT}), parameters)
