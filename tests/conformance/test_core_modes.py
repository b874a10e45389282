"""Requirements class *Core*: synchronous or not."""

import time

import pytest

from support.http import assert_status_info, job_of
from support.requirements import requirement
from support.server import Server, links

INPUTS = {"echo": "teststring"}


@requirement(
    "/req/core/process-execute-default-execution-mode", "/rec/core/process-execute-mode-auto"
)
@pytest.mark.parametrize("prefer", [[], ["respond-sync"], ["wait=60"], ["return=minimal", "x;y=1"]])
def test_without_a_preference_it_is_synchronous(server: Server, prefer: list[str]) -> None:
    reply = server.execute("echo", INPUTS, prefer)
    assert (reply.status_code, reply.text) == (200, "teststring")


@requirement("/req/core/process-execute-default-execution-mode")
def test_an_asynchronous_process_needs_no_preference(server: Server) -> None:
    reply = server.execute(server.having("many"), {})
    assert reply.status_code == 201
    assert "Preference-Applied" not in reply.headers


@requirement(
    "/req/core/process-execute-auto-execution-mode",
    "/rec/core/process-execute-honor-prefer",
    "/rec/core/process-execute-preference-applied",
)
@pytest.mark.parametrize(
    "prefer",
    [
        ["respond-async"],
        ["RESPOND-ASYNC"],
        ["handling=lenient, respond-async"],
        ["x=\"a, b\";q=1 , respond-async"],
        ["unknown", "respond-async"],
        ["respond-async; foo=bar"],
    ],
)  # fmt: skip
def test_respond_async_is_honoured(server: Server, prefer: list[str]) -> None:
    reply = server.execute("echo", INPUTS, prefer)
    assert reply.status_code == 201
    assert reply.headers["Preference-Applied"] == "respond-async"


@requirement("/req/core/process-execute-auto-execution-mode")
def test_a_synchronous_process_stays_so(server: Server) -> None:
    reply = server.execute(server.having("hello-world"), {"name": "Joe"}, "respond-async")
    assert reply.status_code == 200
    assert reply.headers["Preference-Applied"] == "wait"


@requirement("/rec/core/process-execute-handle-prefer")
def test_wait_limits_the_time(server: Server) -> None:
    began = time.monotonic()
    reply = server.execute("echo", {**INPUTS, "pause": 120}, "wait=1")
    assert reply.status_code == 201
    assert time.monotonic() - began < 60
    assert server.client.delete(reply.headers["Location"]).status_code == 200


@requirement("/rec/core/process-execute-handle-prefer")
def test_wait_with_respond_async_returns_results_in_time(server: Server) -> None:
    reply = server.execute("echo", INPUTS, ["respond-async", "wait=60"])
    assert (reply.status_code, reply.text) == (200, "teststring")


@requirement("/req/core/process-execute-success-async")
def test_201_with_location_and_status(server: Server) -> None:
    reply = server.execute("echo", INPUTS, "respond-async")
    assert reply.status_code == 201
    assert_status_info(reply.json())
    assert reply.headers["Location"].endswith(f"/jobs/{reply.json()['jobID']}")
    assert server.client.get(reply.headers["Location"]).status_code == 200


@requirement("/req/core/job-results-success-sync", "/per/core/process-execute-sync-job")
def test_a_synchronous_response_links_to_its_job(server: Server) -> None:
    reply = server.execute("echo", INPUTS)
    assert list(links(reply)) == ["monitor"]
    job = server.document(f"/jobs/{job_of(reply)}")
    assert (job["status"], job["processID"]) == ("successful", "echo")
