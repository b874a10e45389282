"""Requests that break HTTP itself, over raw connections to gunicorn (RFC 9110, RFC 9112)."""

import email
import email.policy
import gzip
import json
import socket
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit

import pytest

from support.polling import wait_for
from support.stack import RunningStack

BODY = json.dumps({"inputs": {"name": "Joe"}}).encode()
EXECUTION = "/processes/simple-flow/execution"
INVALID = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/invalid-parameter-value"


def exchange(stack: RunningStack, request: bytes, *, end: bool = True) -> tuple[int, Any, bytes]:
    """Send bytes as they are; status, headers and body of the first answer.

    Args:
        end: Whether the client sends no more, and says so.
    """
    address = urlsplit(stack.url)
    with socket.create_connection(("127.0.0.1", address.port or 80), timeout=30) as connection:
        connection.sendall(request)
        if end:
            connection.shutdown(socket.SHUT_WR)
        received = b""
        while piece := connection.recv(65536):
            received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    status, _, fields = head.partition(b"\r\n")
    headers: EmailMessage = email.message_from_bytes(fields, policy=email.policy.HTTP)
    return int(status.split()[1]), headers, body


def request(
    method: str = "POST",
    target: str = EXECUTION,
    body: bytes = BODY,
    version: str = "HTTP/1.1",
    **headers: str | None,
) -> bytes:
    """A request that ends its connection; a header that is None is left out."""
    sent: dict[str, str | None] = {
        "Host": "localhost",
        "Connection": "close",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
    }
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{name}: {value}" for name, value in sent.items() if value is not None]
    return "\r\n".join([f"{method} {target} {version}", *lines, "", ""]).encode() + body


def assert_problem(answer: tuple[int, Any, bytes], status: int, detail: str = "") -> dict[str, Any]:
    found, headers, body = answer
    assert found == status, body
    assert headers["Content-Type"] == "application/problem+json"
    assert int(headers["Content-Length"]) == len(body)
    told: dict[str, Any] = json.loads(body)
    assert set(told) >= {"type", "title", "status", "detail"}
    assert told["status"] == status
    assert told["detail"]
    assert detail in told["detail"]
    return told


def newest(stack: RunningStack) -> list[Any]:
    jobs: list[Any] = stack.client.get("/jobs", params={"limit": 1}).json()["jobs"]
    return jobs


@pytest.fixture(autouse=True)
def _no_job_is_made(stack: RunningStack) -> Iterator[None]:
    before = newest(stack)
    yield
    assert newest(stack) == before


@pytest.mark.parametrize("missing", [1, 10_000])
def test_a_body_that_ends_before_its_length_is_not_executed(
    stack: RunningStack, missing: int
) -> None:
    """Fault 36: the body itself is whole JSON, so only its length tells that some is missing."""
    short = request(Content_Length=str(len(BODY) + missing))
    told = assert_problem(exchange(stack, short), 400, "read completely")
    assert told["type"] == INVALID


@pytest.mark.parametrize(
    "chunks", [b'5\r\n{"inp', b"zz\r\n{}", b"2\r\n{}xx", b"2\r\n{}\r\n", b"-1\r\n"]
)
def test_a_chunked_body_that_is_broken_is_not_executed(stack: RunningStack, chunks: bytes) -> None:
    """Fault 36."""
    for target in (EXECUTION, "/collections/lakes/items"):
        sent = request(target=target, body=b"", Content_Length=None, Transfer_Encoding="chunked")
        assert_problem(exchange(stack, sent + chunks), 400)


def test_a_short_body_for_a_route_of_pygeoapi_is_refused_too(stack: RunningStack) -> None:
    """Fault 36."""
    short = request(target="/collections/lakes/items", Content_Length=str(len(BODY) + 7))
    assert_problem(exchange(stack, short), 400, "read completely")


@pytest.mark.parametrize("prefix", ["/other", "/processes", "", "/"])
@pytest.mark.parametrize("name", ["SCRIPT_NAME", "PATH_INFO"])
def test_a_header_does_not_move_the_application(
    stack: RunningStack, name: str, prefix: str
) -> None:
    """Fault 36: ``SCRIPT_NAME`` from an address that gunicorn trusts."""
    sent = request("GET", "/processes", b"", Content_Length=None)
    moved = sent.replace(b"\r\n\r\n", f"\r\n{name}: {prefix}\r\n\r\n".encode())
    status, _, body = exchange(stack, moved)
    assert status == 200, body
    assert json.loads(body)["processes"]


@pytest.mark.parametrize("host", [None, "", "a b", "evil<x>", "a/b", "[::1", "x:port"])
def test_a_request_without_a_valid_host(stack: RunningStack, host: str | None) -> None:
    """Fault 36 (RFC 9112, section 3.2)."""
    for target in ("/processes", "/", "/nowhere", "/collections", "/healthz"):
        answer = exchange(stack, request("GET", target, b"", Content_Length=None, Host=host))
        assert_problem(answer, 400, "Host")


def test_http_1_0_needs_no_host(stack: RunningStack) -> None:
    sent = request("GET", "/processes", b"", "HTTP/1.0", Content_Length=None, Host=None)
    assert exchange(stack, sent)[0] == 200


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:5000", "[::1]:80", "127.0.0.2", "localhost.:"]
)
def test_a_valid_host_is_taken(stack: RunningStack, host: str) -> None:
    sent = request("GET", "/processes", b"", Content_Length=None, Host=host)
    assert exchange(stack, sent)[0] == 200


@pytest.mark.parametrize("coding", ["gzip, chunked", "deflate,chunked", "x, chunked"])
def test_another_transfer_coding_than_chunked(stack: RunningStack, coding: str) -> None:
    """Fault 36 (RFC 9112, section 6.1: 501)."""
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
    sent = request(body=b"", Content_Length=None, Transfer_Encoding=coding)
    assert_problem(exchange(stack, sent + chunks), 501)


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "br", "identity, gzip"])
def test_a_content_coding_is_refused(stack: RunningStack, coding: str) -> None:
    """Fault 36: the body is not taken for what it is not."""
    body = gzip.compress(BODY)
    for target in (EXECUTION, "/collections/lakes/items"):
        told = assert_problem(
            exchange(stack, request(target=target, body=body, Content_Encoding=coding)), 415
        )
        assert told["type"].endswith("unsupported-media-type")
    assert_problem(exchange(stack, request(body=BODY, Content_Encoding=coding)), 415)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nbad header: \x00\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: y\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n: a header without a name\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n", 400),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 9000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nExpect: the worst\r\n\r\n", 417),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: x\r\n\r\n", 501),
        (
            b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            400,
        ),
    ],
)
def test_what_gunicorn_refuses_is_a_problem(stack: RunningStack, sent: bytes, status: int) -> None:
    """Fault 36: its own errors, before the application sees anything."""
    answer = exchange(stack, sent, end=False)
    assert_problem(answer, status)
    assert b"\x00" not in answer[2]


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/collections/nowhere", 404),
        ("GET", "/collections/lakes/items?limit=x", 400),
        ("GET", "/collections/lakes/items?bbox=0,0,nan,1", 400),
        ("GET", "/collections/lakes/items?bbox=0,0,1,1e999", 400),
        ("GET", "/collections/lakes/items?bbox=0,0,1,x", 400),
        ("GET", "/collections/lakes/items/nowhere", 404),
        ("GET", "/collections/lakes?f=nonsense", 400),
        ("GET", "/conformance?f=nonsense", 400),
        ("GET", "/?f=nonsense", 400),
        ("GET", "/stac/nowhere", 404),
        ("GET", "/TileMatrixSets/nowhere", 400),
        ("PATCH", "/collections", 405),
        ("DELETE", "/", 405),
        ("PUT", "/jobs/x/results", 405),
        ("GET", "/static/nowhere.css", 404),
        ("GET", "/assets/nowhere.css", 404),
        ("GET", "/assets/..%2f..%2fapp.py", 404),
        ("GET", "/openapi/ui/nowhere", 404),
    ],
)
def test_errors_of_every_route_are_problems(
    stack: RunningStack, method: str, target: str, status: int
) -> None:
    """Fault 36: pygeoapi's own routes and unknown paths, too."""
    reply = stack.client.request(method, target)
    assert reply.status_code == status, reply.text
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    told = reply.json()
    assert told["status"] == status
    assert told["title"]
    assert told["detail"]
    if target.startswith("/collections/"):
        assert told["code"]  # exception.yaml of OGC API - Features
        assert told["description"] == told["detail"]


def test_log_lines_cannot_be_forged(stack: RunningStack) -> None:
    """Fault 36: a client's line breaks and escape sequences are escaped in the log."""
    mark = f"forged-{len(stack.log('pygeoapi'))}"
    attack = f"x%0a[2026-01-01] ERROR {mark}%1b[31m%0d%e2%80%a8".replace(" ", "%20")
    stack.client.get(f"/collections/lakes/items?f={attack}")
    stack.client.get(f"/collections/{attack}/items?limit={attack}")

    def logged() -> bool:
        return mark in stack.log("pygeoapi")

    assert wait_for(logged, 10, "the line is in the log")
    log = stack.log("pygeoapi")
    assert "\x1b" not in log
    lines = [line for line in log.splitlines() if mark in line]
    assert lines
    assert all(not line.startswith("[2026-01-01]") for line in lines)
    assert any("\\n[2026-01-01]" in line for line in lines)
