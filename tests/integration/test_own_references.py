"""Inputs that refer to outputs of this server: read through the store, under its rules."""

from typing import Any

import pytest

from support.http import assert_problem, execute, job_of
from support.stack import RunningStack

INVALID = "invalid-parameter-value"
PICTURE = {"type": "image/png"}


def address(stack: RunningStack, job_id: str, output: str) -> str:
    return f"{stack.url}/jobs/{job_id}/results/{output}"


def test_json_of_another_job_is_an_input(stack: RunningStack) -> None:
    """Fault 20: the server itself is not allow-listed, and no HTTP request is made."""
    value = {"a": [1, {"b": "ö"}]}
    wanted: dict[str, Any] = {"text_or_object": {}}
    first = execute(stack, "echo", {"echo": "x", "text_or_object": value}, outputs=wanted)
    assert first.json() == value
    href = address(stack, job_of(first), "text_or_object")
    inputs = {"echo": "x", "text_or_object": {"href": href}}
    again = execute(stack, "echo", inputs, outputs=wanted)
    assert again.status_code == 200, again.text
    assert again.json() == value
    # The answer of a request by reference is such an address.
    by_reference = {"text_or_object": {"transmissionMode": "reference"}}
    referred = execute(stack, "echo", inputs, response="document", outputs=by_reference).json()
    inputs["text_or_object"] = {"href": referred["text_or_object"]["href"]}
    assert execute(stack, "echo", inputs, outputs=wanted).json() == value


def test_a_picture_of_another_job_is_opened_on_the_worker(stack: RunningStack) -> None:
    """Fault 20: by the helper for flows, which has the block only."""
    first = execute(stack, "vanilla-picture", {})
    assert first.headers["Content-Type"] == "image/png"
    href = address(stack, job_of(first), "picture")
    for again in (href, f"{href}?x=1#y", href.replace("http:", "HTTP:")):
        inputs = {"picture": {"href": again, **PICTURE}}
        second = execute(stack, "taking", inputs, outputs={"picture": {}})
        assert second.status_code == 200, second.text
        assert second.content == first.content


def test_what_is_not_there_is_refused_at_once(stack: RunningStack) -> None:
    """Fault 20: 400 that names the reference and says why; no job is made."""
    job = job_of(execute(stack, "vanilla-picture", {}))
    failed = stack.submit("careless", {"kind": "unexpected"})
    stack.wait_until(failed, "failed")
    running = stack.submit("slow", {"seconds": 60})
    unknown = "00000000-0000-4000-8000-000000000000"
    try:
        for job_id, output, told in (
            (job, "nothing", "no output 'nothing'"),
            (unknown, "picture", "no job"),
            ("x", "picture", "no job"),
            (failed, "result", "The process failed"),
            (running, "result", "has no results yet"),
        ):
            href = address(stack, job_id, output)
            newest = stack.client.get("/jobs", params={"limit": 1}).json()["jobs"]
            for process, name, link in (
                ("taking", "picture", {"href": href, **PICTURE}),
                ("echo", "text_or_object", {"href": href}),
            ):
                inputs = {name: link} | ({"echo": "x"} if process == "echo" else {})
                reply = execute(stack, process, inputs, "respond-async")
                assert_problem(reply, 400, INVALID, told)
                assert href in reply.json()["detail"]
                assert f"'{name}'" in reply.json()["detail"]
            after = stack.client.get("/jobs", params={"limit": 1}).json()["jobs"]
            assert [one["jobID"] for one in after] == [one["jobID"] for one in newest]
    finally:
        stack.client.delete(f"/jobs/{running}")
        stack.client.delete(f"/jobs/{running}")


@pytest.mark.parametrize("path", ["/jobs", "/jobs/x/results", "/processes", "/healthz"])
def test_nothing_else_of_this_server_is_read(stack: RunningStack, path: str) -> None:
    inputs = {"echo": "x", "text_or_object": {"href": f"{stack.url}{path}"}}
    assert_problem(execute(stack, "echo", inputs), 400, INVALID, "does not connect to")


def test_a_refused_host_says_who_can_allow_it(stack: RunningStack) -> None:
    """Fault 20: the answer names no setting, the log does."""
    inputs = {"echo": "x", "text_or_object": {"href": "http://127.0.0.99/x"}}
    reply = execute(stack, "echo", inputs)
    assert_problem(reply, 400, INVALID, "an operator of this server can allow it")
    assert "OUTGOING_ALLOWED_HOSTS" not in reply.text
    lines = [line for line in stack.log("pygeoapi").splitlines() if "127.0.0.99" in line]
    assert any("OUTGOING_ALLOWED_HOSTS" in line for line in lines)
