"""Containers that are restarted, killed, multiplied, taken down and started again."""

import logging
import os
import signal
from collections import Counter
from functools import partial

import httpx
import pytest

from support.compose import LONG_RUNNING, ComposeStack
from support.http import assert_problem
from support.polling import wait_for_recovery

LOGGER = logging.getLogger(__name__)
JOBS = 40
RECOVERY_SECONDS = 900
OUTAGE_SECONDS = {"minio": 10}
"""Within which all is answered while a part is away, 5 for others: S3 is tried twice, 3 s each."""
USABLE = {"submit": 201, "execute": 200, "jobs": 200, "job": 200, "results": 200, "readyz": 200}
AWAY = {
    "postgres": dict.fromkeys(USABLE, 503),
    "minio": USABLE | {"execute": 503, "results": 503, "readyz": 503},
    "prefect-server": dict.fromkeys(USABLE, 503),
    "worker": USABLE,
}
DOWN = {
    "postgres": "prefect",
    "prefect-server": "prefect",
    "minio": "remote-file-system/pygeoapi-results",
}


def submitted(stack: ComposeStack, count: int, pause: float = 1) -> list[str]:
    return [stack.submit("echo", {"echo": str(n), "pause": pause}) for n in range(count)]


def answers(stack: ComposeStack, job_id: str) -> dict[str, httpx.Response]:
    """What is told of processes on the worker and in the web process, and of a job."""
    return {
        "submit": stack.execute("simple-flow", {"name": "meanwhile"}, "respond-async"),
        "execute": stack.execute("hello-world", {"name": "meanwhile"}),
        "jobs": stack.client.get("/jobs"),
        "job": stack.client.get(f"/jobs/{job_id}"),
        "results": stack.client.get(f"/jobs/{job_id}/results"),
        "readyz": stack.client.get("/readyz"),
    }


def is_answered(stack: ComposeStack, job_id: str) -> bool:
    try:
        return {name: reply.status_code for name, reply in answers(stack, job_id).items()} == USABLE
    except httpx.TransportError:
        return False


def is_usable(stack: ComposeStack, job_id: str) -> bool:
    """All is answered as it should be, and the worker runs a job that somebody waits for."""
    if not is_answered(stack, job_id):
        return False
    return stack.execute("simple-flow", {"name": "again"}).status_code == 200


def assert_told(stack: ComposeStack, service: str, job_id: str) -> None:
    """A part is away: what needs it is a 503 in time, and the rest goes on."""
    told = answers(stack, job_id)
    assert {name: reply.status_code for name, reply in told.items()} == AWAY[service]
    slowest = max(reply.elapsed.total_seconds() for reply in told.values())
    LOGGER.warning("%s stopped: answered within %.2f s", service, slowest)
    assert slowest < OUTAGE_SECONDS.get(service, 5)
    for name in set(told) - {"readyz"}:
        if told[name].status_code == 503:
            assert_problem(told[name], 503)
            assert int(told[name].headers["Retry-After"]) > 0
    assert stack.client.get("/healthz").status_code == 200
    if service in DOWN:
        assert told["readyz"].json()["dependencies"][DOWN[service]] != "ok"


@pytest.mark.parametrize("service", LONG_RUNNING)
def test_stopped_and_started(stack: ComposeStack, service: str) -> None:
    before = stack.submit("simple-flow", {"name": "before"})
    stack.wait_for_jobs(before)
    stack.compose("stop", service)
    try:
        if service == "pygeoapi":
            with pytest.raises(httpx.TransportError):
                stack.client.get("/healthz")
        else:
            assert_told(stack, service, before)
    finally:
        stack.compose("start", service)
    wait_for_recovery(partial(is_usable, stack, before), RECOVERY_SECONDS, f"{service} started")
    after = stack.submit("simple-flow", {"name": "after"})
    assert [job["status"] for job in stack.wait_for_jobs(before, after)] == ["successful"] * 2
    for job_id, name in ((before, "before"), (after, "after")):
        assert f"Hello {name}!" in stack.client.get(f"/jobs/{job_id}/results").text


def kill(stack: ComposeStack, service: str, job_id: str) -> None:
    """SIGKILL from the host, until all is answered: Compose's own `kill` is a stop by hand."""
    before = stack.container(service)
    os.kill(before["State"]["Pid"], signal.SIGKILL)

    def is_back() -> bool:
        now = stack.container(service)
        restarted = now["RestartCount"] > before["RestartCount"] and now["State"]["Running"]
        return bool(restarted and is_answered(stack, job_id))  # the worker has other jobs to do

    wait_for_recovery(is_back, RECOVERY_SECONDS, f"{service} killed")


@pytest.mark.parametrize("service", LONG_RUNNING)
def test_killed_during_forty_jobs(stack: ComposeStack, service: str) -> None:
    ended = stack.submit("simple-flow", {"name": "before"})
    stack.wait_for_jobs(ended)
    job_ids = submitted(stack, JOBS)
    kill(stack, service, ended)
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
