"""Inputs against their description: what is legal passes unchanged, what is not names the input."""

from collections.abc import Mapping
from typing import Any

import pytest

from pygeoapi_prefect.errors import (
    ConfigurationError,
    InvalidJobParameterError,
    MissingJobParameterError,
)
from pygeoapi_prefect.execution import inputs

REMOTE = {"href": "https://example.org/zones.json"}


def no_fetch(name: str, *_: object) -> Any:
    raise AssertionError(f"{name} must not be fetched")


def validate(values: Mapping[str, Any], **described: Any) -> dict[str, Any]:
    def description(schema: dict[str, Any]) -> dict[str, Any]:
        occurs: dict[str, Any] = {
            key: schema.pop(key) for key in ("minOccurs", "maxOccurs") if key in schema
        }
        return {"schema": schema, **occurs}

    return inputs.validate(
        values,
        {name: description(dict(schema)) for name, schema in described.items()},
        fetch=no_fetch,
        check=no_fetch,
    )


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "text"),
        ({"type": "integer"}, 3),
        ({"type": "integer"}, 3.0),
        ({"type": "number"}, 3.5),
        ({"type": "boolean"}, False),
        ({"type": "string", "enum": ["a", "b"]}, "b"),
        ({"type": "number", "minimum": 0, "maximum": 1}, 1),
        ({"type": "number", "minimum": 0, "exclusiveMinimum": True}, 0.1),
        ({"type": "number", "exclusiveMinimum": 0}, 0.1),
        ({"type": "string", "nullable": True}, None),
        ({"type": "string", "format": "date-time"}, "2026-01-01T00:00:00Z"),
        ({"type": "array", "items": {"type": "number"}}, [1, 2.5]),
        ({"type": "object", "required": ["a"]}, {"a": 1}),
        ({"type": "object", "required": ["a"]}, {"value": {"a": 1}}),
        ({"type": "string"}, {"value": "text", "mediaType": "text/plain"}),
        ({"type": "string"}, {"value": "text", "format": {"mediaType": "text/plain"}}),
        ({"allOf": [{"format": "ogc-bbox"}, {"$ref": "bbox.yaml"}]}, {"bbox": [1, 2, 3, 4]}),
        ({"allOf": [{"format": "ogc-bbox"}]}, {"bbox": [1, 2, 3, 4, 5, 6], "crs": "x"}),
        ({"oneOf": [{"type": "string"}, {"type": "object"}]}, {"value": "a"}),
        ({"$ref": "https://example.org/schema.json"}, 12),
        ({"oneOf": [{"type": "string"}, {"$ref": "https://example.org/geometry.yaml"}]}, "WKT"),
        ({"oneOf": [{"format": "x"}, {"oneOf": [{"$ref": "geometry.yaml"}]}]}, {"a": 1}),
        ({"type": "array", "items": {"$ref": "https://example.org/s.json"}}, [12]),
        ({}, [1, "a", None]),
    ],
)
def test_legal_values_pass_unchanged(schema: dict[str, Any], value: Any) -> None:
    assert validate({"x": value}, x=schema) == {"x": value}


@pytest.mark.parametrize(
    ("schema", "value", "told"),
    [
        ({"type": "string"}, 3, "string"),
        ({"type": "string"}, None, "string"),
        ({"type": "integer"}, 3.5, "integer"),
        ({"type": "integer"}, True, "integer"),
        ({"type": "number"}, "3", "number"),
        ({"type": "boolean"}, 0, "true or false, not 0"),
        ({"type": "string", "enum": ["a", "b"]}, "c", r'"a", "b"'),
        ({"type": "number", "minimum": 0}, -1, "a number of at least 0, not -1"),
        ({"type": "number", "maximum": 1}, 2, "a number of at most 1, not 2"),
        ({"type": "number", "minimum": 0, "exclusiveMinimum": True}, 0, "above 0, not 0"),
        ({"type": "number", "exclusiveMinimum": 0}, 0, "above 0, not 0"),
        ({"type": "number", "exclusiveMaximum": 5}, 5, "below 5, not 5"),
        ({"type": "string", "format": "date-time"}, "yesterday", "a date and time such as 2026"),
        ({"type": "string", "pattern": "^a"}, "b", r"a string that matches the pattern \^a"),
        ({"type": "array", "items": {"type": "number"}}, [1, "a"], "at /1: expected a number"),
        (
            {"type": "array", "items": {"type": "number"}, "maxItems": 1},
            [1, 2],
            "with at most 1 item, each item a number",
        ),
        ({"type": "object", "required": ["a"]}, {"b": 1}, "the member 'a' is missing"),
        ({"type": "object"}, "text", "object"),
        ({"type": "string"}, {"value": 3}, "string"),
        (
            {"allOf": [{"format": "ogc-bbox"}]},
            {"bbox": [1, 2, 3]},
            "at /bbox: expected 4 or 6 numbers, not an array of 3",
        ),
        ({"allOf": [{"format": "ogc-bbox"}]}, [1, 2, 3, 4], "bounding box"),
        ({"format": "ogc-bbox"}, {"bbox": [1, 2, 3, "4"]}, "at /bbox/3: expected a number, not"),
        ({"format": "ogc-bbox"}, {"bbox": [1] * 4, "crs": 5}, "at /crs: expected a string, not 5"),
        (
            {"oneOf": [{"type": "string"}, {"type": "object"}]},
            3,
            "expected a string, or an object, not 3",
        ),
    ],
)
def test_illegal_values_name_the_input_and_what_was_expected(
    schema: dict[str, Any], value: Any, told: str
) -> None:
    with pytest.raises(InvalidJobParameterError, match=rf"input 'x'.*(?:{told})"):
        validate({"x": value}, x=schema)


def test_a_missing_input_is_named() -> None:
    with pytest.raises(MissingJobParameterError, match=r"input 'x' is missing; expected .*string"):
        validate({}, x={"type": "string"})
    assert validate({}, x={"type": "string", "minOccurs": 0}) == {}


def test_unknown_inputs_are_named() -> None:
    with pytest.raises(
        InvalidJobParameterError, match=r"unknown inputs 'z', 'y' \(known inputs: x\)"
    ):
        validate({"x": 1, "z": 2, "y": 3}, x={"type": "integer"})
    with pytest.raises(InvalidJobParameterError, match="known inputs: none"):
        validate({"x": 1})


def test_repeated_inputs_are_arrays_of_values() -> None:
    many = {"type": "integer", "maxOccurs": 3, "minOccurs": 2}
    assert validate({"x": [1, 2]}, x=many) == {"x": [1, 2]}
    for values in ([1], [1, 2, 3, 4]):
        with pytest.raises(InvalidJobParameterError, match=r"input 'x'.*2 to 3"):
            validate({"x": values}, x=many)
    with pytest.raises(InvalidJobParameterError, match=r"input 'x', at /1: expected an integer"):
        validate({"x": [1, "a"]}, x=many)
    unbounded = {"type": "integer", "maxOccurs": "unbounded"}
    assert validate({"x": 7}, x=unbounded) == {"x": 7}
    assert len(validate({"x": list(range(50))}, x=unbounded)["x"]) == 50


def test_an_array_value_of_a_single_input_is_one_value() -> None:
    assert validate({"x": [1, 2]}, x={"type": "array", "items": {"type": "integer"}})["x"] == [1, 2]


def resolve(
    schema: dict[str, Any], link: dict[str, Any], found: Any = None
) -> tuple[Any, list[str]]:
    asked: list[str] = []

    def fetch(name: str, link: Mapping[str, Any]) -> Any:
        asked.append(f"fetch {name}")
        return found

    def check(name: str, link: Mapping[str, Any], is_opened: bool) -> None:
        assert is_opened == (found is None)
        asked.append(f"check {name}")

    described = {"x": {"schema": schema}}
    return inputs.validate({"x": link}, described, fetch=fetch, check=check)["x"], asked


def test_json_by_reference_is_fetched_and_validated() -> None:
    value, asked = resolve({"type": "object", "required": ["a"]}, REMOTE, {"a": 1})
    assert (value, asked) == ({"a": 1}, ["check x", "fetch x"])
    with pytest.raises(
        InvalidJobParameterError, match=r"input 'x', at /href: the member 'a' is missing"
    ):
        resolve({"type": "object", "required": ["a"]}, REMOTE, {"b": 1})


def test_text_by_reference_is_fetched_and_validated() -> None:
    link = {**REMOTE, "type": "text/plain; charset=utf-8"}
    value, asked = resolve({"type": "string", "maxLength": 5}, link, "hello")
    assert (value, asked) == ("hello", ["check x", "fetch x"])
    with pytest.raises(
        InvalidJobParameterError, match=r"input 'x', at /href: expected a string .*at most 4"
    ):
        resolve({"type": "string", "maxLength": 4}, link, "hello")


@pytest.mark.parametrize(
    ("schema", "link"),
    [
        ({"type": "string", "contentMediaType": "image/tiff"}, REMOTE),
        ({"type": "string", "contentEncoding": "binary"}, REMOTE),
        ({"type": "string", "format": "byte"}, REMOTE),
        ({"oneOf": [{"type": "string"}, {"type": "string", "format": "binary"}]}, REMOTE),
        ({"type": "string", "format": "byte"}, {**REMOTE, "type": "image/tiff"}),
        ({"contentMediaType": "image/tiff"}, {**REMOTE, "format": {"mediaType": "image/tiff"}}),
    ],
)
def test_anything_else_by_reference_is_left_to_the_flow(
    schema: dict[str, Any], link: dict[str, Any]
) -> None:
    assert resolve(schema, link) == (link, ["check x"])


@pytest.mark.parametrize(
    "link", [{**REMOTE, "type": "text/plain"}, {**REMOTE, "format": {"mediaType": "image/tiff"}}]
)
def test_a_json_input_cannot_be_anything_else_by_reference(link: dict[str, Any]) -> None:
    with pytest.raises(InvalidJobParameterError, match="input 'x': expected a reference to JSON"):
        resolve({"type": "number", "maximum": 100}, link)


@pytest.mark.parametrize(
    ("least", "most", "number", "told"),
    [
        (2, 2, 1, "expected exactly 2 values, not 1"),
        (2, "unbounded", 1, "expected at least 2 values, not 1"),
        (1, "unbounded", 0, "expected at least 1 value, not 0"),
        (0, 3, 4, "expected at most 3 values, not 4"),
        (1, 3, 4, "expected 1 to 3 values, not 4"),
    ],
)
def test_the_expected_number_of_values_is_told(
    least: int, most: int | str, number: int, told: str
) -> None:
    with pytest.raises(InvalidJobParameterError, match=f"input 'x': {told}"):
        validate({"x": [1] * number}, x={"minOccurs": least, "maxOccurs": most})


def test_a_format_that_is_no_object_is_no_format() -> None:
    assert resolve({"type": "object"}, {**REMOTE, "format": "abc"}, {"a": 1})[0] == {"a": 1}


def test_a_number_beyond_all_floats_is_a_number() -> None:
    assert validate({"x": 10**400}, x={"type": "number"})["x"] == 10**400
    with pytest.raises(InvalidJobParameterError, match="at most 5"):
        validate({"x": 10**400}, x={"type": "number", "maximum": 5})


def test_an_object_that_only_looks_like_a_link_is_a_value() -> None:
    value = {"href": "https://example.org", "colour": "red"}
    assert validate({"x": value}, x={"type": "object"}) == {"x": value}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "strange"},
        {"required": True},
        {"pattern": "("},
        {"$ref": "#/definitions/none"},
        {"anyOf": {"type": "string"}},
        {"items": 3},
    ],
)
def test_a_schema_that_is_no_schema_is_the_servers_fault(schema: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="schema of an input is not valid"):
        validate({"x": "a"}, x=schema)


def test_a_schema_may_refer_to_itself() -> None:
    tree = {
        "$ref": "#/definitions/tree",
        "definitions": {
            "tree": {
                "type": "object",
                "properties": {"children": {"items": {"$ref": "#/definitions/tree"}}},
            }
        },
    }
    value: dict[str, Any] = {"children": [{"children": []}, {}]}
    assert validate({"x": value}, x=tree) == {"x": value}
    with pytest.raises(InvalidJobParameterError, match=r"at /children/1/children/0: .* object"):
        validate({"x": {"children": [{}, {"children": [3]}]}}, x=tree)


PNG = {"type": "string", "contentEncoding": "base64", "contentMediaType": "image/png"}
TIFF = {**PNG, "contentMediaType": "image/tiff"}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (PNG, "iVBORw=="),
        (PNG, "iVBO\r\nRw==\r\n"),
        (PNG, {"value": "iVBORw==", "mediaType": "image/png", "encoding": "base64"}),
        (PNG, {"value": "iVBORw==", "format": {"mediaType": "image/PNG; a=b"}}),
        ({"type": "string", "format": "byte"}, "iVBORw=="),
        ({"oneOf": [PNG, TIFF]}, "iVBORw=="),
        ({"oneOf": [PNG, TIFF]}, {"value": "iVBORw==", "mediaType": "image/tiff"}),
        ({"oneOf": [PNG, {"type": "object"}]}, {"value": {"a": 1}, "mediaType": "any/thing"}),
    ],
)
def test_binary_values_are_base64(schema: dict[str, Any], value: Any) -> None:
    assert validate({"x": value}, x=schema) == {"x": value}


@pytest.mark.parametrize(
    ("schema", "value", "told"),
    [
        (PNG, "not base64!", "expected base64 text of image/png"),
        (PNG, "iVBORw", "base64"),
        (PNG, {"value": "é"}, "base64"),
        (PNG, 5, "base64 text of image/png, not 5"),
        ({"type": "string", "format": "byte"}, "?", "base64 text"),
        (
            PNG,
            {"value": "iVBORw==", "mediaType": "image/gif"},
            "expected the media type image/png, not image/gif",
        ),
        ({"oneOf": [PNG, TIFF]}, "?", "base64 text of image/png, or base64 text of image/tiff"),
        (
            {"oneOf": [PNG, TIFF]},
            {"value": "iVBORw==", "format": {"mediaType": "image/gif"}},
            "expected the media type image/png or image/tiff",
        ),
    ],
)
def test_what_is_not_base64_or_of_another_media_type_is_refused(
    schema: dict[str, Any], value: Any, told: str
) -> None:
    with pytest.raises(InvalidJobParameterError, match=rf"input 'x'.*(?:{told})"):
        validate({"x": value}, x=schema)
