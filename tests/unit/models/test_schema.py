"""Schemas of inputs and outputs."""

# Field names and aliases are both used here; a type checker knows only one of them.
# mypy: disable-error-code="call-arg"

import json
from typing import Any

import pytest
from pydantic import ValidationError

from pygeoapi_prefect.models.processes import ProcessIOFormat, ProcessIOSchema, ProcessIOType

# field, alias, a value as it stands in JSON
KEYWORDS: list[tuple[str, str, Any]] = [
    ("ref_", "$ref", "http://x/schema.yaml"),
    ("title", "title", "T"),
    ("multiple_of", "multipleOf", 2),
    ("maximum", "maximum", 10),
    ("exclusive_maximum", "exclusiveMaximum", True),
    ("minimum", "minimum", 0.5),
    ("exclusive_minimum", "exclusiveMinimum", False),
    ("max_length", "maxLength", 0),
    ("min_length", "minLength", 0),
    ("pattern", "pattern", "^a$"),
    ("max_items", "maxItems", 3),
    ("min_items", "minItems", 0),
    ("unique_items", "uniqueItems", True),
    ("max_properties", "maxProperties", 3),
    ("min_properties", "minProperties", 1),
    ("required", "required", ["a"]),
    ("enum", "enum", ["a", 1, None]),
    ("type_", "type", "string"),
    ("not_", "not", {"type": "string"}),
    ("allOf", "allOf", [{"type": "string"}]),
    ("oneOf", "oneOf", [{"type": "string"}, {"type": "object"}]),
    ("anyOf", "anyOf", [{"$ref": "http://x"}]),
    ("items", "items", {"type": "number"}),
    ("properties", "properties", {"a": {"minLength": 1, "type": "string"}, "b": {}}),
    ("additional_properties", "additionalProperties", False),
    ("additional_properties", "additionalProperties", {"type": "string"}),
    ("description", "description", "D"),
    ("format_", "format", "date-time"),
    ("format_", "format", "byte"),
    ("default", "default", "abc"),
    ("default", "default", {"a": [1, None]}),
    ("default", "default", False),
    ("default", "default", None),
    ("nullable", "nullable", True),
    ("discriminator", "discriminator", {"propertyName": "a"}),
    ("read_only", "readOnly", True),
    ("write_only", "writeOnly", False),
    ("xml", "xml", {"name": "a"}),
    ("external_docs", "externalDocs", {"url": "http://x"}),
    ("example", "example", [1.0, 2]),
    ("example", "example", None),
    ("deprecated", "deprecated", True),
    ("content_media_type", "contentMediaType", "text/plain"),
    ("content_encoding", "contentEncoding", "base64"),
    ("content_schema", "contentSchema", "http://x"),
]


@pytest.mark.parametrize(("field", "alias", "value"), KEYWORDS)
def test_each_keyword_is_known_by_alias_and_by_name_and_dumped_as_given(
    field: str, alias: str, value: Any
) -> None:
    by_alias = ProcessIOSchema.model_validate({alias: value})
    by_name = ProcessIOSchema.model_validate({field: value})
    assert by_alias == by_name
    for schema in (by_alias, by_name):
        dumped = schema.model_dump_json(by_alias=True, exclude_none=True)
        assert dumped == json.dumps({alias: value}, separators=(",", ":"))
        assert schema.model_dump(by_alias=True) == {alias: value}


def test_every_field_is_in_the_list_above() -> None:
    assert {field for field, _, _ in KEYWORDS} == set(ProcessIOSchema.model_fields)


def test_python_style() -> None:
    schema = ProcessIOSchema(type=ProcessIOType.STRING, contentMediaType="text/plain")
    assert schema.type_ is ProcessIOType.STRING
    assert schema.content_media_type == "text/plain"
    assert ProcessIOSchema(type_=ProcessIOType.ARRAY, items=ProcessIOSchema(title="i")).model_dump(
        by_alias=True
    ) == {"type": "array", "items": {"title": "i"}}


@pytest.mark.parametrize(
    "dump", [{}, {"exclude_none": True}, {"exclude_unset": True}, {"mode": "json"}]
)
def test_a_dump_has_no_noise_however_it_is_made(dump: dict[str, Any]) -> None:
    given = {"type": "object", "properties": {"a": {"oneOf": [{"type": "string"}, {"title": "x"}]}}}
    schema = ProcessIOSchema.model_validate({**given, "title": None})
    assert schema.model_dump(by_alias=True, **dump) == given


def test_a_keyword_set_later_is_dumped() -> None:
    schema = ProcessIOSchema(title="a")
    schema.min_length = 3
    assert schema.model_dump(by_alias=True) == {"title": "a", "minLength": 3}


def test_items_may_be_the_list_of_one_that_the_2023_models_wanted() -> None:
    schema = ProcessIOSchema.model_validate({"type": "array", "items": [{"type": "number"}]})
    assert schema.items == ProcessIOSchema(type=ProcessIOType.NUMBER)
    with pytest.raises(ValidationError, match="'items' is one schema"):
        ProcessIOSchema.model_validate({"items": [{}, {}]})


def test_known_formats_are_members_and_others_are_kept() -> None:
    known = ProcessIOSchema.model_validate({"format": "geojson-feature"})
    assert known.format_ is ProcessIOFormat.GEOJSON_FEATURE_SHORT_CODE
    assert ProcessIOSchema.model_validate({"format": "int32"}).format_ == "int32"


@pytest.mark.parametrize(
    ("newer", "openapi_30"),
    [
        ({"const": 3}, {"enum": [3]}),
        ({"examples": ["a", "b"]}, {"example": "a"}),
        ({"examples": ["a"], "example": "c"}, {"example": "c"}),
        ({"exclusiveMinimum": 0}, {"minimum": 0, "exclusiveMinimum": True}),
        ({"exclusiveMaximum": 1.5}, {"maximum": 1.5, "exclusiveMaximum": True}),
        (
            {"exclusiveMinimum": 0, "minimum": 2},
            {"minimum": 2, "exclusiveMinimum": False},
        ),
        (
            {"exclusiveMaximum": 1, "maximum": 2},
            {"maximum": 1, "exclusiveMaximum": True},
        ),
        ({"type": ["string", "null"]}, {"type": "string", "nullable": True}),
        ({"type": ["string"]}, {"type": "string", "nullable": False}),
        ({"items": {"const": "a"}}, {"items": {"enum": ["a"]}}),
    ],
)
def test_newer_dialects_are_rewritten(newer: dict[str, Any], openapi_30: dict[str, Any]) -> None:
    assert ProcessIOSchema.model_validate(newer).model_dump(by_alias=True) == openapi_30


def test_several_types_are_refused_with_advice() -> None:
    with pytest.raises(ValidationError, match="for several use 'oneOf'"):
        ProcessIOSchema.model_validate({"type": ["string", "number"]})


def test_unknown_keywords_are_dropped_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    schema = ProcessIOSchema.model_validate(
        {"type": "string", "minimun": 3, "$comment": "c", "x-unit": "m"}
    )
    assert schema.model_dump(by_alias=True) == {"type": "string", "x-unit": "m"}
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2
    assert "'minimun' is not in OpenAPI 3.0" in caplog.text


@pytest.mark.parametrize(
    "bad",
    [
        {"type": "text"},
        {"type": "null"},
        {"minLength": -1},
        {"minLength": 1.5},
        {"minLength": True},
        {"required": []},
        {"required": ["a", "a"]},
        {"enum": []},
        {"multipleOf": 0},
        {"maximum": "3"},
        {"maximum": True},
        {"nullable": "yes"},
        {"uniqueItems": 1},
        {"properties": [{"type": "string"}]},
        {"properties": {"a": "string"}},
        {"allOf": {"type": "string"}},
        "string",
        None,
        [],
    ],
    ids=json.dumps,
)
def test_wrong_schemas_are_refused(bad: object) -> None:
    with pytest.raises(ValidationError):
        ProcessIOSchema.model_validate(bad)


def test_the_place_of_a_fault_is_named() -> None:
    with pytest.raises(ValidationError) as caught:
        ProcessIOSchema.model_validate({"properties": {"a": {"items": {"minItems": -1}}}})
    assert caught.value.errors()[0]["loc"] == ("properties", "a", "items", "minItems")


@pytest.mark.parametrize("keyword", ["items", "not", "additionalProperties"])
@pytest.mark.parametrize("depth", [100, 300, 2000, 100_000])
def test_deep_schemas_are_read_or_refused(keyword: str, depth: int) -> None:
    nested: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        nested = {keyword: nested}
    if depth <= 100:
        assert ProcessIOSchema.model_validate(nested).model_dump(by_alias=True) == nested
    else:
        with pytest.raises(ValidationError):
            ProcessIOSchema.model_validate(nested)
