"""Links, and what the models share."""

# Field names and aliases are both used here; a type checker knows only one of them.
# mypy: disable-error-code="call-arg"

import json
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from pygeoapi_prefect.models.base import JsonNumber, Link, parse_json

FULL = {
    "href": "http://x/1",
    "rel": "monitor",
    "title": "The job",
    "type": "text/html",
    "hreflang": "en",
}


def test_a_link_is_read_by_alias_and_by_field_name() -> None:
    by_name = Link(
        href="http://x/1", rel="monitor", title="The job", type_="text/html", href_lang="en"
    )
    assert Link.model_validate(FULL) == by_name
    assert by_name.model_dump(by_alias=True) == FULL


def test_a_link_as_header_has_what_is_there_in_order() -> None:
    assert Link.model_validate(FULL).as_link_header() == (
        '<http://x/1>; rel="monitor"; title="The job"; type="text/html"; hreflang="en"'
    )
    assert Link(href="/a").as_link_header() == "</a>"
    quoted = Link(href="/a", title='The "best" \\ job', type="text/plain; charset=\u00e9")
    assert quoted.as_link_header() == (
        r'</a>; title="The \"best\" \\ job"' "; type*=UTF-8''text%2Fplain%3B%20charset%3D%C3%A9"
    )
    assert Link(href="/a", href_lang="fr").as_link_header() == '</a>; hreflang="fr"'


@pytest.mark.parametrize(
    ("given", "media_type"),
    [
        ({}, None),
        ({"type": "image/tiff"}, "image/tiff"),
        ({"format": {"mediaType": "image/tiff"}}, "image/tiff"),
        ({"type": "a/b", "format": {"mediaType": "image/tiff"}}, "a/b"),
        ({"format": "image/tiff"}, None),
        ({"format": {"mediaType": 3}}, None),
    ],
)
def test_media_type_of_a_link(given: dict[str, Any], media_type: str | None) -> None:
    assert Link.model_validate({"href": "/a", **given}).media_type == media_type


@pytest.mark.parametrize("bad", [{}, {"href": None}, {"href": 3}, {"href": "/a", "type": 3}, "/a"])
def test_what_is_no_link(bad: object) -> None:
    with pytest.raises(ValidationError):
        Link.model_validate(bad)


@pytest.mark.parametrize("number", [0, 1, -1, 1.0, 1.5, 10**40, 1e300])
def test_numbers_keep_their_type(number: float) -> None:
    found: Any = TypeAdapter(JsonNumber).validate_python(number)
    assert (found, type(found)) == (number, type(number))


@pytest.mark.parametrize("other", [True, "1", None, float("nan"), float("inf"), [1]])
def test_what_is_no_number(other: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(JsonNumber).validate_python(other)


def test_json_text_is_read_exactly() -> None:
    value = {"a": [1, 1.0, 1e-7, True, None, "é\n\u0000"], "b": {"c": 2**70}}
    found = parse_json(json.dumps(value))
    assert found == value
    assert [type(item) for item in found["a"]] == [type(item) for item in value["a"]]
    assert parse_json(b'"x"') == "x"


@pytest.mark.parametrize(
    "text",
    ["", "{", "nul", "NaN", "[Infinity]", '"\\ud800"', "[" * 100_000, "9" * 6000, "{'a': 1}"],
    ids=["empty", "open", "word", "nan", "infinity", "surrogate", "deep", "digits", "quotes"],
)
def test_json_text_is_read_strictly(text: str) -> None:
    with pytest.raises(ValueError):
        parse_json(text)
