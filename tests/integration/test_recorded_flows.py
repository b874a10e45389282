"""Flows of both kinds, run by Prefect: their helpers, and the record in a store that is full."""

import asyncio
import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect import Flow, flow
from prefect.client.schemas.objects import State

from pygeoapi_prefect import storage
from pygeoapi_prefect.models.processes import JobStatus, JobStatusInfoInternal
from pygeoapi_prefect.process.outputs import result_storage, write_output
from pygeoapi_prefect.process.progress import report_progress
from pygeoapi_prefect.process.recording import recorded
from support.disks import fill, small_disk
from support.prefect_api import use_prefect
from support.stack import RunningStack

BLOCK = "recorded-flows"
SLUG = f"local-file-system/{BLOCK}"


@pytest.fixture(autouse=True)
def prefect(stack: RunningStack) -> Iterator[None]:
    with use_prefect(stack.prefect_api_url):
        yield


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", 512) as folder:
        storage.save_local_block(BLOCK, str(folder))
        yield folder


def work(raw: int, size: int) -> JobStatusInfoInternal:
    report_progress(50, "half")
    block = result_storage(SLUG)
    if raw:
        Path(str(block.basepath), "raw").write_bytes(bytes(raw))
    pieces = (b"x" * 1000 for _ in range(size // 1000))
    return JobStatusInfoInternal(
        job_id="job",
        status=JobStatus.successful,
        generated_outputs={"out": write_output(block, "job", "out.txt", pieces, "text/plain")},
    )


@flow(persist_result=True, result_serializer="json")
def plain(raw: int = 0, size: int = 1000, full: str = "") -> JobStatusInfoInternal:
    record = work(raw, size)
    if full:
        fill(Path(full))
    return record


@flow(persist_result=True, result_serializer="json")
async def asynchronous(raw: int = 0, size: int = 1000, full: str = "") -> JobStatusInfoInternal:
    await asyncio.sleep(0)
    record = work(raw, size)
    if full:
        fill(Path(full))
    return record


def run(one: Flow[..., Any], disk: Path, **parameters: Any) -> State[Any]:
    block: Any = result_storage(SLUG)
    own = one.with_options(result_storage=block)
    own.fn = recorded(own.fn)
    call: Any = own
    state = call(**parameters, return_state=True)
    ended: State[Any] = asyncio.run(state) if inspect.iscoroutine(state) else state
    return ended


def _key(state: State[Any]) -> str:
    data: Any = state.data
    return str(data.metadata.storage_key)


@pytest.mark.parametrize("one", [plain, asynchronous], ids=["def", "async def"])
def test_fault_31_helpers_work_in_both_kinds_of_flow(disk: Path, one: Flow[..., Any]) -> None:
    state = run(one, disk)
    assert state.is_completed(), state
    assert (disk / "job/out.txt").read_bytes() == b"x" * 1000
    kept = json.loads((disk / _key(state)).read_text())
    assert kept["data"]["generated_outputs"]["out"]["location"] == f"{disk}/job/out.txt"


@pytest.mark.parametrize("one", [plain, asynchronous], ids=["def", "async def"])
@pytest.mark.parametrize("what", ["output", "record", "raw"])
def test_fault_33_a_full_store_is_named_whatever_is_written(
    disk: Path, one: Flow[..., Any], what: str
) -> None:
    """Red before: Prefect only warned that the record was not stored, and completed the run."""
    cases: dict[str, dict[str, Any]] = {
        "output": {"size": 2_000_000},
        "record": {"full": str(disk)},
        "raw": {"raw": 2_000_000},
    }
    parameters = cases[what]
    state = run(one, disk, **parameters)
    assert state.is_failed(), state
    assert "StorageFull: the result store is full" in str(state.message)
    # Prefect keeps the exception at the root, as far as it fits; the job's folder is ours.
    outputs = {path.name for path in (disk / "job").glob("*")}
    assert outputs == ({"out.txt"} if what == "record" else set())
