"""Many stored jobs: copies of one, made with SQL."""

import asyncio
from pathlib import Path

import asyncpg

from bench.client import Client
from bench.measure import INPUTS, pages
from bench.numbers import Values
from bench.plan import Profile
from bench.running import Running
from bench.systems import System
from pygeoapi_prefect.embedded.layout import Layout
from pygeoapi_prefect.embedded.postgres import SUPERUSER

OWN = {"id", "name", "idempotency_key", "state_id", "expected_start_time"}
STATE_OWN = {"id", "flow_run_id"}
COLUMNS = "select column_name from information_schema.columns where table_name = $1 order by 1"
RUNS = """
insert into flow_run (id, name, expected_start_time, {columns})
select new.id, 'pygeoapi_job_' || new.id, now() - new.n * interval '1 second', {columns}
from (select gen_random_uuid() as id, n from generate_series(1, $1) as n) as new,
     (select * from flow_run where name like 'pygeoapi\\_job\\_%' limit 1) as template
"""
STATES = """
insert into flow_run_state (id, flow_run_id, {columns})
select gen_random_uuid(), run.id, {qualified}
from flow_run as run,
     (select s.* from flow_run_state as s join flow_run as r on r.state_id = s.id limit 1)
     as template
where run.state_id is null
"""
LINK = """
update flow_run set state_id = s.id from flow_run_state as s
where flow_run.state_id is null and s.flow_run_id = flow_run.id
"""


def measure_lists(system: System, state: Path, profile: Profile) -> dict[str, Values]:
    """The job list of a store of its own, with more and more jobs in it."""
    values: Values = {}
    with system.start(state) as running:
        url = running.layout.local_url
        with Client(url) as client:
            job, _ = client.submit(system.job, INPUTS)
            client.wait(job, "successful", timeout=120)
            for count in profile.rows:
                fill(running, count)
                values |= pages(client, count, profile.pages)
    return {system.name: values}


def fill(running: Running, count: int) -> None:
    """Make Prefect's database hold ``count`` runs."""
    asyncio.run(_fill(running.layout, count))


async def _fill(layout: Layout, count: int) -> None:
    connection = await asyncpg.connect(
        host=str(layout.socket_dir), user=SUPERUSER, database=SUPERUSER
    )
    try:
        missing = count - await connection.fetchval("select count(*) from flow_run")
        runs = await _columns(connection, "flow_run", OWN)
        states = await _columns(connection, "flow_run_state", STATE_OWN)
        qualified = ", ".join(f"template.{name}" for name in states)
        await connection.execute(RUNS.format(columns=", ".join(runs)), max(0, missing))
        await connection.execute(STATES.format(columns=", ".join(states), qualified=qualified))
        await connection.execute(LINK)
        await connection.execute("analyze flow_run")
        await connection.execute("analyze flow_run_state")
    finally:
        await connection.close()


async def _columns(connection: asyncpg.Connection, table: str, without: set[str]) -> list[str]:
    rows = await connection.fetch(COLUMNS, table)
    return [f'"{row["column_name"]}"' for row in rows if row["column_name"] not in without]
