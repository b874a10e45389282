"""Schemas of any dialect become schema objects of OpenAPI 3.0."""

from typing import Any

import pytest
from openapi_schema_validator import OAS30Validator

from pygeoapi_prefect.web.openapi.dialect import schema_object

CASES: list[tuple[str, object, dict[str, Any]]] = [
    ("plain", {"type": "string", "minLength": 1}, {"type": "string", "minLength": 1}),
    ("true", True, {}),
    ("false", False, {"not": {}}),
    ("nothing", None, {}),
    ("no object", "string", {}),
    ("const", {"const": 3}, {"enum": [3]}),
    ("examples", {"type": "string", "examples": ["a"]}, {"type": "string", "example": "a"}),
    (
        "numeric exclusive bound",
        {"type": "number", "exclusiveMinimum": 0},
        {"type": "number", "minimum": 0, "exclusiveMinimum": True},
    ),
    ("type or null", {"type": ["string", "null"]}, {"type": "string", "nullable": True}),
    (
        "several types",
        {"type": ["string", "number"]},
        {"anyOf": [{"type": "string"}, {"type": "number"}]},
    ),
    ("array without items", {"type": "array"}, {"type": "array", "items": {}}),
    (
        "a schema for each place",
        {"type": "array", "items": [{"type": "string"}, {"type": "number"}]},
        {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "number"}]}},
    ),
    ("items true", {"type": "array", "items": True}, {"type": "array", "items": {}}),
    (
        "media type",
        {"type": "string", "contentMediaType": "image/tiff", "contentEncoding": "base64"},
        {
            "type": "string",
            "x-content-media-type": "image/tiff",
            "x-content-encoding": "base64",
        },
    ),
    ("unknown keyword", {"type": "object", "$defs": {}, "if": {}}, {"type": "object"}),
    ("own extension", {"x-unit": "m"}, {"x-unit": "m"}),
    ("remote reference", {"$ref": "https://geojson.org/schema/Point.json"}, {}),
    ("required of a property", {"type": "string", "required": True}, {"type": "string"}),
    ("empty lists", {"enum": [], "required": [], "anyOf": []}, {}),
    ("null as default", {"nullable": True, "default": None}, {"nullable": True}),
    ("box", {"format": "ogc-bbox", "type": "object"}, {"$ref": "#/components/schemas/bbox"}),
    (
        "box in allOf",
        {"allOf": [{"format": "http://www.opengis.net/def/format/ogcapi-processes/0/ogc-bbox"}]},
        {"$ref": "#/components/schemas/bbox"},
    ),
    (
        "subschemas",
        {
            "type": "object",
            "properties": {"a": {"const": 1}, "b": {"type": "array"}},
            "additionalProperties": {"const": 2},
            "not": {"const": 3},
            "oneOf": [{"const": 4}, True],
        },
        {
            "type": "object",
            "properties": {"a": {"enum": [1]}, "b": {"type": "array", "items": {}}},
            "additionalProperties": {"enum": [2]},
            "not": {"enum": [3]},
            "oneOf": [{"enum": [4]}, {}],
        },
    ),
    ("closed object", {"additionalProperties": False}, {"additionalProperties": False}),
]


@pytest.mark.parametrize(("schema", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_a_schema_is_converted(schema: object, expected: dict[str, Any]) -> None:
    converted = schema_object(schema)
    assert converted == expected
    OAS30Validator.check_schema(converted)


def test_what_is_given_is_not_changed() -> None:
    given = {"type": ["string", "null"], "items": [{"const": 1}]}
    schema_object(given)
    assert given == {"type": ["string", "null"], "items": [{"const": 1}]}
