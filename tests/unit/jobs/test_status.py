"""A flow run as statusInfo, and what a client is told of a failure."""

import signal
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pygeoapi.process.base import ProcessorExecuteError

from pygeoapi_prefect import errors
from pygeoapi_prefect.engine import endings
from pygeoapi_prefect.engine.runs import Run
from pygeoapi_prefect.jobs import status
from pygeoapi_prefect.process import failures

JOB = "6f1c0c35-7c43-4a9c-9b32-7dc1a8ff1d54"


def run(state: str, **changes: Any) -> Run:
    fields = {
        "id": "1",
        "name": f"pygeoapi_job_{JOB}",
        "state_type": state,
        "state_name": state.title(),
        "created": "2026-01-02T03:04:05.678901Z",
        "updated": "2026-01-02T03:05:00Z",
        "start_time": "2026-01-02T03:04:06Z",
        "end_time": "2026-01-02T03:04:59Z",
        "run_count": 1,
        "tags": ["process:echo", "pygeoapi"],
        "labels": {},
        "state": {"message": changes.pop("message", None), "data": None},
    }
    return Run.from_json({**fields, **changes})


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("SCHEDULED", "accepted"),
        ("PENDING", "accepted"),
        ("PAUSED", "accepted"),
        ("RUNNING", "running"),
        ("COMPLETED", "successful"),
        ("FAILED", "failed"),
        ("CRASHED", "failed"),
        ("CANCELLING", "dismissed"),
        ("CANCELLED", "dismissed"),
    ],
)
def test_every_state_has_a_status(state: str, expected: str) -> None:
    info = status.status_info(run(state))
    assert info["status"] == expected
    assert info["jobID"] == JOB
    assert info["processID"] == "echo"
    assert info["type"] == "process"
    assert info["message"]
    assert None not in info.values()


def test_times_are_rfc3339_in_utc() -> None:
    info = status.status_info(run("COMPLETED"))
    assert info["created"] == "2026-01-02T03:04:05.678Z"
    assert info["started"] == "2026-01-02T03:04:06.000Z"
    assert info["finished"] == "2026-01-02T03:04:59.000Z"
    assert status.rfc3339(datetime(2026, 1, 1, tzinfo=UTC)) == "2026-01-01T00:00:00.000Z"


def test_what_has_not_happened_is_absent() -> None:
    waiting = status.status_info(run("SCHEDULED", start_time=None, end_time=None, run_count=0))
    assert not {"started", "finished"} & set(waiting)
    running = status.status_info(run("RUNNING", end_time=None))
    assert "started" in running
    assert not {"finished", "progress"} & set(running)


def test_a_job_cancelled_before_it_began_never_started() -> None:
    info = status.status_info(run("CANCELLED", run_count=0))
    assert "started" not in info
    assert "finished" in info


@pytest.mark.parametrize(("label", "expected"), [(42, 42), (142, 100), (-1, 0), (3.9, 3)])
def test_progress_comes_from_the_label(label: float, expected: int) -> None:
    labels = {"pygeoapi.progress": label, "pygeoapi.message": "zone 4 of 9"}
    info = status.status_info(run("RUNNING", labels=labels))
    assert info["progress"] == expected
    assert info["message"] == "zone 4 of 9"
    assert status.status_info(run("COMPLETED", labels=labels))["progress"] == 100


def test_fault_9_the_flows_last_message_stays() -> None:
    """Fault 9: where there is none, the default is told."""
    told = {"pygeoapi.message": "wrote 5 zones", "pygeoapi.attempt": 1}
    assert status.status_info(run("COMPLETED", labels=told))["message"] == "wrote 5 zones"
    assert status.status_info(run("COMPLETED"))["message"] == "The process has finished"
    dismissed = status.status_info(run("CANCELLED", labels=told))
    assert dismissed["message"] == "The job was dismissed"


def test_fault_9_an_attempt_begins_at_0() -> None:
    """Fault 9: what an earlier attempt has told does not count."""
    labels = {"pygeoapi.progress": 66, "pygeoapi.message": "writing", "pygeoapi.attempt": 1}
    first = status.status_info(run("RUNNING", run_count=1, labels=labels))
    assert (first["progress"], first["message"]) == (66, "writing")
    second = status.status_info(run("RUNNING", run_count=2, labels=labels))
    assert (second["progress"], second["message"]) == (0, "The process is running (attempt 2)")
    labels["pygeoapi.attempt"] = 2
    assert status.status_info(run("RUNNING", run_count=2, labels=labels))["progress"] == 66


def failure(message: str, state: str = "FAILED", **changes: Any) -> errors.StackError:
    return status.failure(run(state, message=message, **changes))


def test_a_documented_error_keeps_message_type_and_status() -> None:
    error = failure(
        "Flow run encountered an exception: MissingJobParameterError: Cannot process without a name"
    )
    assert isinstance(error, errors.MissingJobParameterError)
    assert str(error) == "Cannot process without a name"
    assert error.status == 400


def test_a_message_of_several_lines_is_kept() -> None:
    error = failure("Flow run encountered an exception: JobFailedError: one\ntwo")
    assert str(error) == "one\ntwo"


class Unreadable(ProcessorExecuteError):  # type: ignore[misc]
    http_status_code = 422
    ogc_exception_code = "UnreadableRaster"


def test_a_processor_error_keeps_its_status_and_code() -> None:
    error = failure("Flow run encountered an exception: Unreadable: not a raster")
    assert str(error) == "not a raster"
    assert error.status == 422
    assert error.type.endswith("/unreadable-raster")


@pytest.mark.parametrize(
    "message",
    [
        "Flow run encountered an exception: ValueError: secret path /etc",
        "Flow run encountered an exception: KeyError: 'x'",
        "Flow run infrastructure exited with non-zero status code -9.",
        "",
        "MissingJobParameterError: not in Prefect's form",
    ],
)
def test_of_any_other_error_only_the_job_is_told(message: str) -> None:
    error = failure(message)
    assert isinstance(error, errors.JobFailedError)
    assert str(error) == f"The process failed (job {JOB})"
    assert error.status == 500


def test_a_time_out_is_told() -> None:
    error = failure("x", state_name="TimedOut")
    assert str(error) == "The process exceeded its time limit"
    assert error.type.endswith("/job-ended")


def test_the_failure_is_the_jobs_message() -> None:
    data = failures.as_data(errors.InvalidJobParameterError("zone 3 is not a polygon"))
    failed = replace(run("FAILED", message="for operators"), state_data=data)
    assert status.status_info(failed)["message"] == "zone 3 is not a polygon"
    assert status.failure(failed).status == 400


def test_the_process_comes_from_the_tag() -> None:
    assert status.process_id(run("RUNNING", tags=["a", "process:x:y", "pygeoapi"])) == "x:y"
    assert status.process_id(run("RUNNING", tags=[])) == ""


@pytest.mark.parametrize(
    ("state", "run_count", "retries", "said"),
    [
        ("RUNNING", 1, 2, None),
        ("RUNNING", 2, 2, "(attempt 2 of 3)"),
        ("SCHEDULED", 0, 2, None),
        ("SCHEDULED", 1, 2, "(attempt 2 of 3)"),
        ("FAILED", 3, 2, "(attempt 3 of 3)"),
        ("FAILED", 1, 0, None),
        ("COMPLETED", 2, 1, "(attempt 2 of 2)"),
        ("CANCELLED", 2, 2, None),
        ("RUNNING", 2, None, "(attempt 2)"),
        ("SCHEDULED", 1, None, "(attempt 2)"),
        ("RUNNING", 4, 2, "(attempt 4 of 4)"),
    ],
)
def test_which_attempt_it_is(
    state: str, run_count: int, retries: int | None, said: str | None
) -> None:
    job = run(state, run_count=run_count, empirical_policy={"retries": retries})
    message = status.status_info(job)["message"]
    if said is None:
        assert "attempt" not in message
    else:
        assert message.endswith(said)


@pytest.mark.parametrize(
    "data",
    [
        None,
        "text",
        {},
        {"pygeoapi_ending": None},
        {"pygeoapi_ending": {"kind": "signal"}},
        {"pygeoapi_ending": {"kind": "signal", "number": "/srv/flows/code.py"}},
        {"pygeoapi_ending": {"kind": "/srv/flows/code.py", "number": 1}},
    ],
)
def test_fault_10_data_that_do_not_say_how_a_process_ended(data: object) -> None:
    crashed = replace(run("CRASHED", message="/srv/flows/code.py:3 SIGSEGV"), state_data=data)
    assert status.status_info(crashed)["message"] == f"The process failed (job {JOB})"


def test_fault_10_a_crash_is_told_with_its_kind() -> None:
    data = endings.as_data("signal", signal.SIGSEGV)
    crashed = replace(run("CRASHED", message="/srv/flows/code.py"), state_data=data)
    assert str(status.failure(crashed)) == "The process was ended by signal SIGSEGV"
    assert status.failure(crashed).type.endswith("/job-ended")


def test_a_lost_job_is_not_blamed_on_its_process() -> None:
    lost = replace(run("CRASHED", message="for operators"), state_data=endings.as_data("lost"))
    assert status.status_info(lost)["message"] == "The server lost the job; it may be sent again"
    assert status.failure(lost).type.endswith("/job-lost")
    assert status.failure(run("CRASHED", message="x")).type.endswith("/job-failed")
