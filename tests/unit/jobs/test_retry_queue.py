"""What waits for Prefect: done in order of time, again after an outage, and by one thread."""

import threading
import time

import pytest

from pygeoapi_prefect.errors import EngineUnavailable
from pygeoapi_prefect.jobs import retry_queue
from support.polling import wait_for


def workers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "background"]


def test_one_thread_does_all_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry_queue, "RETRY_SECONDS", 0.01)
    done: list[int] = []
    away = threading.Event()

    def act(number: int) -> None:
        if not away.is_set():
            raise EngineUnavailable("away")
        done.append(number)

    for number in range(50):
        retry_queue.in_background(lambda number=number: act(number))  # type: ignore[misc]
    assert len(workers()) == 1
    away.set()
    wait_for(lambda: len(done) == 50, 10, "all is done")
    assert done == list(range(50))
    wait_for(lambda: not workers(), 10, "the thread has ended")


def test_what_is_due_later_keeps_nothing_waiting() -> None:
    began = time.monotonic()
    times: dict[str, float] = {}

    def note(name: str) -> None:
        times[name] = time.monotonic() - began

    retry_queue.in_background(lambda: note("late"), delay=0.5)
    retry_queue.in_background(lambda: note("now"))
    wait_for(lambda: len(times) == 2, 10, "both are done")
    assert times["now"] < times["late"]
    assert times["late"] >= 0.5


def test_what_fails_keeps_nothing_waiting(caplog: pytest.LogCaptureFixture) -> None:
    done = threading.Event()
    retry_queue.in_background(lambda: 1 / 0)
    retry_queue.in_background(done.set)
    assert done.wait(10)
    assert "a postponed action on Prefect failed" in caplog.text
