"""Requests of the largest size: kept out of Prefect, so that status and list stay as they are."""

import json

import pytest

from support.http import assert_problem, paused_pool
from support.stack import RunningStack

MIB = 1024 * 1024
NUMBER = 20


@pytest.mark.slow
def test_large_requests_burden_neither_status_nor_list(stack: RunningStack) -> None:
    with paused_pool(stack):
        small = [stack.submit("simple-flow", {"name": "x"}) for _ in range(NUMBER)]
        large = [stack.submit("simple-flow", {"name": "x" * 15 * MIB}) for _ in range(NUMBER)]
        try:
            names = [f"pygeoapi_job_{job_id}" for job_id in large]
            wanted = {"flow_runs": {"name": {"any_": names}}}
            runs = stack.prefect.post("/flow_runs/filter", json=wanted).json()
            assert len(runs) == NUMBER
            for run in runs:  # what every status and list of Prefect carries along
                assert run["parameters"]["execution_request"].startswith("block:")
                assert len(json.dumps(run["parameters"])) < 8192
            for job_id in large:
                request = stack.state / "results" / job_id / "request.json"
                assert request.stat().st_size > 15 * MIB
            page = stack.client.get("/jobs", params={"limit": 2 * NUMBER})
            assert {job["jobID"] for job in page.json()["jobs"]} == {*small, *large}
            assert len(page.content) < 2 * NUMBER * 2048
            one, other = (stack.client.get(f"/jobs/{job[0]}") for job in (small, large))
            assert abs(len(one.content) - len(other.content)) < 100
        finally:
            for job_id in (*small, *large):
                stack.client.delete(f"/jobs/{job_id}")  # cancelled
                stack.client.delete(f"/jobs/{job_id}")  # removed
    assert not any((stack.state / "results" / job_id).exists() for job_id in large)


def test_a_larger_body_is_refused(stack: RunningStack) -> None:
    body = json.dumps({"inputs": {"name": "x" * 16 * MIB}})
    reply = stack.client.post(
        "/processes/simple-flow/execution",
        content=body,
        headers={"Content-Type": "application/json"},
    )
    assert_problem(reply, 413, "request-too-large")
