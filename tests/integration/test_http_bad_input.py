"""What bad input gets: a clear problem of the right status, never a 5xx for a client's fault."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from support.http import assert_problem, execute
from support.stack import RunningStack

EXECUTION = "/processes/simple-flow/execution"
JSON = {"Content-Type": "application/json"}
INVALID, MISSING = "invalid-parameter-value", "missing-parameter-value"


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (b"", "empty"),
        (b"{", "not valid JSON"),
        (b"[1]", "JSON object"),
        (b"null", "JSON object"),
        (b'"text"', "JSON object"),
        (b"\xff\xfe", "UTF-8"),
        (b"[" * 100_000 + b"]" * 100_000, "nested"),
        (b'{"inputs": {"name": ' + b"9" * 6000 + b"}}", "number"),
        (b'{"inputs": {"name": NaN}}', "NaN"),
        (b'{"inputs": {"name": "\\ud800"}}', "surrogate"),
        (b'{"inputs": []}', "'inputs'"),
        (b'{"inputs": {"name": "x"}, "outputs": []}', "'outputs'"),
        (b'{"inputs": {"name": "x"}, "response": "html"}', "'response'"),
        (b'{"inputs": {"name": "x"}, "response": []}', "'response'"),
        (b'{"inputs": {"name": 1e999}}', "out of range"),
        (b'{"a": ' * 100_000 + b"1" + b"}" * 100_000, "nested"),
        (b'{"inputs": {"name": "x"}, "outputs": {"result": null}}', "'result'"),
        (b'{"inputs": {"name": "x"}, "outputs": {"result": {"transmissionMode": []}}}', "Mode"),
        # The flow's own model would refuse these, on the worker.
        (b'{"inputs": {"name": {"value": "x", "mediaType": 3}}}', "inputs.name"),
        (b'{"inputs": {"name": "x"}, "outputs": {"result": {"format": 3}}}', "outputs.result"),
    ],
)
def test_a_body_that_is_no_execute_request(
    stack: RunningStack, content: bytes, detail: str
) -> None:
    reply = stack.client.post(EXECUTION, content=content, headers=JSON)
    assert_problem(reply, 400, INVALID, detail)


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded"])
def test_another_media_type(stack: RunningStack, media_type: str) -> None:
    headers = {"Content-Type": media_type}
    reply = stack.client.post(EXECUTION, content=b'{"inputs": {"name": "x"}}', headers=headers)
    assert_problem(reply, 415, "unsupported-media-type", media_type)


def newest(stack: RunningStack) -> list[str]:
    """The id of the newest job; its status may still change."""
    return [job["jobID"] for job in stack.client.get("/jobs", params={"limit": 1}).json()["jobs"]]


@pytest.mark.parametrize(
    ("inputs", "type_", "detail"),
    [
        ({}, MISSING, "input 'name' is missing"),
        ({"name": 3}, INVALID, "input 'name'"),
        ({"name": None}, INVALID, "input 'name'"),
        ({"name": {"value": 3}}, INVALID, "input 'name'"),
        ({"name": ["x"]}, INVALID, "input 'name'"),
        ({"name": "x", "colour": "red"}, INVALID, "unknown input 'colour'"),
        ({"name": "x" * 50, "message": {"a": 1}}, INVALID, "input 'message'"),
    ],
)
def test_inputs_that_do_not_fit(
    stack: RunningStack, inputs: dict[str, Any], type_: str, detail: str
) -> None:
    before = newest(stack)
    for prefer in ("", "respond-async"):
        assert_problem(execute(stack, "simple-flow", inputs, prefer), 400, type_, detail)
    assert newest(stack) == before


def test_unknown_outputs(stack: RunningStack) -> None:
    reply = execute(stack, "simple-flow", {"name": "x"}, outputs={"other": {}})
    assert_problem(reply, 400, INVALID, "unknown output 'other' (known outputs: result)")


def test_an_unknown_process(stack: RunningStack) -> None:
    for path in ("/processes/other", "/processes/%00", "/processes/" + "x" * 3000):
        assert_problem(stack.client.get(path), 404, "no-such-process")
    reply = stack.client.post("/processes/other/execution", content=b"{", headers=JSON)
    assert_problem(reply, 404, "no-such-process")


def test_a_body_that_is_too_large(stack: RunningStack) -> None:
    body = b'{"inputs": {"name": "' + b"x" * (17 * 1024 * 1024) + b'"}}'
    reply = stack.client.post(EXECUTION, content=body, headers=JSON)
    assert_problem(reply, 413, "request-too-large", "larger than")

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(body), 65536):
            yield body[start : start + 65536]

    assert_problem(stack.client.post(EXECUTION, content=pieces(), headers=JSON), 413)


@pytest.mark.parametrize(
    "body",
    [
        b"Transfer-Encoding: chunked\r\n\r\nno size\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nab\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"Content-Length: 50\r\n\r\n{}",
    ],
)
def test_a_body_that_ends_too_soon(stack: RunningStack, body: bytes) -> None:
    """And nothing after it: the client has closed its side."""
    with socket.create_connection(("127.0.0.1", int(stack.url.rsplit(":", 1)[1])), 10) as client:
        head = f"POST {EXECUTION} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        head += "Content-Type: application/json\r\n"
        client.sendall(head.encode() + body)
        client.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in answer


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=-1", "limit=x", "limit=", "limit=1.5", "limit=%EF%BC%91", "limit=%00"),
        *("offset=-1", "offset=x"),
    ],
)
@pytest.mark.parametrize("path", ["/jobs", "/processes"])
def test_paging_that_makes_no_sense(stack: RunningStack, path: str, query: str) -> None:
    assert_problem(stack.client.get(f"{path}?{query}"), 400, INVALID, query.partition("=")[0])


@pytest.mark.parametrize(
    "query",
    ["status=done", "type=wps", "processID=", "datetime=x", "minDuration=-1", "maxDuration=x"],
)
def test_filters_that_make_no_sense(stack: RunningStack, query: str) -> None:
    assert_problem(stack.client.get(f"/jobs?{query}"), 400, INVALID, query.partition("=")[0])


def test_an_unknown_query_parameter(stack: RunningStack) -> None:
    reply = stack.client.get("/jobs?state=failed&limit=1")
    assert_problem(reply, 400, INVALID, "Unknown query parameter 'state'")


def test_limits_beyond_the_largest_are_cut(stack: RunningStack) -> None:
    for limit in ("999999999", "9" * 400):
        assert stack.client.get(f"/processes?limit={limit}").status_code == 200
    assert stack.client.get("/jobs?limit=10&offset=999999999").json()["jobs"] == []


def test_an_unknown_format_is_refused(stack: RunningStack) -> None:
    assert_problem(stack.client.get("/jobs?f=jsonld"), 400, "invalid-parameter-value", "f")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/jobs/x", "DELETE"),
        ("DELETE", "/jobs", "GET"),
        ("DELETE", "/jobs/x/results", "GET"),
        ("POST", "/jobs/x/results/y", "GET"),
        ("GET", EXECUTION, "POST"),
        ("POST", "/processes", "GET"),
        ("DELETE", "/processes/echo", "GET"),
        ("POST", "/healthz", "GET"),
    ],
)
def test_another_method(stack: RunningStack, method: str, path: str, allowed: str) -> None:
    reply = stack.client.request(method, path)
    assert_problem(reply, 405)
    assert allowed in reply.headers["Allow"]


def test_an_unknown_path(stack: RunningStack) -> None:
    assert_problem(stack.client.get("/nothing/here"), 404)
