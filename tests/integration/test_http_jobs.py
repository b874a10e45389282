"""Jobs over HTTP: their life, the list, results of each state, and dismissal that really stops."""

import uuid

import psutil
import pytest

from support.http import assert_problem, execute, job_of, prefect_run
from support.polling import wait_for
from support.stack import RunningStack

TERMINAL = ("successful", "failed", "dismissed")


def processes_of(job_id: str) -> list[psutil.Process]:
    """Processes that belong to a job: the flow run's own, and those it started."""
    found = []
    for process in psutil.process_iter():
        try:
            line, environment = process.cmdline(), process.environ()
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
        if f"child-of-{job_id}" in line or job_id in environment.values():
            found.append(process)
    return found


def test_the_life_of_a_job(stack: RunningStack) -> None:
    job_id = stack.submit("slow", {"seconds": 2})
    running = stack.wait_until(job_id, "running", *TERMINAL)
    assert running["status"] == "running"
    told = wait_for(
        lambda: job if (job := stack.job(job_id)).get("progress") == 25 else None, 20, "progress"
    )
    assert told is not None
    assert told["message"] == "a quarter of 2 s"
    assert_problem(stack.client.get(f"/jobs/{job_id}/results"), 404, "result-not-ready", "running")
    job = stack.wait_until(job_id, *TERMINAL)
    assert job["status"] == "successful"
    assert job["progress"] == 100
    assert job["created"] <= job["started"] <= job["finished"] <= job["updated"]
    assert None not in job.values()
    rels = {link["rel"].rsplit("/", 1)[-1] for link in job["links"]}
    assert rels == {"self", "monitor", "up", "results"}
    assert prefect_run(stack, job_id)["state_type"] == "COMPLETED"


def test_a_queued_job_is_cancelled_at_once(stack: RunningStack) -> None:
    pool = stack.prefect.get("/work_pools/pygeoapi").json()
    stack.prefect.patch("/work_pools/pygeoapi", json={"is_paused": True}).raise_for_status()
    try:
        job_id = stack.submit("slow", {"seconds": 1})
        assert_problem(stack.client.get(f"/jobs/{job_id}/results"), 404, "result-not-ready")
        reply = stack.client.delete(f"/jobs/{job_id}")
        assert (reply.status_code, reply.json()["status"]) == (200, "dismissed")
        job = stack.job(job_id)
    finally:
        stack.prefect.patch("/work_pools/pygeoapi", json={"is_paused": pool["is_paused"]})
    assert job["status"] == "dismissed"
    assert "started" not in job
    assert_problem(stack.client.get(f"/jobs/{job_id}/results"), 410, "job-dismissed")
    assert stack.client.delete(f"/jobs/{job_id}").status_code == 200
    assert_problem(stack.client.get(f"/jobs/{job_id}"), 404, "no-such-job")


@pytest.mark.parametrize("kind", ["sleep", "spin", "child"])
def test_a_running_job_really_stops(stack: RunningStack, kind: str) -> None:
    job_id = stack.submit("slow", {"seconds": 90, "kind": kind})
    stack.wait_until(job_id, "running")
    run_id = prefect_run(stack, job_id)["id"]
    wait_for(lambda: processes_of(run_id), 20, "the process of the run")
    if kind == "child":
        wait_for(lambda: processes_of(job_id), 20, "the child of the run")
    reply = stack.client.delete(f"/jobs/{job_id}")
    assert (reply.status_code, reply.json()["status"]) == (200, "dismissed")
    assert stack.job(job_id)["status"] == "dismissed"
    again = stack.client.delete(f"/jobs/{job_id}")
    assert again.json()["status"] == "dismissed"
    wait_for(lambda: not processes_of(run_id), 30, "the end of the process")
    if kind == "child":
        wait_for(lambda: not processes_of(job_id), 30, "the end of the child")
    wait_for(
        lambda: prefect_run(stack, job_id)["state_type"] == "CANCELLED", 30, "the run's last state"
    )
    assert stack.job(job_id)["status"] == "dismissed"


def test_removing_a_finished_job_removes_all_of_it(stack: RunningStack) -> None:
    before = set((stack.state / "results").iterdir())
    job_id = job_of(execute(stack, "simple-flow", {"name": "x" * 10_000}))
    added = set((stack.state / "results").iterdir()) - before
    assert (stack.state / "results" / job_id / "request.json").is_file()
    assert len(added) == 2  # the folder of the job and Prefect's record
    assert stack.client.delete(f"/jobs/{job_id}").json()["status"] == "dismissed"
    assert not any(path.exists() for path in added)
    assert_problem(stack.client.get(f"/jobs/{job_id}"), 404, "no-such-job")
    assert_problem(stack.client.delete(f"/jobs/{job_id}"), 404, "no-such-job")


def test_the_list_is_paged_newest_first(stack: RunningStack) -> None:
    job_ids = [job_of(execute(stack, "vanilla-value", {})) for _ in range(3)]
    first = stack.client.get("/jobs", params={"limit": 2}).json()
    assert [job["jobID"] for job in first["jobs"]] == job_ids[:0:-1]
    links = {link["rel"]: link["href"] for link in first["links"]}
    assert set(links) == {"self", "next"}
    second = stack.client.get(links["next"]).json()
    assert second["jobs"][0]["jobID"] == job_ids[0]
    back = {link["rel"]: link["href"] for link in second["links"]}["prev"]
    assert stack.client.get(back).json()["jobs"] == first["jobs"]
    assert first["numberReturned"] == 2
    assert first["numberMatched"] >= 3
    for job in first["jobs"]:
        assert None not in job.values()
    everything = stack.client.get("/jobs", params={"limit": 10_000}).json()
    assert len(everything["jobs"]) == everything["numberMatched"]
    assert {link["rel"] for link in everything["links"]} == {"self"}


def test_processes_are_listed_and_described(stack: RunningStack) -> None:
    everything = stack.client.get("/processes", params={"limit": 1000}).json()
    ids = [process["id"] for process in everything["processes"]]
    assert {"echo", "hi-prefect-world", "zonal-statistics", "hello-world"} <= set(ids)
    page = stack.client.get("/processes", params={"limit": 2}).json()
    assert [process["id"] for process in page["processes"]] == ids[:2]
    following = next(link["href"] for link in page["links"] if link["rel"] == "next")
    assert stack.client.get(following).json()["processes"][0]["id"] == ids[2]
    described = stack.client.get("/processes/simple-flow").json()
    assert described["jobControlOptions"] == ["sync-execute", "async-execute", "dismiss"]
    assert described["inputs"]["name"]["schema"] == {"type": "string"}
    assert any(link["rel"].endswith("/execute") for link in described["links"])


@pytest.mark.parametrize(
    "job_id",
    [str(uuid.uuid4()), "x", "..", "%00", "a" * 2000, "%F0%9F%98%80", "pygeoapi_job_x", "' OR 1=1"],
)
def test_an_unknown_job_is_not_found(stack: RunningStack, job_id: str) -> None:
    for path in ("", "/results", "/results/result"):
        reply = stack.client.get(f"/jobs/{job_id}{path}")
        if job_id == "..":  # the client resolves it: another resource
            assert reply.status_code in (200, 404)
        else:
            assert_problem(reply, 404, "no-such-job")


def test_health(stack: RunningStack) -> None:
    assert stack.client.get("/healthz").json() == {"status": "ok"}
    ready = stack.client.get("/readyz").json()
    assert ready["status"] == "ok"
    assert ready["dependencies"]["prefect"] == "ok"
