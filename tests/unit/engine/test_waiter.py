"""Places, looks and polls, with Prefect's answers written down."""

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from prefect.exceptions import ObjectNotFound

from pygeoapi_prefect.engine import runs, waiter
from pygeoapi_prefect.engine.routes import PAGE
from pygeoapi_prefect.engine.states import FINAL
from pygeoapi_prefect.errors import EngineUnavailable, TooBusy
from support.polling import wait_for

LONG = 60.0
RUN = runs.Run.from_json({"id": "run-0", "name": "r", "state_type": "PENDING"})


class Prefect:
    """The runs that Prefect knows, and the requests that it was sent."""

    def __init__(self) -> None:
        self.runs: dict[str, runs.Run] = {}
        self.requests: list[str] = []
        self.is_away = False

    def add(self, number: int = 0) -> runs.Run:
        run = replace(RUN, id=f"run-{number}")
        self.runs[run.id] = run
        return run

    def end(self, run: runs.Run) -> None:
        self.runs[run.id] = replace(run, state_type="COMPLETED")

    def read(self, run_id: str) -> runs.Run:
        self._ask("read")
        if run_id not in self.runs:
            raise ObjectNotFound(Exception())
        return self.runs[run_id]

    def count(self, chosen: Mapping[str, Any]) -> int:
        self._ask("count")
        return len(self._active(chosen))

    def list_runs(self, chosen: Mapping[str, Any], *, limit: int, offset: int) -> list[runs.Run]:
        self._ask("list")
        assert (limit, offset) == (PAGE, 0)
        return self._active(chosen)

    def _ask(self, what: str) -> None:
        self.requests.append(what)
        if self.is_away:
            raise EngineUnavailable("away")

    def _active(self, chosen: Mapping[str, Any]) -> list[runs.Run]:
        assert set(chosen["state"]["type"]["not_any_"]) == FINAL
        assert len(chosen["id"]["any_"]) <= PAGE
        found = (self.runs.get(run_id) for run_id in chosen["id"]["any_"])
        return [run for run in found if run is not None and not run.is_final]


@pytest.fixture
def prefect(monkeypatch: pytest.MonkeyPatch) -> Prefect:
    prefect = Prefect()
    for name in ("read", "count", "list_runs"):
        monkeypatch.setattr(runs, name, getattr(prefect, name))
    monkeypatch.setattr(waiter, "check", lambda: None)
    monkeypatch.setattr(threading.Thread, "start", _not_the_listeners)
    return prefect


def _not_the_listeners(thread: threading.Thread) -> None:
    if not thread.name.startswith("prefect-"):
        START(thread)


START = threading.Thread.start


def waiting(shared: waiter.Waiter, run: runs.Run, seconds: float = LONG) -> waiter.Wait:
    wait = shared.take(time.monotonic() + seconds)
    wait.begin(run)
    return wait


def test_places_are_bounded_and_given_back(prefect: Prefect) -> None:
    shared = waiter.Waiter(places=2)
    first = shared.take(LONG)  # counts before its run exists
    second = waiting(shared, prefect.add())
    with pytest.raises(TooBusy, match="2 clients"):
        shared.take(LONG)
    first.close()
    first.close()
    with waiting(shared, prefect.add(1)), pytest.raises(TooBusy):
        shared.take(LONG)
    second.close()
    assert shared.take(LONG)
    assert shared.take(LONG)


def test_several_clients_wait_for_one_run(prefect: Prefect) -> None:
    """One that leaves takes nobody else along."""
    shared, run, woken = waiter.Waiter(places=3), prefect.add(), []
    waits = [waiting(shared, run) for _ in range(3)]
    for number, wait in enumerate(waits):
        wait.wake_by(lambda number=number: woken.append(number))  # type: ignore[misc]
    waits[1].close()
    prefect.end(run)
    shared.poll()
    assert sorted(woken) == [0, 2]
    assert prefect.requests[-2:] == ["count", "list"]


def test_a_wait_is_over_when_its_run_has_ended(prefect: Prefect) -> None:
    run = prefect.add()
    with waiting(waiter.Waiter(1), run) as wait:
        assert not wait.look()
        assert not wait.look()
        prefect.end(run)
        assert wait.look()
        assert wait.run is not None
        assert wait.run.state_type == "COMPLETED"
    assert prefect.requests == ["read"] * 3


def test_a_wait_is_over_when_its_run_is_gone(prefect: Prefect) -> None:
    run = prefect.add()
    with waiting(waiter.Waiter(1), run) as wait:
        prefect.runs.clear()
        assert wait.look()
        assert wait.run is None


def test_a_wait_is_over_when_its_time_is(prefect: Prefect) -> None:
    run = prefect.add()
    with waiting(waiter.Waiter(1), run, seconds=0) as wait:
        wait.block()
        assert wait.run == run


def test_an_outage_is_waited_out(prefect: Prefect) -> None:
    run = prefect.add()
    with waiting(waiter.Waiter(1), run) as wait:
        prefect.is_away = True
        assert not wait.look()
        prefect.is_away = False
        prefect.end(run)
        assert wait.look()


def test_an_event_wakes_only_the_wait_for_its_run(prefect: Prefect) -> None:
    shared = waiter.Waiter(2)
    woken: list[str] = []
    with waiting(shared, prefect.add(1)) as first, waiting(shared, prefect.add(2)) as second:
        first.wake_by(lambda: woken.append("first"))
        second.wake_by(lambda: woken.append("second"))
        shared.wake(["run-2", "run-of-nobody"])
        assert woken == ["second"]
    shared.wake(["run-1"])
    assert woken == ["second"]


def test_after_an_event_the_state_has_a_moment_to_become_readable(prefect: Prefect) -> None:
    shared = waiter.Waiter(1)
    with waiting(shared, prefect.add()) as wait:
        shared.wake(["run-0"])
        assert not wait.look()
        assert len(prefect.requests) == len(waiter.SETTLE_SECONDS)


def test_a_thread_that_waits_is_woken(prefect: Prefect) -> None:
    shared, run = waiter.Waiter(1), prefect.add()
    with waiting(shared, run) as wait:
        thread = threading.Thread(target=wait.block, daemon=True)
        thread.start()
        wait_for(lambda: prefect.requests, LONG, "the first look")
        prefect.end(run)
        shared.wake([run.id])
        thread.join(LONG)
        assert not thread.is_alive()


def test_one_request_polls_for_all(prefect: Prefect) -> None:
    shared = waiter.Waiter(PAGE * 2)
    waits = [waiting(shared, prefect.add(number)) for number in range(PAGE + 1)]
    shared.poll()
    assert prefect.requests == ["count", "count"]
    woken: list[str] = []
    for wait in waits:
        wait.wake_by(lambda wait=wait: woken.append(wait.run_id))  # type: ignore[misc]
    prefect.requests.clear()
    prefect.end(prefect.runs["run-7"])
    del prefect.runs["run-9"]
    shared.poll()
    assert woken == ["run-7", "run-9"]
    assert prefect.requests == ["count", "list", "count"]


def test_nobody_is_polled_for_when_nobody_waits(prefect: Prefect) -> None:
    shared = waiter.Waiter(1)
    shared.poll()
    waiting(shared, prefect.add()).close()
    shared.poll()
    assert prefect.requests == []


def test_the_threads_start_once_in_each_process(
    prefect: Prefect, monkeypatch: pytest.MonkeyPatch
) -> None:
    del prefect
    started: list[str] = []
    monkeypatch.setattr(threading.Thread, "start", lambda it: started.append(it.name))
    shared = waiter.Waiter(3)
    shared.take(LONG)
    shared.take(LONG)
    assert started == ["prefect-events", "prefect-poll"]
    monkeypatch.setattr(os, "getpid", lambda: -1)  # after a fork
    for _ in range(3):  # the places of the parent are not those of the child
        shared.take(LONG)
    assert started == ["prefect-events", "prefect-poll"] * 2
