"""The worker that Prefect starts, and its concurrent services."""

import asyncio
import os
import shutil
import signal
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, override

import anyio.abc
from prefect.client.schemas.objects import FlowRun, WorkPool
from prefect.logging.loggers import get_logger
from prefect.workers.base import BaseWorker, BaseWorkerResult

from pygeoapi_prefect.engine import endings, events
from pygeoapi_prefect.engine.errors import is_outage
from pygeoapi_prefect.engine.internals.workers import POOL_TYPE
from pygeoapi_prefect.engine.states import DISMISSED
from pygeoapi_prefect.engine.worker_api import WorkerApi
from pygeoapi_prefect.environment import SigningSettings, WorkerSettings
from pygeoapi_prefect.worker import health
from pygeoapi_prefect.worker.claims import Claims
from pygeoapi_prefect.worker.forkserver import process_tree
from pygeoapi_prefect.worker.forkserver.pool import ForkServers
from pygeoapi_prefect.worker.job_variables import JobConfiguration, Variables
from pygeoapi_prefect.worker.launch_plans import Plans
from pygeoapi_prefect.worker.reaper import Reaper
from pygeoapi_prefect.worker.supervision import RETRY_SECONDS, Workplace

LOGGER = get_logger("pygeoapi.worker")
JOB_PROGRAM = "pygeoapi_prefect.worker.job.program"
HEARTBEAT_SECONDS = 10
CANCEL_POLL_SECONDS = 5.0
STALE_HEARTBEATS = 1.5
"""Fewer than a worker misses, from a claim on, before it is thought to be dead."""
UNHEALTHY_POLLS = 30  # as Prefect's own workers


def default_limit() -> int:
    """Runs at a time: one for each processor, at least four, as many runs wait for data."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(4, usable or 0)


class WorkerResult(BaseWorkerResult):
    """End of a run's process."""


class PygeoapiWorker(BaseWorker[JobConfiguration, Variables, WorkerResult]):
    """A worker for pools of type ``process``: forks jobs from a process that has all imported.

    ``prefect worker start --pool pygeoapi --work-queue pygeoapi --type pygeoapi``

    A number is added to the name, so that Prefect tells a worker from its predecessor.
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
        # The type that the server sees, and that of a pool created by the worker.
        self.type = POOL_TYPE
        self._slots = limit or default_limit()
        self._hurry = asyncio.Event()
        self._services: list[asyncio.Task[None]] = []
        self._settings = WorkerSettings.from_env()
        self._key = SigningSettings.from_env().key
        self._forks = ForkServers(JOB_PROGRAM, self._settings.preload)
        self._claims: Claims | None = None

    # -- Prefect's interface -------------------------------------------------------------------

    @override
    async def setup(self) -> None:
        os.environ.pop("PYGEOAPI_DEPLOYMENT_KEY", None)  # jobs inherit the environment
        if self._key is None:
            LOGGER.warning(
                "PYGEOAPI_DEPLOYMENT_KEY is not set: runs of all deployments are started"
            )
        self._folder = Path(tempfile.mkdtemp(prefix="pygeoapi-worker-"))
        process_tree.adopt()
        forks = asyncio.create_task(self._forks.start())
        try:
            await super().setup()
            await forks
        except BaseException:
            forks.cancel()
            await self._forks.stop()
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        self._api = WorkerApi(self.client)
        plans = Plans(self._api, self.client, lambda: self.work_pool, self._key)
        self._claims = Claims(
            Workplace(
                *(self._api, plans, self._forks, self._folder),
                stale_seconds=STALE_HEARTBEATS * self.heartbeat_interval_seconds,
            ),
            name=self.name,
            pool=self._work_pool_name,
            queues=sorted(self._work_queues),
            slots=self._slots,
        )
        self._stop_at_sigterm()
        services = (
            self._claims.keep_claiming,
            self._listen,
            self._poll_cancelled,
            self._reap,
            self._forks.keep,
        )
        self._services = [asyncio.create_task(self._keep(service)) for service in services]
        LOGGER.info("Worker %s is ready for %d jobs at a time", self.name, self._slots)

    @override
    async def teardown(self, *exc_info: Any) -> None:
        for service in self._services:
            service.cancel()
        await asyncio.gather(*self._services, return_exceptions=True)
        if self._claims is not None:
            await self._claims.finish(self._settings.grace_seconds, self._hurry)
        await self._forks.stop()
        shutil.rmtree(self._folder, ignore_errors=True)
        health.file().unlink(missing_ok=True)
        if self._worker_channel is not None:
            self._worker_channel.stop()  # it would make the worker known again
        with suppress(Exception):
            await self._api.forget_worker(self._work_pool_name, self.name)
        await super().teardown(*exc_info)

    @override
    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """Prefect's poll, every ``PREFECT_WORKER_QUERY_SECONDS``: the safety net of the events."""
        if self._claims is not None:
            self._claims.nudge()
        return []

    @override
    def is_worker_still_polling(self, query_interval_seconds: float) -> bool:
        if self._claims is None:
            return True
        silent = time.monotonic() - self._claims.heard
        return silent <= UNHEALTHY_POLLS * query_interval_seconds

    @override
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

    @override
    def _record_work_pool_snapshot(self, work_pool: WorkPool) -> None:
        if work_pool.type == POOL_TYPE:
            # Ours is a worker for pools of this type; the same type as before is not compared.
            self._work_pool = work_pool
        super()._record_work_pool_snapshot(work_pool)

    @override
    async def _setup_cancellation_observer(self) -> None:
        """Nothing: we listen ourselves, for claimed and running jobs alike."""

    @override
    async def _sync_and_initialize(self) -> None:
        """Heartbeat; once it works, an outage of Prefect does not end the worker."""
        try:
            await super()._sync_and_initialize()
        except Exception as error:
            if not (self.is_setup and is_outage(error)):
                raise
            LOGGER.warning("No heartbeat: Prefect does not answer (%s)", error)

    # -- Services ------------------------------------------------------------------------------

    async def _keep(self, service: Callable[[], Awaitable[None]]) -> None:
        """Run a service until cancelled: neither an outage nor an error ends the worker."""
        while True:
            try:
                await service()
            except Exception as error:
                if is_outage(error):
                    LOGGER.warning("Prefect does not answer (%s); trying again", error)
                else:
                    LOGGER.exception("Unexpected error; continuing")
                await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self) -> None:
        while self._work_pool is None:
            await asyncio.sleep(RETRY_SECONDS)
        claims = self._claims
        assert claims is not None
        await events.follow_pool(
            str(self.work_pool.id),
            on_scheduled=claims.expect,
            on_cancelled=lambda run_id: claims.end(run_id, "cancel"),
        )

    async def _poll_cancelled(self) -> None:
        """The safety net of cancellations; it also notices runs that were deleted or lost."""
        assert self._claims is not None
        while True:
            await asyncio.sleep(CANCEL_POLL_SECONDS)
            watched = list(self._claims.active)
            if not watched:
                continue
            found = {run["id"]: run for run in await self._api.runs(watched)}
            self._claims.hear()
            for run_id in watched:
                run = found.get(run_id)
                if run is None or run["state_type"] in DISMISSED:
                    self._claims.end(run_id, "cancel")
                elif endings.is_lost((run.get("state") or {}).get("data")):
                    # This worker stood still, and another one thought that it was dead.
                    self._claims.end(run_id, "kill")

    async def _reap(self) -> None:
        assert self._claims is not None
        reaper = Reaper(
            self._api,
            self._work_pool_name,
            self.name,
            self.heartbeat_interval_seconds,
            self._claims.active.__contains__,
        )
        while True:
            await asyncio.sleep(reaper.scan_seconds)
            await reaper.scan()

    def _stop_at_sigterm(self) -> None:
        """End the task that runs the worker; again, and the jobs have no more time to end.

        Prefect's command turns SIGTERM into SIGINT, which a process that was started in the
        background of a script ignores.
        """
        starter = asyncio.current_task()

        def stop() -> None:
            if starter is None or starter.cancelling():
                self._hurry.set()
            else:
                starter.cancel()

        with suppress(NotImplementedError, RuntimeError, ValueError):  # not in the main thread
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
