"""Claims runs, starts a process for each, and sees to their ends."""

import asyncio
import logging
import shutil
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from prefect.exceptions import ObjectNotFound
from prefect.logging.loggers import get_logger

from pygeoapi_prefect.engine import endings
from pygeoapi_prefect.engine.errors import is_outage
from pygeoapi_prefect.engine.routes import Json
from pygeoapi_prefect.engine.worker_api import WorkerApi
from pygeoapi_prefect.worker import ending, health, wire
from pygeoapi_prefect.worker.configuration import JobConfiguration
from pygeoapi_prefect.worker.forks import Child, Exit, ForkServerFailed
from pygeoapi_prefect.worker.plans import Plan, Plans
from pygeoapi_prefect.worker.preloading import ForkServers

LOGGER = get_logger("pygeoapi.worker")
NUDGE_PAUSES = (0.0, 0.015, 0.04)  # an event may precede what it tells of
BACKLOG_SECONDS = 1.0
LATE_SECONDS = 0.1  # a run that a concurrency limit has postponed is given a moment after its time
CANCEL_GRACE_SECONDS = 0.5
HARD_TIMEOUT_MARGIN_SECONDS = 3.0  # the engine ends a run at its limit; this is for one that hangs
RETRY_SECONDS = 2.0
HAND_BACK_SECONDS = 5.0
HOOK_SECONDS = 30.0


@dataclass
class Active:
    """A run that this worker works on.

    Attributes:
        reason: Why it is to be ended: "cancel", "hand-back", or "kill" at its time limit.
        stop: Set when it is to be ended.
    """

    run: Json
    reason: wire.Signal | None = None
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def id(self) -> str:
        """Prefect's identifier of the run."""
        return str(self.run["id"])

    def end(self, reason: wire.Signal) -> None:
        """Ask for its end; the first reason counts."""
        if self.reason is None:
            self.reason = reason
            self.stop.set()


class Dispatcher:
    """Works through the queues of a pool.

    Args:
        api: Prefect's API.
        plans: How to start runs.
        forks: Where processes come from.
        name: Name of the worker.
        pool: Name of the work pool.
        queues: Names of its queues; none means all.
        slots: Runs at a time.
        folder: Folder for code and for the runs' own files.
    """

    def __init__(
        self,
        api: WorkerApi,
        plans: Plans,
        forks: ForkServers,
        *,
        name: str,
        pool: str,
        queues: Sequence[str],
        slots: int,
        folder: Path,
    ) -> None:
        self._api = api
        self._plans = plans
        self._forks = forks
        self._name = name
        self._pool = pool
        self._queues = queues
        self._slots = slots
        self._folder = folder
        self.active: dict[str, Active] = {}
        self.heard = time.monotonic()
        self._tasks: set[asyncio.Task[None]] = set()
        self._backlog: deque[Json] = deque()
        self._backlog_until = 0.0
        self._more = False
        self._nudges = 0
        self._wake = asyncio.Event()
        self._stopping = False

    def nudge(self) -> None:
        """There may be a run to claim."""
        self._nudges += 1
        self._wake.set()

    def hear(self) -> None:
        """Prefect has answered; a worker that can act on it is a healthy one."""
        self.heard = time.monotonic()
        if self._forks.is_up:
            health.file().touch()

    def cancel(self, run_id: str) -> None:
        """End a run, if it is one of ours."""
        active = self.active.get(run_id)
        if active is not None:
            active.end("cancel")

    async def claim_runs(self) -> None:
        """Claim runs whenever there is a nudge, for ever.

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
        self._stopping = True
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

    # -- Claiming ------------------------------------------------------------------------------

    async def _start_runs(self) -> int:
        """Start as many runs as there are slots and runs; how many nudges that answers."""
        started = 0
        may_read = True
        while not self._stopping and self._forks.is_up:
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
                active = self.active[str(run["id"])] = Active(run)
                task = asyncio.create_task(self._take(active))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
                started += 1
        return started

    async def _read(self) -> None:
        """Read runs that are due, some more than there are slots; they are kept for a second.

        Each reading costs the server 40 ms, and a busy worker would read once for each job.
        """
        limit = 2 * self._slots - len(self.active)
        due = await self._api.scheduled(self._pool, self._queues, limit)
        self.hear()
        self._more = len(due) >= limit
        self._backlog = deque(run for run in due if str(run["id"]) not in self.active)
        self._backlog_until = self.heard + BACKLOG_SECONDS

    # -- Running -------------------------------------------------------------------------------

    async def _take(self, active: Active) -> None:
        """Claim a run and see to its end."""
        try:
            await self._process(active)
        except Exception:
            LOGGER.exception("Run %s: unexpected error", active.id)
        finally:
            self.active.pop(active.id, None)
            if self._more or self._backlog:
                self.nudge()

    async def _process(self, active: Active) -> None:
        state_id, due = await self._api.claim(active.id, self._name)
        if state_id is None:
            if due is not None:
                pause = (due - datetime.now(UTC)).total_seconds()
                asyncio.get_running_loop().call_later(max(pause, 0) + LATE_SECONDS, self.nudge)
            return
        claimed = time.monotonic()
        name = str(active.run["name"])
        LOGGER.info("%s: claimed (run %s)", name, active.id)
        scratch = self._folder / "runs" / active.id
        ended, level, why = None, logging.INFO, ""
        try:
            plan = await self._plans.get(active.run)
            child = self._forks.run(self._job(active.run, state_id, claimed, plan, scratch))
            limits = plan.configuration
            ended = await self._watch(active, child, limits.timeout_seconds)
            concluded = self._concluded(active, scratch)
            reason = ending.describe(ended, limits.memory_limit_mb)
            if active.reason == "cancel":  # as Prefect's worker: before it is said to be cancelled
                await self._run_hooks(active, plan, scratch, "cancelled")
            state = concluded or await self._settle(active, ended, reason, limits)
            if state == "Crashed":
                await self._run_hooks(active, plan, scratch, "crashed")
            elif not concluded and state in ("Failed", "TimedOut"):
                await self._run_hooks(active, plan, scratch, "failed")
            if active.reason is None and (not concluded or state == "Crashed"):
                level, why = logging.WARNING, "" if concluded else f": {reason}"
        except Exception as error:
            LOGGER.exception("%s: could not be run", name)
            message = f"The run could not be started: {type(error).__name__}: {error}"
            state = await self._insist(partial(self._give_up, active.id, error, message))
        finally:
            await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)
        used = f"; {ended.cpu:.2f} s of processor, {ended.memory_mb} MiB" if ended else ""
        took = time.monotonic() - claimed
        LOGGER.log(level, "%s: %s after %.2f s%s%s", name, state, took, used, why)

    async def _run_hooks(self, active: Active, plan: Plan, scratch: Path, end: wire.Hooks) -> None:
        """Let the flow's hooks for an end run in a process of their own, for a bounded time."""
        noted = scratch / wire.HOOKS
        if not noted.exists() or end not in noted.read_text().split():
            return
        child = None
        try:
            async with asyncio.timeout(HOOK_SECONDS):
                run = await self._api.run(active.id)
                while not self._forks.is_up:
                    await asyncio.sleep(0.1)
                job = self._job(run, run["state_id"], time.monotonic(), plan, scratch / "after")
                child = self._forks.run(replace(job, hooks=end))
                ended = await asyncio.shield(child.exited)
            if ended.code:
                LOGGER.warning("%s: %s", active.run["name"], ending.describe(ended))
        except TimeoutError:
            LOGGER.warning("%s: its hooks took longer than %g s", active.run["name"], HOOK_SECONDS)
        except Exception as error:
            LOGGER.warning("%s: its hooks could not be run: %s", active.run["name"], error)
        finally:
            if child is not None and not child.exited.done():
                child.signal("kill")
                await child.exited

    async def _give_up(self, run_id: str, error: Exception, message: str) -> str:
        """End a run that has no process, or hand it back where that was not its own fault."""
        if is_outage(error) or isinstance(error, ForkServerFailed):
            return await ending.hand_back(self._api, run_id, message)
        return await ending.crash(self._api, run_id, message, endings.as_data("start"))

    def _job(self, run: Json, state_id: str, claimed: float, plan: Plan, scratch: Path) -> wire.Job:
        configuration = plan.configuration
        folder = configuration.working_dir
        return wire.Job(
            run=run,
            state_id=state_id,
            claimed=claimed,
            deployment=plan.deployment,
            env=configuration.env,
            code_block=plan.code_block,
            result_block=plan.result_block,
            cache=str(self._folder / "code"),
            scratch=str(scratch),
            memory_limit_mb=configuration.memory_limit_mb,
            timeout_seconds=configuration.timeout_seconds,
            working_dir=str(folder) if folder else None,
        )

    async def _watch(self, active: Active, child: Child, limit: float | None) -> Exit:
        """Wait for a child's end, and bring it about when it is time."""
        stop = asyncio.create_task(active.stop.wait())
        patience = None if limit is None else limit + HARD_TIMEOUT_MARGIN_SECONDS
        try:
            await asyncio.wait(
                (child.exited, stop), timeout=patience, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            stop.cancel()
        if not child.exited.done() and active.reason is not None:
            child.signal(active.reason)
            await asyncio.wait((child.exited,), timeout=CANCEL_GRACE_SECONDS)
        if not child.exited.done():
            active.reason = active.reason or "kill"
            child.signal("kill")
        return await child.exited

    def _concluded(self, active: Active, scratch: Path) -> str | None:
        """The state that a run has reported itself, unless it was to be ended or could not."""
        if active.reason is None:
            with suppress(FileNotFoundError):
                self._forks.learn((scratch / wire.IMPORTED).read_text().split())
                return (scratch / wire.CONCLUDED).read_text()
        return None

    async def _settle(
        self, active: Active, ended: Exit, reason: str, limits: JobConfiguration
    ) -> str:
        """Make sure that a run has ended in Prefect, too; in which state.

        Args:
            active: The run; its process is gone.
            ended: What is known of the process's end.
            reason: The same, for people.
            limits: Its limits.
        """

        async def settle() -> str:
            if active.reason == "cancel":
                return await ending.cancelled_by_id(self._api, active.id)
            if active.reason == "hand-back":
                return await ending.hand_back(self._api, active.id, "the worker was shut down")
            if active.reason == "kill":
                return await ending.timed_out(self._api, active.id, limits.timeout_seconds or 0)
            if ended.is_over_memory:
                limit = limits.memory_limit_mb or 0
                return await ending.over_memory(self._api, active.id, limit)
            if ended.is_lost:
                return await ending.hand_back(self._api, active.id, reason)
            if ended.code == wire.UNAVAILABLE:
                await asyncio.sleep(RETRY_SECONDS)  # it may be refused again at once
                return await ending.hand_back(self._api, active.id, reason)
            data, has_died = ending.as_data(ended), ended.error is None
            return await ending.crash(self._api, active.id, reason, data, has_died=has_died)

        return await self._insist(settle)

    async def _insist(self, action: Callable[[], Awaitable[str]]) -> str:
        """Repeat an action until Prefect answers; a worker that stops leaves it to the reaper."""
        while True:
            try:
                return await action()
            except ObjectNotFound:
                return "Deleted"
            except Exception as error:
                if not is_outage(error) or self._stopping:
                    raise
                await asyncio.sleep(RETRY_SECONDS)
