"""Ends of runs that did not report one themselves."""

import asyncio
import signal
from typing import Any, cast

import pytest
from prefect.exceptions import ObjectNotFound

from pygeoapi_prefect.engine import endings
from pygeoapi_prefect.engine.routes import Json
from pygeoapi_prefect.engine.worker_api import WorkerApi
from pygeoapi_prefect.errors import JobEndedError, JobFailedError, JobLostError
from pygeoapi_prefect.worker import settlement
from pygeoapi_prefect.worker.forkserver.client import LOST, Exit

RUN = "0195a1c4-0000-7000-8000-000000000001"


class OneRun:
    """The part of Prefect's API that ends runs, with one run in it."""

    def __init__(self, state: str | None, name: str | None = None, **fields: Any) -> None:
        self.states: list[tuple[str, str, bool]] = []
        self.told: JobFailedError | None = None
        self.retries: int | None = None
        self.meanwhile: str | None = None
        self.run_: Json | None = None
        if state is not None:
            self.run_ = {
                "id": RUN,
                "state_type": state,
                "state_name": name or state.title(),
                "run_count": 1,
                "empirical_policy": {},
                **fields,
            }

    async def run(self, run_id: str) -> Json:
        if self.run_ is None or run_id != RUN:
            raise ObjectNotFound(Exception("404"))
        return self.run_

    async def set_state(
        self,
        run_id: str,
        state: str,
        message: str,
        *,
        name: str | None = None,
        force: bool = False,
        data: Json | None = None,
    ) -> Json:
        assert run_id == RUN
        self.states.append((name or state, message, force))
        self.told = endings.failure(data)
        if self.meanwhile is not None and not force:
            assert self.run_ is not None
            self.run_ |= {"state_type": self.meanwhile, "state_name": self.meanwhile.title()}
            return {"status": "ABORT"}
        return {"status": "ACCEPT"}

    async def crash_retries(self, run: Json) -> int:
        return int(run.get("crash_retries", 0))

    async def crash_repeats(self, run_id: str) -> int:
        assert run_id == RUN
        assert self.run_ is not None
        return int(self.run_.get("crash_repeats", 0))

    async def reschedule(self, run: Json, message: str, *, retries: int | None = None) -> None:
        self.states.append(("SCHEDULED", message, True))
        self.retries = retries


def ended(function: Any, server: OneRun, *args: Any, **how: Any) -> str:
    name: str = asyncio.run(function(cast(WorkerApi, server), RUN, *args, **how))
    return name


@pytest.mark.parametrize(
    ("exit_", "limit", "said"),
    [
        (Exit(3), None, "exit code 3"),
        (Exit(0), None, "without reporting"),
        (Exit(-signal.SIGSEGV), None, "crashed (SIGSEGV)"),
        (Exit(-signal.SIGKILL), None, "perhaps because memory ran out"),
        (Exit(-signal.SIGABRT), 200, "within its memory limit of 200 MiB"),
        (Exit(-200), None, "signal 200"),
        (Exit(1, error="no memory"), None, "could not be started: no memory"),
        (LOST, None, "The fork server of the run has ended"),
    ],
)
def test_how_a_process_ended(exit_: Exit, limit: int | None, said: str) -> None:
    assert said in settlement.describe(exit_, limit)


@pytest.mark.parametrize(
    ("run_count", "retries", "again"),
    [(0, None, True), (1, None, False), (1, 0, False), (1, 1, True), (2, 1, False), (2, 2, True)],
)
def test_who_may_run_again(run_count: int, retries: int | None, again: bool) -> None:
    run = {"run_count": run_count, "empirical_policy": {"retries": retries}}
    assert settlement.may_run_again(run) is again
    assert settlement.may_run_again({"run_count": run_count}) is (run_count == 0)


def test_a_crash_is_said_once() -> None:
    server = OneRun("RUNNING")
    assert ended(settlement.crash, server, "it fell") == "Crashed"
    assert server.states == [("CRASHED", "it fell", False)]


@pytest.mark.parametrize(
    ("state", "name"),
    [
        ("COMPLETED", "Completed"),
        ("FAILED", "TimedOut"),
        ("CRASHED", "Crashed"),
        ("CANCELLED", "Cancelled"),
        ("PAUSED", "Paused"),
        ("SCHEDULED", "Scheduled"),
    ],
)
def test_a_run_that_has_ended_or_waits_does_not_crash(state: str, name: str) -> None:
    server = OneRun(state, name)
    assert ended(settlement.crash, server, "it fell") == name
    assert server.states == []


def test_a_run_that_waits_for_its_retry_in_its_own_process_crashes_with_it() -> None:
    server = OneRun("SCHEDULED", "AwaitingRetry")
    assert ended(settlement.crash, server, "it fell") == "Crashed"


def test_a_crash_of_a_run_that_is_to_be_cancelled_is_its_cancellation() -> None:
    server = OneRun("CANCELLING")
    assert ended(settlement.crash, server, "it fell") == "Cancelled"
    assert server.states == [("CANCELLED", "The run was cancelled", True)]


@pytest.mark.parametrize(
    ("state", "name"), [("CRASHED", "Cancelled"), ("FAILED", "Failed"), ("COMPLETED", "Completed")]
)
def test_a_process_that_was_ended_while_it_started_has_not_crashed(state: str, name: str) -> None:
    server = OneRun(state, state.title())
    assert ended(settlement.cancelled_by_id, server) == name
    assert bool(server.states) is (state == "CRASHED")


def test_the_time_limit_is_told_as_prefect_does() -> None:
    server = OneRun("RUNNING")
    assert ended(settlement.timed_out, server, 2.0) == "TimedOut"
    assert server.states == [("TimedOut", "Flow run exceeded timeout of 2.0 second(s)", True)]
    late = OneRun("COMPLETED")
    assert ended(settlement.timed_out, late, 2.0) == "Completed"
    assert late.states == []


def test_a_run_that_may_be_repeated_goes_back_to_its_queue() -> None:
    server = OneRun("RUNNING", empirical_policy={"retries": 1})
    assert ended(settlement.hand_back, server, "its worker has died") == "Scheduled"
    assert server.states == [("SCHEDULED", "Handed back: its worker has died", True)]


def test_a_run_that_never_began_goes_back_to_its_queue() -> None:
    server = OneRun("PENDING", run_count=0)
    assert ended(settlement.hand_back, server, "its worker has died") == "Scheduled"


def test_a_run_whose_flow_has_not_begun_goes_back_though_prefect_has_stored_running() -> None:
    server = OneRun("RUNNING", crash_retries=1)
    done = ended(settlement.hand_back, server, "Prefect did not answer", has_begun=False)
    assert done == "Scheduled"
    assert server.states == [("SCHEDULED", "Handed back: Prefect did not answer", True)]
    retried = OneRun("RUNNING", empirical_policy={"retries": 1})
    ended(settlement.hand_back, retried, "Prefect did not answer", has_begun=False)
    assert retried.retries == 2, "this uses up no retry after an exception"


def test_a_run_whose_flow_has_begun_is_lost() -> None:
    server = OneRun("RUNNING")
    assert ended(settlement.hand_back, server, "it fell", has_begun=True) == "Crashed"


def test_a_run_of_one_attempt_is_lost_with_its_worker() -> None:
    server = OneRun("RUNNING")
    assert ended(settlement.hand_back, server, "its worker has died") == "Crashed"
    assert server.states == [("CRASHED", "The run was lost: its worker has died", False)]


def test_fault_12_a_run_whose_process_died_is_repeated_as_often_as_its_crash_retries() -> None:
    server = OneRun("RUNNING", crash_retries=2, crash_repeats=1)
    assert ended(settlement.crash, server, "it fell", has_died=True) == "Scheduled"
    assert server.states == [("SCHEDULED", "Repeated after a crash: it fell", True)]
    assert server.retries is None
    spent = OneRun("RUNNING", crash_retries=2, crash_repeats=2)
    assert ended(settlement.crash, spent, "it fell", has_died=True) == "Crashed"


def test_fault_12_so_is_one_whose_worker_died() -> None:
    server = OneRun("RUNNING", crash_retries=1)
    assert ended(settlement.hand_back, server, "its worker has died") == "Scheduled"
    assert server.states == [("SCHEDULED", "Repeated after a crash: its worker has died", True)]


def test_fault_12_what_never_had_a_process_is_not_repeated() -> None:
    server = OneRun("PENDING", run_count=0, crash_retries=1)
    assert ended(settlement.crash, server, "a wrong variable") == "Crashed"


def test_fault_12_a_crash_uses_up_none_of_the_retries_after_an_exception() -> None:
    server = OneRun("RUNNING", crash_retries=1, empirical_policy={"retries": 1})
    assert ended(settlement.crash, server, "it fell", has_died=True) == "Scheduled"
    assert server.retries == 2


def test_fault_12_who_is_to_be_cancelled_is_not_repeated() -> None:
    server = OneRun("CANCELLING", crash_retries=1)
    assert ended(settlement.crash, server, "it fell", has_died=True) == "Cancelled"


@pytest.mark.parametrize(
    ("exit_", "kind", "told"),
    [
        (Exit(3), JobFailedError, "The process exited with status 3"),
        (Exit(-signal.SIGSEGV), JobEndedError, "The process was ended by signal SIGSEGV"),
        (Exit(-200), JobEndedError, "The process was ended by signal 200"),
        (
            Exit(-signal.SIGKILL),
            JobEndedError,
            "The process was killed by the system, probably out of memory",
        ),
        (Exit(1, error="secret/path.py"), JobFailedError, "The process could not be started"),
    ],
)
def test_fault_10_clients_are_told_how_a_process_ended(
    exit_: Exit, kind: type[JobFailedError], told: str
) -> None:
    failure = endings.failure(settlement.as_data(exit_))
    assert (type(failure), str(failure)) == (kind, told)


def test_an_exceeded_memory_limit_is_the_end_of_a_process() -> None:
    server = OneRun("RUNNING")
    assert ended(settlement.over_memory, server, 300) == "Failed"
    assert isinstance(server.told, JobEndedError)
    assert str(server.told) == "The process exceeded its memory limit of 300 MiB"


def test_fault_10_a_lost_run_is_not_blamed_on_the_process() -> None:
    server = OneRun("RUNNING")
    assert ended(settlement.hand_back, server, "its worker has died") == "Crashed"
    assert isinstance(server.told, JobLostError)
    assert server.told.type.endswith("/job-lost")
    assert str(server.told) == "The server lost the job; it may be sent again"


def test_a_run_that_was_to_be_cancelled_does_not_go_back() -> None:
    server = OneRun("CANCELLING", empirical_policy={"retries": 9})
    assert ended(settlement.hand_back, server, "its worker has died") == "Cancelled"


def test_a_run_that_has_ended_does_not_go_back() -> None:
    server = OneRun("COMPLETED")
    assert ended(settlement.hand_back, server, "its worker has died") == "Completed"
    assert server.states == []


@pytest.mark.parametrize("function", [settlement.crash, settlement.hand_back])
@pytest.mark.parametrize(
    ("meanwhile", "state"), [("COMPLETED", "Completed"), ("CANCELLING", "Cancelled")]
)
def test_a_run_that_ends_just_now_keeps_its_end(function: Any, meanwhile: str, state: str) -> None:
    server = OneRun("RUNNING")
    server.meanwhile = meanwhile
    assert ended(function, server, "its worker has died") == state


@pytest.mark.parametrize(
    ("function", "arguments"),
    [(settlement.crash, ["x"]), (settlement.hand_back, ["x"]), (settlement.cancelled_by_id, [])],
)
def test_a_run_that_was_removed(function: Any, arguments: list[str]) -> None:
    assert ended(function, OneRun(None), *arguments) == "Deleted"


def test_a_cancelled_run_stays_as_it_ended() -> None:
    server = OneRun("COMPLETED")
    assert ended(settlement.cancelled_by_id, server) == "Completed"
    assert server.states == []
