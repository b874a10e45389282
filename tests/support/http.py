"""What HTTP tests share: requests for jobs, and what every problem looks like."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from jsonschema import Draft202012Validator, FormatChecker

from support.stack import RunningStack

OGC = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/"
TIME = {"type": "string", "format": "date-time", "pattern": "Z$"}
LINK = {
    "type": "object",
    "required": ["href", "rel", "type"],
    "properties": {
        "href": {"type": "string", "pattern": "^http"},
        "rel": {"type": "string"},
        "type": {"type": "string"},
    },
}
STATUS_INFO = {
    "type": "object",
    "required": ["jobID", "processID", "status", "type", "links", "created", "updated", "message"],
    "properties": {
        "jobID": {"type": "string", "format": "uuid"},
        "processID": {"type": "string", "minLength": 1},
        "type": {"const": "process"},
        "status": {"enum": ["accepted", "running", "successful", "failed", "dismissed"]},
        "message": {"type": "string", "minLength": 1},
        "created": TIME,
        "started": TIME,
        "finished": TIME,
        "updated": TIME,
        "progress": {"type": "integer", "minimum": 0, "maximum": 100},
        "links": {"type": "array", "items": LINK},
    },
    "additionalProperties": False,
}
"""``statusInfo.yaml``, with what this server always tells."""


def assert_status_info(job: dict[str, Any]) -> None:
    """A job as the standard describes it; nothing null, nothing that is not yet known."""
    Draft202012Validator(STATUS_INFO, format_checker=FormatChecker()).validate(job)
    rels = {link["rel"].rpartition("/")[2] for link in job["links"]}
    ended = job["status"] in ("successful", "failed")
    assert ("finished" in job) >= ended
    assert ("started" in job) >= (job["status"] == "successful")
    if job["status"] == "accepted":
        assert not {"started", "finished"} & set(job)
    assert ("results" in rels) == (job["status"] == "successful")
    assert ("exceptions" in rels) == (job["status"] == "failed")


@contextmanager
def paused_pool(stack: RunningStack) -> Iterator[None]:
    """No worker gets a job meanwhile."""
    stack.prefect.patch("/work_pools/pygeoapi", json={"is_paused": True}).raise_for_status()
    try:
        yield
    finally:
        stack.prefect.patch("/work_pools/pygeoapi", json={"is_paused": False}).raise_for_status()


def deploy_for_nobody(stack: RunningStack, flow: str, name: str) -> None:
    """Make a deployment of a flow whose queue no worker polls."""
    found = stack.prefect.post("/flows/filter", json={"flows": {"name": {"any_": [flow]}}}).json()
    body = {"flow_id": found[0]["id"], "name": name, "work_pool_name": "pygeoapi"}
    body |= {"work_queue_name": "nobody", "enforce_parameter_schema": False}
    stack.prefect.post("/deployments/", json=body).raise_for_status()


def execute(
    stack: RunningStack, process_id: str, inputs: dict[str, Any], prefer: str = "", **request: Any
) -> httpx.Response:
    """POST an execute request."""
    return stack.client.post(
        f"/processes/{process_id}/execution",
        json={"inputs": inputs, **request},
        headers={"Prefer": prefer} if prefer else {},
    )


def job_of(reply: httpx.Response) -> str:
    """The job that a synchronous reply names in its monitor link."""
    link = reply.headers["Link"]
    assert 'rel="monitor"' in link
    return str(link.partition(">")[0].rsplit("/", 1)[1])


def prefect_run(stack: RunningStack, job_id: str) -> dict[str, Any]:
    """The flow run of a job, as Prefect's API shows it."""
    wanted = {"flow_runs": {"name": {"any_": [f"pygeoapi_job_{job_id}"]}}}
    runs: list[dict[str, Any]] = stack.prefect.post("/flow_runs/filter", json=wanted).json()
    assert len(runs) == 1
    return runs[0]


def assert_problem(reply: httpx.Response, status: int, type_: str = "", detail: str = "") -> None:
    """A problem (RFC 7807) of that status that says what is wrong, and nothing of our insides."""
    assert reply.status_code == status, reply.text
    assert reply.headers["Content-Type"] == "application/problem+json"
    problem = reply.json()
    assert {"type", "title", "status", "detail"} <= set(problem)
    assert set(problem) <= {"type", "title", "status", "detail", "errors"}
    for fault in problem.get("errors", ()):
        assert set(fault) == {"input", "pointer", "detail"}
        assert fault["pointer"].startswith("/inputs/")
    assert problem["status"] == status
    if type_:
        assert problem["type"] == OGC + type_
    assert detail in problem["detail"]
    assert "Traceback" not in reply.text
    assert "/site-packages/" not in reply.text
