"""Keeps a fork server that has imported what the jobs import.

A job tells which modules it had to import itself. A new fork server is started with them beside the
old one, which ends with its last job. A module that starts threads cannot be had beforehand.
"""

import asyncio
import logging
import time
from collections.abc import Iterable

from pygeoapi_prefect.worker.forkserver import protocol
from pygeoapi_prefect.worker.forkserver.client import (
    Child,
    ForkServer,
    ForkServerFailed,
    ModuleRefused,
)

LOGGER = logging.getLogger("prefect.pygeoapi.worker")  # the worker's, which Prefect configures
SETTLE_SECONDS = 2.0  # more may be learned of other jobs meanwhile
PAUSE_SECONDS = 30.0  # a start takes two seconds of a processor
RETRY_SECONDS = 2.0


class ForkServers:
    """The fork server of the moment, and those that have jobs left.

    Args:
        program: Name of the module that the children run (``server.Program``).
        modules: Modules to import from the beginning, on top of those that all jobs need.
    """

    def __init__(self, program: str, modules: Iterable[str] = ()) -> None:
        self._program = program
        self._modules = list(dict.fromkeys(modules))
        self._refused: set[str] = set()
        self._learned = asyncio.Event()
        self._current: ForkServer | None = None
        self._retired: set[asyncio.Task[None]] = set()

    @property
    def is_up(self) -> bool:
        """True if jobs can be started."""
        return self._current is not None and not self._current.ended.is_set()

    async def start(self) -> None:
        """Start a fork server.

        Raises:
            ForkServerFailed: It does not start.
        """
        self._current = await self._make()

    def run(self, job: protocol.Job) -> Child:
        """Fork a child for a job.

        Raises:
            ForkServerFailed: There is no fork server at the moment.
        """
        if self._current is None:
            raise ForkServerFailed("the fork server is being restarted")
        return self._current.run(job)

    def learn(self, modules: Iterable[str]) -> None:
        """Have these modules in the next fork server, and start it soon if that is anything new."""
        known = {*self._modules}
        new = [
            name
            for name in modules
            if name not in known and name.partition(".")[0] not in self._refused
        ]
        if new:
            self._modules += new
            self._learned.set()

    async def keep(self) -> None:
        """Replace a fork server that has ended or lacks modules, until cancelled.

        Raises:
            ForkServerFailed: A new one does not start.
        """
        while True:
            if not self.is_up:
                LOGGER.error("The fork server has ended; starting another one")
                await self._retire()
                await self.start()
            assert self._current is not None
            ended = asyncio.ensure_future(self._current.ended.wait())
            learned = asyncio.ensure_future(self._learned.wait())
            try:
                await asyncio.wait((ended, learned), return_when=asyncio.FIRST_COMPLETED)
            finally:
                ended.cancel()
                learned.cancel()
            if self.is_up:
                await asyncio.sleep(SETTLE_SECONDS)
                await self._renew()

    async def stop(self) -> None:
        """End all fork servers and their jobs."""
        for task in self._retired:
            task.cancel()
        await asyncio.gather(*self._retired, return_exceptions=True)
        if self._current is not None:
            await self._current.stop()

    async def _renew(self) -> None:
        self._learned.clear()
        began = time.monotonic()
        fresh = await self._make()
        await self._retire()
        self._current = fresh
        LOGGER.info("Jobs start with %d more modules", len(self._modules))
        await asyncio.sleep(max(0.0, began + PAUSE_SECONDS - time.monotonic()))

    async def _make(self) -> ForkServer:
        while True:
            server = ForkServer(self._program, self._modules)
            try:
                await server.start()
            except ModuleRefused as error:
                package = error.module.partition(".")[0]
                LOGGER.warning("%s; jobs import %s themselves", error, package)
                await server.stop()
                self._refused.add(package)
                self._modules = [m for m in self._modules if m.partition(".")[0] != package]
                continue
            except ForkServerFailed:
                await server.stop()
                raise
            return server

    async def _retire(self) -> None:
        """Let the current fork server end with its last job."""
        if self._current is not None:
            task = asyncio.create_task(self._current.stop_when_idle())
            self._retired.add(task)
            task.add_done_callback(self._retired.discard)
            self._current = None
