"""The models where Prefect handles them: parameters of a flow, and its persisted result."""

# Field names and aliases are both used here; a type checker knows only one of them.
# mypy: disable-error-code="call-arg"

import json
from typing import Any

import pytest
from prefect import flow
from prefect.serializers import JSONSerializer
from prefect.utilities.callables import parameter_schema
from pygeoapi.process import echo, hello_world, shapely_functions

from pygeoapi_prefect.models import processes as schemas

DESCRIPTION = schemas.ProcessDescription(
    id="p",
    version="1",
    inputs={"a": schemas.ProcessInput(schema_=schemas.ProcessIOSchema(enum=["x", None]))},
    outputs={"r": schemas.ProcessOutput(schema_=schemas.ProcessIOSchema(title="r"))},
)
REQUEST = schemas.ExecuteRequest.model_validate(
    {
        "inputs": {
            "template": {"__prefect_kind": "jinja", "template": "{{ 7*7 }}"},
            "floats": [1.0, 2.5],
        },
        "outputs": {"r": {"format": {"mediaType": "a/b"}}},
    }
)


@flow(persist_result=True)
def sample(
    job_id: str,
    result_storage_block: str | None,
    process_description: schemas.ProcessDescription,
    execution_request: schemas.ExecuteRequest,
) -> schemas.JobStatusInfoInternal:
    raise NotImplementedError


@pytest.mark.parametrize("as_text", [True, False], ids=["text", "dicts"])
def test_prefects_validation_makes_models_of_text_and_of_dicts(as_text: bool) -> None:
    parameters: dict[str, Any] = {
        "job_id": "1",
        "result_storage_block": None,
        "process_description": DESCRIPTION.to_json() if as_text else DESCRIPTION.as_dict(),
        "execution_request": REQUEST.to_json() if as_text else REQUEST.as_dict(),
    }
    validated = sample.validate_parameters(parameters)
    assert validated["process_description"] == DESCRIPTION
    assert validated["execution_request"] == REQUEST
    assert validated["execution_request"].as_dict() == REQUEST.as_dict()


def test_prefect_can_derive_the_schema_of_the_parameters() -> None:
    schema = parameter_schema(sample.fn)
    assert schema.required == [
        "job_id",
        "result_storage_block",
        "process_description",
        "execution_request",
    ]
    json.dumps(schema.model_dump())


def test_the_result_survives_prefects_json_serializer() -> None:
    status = schemas.JobStatusInfoInternal(
        job_id="1",
        status=schemas.JobStatus.successful,
        requested_outputs=REQUEST.outputs,
        generated_outputs={
            "r": schemas.OutputExecutionResultInternal(location="l", media_type="a/b")
        },
    )
    assert JSONSerializer().loads(JSONSerializer().dumps(status)) == status


@pytest.mark.parametrize(
    "module", [echo, hello_world, shapely_functions], ids=lambda module: module.__name__
)
def test_descriptions_of_pygeoapis_own_processes_are_understood(module: Any) -> None:
    metadata = json.loads(json.dumps(module.PROCESS_METADATA))
    dumped = schemas.ProcessDescription.model_validate(metadata).as_dict()
    assert dumped.keys() == metadata.keys()
    for part in ("inputs", "outputs"):
        for name, described in metadata[part].items():
            assert dumped[part][name]["schema"] == described["schema"]
