"""Each part is killed, or stands still for longer than anybody waits, while jobs are on their way.

Nothing that was accepted is left without an end, no success is without its output, and no job
starts twice. ``scripts/faults`` writes the outcomes into docs/guarantees.md.
"""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from faults import components
from faults.components import HOLD_SECONDS, Find, Place, another_worker, kill, stopped
from faults.load import Load, told
from faults.outcomes import Outcome
from support.polling import wait_for

BEFORE, AFTER = 20, 20
"""Jobs that are submitted before the fault, and during it."""
LONG = 2
"""Jobs among the first that still run when the fault is over."""
FRESH = BEFORE + AFTER + LONG
LOST = "The server lost the job; it may be sent again"
KILLED = "The process was killed by the system, probably out of memory"
AWAY = "the store remote-file-system/faults cannot be reached or used"
SLOW = pytest.mark.slow


@dataclass(frozen=True)
class Case:
    """A part and its fault, with what is documented.

    Attributes:
        component: Name of the part.
        find: Finds its processes.
        fault: "killed" or "stopped".
        seconds: Within which all jobs have ended, and a new one has succeeded: from a kill, or from
            the end of a stop.
        told: Messages of jobs that may fail; without any, all succeed.
        process: The process to execute.
    """

    component: str
    find: Find
    fault: str = "killed"
    seconds: float = 60
    told: tuple[str, ...] = ()
    process: str = "counted"


KILLS = (
    Case("web processes", components.web_processes),
    Case("fork server", components.fork_server, told=(LOST,)),
    Case("process of a job", components.job, told=(KILLED,)),
    Case("master of the web processes", components.web_master),
    Case("worker", components.worker, seconds=90, told=(LOST,)),
    Case("Prefect server", components.prefect),
)
KILLS_OF_SERVERS = (
    Case("PostgreSQL", components.postgres, told=(LOST,)),
    Case("S3 server", components.store, process="counted-s3", told=(AWAY,)),
)
STOPS = (
    Case("web processes", components.web_processes, "stopped"),
    Case("fork server", components.fork_server, "stopped"),
    Case("process of a job", components.job, "stopped"),
    Case("worker", components.worker, "stopped", told=(LOST,)),
    Case("Prefect server", components.prefect, "stopped"),
    Case("PostgreSQL", components.database, "stopped", told=(LOST,)),
    Case("S3 server", components.store, "stopped", process="counted-s3", told=(AWAY,)),
)
CASES = (*KILLS, *KILLS_OF_SERVERS, *STOPS)
QUICK = ("web processes", "fork server", "process of a job")
"""Killed in each run of the tests; the others take a minute each."""


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(
            case,
            id=f"{case.component} {case.fault}",
            marks=() if case in KILLS and case.component in QUICK else SLOW,
        )
        for case in CASES
    ],
)
def test_a_part_fails_while_jobs_are_on_their_way(place: Place, case: Case) -> None:
    load = Load(place.stack.url, case.process, place.ledger)
    before = place.ledger.starts()
    try:
        ended, seconds, works = broken_down(place, case, load, before)
        wrong = list(load.wrong_outputs(ended))
    finally:
        load.close()
    starts = place.ledger.starts() - before
    outcome = Outcome(
        component=case.component,
        fault=case.fault,
        jobs=len(ended),
        told=dict(told(ended)),
        untold=len(set(starts) - set(load.accepted)),
        ended_seconds=round(seconds, 1),
        works_seconds=round(works, 1),
    )
    outcome.record()
    assert wrong == []
    assert set(outcome.told) <= set(case.told), outcome
    assert_started_once(starts, ended)
    wait_for(lambda: not place.ledger.alive(), 30, "no process of an ended job is left")


Ended = dict[str, dict[str, Any]]


def broken_down(
    place: Place, case: Case, load: Load, before: Counter[str]
) -> tuple[Ended, float, float]:
    """Hit a part during load: the ends of the jobs, and the seconds until all and a new one."""
    with ExitStack() as exits:
        if (case.component, case.fault) == ("worker", "stopped"):
            exits.enter_context(another_worker(place))
        pool = exits.enter_context(ThreadPoolExecutor(2))
        for number in range(LONG):
            load.submit(number, seconds=5 if case.fault == "killed" else HOLD_SECONDS + 5)
        load.submit_all(range(LONG, BEFORE))
        wait_for(lambda: len(place.ledger.starts() - before) > LONG, 60, "jobs have started")
        rest = pool.submit(load.submit_all, range(BEFORE, BEFORE + AFTER))
        began = hit(place, case)
        new = pool.submit(seconds_until_one_succeeds, load, began, case.seconds)
        rest.result()
        ended = load.ended(began + case.seconds - time.monotonic(), list(load.accepted))
        return ended, time.monotonic() - began, new.result()


def hit(place: Place, case: Case) -> float:
    """Bring the fault about; the time from which recovery counts."""
    processes = case.find(place)
    if case.fault == "killed":
        kill(processes)
        began = time.monotonic()
        if case.find is components.store:
            place.store.come_back()
        return began
    with stopped(processes):
        until = time.monotonic() + HOLD_SECONDS
        wait_for(lambda: time.monotonic() > until, HOLD_SECONDS + 30, "it stood still", pause=1)
    return time.monotonic()


def seconds_until_one_succeeds(load: Load, began: float, seconds: float) -> float:
    """Submit one more job after the other until one succeeds; the others are lost, and say so."""

    def succeeds() -> bool:
        job_id = load.submit(FRESH)
        (info,) = load.ended(seconds, [job_id]).values()
        return bool(info["status"] == "successful")

    wait_for(succeeds, seconds, "a new job succeeds")
    return time.monotonic() - began


def assert_started_once(starts: Counter[str], ended: Ended) -> None:
    """No job was started twice, and none that succeeded was not started."""
    assert {job_id: count for job_id, count in starts.items() if count > 1} == {}
    successful = {job_id for job_id, info in ended.items() if info["status"] == "successful"}
    assert successful <= set(starts)
