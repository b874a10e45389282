"""Claims of runs: how many, when again, and what a worker that stops does with them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast, override

import pytest

from pygeoapi_prefect.engine.shares import OTHERS, SHARES
from pygeoapi_prefect.worker import claims, health
from pygeoapi_prefect.worker.claims import Claims
from pygeoapi_prefect.worker.supervision import RunSupervisor, Workplace


class Queue:
    """Prefect's API with runs in a queue, and fork servers that are up."""

    is_up = True

    def __init__(self, *runs: str) -> None:
        self.due = list(runs)
        self.shares: dict[str, str] = {}
        self.readings: list[int] = []
        self.looks: list[tuple[list[str], list[str], int]] = []
        self.claimed: list[str] = []
        self.postponed: dict[str, datetime] = {}
        self.deployments: dict[str, str] = {}
        self.full: set[str] = set()
        self.served = ["q"]
        self.others: set[str] = set()
        self.postponements = 0
        self.taken: set[str] = set()

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def scheduled(self, pool: str, queues: list[str], limit: int) -> list[dict[str, Any]]:
        self.readings.append(limit)
        return [self._row(run) for run in self.due[:limit]]

    async def due_of(
        self,
        shares: list[str] | None,
        queues: list[str],
        limit: int,
        *,
        without: Sequence[str] = (),
    ) -> list[dict[str, Any]]:
        if shares is not None:
            self.looks.append((shares, queues, limit))
        found = [
            run
            for run in self.due
            if (shares is None or self.shares.get(run, OTHERS) in shares)
            and self.deployments.get(run) not in without
            and self._row(run)["work_queue_id"] in queues
        ]
        return [self._row(run) for run in found[:limit]]

    def _row(self, run: str) -> dict[str, Any]:
        share = self.shares.get(run, OTHERS)
        tags = ["pygeoapi", share] if share else ["pygeoapi"]
        deployment = self.deployments.get(run)
        row = {"id": run, "name": run, "tags": tags}
        row["work_queue_id"] = "of another" if run in self.others else "of q"
        return row | {"deployment_id": deployment}

    async def claim(self, run_id: str, worker: str) -> tuple[str | None, datetime | None]:
        if run_id in self.postponed:
            return None, self.postponed.pop(run_id)
        if self.deployments.get(run_id) in self.full:
            self.postponements += 1
            if self.others:
                self.due.remove(run_id)
            return None, self.now() + timedelta(milliseconds=50)
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
            ours = Claims(workplace, name="w", pool="p", queues=queue.served, slots=slots)
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


def test_runs_of_a_full_deployment_keep_no_other_waiting(tell: Any) -> None:
    queue = Queue(*(f"limited/{number}" for number in range(300)), "other")
    queue.deployments = dict.fromkeys(queue.due[:-1], "limited")
    queue.full.add("limited")

    async def story(ours: Claims, work: Work) -> None:
        ours.nudge()
        await until(lambda: "other" in work.at_work)
        assert queue.postponements <= 4
        queue.full.clear()
        await until(lambda: len(work.at_work) == 4)  # once it is due again

    tell(queue, 4, story)
    assert queue.claimed[:2] == ["other", "limited/0"]


def test_a_full_deployment_of_a_higher_priority_lets_other_queues_in(
    tell: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prefect gives a page of the first queue, until it has postponed its runs."""
    monkeypatch.setattr(claims, "LATE_SECONDS", 3600.0)
    queue = Queue(*(f"limited/{number}" for number in range(20)), "other")
    queue.deployments = dict.fromkeys(queue.due[:-1], "limited")
    queue.full.add("limited")
    queue.served, queue.others = ["q", "another"], {"other"}

    async def story(ours: Claims, work: Work) -> None:
        ours.nudge()
        await until(lambda: "other" in work.at_work)

    tell(queue, 4, story)


def test_a_run_that_ends_makes_room_for_another_of_its_deployment(
    tell: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "LATE_SECONDS", 3600.0)
    queue = Queue("first")
    queue.deployments = dict.fromkeys(("first", "second"), "limited")

    async def story(ours: Claims, work: Work) -> None:
        ours.nudge()
        await until(lambda: "first" in work.at_work)
        queue.full.add("limited")
        queue.due.append("second")
        ours.nudge()
        await until(lambda: queue.postponements == 1)
        queue.full.clear()
        work.at_work["first"].set()
        await until(lambda: "second" in work.at_work)

    tell(queue, 2, story)


def test_only_our_own_runs_are_cancelled(tell: Any) -> None:
    async def story(ours: Claims, work: Work) -> None:
        ours.nudge()
        await until(lambda: "a" in work.at_work)
        ours.end("somebody else's", "cancel")
        ours.end("a", "cancel")
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


def flood(queue: Queue, share: str, number: int) -> list[str]:
    """Runs of one share, behind all others."""
    made = [f"{share}/{one}" for one in range(number)]
    queue.due += made
    queue.shares |= dict.fromkeys(made, share)
    return made


def test_without_a_full_page_nobody_is_looked_for(tell: Any) -> None:
    queue = Queue()
    flood(queue, SHARES[0], 7)

    async def story(ours: Claims, work: Work) -> None:
        ours.nudge()
        await until(lambda: len(work.at_work) == 4)

    tell(queue, 4, story)
    assert queue.readings == [8]
    assert queue.looks == []


def test_a_run_behind_a_flood_has_the_next_slot(tell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "BACKLOG_SECONDS", 0.0)
    queue = Queue()
    flood(queue, SHARES[0], 1000)

    async def story(ours: Claims, work: Work) -> None:
        ours.nudge()
        await until(lambda: len(work.at_work) == 2)
        (single,) = flood(queue, SHARES[1], 1)
        work.at_work[queue.claimed[0]].set()
        await until(lambda: len(queue.claimed) == 3)
        assert queue.claimed[2] == single
        await until(lambda: single in work.at_work)
        work.at_work[single].set()  # its share is not forgotten as one that runs
        (again,) = flood(queue, SHARES[1], 1)
        await until(lambda: len(queue.claimed) == 4)
        assert queue.claimed[3] == again

    tell(queue, 2, story)
    shares, queues, limit = queue.looks[-1]
    assert SHARES[0] not in shares
    assert (queues, limit) == (["of q"], 2)


def test_a_run_that_is_announced_is_not_behind_the_cached_ones_of_a_flood(tell: Any) -> None:
    queue = Queue()
    flood(queue, SHARES[0], 1000)

    async def story(ours: Claims, work: Work) -> None:
        ours.nudge()
        await until(lambda: len(work.at_work) == 2)
        (single,) = flood(queue, SHARES[1], 1)
        ours.expect(["pygeoapi", SHARES[1]])
        ours.expect(["pygeoapi", SHARES[0]])
        work.at_work[queue.claimed[0]].set()
        await until(lambda: len(queue.claimed) == 3)
        assert queue.claimed[2] == single

    tell(queue, 2, story)


def test_the_flood_of_one_owner_alone_costs_one_look_a_second(tell: Any) -> None:
    queue = Queue()
    flood(queue, SHARES[0], 100)

    async def story(ours: Claims, work: Work) -> None:
        ours.nudge()
        for done in range(50):
            await until(lambda done=done: len(queue.claimed) > done)  # type: ignore[misc]
            await until(lambda done=done: queue.claimed[done] in work.at_work)  # type: ignore[misc]
            work.at_work[queue.claimed[done]].set()

    tell(queue, 2, story)
    assert len(queue.readings) > 10
    assert len(queue.looks) == 1


def test_several_floods_are_passed_over_in_one_reading(tell: Any) -> None:
    queue = Queue()
    floods = [flood(queue, share, 20) for share in SHARES[:3]]
    (single,) = flood(queue, SHARES[3], 1)

    async def story(ours: Claims, work: Work) -> None:
        ours.nudge()
        await until(lambda: len(work.at_work) == 4)

    tell(queue, 4, story)
    assert set(queue.claimed) == {*(made[0] for made in floods), single}
    assert len(queue.looks) <= claims.LOOKS


class LimitedQueue(Queue):
    """A queue with limit 1; as Prefect, it skips a run that is just being claimed."""

    def __init__(self, *runs: str) -> None:
        super().__init__(*runs)
        self.claiming: set[str] = set()
        self.read_again = asyncio.Event()

    @override
    async def scheduled(self, pool: str, queues: list[str], limit: int) -> list[dict[str, Any]]:
        if self.readings:
            self.read_again.set()
        free = 0 if self.claimed else 1
        self.readings.append(limit)
        return [self._row(run) for run in self.due if run not in self.claiming][:free]

    @override
    async def claim(self, run_id: str, worker: str) -> tuple[str | None, datetime | None]:
        self.claiming.add(run_id)
        with suppress(TimeoutError):  # long enough for another reading
            await asyncio.wait_for(self.read_again.wait(), 0.3)
        self.claiming.remove(run_id)
        return await super().claim(run_id, worker)


def test_14869_no_run_is_read_while_a_claim_is_on_the_way(tell: Any) -> None:
    queue = LimitedQueue("a", "b")

    async def story(ours: Claims, work: Work) -> None:
        ours.nudge()
        await until(lambda: bool(queue.claiming))
        ours.nudge()
        await until(lambda: len(queue.readings) >= 2 and not queue.claiming)
        await until(lambda: "a" in work.at_work)

    tell(queue, 4, story)
    assert queue.claimed == ["a"]
