"""Requirements class *Core*: how results are delivered, synchronously and from /results alike."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from support.http import assert_problem
from support.requirements import requirement
from support.server import REFERENCE, REL, Server, links, parts, rels

Obtain = Callable[..., httpx.Response]
INPUTS: dict[str, Any] = {"echo": "teststring", "number": 4.5, "geometry": {"type": "Point"}}
POINT = '{"type": "Point"}'


@pytest.fixture(params=["sync", "async"])
def obtain(server: Server, request: pytest.FixtureRequest) -> Obtain:
    """Execute the echo process and get its results, in either mode."""

    def sync(**wanted: Any) -> httpx.Response:
        return server.execute("echo", INPUTS, **wanted)

    def later(**wanted: Any) -> httpx.Response:
        job_id = server.submit("echo", INPUTS, **wanted)
        server.ended(job_id)
        return server.client.get(f"/jobs/{job_id}/results")

    return sync if request.param == "sync" else later


def referenced(reply: httpx.Response) -> list[str]:
    return links(reply).get(REL + "results", [])


@requirement(
    "/req/core/process-execute-sync-raw-value-one", "/req/core/job-results-async-raw-value-one"
)
@pytest.mark.parametrize(
    ("output", "media_type", "content"),
    [
        ("echo", "text/plain", "teststring"),
        ("number", "application/json", "4.5"),
        ("geometry", "application/geo+json", POINT),
    ],
)
def test_one_value(obtain: Obtain, output: str, media_type: str, content: str) -> None:
    reply = obtain(outputs={output: {"transmissionMode": "value"}})
    assert (reply.status_code, reply.text) == (200, content)
    assert reply.headers["Content-Type"] == media_type


@requirement("/req/core/process-execute-sync-raw-value-multi")
@requirement("/req/core/job-results-async-raw-value-multi")
def test_several_values(obtain: Obtain) -> None:
    reply = obtain(outputs={"echo": {}, "geometry": {}})
    assert reply.status_code == 200
    found = parts(reply)
    assert set(found) == {"echo", "geometry"}
    assert found["echo"].get_payload(decode=True) == b"teststring"
    assert found["geometry"].get_content_type() == "application/geo+json"


@requirement("/req/core/process-execute-default-outputs")
def test_without_outputs_all_are_returned(obtain: Obtain) -> None:
    assert set(parts(obtain())) == set(INPUTS)
    assert set(obtain(response="document").json()) == set(INPUTS)


@requirement("/req/core/process-execute-sync-raw-ref", "/req/core/job-results-async-raw-ref")
@pytest.mark.parametrize("wanted", [["echo"], ["echo", "number"]])
def test_references(server: Server, obtain: Obtain, wanted: list[str]) -> None:
    reply = obtain(outputs=dict.fromkeys(wanted, REFERENCE))
    assert (reply.status_code, reply.content) == (204, b"")
    assert "Content-Type" not in reply.headers
    values = [server.client.get(href).text for href in referenced(reply)]
    assert values == ["teststring", "4.5"][: len(wanted)]


@requirement("/req/core/process-execute-sync-raw-mixed-multi")
@requirement("/req/core/job-results-async-raw-mixed-multi")
def test_values_and_references(server: Server, obtain: Obtain) -> None:
    reply = obtain(outputs={"echo": {}, "number": REFERENCE})
    assert reply.status_code == 200
    found = parts(reply)
    assert found["echo"].get_payload(decode=True) == b"teststring"
    assert found["number"].get_payload(decode=True) == b""
    assert server.client.get(found["number"]["Content-Location"]).json() == 4.5


@requirement("/req/core/process-execute-sync-document", "/req/core/job-results-async-document")
@requirement("/rec/core/process-execute-sync-document-ref")
def test_a_document(server: Server, obtain: Obtain) -> None:
    reply = obtain(response="document", outputs={"echo": {}, "number": REFERENCE, "geometry": {}})
    assert reply.status_code == 200
    assert reply.headers["Content-Type"] == "application/json"
    document = reply.json()
    assert document["echo"] == "teststring"
    assert document["geometry"]["value"] == {"type": "Point"}
    assert document["geometry"]["mediaType"] == "application/geo+json"
    assert server.client.get(document["number"]["href"]).json() == 4.5


@requirement("/req/core/job-results")
def test_one_output_in_ranges(server: Server, echo: str) -> None:
    """References serve ranges, as readers of large rasters need."""
    path = f"/jobs/{echo}/results/echo"
    whole = server.client.get(path)
    assert (whole.text, whole.headers["Accept-Ranges"]) == ("teststring", "bytes")
    part = server.client.get(path, headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.text) == (206, "stri")
    assert part.headers["Content-Range"] == "bytes 4-7/10"
    assert server.client.head(path, headers={"Range": "bytes=4-7"}).status_code == 200
    last = server.client.get(path, headers={"Range": "bytes=-3"})
    assert last.text == "ing"
    beyond = server.client.get(path, headers={"Range": "bytes=10-"})
    assert_problem(beyond, 416)
    assert beyond.headers["Content-Range"] == "bytes */10"
    unsure = server.client.get(path, headers={"Range": "bytes=0-1", "If-Range": '"x"'})
    assert (unsure.status_code, unsure.text) == (200, "teststring")
    head = server.client.head(path)
    assert (head.status_code, head.headers["Content-Length"]) == (200, "10")


@requirement("/req/core/process-execute-default-outputs")
def test_an_unknown_output_is_rejected(server: Server) -> None:
    reply = server.execute("echo", INPUTS, outputs={"ecco": {}})
    assert_problem(reply, 400, "invalid-parameter-value", "'ecco'")


@requirement("/req/core/job-results-exception/results-not-ready")
def test_results_that_are_not_ready(server: Server) -> None:
    job_id = server.submit("echo", {"echo": "x", "pause": 120})
    assert_problem(server.get(f"/jobs/{job_id}/results"), 404, "result-not-ready")
    assert_problem(server.get(f"/jobs/{job_id}/results/echo"), 404, "result-not-ready")
    assert REL + "results" not in rels(server.document(f"/jobs/{job_id}"))
    server.client.delete(f"/jobs/{job_id}").raise_for_status()


@requirement("/req/core/job-results-failed")
@pytest.mark.parametrize(
    ("kind", "status", "type_"),
    [("name", 400, "missing-parameter-value"), ("unexpected", 500, "job-failed")],
)
def test_results_of_a_failed_job_say_why(
    server: Server, kind: str, status: int, type_: str
) -> None:
    job_id = server.submit(server.having("careless"), {"kind": kind})
    job = server.ended(job_id)
    assert job["status"] == "failed"
    assert REL + "exceptions" in rels(job)
    assert_problem(server.get(f"/jobs/{job_id}/results"), status, type_)
