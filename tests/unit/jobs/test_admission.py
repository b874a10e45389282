"""Bounds on waiting jobs: exact in one process, and cheap."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest

from pygeoapi_prefect.config import ManagerSettings
from pygeoapi_prefect.engine import runs
from pygeoapi_prefect.errors import EngineUnavailable, TooBusy
from pygeoapi_prefect.jobs.admission import (
    COUNT_SECONDS,
    LONGEST_SECONDS,
    Admission,
    Waiting,
)

BOUND = 20


class Prefect:
    """Counts its jobs; time passes only when told."""

    def __init__(self, jobs: int = 0) -> None:
        self.jobs = jobs
        self.counts = 0
        self.now = 100.0
        self.before_count: Callable[[], object] = lambda: None

    def count(self) -> int:
        self.counts += 1
        self.before_count()
        return self.jobs

    def waiting(self, bound: int = BOUND) -> Waiting:
        return Waiting(bound, self.count, lambda: self.now)


def admit(prefect: Prefect, waiting: Waiting) -> bool:
    try:
        with waiting.place(TooBusy("full")):
            prefect.jobs += 1
    except TooBusy:
        return False
    return True


def test_no_more_are_admitted_than_the_bound_with_one_count() -> None:
    prefect = Prefect(5)
    waiting = prefect.waiting()
    assert [admit(prefect, waiting) for _ in range(40)] == [True] * 15 + [False] * 25
    assert (prefect.jobs, prefect.counts) == (BOUND, 1)


def test_jobs_that_have_begun_make_room_at_the_next_count() -> None:
    prefect = Prefect(BOUND)
    waiting = prefect.waiting()
    assert not admit(prefect, waiting)
    prefect.jobs -= 1
    assert not admit(prefect, waiting)
    prefect.now += COUNT_SECONDS
    assert admit(prefect, waiting)
    assert not admit(prefect, waiting)


def test_a_count_far_from_its_bound_is_kept_longer() -> None:
    prefect = Prefect()
    waiting = prefect.waiting(bound=2000)  # ten seconds away
    for _ in range(9):
        assert admit(prefect, waiting)
        prefect.now += COUNT_SECONDS
    assert prefect.counts == 1
    prefect.now += COUNT_SECONDS
    assert admit(prefect, waiting)
    assert prefect.counts == 2
    distant = prefect.waiting(bound=10**6)
    assert admit(prefect, distant)
    prefect.now += LONGEST_SECONDS
    assert admit(prefect, distant)
    assert prefect.counts == 4


def test_what_is_admitted_while_prefect_counts_is_not_forgotten() -> None:
    """One run is being created when the count begins, and another is admitted during it."""
    prefect = Prefect(BOUND - 3)
    waiting = prefect.waiting()
    assert admit(prefect, waiting)
    prefect.now += COUNT_SECONDS
    with waiting.place(TooBusy("full")):  # counts: its own run does not exist yet
        prefect.now += COUNT_SECONDS
        prefect.before_count = lambda: admit(prefect, waiting)  # nobody waits for a later count
        assert not admit(prefect, waiting)
    assert prefect.jobs == BOUND - 1  # and the one that was being created


def test_many_threads_together_are_held_to_the_bound() -> None:
    prefect = Prefect()
    waiting, lock = prefect.waiting(), threading.Lock()

    def post(_: int) -> bool:
        with suppress(TooBusy), waiting.place(TooBusy("full")):
            with lock:
                prefect.jobs += 1
                prefect.now += 0.3
            return True
        return False

    with ThreadPoolExecutor(32) as clients:
        admitted = sum(clients.map(post, range(1000)))
    assert admitted == prefect.jobs == BOUND


def test_an_outage_admits_nobody_and_the_next_counts_again() -> None:
    prefect = Prefect()
    waiting = prefect.waiting()

    def fail() -> None:
        raise EngineUnavailable("down")

    prefect.before_count = fail
    for _ in range(2):
        with pytest.raises(EngineUnavailable), waiting.place(TooBusy("full")):
            raise AssertionError("admitted")
    prefect.before_count = lambda: None
    assert admit(prefect, waiting)
    assert prefect.counts == 3


def test_a_job_that_another_bound_refuses_takes_no_place() -> None:
    prefect = Prefect()
    waiting, full = prefect.waiting(), Prefect(BOUND).waiting()
    for _ in range(2 * BOUND):
        with (
            pytest.raises(TooBusy, match="of all"),
            waiting.place(TooBusy("of one")),
            full.place(TooBusy("of all")),
        ):
            raise AssertionError("admitted")
    assert admit(prefect, waiting)


def test_nothing_is_counted_without_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    def count(*_: object) -> int:
        raise AssertionError("counted")

    monkeypatch.setattr(runs, "count", count)
    settings = ManagerSettings(max_queued_per_owner=None)
    process = SimpleNamespace(id="p", deployment=SimpleNamespace(max_queued=None))
    submission: Any = SimpleNamespace(process=process, owner="192.0.2.1")
    with Admission(settings).admitted(submission):
        pass
    with pytest.raises(AssertionError, match="counted"):
        Admission(ManagerSettings()).admitted(submission).__enter__()
