"""PrefectHQ/prefect #22912: Prefect's vacuum deletes old runs and events beside many jobs."""

import asyncio
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import pytest

from faults.components import Place
from faults.database import execute, value
from pygeoapi_prefect.embedded import services
from pygeoapi_prefect.embedded.credentials import basic
from pygeoapi_prefect.embedded.layout import Layout
from support import credentials
from support.polling import wait_for
from support.stack import free_port
from support.workers import Pool, Worker

OLD_RUNS, EVENTS, COPIES = 20, 100, 300
JOBS, CLIENTS = 100, 4
START_SECONDS, VACUUM_SECONDS = 120, 180
VACUUM = {
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_LOOP_SECONDS": "5",
}
COLUMNS = """
    SELECT string_agg(column_name, ', ') FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name = '{table}'
    AND column_name NOT IN ('id', 'occurred', 'timestamp')
"""
COPY = """
    INSERT INTO {table} (id, {time}, {columns})
    SELECT gen_random_uuid(), {time} - interval '100 days', {columns}
    FROM (SELECT * FROM {table} LIMIT {rows}) sample, generate_series(1, {copies})
"""
AGE = "UPDATE flow_run SET end_time = end_time - interval '100 days' WHERE id IN ({ids})"
OLD_EVENTS = "SELECT count(*) FROM {table} WHERE occurred < now() - interval '50 days'"


@dataclass(frozen=True)
class Server:
    """A second server of Prefect on the database of the stack."""

    api: httpx.Client
    log: Path


@pytest.fixture
def server(place: Place, tmp_path: Path) -> Iterator[Server]:
    """Its vacuum runs every few seconds instead of every hour."""
    auth_string = credentials.of(place.stack.state)
    layout = Layout(place.stack.state, prefect_port=free_port(), auth_string=auth_string)
    log = tmp_path / "server.log"
    env = services.prefect_environment(layout) | VACUUM
    with log.open("wb") as output:
        process = subprocess.Popen(
            services.prefect_command(layout),
            env=env,
            cwd=tmp_path,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        url, auth = layout.prefect_api_url, basic(auth_string)
        with httpx.Client(base_url=url, auth=auth, timeout=60, trust_env=False) as api:
            wait_for(partial(is_ready, api), START_SECONDS, log.read_text)
            yield Server(api, log)
    finally:
        process.terminate()
        process.wait(30)


def is_ready(api: httpx.Client) -> bool:
    try:
        return api.get("/ready").status_code == 200
    except httpx.TransportError:
        return False


async def age(place: Place, run_ids: list[str]) -> None:
    """Let these runs have ended long ago, and the database be full of old events."""
    ids = ", ".join(f"'{run_id}'" for run_id in run_ids)
    await execute(place, AGE.format(ids=ids))
    for table, time in (("event_resources", "occurred"), ("events", "occurred")):
        columns = await value(place, COLUMNS.format(table=table))
        how = {"table": table, "time": time, "columns": columns, "rows": EVENTS, "copies": COPIES}
        await execute(place, COPY.format(**how))
    columns = await value(place, COLUMNS.format(table="log"))
    logs = {"table": "log", "time": "timestamp", "columns": columns, "copies": COPIES}
    await execute(place, COPY.format(**logs, rows=OLD_RUNS))


async def left(place: Place) -> int:
    """Old events that are still there."""
    return sum(
        [
            await value(place, OLD_EVENTS.format(table=table))
            for table in ("events", "event_resources")
        ]
    )


@pytest.mark.slow
def test_22912_the_vacuum_beside_load(place: Place, server: Server, tmp_path: Path) -> None:
    pool = Pool.make(server.api, tmp_path)
    url = str(server.api.base_url).rstrip("/")
    worker = Worker(pool, url).wait_until_ready()
    try:
        old = [pool.submit("ok") for _ in range(OLD_RUNS)]
        assert {pool.wait(run_id, timeout=120)["state_type"] for run_id in old} == {"COMPLETED"}
        asyncio.run(age(place, old))
        assert asyncio.run(left(place)) > EVENTS * COPIES
        with ThreadPoolExecutor(CLIENTS) as clients:
            jobs = list(clients.map(pool.submit, ["ok"] * JOBS))
        assert {pool.wait(run_id, timeout=240)["state_type"] for run_id in jobs} == {"COMPLETED"}
        assert {len(pool.notes(run_id)) for run_id in jobs} == {1}
        wait_for(lambda: asyncio.run(left(place)) == 0, VACUUM_SECONDS, server.log.read_text)
        gone = {server.api.get(f"/flow_runs/{run_id}").status_code for run_id in old}
        assert gone == {404}
        assert {server.api.get(f"/flow_runs/{run_id}").status_code for run_id in jobs} == {200}
    finally:
        assert worker.stop() == 0, worker.text()
    for trouble in ("Traceback", "TimeoutError", "DeadlockDetected"):
        assert trouble not in server.log.read_text()
