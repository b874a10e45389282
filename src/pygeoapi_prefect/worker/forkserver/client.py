"""The worker's side of the fork server: starts it, requests children, receives their ends."""

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import ClassVar

from pygeoapi_prefect.worker.forkserver import process_tree, protocol

READY_SECONDS = 120.0
READ_BYTES = 1 << 16
# Libraries that would start threads when they are imported do not, in the fork server.
SINGLE_THREADED = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)


@dataclass(frozen=True)
class Exit:
    """End of a child process.

    Attributes:
        code: Exit status, or the negative number of the signal that ended it.
        cpu: Processor time that it used, in seconds.
        memory_mb: Largest resident memory, in MiB.
        error: Why it could not be started, or why nothing is known of its end.
        is_over_memory: The fork server killed it because it exceeded its memory limit.
        is_lost: Its fork server has ended, and so has the child; the cause is not known.
    """

    code: int
    cpu: float = 0.0
    memory_mb: int = 0
    error: str | None = None
    is_over_memory: bool = False
    is_lost: bool = False


LOST = Exit(-signal.SIGKILL, error="the fork server has ended", is_lost=True)


@dataclass
class Child:
    """A forked child.

    Attributes:
        run_id: Prefect's identifier of the run.
        server: The fork server that it comes from.
        exited: Set when it has ended.
        pid: Its number, once it is known.
    """

    run_id: str
    server: "ForkServer" = field(repr=False)
    exited: asyncio.Future[Exit] = field(repr=False)
    pid: int | None = None

    def signal(self, what: protocol.Signal) -> None:
        """End it and its process group, gently or not."""
        self.server.signal(self.run_id, what)


class ForkServerFailed(RuntimeError):
    """The fork server does not start; the text says why."""


class ModuleRefused(ForkServerFailed):
    """A module must not be imported before the fork.

    Attributes:
        module: Its name.
    """

    def __init__(self, module: str, reason: str) -> None:
        super().__init__(f"{module} {reason}")
        self.module = module


class ForkServer:
    """A fork server process.

    Args:
        program: Name of the module that the children run (``server.Program``).
        modules: Modules to import on top of those that all jobs need.
    """

    def __init__(self, program: str, modules: Sequence[str] = ()) -> None:
        self._program = program
        self._modules = modules
        self._process: Process | None = None
        self._socket: socket.socket | None = None
        self._children: dict[str, Child] = {}
        self._outgoing: asyncio.Queue[bytes] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self._ready: asyncio.Future[None] | None = None
        self.ended = asyncio.Event()

    alive: ClassVar[set[int]] = set()
    """Numbers of all fork servers of this process."""
    _counting: ClassVar[asyncio.Lock] = asyncio.Lock()
    """Held while there may be one that ``alive`` does not have yet."""

    @property
    def pid(self) -> int | None:
        """Number of the process."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Start the process, and return when it can fork.

        Raises:
            ForkServerFailed: It does not start.
        """
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self._socket = ours
        self._ready = asyncio.get_running_loop().create_future()
        with theirs:
            async with self._counting:
                self._process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "pygeoapi_prefect.worker.forkserver.server"),
                    *(str(theirs.fileno()), self._program),
                    stdin=asyncio.subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    env={**os.environ, **SINGLE_THREADED},
                    start_new_session=True,
                )
                self.alive.add(self._process.pid)
        self._outgoing.put_nowait(protocol.preload_request(self._modules))
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._write())]
        try:
            await asyncio.wait_for(asyncio.shield(self._ready), READY_SECONDS)
        except TimeoutError:
            await self.stop()
            raise ForkServerFailed(f"it was not ready within {READY_SECONDS:.0f} s") from None

    def run(self, job: protocol.Job) -> Child:
        """Fork a child for a job."""
        child = Child(job.id, self, asyncio.get_running_loop().create_future())
        if self.ended.is_set():
            child.exited.set_result(LOST)
            return child
        self._children[job.id] = child
        self._outgoing.put_nowait(protocol.run_request(job))
        return child

    def signal(self, run_id: str, what: protocol.Signal) -> None:
        """End the child of a run and its process group, gently or not."""
        self._outgoing.put_nowait(protocol.signal_request(run_id, what))

    async def stop_when_idle(self) -> None:
        """End the process as soon as it has no children, or when this is cancelled."""
        try:
            while self._children and not self.ended.is_set():
                await asyncio.wait(
                    [child.exited for child in self._children.values()],
                    return_when=asyncio.FIRST_COMPLETED,
                )
        finally:
            await self.stop()

    async def stop(self) -> None:
        """End the process; it ends its children first."""
        if self._socket is not None:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._socket.close()
            self._socket = None
        if self._process is not None:
            try:
                await asyncio.wait_for(self._process.wait(), 5)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
            self.alive.discard(self._process.pid)
            if process_tree.is_adopting():  # it may have been killed
                async with self._counting:
                    await asyncio.to_thread(process_tree.end_all, self.alive)
        self._lose_children()

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        assert self._socket is not None
        unpacker = protocol.Unpacker()
        try:
            while data := await loop.sock_recv(self._socket, READ_BYTES):
                for message in unpacker.feed(data):
                    self._handle(message)
        except ConnectionError:
            pass
        self._lose_children()

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        assert self._socket is not None
        while True:
            try:
                await loop.sock_sendall(self._socket, await self._outgoing.get())
            except ConnectionError:  # the reader hears of it, too
                return

    def _handle(self, message: dict[str, object]) -> None:
        assert self._ready is not None
        match message:
            case {"started": str(run_id), "pid": int(pid)} if run_id in self._children:
                self._children[run_id].pid = pid
            case {"exited": str(run_id), **details}:
                child = self._children.pop(run_id, None)
                if child is not None and not child.exited.done():
                    details.setdefault("code", 1)
                    child.exited.set_result(Exit(**details))  # type: ignore[arg-type]
            case {"ready": _}:
                self._ready.set_result(None)
            case {"refused": str(module), "reason": str(reason)}:
                self._ready.set_exception(ModuleRefused(module, reason))

    def _lose_children(self) -> None:
        """Clean up after the process died: its children died, too; kill their processes."""
        self.ended.set()
        if self._ready is not None and not self._ready.done():
            self._ready.set_exception(ForkServerFailed("it ended at once; see the worker's log"))
        for child in self._children.values():
            if child.pid is not None:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(child.pid, signal.SIGKILL)
            if not child.exited.done():
                child.exited.set_result(LOST)
        self._children.clear()
