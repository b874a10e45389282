"""Claims of runs: how many, when again, and what a worker that stops does with them."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from pygeoapi_prefect.worker import claims, health
from pygeoapi_prefect.worker.claims import Claims
from pygeoapi_prefect.worker.supervision import RunSupervisor, Workplace


class Queue:
    """Prefect's API with runs in a queue, and fork servers that are up."""

    is_up = True

    def __init__(self, *runs: str) -> None:
        self.due = list(runs)
        self.readings: list[int] = []
        self.claimed: list[str] = []
        self.postponed: dict[str, datetime] = {}
        self.taken: set[str] = set()

    async def scheduled(self, pool: str, queues: list[str], limit: int) -> list[dict[str, str]]:
        self.readings.append(limit)
        return [{"id": run, "name": run} for run in self.due[:limit]]

    async def claim(self, run_id: str, worker: str) -> tuple[str | None, datetime | None]:
        if run_id in self.postponed:
            return None, self.postponed.pop(run_id)
        if run_id in self.taken:
            return None, None
        self.claimed.append(run_id)
        return f"state of {run_id}", None


class Work:
    """Stands in for what a supervisor does: waits until it is let go."""

    def __init__(self, queue: Queue) -> None:
        self.queue = queue
        self.at_work: dict[str, asyncio.Event] = {}
        self.ended: dict[str, str | None] = {}

    async def supervise(self, supervisor: RunSupervisor, state_id: str) -> None:
        assert state_id == f"state of {supervisor.id}"
        self.queue.due.remove(supervisor.id)
        done = self.at_work[supervisor.id] = asyncio.Event()
        waits = [asyncio.ensure_future(done.wait()), asyncio.ensure_future(supervisor._stop.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        del self.at_work[supervisor.id]
        self.ended[supervisor.id] = supervisor._reason


type Story = Callable[[Claims, Work], Awaitable[None]]


@pytest.fixture
def tell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Queue, int, Story], Work]:
    """Lets claims run beside a story."""
    monkeypatch.setenv(health.FILE_VARIABLE, str(tmp_path / "alive"))
    monkeypatch.setattr(claims, "BACKLOG_SECONDS", 60.0)

    def run(queue: Queue, slots: int, story: Story) -> Work:
        work = Work(queue)

        async def supervise(supervisor: RunSupervisor, state_id: str) -> None:
            await work.supervise(supervisor, state_id)

        monkeypatch.setattr(RunSupervisor, "supervise", supervise)

        async def both() -> None:
            workplace = Workplace(cast(Any, queue), cast(Any, None), cast(Any, queue), tmp_path)
            ours = Claims(workplace, name="w", pool="p", queues=["q"], slots=slots)
            service = asyncio.create_task(ours.keep_claiming())
            try:
                async with asyncio.timeout(20):
                    await story(ours, work)
            finally:
                service.cancel()

        asyncio.run(both())
        return work

    return run


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


def test_no_more_runs_are_claimed_than_there_are_slots(tell: Any) -> None:
    queue = Queue("a", "b", "c", "d", "e")

    async def story(ours: Claims, work: Work) -> None:
        ours.nudge()
        await until(lambda: len(work.at_work) == 2)
        assert queue.claimed == ["a", "b"]
        work.at_work["a"].set()
        await until(lambda: "c" in work.at_work)
        assert set(ours.active) == {"b", "c"}
        for run in ("b", "c", "d", "e"):
            await until(lambda run=run: run in work.at_work)  # type: ignore[misc]
            work.at_work[run].set()
        await until(lambda: len(work.ended) == 5)

    tell(queue, 2, story)
    assert queue.claimed == ["a", "b", "c", "d", "e"]
    assert max(queue.readings) <= 4


def test_a_run_that_another_worker_has_is_let_go(tell: Any) -> None:
    queue = Queue("theirs", "ours")
    queue.taken.add("theirs")

    async def story(ours: Claims, work: Work) -> None:
        ours.nudge()
        await until(lambda: "ours" in work.at_work)
        assert set(ours.active) == {"ours"}

    tell(queue, 4, story)


def test_a_run_that_a_limit_postponed_is_claimed_when_it_is_due(
    tell: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "LATE_SECONDS", 0.0)
    monkeypatch.setattr(claims, "BACKLOG_SECONDS", 0.0)
    queue = Queue("later")
    queue.postponed["later"] = datetime.now(UTC) + timedelta(milliseconds=50)

    async def story(ours: Claims, work: Work) -> None:
        ours.nudge()
        await until(lambda: "later" in work.at_work)

    tell(queue, 1, story)


def test_only_our_own_runs_are_cancelled(tell: Any) -> None:
    async def story(ours: Claims, work: Work) -> None:
        ours.nudge()
        await until(lambda: "a" in work.at_work)
        ours.cancel("somebody else's")
        ours.cancel("a")
        await until(lambda: "a" in work.ended)

    assert tell(Queue("a"), 1, story).ended == {"a": "cancel"}


def test_without_a_fork_server_nothing_is_claimed(tell: Any) -> None:
    queue = Queue("a")
    queue.is_up = False

    async def story(ours: Claims, work: Work) -> None:
        ours.nudge()
        await asyncio.sleep(0.1)
        assert queue.readings == []

    tell(queue, 1, story)


def test_a_worker_that_stops_lets_runs_end_and_hands_back_the_rest(tell: Any) -> None:
    queue = Queue("quick", "slow")

    async def story(ours: Claims, work: Work) -> None:
        ours.nudge()
        await until(lambda: len(work.at_work) == 2)
        queue.due.append("late")
        asyncio.get_running_loop().call_later(0.05, work.at_work["quick"].set)
        await ours.finish(0.2, asyncio.Event())
        ours.nudge()
        await asyncio.sleep(0.1)

    work = tell(queue, 2, story)
    assert work.ended == {"quick": None, "slow": "hand-back"}
    assert "late" not in queue.claimed


def test_a_hurry_ends_the_grace(tell: Any) -> None:
    async def story(ours: Claims, work: Work) -> None:
        ours.nudge()
        await until(lambda: "a" in work.at_work)
        hurry = asyncio.Event()
        hurry.set()
        await ours.finish(3600, hurry)

    assert tell(Queue("a"), 1, story).ended == {"a": "hand-back"}
