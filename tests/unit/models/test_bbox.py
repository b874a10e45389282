"""Bounding boxes in schemas."""

from typing import Any

import pytest
from jsonschema import Draft4Validator

from pygeoapi_prefect.models.bbox import SCHEMA, is_bbox_format, is_bbox_schema


@pytest.mark.parametrize("name", ["ogc-bbox", "http://www.opengis.net/def/format/ogc-bbox"])
def test_the_format_is_a_name_or_a_uri(name: str) -> None:
    assert is_bbox_format(name)
    assert is_bbox_schema({"format": name})
    assert is_bbox_schema({"allOf": [{"type": "object"}, {"format": name}]})


@pytest.mark.parametrize("schema", [{}, {"format": 3}, {"format": "bbox"}, {"type": "object"}])
def test_other_schemas_are_not(schema: dict[str, Any]) -> None:
    assert not is_bbox_format(schema.get("format"))
    assert not is_bbox_schema(schema)


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ({"bbox": [1, 2, 3, 4]}, True),
        ({"bbox": [1, 2, 3, 4, 5, 6.5], "crs": "x"}, True),
        ({"bbox": [1, 2, 3, 4, 5]}, False),
        ({"bbox": ["1", 2, 3, 4]}, False),
        ({"crs": "x"}, False),
        ([1, 2, 3, 4], False),
    ],
)
def test_the_schema_takes_four_or_six_numbers(value: object, fits: bool) -> None:
    assert Draft4Validator(SCHEMA).is_valid(value) is fits
