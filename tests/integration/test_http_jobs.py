"""Jobs over HTTP: their life, the list, results of each state, and dismissal that really stops."""

import psutil
import pytest

from pygeoapi_prefect.examples.simple_flow import SimpleFlowProcessor
from support.http import (
    assert_problem,
    assert_status_info,
    execute,
    job_of,
    paused_pool,
    prefect_run,
)
from support.polling import wait_for
from support.stack import RunningStack

TERMINAL = ("successful", "failed", "dismissed")


def processes_of(job_id: str) -> list[psutil.Process]:
    """Processes that belong to a job, or to a flow run: its own, and those it started."""
    found = []
    for process in psutil.process_iter():
        try:
            line, folder = process.cmdline(), process.cwd()
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
        if f"child-of-{job_id}" in line or job_id in folder:  # a run has a folder of its own
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
    for seen in (running, told, job):
        assert_status_info(seen)
    rels = {link["rel"].rsplit("/", 1)[-1] for link in job["links"]}
    assert rels == {"self", "alternate", "monitor", "up", "results"}
    assert prefect_run(stack, job_id)["state_type"] == "COMPLETED"


def test_a_queued_job_is_cancelled_at_once(stack: RunningStack) -> None:
    with paused_pool(stack):
        job_id = stack.submit("slow", {"seconds": 1})
        queued = stack.job(job_id)
        assert_problem(stack.client.get(f"/jobs/{job_id}/results"), 404, "result-not-ready")
        reply = stack.client.delete(f"/jobs/{job_id}")
        assert (reply.status_code, reply.json()["status"]) == (200, "dismissed")
        job = stack.job(job_id)
    assert (queued["status"], job["status"]) == ("accepted", "dismissed")
    assert_status_info(queued)
    assert_status_info(job)
    assert "started" not in job
    assert_problem(stack.client.get(f"/jobs/{job_id}/results"), 410, "job-dismissed")
    assert stack.client.delete(f"/jobs/{job_id}").status_code == 200
    assert_problem(stack.client.get(f"/jobs/{job_id}"), 404, "no-such-job")


@pytest.mark.parametrize("kind", ["sleep", "spin", "child", "family"])
def test_a_running_job_really_stops(stack: RunningStack, kind: str) -> None:
    job_id = stack.submit("slow", {"seconds": 90, "kind": kind})
    stack.wait_until(job_id, "running")
    run_id = prefect_run(stack, job_id)["id"]
    wait_for(lambda: processes_of(run_id), 20, "the process of the run")
    children = {"child": 1, "family": 2}.get(kind, 0)
    wait_for(lambda: len(processes_of(job_id)) == children, 20, "the children of the run")
    reply = stack.client.delete(f"/jobs/{job_id}")
    assert (reply.status_code, reply.json()["status"]) == (200, "dismissed")
    assert stack.job(job_id)["status"] == "dismissed"
    try:
        wait_for(
            lambda: prefect_run(stack, job_id)["state_type"] == "CANCELLED", 30, "the last state"
        )
        wait_for(lambda: not (processes_of(run_id) or processes_of(job_id)), 10, "the end of all")
    finally:
        for process in processes_of(job_id):
            process.kill()
    assert stack.job(job_id)["status"] == "dismissed"
    assert_problem(stack.client.get(f"/jobs/{job_id}/results"), 410, "job-dismissed")


def test_a_second_dismissal_does_not_remove_a_job_that_still_ends(stack: RunningStack) -> None:
    job_id = stack.submit("slow", {"seconds": 90})
    stack.wait_until(job_id, "running")
    worker = stack.processes["worker"].find()
    assert worker is not None
    worker.suspend()  # nobody cancels the run for now
    try:
        for _ in range(3):
            reply = stack.client.delete(f"/jobs/{job_id}")
            assert (reply.status_code, reply.json()["status"]) == (200, "dismissed")
        assert prefect_run(stack, job_id)["state_type"] == "CANCELLING"
        job = stack.job(job_id)
        assert job["status"] == "dismissed"
        assert_status_info(job)
    finally:
        worker.resume()
    wait_for(lambda: prefect_run(stack, job_id)["state_type"] == "CANCELLED", 30, "last state")
    assert stack.client.delete(f"/jobs/{job_id}").status_code == 200
    assert_problem(stack.client.get(f"/jobs/{job_id}"), 404, "no-such-job")


def test_removing_a_finished_job_removes_all_of_it(stack: RunningStack) -> None:
    before = set((stack.state / "results").iterdir())
    job_id = job_of(execute(stack, "simple-flow", {"name": "x" * 10_000}))
    added = set((stack.state / "results").iterdir()) - before
    assert (stack.state / "results" / job_id / "request.json").is_file()
    assert {path.name for path in added} == {job_id}  # Prefect's record is in it, too
    assert stack.client.delete(f"/jobs/{job_id}").json()["status"] == "dismissed"
    assert not any(path.exists() for path in added)
    assert_problem(stack.client.get(f"/jobs/{job_id}"), 404, "no-such-job")
    assert_problem(stack.client.delete(f"/jobs/{job_id}"), 404, "no-such-job")


def test_a_process_is_repeated_as_its_configuration_says(stack: RunningStack) -> None:
    """``retries: 2``: the message tells the attempt, and the job ends as the last one did."""
    job_id = stack.submit("flaky", {"seconds": 1})
    seen = wait_for(
        lambda: job if "attempt" in (job := stack.job(job_id)).get("message", "") else None,
        30,
        "a second attempt",
    )
    assert seen is not None
    assert "attempt 2 of 3" in seen["message"]
    assert stack.wait_until(job_id, *TERMINAL)["status"] == "successful"
    assert stack.client.get(f"/jobs/{job_id}/results").text == "attempt 2"
    hopeless = stack.submit("flaky", {"seconds": 9})
    assert "attempt 3 of 3" in stack.wait_until(hopeless, *TERMINAL)["message"]
    assert stack.job(hopeless)["status"] == "failed"


def test_the_list_is_paged_newest_first(stack: RunningStack) -> None:
    job_ids = [job_of(execute(stack, "vanilla-value", {})) for _ in range(3)]
    first = stack.client.get("/jobs", params={"limit": 2}).json()
    assert [job["jobID"] for job in first["jobs"]] == job_ids[:0:-1]
    links = {link["rel"]: link["href"] for link in first["links"]}
    assert set(links) == {"self", "alternate", "next"}
    second = stack.client.get(links["next"]).json()
    assert second["jobs"][0]["jobID"] == job_ids[0]
    back = {link["rel"]: link["href"] for link in second["links"]}["prev"]
    assert stack.client.get(back).json()["jobs"] == first["jobs"]
    assert first["numberReturned"] == 2
    everything = stack.client.get("/jobs", params={"limit": 10_000}).json()
    assert len(everything["jobs"]) == everything["numberReturned"] >= 3
    for job in everything["jobs"]:
        assert_status_info(job)
    assert {link["rel"] for link in everything["links"]} == {"self", "alternate"}


def test_processes_are_listed_and_described(stack: RunningStack) -> None:
    everything = stack.client.get("/processes", params={"limit": 1000}).json()
    ids = [process["id"] for process in everything["processes"]]
    assert {"echo", "hi-prefect-world", "zonal-statistics", "hello-world"} <= set(ids)
    page = stack.client.get("/processes", params={"limit": 2}).json()
    assert [process["id"] for process in page["processes"]] == ids[:2]
    following = next(link["href"] for link in page["links"] if link["rel"] == "next")
    assert stack.client.get(following).json()["processes"][0]["id"] == ids[2]
    beyond = stack.client.get("/processes", params={"limit": 2, "offset": 1000}).json()
    assert beyond["processes"] == []
    assert {link["rel"] for link in beyond["links"]} == {"self", "alternate", "prev"}


def test_the_description_is_the_processors(stack: RunningStack) -> None:
    described = stack.client.get("/processes/simple-flow").json()
    links = {link["rel"].rpartition("/")[2]: link["href"] for link in described.pop("links")}
    declared = SimpleFlowProcessor.process_description.as_dict()
    assert described.pop("jobControlOptions") == ["sync-execute", "async-execute", "dismiss"]
    assert described.pop("outputTransmission") == ["value", "reference"]
    assert described == {key: declared[key] for key in described}
    assert described["inputs"]["name"]["schema"] == {"type": "string"}
    url = f"{stack.url}/processes/simple-flow"
    assert links == {
        "self": url, "alternate": f"{url}?f=html", "execute": f"{url}/execution",
        "job-list": f"{stack.url}/jobs"
    }  # fmt: skip
    listed = stack.client.get("/processes", params={"limit": 1000}).json()["processes"]
    summary = next(process for process in listed if process["id"] == "simple-flow")
    assert {"inputs", "outputs"}.isdisjoint(summary)
    assert [link["href"] for link in summary["links"]] == [url, f"{url}?f=html"]


@pytest.mark.parametrize(
    "job_id",
    [
        "0f0e0d0c-0b0a-4908-8706-050403020100",
        "x",
        "..",
        "%00",
        "a" * 2000,
        "%F0%9F%98%80",
        "pygeoapi_job_x",
        "' OR 1=1",
    ],
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


def test_pages_leave_no_warning_in_the_log(stack: RunningStack) -> None:
    reply = stack.client.get("/processes", headers={"Accept": "text/html"})
    assert reply.headers["Content-Type"].startswith("text/html")
    assert "pygeoapi.l10n" not in stack.log("pygeoapi")
