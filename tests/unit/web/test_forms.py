"""Inputs of a process as fields of a form, and as a command for the shell."""

import json
import shlex
from typing import Any

import pytest

from pygeoapi_prefect.examples.echo import EchoProcessor
from pygeoapi_prefect.web import forms


def describe(schema: dict[str, Any], **declared: Any) -> dict[str, Any]:
    return {"id": "p", "inputs": {"x": {"title": "X", "schema": schema, **declared}}}


@pytest.mark.parametrize(
    ("schema", "control", "reads", "attributes"),
    [
        ({"type": "string"}, "input", "text", {"type": "text"}),
        ({"type": "string", "format": "date"}, "input", "text", {"type": "date"}),
        ({"type": "string", "format": "uri"}, "input", "text", {"type": "url"}),
        ({"type": "string", "contentMediaType": "text/xml"}, "textarea", "text", {}),
        ({"type": "number"}, "input", "number", {"type": "number", "step": "any"}),
        (
            {"type": "integer", "minimum": 1, "maximum": 9},
            "input", "number", {"type": "number", "step": "1", "min": "1", "max": "9"},
        ),
        ({"type": "boolean"}, "select", "json", {}),
        ({"enum": ["a", 1]}, "select", "json", {}),
        ({"type": "object"}, "textarea", "json", {}),
        ({"type": "array", "items": {}}, "textarea", "json", {}),
        ({"oneOf": [{"type": "string"}, {"type": "object"}]}, "textarea", "json", {}),
        ({}, "textarea", "json", {}),
    ],
)  # fmt: skip
def test_the_control_fits_the_schema(
    schema: dict[str, Any], control: str, reads: str, attributes: dict[str, str]
) -> None:
    (field,) = forms.fields(describe(schema))
    assert (field.control, field.reads, dict(field.attributes)) == (control, reads, attributes)
    assert (field.title, field.required) == ("X", True)


def test_several_values_are_one_json_list() -> None:
    (field,) = forms.fields(describe({"type": "string"}, maxOccurs="unbounded", minOccurs=0))
    assert (field.control, field.reads, field.required) == ("textarea", "json", False)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string", "examples": ["e"]}, "e"),
        ({"type": "string", "example": "e", "default": "d"}, "e"),
        ({"type": "number", "default": 0}, "0"),
        ({"enum": ["a", "b"]}, '"a"'),
        ({"type": "boolean", "default": False}, "false"),
        ({"type": "object", "default": {"a": 1}}, '{"a": 1}'),
    ],
)
def test_a_field_begins_with_what_is_described(schema: dict[str, Any], value: str) -> None:
    assert forms.fields(describe(schema))[0].value == value


def test_the_description_s_own_example_wins() -> None:
    description = describe({"type": "string", "default": "d"}) | {
        "example": {"inputs": {"x": "own"}}
    }
    assert forms.fields(description)[0].value == "own"


def test_the_command_survives_any_value() -> None:
    wild = 'it\'s "$(rm)" `x` \n <script>'
    description = describe({"type": "string", "default": wild}) | {
        "jobControlOptions": ["async-execute"]
    }
    words = shlex.split(forms.curl("http://x", description))
    assert words[:2] == ["curl", "http://x/processes/p/execution"]
    assert "Prefer: respond-async" in words
    assert json.loads(words[-1]) == {"inputs": {"x": wild}}


def test_the_echo_process_has_a_field_for_every_input() -> None:
    description = EchoProcessor.process_description.as_dict()
    fields = forms.fields(description)
    assert [field.id for field in fields] == list(description["inputs"])
    assert [field.required for field in fields].count(True) == 1
