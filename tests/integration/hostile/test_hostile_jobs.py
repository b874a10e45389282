"""Hostile inputs of jobs: each ends in time as it should, says why, and has fetched nothing.

All requests of a group are sent before its first job is looked at, which takes less time.
"""

import csv
import io
import logging
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import rasterio
from rasterio.errors import RasterioIOError

from support import hostile_rasters, hostile_zones
from support.hostile import assert_no_leak
from support.hostile_jobs import REJECTED, SMALL, Job, rejected
from support.hostile_memory import watched_jobs
from support.hostile_references import Reference, of_kinds
from support.hostile_server import Attacker, Trap, trapping
from support.hostile_zones import FORMULAS, RUNS, TABLE
from support.http import assert_problem, execute
from support.stack import RunningStack
from support.unharmed import unharmed

LOGGER = logging.getLogger(__name__)
PROCESS = "zonal-statistics"
JOB_SECONDS = 240
CLEAR = ("input '", "http", "host", "reference", "URL")
"""One of these is in each message about an input."""
JOB_BYTES = 2 << 30
"""Resident memory that the process of no job may reach."""


def downloading(reference: Reference) -> Job:
    """A case of a raster that the job would download."""

    def make(attacker: Attacker, trap: Trap) -> dict[str, object]:
        href = reference.filled(attacker.url, trap.port)
        return {"raster": {"href": href}, "zones": SMALL}

    return rejected(f"download-{reference.name}", make, "")


DOWNLOADS = [
    *map(downloading, of_kinds("loopback", "inside")[::9]),
    *map(downloading, of_kinds("url")[::6]),
    *map(downloading, of_kinds("redirect")[::5]),
    *map(downloading, of_kinds("name", "inner")),
]
GROUPS = {
    "rasters": hostile_rasters.CASES,
    "zones": hostile_zones.CASES,
    "downloads": DOWNLOADS,
}
CASES = [(group, case) for group, cases in GROUPS.items() for case in cases]


@pytest.fixture(scope="module")
def replies(
    stack: RunningStack, attacker: Attacker, trap: Trap, request: pytest.FixtureRequest
) -> Iterator[dict[str, httpx.Response]]:
    """The answers to all requests of a group; the jobs are removed at the end."""
    with unharmed(stack, request.param), watched_jobs(stack) as peak:
        found = {
            case.name: execute(stack, PROCESS, case.make(attacker, trap), "respond-async")
            for case in GROUPS[request.param]
        }
        yield found
        for reply in found.values():
            if reply.status_code == 201:
                stack.client.delete(f"/jobs/{reply.json()['jobID']}")
    LOGGER.info("jobs: one had %d MiB at most", peak.bytes >> 20)
    assert 0 < peak.bytes < JOB_BYTES


@pytest.mark.parametrize(
    ("replies", "case"),
    [pytest.param(group, case, id=case.name) for group, case in CASES],
    indirect=["replies"],
    scope="module",
)
def test_a_hostile_job(
    stack: RunningStack, case: Job, replies: dict[str, httpx.Response], trap: Trap
) -> None:
    reply = replies[case.name]
    if reply.status_code != 201:
        assert REJECTED in case.endings, reply.text
        assert_problem(reply, 400, "invalid-parameter-value", case.told)
        assert_no_leak(stack, reply.text)
        return
    job = stack.wait_until_done(reply.json()["jobID"], JOB_SECONDS)
    assert job["status"] in case.endings, job
    if job["status"] == "failed":
        assert case.told in job["message"], job
        assert any(word in job["message"] for word in CLEAR), job
    assert_no_leak(stack, job["message"])
    assert trap.reached == []


def test_no_cell_of_a_table_is_run(stack: RunningStack, attacker: Attacker, trap: Trap) -> None:
    job_id = stack.submit(PROCESS, TABLE.make(attacker, trap))
    stack.wait_until(job_id, "successful", timeout=JOB_SECONDS)
    table = stack.client.get(f"/jobs/{job_id}/results/table").text
    rows = list(csv.reader(io.StringIO(table, newline="")))
    names, values = rows[0], [row[rows[0].index("name")] for row in rows[1:]]
    for cells in (names, values):
        assert [cell for cell in cells if cell.startswith(RUNS)] == []
    assert len(values) == len(FORMULAS) + 1


def test_names_are_unique() -> None:
    names = [case.name for _, case in CASES]
    assert len(set(names)) == len(names)


def test_gdal_itself_would_fetch(tmp_path: Path) -> None:
    """A positive control: with all drivers, the same file leads to the trap."""
    path = tmp_path / "r.tif"
    with trapping() as trap:
        source = f"/vsicurl/http://127.0.0.1:{trap.port}/x.tif"
        path.write_text(hostile_rasters.VRT.replace("{source}", source))
        with pytest.raises(RasterioIOError), rasterio.open(path) as dataset:
            dataset.read(1)
        assert trap.reached
