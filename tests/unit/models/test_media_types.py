"""Media types: compared without parameters and case, and sent only if a header can carry them."""

import pytest

from pygeoapi_prefect.models.media_types import (
    essence,
    is_json_type,
    is_text_type,
    usable_media_type,
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("text/plain", "text/plain"),
        (" Text/PLAIN ; charset=utf-8", "text/plain"),
        ("image/tiff; application=geotiff; x=1", "image/tiff"),
        ("", ""),
        (";", ""),
    ],
)
def test_parameters_and_case_do_not_matter(text: str, found: str) -> None:
    assert essence(text) == found


@pytest.mark.parametrize("text", ["application/json", "Application/GEO+JSON; a=b", "a/b+json"])
def test_types_of_json(text: str) -> None:
    assert is_json_type(text)
    assert not is_text_type(text)


@pytest.mark.parametrize("text", ["text/plain; charset=utf-8", "application/GML+XML", "text/xml"])
def test_types_of_text(text: str) -> None:
    assert is_text_type(text)
    assert not is_json_type(text)


@pytest.mark.parametrize("text", ["", "image/png", "json", "application/jsonx", "a/json"])
def test_other_types_are_neither(text: str) -> None:
    assert not is_json_type(text)
    assert not is_text_type(text)


@pytest.mark.parametrize("text", ["text/plain", "image/tiff; application=geotiff", "a/b+json"])
def test_a_media_type_is_usable(text: str) -> None:
    assert usable_media_type(text) == text


@pytest.mark.parametrize("text", ["", "text", "a/b\r\nX: y", "a/b;\n", "a/\x84", "é/b", None, {}])
def test_what_is_no_media_type_is_not(text: object) -> None:
    assert usable_media_type(text) is None
