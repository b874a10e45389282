"""Progress reports: what is sent, how often, and that they never harm."""

import logging
import socket
import time
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from pygeoapi_prefect.process import progress
from pygeoapi_prefect.process.progress import report_progress
from support.prefect_api import use_prefect


@pytest.fixture(autouse=True)
def forget_reports() -> Iterator[None]:
    progress._sent.clear()
    yield
    progress._sent.clear()


@pytest.fixture
def unused_url() -> str:
    """URL of a port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/api"


def test_outside_a_run_nothing_happens(caplog: pytest.LogCaptureFixture, unused_url: str) -> None:
    caplog.set_level(logging.DEBUG, logger=progress.__name__)
    with temporary_settings({PREFECT_API_URL: unused_url}):
        report_progress(30, "a third")
    assert [(r.levelname, "not in a flow run" in r.getMessage()) for r in caplog.records] == [
        ("DEBUG", True)
    ]


def test_unreachable_prefect_does_not_fail_the_flow(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, unused_url: str
) -> None:
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", str(uuid4()))
    started = time.monotonic()
    with use_prefect(unused_url):
        report_progress(30, "a third")
    assert time.monotonic() - started < 5
    warnings = [r for r in caplog.records if r.name == progress.__name__]
    assert [r.getMessage() for r in warnings] == ["progress could not be reported"]


@pytest.mark.parametrize("percent", [float("nan"), "half", None])
def test_nonsense_does_not_fail_the_flow(
    monkeypatch: pytest.MonkeyPatch, unused_url: str, percent: float
) -> None:
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", str(uuid4()))
    with use_prefect(unused_url):
        report_progress(percent)


def test_first_report_is_due_and_the_next_within_a_second_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    run = uuid4()
    assert progress._is_due(run, final=False)
    now[0] += 0.5
    assert not progress._is_due(run, final=False)
    now[0] += 0.5
    assert progress._is_due(run, final=False)


def test_the_last_report_is_always_due() -> None:
    run = uuid4()
    assert progress._is_due(run, final=False)
    assert progress._is_due(run, final=True)


def test_runs_do_not_hold_each_other_back() -> None:
    assert all(progress._is_due(uuid4(), final=False) for _ in range(3))


def test_old_runs_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    for number in range(50):
        progress._is_due(UUID(int=number), final=False)
        now[0] += 0.25
    assert len(progress._sent) <= 4
