"""Unmodified pygeoapi processes, in the web process and on the worker: each cell of the table."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from support.http import job_of, prefect_run
from support.stack import RunningStack

HERE, WORKER = "vanilla", "worker"
PNG = b"\x89PNG\r\n"
COMPLETED, FAILED = "COMPLETED", "FAILED"


def execute(stack: RunningStack, process: str, inputs: dict[str, Any], **request: Any) -> Any:
    body = {"inputs": inputs, **request}
    return stack.client.post(f"/processes/{process}/execution", json=body)


@pytest.mark.parametrize(
    ("kind", "media_type", "content"),
    [
        ("text", "text/plain", b"Hello"),
        ("bytes", "image/png", PNG),
        ("object", "application/json", b'{"a": "<b>"}'),
        ("list", "application/json", b'[1, "two"]'),
        ("number", "application/json", b"3.5"),
        ("untyped", "text/plain", b"Hello"),
    ],
)
def test_every_kind_of_value_here(
    stack: RunningStack, kind: str, media_type: str, content: bytes
) -> None:
    reply = execute(stack, "vanilla-value", {"kind": kind})
    assert (reply.status_code, reply.content) == (200, content)
    assert reply.headers["Content-Type"] == media_type
    job_id = job_of(reply)
    stored = stack.client.get(f"/jobs/{job_id}/results/result")
    assert (stored.content, stored.headers["Content-Type"]) == (content, media_type)
    run = prefect_run(stack, job_id)
    assert run["state_type"] == COMPLETED
    assert {"pygeoapi", "process:vanilla-value"} <= set(run["tags"])


def test_every_kind_of_value_on_the_worker(stack: RunningStack) -> None:
    kinds = {"text": b"Hello", "bytes": PNG, "object": b'{"a": "<b>"}', "number": b"3.5"}
    jobs = {kind: stack.submit("worker-value", {"kind": kind}) for kind in kinds}
    for kind, job_id in jobs.items():
        stack.wait_until(job_id, "successful")
        assert stack.client.get(f"/jobs/{job_id}/results").content == kinds[kind]
        assert prefect_run(stack, job_id)["state_type"] == COMPLETED


def test_none_is_an_answer_without_content(stack: RunningStack) -> None:
    reply = execute(stack, "vanilla-value", {"kind": "none"})
    assert (reply.status_code, reply.content) == (204, b"")


@pytest.mark.parametrize("where", [HERE, WORKER])
def test_several_outputs_and_the_job_id(stack: RunningStack, where: str) -> None:
    outputs = {"job": {"transmissionMode": "value"}, "wanted": {}}
    reply = execute(stack, f"{where}-several", {}, outputs=outputs, response="document")
    assert reply.status_code == 200
    assert reply.json() == {"job": job_of(reply), "wanted": ["job", "wanted"]}


@pytest.mark.parametrize("where", [HERE, WORKER])
@pytest.mark.parametrize(
    ("kind", "status", "detail"),
    [
        ("execute", 500, "cannot be executed"),
        ("own", 422, "cannot be read"),
        ("unexpected", 500, "The process failed"),
        ("exit", 500, "The process failed"),
    ],
)
def test_every_kind_of_error(
    stack: RunningStack, where: str, kind: str, status: int, detail: str
) -> None:
    reply = execute(stack, f"{where}-raising", {"kind": kind})
    assert reply.status_code == status
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert detail in reply.json()["detail"]
    assert "log" not in reply.json()["detail"]
    assert "secret" not in reply.text
    page = stack.client.get("/jobs", params={"limit": 5}).json()["jobs"]
    job = next(job for job in page if job["processID"] == f"{where}-raising")
    assert job["status"] == "failed"
    assert detail in job["message"]
    assert prefect_run(stack, job["jobID"])["state_type"] == FAILED
    results = stack.client.get(f"/jobs/{job['jobID']}/results")
    assert (results.status_code, results.json()["detail"]) == (status, reply.json()["detail"][:999])


@pytest.mark.parametrize("kind", ["generic", "job"])
def test_other_errors_of_pygeoapi_are_not_shown(stack: RunningStack, kind: str) -> None:
    reply = execute(stack, "vanilla-raising", {"kind": kind})
    assert reply.status_code == 500
    assert "secret" not in reply.text


def test_without_a_deployment_async_is_answered_synchronously(stack: RunningStack) -> None:
    described = stack.client.get("/processes/vanilla-value").json()
    assert described["jobControlOptions"] == ["sync-execute"]
    assert described["title"] == "A kind of process"
    reply = stack.client.post(
        "/processes/vanilla-value/execution",
        json={"inputs": {}},
        headers={"Prefer": "respond-async"},
    )
    assert (reply.status_code, reply.text) == (200, "Hello")
    assert reply.headers["Preference-Applied"] == "wait"


def test_a_pygeoapi_process_with_a_deployment_runs_on_the_worker(stack: RunningStack) -> None:
    described = stack.client.get("/processes/worker-hello-world").json()
    assert "async-execute" in described["jobControlOptions"]
    reply = execute(stack, "worker-hello-world", {"name": "Joe"})
    assert reply.json() == {"id": "echo", "value": "Hello Joe!"}
    run = prefect_run(stack, job_of(reply))
    assert run["deployment_id"]
    assert run["work_queue_name"] == "pygeoapi"


@pytest.mark.parametrize("process", ["hello-world", "worker-hello-world"])
@pytest.mark.parametrize("media_type", ["", "a\r\nSet-Cookie: b", "\x84", {"value": "text/x"}])
def test_what_is_no_media_type_becomes_no_header(
    stack: RunningStack, process: str, media_type: Any
) -> None:
    reply = execute(stack, process, {"name": "Joe", "media_type": media_type})
    assert (reply.status_code, reply.headers["Content-Type"]) == (200, "application/json")
    assert "Set-Cookie" not in reply.headers


def test_removing_a_job_that_ran_here_removes_its_outputs(stack: RunningStack) -> None:
    job_id = job_of(execute(stack, "vanilla-value", {}))
    folder = stack.state / "results" / job_id
    assert folder.is_dir()
    assert stack.client.delete(f"/jobs/{job_id}").status_code == 200
    assert not folder.exists()
    assert stack.client.get(f"/jobs/{job_id}").status_code == 404


def test_a_large_request_is_kept_beside_the_outputs(stack: RunningStack) -> None:
    name = "x" * 20_000
    reply = execute(stack, "vanilla-name-a", {"name": name})
    assert reply.json()["name"] == name
    run = prefect_run(stack, job_of(reply))
    assert len(json.dumps(run["parameters"])) < 8192
    assert run["parameters"]["execution_request"].startswith("block:")


def test_answers_come_from_the_process_and_job_that_were_asked(stack: RunningStack) -> None:
    """400 requests of 8 threads to two resources of one careless class, on 2 web processes."""
    start = threading.Barrier(8)

    def ask(thread: int) -> int:
        start.wait()
        wrong = 0
        for number in range(50):
            resource = "ab"[(thread + number) % 2]
            name = f"{thread}-{number}"
            reply = execute(stack, f"vanilla-name-{resource}", {"name": name, "seconds": 0.002})
            wrong += reply.status_code != 200 or reply.json() != {
                "resource": resource,
                "name": name,
            }
        return wrong

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(8))) == 0
