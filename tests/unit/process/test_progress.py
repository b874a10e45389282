"""Progress reports: what is sent, how often, and that they never harm."""

import logging
import socket
import time
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from pygeoapi_prefect.engine.routes import Call
from pygeoapi_prefect.process import progress
from pygeoapi_prefect.process.progress import delivered, report_progress
from support.polling import wait_for
from support.prefect_api import use_prefect


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


def test_unreachable_prefect_does_not_fail_or_hold_up_the_flow(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, unused_url: str
) -> None:
    run = str(uuid4())
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", run)
    monkeypatch.setattr(progress, "OUTAGE_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(progress, "FINISH_SECONDS", 60)
    with use_prefect(unused_url):
        started = time.monotonic()
        report_progress(30, "a third")
        assert time.monotonic() - started < 1
        with delivered(run):
            pass
    warnings = [r.getMessage() for r in caplog.records if r.name == progress.__name__]
    assert warnings == ["the last progress could not be reported: Prefect does not answer"]


@pytest.mark.parametrize("percent", [float("nan"), "half", None])
def test_nonsense_does_not_fail_the_flow(
    monkeypatch: pytest.MonkeyPatch, unused_url: str, percent: float
) -> None:
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", str(uuid4()))
    with use_prefect(unused_url):
        report_progress(percent)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, UUID, dict[str, Any]]]:
    """The requests that would be made, with their times."""
    requests: list[tuple[float, UUID, dict[str, Any]]] = []

    def send(call: Call) -> None:
        requests.append((time.monotonic(), UUID(call.values["id"]), call.body))

    monkeypatch.setattr(progress, "send", send)
    return requests


def test_fault_9_reports_are_a_second_apart_and_the_newest_is_sent(
    monkeypatch: pytest.MonkeyPatch, sent: list[tuple[float, UUID, dict[str, Any]]]
) -> None:
    """Fault 9."""
    monkeypatch.setattr(progress, "SECONDS_BETWEEN", 0.3)
    sender, run = progress._Sender(), uuid4()
    for number in range(10):
        sender.put(run, 1, {progress.PROGRESS_LABEL: number})
    wait_for(lambda: sent and sent[-1][2][progress.PROGRESS_LABEL] == 9, 10, "the newest report")
    assert len(sent) <= 2
    assert all(later[0] - earlier[0] > 0.25 for earlier, later in pairwise(sent))


def test_fault_9_the_message_of_an_earlier_attempt_is_forgotten(
    sent: list[tuple[float, UUID, dict[str, Any]]],
) -> None:
    """Fault 9."""
    sender, run = progress._Sender(), uuid4()
    sender.put(run, 1, {progress.PROGRESS_LABEL: 66, progress.MESSAGE_LABEL: "writing"})
    sender.finish(run)
    sender.put(run, 2, {progress.PROGRESS_LABEL: 1})
    sender.finish(run)
    assert sent[-1][2] == {
        progress.PROGRESS_LABEL: 1,
        progress.MESSAGE_LABEL: "",
        progress.ATTEMPT_LABEL: 2,
    }


def test_runs_do_not_hold_each_other_back(
    sent: list[tuple[float, UUID, dict[str, Any]]],
) -> None:
    sender = progress._Sender()
    for _ in range(5):
        sender.put(uuid4(), 1, {progress.PROGRESS_LABEL: 1})
    wait_for(lambda: len(sent) == 5, 10, "the report of each")


def test_nothing_is_kept_of_runs_that_have_ended(
    monkeypatch: pytest.MonkeyPatch, sent: list[tuple[float, UUID, dict[str, Any]]]
) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN", 0.01)
    sender = progress._Sender()
    for number in range(50):
        sender.put(UUID(int=number), 1, {progress.PROGRESS_LABEL: 1})
        sender.finish(UUID(int=number))
    assert len(sent) == 50
    assert not sender._attempts
    assert not sender._waiting
    sender._forget(time.monotonic() + 1)
    assert not sender._sent
