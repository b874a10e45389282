"""What HTTP tests share: requests for jobs, and what every problem looks like."""

from typing import Any

import httpx

from support.stack import RunningStack

OGC = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/"


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
    assert set(problem) == {"type", "title", "status", "detail"}
    assert problem["status"] == status
    if type_:
        assert problem["type"] == OGC + type_
    assert detail in problem["detail"]
    assert "Traceback" not in reply.text
    assert "/site-packages/" not in reply.text
