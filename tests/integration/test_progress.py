"""Progress reports on a real Prefect server."""

import time
from collections.abc import Iterator
from uuid import UUID

import pytest
from prefect import flow
from prefect.client.schemas.objects import FlowRun

from pygeoapi_prefect.engine.client import api
from pygeoapi_prefect.process.progress import delivered, report_progress
from support.polling import wait_for
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


def told(run_id: UUID, **labels: object) -> dict[str, object]:
    """Labels that have arrived, as soon as these labels are among it."""
    wanted = {f"pygeoapi.{name}": value for name, value in labels.items()}
    wait_for(lambda: wanted.items() <= labels_of(run_id).items(), 10, lambda: labels_of(run_id))  # type: ignore[arg-type,return-value]
    return labels_of(run_id)


def labels_of(run_id: UUID) -> dict[str, object]:
    with api() as client:
        run: FlowRun = client.read_flow_run(run_id)
    return {key: run.labels[key] for key in run.labels if key.startswith("pygeoapi.")}


def test_report_is_kept_in_the_labels_of_the_run(run_id: UUID) -> None:
    report_progress(12.9, "reading")
    assert told(run_id, progress=12) == {"pygeoapi.progress": 12, "pygeoapi.message": "reading"}


def test_fault_9_the_newest_report_always_arrives(run_id: UUID) -> None:
    """Fault 9: a report within a second of the one before, and no other after it."""
    for percent in range(67):
        report_progress(percent, f"step {percent}")
    assert told(run_id, progress=66)["pygeoapi.message"] == "step 66"
    report_progress(80)
    assert told(run_id, progress=80)["pygeoapi.message"] == "step 66"


def test_fault_34_many_reports_take_no_time(run_id: UUID) -> None:
    """Fault 34: 20 000 reports, of which the last half says 100 %."""
    began = time.monotonic()
    with delivered(str(run_id)):
        for number in range(20_000):
            report_progress(min(number / 100, 100), f"step {number}")
    assert time.monotonic() - began < 15  # half a second on a quiet machine
    assert labels_of(run_id) == {"pygeoapi.progress": 100, "pygeoapi.message": "step 19999"}


def test_long_messages_are_cut_and_percentages_kept_in_range(run_id: UUID) -> None:
    report_progress(130.0, "x" * 300)
    message = str(told(run_id, progress=100)["pygeoapi.message"])
    assert message.startswith("x" * 150)
    assert len(message) == 200


def test_a_message_that_prefect_cannot_hold_is_escaped(run_id: UUID) -> None:
    report_progress(5, "a\0b\ud800")
    assert told(run_id, progress=5)["pygeoapi.message"] == "a\\x00b\\ud800"


def test_other_labels_stay(run_id: UUID) -> None:
    with api() as client:
        client.update_flow_run_labels(run_id, {"other": "kept"})
    report_progress(1)
    told(run_id, progress=1)
    with api() as client:
        assert client.read_flow_run(run_id).labels["other"] == "kept"
