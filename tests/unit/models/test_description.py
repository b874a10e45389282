"""Descriptions of processes."""

# Field names and aliases are both used here; a type checker knows only one of them.
# mypy: disable-error-code="call-arg"

import copy
import json
from typing import Any

import pytest
from pydantic import ValidationError

from pygeoapi_prefect.models.processes import (
    AdditionalProcessIOParameters,
    Link,
    ProcessDescription,
    ProcessInput,
    ProcessIOSchema,
    ProcessIOType,
    ProcessJobControlOption,
    ProcessOutput,
    ProcessOutputTransmissionMode,
    ProcessSummary,
)

MINIMAL: dict[str, Any] = {
    "id": "p",
    "version": "1.0.0",
    "inputs": {"a": {"schema": {"type": "string"}}},
    "outputs": {"r": {"schema": {"type": "string", "contentMediaType": "text/plain"}}},
}
FULL: dict[str, Any] = {
    "id": "p",
    "version": "1.0.0",
    "title": "P",
    "description": {"en": "A process", "fr": "Un processus"},
    "keywords": ["k"],
    "metadata": [{"title": "m", "role": "r", "href": "http://x"}],
    "additionalParameters": {"title": "t", "parameters": [{"name": "n", "value": ["v", 1, None]}]},
    "jobControlOptions": ["sync-execute", "async-execute", "dismiss"],
    "outputTransmission": ["value", "reference"],
    "links": [{"href": "http://x", "rel": "about", "type": "text/html", "hreflang": "en"}],
    "inputs": {
        "a": {
            "title": "A",
            "description": "d",
            "keywords": ["k"],
            "metadata": [{"title": "m"}],
            "minOccurs": 0,
            "maxOccurs": "unbounded",
            "additionalParameters": {"name": "n", "value": ["v", 1.5, {"a": 1}, [{"b": 2}]]},
            "schema": {
                "oneOf": [
                    {"type": "number", "minimum": 0, "default": 1.0},
                    {"type": "array", "items": {"type": "integer"}},
                    {"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"]},
                ]
            },
        },
    },
    "outputs": {"r": {"title": "R", "schema": {"type": "string", "format": "byte"}}},
    "example": {"inputs": {"a": [1, None]}},
}


@pytest.mark.parametrize("given", [MINIMAL, FULL], ids=["minimal", "full"])
def test_a_dump_holds_what_was_given_and_nothing_else(given: dict[str, Any]) -> None:
    description = ProcessDescription.model_validate(copy.deepcopy(given))
    assert description.as_dict() == given
    assert json.loads(description.to_json()) == given


@pytest.mark.parametrize("given", [MINIMAL, FULL], ids=["minimal", "full"])
def test_json_text_is_accepted(given: dict[str, Any]) -> None:
    description = ProcessDescription.model_validate(json.dumps(given))
    assert description == ProcessDescription.model_validate(given)
    assert ProcessDescription.model_validate(description.to_json()) == description
    assert ProcessDescription.model_validate_json(description.to_json()) == description


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", '"p"', "block:a/b#c", "[" * 100_000], ids=lambda text: text[:12]
)
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        ProcessDescription.model_validate(text)


def test_a_json_document_that_is_a_string_is_not_read_again() -> None:
    with pytest.raises(ValidationError):
        ProcessDescription.model_validate_json(json.dumps(json.dumps(MINIMAL)))


@pytest.mark.parametrize("member", ["inputs", "outputs", "links", "metadata"])
def test_members_are_never_text(member: str) -> None:
    with pytest.raises(ValidationError):
        ProcessDescription.model_validate({**FULL, member: json.dumps(FULL[member])})


def test_by_field_name_it_is_the_same() -> None:
    by_name = ProcessDescription(
        id="p",
        version="1.0.0",
        job_control_options=[ProcessJobControlOption.ASYNC_EXECUTE],
        output_transmission=[ProcessOutputTransmissionMode.REFERENCE],
        additional_parameters=AdditionalProcessIOParameters(name="n", value=[1]),
        links=[Link(href="http://x", type_="text/html")],
        inputs={
            "a": ProcessInput(
                schema_=ProcessIOSchema(type_=ProcessIOType.STRING),
                min_occurs=0,
                max_occurs=3,
                additional_parameters=AdditionalProcessIOParameters(name="n", value=["v"]),
            )
        },
        outputs={"r": ProcessOutput(schema_=ProcessIOSchema(content_media_type="text/plain"))},
    )
    by_alias = ProcessDescription.model_validate(
        {
            "id": "p",
            "version": "1.0.0",
            "jobControlOptions": ["async-execute"],
            "outputTransmission": ["reference"],
            "additionalParameters": {"name": "n", "value": [1]},
            "links": [{"href": "http://x", "type": "text/html"}],
            "inputs": {
                "a": {
                    "schema": {"type": "string"},
                    "minOccurs": 0,
                    "maxOccurs": 3,
                    "additionalParameters": {"name": "n", "value": ["v"]},
                }
            },
            "outputs": {"r": {"schema": {"contentMediaType": "text/plain"}}},
        }
    )
    assert by_name == by_alias
    assert by_name.as_dict() == by_alias.as_dict()


def test_the_sample_of_the_processes_page() -> None:
    description = ProcessDescription(
        id="simple-flow",
        version="0.0.1",
        title="Simple flow Processor",
        jobControlOptions=[
            ProcessJobControlOption.SYNC_EXECUTE,
            ProcessJobControlOption.ASYNC_EXECUTE,
        ],
        inputs={
            "name": ProcessInput(title="Name", schema=ProcessIOSchema(type=ProcessIOType.STRING)),
            "message": ProcessInput(
                title="Message", schema=ProcessIOSchema(type=ProcessIOType.STRING), minOccurs=0
            ),
        },
        outputs={
            "result": ProcessOutput(
                schema=ProcessIOSchema(type=ProcessIOType.STRING, contentMediaType="text/plain")
            )
        },
    )
    assert description.outputs["result"].schema_.content_media_type == "text/plain"
    assert description.job_control_options == ["sync-execute", "async-execute"]
    assert description.as_dict() == {
        "id": "simple-flow",
        "version": "0.0.1",
        "title": "Simple flow Processor",
        "jobControlOptions": ["sync-execute", "async-execute"],
        "inputs": {
            "name": {"title": "Name", "schema": {"type": "string"}},
            "message": {"title": "Message", "schema": {"type": "string"}, "minOccurs": 0},
        },
        "outputs": {"result": {"schema": {"type": "string", "contentMediaType": "text/plain"}}},
    }


def test_defaults_are_readable() -> None:
    description = ProcessDescription.model_validate(MINIMAL)
    assert description.job_control_options == [ProcessJobControlOption.SYNC_EXECUTE]
    assert description.output_transmission == [ProcessOutputTransmissionMode.VALUE]
    assert (description.inputs["a"].min_occurs, description.inputs["a"].max_occurs) == (1, 1)
    assert description.links is None


def test_job_control_options_are_members_given_or_defaulted() -> None:
    given = ProcessDescription.model_validate({**MINIMAL, "jobControlOptions": ["dismiss"]})
    assert given.job_control_options[0] is ProcessJobControlOption.DISMISS
    other = ProcessDescription.model_validate(MINIMAL)
    other.job_control_options.append(ProcessJobControlOption.DISMISS)
    assert len(ProcessDescription.model_validate(MINIMAL).job_control_options) == 1


def test_a_summary_is_a_description_without_inputs() -> None:
    summary = ProcessSummary.model_validate(FULL)
    assert not hasattr(summary, "inputs")
    assert summary.id == "p"
    assert issubclass(ProcessDescription, ProcessSummary)
    assert issubclass(ProcessInput, ProcessOutput)


@pytest.mark.parametrize(
    "change",
    [
        {"id": None},
        {"version": 1},
        {"inputs": None},
        {"inputs": {"a": {}}},
        {"inputs": {"a": {"schema": {}, "minOccurs": -1}}},
        {"inputs": {"a": {"schema": {}, "maxOccurs": 0}}},
        {"inputs": {"a": {"schema": {}, "maxOccurs": "many"}}},
        {"jobControlOptions": ["sync"]},
        {"outputTransmission": "value"},
        {"links": [{}]},
        {"additionalParameters": {"name": "n"}},
    ],
    ids=json.dumps,
)
def test_wrong_descriptions_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ProcessDescription.model_validate({**MINIMAL, **change})


@pytest.mark.parametrize("missing", list(MINIMAL))
def test_required_members(missing: str) -> None:
    given = {name: value for name, value in MINIMAL.items() if name != missing}
    with pytest.raises(ValidationError, match="Field required"):
        ProcessDescription.model_validate(given)
