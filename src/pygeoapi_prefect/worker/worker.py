"""The worker: claims the runs of a work pool's queues and runs each in a forked process."""

import asyncio
import os
import shutil
import signal
import tempfile
import time
import uuid
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio.abc
from prefect.client.schemas.objects import FlowRun, WorkPool
from prefect.exceptions import ObjectNotFound
from prefect.logging.loggers import get_logger
from prefect.workers.base import BaseWorker, BaseWorkerResult
from prefect.workers.process import ProcessWorker

from pygeoapi_prefect.worker import ending, events, wire
from pygeoapi_prefect.worker.api import Api, Json
from pygeoapi_prefect.worker.configuration import JobConfiguration, Variables
from pygeoapi_prefect.worker.forks import Child, Exit, ForkServer
from pygeoapi_prefect.worker.plans import Plan, Plans
from pygeoapi_prefect.worker.reaper import Reaper

LOGGER = get_logger("pygeoapi.worker")
HEARTBEAT_SECONDS = 10
NUDGE_PAUSES = (0.0, 0.015, 0.04)  # an event may precede what it tells of
BACKLOG_SECONDS = 1.0
CANCEL_POLL_SECONDS = 5.0
CANCEL_GRACE_SECONDS = 0.5
HARD_TIMEOUT_MARGIN_SECONDS = 3.0  # the engine ends a run at its limit; this is for one that hangs
RETRY_SECONDS = 2.0
PRELOAD_VARIABLE = "PYGEOAPI_WORKER_PRELOAD"
GRACE_VARIABLE = "PYGEOAPI_WORKER_GRACE_SECONDS"
DEFAULT_GRACE_SECONDS = 7.0  # docker stop kills after 10
HAND_BACK_SECONDS = 5.0


def default_limit() -> int:
    """Runs at a time: one for each processor, at least four, as many runs wait for data."""
    return max(4, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 4)


class WorkerResult(BaseWorkerResult):
    """How the process of a run ended."""


@dataclass
class Active:
    """A run that this worker works on.

    Attributes:
        reason: Why it is to be ended: "cancel" or "hand-back".
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


class PygeoapiWorker(BaseWorker[JobConfiguration, Variables, WorkerResult]):
    """A worker for pools of type ``process``: forks jobs from a process that has all imported.

    ``prefect worker start --pool pygeoapi --work-queue pygeoapi --type pygeoapi``
    """

    type = "pygeoapi"
    job_configuration = JobConfiguration
    job_configuration_variables = Variables
    _description = "Executes flow runs in processes forked from a warm one."
    _display_name = "pygeoapi"

    def __init__(
        self,
        work_pool_name: str,
        work_queues: list[str] | None = None,
        name: str | None = None,
        limit: int | None = None,
        heartbeat_interval_seconds: int | None = None,
        **kwargs: Any,
    ) -> None:
        """As Prefect's workers; see ``prefect worker start --help``.

        A number is added to the name, so that Prefect tells a worker from its predecessor.
        """
        super().__init__(
            work_pool_name,
            work_queues,
            name=f"{name or 'pygeoapi-worker'}-{uuid.uuid4().hex[:8]}",
            limit=limit or default_limit(),
            heartbeat_interval_seconds=min(
                heartbeat_interval_seconds or HEARTBEAT_SECONDS, HEARTBEAT_SECONDS
            ),
            **kwargs,
        )
        # What the server is told, and what it gives a pool that it has to make.
        self.type = ProcessWorker.type
        self._slots = limit or default_limit()
        self._active: dict[str, Active] = {}
        self._backlog: deque[Json] = deque()
        self._backlog_until = 0.0
        self._more = False
        self._nudges = 0
        self._wake = asyncio.Event()
        self._stopping = False
        self._hurry = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._services: list[asyncio.Task[None]] = []
        self._forks = ForkServer()
        self._folder = Path()

    # -- Prefect's interface -------------------------------------------------------------------

    async def setup(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="pygeoapi-worker-"))
        forks = asyncio.create_task(self._start_forks())
        try:
            await super().setup()
            await forks
        except BaseException:
            forks.cancel()
            await self._forks.stop()
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        self._api = Api(self.client)
        self._plans = Plans(self.client, lambda: self.work_pool)
        self._reaper = Reaper(
            self._api,
            self._work_pool_name,
            self.name,
            self.heartbeat_interval_seconds,
            self._active.__contains__,
        )
        self._stop_at_sigterm()
        for service in (self._claim_runs, self._listen, self._poll_cancelled, self._reap):
            self._services.append(asyncio.create_task(self._keep(service)))
        self._services.append(asyncio.create_task(self._keep_forks()))
        LOGGER.info("Worker %s is ready for %d jobs at a time", self.name, self._slots)

    async def teardown(self, *exc_info: Any) -> None:
        self._stopping = True
        for service in self._services:
            service.cancel()
        await asyncio.gather(*self._services, return_exceptions=True)
        await self._finish_runs()
        await self._forks.stop()
        shutil.rmtree(self._folder, ignore_errors=True)
        if self._worker_channel is not None:
            self._worker_channel.stop()  # it would make the worker known again
        with suppress(Exception):
            await self._api.forget_worker(self._work_pool_name, self.name)
        await super().teardown(*exc_info)

    def _stop_at_sigterm(self) -> None:
        """End the task that runs the worker; again, and the jobs have no more time to end.

        Prefect's command turns SIGTERM into SIGINT, which a process that was started in the
        background of a script ignores.
        """
        starter = asyncio.current_task()

        def stop() -> None:
            if self._stopping:
                self._hurry.set()
            elif starter is not None:
                starter.cancel()

        with suppress(NotImplementedError, RuntimeError, ValueError):  # not in the main thread
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """Prefect's poll, every ``PREFECT_WORKER_QUERY_SECONDS``: our safety net."""
        self._nudge()
        return []

    async def run(
        self,
        flow_run: FlowRun,
        configuration: JobConfiguration,
        task_status: anyio.abc.TaskStatus[int] | None = None,
    ) -> WorkerResult:
        """Not used: this worker has a shorter way from a claim to a process.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError("this worker runs deployments only")

    def _record_work_pool_snapshot(self, work_pool: WorkPool) -> None:
        if work_pool.type == ProcessWorker.type:
            # Ours is a worker for pools of this type; the same type as before is not compared.
            self._work_pool = work_pool
        super()._record_work_pool_snapshot(work_pool)

    async def _setup_cancellation_observer(self) -> None:
        """Nothing: we listen ourselves, for queued and running jobs alike."""

    async def _sync_and_initialize(self) -> None:
        """Heartbeat; once it works, an outage of Prefect does not end the worker."""
        try:
            await super()._sync_and_initialize()
        except Exception as error:
            if not (self.is_setup and ending.is_unavailable(error)):
                raise
            LOGGER.warning("No heartbeat: Prefect does not answer (%s)", error)

    # -- Services ------------------------------------------------------------------------------

    async def _keep(self, service: Callable[[], Awaitable[None]]) -> None:
        """Run a service for ever: an outage of Prefect, or a fault, must not end the worker."""
        while True:
            try:
                await service()
            except Exception as error:
                if ending.is_unavailable(error):
                    LOGGER.warning("Prefect does not answer (%s); trying again", error)
                else:
                    LOGGER.exception("Unexpected error; going on")
                await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self) -> None:
        while self._work_pool is None:
            await asyncio.sleep(RETRY_SECONDS)
        await events.listen(
            str(self.work_pool.id),
            on_connected=self._nudge,
            on_scheduled=self._nudge,
            on_cancelled=self._cancel,
        )

    async def _poll_cancelled(self) -> None:
        """The safety net for cancellations; it also notices runs that were deleted."""
        while True:
            await asyncio.sleep(CANCEL_POLL_SECONDS)
            watched = list(self._active)
            if not watched:
                continue
            found = {str(run["id"]): run for run in await self._api.runs(watched)}
            for run_id in watched:
                state = found[run_id]["state_type"] if run_id in found else "CANCELLED"
                if state in ("CANCELLING", "CANCELLED"):
                    self._cancel(run_id)

    async def _reap(self) -> None:
        while True:
            await asyncio.sleep(self._reaper.scan_seconds)
            await self._reaper.scan()

    async def _start_forks(self) -> None:
        modules = os.environ.get(PRELOAD_VARIABLE, "").split(",")
        self._forks = ForkServer([name.strip() for name in modules if name.strip()])
        await self._forks.start()

    async def _keep_forks(self) -> None:
        while True:
            await self._forks.ended.wait()
            LOGGER.error("The fork server has ended; starting another one")
            await self._forks.stop()
            try:
                await self._start_forks()
            except Exception as error:
                LOGGER.error("The fork server does not start: %s", error)
                await asyncio.sleep(RETRY_SECONDS)

    # -- Claiming ------------------------------------------------------------------------------

    def _nudge(self) -> None:
        self._nudges += 1
        self._wake.set()

    def _cancel(self, run_id: str) -> None:
        active = self._active.get(run_id)
        if active is not None:
            active.end("cancel")

    async def _claim_runs(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            expected, self._nudges = self._nudges, 0
            for pause in NUDGE_PAUSES:
                await asyncio.sleep(pause)
                expected -= await self._start_runs()
                if expected <= 0:
                    break

    async def _start_runs(self) -> int:
        """Start as many runs as there are slots and runs; how many."""
        started = 0
        while not self._stopping and not self._forks.ended.is_set():
            if len(self._active) >= self._slots:
                self._more = True  # maybe; a slot that gets free will look
                return started + self._slots
            run = await self._next()
            if run is None:
                return started
            if str(run["id"]) not in self._active:
                active = self._active[str(run["id"])] = Active(run)
                task = asyncio.create_task(self._take(active))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
                started += 1
        return started

    async def _next(self) -> Json | None:
        """The next run that is due; what was read but not taken is kept for a second."""
        now = time.monotonic()
        if not self._backlog or now > self._backlog_until:
            limit = 2 * self._slots - len(self._active)
            due = await self._api.scheduled(self._work_pool_name, [*self._work_queues], limit)
            self._last_polled_time = self._now()
            self._more = len(due) >= limit
            self._backlog = deque(run for run in due if str(run["id"]) not in self._active)
            self._backlog_until = now + BACKLOG_SECONDS
        return self._backlog.popleft() if self._backlog else None

    # -- Running -------------------------------------------------------------------------------

    async def _take(self, active: Active) -> None:
        """Claim a run and see to its end."""
        try:
            await self._process(active)
        except Exception:
            LOGGER.exception("Run %s: unexpected error", active.id)
        finally:
            self._active.pop(active.id, None)
            if self._more or self._backlog:
                self._wake.set()

    async def _process(self, active: Active) -> None:
        state_id = await self._api.claim(active.id, self.name)
        if state_id is None:
            return
        claimed = time.monotonic()
        name = str(active.run["name"])
        LOGGER.info("%s: claimed (run %s)", name, active.id)
        scratch = self._folder / "runs" / active.id
        ended = None
        try:
            plan = await self._plans.get(active.run)
            job = self._job(active.run, state_id, claimed, plan, scratch)
            limit = plan.configuration.timeout_seconds
            ended = await self._watch(active, self._forks.run(job), limit)
            state = await self._settle(active, ended, plan.configuration)
        except Exception as error:
            LOGGER.exception("%s: could not be run", name)
            message = f"The run could not be started: {type(error).__name__}: {error}"
            state = await self._insist(lambda: ending.crash(self._api, active.id, message))
        finally:
            await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)
        used = f"; {ended.cpu:.2f} s of processor, {ended.memory_mb} MiB" if ended else ""
        LOGGER.info("%s: %s after %.2f s%s", name, state, time.monotonic() - claimed, used)

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
            self._forks.signal(child, active.reason)
            await asyncio.wait((child.exited,), timeout=CANCEL_GRACE_SECONDS)
        if not child.exited.done():
            active.reason = active.reason or "kill"
            self._forks.signal(child, "kill")
        return await child.exited

    async def _settle(self, active: Active, ended: Exit, limits: JobConfiguration) -> str:
        """Make sure that a run has ended in Prefect, too; in which state."""
        if active.reason == "cancel":
            return await self._insist(lambda: ending.cancelled_by_id(self._api, active.id))
        if active.reason == "hand-back":
            reason = "the worker was shut down"
            return await self._insist(lambda: ending.hand_back(self._api, active.id, reason))
        if active.reason == "kill":
            seconds = limits.timeout_seconds or 0
            return await self._insist(lambda: ending.timed_out(self._api, active.id, seconds))
        if ended.code == 0:
            return "ended"
        message = ending.describe(ended, limits.memory_limit_mb)
        return await self._insist(lambda: ending.crash(self._api, active.id, message))

    async def _insist(self, action: Callable[[], Awaitable[str]]) -> str:
        """Repeat an action until Prefect answers; a worker that stops leaves it to the reaper."""
        while True:
            try:
                return await action()
            except ObjectNotFound:
                return "Deleted"
            except Exception as error:
                if not ending.is_unavailable(error) or self._stopping:
                    raise
                await asyncio.sleep(RETRY_SECONDS)

    async def _finish_runs(self) -> None:
        """Let runs end by themselves for a while; hand back what is left."""
        if not self._tasks:
            return
        grace = float(os.environ.get(GRACE_VARIABLE) or DEFAULT_GRACE_SECONDS)
        LOGGER.info("Stopping: %d jobs have %.0f s to end", len(self._tasks), grace)
        ended = asyncio.ensure_future(asyncio.wait(self._tasks))
        hurry = asyncio.ensure_future(self._hurry.wait())
        await asyncio.wait((ended, hurry), timeout=grace, return_when=asyncio.FIRST_COMPLETED)
        for active in self._active.values():
            active.end("hand-back")
        await asyncio.wait((ended,), timeout=HAND_BACK_SECONDS)
        for waiting in (ended, hurry):
            waiting.cancel()

    @staticmethod
    def _now() -> Any:
        from prefect.types._datetime import now

        return now("UTC")
