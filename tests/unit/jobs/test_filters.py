"""The query of the job list: what it accepts, what it asks Prefect for, what a duration is."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pygeoapi_prefect.engine.runs import Run
from pygeoapi_prefect.errors import InvalidJobParameterError
from pygeoapi_prefect.jobs.filters import JobFilter, parse

NOW = datetime(2026, 1, 2, 3, 10, tzinfo=UTC)
ALL_OURS = {"tags": {"all_": ["pygeoapi"]}}


def run(state: str, **changes: Any) -> Run:
    fields = {
        "id": "1",
        "name": "pygeoapi_job_x",
        "state_type": state,
        "created": "2026-01-02T03:04:05.678901Z",
        "start_time": "2026-01-02T03:04:00Z",
        "end_time": "2026-01-02T03:05:00Z",
        "run_count": 1,
    }
    return Run.from_json({**fields, **changes})


def parsed(**query: str | list[str]) -> JobFilter:
    return parse({name: [v] if isinstance(v, str) else v for name, v in query.items()})


def test_no_parameter_means_all_jobs() -> None:
    assert parse({}) == JobFilter()
    assert parsed(type="process", limit="7", offset="3", f="json") == JobFilter()
    assert JobFilter().as_prefect(["pygeoapi"]) == ALL_OURS
    assert not JobFilter().has_duration


@pytest.mark.parametrize("values", ["a,b", ["a", "b"], ["a,b", "a"]])
def test_an_array_with_commas_or_repeated(values: str | list[str]) -> None:
    wanted = parsed(processID=values)
    assert wanted.process_ids == ("a", "b")
    assert wanted.as_prefect(["pygeoapi"])["tags"] == {
        "all_": ["pygeoapi"],
        "any_": ["process:a", "process:b"],
    }


@pytest.mark.parametrize(
    ("values", "states"),
    [
        ("accepted", ["SCHEDULED", "PENDING", "PAUSED"]),
        ("running", ["RUNNING"]),
        ("successful", ["COMPLETED"]),
        ("failed", ["FAILED", "CRASHED"]),
        ("dismissed", ["CANCELLING", "CANCELLED"]),
        ("running,failed", ["RUNNING", "FAILED", "CRASHED"]),
    ],
)
def test_statuses_are_states_of_prefect(values: str, states: list[str]) -> None:
    assert parsed(status=values).as_prefect(["pygeoapi"])["state"] == {"type": {"any_": states}}


@pytest.mark.parametrize(
    ("text", "after", "before"),
    [
        ("2026-01-02T03:04:05.678Z", "2026-01-02T03:04:05.678000", "2026-01-02T03:04:05.678999"),
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05", "2026-01-02T03:04:05.000999"),
        ("2026-01-02t03:04:05z", "2026-01-02T03:04:05", "2026-01-02T03:04:05.000999"),
        ("2026-01-02T03:04:05.678901Z", "2026-01-02T03:04:05.678901", "2026-01-02T03:04:05.678901"),
        ("2026-01-02T03:04:05+02:00/..", "2026-01-02T01:04:05", None),
        ("2026-01-02T03:04:05Z/", "2026-01-02T03:04:05", None),
        ("../2026-01-02T03:04:05Z", None, "2026-01-02T03:04:05.000999"),
        ("/2026-01-02T03:04:05Z", None, "2026-01-02T03:04:05.000999"),
        ("2026-01-02", "2026-01-02T00:00:00", "2026-01-02T23:59:59.999999"),
        ("2026-01-02/2026-01-03", "2026-01-02T00:00:00", "2026-01-03T23:59:59.999999"),
        ("2026-01-02T00:00:00Z/2026-01-02T00:00:00Z", "2026-01-02T00:00:00",
         "2026-01-02T00:00:00.000999"),
    ],
)  # fmt: skip
def test_time_of_creation(text: str, after: str | None, before: str | None) -> None:
    wanted = {"after_": after, "before_": before}
    expected = {key: f"{value}+00:00" for key, value in wanted.items() if value}
    assert parsed(datetime=text).as_prefect(["pygeoapi"]) == {
        **ALL_OURS,
        "expected_start_time": expected,
    }


@pytest.mark.parametrize("text", ["..", "../..", "/", "../"])
def test_an_interval_open_at_both_ends(text: str) -> None:
    if "/" in text:
        assert parsed(datetime=text) == JobFilter()
    else:
        with pytest.raises(InvalidJobParameterError, match="datetime"):
            parsed(datetime=text)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("type", "wps"),
        ("type", ""),
        ("status", "done"),
        ("status", "running,"),
        ("status", "RUNNING"),
        ("processID", ""),
        ("processID", "a,,b"),
        ("processID", "a\0b"),
        ("datetime", ""),
        ("datetime", "yesterday"),
        ("datetime", "2026-13-01"),
        ("datetime", "2026-1-1"),
        ("datetime", "2026-01-02T03:04:05"),
        ("datetime", "2026-01-02 03:04:05Z"),
        ("datetime", "2026-01-02T03:04:60Z"),
        ("datetime", "0001-01-01T00:00:00+14:00"),
        ("datetime", "9999-12-31T23:59:59-14:00"),
        ("datetime", "0001-01-01"),
        ("datetime", "2026-01-03T00:00:00Z/2026-01-02T00:00:00Z"),
        ("datetime", "2026-01-01/2026-01-02/2026-01-03"),
        ("minDuration", "-1"),
        ("minDuration", "1.5"),
        ("maxDuration", "x"),
        ("maxDuration", ""),
        ("maxDuration", "9" * 400),
        ("maxDuration", "\u0661"),
    ],
)
def test_a_wrong_value_is_named(name: str, value: str) -> None:
    with pytest.raises(InvalidJobParameterError, match=f"'{name}'"):
        parsed(**{name: value})


@pytest.mark.parametrize("name", ["datetime", "minDuration", "maxDuration"])
def test_what_is_no_array_is_given_once(name: str) -> None:
    with pytest.raises(InvalidJobParameterError, match=f"'{name}' must not be repeated"):
        parsed(**{name: ["1", "2"]})


def test_a_duration_narrows_what_is_read() -> None:
    begun = ["RUNNING", "COMPLETED", "FAILED", "CRASHED", "CANCELLING", "CANCELLED"]
    wanted = parsed(minDuration="3").as_prefect(["pygeoapi"])
    assert wanted == {
        **ALL_OURS,
        "state": {"type": {"any_": begun}},
        "start_time": {"is_null_": False},
    }
    wanted = parsed(maxDuration="3", status="running").as_prefect(["pygeoapi"])
    assert wanted["state"] == {"type": {"any_": ["RUNNING"]}}


@pytest.mark.parametrize(
    ("query", "accepted"),
    [
        ({"minDuration": "60"}, True),
        ({"minDuration": "61"}, False),
        ({"maxDuration": "60"}, True),
        ({"maxDuration": "59"}, False),
        ({"minDuration": "60", "maxDuration": "60"}, True),
        ({"minDuration": "0"}, True),
    ],
)
def test_the_duration_of_a_job_that_has_ended(query: dict[str, str], accepted: bool) -> None:
    assert parsed(**query).accepts_duration(run("COMPLETED"), NOW) is accepted


def test_the_duration_of_a_job_that_runs_grows() -> None:
    wanted, running = parsed(minDuration="360"), run("RUNNING", end_time=None)
    assert wanted.accepts_duration(running, NOW)
    assert not wanted.accepts_duration(running, NOW - timedelta(seconds=1))


@pytest.mark.parametrize(
    "job",
    [
        run("CANCELLED", run_count=0),
        run("SCHEDULED", start_time=None, end_time=None, run_count=0),
        run("COMPLETED", start_time=None),
        run("COMPLETED", end_time=None),
    ],
)
def test_a_job_without_its_times_has_no_duration(job: Run) -> None:
    assert not parsed(minDuration="0").accepts_duration(job, NOW)


QUERIES = [
    {},
    {"processID": "a,b"},
    {"status": "accepted,running,successful,failed,dismissed"},
    {"datetime": "../2026-01-01T00:00:00Z"},
    {"minDuration": "1", "maxDuration": "5"},
    {"processID": "a", "status": "failed", "datetime": "2026-01-01", "minDuration": "1"},
    {"processID": "owner:0123456789abcdef", "type": "process"},
]


@pytest.mark.parametrize("query", QUERIES)
def test_every_filter_narrows_the_jobs_of_an_owner(query: dict[str, str]) -> None:
    """No condition is joined to that of the owner by "or", or by any operator of Prefect's."""
    wanted = parsed(**query).as_prefect(["pygeoapi", "owner:1"])
    assert wanted["tags"]["all_"] == ["pygeoapi", "owner:1"]
    assert "operator" not in repr(wanted)
    assert "or_" not in repr(wanted).replace("before_", "")
    assert all(tag.startswith("process:") for tag in wanted["tags"].get("any_", ()))
