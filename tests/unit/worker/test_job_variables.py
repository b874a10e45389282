"""Job variables, and how a run's are put on top of its deployment's."""

import asyncio
from typing import Any, cast

import pytest
from prefect.client.orchestration import PrefectClient
from prefect.workers.process import ProcessWorker
from pydantic import ValidationError

from pygeoapi_prefect.worker.job_variables import LIMITS, JobConfiguration, Variables
from pygeoapi_prefect.worker.launch_plans import merged
from pygeoapi_prefect.worker.worker import PygeoapiWorker, default_limit

# No block and no variable is named, so Prefect is not asked.
NOBODY = cast(PrefectClient, object())


def configured(**values: Any) -> JobConfiguration:
    """What the template of a pool for Prefect's process worker makes of job variables."""
    template = ProcessWorker.get_default_base_job_template()
    return asyncio.run(JobConfiguration.from_template_and_values(template, values, NOBODY))


def test_limits_pass_through_a_pool_made_for_the_process_worker() -> None:
    found = configured(memory_limit_mb=200, timeout_seconds=1.5, env={"A": "1"})
    assert (found.memory_limit_mb, found.timeout_seconds) == (200, 1.5)
    assert found.env["A"] == "1"


def test_without_limits_there_are_none() -> None:
    found = configured()
    assert (found.memory_limit_mb, found.timeout_seconds) == (None, None)


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("value", [0, -1, "much"])
def test_limits_that_are_none(name: str, value: object) -> None:
    with pytest.raises(ValidationError, match=name):
        configured(**{name: value})


def test_fault_12_crash_retries_pass_through_too() -> None:
    assert configured(crash_retries=0).crash_retries == 0
    assert configured(crash_retries=3).crash_retries == 3
    with pytest.raises(ValidationError, match="crash_retries"):
        configured(crash_retries=-1)


def test_the_template_of_a_pool_is_not_changed() -> None:
    template = ProcessWorker.get_default_base_job_template()
    asyncio.run(JobConfiguration.from_template_and_values(template, {}, NOBODY))
    assert template == ProcessWorker.get_default_base_job_template()


def test_the_schema_of_the_variables_names_the_limits() -> None:
    properties = Variables.model_json_schema()["properties"]
    assert set(LIMITS) <= set(properties)
    assert all(properties[name]["title"] for name in LIMITS)


@pytest.mark.parametrize(
    ("deployment", "run", "expected"),
    [
        ({}, {}, {}),
        ({"memory_limit_mb": 1}, {}, {"memory_limit_mb": 1}),
        ({"memory_limit_mb": 1}, {"memory_limit_mb": 2}, {"memory_limit_mb": 2}),
        ({"env": {"A": "1", "B": "1"}}, {"env": {"B": "2"}}, {"env": {"A": "1", "B": "2"}}),
        ({"env": {"A": "1"}}, {"command": "x"}, {"env": {"A": "1"}, "command": "x"}),
        ({"env": None}, {}, {"env": None}),
    ],
)
def test_variables_of_a_run_win(
    deployment: dict[str, Any], run: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert merged(deployment, run) == expected


def test_as_many_jobs_as_processors_but_some_at_least() -> None:
    assert default_limit() >= 4


def test_prefect_finds_the_worker_by_its_type() -> None:
    from prefect.workers.base import BaseWorker

    assert BaseWorker.get_worker_class_from_type("pygeoapi") is PygeoapiWorker
    assert "forked" in PygeoapiWorker.get_description()


def test_two_workers_of_one_name_are_told_apart() -> None:
    first, second = (PygeoapiWorker("pool", name="w", limit=3) for _ in range(2))
    assert first.name != second.name
    assert first.name.startswith("w-")
    assert first.type == ProcessWorker.type
