"""The landing page leads to /conformance by the standard's relation."""

import json

import pytest
from flask import Response

from pygeoapi_prefect.web.conformance import linked

LINK = {
    "href": "https://example.org/conformance",
    "rel": "http://www.opengis.net/def/rel/ogc/1.0/conformance",
    "type": "application/json",
    "title": "Conformance classes",
}


def shown(body: str, media_type: str) -> str:
    def pygeoapis() -> Response:
        reply = Response(body)
        headers = {"Content-Type": media_type, "Content-Length": str(len(body.encode()))}
        reply.headers = headers  # type: ignore[assignment]  # as pygeoapi does
        return reply

    reply = linked(pygeoapis, "https://example.org")()
    text: str = reply.get_data(as_text=True)
    assert reply.headers["Content-Length"] == str(len(text.encode()))
    return text


def test_the_link_is_added() -> None:
    text = shown('{"title": "Größe", "links": []}', "application/json; charset=UTF-8")
    assert json.loads(text) == {"title": "Größe", "links": [LINK]}


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        ("<html></html>", "text/html"),
        ('{"a": 1}', "application/json"),
        ("{", "application/ld+json"),
    ],
)
def test_anything_else_stays_as_it_is(body: str, media_type: str) -> None:
    assert shown(body, media_type) == body
