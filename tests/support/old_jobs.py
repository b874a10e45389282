"""Jobs of another time: rows as they may have been left in Prefect's database, made with SQL."""

import asyncio
import json
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from pygeoapi_prefect.embedded.layout import Layout
from pygeoapi_prefect.embedded.postgres import SUPERUSER

TAGS = ("pygeoapi", "process:gone")
BLOCK = "local-file-system/pygeoapi-results"
WHEN = "timestamptz '2000-01-01 00:00:00+00'"
OWN = {
    *("id", "name", "idempotency_key", "state_id", "state_type", "state_name", "tags", "labels"),
    *("parameters", "empirical_policy", "run_count", "expected_start_time", "start_time"),
    *("end_time", "deployment_id"),
}
STATE_OWN = {"id", "flow_run_id", "type", "name", "message", "data"}
COLUMNS = "select column_name from information_schema.columns where table_name = $1 order by 1"
RUNS = """
insert into flow_run (id, name, idempotency_key, state_type, state_name, tags, labels, parameters,
  empirical_policy, run_count, expected_start_time, start_time, end_time, deployment_id, {columns})
select new.id, 'pygeoapi_job_' || new.id, new.id::text, $2::text::state_type, $3,
  cast($4::text as json), cast($5::text as json), cast($6::text as json),
  cast($7::text as json), $8,
  {expected}, {start}, {end}, null, {columns}
from (select gen_random_uuid() as id, n from generate_series(1, $1) as n) as new,
     (select * from flow_run where name like 'pygeoapi\\_job\\_%' limit 1) as template
returning id
"""
STATES = """
insert into flow_run_state (id, flow_run_id, type, name, message, data, {columns})
select gen_random_uuid(), run.id, run.state_type, run.state_name, $2, cast($3::text as json),
  {qualified}
from flow_run as run, (select * from flow_run_state limit 1) as template
where run.id = any($1::uuid[])
"""
LINK = """
update flow_run set state_id = s.id from flow_run_state as s
where flow_run.id = any($1::uuid[]) and s.flow_run_id = flow_run.id
"""


@dataclass(frozen=True)
class Kind:
    """One kind of old job.

    Attributes:
        times: SQL of the expected start, the start and the end; ``n`` is the job's number.
        data: What its state carries.
        has_state: Whether there is a state at all.
    """

    state: str
    message: str | None = None
    name: str = ""
    tags: Sequence[str] = TAGS
    labels: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    policy: dict[str, Any] = field(default_factory=dict)
    run_count: int = 1
    data: Any = None
    times: tuple[str, str, str] = (
        f"{WHEN} + random() * interval '300 days'",  # no two at the same time
        f"{WHEN} + new.n * interval '1 second'",
        f"{WHEN} + new.n * interval '2 seconds'",
    )
    has_state: bool = True


def record(**changes: Any) -> dict[str, Any]:
    """State data of a job whose record is not there, with some of it changed."""
    whole = {
        "serializer": {"type": "json"},
        "storage_key": str(uuid.uuid4()),
        "storage_block_id": str(uuid.uuid4()),
    }
    return {**whole, **changes}


def exception(name: str, detail: str = "as before") -> str:
    """A message of a failed run, as Prefect writes it."""
    return f"Flow run encountered an exception: {name}: {detail}"


ODD_LABELS = {
    "pygeoapi.progress": "half",
    "pygeoapi.message": 7,
    "pygeoapi.subscriber.failedUri": True,
}
STORED = {"result_storage_block": BLOCK}
NEVER = ("null", "null", "null")
KINDS: dict[str, Kind] = {
    "deleted process": Kind("FAILED", exception("ValueError")),
    "without a process": Kind("FAILED", None, tags=("pygeoapi",)),
    "process with an odd name": Kind("CRASHED", "", tags=("pygeoapi", "process:ü/<b>")),
    "owner that is none": Kind("RUNNING", tags=(*TAGS, "pygeoapi-web:x", "pygeoapi-web:")),
    "odd labels": Kind("RUNNING", labels=ODD_LABELS),
    "enormous progress": Kind("RUNNING", labels={"pygeoapi.progress": 1e18}),
    "no times": Kind("COMPLETED", times=NEVER, data=record(), parameters=STORED),
    "ended before it began": Kind(
        "CANCELLED", times=(f"{WHEN} + random() * interval '9 d'", f"{WHEN} + interval '9 d'", WHEN)
    ),
    "no state": Kind("SCHEDULED", has_state=False, run_count=0),
    "record gone": Kind("COMPLETED", data=record(), parameters=STORED),
    "record elsewhere": Kind("COMPLETED", data=record(storage_key="../../x"), parameters=STORED),
    "record that is a number": Kind("COMPLETED", data=record(storage_key=5)),
    "serializer that is a text": Kind("COMPLETED", data=record(serializer="pickle")),
    "block that is no id": Kind("COMPLETED", data=record(storage_block_id="main")),
    "data that is a list": Kind("COMPLETED", data=[1, None, {"type": "result"}]),
    "data that is a text": Kind("COMPLETED", data="gAWVBQAAAAAAAACMAXiULg=="),
    "inline record of another version": Kind("COMPLETED", data={"pygeoapi_record": [1]}),
    "errors of another version": Kind("FAILED", exception("ProcessorGoneError", "x" * 5000)),
    "documented error": Kind("FAILED", exception("InvalidJobParameterError", "no \ud7ff é")),
    "message without an end": Kind("FAILED", "a." * 50_000),
    "timed out": Kind("FAILED", None, name="TimedOut", policy={"retries": 3}, run_count=4),
    "parameters of others": Kind(
        "COMPLETED", parameters={"result_storage_block": {"a": 1}, "execution_request": [1]}
    ),
    "request that is no JSON": Kind("FAILED", parameters={"execution_request": "{not json"}),
    "request nowhere": Kind("FAILED", parameters={"execution_request": "block:nowhere"}),
    "request that is gone": Kind(
        "FAILED", parameters={"execution_request": f"block:{BLOCK}#gone/request.json"}
    ),
    "request of another version": Kind(
        "COMPLETED",
        data=record(),
        parameters=STORED
        | {"execution_request": json.dumps({"inputs": 5, "outputs": [1], "response": {}})},
    ),
    "request that cannot be shown": Kind(
        "FAILED", parameters={"execution_request": json.dumps({"inputs": {"a": "\ud800"}})}
    ),
    "ended oddly": Kind("CRASHED", data={"pygeoapi_ending": {"kind": ["x"], "number": "y"}}),
}  # fmt: skip


@contextmanager
def old_jobs(state: Path, of_each: int) -> Iterator[dict[str, list[str]]]:
    """Identifiers of so many old jobs of each kind, in the stack's database; removed at the end.

    There must be a job of now already.
    """
    layout = Layout(state)
    made = asyncio.run(_make(layout, of_each))
    try:
        yield made
    finally:
        asyncio.run(_remove(layout, [one for ids in made.values() for one in ids]))


async def _connect(layout: Layout) -> asyncpg.Connection:
    return await asyncpg.connect(
        host=str(layout.socket_dir), user=SUPERUSER, database=SUPERUSER, timeout=60
    )


async def _make(layout: Layout, of_each: int) -> dict[str, list[str]]:
    connection = await _connect(layout)
    try:
        runs = ", ".join(await _columns(connection, "flow_run", OWN))
        states = await _columns(connection, "flow_run_state", STATE_OWN)
        made = {}
        for name, kind in KINDS.items():
            expected, start, end = kind.times
            insert = RUNS.format(columns=runs, expected=expected, start=start, end=end)
            values = [kind.tags, kind.labels, kind.parameters, kind.policy]
            texts = [json.dumps(value) for value in values]
            shown = kind.name or kind.state.title()
            rows = await connection.fetch(
                insert, of_each, kind.state, shown, *texts, kind.run_count
            )
            ids = [row["id"] for row in rows]
            if kind.has_state:
                qualified = ", ".join(f"template.{column}" for column in states)
                statement = STATES.format(columns=", ".join(states), qualified=qualified)
                await connection.execute(statement, ids, kind.message, json.dumps(kind.data))
                await connection.execute(LINK, ids)
            made[name] = [str(one) for one in ids]
        await connection.execute("analyze flow_run")
        return made
    finally:
        await connection.close()


async def _remove(layout: Layout, ids: list[str]) -> None:
    connection = await _connect(layout)
    try:
        await connection.execute("delete from flow_run where id = any($1::uuid[])", ids)
    finally:
        await connection.close()


async def _columns(connection: asyncpg.Connection, table: str, without: set[str]) -> list[str]:
    rows = await connection.fetch(COLUMNS, table)
    return [f'"{row["column_name"]}"' for row in rows if row["column_name"] not in without]
