"""Containers that are restarted, killed, multiplied, taken down and started again."""

import os
import signal
from collections import Counter

import pytest

from support.compose import LONG_RUNNING, ComposeStack
from support.polling import wait_for

JOBS = 40
RECOVERY_SECONDS = 900


def kill(stack: ComposeStack, service: str) -> None:
    """SIGKILL from the host: Compose's own `kill` counts as a stop by hand."""
    before = stack.container(service)
    os.kill(before["State"]["Pid"], signal.SIGKILL)

    def restarted() -> bool:
        now = stack.container(service)
        return bool(now["RestartCount"] > before["RestartCount"] and now["State"]["Running"])

    wait_for(restarted, 60, lambda: stack.report())


def submitted(stack: ComposeStack, count: int, pause: float = 1) -> list[str]:
    return [stack.submit("echo", {"echo": str(n), "pause": pause}) for n in range(count)]


@pytest.mark.parametrize("service", LONG_RUNNING)
def test_restart(stack: ComposeStack, service: str) -> None:
    before = stack.submit("simple-flow", {"name": "before"})
    stack.wait_for_jobs(before)
    stack.compose("restart", service)
    stack.wait_until_healthy()
    after = stack.submit("simple-flow", {"name": "after"})
    assert [job["status"] for job in stack.wait_for_jobs(before, after)] == ["successful"] * 2
    for job_id, name in ((before, "before"), (after, "after")):
        assert f"Hello {name}!" in stack.client.get(f"/jobs/{job_id}/results").text


@pytest.mark.parametrize("service", LONG_RUNNING)
def test_killed_during_forty_jobs(stack: ComposeStack, service: str) -> None:
    job_ids = submitted(stack, JOBS)
    kill(stack, service)
    stack.wait_until_healthy()
    jobs = stack.wait_for_jobs(*job_ids, timeout=RECOVERY_SECONDS)
    assert Counter(job["status"] in ("successful", "failed") for job in jobs) == {True: JOBS}
    for job in jobs:
        if job["status"] == "successful":
            assert stack.client.get(f"/jobs/{job['jobID']}/results").status_code == 200


def claimant(stack: ComposeStack, run_id: str) -> str:
    """Which worker has run a job: it says so where it claims it, and each has its own name."""
    states = stack.prefect.get("/flow_run_states/", params={"flow_run_id": run_id}).json()
    (claim,) = [state["message"] for state in states if state["type"] == "PENDING"]
    assert claim.startswith("Claimed by worker ")
    return str(claim)


def test_three_workers_share_the_jobs(stack: ComposeStack) -> None:
    stack.up("--scale", "worker=3", "--no-recreate")
    try:
        job_ids = submitted(stack, 30, pause=2)
        jobs = stack.wait_for_jobs(*job_ids, timeout=RECOVERY_SECONDS)
        assert {job["status"] for job in jobs} == {"successful"}
        names = [f"pygeoapi_job_{job_id}" for job_id in job_ids]
        wanted = {"flow_runs": {"name": {"any_": names}}}
        runs = stack.prefect.post("/flow_runs/filter", json=wanted).json()
        assert Counter(run["run_count"] for run in runs) == {1: 30}
        workers = Counter(claimant(stack, run["id"]) for run in runs)
        assert len(workers) == 3
        assert min(workers.values()) >= 2
    finally:
        stack.up("--scale", "worker=1", "--no-recreate")


def test_down_and_up_keeps_jobs_and_results(stack: ComposeStack) -> None:
    job_id = stack.submit("simple-flow", {"name": "Ida"})
    stack.wait_for_jobs(job_id)
    stack.compose("down")
    stack.up()
    assert stack.job(job_id)["status"] == "successful"
    assert "Hello Ida!" in stack.client.get(f"/jobs/{job_id}/results").text
    stack.wait_for_jobs(stack.submit("simple-flow", {"name": "again"}))
