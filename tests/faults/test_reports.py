"""Faults that users of Prefect have reported, provoked here; the number is that of the report."""

import logging
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from faults.components import Place
from support.workers import QUEUE, Pool, Worker, seconds_until

LOGGER = logging.getLogger(__name__)

HEARTBEAT_SECONDS = "1"
WAITING, DELAY_SECONDS, PAGE = 300, 5, 50
CLIENTS, JOBS_OF_A_CLIENT = 64, 2


@pytest.fixture(scope="module")
def pool(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Pool:
    return Pool.make(place.stack.prefect, tmp_path_factory.mktemp("reports"))


def started(pool: Pool, place: Place) -> Worker:
    """A worker with heartbeats so frequent that its death is noticed within seconds."""
    quick = {"PREFECT_WORKER_HEARTBEAT_SECONDS": HEARTBEAT_SECONDS}
    return Worker(pool, place.stack.prefect_api_url, env=quick).wait_until_ready()


@pytest.fixture
def worker(pool: Pool, place: Place) -> Iterator[Worker]:
    worker = started(pool, place)
    yield worker
    assert worker.stop() == 0, worker.text()


def pause(pool: Pool, is_paused: bool) -> None:
    change = {"is_paused": is_paused}
    pool.api.patch(f"/work_pools/{pool.name}", json=change).raise_for_status()


def claim_as_a_dead_worker(pool: Pool, run_id: str) -> None:
    """The claim of a worker that died before it could start anything."""
    message = f"Claimed by worker dead-{uuid.uuid4().hex[:8]}"
    state = {"state": {"type": "PENDING", "message": message}}
    reply = pool.api.post(f"/flow_runs/{run_id}/set_state", json=state).raise_for_status()
    assert reply.json()["status"] == "ACCEPT"


@pytest.mark.parametrize(
    "tries", [1, pytest.param(30, marks=[pytest.mark.slow, pytest.mark.timeout(1200)])]
)
def test_22664_a_claim_of_a_dead_worker_holds_no_slot(
    pool: Pool, worker: Worker, tries: int
) -> None:
    pool.deploy("worker-probe-quiet", version="e" * 16, concurrency_limit=1)
    for _ in range(tries):
        pause(pool, True)
        lost = pool.submit("ok", "worker-probe-quiet")
        claim_as_a_dead_worker(pool, lost)
        waiting = pool.submit("ok", "worker-probe-quiet")
        pause(pool, False)
        for run_id in (lost, waiting):
            run = pool.wait(run_id, timeout=90)
            assert (run["state_type"], run["run_count"]) == ("COMPLETED", 1), run["state"]
            assert len(pool.notes(run_id)) == 1


def test_14869_a_queue_with_limit_1_runs_one_job_at_a_time(pool: Pool, worker: Worker) -> None:
    limit_queue(pool, 1)
    try:
        jobs = [pool.submit("span") for _ in range(4)]
        spans = sorted(span(pool, run_id) for run_id in jobs)
    finally:
        limit_queue(pool, None)
    assert all(ended <= began for (_, ended), (began, _) in pairwise(spans)), spans


def limit_queue(pool: Pool, limit: int | None) -> None:
    url = f"/work_pools/{pool.name}/queues/{QUEUE}"
    pool.api.patch(url, json={"concurrency_limit": limit}).raise_for_status()


def span(pool: Pool, run_id: str) -> tuple[float, float]:
    """Begin and end of a job, as it has noted them."""
    assert pool.wait(run_id, timeout=120)["state_type"] == "COMPLETED"
    began, ended = pool.notes(run_id)
    return began["began"], ended["ended"]


def test_17764_waiting_runs_survive_a_new_deployment(pool: Pool, worker: Worker) -> None:
    pause(pool, True)
    jobs = [pool.submit("ok", "worker-probe-async") for _ in range(10)]
    pool.deploy("worker-probe-async", version="f" * 16)
    assert {pool.run(run_id)["state_type"] for run_id in jobs} == {"SCHEDULED"}
    pause(pool, False)
    assert {pool.wait(run_id, timeout=60)["state_type"] for run_id in jobs} == {"COMPLETED"}
    assert {pool.notes(run_id)[0]["version"] for run_id in jobs} == {"f" * 16}


def test_19027_64_clients_create_and_delete_jobs(place: Place, tmp_path: Path) -> None:
    inputs = {"number": 1, "ledger": str(tmp_path / "ledger")}
    with httpx.Client(
        base_url=place.stack.url,
        timeout=120,
        trust_env=False,
        limits=httpx.Limits(max_connections=CLIENTS),
    ) as client:

        def create_and_delete(_: int) -> list[int]:
            answers = []
            for _ in range(JOBS_OF_A_CLIENT):
                created: Any = client.post(
                    "/processes/counted/execution",
                    json={"inputs": inputs},
                    headers={"Prefer": "respond-async"},
                )
                answers.append(created.status_code)
                if created.is_success:
                    deleted = client.delete(f"/jobs/{created.json()['jobID']}")
                    answers.append(deleted.status_code)
            return answers

        with ThreadPoolExecutor(CLIENTS) as clients:
            answers = list(clients.map(create_and_delete, range(CLIENTS)))
    assert answers == [[201, 200] * JOBS_OF_A_CLIENT] * CLIENTS


def remove(pool: Pool, run_ids: list[str]) -> None:
    """Delete runs that nobody waits for any more."""
    for first in range(0, len(run_ids), PAGE):
        chosen = {"flow_runs": {"id": {"any_": run_ids[first : first + PAGE]}}}
        pool.api.post("/flow_runs/bulk_delete", json=chosen).raise_for_status()


def test_19403_a_limited_process_delays_no_other(pool: Pool, worker: Worker) -> None:
    """300 jobs wait for the slot of one that runs; jobs of another process start as ever."""
    pool.deploy("worker-probe-async", version="a" * 16, concurrency_limit=1)
    pool.wait_for_note(pool.submit("sleep", "worker-probe-async"))
    pause(pool, True)
    with ThreadPoolExecutor(4) as clients:
        submit = partial(pool.submit, "ok")
        waiting = list(clients.map(submit, ["worker-probe-async"] * WAITING))
    pause(pool, False)
    try:
        for _ in range(5):
            other = pool.submit("ok")
            taken = seconds_until(partial(pool.notes, other), 60, "it has started")
            LOGGER.warning("beside %d waiting jobs: started after %.1f s", WAITING, taken)
            assert taken < DELAY_SECONDS
        assert not any(pool.notes(run_id) for run_id in waiting)
    finally:
        remove(pool, waiting)
