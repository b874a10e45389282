"""The life of one claimed run: its process, its end, what its worker does about it."""

import asyncio
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from prefect.exceptions import ObjectNotFound

from pygeoapi_prefect.errors import EngineUnavailable
from pygeoapi_prefect.worker import supervision
from pygeoapi_prefect.worker.forkserver.client import Child, Exit, ForkServerFailed
from pygeoapi_prefect.worker.forkserver.protocol import UNAVAILABLE, Job, Signal
from pygeoapi_prefect.worker.job.report import Report
from pygeoapi_prefect.worker.job_variables import JobConfiguration
from pygeoapi_prefect.worker.launch_plans import Plan
from pygeoapi_prefect.worker.supervision import RunSupervisor, Workplace

RUN = "0195a1c4-0000-7000-8000-000000000001"
KILLED = Exit(-signal.SIGKILL)


class World:
    """Prefect with one run, its launch plan, and a fork server whose processes do as they are told.

    Attributes:
        behave: What a process does when it starts.
        obey: What it does at a signal.
    """

    is_up = True

    def __init__(self, folder: Path) -> None:
        self.run_ = {
            "id": RUN,
            "name": "pygeoapi_job_1",
            "state_id": "s",
            "state_type": "RUNNING",
            "state_name": "Running",
            "run_count": 1,
        }
        self.states: list[tuple[str, str]] = []
        self.last = "claim"
        self.outages = 0
        self.learned: list[str] = []
        self.jobs: list[Job] = []
        self.signals: list[str] = []
        self.behave: Callable[[Job, Child], None] = lambda _job, _child: None
        self.obey: Callable[[str, Child], None] = lambda _what, child: exited(child, KILLED)
        self.limits = JobConfiguration(command="", env={}, name=None)
        self.folder = folder
        self.workplace = Workplace(
            cast(Any, self), cast(Any, self), cast(Any, self), folder, stopping=asyncio.Event()
        )

    # -- Prefect -------------------------------------------------------------------------------

    async def run_of(self, run_id: str) -> dict[str, Any]:
        if self.outages:
            self.outages -= 1
            raise EngineUnavailable("no")
        return self.run_

    async def set_state(self, run_id: str, state: str, message: str, **how: Any) -> dict[str, Any]:
        self.states.append((how.get("name") or state, message))
        self.run_ |= {"state_type": state, "state_name": state.title()}
        return {"status": "ACCEPT"}

    async def crash_retries(self, run: Any) -> int:
        return 0

    async def last_claim(self, run_id: str) -> str:
        return self.last

    # -- Launch plans and fork server ----------------------------------------------------------

    async def get(self, run: Any) -> Plan:
        return Plan({}, self.limits, None, None)

    def run(self, what: Any) -> Any:
        """Both ``WorkerApi.run`` and ``ForkServers.run`` have this name."""
        if isinstance(what, str):
            return self.run_of(what)
        self.jobs.append(what)
        Path(what.scratch).mkdir(parents=True, exist_ok=True)
        child = Child(what.id, cast(Any, self), asyncio.get_running_loop().create_future())
        self.child = child
        self.behave(what, child)
        return child

    def signal(self, run_id: str, what: str) -> None:
        self.signals.append(what)
        self.obey(what, self.child)

    def learn(self, modules: list[str]) -> None:
        self.learned += modules


def exited(child: Child, ended: Exit) -> None:
    if not child.exited.done():
        child.exited.set_result(ended)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(supervision, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(supervision, "CANCEL_GRACE_SECONDS", 0.05)
    monkeypatch.setattr(supervision, "HARD_TIMEOUT_MARGIN_SECONDS", 0.05)
    return World(tmp_path)


def supervise(world: World, reason: Signal | None = None) -> None:
    async def run() -> None:
        supervisor = RunSupervisor(world.workplace, world.run_)
        if reason is not None:
            asyncio.get_running_loop().call_later(0.02, supervisor.end, reason)
            asyncio.get_running_loop().call_later(0.03, supervisor.end, "kill")  # too late
        async with asyncio.timeout(20):
            await supervisor.supervise("claim")

    asyncio.run(run())
    assert not (world.folder / "runs" / RUN).exists()


def ends_with(ended: Exit, *, has_begun: bool = True) -> Callable[[Job, Child], None]:
    def behave(job: Job, child: Child) -> None:
        if has_begun:
            Report(Path(job.scratch)).begin()
        exited(child, ended)

    return behave


@pytest.mark.parametrize("ended", [KILLED, Exit(UNAVAILABLE)])
@pytest.mark.parametrize("last", ["claim", "another"])
def test_a_run_that_another_worker_has_claimed_is_left_to_it(
    world: World, ended: Exit, last: str
) -> None:
    """It took this worker for dead, after a long pause."""
    world.workplace = replace(world.workplace, stale_seconds=0.0)
    world.behave, world.last = ends_with(ended), last
    supervise(world)
    assert bool(world.states) == (last == "claim")


def test_a_run_that_reports_its_end_itself_is_left_as_it_is(world: World) -> None:
    def behave(job: Job, child: Child) -> None:
        Report(Path(job.scratch)).conclude("Completed", ["numpy"])
        exited(child, Exit(0))

    world.behave = behave
    supervise(world)
    assert world.states == []
    assert world.learned == ["numpy"]
    assert (world.jobs[0].state_id, world.jobs[0].id) == ("claim", RUN)


@pytest.mark.parametrize(
    ("ended", "state", "said"),
    [
        (Exit(3), "CRASHED", "exit code 3"),
        (Exit(-signal.SIGSEGV), "CRASHED", "SIGSEGV"),
        (replace(KILLED, is_over_memory=True), "FAILED", "memory limit of 64 MiB"),
        (replace(KILLED, error="the fork server has ended", is_lost=True), "CRASHED", "was lost"),
        (Exit(1, error="no memory"), "CRASHED", "could not be started"),
    ],
)
def test_a_process_that_says_nothing_is_settled(
    world: World, ended: Exit, state: str, said: str
) -> None:
    world.limits.memory_limit_mb = 64
    world.behave = ends_with(ended)
    supervise(world)
    ((reached, message),) = world.states
    assert reached == state
    assert said in message


@pytest.mark.parametrize("run_count", [0, 1])
def test_a_run_that_has_not_begun_goes_back(world: World, run_count: int) -> None:
    async def reschedule(run: Any, message: str, **_: Any) -> None:
        world.states.append(("SCHEDULED", message))

    world.run_["run_count"] = run_count
    world.reschedule = reschedule  # type: ignore[attr-defined]
    world.behave = ends_with(Exit(UNAVAILABLE), has_begun=False)
    supervise(world)
    assert world.states == [
        ("SCHEDULED", "Handed back: Prefect did not answer the process of the run")
    ]


def test_a_cancelled_process_has_a_moment_to_end(world: World) -> None:
    world.obey = lambda _what, child: exited(child, Exit(-signal.SIGTERM))
    supervise(world, "cancel")
    assert world.signals == ["cancel"]
    assert world.states == [("CANCELLED", "The run was cancelled")]


def test_one_that_does_not_use_it_is_killed(world: World) -> None:
    world.obey = lambda what, child: exited(child, KILLED) if what == "kill" else None
    supervise(world, "cancel")
    assert world.signals == ["cancel", "kill"]
    assert world.states == [("CANCELLED", "The run was cancelled")]


def test_a_report_of_one_that_was_to_be_ended_does_not_count(world: World) -> None:
    world.behave = lambda job, _child: Report(Path(job.scratch)).conclude("Crashed", [])
    supervise(world, "cancel")
    assert world.states == [("CANCELLED", "The run was cancelled")]


def test_a_process_that_hangs_past_its_time_limit_is_killed(world: World) -> None:
    world.limits.timeout_seconds = 0.05
    supervise(world)
    assert world.signals == ["kill"]
    assert world.states == [("TimedOut", "Flow run exceeded timeout of 0.05 second(s)")]


def test_an_outage_is_waited_out(world: World) -> None:
    world.outages = 3
    world.behave = ends_with(Exit(3))
    supervise(world)
    assert [state for state, _ in world.states] == ["CRASHED"]


def test_a_worker_that_stops_leaves_it_to_the_reaper(world: World) -> None:
    world.outages = 2
    world.behave = ends_with(Exit(3))
    world.workplace.stopping.set()
    with pytest.raises(EngineUnavailable):
        supervise(world)
    assert world.states == []


def test_a_run_that_was_removed_meanwhile(world: World) -> None:
    async def gone(run_id: str) -> Any:
        raise ObjectNotFound(Exception("404"))

    world.run_of = gone  # type: ignore[method-assign]
    world.behave = ends_with(Exit(3))
    supervise(world)
    assert world.states == []


@pytest.mark.parametrize(
    ("error", "state"),
    [(ValueError("a wrong variable"), "CRASHED"), (ForkServerFailed("there is none"), "SCHEDULED")],
)
def test_a_run_that_cannot_be_started(
    world: World, error: Exception, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line in the log; a traceback only for what somebody has to look into."""
    logged: list[tuple[str, object]] = []

    def log(message: str, *args: object, exc_info: object) -> None:
        logged.append((message % args, exc_info))

    async def reschedule(run: Any, message: str, **_: Any) -> None:
        world.states.append(("SCHEDULED", message))

    def fail(_job: Job, _child: Child) -> None:
        raise error

    world.run_["run_count"] = 0
    world.reschedule = reschedule  # type: ignore[attr-defined]
    world.behave = fail
    monkeypatch.setattr(supervision.LOGGER, "error", log)
    supervise(world)
    ((reached, message),) = world.states
    assert reached == state
    assert str(error) in message
    details = error if state == "CRASHED" else None
    assert logged == [(f"pygeoapi_job_1: could not be run: {error}", details)]


@pytest.mark.parametrize(
    ("ended", "reason", "hooks", "run"),
    [
        (Exit(3), None, ["crashed"], "crashed"),
        (replace(KILLED, is_over_memory=True), None, ["failed"], "failed"),
        (KILLED, "cancel", ["cancelled"], "cancelled"),
        (Exit(3), None, ["failed", "cancelled"], None),
    ],
)
def test_hooks_run_in_a_process_of_their_own(
    world: World, ended: Exit, reason: Signal | None, hooks: list[str], run: str | None
) -> None:
    def behave(job: Job, child: Child) -> None:
        if job.hooks is not None:
            return exited(child, Exit(0))
        Report(Path(job.scratch)).announce_hooks(hooks)
        return None if reason else exited(child, ended)

    world.behave = behave
    supervise(world, reason)
    assert [job.hooks for job in world.jobs] == ([None, run] if run else [None])
    if run:
        assert world.jobs[1].scratch == f"{world.jobs[0].scratch}/after"


def test_hooks_that_take_too_long_are_killed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def behave(job: Job, child: Child) -> None:
        if job.hooks is None:
            Report(Path(job.scratch)).announce_hooks(["crashed"])
            exited(child, Exit(3))

    monkeypatch.setattr(supervision, "HOOK_SECONDS", 0.05)
    world.behave = behave
    supervise(world)
    assert world.signals == ["kill"]
    assert [state for state, _ in world.states] == ["CRASHED"]
