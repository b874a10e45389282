"""POST /processes/{id}/execution: modes, delivery and what a flow's failure looks like."""

import email
import email.policy
from typing import Any

import httpx
import pytest

from pygeoapi_prefect.engine.shares import tags_of
from support.http import (
    assert_problem,
    assert_status_info,
    execute,
    job_of,
    paused_pool,
    prefect_run,
)
from support.stack import RunningStack

REFERENCE = {"transmissionMode": "reference"}


def parts(reply: httpx.Response) -> dict[str, Any]:
    head = f"Content-Type: {reply.headers['Content-Type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + reply.content, policy=email.policy.HTTP)
    assert message.get_content_type() == "multipart/related"
    return {str(part["Content-ID"]).strip("<>"): part for part in message.iter_parts()}


def test_sync_raw_is_the_output_itself(stack: RunningStack) -> None:
    reply = execute(stack, "simple-flow", {"name": "Joe", "message": "How are you?"})
    assert (reply.status_code, reply.text) == (200, "Hello Joe! How are you?")
    assert reply.headers["Content-Type"] == "text/plain"
    assert "Location" not in reply.headers
    run = prefect_run(stack, job_of(reply))
    assert run["state_type"] == "COMPLETED"
    assert {"pygeoapi", "process:simple-flow", *tags_of("127.0.0.1")} == set(run["tags"])
    assert run["work_queue_name"] == "pygeoapi"
    assert run["idempotency_key"] == job_of(reply)


def test_async_is_201_with_the_whole_status(stack: RunningStack) -> None:
    reply = execute(
        stack, "hi-prefect-world", {"name": "Ann"}, "respond-async", response="document"
    )
    assert reply.status_code == 201
    assert reply.headers["Preference-Applied"] == "respond-async"
    job = reply.json()
    assert reply.headers["Location"] == f"{stack.url}/jobs/{job['jobID']}"
    assert job["status"] == "accepted"
    assert job["processID"] == "hi-prefect-world"
    assert_status_info(job)
    stack.wait_until(job["jobID"], "successful")
    results = stack.client.get(f"/jobs/{job['jobID']}/results")
    assert results.json() == {"result": "Hello Ann!"}
    one = stack.client.get(f"/jobs/{job['jobID']}/results/result")
    assert (one.text, one.headers["Content-Type"]) == ("Hello Ann!", "text/plain")
    missing = stack.client.get(f"/jobs/{job['jobID']}/results/other")
    assert_problem(missing, 404, "no-such-output", "'other'")


def test_an_async_only_process_is_asynchronous_without_being_asked(stack: RunningStack) -> None:
    """And its several outputs come in every form that can be asked for."""
    requests: dict[str, dict[str, Any]] = {
        "all": {},
        "one": {"outputs": {"image": {}}},
        "references": {"outputs": {"image": REFERENCE, "text": REFERENCE}},
        "mixed": {"outputs": {"image": REFERENCE, "text": {}}},
        "document": {"response": "document", "outputs": {"image": {}, "zones": REFERENCE}},
    }
    job_ids = {
        form: execute(stack, "many", {}, **request).json()["jobID"]
        for form, request in requests.items()
    }
    found = {}
    for form, job_id in job_ids.items():
        stack.wait_until(job_id, "successful")
        found[form] = stack.client.get(f"/jobs/{job_id}/results")
    assert set(parts(found["all"])) == {"text", "image", "zones"}
    assert found["one"].headers["Content-Type"] == "image/png"
    assert (found["references"].status_code, found["references"].content) == (204, b"")
    links = found["references"].headers.get_list("Link")
    assert len(links) == 2
    href = links[0].partition(">")[0].lstrip("<")
    assert httpx.get(href, trust_env=False).status_code == 200
    mixed = parts(found["mixed"])
    assert mixed["text"].get_payload(decode=True) == b"Hello"
    assert mixed["image"]["Content-Location"].endswith("/results/image")
    document = found["document"].json()
    assert document["image"]["encoding"] == "base64"
    assert document["zones"]["href"].endswith("/results/zones")


def test_wait_bounds_a_synchronous_execution(stack: RunningStack) -> None:
    reply = execute(stack, "slow", {"seconds": 60}, "wait=1")
    assert reply.status_code == 201
    assert stack.client.delete(f"/jobs/{reply.json()['jobID']}").status_code == 200


def test_respond_async_with_wait_gives_the_job_if_results_do_not_come(stack: RunningStack) -> None:
    with paused_pool(stack):
        reply = execute(stack, "slow", {"seconds": 1}, "respond-async, wait=1")
        assert reply.status_code == 201
        assert reply.headers["Preference-Applied"] == "respond-async"
        assert_status_info(reply.json())
        assert reply.json()["status"] == "accepted"
        stack.client.delete(reply.headers["Location"]).raise_for_status()


def test_respond_async_with_wait_gives_results_that_come_in_time(stack: RunningStack) -> None:
    reply = execute(stack, "simple-flow", {"name": "Joe"}, "respond-async, wait=30")
    assert (reply.status_code, reply.text) == (200, "Hello Joe!")


def test_a_sync_only_process_that_takes_too_long_is_cancelled(stack: RunningStack) -> None:
    described = stack.client.get("/processes/slow-sync").json()
    assert described["jobControlOptions"] == ["sync-execute", "dismiss"]
    reply = execute(stack, "slow-sync", {"seconds": 60}, "respond-async, wait=1")
    assert_problem(reply, 504, "timeout", "cancelled")
    newest = stack.client.get("/jobs", params={"limit": 1}).json()["jobs"][0]
    assert newest["processID"] == "slow-sync"
    assert newest["status"] == "dismissed"


@pytest.mark.parametrize(
    ("kind", "status", "type_", "detail"),
    [
        ("name", 400, "missing-parameter-value", "Cannot process without a name"),
        ("own", 422, "unreadable-raster", "the raster cannot be read"),
        ("unexpected", 500, "job-failed", "The process failed"),
        ("none", 500, "job-failed", "None instead of an instance of JobStatusInfoInternal"),
        ("outside", 500, "job-failed", "is outside the store"),
        ("missing", 404, "no-such-output", "no longer exists in the store"),
    ],
)
def test_failures_of_a_flow(
    stack: RunningStack, kind: str, status: int, type_: str, detail: str
) -> None:
    job_id = stack.submit("careless", {"kind": kind})
    job = stack.wait_until(job_id, "failed", "successful")
    results = stack.client.get(f"/jobs/{job_id}/results")
    assert_problem(results, status, type_, detail)
    assert "secret" not in results.text
    if kind in ("name", "own", "unexpected", "none"):
        assert job["status"] == "failed"
        assert detail in job["message"]


def test_a_missing_name_raised_by_the_flow_is_the_clients_fault(stack: RunningStack) -> None:
    reply = execute(stack, "careless", {"kind": "name"})
    assert_problem(reply, 400, "missing-parameter-value", "Cannot process without a name")


def test_prefect_powered_without_a_deployment_runs_here(stack: RunningStack) -> None:
    outputs: dict[str, Any] = {"text": {}, "zones": {}}
    reply = execute(stack, "many-here", {}, "respond-async", outputs=outputs)
    assert reply.status_code == 200
    assert reply.headers["Preference-Applied"] == "wait"
    assert set(parts(reply)) == {"text", "zones"}
    run = prefect_run(stack, job_of(reply))
    assert (run["state_type"], run["deployment_id"]) == ("COMPLETED", None)
    assert (stack.state / "results" / job_of(reply) / "text.out").read_bytes() == b"Hello"


def test_a_large_output_is_streamed(stack: RunningStack) -> None:
    reply = execute(stack, "many-here", {"seconds": 50}, outputs={"text": {}})
    assert reply.status_code == 200
    assert len(reply.content) == 50 * 1024 * 1024 + 5
    assert reply.headers["Content-Length"] == str(len(reply.content))


@pytest.mark.parametrize("process_id", ["careless", "careless-here"])
def test_a_flow_that_ends_the_interpreter_fails_its_job_and_no_more(
    stack: RunningStack, process_id: str
) -> None:
    reply = execute(stack, process_id, {"kind": "exit"})
    assert_problem(reply, 500, "job-failed")
    page = stack.client.get("/jobs", params={"processID": process_id, "limit": 1}).json()
    assert page["jobs"][0]["status"] == "failed"
