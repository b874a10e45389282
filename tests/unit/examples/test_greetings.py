"""The two greeting processes of the 2023 design."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect import Task
from prefect.logging import disable_run_logger
from prefect.settings import PREFECT_LOCAL_STORAGE_PATH, temporary_settings
from pygeoapi.process import exceptions

from pygeoapi_prefect.examples import hi_prefect_world
from pygeoapi_prefect.examples.hi_prefect_world import HiPrefectWorldProcessor
from pygeoapi_prefect.examples.simple_flow import SimpleFlowProcessor
from pygeoapi_prefect.execution.inputs import validate
from pygeoapi_prefect.models.processes import ExecuteRequest, JobStatus, JobStatusInfoInternal
from pygeoapi_prefect.process.base import BasePrefectProcessor

# Taken here: the fixture below puts plain functions in their place.
TASKS: list[Task[Any, Any]] = [
    hi_prefect_world.generate_result,
    hi_prefect_world.store_result,
    hi_prefect_world.generate_status_info,
]
PROCESSORS = [HiPrefectWorldProcessor, SimpleFlowProcessor]


@pytest.fixture(autouse=True)
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Run flows and their tasks as plain functions; outputs go to a folder of the test's own."""
    for task in TASKS:
        monkeypatch.setattr(hi_prefect_world, task.name, task.fn)
    with temporary_settings({PREFECT_LOCAL_STORAGE_PATH: tmp_path}), disable_run_logger():
        yield tmp_path


def run(processor: type[BasePrefectProcessor], inputs: Any) -> JobStatusInfoInternal:
    status: JobStatusInfoInternal = processor.process_flow.fn(
        job_id="job-1",
        result_storage_block=None,
        process_description=processor({"name": "x"}).process_description,
        execution_request=ExecuteRequest.model_validate({"inputs": inputs}),
    )
    return status


@pytest.mark.parametrize("processor", PROCESSORS)
@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ({"name": "Joe"}, "Hello Joe!"),
        ({"name": "Joe", "message": "hey"}, "Hello Joe! hey"),
        ({"name": "Jürgen", "message": ""}, "Hello Jürgen!"),
        ({"name": {"value": "Ann"}, "message": {"value": "qualified"}}, "Hello Ann! qualified"),
    ],
)
def test_greeting_is_stored_where_the_location_says(
    processor: type[BasePrefectProcessor], inputs: Any, text: str, results: Path
) -> None:
    status = run(processor, inputs)
    assert status.status == JobStatus.successful
    assert status.job_id == "job-1"
    assert status.process_id == processor({"name": "x"}).process_description.id
    assert status.generated_outputs is not None
    output = status.generated_outputs["result"]
    assert output.media_type == "text/plain"
    assert output.location == f"{results}/job-1/output-result.txt"
    assert Path(output.location).read_text(encoding="utf-8") == text


@pytest.mark.parametrize("processor", PROCESSORS)
@pytest.mark.parametrize("inputs", [None, {}, {"message": "hey"}])
def test_missing_name_is_an_error_that_the_client_learns_of(
    processor: type[BasePrefectProcessor], inputs: Any
) -> None:
    with pytest.raises(
        exceptions.MissingJobParameterError, match=r"^Cannot process without a name$"
    ):
        run(processor, inputs)


@pytest.mark.parametrize(
    ("processor", "process_id", "flow_name"),
    [
        (HiPrefectWorldProcessor, "hi-prefect-world", "hi-prefect-world"),
        (SimpleFlowProcessor, "simple-flow", "simple-flow"),
    ],
)
def test_names_are_those_of_the_2023_design(
    processor: type[BasePrefectProcessor], process_id: str, flow_name: str
) -> None:
    metadata = processor({"name": "x"}).metadata
    assert metadata["id"] == process_id
    assert processor.process_flow.name == flow_name
    assert processor.process_flow.persist_result is True
    assert metadata["version"] == "0.0.1"
    assert metadata["jobControlOptions"] == ["sync-execute", "async-execute"]
    assert list(metadata["inputs"]) == ["name", "message"]
    assert metadata["inputs"]["name"]["minOccurs"] == 1
    assert metadata["inputs"]["message"]["minOccurs"] == 0
    assert metadata["outputs"]["result"]["schema"] == {
        "type": "string",
        "contentMediaType": "text/plain",
    }


@pytest.mark.parametrize("processor", PROCESSORS)
def test_example_of_the_description_is_valid(processor: type[BasePrefectProcessor]) -> None:
    metadata = processor({"name": "x"}).metadata
    inputs = metadata["example"]["inputs"]
    assert validate(inputs, metadata["inputs"], fetch=unexpected, check=unexpected) == inputs
    run(processor, inputs)


def unexpected(*_: Any) -> Any:
    raise AssertionError("no input is given by reference")


def test_the_three_tasks_keep_no_results() -> None:
    assert [task.name for task in TASKS] == [
        "generate_result",
        "store_result",
        "generate_status_info",
    ]
    assert {task.persist_result for task in TASKS} == {False}
