"""Which workers are dead, and what becomes of their runs."""

import asyncio
from typing import Any, cast

import pytest
from prefect.exceptions import ObjectNotFound

from pygeoapi_prefect.engine.routes import Json
from pygeoapi_prefect.engine.worker_api import WorkerApi
from pygeoapi_prefect.worker.reaper import Reaper

US, DEAD = "worker-00000000", "worker-deadbeef"
INTERVAL = 10.0


class Server:
    """What Prefect knows of workers and runs."""

    def __init__(self) -> None:
        self.heartbeats: dict[str, str | None] = {US: "0", DEAD: "0"}
        self.claims: dict[str, str | None] = {}
        self.runs_: dict[str, Json] = {}
        self.asked = 0

    def claim(self, run_id: str, worker: str | None, **fields: Any) -> None:
        self.claims[run_id] = worker
        self.runs_[run_id] = {
            "id": run_id,
            "state_id": f"state of {run_id}",
            "state_type": "RUNNING",
            "state_name": "Running",
            "run_count": 1,
            "empirical_policy": {},
            **fields,
        }

    async def workers(self, pool: str) -> list[Json]:
        return [
            {
                "name": name,
                "last_heartbeat_time": heartbeat,
                "heartbeat_interval_seconds": INTERVAL,
            }
            for name, heartbeat in self.heartbeats.items()
        ]

    async def forget_worker(self, pool: str, name: str) -> None:
        if name not in self.heartbeats:
            raise ObjectNotFound(Exception("404"))
        del self.heartbeats[name]

    async def unfinished(self, pool: str) -> list[Json]:
        return [run for run in self.runs_.values() if run["state_type"] in ("RUNNING", "PENDING")]

    async def claimant(self, run_id: str) -> str | None:
        self.asked += 1
        return self.claims[run_id]

    async def run(self, run_id: str) -> Json:
        return self.runs_[run_id]

    async def set_state(self, run_id: str, state: str, message: str, **_: Any) -> Json:
        self.runs_[run_id] |= {"state_type": state, "message": message}
        return {"status": "ACCEPT"}

    async def crash_retries(self, run: Json) -> int:
        return 0

    async def reschedule(self, run: Json, message: str) -> None:
        self.runs_[run["id"]] |= {"state_type": "SCHEDULED", "message": message}


class Watch:
    """A clock, a server and a reaper that looks every five seconds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.beats = 0
        self.server = Server()
        self.active: set[str] = set()
        monkeypatch.setattr("pygeoapi_prefect.worker.reaper.time.monotonic", lambda: self.now)
        api = cast(WorkerApi, self.server)
        self.reaper = Reaper(api, "pool", US, INTERVAL, self.active.__contains__)

    def look(self, seconds: float, alive: tuple[str, ...] = (US,), step: float = 5.0) -> None:
        """Let time pass; of the workers only ``alive`` send heartbeats."""
        for _ in range(int(seconds / step)):
            self.now += step
            self.beats += 1
            for name in alive:
                self.server.heartbeats[name] = str(self.beats)
            asyncio.run(self.reaper.scan())

    def state(self, run_id: str) -> str:
        return str(self.server.runs_[run_id]["state_type"])


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    return Watch(monkeypatch)


def test_it_looks_twice_in_each_interval(watch: Watch) -> None:
    assert watch.reaper.scan_seconds == INTERVAL / 2


def test_runs_of_a_dead_worker_end_within_a_minute(watch: Watch) -> None:
    watch.server.claim("lost", DEAD)
    watch.server.claim("again", DEAD, empirical_policy={"retries": 1})
    watch.server.claim("pending", DEAD, state_type="PENDING", run_count=0)
    watch.look(30)
    assert watch.state("lost") == "RUNNING"
    watch.look(25)
    assert watch.state("lost") == "CRASHED"
    assert watch.server.runs_["lost"]["message"] == (
        f"The run was lost: its worker '{DEAD}' has died"
    )
    assert watch.state("again") == "SCHEDULED"
    assert watch.state("pending") == "SCHEDULED"
    assert DEAD not in watch.server.heartbeats


def test_a_worker_that_sends_heartbeats_keeps_its_runs(watch: Watch) -> None:
    watch.server.claim("fine", DEAD)
    watch.look(300, alive=(US, DEAD))
    assert watch.state("fine") == "RUNNING"
    assert DEAD in watch.server.heartbeats


def test_an_outage_of_prefect_kills_nobody(watch: Watch) -> None:
    watch.server.claim("fine", DEAD)
    watch.look(20, alive=(US, DEAD))
    watch.now += 600  # no scan meanwhile, and nobody could send a heartbeat
    watch.look(25, alive=(US,))
    assert watch.state("fine") == "RUNNING"


def test_runs_of_a_worker_that_prefect_has_forgotten(watch: Watch) -> None:
    watch.server.claim("lost", DEAD)
    del watch.server.heartbeats[DEAD]
    watch.look(60)
    assert watch.state("lost") == "CRASHED"


def test_runs_that_another_kind_of_worker_claimed_are_left_alone(watch: Watch) -> None:
    watch.server.claim("theirs", None)
    watch.server.heartbeats["ProcessWorker 1"] = "0"
    watch.look(300)
    assert watch.state("theirs") == "RUNNING"
    assert "ProcessWorker 1" in watch.server.heartbeats


def test_of_two_reapers_one_sees_to_the_runs(watch: Watch) -> None:
    watch.server.claim("lost", DEAD)
    watch.look(30)

    async def gone(pool: str, name: str) -> None:
        raise ObjectNotFound(Exception("404"))

    watch.server.forget_worker = gone  # type: ignore[method-assign]
    watch.look(5)
    assert watch.state("lost") == "RUNNING"


def test_a_run_that_another_reaper_has_given_away_is_left_alone(watch: Watch) -> None:
    """Of a worker that is not listed any more, no removal decides who sees to the runs."""
    watch.server.claim("lost", DEAD)
    del watch.server.heartbeats[DEAD]
    watch.look(10)
    watch.server.claims["lost"] = "worker-0000beef"  # since we have looked
    watch.look(60)
    assert watch.state("lost") == "RUNNING"


def test_a_run_that_prefect_gave_us_without_our_knowing(watch: Watch) -> None:
    watch.server.claim("ours", US, state_type="PENDING", run_count=0)
    watch.look(20)
    assert watch.state("ours") == "SCHEDULED"


def test_a_run_that_we_work_on_is_left_alone(watch: Watch) -> None:
    watch.active.add("ours")
    watch.server.claim("ours", US)
    watch.look(120)
    assert watch.state("ours") == "RUNNING"


def test_each_run_is_looked_up_once(watch: Watch) -> None:
    watch.server.claim("fine", DEAD)
    watch.look(100, alive=(US, DEAD))
    assert watch.server.asked == 1
