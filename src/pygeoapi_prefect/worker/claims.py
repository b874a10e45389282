"""Claims runs of a pool's queues as soon as they are due, up to the number of free slots."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from datetime import datetime

from prefect.logging.loggers import get_logger

from pygeoapi_prefect.engine.errors import is_outage
from pygeoapi_prefect.engine.routes import Json
from pygeoapi_prefect.engine.shares import share_of
from pygeoapi_prefect.worker import fairness, health
from pygeoapi_prefect.worker.forkserver.protocol import Signal
from pygeoapi_prefect.worker.supervision import RunSupervisor, Workplace

LOGGER = get_logger("pygeoapi.worker")
NUDGE_PAUSES = (0.0, 0.015, 0.04)  # an event may arrive before its change is visible
BACKLOG_SECONDS = 1.0
LOOKS = 3
"""Largest number of requests for runs beyond a page."""
LATE_SECONDS = 0.1  # a run that a concurrency limit has postponed is given a moment after its time
HAND_BACK_SECONDS = 5.0
type Claim = tuple[str | None, datetime | None]
"""The answer to a claim, as from ``WorkerApi.claim``."""


class Claims:
    """Works through the queues of a pool.

    Args:
        workplace: What all runs of the worker share.
        name: Name of the worker.
        pool: Name of the work pool.
        queues: Names of its queues; none means all.
        slots: Runs at a time.
    """

    def __init__(
        self, workplace: Workplace, *, name: str, pool: str, queues: Sequence[str], slots: int
    ) -> None:
        self._workplace = workplace
        self._name = name
        self._pool = pool
        self._queues = queues
        self._slots = slots
        self.active: dict[str, RunSupervisor] = {}
        self.heard = time.monotonic()
        self._tasks: set[asyncio.Task[None]] = set()
        self._claiming: set[asyncio.Task[Claim]] = set()
        self._backlog: deque[Json] = deque()
        self._backlog_until = 0.0
        self._more = False
        self._is_flooded = False
        self._turns = fairness.Turns()
        self._silent_until: dict[str, float] = {}
        self._full: set[str] = set()
        self._nudges = 0
        self._wake = asyncio.Event()

    def nudge(self) -> None:
        """There may be a run to claim."""
        self._nudges += 1
        self._wake.set()

    def expect(self, tags: Sequence[str]) -> None:
        """There may be a run with these tags to claim.

        Behind a flood, one of a share that no cached run has is worth another reading.
        """
        share = share_of(tags)
        if self._is_flooded and all(share_of(run["tags"]) != share for run in self._backlog):
            self._backlog_until = 0.0
            self._silent_until.pop(share, None)
        self.nudge()

    def hear(self) -> None:
        """Prefect has answered; a worker that can act on it is a healthy one."""
        self.heard = time.monotonic()
        if self._workplace.forks.is_up:
            health.file().touch()

    def end(self, run_id: str, reason: Signal) -> None:
        """End a run, if it is one of ours."""
        active = self.active.get(run_id)
        if active is not None:
            active.end(reason)

    async def keep_claiming(self) -> None:
        """Claim runs at each nudge, until cancelled.

        Raises:
            EngineUnavailable: Prefect does not answer.
        """
        while True:
            await self._wake.wait()
            self._wake.clear()
            expected, self._nudges = self._nudges, 0
            for pause in NUDGE_PAUSES:
                await asyncio.sleep(pause)
                expected -= await self._start_runs()
                if expected <= 0:
                    break

    async def finish(self, grace: float, hurry: asyncio.Event) -> None:
        """Claim nothing more; let runs end by themselves for a while, then hand back the rest.

        Args:
            grace: How long they may take, in seconds.
            hurry: Set when they may not take longer.
        """
        self._workplace.stopping.set()
        if not self._tasks:
            return
        LOGGER.info("Stopping: %d jobs have %.0f s to end", len(self._tasks), grace)
        ended = asyncio.ensure_future(asyncio.wait(self._tasks))
        hurried = asyncio.ensure_future(hurry.wait())
        await asyncio.wait((ended, hurried), timeout=grace, return_when=asyncio.FIRST_COMPLETED)
        for active in self.active.values():
            active.end("hand-back")
        await asyncio.wait((ended,), timeout=HAND_BACK_SECONDS)
        for waiting in (ended, hurried):
            waiting.cancel()

    async def _start_runs(self) -> int:
        """Start as many runs as slots allow; returns the number of nudges that this answers."""
        started = 0
        may_read = True
        while not self._workplace.stopping.is_set() and self._workplace.forks.is_up:
            if len(self.active) >= self._slots:
                self._more = True  # perhaps: the first slot that gets free will tell
                return self._slots + started
            if not self._backlog or time.monotonic() > self._backlog_until:
                if not may_read:
                    break
                await self._read()
                may_read = self._more
                if not self._backlog:
                    break
            run = self._backlog.popleft()
            if str(run["id"]) not in self.active and run.get("deployment_id") not in self._full:
                self._start(run)
                started += 1
        return started

    async def _read(self) -> None:
        """Read due runs, some more than the free slots; they are cached for a second.

        Each reading costs the server 40 ms, and a busy worker would read once for each job. None
        begins while a claim is on the way: Prefect skips a run that it is just changing, and gives
        the next one of its queue instead, beyond the queue's limit.
        """
        if self._claiming:
            await asyncio.wait(self._claiming)
        limit = 2 * self._slots - len(self.active)
        due = await self._workplace.api.scheduled(self._pool, self._queues, limit)
        self.hear()
        self._more = self._is_flooded = len(due) >= limit
        free = self._unclaimed(due)
        further = await self._read_beyond(free) if self._is_flooded else []
        if len(self._queues) != 1 and not further and self._are_full(free):
            self._full.clear()  # Prefect postpones what is claimed, and shows other queues then
        self._backlog = deque(fairness.order(free, further, self._turns, self._full))
        self._backlog_until = self.heard + BACKLOG_SECONDS

    async def _read_beyond(self, due: list[Json]) -> list[Json]:
        """Read due runs that come before those of a full page, which a flood may fill.

        These are runs of shares that have a turn, and any run if those of the page wait for the
        concurrency limits of their deployments.

        Shares without a due run are not asked for again within a second: the flood of one owner
        alone costs one request a second. Each look passes over one flood more.
        """
        queues = sorted({str(run["work_queue_id"]) for run in due})
        full = sorted(self._full)
        further: list[Json] = []
        if any(run.get("deployment_id") in self._full for run in due):
            found = await self._workplace.api.due_of(None, queues, self._slots, without=full)
            further += self._unclaimed(found)
        for _ in range(LOOKS):
            free = self._slots - len(self.active)
            shares = fairness.ahead(due, further, free, self._turns, full)
            now = time.monotonic()
            shares = [share for share in shares if self._silent_until.get(share, 0.0) <= now]
            if not shares:
                break
            found = await self._workplace.api.due_of(shares, queues, self._slots, without=full)
            further += self._unclaimed(found)
            if len(found) < self._slots:
                silent = set(shares) - {share_of(run["tags"]) for run in found}
                self._silent_until |= dict.fromkeys(silent, now + BACKLOG_SECONDS)
                break
        return further

    def _are_full(self, runs: list[Json]) -> bool:
        return all(run.get("deployment_id") in self._full for run in runs)

    def _unclaimed(self, runs: list[Json]) -> list[Json]:
        return [run for run in runs if str(run["id"]) not in self.active]

    def _start(self, run: Json) -> None:
        supervisor, share = RunSupervisor(self._workplace, run), share_of(run["tags"])
        self.active[supervisor.id] = supervisor
        self._turns.begin(share)
        claim = asyncio.create_task(self._workplace.api.claim(supervisor.id, self._name))
        self._claiming.add(claim)
        claim.add_done_callback(self._claiming.discard)
        deployment = str(run.get("deployment_id"))
        task = asyncio.create_task(self._take(supervisor, share, deployment, claim))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _take(
        self, supervisor: RunSupervisor, share: str, deployment: str, claim: asyncio.Task[Claim]
    ) -> None:
        """Wait for the claim of a run, and supervise the run to its end."""
        try:
            state_id, due = await claim
            if state_id is not None:
                await supervisor.supervise(state_id)
                self._look_again(deployment)
            elif due is not None:
                self._wait_for_room(deployment, due)
        except Exception as error:
            if is_outage(error):  # if the claim was stored, the run goes back to its queue
                LOGGER.warning("Run %s: Prefect does not answer (%s)", supervisor.id, error)
            else:
                LOGGER.exception("Run %s: unexpected error", supervisor.id)
        finally:
            self.active.pop(supervisor.id, None)
            self._turns.end(share)
            if self._more or self._backlog:
                self.nudge()

    def _wait_for_room(self, deployment: str, due: datetime) -> None:
        """Claim no run of a deployment that has as many as it may, until one ends or is due again.

        Each claim of one that waits costs Prefect a change of state, and keeps others waiting.
        """
        if deployment not in self._full:
            self._full.add(deployment)
            pause = (due - self._workplace.api.now()).total_seconds()
            loop = asyncio.get_running_loop()
            loop.call_later(max(pause, 0) + LATE_SECONDS, self._look_again, deployment)

    def _look_again(self, deployment: str) -> None:
        """There may be room for a run of a deployment again."""
        if deployment in self._full:
            self._full.discard(deployment)
            self._backlog_until = 0.0
            self.nudge()
