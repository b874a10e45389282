"""What surrounds the stack is not as it should be: its database, and proxies between its parts."""

import asyncio
import logging
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from faults import components
from faults.components import Place, kill
from faults.database import execute, value
from faults.load import Load
from support import web
from support.gate import FORBID, PLAIN, Gate, gate
from support.polling import wait_for
from support.workers import Pool, Worker, seconds_until

LOGGER = logging.getLogger(__name__)
REPEATABLE = "repeatable read"
JOBS = 20
POLL_SECONDS = 5
"""As in Compose and in the embedded stack: the worker's poll."""
START_SECONDS, WAIT_SECONDS = 12, 8
"""Within which a job starts and a wait ends without events; a poll is up to a third late."""

MODES = [PLAIN, pytest.param(FORBID, marks=pytest.mark.slow)]


@pytest.fixture
def repeatable_read(place: Place) -> Iterator[None]:
    """The database has another isolation by default, in all sessions of Prefect's server."""
    database = "ALTER DATABASE postgres"
    asyncio.run(execute(place, f"{database} SET default_transaction_isolation = '{REPEATABLE}'"))
    try:
        assert asyncio.run(value(place, "SHOW transaction_isolation")) == REPEATABLE
        restart_prefect(place)
        yield
    finally:
        asyncio.run(execute(place, f"{database} RESET default_transaction_isolation"))
    restart_prefect(place)


def restart_prefect(place: Place) -> None:
    before = place.part("prefect").pid
    kill(components.prefect(place))

    def is_back() -> bool:
        try:
            ready = place.stack.client.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False
        return ready and place.part("prefect").pid != before

    wait_for(is_back, 60, "Prefect is back")


@pytest.mark.usefixtures("repeatable_read")
def test_22597_a_database_with_another_isolation(place: Place, tmp_path: Path) -> None:
    """Jobs of several clients, and jobs that share two slots: each is run once."""
    before = place.ledger.starts()
    load = Load(place.stack.url, "counted", place.ledger)
    pool = Pool.make(place.stack.prefect, tmp_path)
    pool.deploy("worker-probe", concurrency_limit=2)
    worker = Worker(pool, place.stack.prefect_api_url).wait_until_ready()
    try:
        limited = [pool.submit("ok") for _ in range(JOBS)]
        load.submit_all(range(JOBS))
        ended = load.ended(120, load.accepted)
        assert {info["status"] for info in ended.values()} == {"successful"}
        assert list(load.wrong_outputs(ended)) == []
        assert {pool.wait(run_id, timeout=120)["state_type"] for run_id in limited} == {"COMPLETED"}
        assert {len(pool.notes(run_id)) for run_id in limited} == {1}
    finally:
        load.close()
        assert worker.stop() == 0, worker.text()
    assert set((place.ledger.starts() - before).values()) == {1}


@pytest.fixture
def proxy(place: Place) -> Iterator[Gate]:
    port = httpx.URL(place.stack.prefect_url).port
    assert port is not None
    with gate(port) as opened:
        yield opened


@pytest.mark.parametrize("mode", MODES)
def test_a_worker_behind_a_proxy_without_websockets(
    place: Place, proxy: Gate, mode: str, tmp_path: Path
) -> None:
    proxy.mode = mode
    pool = Pool.make(place.stack.prefect, tmp_path)
    poll = {"PREFECT_WORKER_QUERY_SECONDS": str(POLL_SECONDS)}
    worker = Worker(pool, f"http://127.0.0.1:{proxy.port}/api", env=poll).wait_until_ready()
    try:
        for _ in range(3):
            run_id = pool.submit("ok")
            taken = seconds_until(partial(pool.notes, run_id), START_SECONDS, "it has started")
            LOGGER.warning("%s: a job has started after %.1f s", mode, taken)
            assert pool.wait(run_id)["state_type"] == "COMPLETED"
        run_id = pool.submit("sleep")
        pool.wait_for_note(run_id)
        pool.cancel(run_id)
        assert pool.wait(run_id, timeout=START_SECONDS)["state_type"] == "CANCELLED"
        assert "polling instead" in worker.text()
    finally:
        assert worker.stop() == 0, worker.text()


@pytest.mark.parametrize("mode", MODES)
def test_web_processes_behind_a_proxy_without_websockets(
    place: Place, proxy: Gate, mode: str, tmp_path: Path
) -> None:
    proxy.mode = mode
    own = web.environment(f"http://127.0.0.1:{proxy.port}/api")
    log = tmp_path / "web.log"
    inputs = {"number": 1, "seconds": 1, "ledger": str(tmp_path / "ledger")}
    with web.serving(own, place.stack.config, log) as client:
        for _ in range(3):
            began = time.monotonic()
            reply = client.post("/processes/counted/execution", json={"inputs": inputs})
            taken = time.monotonic() - began
            LOGGER.warning("%s: the result of a job of 1 s after %.1f s", mode, taken)
            assert reply.status_code == 200, reply.text
            assert taken < WAIT_SECONDS
    assert "polling instead" in log.read_text()
