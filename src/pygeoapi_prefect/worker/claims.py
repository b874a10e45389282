"""Claims runs of a pool's queues as soon as they are due, up to the number of free slots."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime

from prefect.logging.loggers import get_logger

from pygeoapi_prefect.engine.routes import Json
from pygeoapi_prefect.worker import health
from pygeoapi_prefect.worker.supervision import RunSupervisor, Workplace

LOGGER = get_logger("pygeoapi.worker")
NUDGE_PAUSES = (0.0, 0.015, 0.04)  # an event may arrive before its change is visible
BACKLOG_SECONDS = 1.0
LATE_SECONDS = 0.1  # a run that a concurrency limit has postponed is given a moment after its time
HAND_BACK_SECONDS = 5.0


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
        self._backlog: deque[Json] = deque()
        self._backlog_until = 0.0
        self._more = False
        self._nudges = 0
        self._wake = asyncio.Event()

    def nudge(self) -> None:
        """There may be a run to claim."""
        self._nudges += 1
        self._wake.set()

    def hear(self) -> None:
        """Prefect has answered; a worker that can act on it is a healthy one."""
        self.heard = time.monotonic()
        if self._workplace.forks.is_up:
            health.file().touch()

    def cancel(self, run_id: str) -> None:
        """End a run, if it is one of ours."""
        active = self.active.get(run_id)
        if active is not None:
            active.end("cancel")

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
            if str(run["id"]) not in self.active:
                self._start(RunSupervisor(self._workplace, run))
                started += 1
        return started

    async def _read(self) -> None:
        """Read due runs, some more than the free slots; they are cached for a second.

        Each reading costs the server 40 ms, and a busy worker would read once for each job.
        """
        limit = 2 * self._slots - len(self.active)
        due = await self._workplace.api.scheduled(self._pool, self._queues, limit)
        self.hear()
        self._more = len(due) >= limit
        self._backlog = deque(run for run in due if str(run["id"]) not in self.active)
        self._backlog_until = self.heard + BACKLOG_SECONDS

    def _start(self, supervisor: RunSupervisor) -> None:
        self.active[supervisor.id] = supervisor
        task = asyncio.create_task(self._take(supervisor))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _take(self, supervisor: RunSupervisor) -> None:
        """Claim a run and supervise it to its end."""
        try:
            state_id, due = await self._workplace.api.claim(supervisor.id, self._name)
            if state_id is not None:
                await supervisor.supervise(state_id)
            elif due is not None:
                self._nudge_at(due)
        except Exception:
            LOGGER.exception("Run %s: unexpected error", supervisor.id)
        finally:
            self.active.pop(supervisor.id, None)
            if self._more or self._backlog:
                self.nudge()

    def _nudge_at(self, due: datetime) -> None:
        pause = (due - datetime.now(UTC)).total_seconds()
        asyncio.get_running_loop().call_later(max(pause, 0) + LATE_SECONDS, self.nudge)
