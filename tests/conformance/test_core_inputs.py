"""Requirements class *Core*: what an execute request may hold."""

import base64
import os
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any, override

import pytest

from support.http import assert_problem
from support.listening import listening
from support.receiver import ADDRESS
from support.requirements import requirement
from support.server import Server

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
CRS84H = "http://www.opengis.net/def/crs/OGC/0/CRS84h"


def echoed(server: Server, name: str, value: Any) -> Any:
    """What the echo process gives back of an input, as a results document has it."""
    inputs = {"echo": "teststring", name: value}
    reply = server.execute("echo", inputs, response="document", outputs={name: {}})
    assert reply.status_code == 200, reply.text
    found = reply.json()[name]
    return found["value"] if isinstance(found, dict) and "value" in found else found


def refused(
    server: Server, inputs: Any, detail: str, kind: str = "invalid-parameter-value"
) -> None:
    assert_problem(server.execute("echo", inputs), 400, kind, detail)


@requirement("/req/core/process-execute-op", "/req/core/process-execute-inputs")
def test_values_are_passed_inline(server: Server) -> None:
    reply = server.execute("echo", {"echo": "teststring"})
    assert (reply.status_code, reply.text) == (200, "teststring")


@requirement("/req/core/process-execute-request")
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b'{"inputs": []}', b"\xff"])
def test_an_invalid_execute_request(server: Server, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    reply = server.client.post("/processes/echo/execution", content=body, headers=headers)
    assert_problem(reply, 400, "invalid-parameter-value")


@requirement("/req/core/process-execute-inputs")
def test_a_reference_to_a_forbidden_host_is_rejected(server: Server) -> None:
    """References work (see the integration tests); which addresses, the operator decides."""
    link = {"href": "http://127.0.0.1:1/x.json", "type": "application/json"}
    reply = server.execute("echo", {"echo": "x", "integers": link})
    assert reply.status_code == 400
    assert_problem(reply, 400, detail="integers")


@pytest.fixture
def number_elsewhere() -> Iterator[str]:
    """Address of the number 4.5 on another server."""
    if os.environ.get("STACK_URL"):
        pytest.skip("that server does not fetch from this machine")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "3")
            self.end_headers()
            self.wfile.write(b"4.5")

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with listening(Handler, ADDRESS) as url:
        yield f"{url}/number.json"


@requirement("/req/core/process-execute-inputs", "/req/core/process-execute-input-validation")
def test_references_are_resolved_then_validated(server: Server, number_elsewhere: str) -> None:
    for link in (
        {"href": number_elsewhere},
        {"href": number_elsewhere, "type": "application/json"},
        {"href": number_elsewhere, "format": {"mediaType": "application/json"}},
    ):
        inputs = {"echo": "x", "number": link}
        reply = server.execute("echo", inputs, outputs={"number": {}})
        assert (reply.status_code, reply.text) == (200, "4.5")
    refused(server, {"echo": "x", "boolean": {"href": number_elsewhere}}, "'boolean'")


@requirement("/req/core/process-execute-input-array")
@pytest.mark.parametrize("value", [[1, 2, 3], [7], []])
def test_arrays(server: Server, value: list[int]) -> None:
    assert echoed(server, "integers", value) == value
    assert echoed(server, "integers", {"value": value}) == value


@requirement("/req/core/process-execute-input-inline-object")
@pytest.mark.parametrize(
    "qualifier", [{}, {"mediaType": "application/json"}, {"format": {"mediaType": "a/json"}}]
)
def test_an_object_is_a_qualified_value(server: Server, qualifier: dict[str, Any]) -> None:
    value = {"a": {"b": [1, "two", None]}}
    assert echoed(server, "text_or_object", {"value": value, **qualifier}) == value


@requirement("/req/core/process-execute-input-mixed-type")
def test_an_input_of_several_types(server: Server) -> None:
    assert echoed(server, "text_or_object", "text") == "text"
    assert echoed(server, "text_or_object", {"value": {"a": 1}}) == {"a": 1}
    assert echoed(server, "text_or_object", {"value": "text"}) == "text"
    refused(server, {"echo": "x", "text_or_object": 3}, "text_or_object")


@requirement("/req/core/process-execute-input-inline-binary")
@pytest.mark.parametrize("qualifier", ["flat", "nested"])
def test_binary_values_are_base64(server: Server, qualifier: str) -> None:
    """Where a process takes binary values; it is shown by a reply that does not refuse the form."""
    text = base64.b64encode(b"\x89PNG").decode()
    format_ = {"mediaType": "text/plain", "encoding": "base64"}
    value = {"value": text, **(format_ if qualifier == "flat" else {"format": format_})}
    assert echoed(server, "echo", value) == text


@requirement("/req/core/process-execute-input-inline-bbox")
@requirement("/per/core/process-execute-input-inline-bbox")
@pytest.mark.parametrize(
    "value",
    [
        {"bbox": [1, 2, 3, 4]},
        {"bbox": [1.5, 2, 3, 4], "crs": CRS84},
        {"bbox": [1, 2, 0, 3, 4, 9], "crs": CRS84H},
        {"bbox": [1, 2, 3, 4], "crs": "urn:ogc:def:crs:EPSG:6.6:4326"},
    ],
)
def test_bounding_boxes(server: Server, value: dict[str, Any]) -> None:
    assert echoed(server, "bbox", value) == value
    assert echoed(server, "bbox", {"value": value}) == value


@requirement("/req/core/process-execute-input-validation")
@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("echo", 3, "string"),
        ("echo", {"value": 3}, "string"),
        ("echo", None, "string"),
        ("integers", 1, "array"),
        ("integers", [1, "a"], "at /1: expected an integer"),
        ("number", 101, "100"),
        ("number", "1", "number"),
        ("boolean", "true", "true or false"),
        ("colour", "mauve", "red"),
        ("datetime", "yesterday", "a date and time"),
        ("bbox", {"bbox": [1, 2, 3]}, "4 or 6 numbers"),
        ("bbox", [1, 2, 3, 4], "bounding box"),
        ("geometry", {"type": "Circle"}, "geometry"),
        ("pause", -1, "0"),
    ],
)
def test_the_exception_names_input_and_expectation(
    server: Server, name: str, value: Any, expected: str
) -> None:
    reply = server.execute("echo", {"echo": "x", name: value})
    assert_problem(reply, 400, "invalid-parameter-value", f"'{name}'")
    assert expected in reply.json()["detail"]
    assert {fault["input"] for fault in reply.json()["errors"]} == {name}  # Fault 13


@requirement("/req/core/process-execute-input-validation")
def test_missing_and_unknown_inputs(server: Server) -> None:
    refused(server, {}, "'echo'", "missing-parameter-value")
    refused(server, {"echo": "x", "ecco": 1}, "'ecco'")
    none = server.client.post("/processes/echo/execution", json={})
    assert_problem(none, 400, "missing-parameter-value", "'echo'")
