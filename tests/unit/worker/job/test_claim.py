"""A run that another worker may have: its process looks before it reports an end."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect.client.schemas.objects import State
from prefect.exceptions import Abort
from prefect.logging.loggers import get_logger

from pygeoapi_prefect.worker.forkserver.protocol import Job
from pygeoapi_prefect.worker.job.claim import stop_if_claimed_anew, stop_if_lost

RUN, OURS = uuid4(), uuid4()
EPOCH = datetime(2026, 11, 29, tzinfo=UTC)


def state(type_: str, state_id: UUID | None = None, name: str | None = None) -> State[Any]:
    kind: Any = type_
    return State(type=kind, id=state_id or uuid4(), name=name)


class Reader:
    """Reads the states of the run, of which our claim is the first; counts how often."""

    def __init__(self, *further: State[Any]) -> None:
        self.states = [state("SCHEDULED"), state("PENDING", OURS), *further]
        for number, one in enumerate(self.states):
            one.timestamp = EPOCH + timedelta(seconds=number)
        self.asked = 0

    def read(self, run_id: UUID) -> list[State[Any]]:
        assert run_id == RUN
        self.asked += 1
        return self.states[::-1]  # Prefect promises no order


def job(age: float) -> Job:
    fields: dict[str, Any] = {"run": {"id": str(RUN)}, "deployment": {}, "cache": "", "scratch": ""}
    return Job(state_id=str(OURS), claimed=time.monotonic() - age, **fields)


def stop(reader: Reader, *, age: float = 20) -> None:
    stop_if_lost(job(age), reader.read, get_logger("test"))


@pytest.mark.parametrize("end", ["CRASHED", "FAILED", "COMPLETED", "CANCELLED", "SCHEDULED"])
def test_a_run_that_has_ended_or_waits_again_is_left_alone(end: str) -> None:
    with pytest.raises(Abort, match=f"The run is {end} already"):
        stop(Reader(state("RUNNING"), state(end)))


@pytest.mark.parametrize("reached", [["PENDING"], ["PENDING", "RUNNING"]])
def test_so_is_one_that_another_worker_has_claimed(reached: list[str]) -> None:
    with pytest.raises(Abort):
        stop(Reader(state("RUNNING"), state("SCHEDULED"), *map(state, reached)))


def test_a_run_that_waits_for_its_retry_in_its_own_process_is_not_lost() -> None:
    reader = Reader(state("RUNNING"), state("SCHEDULED", name="AwaitingRetry"))
    stop(reader)
    assert reader.asked == 1


@pytest.mark.parametrize("reached", [[], ["RUNNING"], ["RUNNING", "CANCELLING"]])
def test_the_end_of_ones_own_run_is_reported(reached: list[str]) -> None:
    reader = Reader(*map(state, reached))
    stop(reader)
    assert reader.asked == 1


def test_a_run_that_was_just_claimed_costs_no_request() -> None:
    reader = Reader(state("CRASHED"))
    stop(reader, age=14)
    stop_if_claimed_anew(job(14), reader.read)
    assert reader.asked == 0


def test_a_flow_does_not_begin_if_another_worker_has_its_run() -> None:
    """Prefect accepts Running after Running: a delayed request looks like the first one."""
    stop_if_claimed_anew(job(20), Reader(state("RUNNING")).read)
    with pytest.raises(Abort, match="claimed by another worker"):
        stop_if_claimed_anew(job(20), Reader(state("PENDING"), state("RUNNING")).read)
