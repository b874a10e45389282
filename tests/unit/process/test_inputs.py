"""Inputs as a flow reads them."""

from typing import Any

import pytest

from pygeoapi_prefect.models.processes import ExecuteRequest, Link
from pygeoapi_prefect.process.inputs import input_value

GEOMETRY = {"type": "Point", "coordinates": [1, 2.5]}


def request(**inputs: Any) -> ExecuteRequest:
    return ExecuteRequest.model_validate({"inputs": inputs})


@pytest.mark.parametrize(
    "value",
    [
        "text",
        "",
        0,
        1,
        1.5,
        False,
        [1, 2.5, "a", [True]],
        [],
        {"bbox": [1, 2, 3, 4]},
        {"bbox": [1, 2, 3, 4.5], "crs": "http://www.opengis.net/def/crs/EPSG/0/3857"},
        [{"bbox": [1, 2, 3, 4]}],
        GEOMETRY,
        [GEOMETRY],
        {"a": None},
    ],
)
def test_value_is_the_json_that_was_sent(value: Any) -> None:
    for sent in (value, {"value": value}, {"value": value, "mediaType": "application/json"}):
        got = input_value(request(x=sent), "x")
        assert got == value
        assert type(got) is type(value)


def test_absent_input_has_the_default() -> None:
    assert input_value(request(), "x") is None
    assert input_value(request(), "x", default=3) == 3
    assert input_value(ExecuteRequest(), "x", default=3) == 3


def test_link_stays_a_link() -> None:
    link = {"href": "https://example.org/a.tif", "type": "image/tiff"}
    got = input_value(request(x=link), "x")
    assert isinstance(got, Link)
    assert got.href == link["href"]


def test_several_values_are_taken_one_by_one() -> None:
    got = input_value(
        request(x=[{"href": "https://example.org"}, {"value": "a"}, 1, GEOMETRY]), "x"
    )
    assert isinstance(got[0], Link)
    assert got[1:] == ["a", 1, GEOMETRY]
