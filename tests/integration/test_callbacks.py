"""Subscribers are told: once, of each status, whatever dies; two web processes run."""

import os
import signal
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import psutil
import pytest

from support.http import assert_problem, assert_status_info, execute, job_of, prefect_run
from support.polling import wait_for
from support.receiver import ADDRESS, Receiver, Told, receiving
from support.stack import RunningStack

TAG = "pygeoapi-callback"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def subscriber(receiver: Receiver) -> dict[str, str]:
    return {
        "successUri": f"{receiver.url}/success?a=b",
        "inProgressUri": f"{receiver.url}/progress",
        "failedUri": f"{receiver.url}/failed",
    }


def told(receiver: Receiver, job_id: str, path: str, timeout: float = 60) -> Told:
    """What was told at a path, once."""

    def found() -> list[Told]:
        return [one for one in receiver.of(job_id) if one.path.startswith(path)]

    wait_for(found, timeout, lambda: f"{path} of {job_id}; told: {receiver.requests}")
    (one,) = found()
    return one


def all_is_told(stack: RunningStack, job_id: str) -> None:
    """Until the job owes nothing any more."""
    wait_for(lambda: TAG not in prefect_run(stack, job_id)["tags"], 60, f"{job_id} owes nothing")


def event_id(stack: RunningStack, job_id: str, status: str) -> str:
    """The header by which a subscriber recognises a repetition."""
    return f"{job_id}:{prefect_run(stack, job_id)['id']}:{status}"


def attempts(stack: RunningStack, job_id: str, status: str) -> list[dict[str, Any]]:
    """The flow runs that record attempts, in their order."""
    run_id = prefect_run(stack, job_id)["id"]
    names = [f"pygeoapi_callback_{job_id}_{run_id}_{status}_{number}" for number in range(9)]
    body = {"flow_runs": {"name": {"any_": names}}}
    runs: list[dict[str, Any]] = stack.prefect.post("/flow_runs/filter", json=body).json()
    return sorted(runs, key=lambda run: names.index(run["name"]))


def test_success_is_told_once_with_the_results(stack: RunningStack, receiver: Receiver) -> None:
    job_ids = [
        stack.submit("simple-flow", {"name": f"n{number}"}, subscriber=subscriber(receiver))
        for number in range(6)
    ]
    for number, job_id in enumerate(job_ids):
        done = told(receiver, job_id, "/success")
        assert done.body == {"result": f"Hello n{number}!"}
        assert (done.path, done.content_type) == ("/success?a=b", "application/json")
        assert done.event_id == event_id(stack, job_id, "successful")
    for job_id in job_ids:
        all_is_told(stack, job_id)
        assert [run["state_type"] for run in attempts(stack, job_id, "successful")] == ["COMPLETED"]
        paths = [one.path for one in receiver.of(job_id)]
        assert len(paths) == len(set(paths))
    listed = stack.client.get("/jobs", params={"limit": 1000}).json()["jobs"]
    assert all(job["processID"] for job in listed)


def test_a_deleted_jobs_key_is_used_again_and_its_new_job_is_told(
    stack: RunningStack, receiver: Receiver
) -> None:
    """Both jobs have the identifier that is derived from the key."""
    body = {"inputs": {"name": "x"}, "subscriber": subscriber(receiver)}
    headers = {"Idempotency-Key": str(uuid.uuid4()), "Prefer": "respond-async"}
    seen = []
    for number in (1, 2):
        reply = stack.client.post("/processes/simple-flow/execution", json=body, headers=headers)
        assert reply.status_code == 201, reply.text
        job_id = reply.json()["jobID"]
        all_is_told(stack, job_id)
        ends = [one for one in receiver.of(job_id) if one.path.startswith("/success")]
        assert len(ends) == number
        seen.append(job_id)
        stack.client.delete(f"/jobs/{job_id}").raise_for_status()
    assert seen[0] == seen[1]
    assert len({one.event_id for one in ends}) == len(ends)


def test_progress_is_told_while_it_runs(stack: RunningStack, receiver: Receiver) -> None:
    job_id = stack.submit("slow", {"seconds": 4}, subscriber=subscriber(receiver))
    running = told(receiver, job_id, "/progress").body
    assert_status_info(running)
    assert (running["jobID"], running["status"]) == (job_id, "running")
    assert told(receiver, job_id, "/success").event_id == event_id(stack, job_id, "successful")
    assert [one.path for one in receiver.of(job_id)] == ["/progress", "/success?a=b"]


def test_failure_and_dismissal_are_told(stack: RunningStack, receiver: Receiver) -> None:
    failing = stack.submit("worker-raising", {"kind": "own"}, subscriber=subscriber(receiver))
    failed = told(receiver, failing, "/failed")
    assert_status_info(failed.body)
    assert failed.body["status"] == "failed"
    assert failed.event_id == event_id(stack, failing, "failed")
    dismissed = stack.submit("slow", {"seconds": 60}, subscriber=subscriber(receiver))
    stack.wait_until(dismissed, "running")
    stack.client.delete(f"/jobs/{dismissed}").raise_for_status()
    body = told(receiver, dismissed, "/failed").body
    assert (body["status"], body["jobID"]) == ("dismissed", dismissed)
    for job_id in (failing, dismissed):
        all_is_told(stack, job_id)
        assert not [one for one in receiver.of(job_id) if one.path.startswith("/success")]


@pytest.mark.parametrize("process_id", ["vanilla-value", "many-here"])
def test_a_synchronous_job_in_the_web_process(
    stack: RunningStack, receiver: Receiver, process_id: str
) -> None:
    reply = execute(stack, process_id, {}, subscriber=subscriber(receiver))
    assert reply.status_code == 200, reply.text
    job_id = job_of(reply)
    assert told(receiver, job_id, "/success").body
    all_is_told(stack, job_id)


def test_a_subscriber_that_refuses_is_told_again(stack: RunningStack, receiver: Receiver) -> None:
    receiver.status = 500
    job_id = stack.submit(
        "simple-flow", {"name": "x"}, subscriber={"successUrl": f"{receiver.url}/success"}
    )
    wait_for(lambda: receiver.of(job_id), 60, "the first attempt")
    receiver.status = 200
    all_is_told(stack, job_id)
    seen = receiver.of(job_id)
    assert len(seen) >= 2
    assert {one.event_id for one in seen} == {event_id(stack, job_id, "successful")}
    states = [run["state_type"] for run in attempts(stack, job_id, "successful")]
    assert states == ["FAILED"] * (len(seen) - 1) + ["COMPLETED"]
    assert f"job {job_id}: callback failed, retrying later" in stack.log("pygeoapi")


def test_while_the_results_cannot_be_read_no_attempt_is_used_up(
    stack: RunningStack, receiver: Receiver
) -> None:
    receiver.status = 500
    job_id = stack.submit(
        "simple-flow", {"name": "x"}, subscriber={"successUri": f"{receiver.url}/success"}
    )
    wait_for(lambda: receiver.of(job_id), 60, "the first attempt")
    results = stack.state / "results"
    away = results.rename(results.with_name("results.away"))
    try:
        waits = f"job {job_id}: its callback is postponed"
        wait_for(lambda: waits in stack.log("pygeoapi"), 60, "it is tried again")
        assert stack.job(job_id)["status"] == "successful"
        assert_problem(stack.client.get(f"/jobs/{job_id}/results"), 503)
        receiver.status = 200
    finally:
        away.rename(results)
    all_is_told(stack, job_id)
    assert len(attempts(stack, job_id, "successful")) == len(receiver.of(job_id))


def test_a_subscriber_that_was_away_is_told_when_it_is_back(stack: RunningStack) -> None:
    with receiving() as gone:
        url = gone.url
    job_id = stack.submit("simple-flow", {"name": "x"}, subscriber={"successUri": f"{url}/late"})
    wait_for(
        lambda: (
            [run["state_type"] for run in attempts(stack, job_id, "successful")][:1] == ["FAILED"]
        ),
        60,
        "an attempt that failed",
    )
    with receiving(int(url.rsplit(":", 1)[1])) as back:
        assert told(back, job_id, "/late").body == {"result": "Hello x!"}
        all_is_told(stack, job_id)
        assert len(back.of(job_id)) == 1


def test_web_processes_that_die_are_no_reason_to_forget(
    stack: RunningStack, receiver: Receiver
) -> None:
    job_ids = [
        stack.submit("slow", {"seconds": 3}, subscriber=subscriber(receiver)) for _ in range(3)
    ]
    master = stack.processes["pygeoapi"].find()
    assert master is not None
    workers = master.children()
    assert len(workers) >= 2
    for worker in workers:
        os.kill(worker.pid, signal.SIGKILL)
    psutil.wait_procs(workers, timeout=10)
    wait_for(lambda: is_back(stack), 60, "new web processes")
    for job_id in job_ids:
        wait_for(
            lambda job_id=job_id: [  # type: ignore[misc]
                one for one in receiver.of(job_id) if one.path.startswith("/success")
            ],
            120,
            f"the end of {job_id}",
        )
        all_is_told(stack, job_id)
        assert {one.event_id for one in receiver.of(job_id)} <= {
            event_id(stack, job_id, "running"),
            event_id(stack, job_id, "successful"),
        }


def is_back(stack: RunningStack) -> bool:
    try:
        return stack.client.get("/healthz").status_code == 200
    except httpx.TransportError:  # of a connection to a process that is gone
        return False


@pytest.mark.parametrize(
    ("wanted", "status", "type_", "detail"),
    [
        ({"successUri": "http://127.0.0.1:1/"}, 400, "invalid-parameter-value", "successUri"),
        ({"successUri": "http://localhost/"}, 400, "invalid-parameter-value", "does not connect"),
        ({"successUri": "ftp://example.org/"}, 400, "invalid-parameter-value", "http or https"),
        ({"successUri": "http://no-such-host.invalid/"}, 400, "invalid-parameter-value", "resolv"),
        ({"successUri": 3}, 400, "invalid-parameter-value", "must be a valid URI"),
        ({"successUri": "x" * 5000}, 400, "invalid-parameter-value", "2000"),
        ({"failedUri": None}, 400, "invalid-parameter-value", "failedUri"),
        ({"inProgressUri": "http://h/a b"}, 400, "invalid-parameter-value", "inProgressUri"),
        (
            {"successUri": f"http://{ADDRESS}/", "a": "b"},
            400,
            "invalid-parameter-value",
            "unknown member",
        ),
        (
            {"successUri": f"http://{ADDRESS}/", "failedUri": "http://169.254.169.254/"},
            400,
            "invalid-parameter-value",
            "failedUri",
        ),
    ],
)
def test_who_cannot_be_told(
    stack: RunningStack, wanted: dict[str, Any], status: int, type_: str, detail: str
) -> None:
    for prefer in ("", "respond-async"):
        reply = execute(stack, "simple-flow", {"name": "x"}, prefer, subscriber=wanted)
        assert_problem(reply, status, type_, detail)
