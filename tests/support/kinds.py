"""The table of docs/processes.md: what each kind of process is answered with, from real runs."""

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, override

import httpx

from support.stack import RunningStack

HEAD = (
    "| process | returns or raises | in the web process | on a worker, waiting | "
    "on a worker, results of the job | state in Prefect |"
)
NAME: dict[str, Any] = {"inputs": {"name": "Joe"}}
POINT = {"type": "Point", "coordinates": [1, 2]}
BUFFER: dict[str, Any] = {
    "inputs": {"operation": "constructive:centroid", "geoms": [POINT], "output_format": "wkt"}
}
PAUSED_ECHO: dict[str, Any] = {"inputs": {"echoInput": "Echo", "pause": 5.5}}
ONE: dict[str, Any] = {"outputs": {"job": {}}, "inputs": {}}
BOTH: dict[str, Any] = {"outputs": {"job": {}, "wanted": {}}, "inputs": {}}
TEXT: dict[str, Any] = {"outputs": {"text": {}}, "inputs": {}}


@dataclass
class Cell:
    """One answer: status, media type, and the state of the run in Prefect."""

    status: int
    media_type: str
    state: str = ""

    @override
    def __str__(self) -> str:
        return f"{self.status} {self.media_type}".strip()


@dataclass
class Row:
    """One kind of process and of result.

    Attributes:
        here: The process without a deployment, or empty.
        worker: The same with a deployment.
        request: The execute request.
        sync: Whether the deployed process can be waited for.
    """

    kind: str
    result: str
    here: str
    worker: str
    request: dict[str, Any]
    sync: bool = True
    cells: dict[str, Cell] = field(default_factory=dict)

    @override
    def __str__(self) -> str:
        answers = [str(self.cells.get(column, "")) for column in ("here", "waiting", "results")]
        states = " / ".join(dict.fromkeys(c.state for c in self.cells.values()))
        return f"| {' | '.join([self.kind, self.result, *answers, states])} |"


def rows() -> list[Row]:
    """All rows, without answers."""
    vanilla, powered = "`execute(data)`", "Prefect flow"
    values = {
        "text": "`str`, `text/plain`",
        "untyped": "`str` without a media type",
        "bytes": "`bytes`, `image/png`",
        "object": "`dict`, `application/json`",
        "list": "`list`, `application/json`",
        "number": "`float`, `application/json`",
        "none": "`None`",
    }
    errors = {
        "execute": "`ProcessorExecuteError`",
        "own": "a subclass with status 422",
        "generic": "`ProcessorGenericError`",
        "job": "`JobError`",
        "no-job": "`JobNotFoundError`",
        "no-result": "`JobResultNotFoundError`",
        "process": "`ProcessError`",
        "no-process": "`UnknownProcessError`",
        "unexpected": "`ValueError`",
    }
    flows = {
        "name": "`MissingJobParameterError`",
        "own": "`ProcessorExecuteError` with status 422",
        "unexpected": "`ValueError`",
        "none": "`None` instead of its record",
        "missing": "a location where nothing is",
        "outside": "a location outside of the block",
    }
    several = ("vanilla-several", "worker-several")
    with_outputs = "`execute(data, outputs)`, `set_job_id`"
    return [
        Row("pygeoapi's `HelloWorld`", "`dict`", "hello-world", "worker-hello-world", NAME),
        Row("pygeoapi's `Echo`", "`dict`", "vanilla-echo", "worker-echo", PAUSED_ECHO),
        Row("pygeoapi's `ShapelyFunctions`", "`dict`", "vanilla-shapely", "worker-shapely", BUFFER),
        *(
            Row(vanilla, text, "vanilla-value", "worker-value", kind(k))
            for k, text in values.items()
        ),
        Row(with_outputs, "one output of two", *several, ONE),
        Row(with_outputs, "two outputs", *several, BOTH),
        Row(with_outputs, "two, as a document", *several, BOTH | {"response": "document"}),
        *(
            Row(vanilla, text, "vanilla-raising", "worker-raising", kind(k))
            for k, text in errors.items()
        ),
        Row(powered, "one output of three", "many-here", "many", TEXT, sync=False),
        Row(powered, "three outputs", "many-here", "many", {"inputs": {}}, sync=False),
        *(Row(powered, text, "careless-here", "careless", kind(k)) for k, text in flows.items()),
    ]


def kind(name: str) -> dict[str, Any]:
    return {"inputs": {"kind": name}}


def fill(stack: RunningStack, table: Iterable[Row]) -> list[Row]:
    """Run everything: the processes beside each other, the requests of one process in turn."""
    filled = list(table)
    with ThreadPoolExecutor(4) as pool:
        names = {row.here for row in filled} | {row.worker for row in filled}
        for task in [pool.submit(_ask, stack, name, filled) for name in sorted(names)]:
            task.result()
    return filled


def _ask(stack: RunningStack, process_id: str, table: list[Row]) -> None:
    """Execute all that concerns one process; the run of each request is the one that is new."""
    seen = set(_runs(stack, process_id))
    for row in table:
        if process_id not in (row.here, row.worker):
            continue
        here = process_id == row.here
        for _ in range(5):
            reply, job_id = _execute(stack, process_id, row, here, seen)
            if here or not row.sync or reply.status_code != 201:
                break  # the worker was not too busy to be waited for
        results = stack.client.get(f"/jobs/{job_id}/results")
        state = _runs(stack, process_id)[job_id]
        if here:
            row.cells["here"] = _cell(reply, state)
            continue
        if row.sync:
            row.cells["waiting"] = _cell(reply, state)
        row.cells["results"] = _cell(results, state)


def _execute(
    stack: RunningStack, process_id: str, row: Row, here: bool, seen: set[str]
) -> tuple[httpx.Response, str]:
    """Execute once and wait for the end of the job."""
    reply = stack.client.post(
        f"/processes/{process_id}/execution",
        content=json.dumps(row.request),
        headers={"Content-Type": "application/json", "Prefer": _preference(row, here)},
        timeout=120,
    )
    (job_id,) = set(_runs(stack, process_id)) - seen
    seen.add(job_id)
    stack.wait_until_done(job_id, timeout=240)
    return reply, job_id


def _preference(row: Row, here: bool) -> str:
    """A process here is asked for what it does not do: the answer must be the same."""
    return "wait" if row.sync and not here else "respond-async"


def _cell(reply: httpx.Response, state: str) -> Cell:
    media_type = reply.headers.get("Content-Type", "").partition(";")[0]
    return Cell(reply.status_code, f"`{media_type}`" if media_type else "", state)


def _runs(stack: RunningStack, process_id: str) -> dict[str, str]:
    """The states of all runs of a process, by job."""
    wanted = {"flow_runs": {"tags": {"all_": [f"process:{process_id}"]}}, "limit": 200}
    found = stack.prefect.post("/flow_runs/filter", json=wanted).json()
    return {run["name"].removeprefix("pygeoapi_job_"): run["state_type"] for run in found}
