"""Progress reports on a real Prefect server."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from prefect import flow
from prefect.client.schemas.objects import FlowRun

from pygeoapi_prefect.engine.client import api
from pygeoapi_prefect.process import progress
from pygeoapi_prefect.process.progress import report_progress
from support.prefect_api import use_prefect
from support.stack import RunningStack


@flow
def some_flow() -> None:
    """Never run: its run only carries labels."""


@pytest.fixture
def run_id(stack: RunningStack, monkeypatch: pytest.MonkeyPatch) -> Iterator[UUID]:
    """A run that this process takes itself to be in, with labels of its own."""
    with use_prefect(stack.prefect_api_url):
        with api() as client:
            run = client.create_flow_run(some_flow)
        monkeypatch.setenv("PREFECT__FLOW_RUN_ID", str(run.id))
        yield run.id
        with api() as client:
            client.delete_flow_run(run.id)
    progress._sent.clear()


def labels_of(run_id: UUID) -> dict[str, object]:
    with api() as client:
        run: FlowRun = client.read_flow_run(run_id)
    return {key: run.labels[key] for key in run.labels if key.startswith("pygeoapi.")}


def test_report_is_kept_in_the_labels_of_the_run(run_id: UUID) -> None:
    report_progress(12.9, "reading")
    assert labels_of(run_id) == {"pygeoapi.progress": 12, "pygeoapi.message": "reading"}


def test_reports_are_throttled_but_the_last_one_arrives(run_id: UUID) -> None:
    for percent in range(100):
        report_progress(percent, f"step {percent}")
    assert labels_of(run_id)["pygeoapi.progress"] < 100  # type: ignore[operator]
    report_progress(100)
    told = labels_of(run_id)
    assert told["pygeoapi.progress"] == 100
    assert str(told["pygeoapi.message"]).startswith("step ")


def test_long_messages_are_cut_and_percentages_kept_in_range(run_id: UUID) -> None:
    report_progress(130.0, "x" * 300)
    assert labels_of(run_id) == {"pygeoapi.progress": 100, "pygeoapi.message": "x" * 200}


def test_other_labels_stay(run_id: UUID) -> None:
    with api() as client:
        client.update_flow_run_labels(run_id, {"other": "kept"})
    report_progress(1)
    with api() as client:
        labels = client.read_flow_run(run_id).labels
    assert labels["other"] == "kept"
    assert labels["pygeoapi.progress"] == 1
