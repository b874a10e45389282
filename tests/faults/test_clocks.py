"""The clock of a worker and of its jobs is set forward and back while they run (libfaketime)."""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

import pytest

from faults.components import Place
from support.polling import wait_for
from support.workers import Pool, Worker

LOGGER = logging.getLogger(__name__)
STEP_SECONDS = 300
END_SECONDS = 30
"""Within which jobs have ended: a poll every 5 s and the time that the machine needs."""
DELAY, EARLY = 12.0, 4.0
"""Seconds until a job is due, and how much earlier it may start."""
LIBRARY = "vendor/libfaketime/src/libfaketime.so.1"


@dataclass(frozen=True)
class Skewed:
    """A worker whose clock can be set, and its pool."""

    pool: Pool
    worker: Worker
    offset: Path

    def set(self, seconds: int) -> None:
        self.offset.write_text(f"{seconds:+d}\n")
        wait_for(lambda: abs(self._difference() - seconds) < 10, 60, "jobs have that time")

    def _difference(self) -> float:
        run_id = self.pool.submit("span")
        began = self.pool.wait_for_note(run_id)["began"]
        return float(began) - time.time()


@pytest.fixture
def skewed(place: Place, tmp_path: Path) -> Iterator[Skewed]:
    spec = find_spec("libfaketime")
    assert spec is not None
    assert spec.submodule_search_locations
    library = Path(spec.submodule_search_locations[0], LIBRARY)
    if not library.exists():
        pytest.skip("libfaketime is not built for this system")
    offset = tmp_path / "offset"
    offset.write_text("+0\n")
    env = {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "PREFECT_WORKER_QUERY_SECONDS": "5",
        "PREFECT_WORKER_HEARTBEAT_SECONDS": "2",
    }
    pool = Pool.make(place.stack.prefect, tmp_path)
    worker = Worker(pool, place.stack.prefect_api_url, env=env).wait_until_ready()
    try:
        yield Skewed(pool, worker, offset)
    finally:
        assert worker.stop() == 0, worker.text()


@pytest.mark.slow
def test_a_workers_clock_is_set(skewed: Skewed) -> None:
    """Jobs start when they are due by Prefect's clock, one that runs goes on, limits hold."""
    pool = skewed.pool
    pool.deploy("worker-probe-quiet", concurrency_limit=1)
    running = pool.submit("sleep")
    pool.wait_for_note(running)
    for seconds in (STEP_SECONDS, -STEP_SECONDS):
        skewed.set(seconds)
        taken = assert_prompt(pool)
        LOGGER.warning("%+d s: jobs have ended after %.1f s", seconds, taken)
        assert_not_early(pool)
        assert_alive(pool)
    assert pool.run(running)["state_type"] == "RUNNING"
    pool.cancel(running)
    assert pool.wait(running)["state_type"] == "CANCELLED"
    assert len(pool.notes(running)) == 1


def assert_prompt(pool: Pool) -> float:
    """Jobs end soon, also those that wait for each other; the seconds that it took."""
    began = time.monotonic()
    jobs = [
        pool.submit("ok", flow) for flow in (*["worker-probe"] * 3, *["worker-probe-quiet"] * 3)
    ]
    for run_id in jobs:
        run = pool.wait(run_id, timeout=END_SECONDS)
        assert (run["state_type"], run["run_count"]) == ("COMPLETED", 1), run["state"]
        assert len(pool.notes(run_id)) == 1
    return time.monotonic() - began


def assert_not_early(pool: Pool) -> None:
    """A job that is due later starts then."""
    due = time.time() + DELAY
    when = datetime.fromtimestamp(due, UTC).isoformat()
    details = {"type": "SCHEDULED", "state_details": {"scheduled_time": when}}
    run_id = pool.submit("ok", state=details)
    wait_for(lambda: pool.notes(run_id), DELAY + END_SECONDS, "it has started", pause=0.2)
    assert time.time() > due - EARLY


def assert_alive(pool: Pool) -> None:
    """The only worker sends heartbeats, and Prefect notes its own time."""
    rows = pool.api.post(f"/work_pools/{pool.name}/workers/filter", json={}).json()
    (seen,) = [datetime.fromisoformat(row["last_heartbeat_time"]) for row in rows]
    assert abs(datetime.now(UTC) - seen) < timedelta(seconds=30)
