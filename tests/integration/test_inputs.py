"""Inputs of every form over HTTP, to a flow on the worker: what it reads is what was meant."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any, override

import httpx
import pytest

from support.http import assert_problem, execute
from support.listening import listening
from support.receiver import ADDRESS
from support.stack import RunningStack

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
TEXT = base64.b64encode(PNG).decode()
LINES = base64.encodebytes(PNG).decode()
TYPE, ENCODING = {"mediaType": "image/png"}, {"encoding": "base64"}
EPSG = "http://www.opengis.net/def/crs/EPSG/0/3857"


@contextmanager
def served(content: bytes, media_type: str) -> Iterator[str]:
    """Address of a file on another server."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with listening(Handler, ADDRESS) as url:
        yield f"{url}/value"


@pytest.fixture(scope="module")
def picture_url() -> Iterator[str]:
    with served(PNG, "image/png") as url:
        yield url


def taken(stack: RunningStack, inputs: dict[str, Any], output: str) -> httpx.Response:
    reply = execute(stack, "taking", inputs, outputs={output: {}})
    assert reply.status_code == 200, reply.text
    return reply


@pytest.mark.parametrize(
    "value",
    [
        TEXT,
        LINES,
        {"value": TEXT},
        {"value": TEXT, **TYPE, **ENCODING},
        {"value": TEXT, "format": {**TYPE, **ENCODING}},
    ],
    ids=["inline", "lines", "value", "qualified", "format"],
)
def test_a_binary_value_in_the_request(stack: RunningStack, value: Any) -> None:
    reply = taken(stack, {"picture": value}, "picture")
    assert (reply.content, reply.headers["Content-Type"]) == (PNG, "image/png")


@pytest.mark.parametrize("member", [{}, {"type": "image/png"}, {"format": TYPE}])
def test_a_binary_value_by_reference(
    stack: RunningStack, picture_url: str, member: dict[str, Any]
) -> None:
    reply = taken(stack, {"picture": {"href": picture_url, **member}}, "picture")
    assert reply.content == PNG


@pytest.mark.parametrize(
    ("inputs", "seen"),
    [
        ({"raster": TEXT}, {"raster": len(PNG)}),
        ({"raster": {"value": TEXT, "mediaType": "image/jp2"}}, {"raster": len(PNG)}),
        ({"bytes": TEXT}, {"bytes": len(PNG)}),
        ({"pictures": [TEXT, {"value": TEXT, **TYPE}]}, {"pictures": [len(PNG)] * 2}),
        ({"pictures": TEXT}, {"pictures": [len(PNG)]}),
        ({"counts": [1, {"value": 2}, 3]}, {"counts": [1, 2, 3]}),
        ({"counts": 7}, {"counts": 7}),
        ({"pairs": [[1, 2.5], [3, 4]]}, {"pairs": [[1, 2.5], [3, 4]]}),
        ({"pairs": [{"value": [1, 2]}]}, {"pairs": [[1, 2]]}),
        ({"area": {"bbox": [1, 2, 3, 4]}}, {"area": {"bbox": [1, 2, 3, 4]}}),
        (
            {"area": {"bbox": [1, 2, 0, 3, 4, 9], "crs": EPSG}},
            {"area": {"bbox": [1, 2, 0, 3, 4, 9], "crs": EPSG}},
        ),
        ({"area": {"value": {"bbox": [1, 2, 3, 4]}}}, {"area": {"bbox": [1, 2, 3, 4]}}),
        ({"size": 2.5}, {"size": 2.5}),
        ({"size": "large"}, {"size": "large"}),
        ({"size": {"value": "small"}}, {"size": "small"}),
    ],
)
def test_values_reach_the_flow(
    stack: RunningStack, inputs: dict[str, Any], seen: dict[str, Any]
) -> None:
    assert taken(stack, inputs, "seen").json() == seen


def test_references_among_several_values(stack: RunningStack, picture_url: str) -> None:
    with served(b"[5, 6]", "application/json") as pair:
        inputs = {"pictures": [TEXT, {"href": picture_url}], "pairs": [[1, 2], {"href": pair}]}
        seen = {"pictures": [len(PNG)] * 2, "pairs": [[1, 2], [5, 6]]}
        assert taken(stack, inputs, "seen").json() == seen


@pytest.mark.parametrize(
    ("inputs", "name", "expected"),
    [
        ({"picture": "not base64!"}, "picture", "base64"),
        ({"picture": {"value": "not base64!", **TYPE}}, "picture", "base64"),
        ({"picture": 5}, "picture", "base64 text of image/png, not 5"),
        ({"picture": {"value": TEXT, "mediaType": "image/gif"}}, "picture", "image/png"),
        ({"raster": {"value": TEXT, **TYPE}}, "raster", "image/tiff or image/jp2"),
        ({"bytes": "?"}, "bytes", "base64"),
        ({"pictures": [TEXT] * 3}, "pictures", "at most 2"),
        ({"pictures": [TEXT, "?"]}, "pictures", "at /1: expected base64"),
        ({"counts": [1, -2]}, "counts", "at /1: expected an integer of at least 0"),
        ({"counts": [1, 2, 3, 4]}, "counts", "at most 3"),
        ({"pairs": [[1, 2], [3]]}, "pairs", "at /1: expected an array with"),
        ({"area": {"bbox": [1, 2, 3]}}, "area", "at /bbox: expected 4 or 6 numbers"),
        ({"area": {"bbox": [1, 2, 3, 4], "crs": 5}}, "area", "at /crs: expected a string"),
        ({"size": "medium"}, "size", "small"),
        ({"picture": {"href": "file:///etc/passwd"}}, "picture", "http"),
    ],
)
def test_what_does_not_fit_is_named_with_what_was_expected(
    stack: RunningStack, inputs: dict[str, Any], name: str, expected: str
) -> None:
    reply = execute(stack, "taking", inputs)
    assert_problem(reply, 400, "invalid-parameter-value", f"'{name}'")
    assert expected in reply.json()["detail"]


def test_a_reference_to_what_does_not_fit(stack: RunningStack) -> None:
    with served(b'"five"', "application/json") as url:
        reply = execute(stack, "taking", {"counts": [1, {"href": url}]})
    assert_problem(reply, 400, "invalid-parameter-value", "'counts', at /1/href")
    assert "integer" in reply.json()["detail"]
