"""Threads for requests: each lane has its own, so that none of them can stop the others."""

import asyncio
import re
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor

from pygeoapi_prefect.errors import TooBusy

LIVENESS, READINESS = b"/healthz", b"/readyz"
PROBES = (LIVENESS, READINESS)
BEGUN_THREADS = 8
QUEUE = 32
"""Number of requests that may wait for each thread."""
QUEUE_SECONDS = 30.0
"""Longest wait for a thread."""
_EXECUTION = re.compile(rb"/processes/([^/]+)/execution")


class ClientLeft(Exception):
    """The client of a request has closed its connection."""


class Lane:
    """A number of threads and, in order, the calls that wait for one.

    Args:
        name: Prefix of the threads' names.
        threads: Their number.
        queue: Number of requests that may wait for each thread.
    """

    def __init__(self, name: str, threads: int, queue: int) -> None:
        self._pool = ThreadPoolExecutor(threads, name)
        self._free = asyncio.Semaphore(threads)
        self._queued = 0
        self._most_queued = threads * queue

    async def begin[T](self, call: Callable[[], T], left: asyncio.Event) -> T:
        """Call a function for a new request in a thread, as soon as one is free.

        Args:
            call: The function.
            left: Set when the client has left.

        Raises:
            ClientLeft: The client left before a thread was free: then nothing is called.
            TooBusy: Too many requests are waiting already, or no thread is free in time.
        """
        waited = self._free.locked()
        if waited and self._queued >= self._most_queued:
            raise TooBusy("Too many requests are waiting; try again later")
        self._queued += 1
        try:
            async with asyncio.timeout(QUEUE_SECONDS):
                await self._free.acquire()
        except TimeoutError as error:
            raise TooBusy("The server is busy with other requests; try again later") from error
        finally:
            self._queued -= 1
        if waited and left.is_set():
            self._free.release()
            raise ClientLeft
        return await self._call(call)

    async def run[T](self, call: Callable[[], T]) -> T:
        """Call a function for a request that has begun, whether or not its client has left."""
        await self._free.acquire()
        return await self._call(call)

    async def _call[T](self, call: Callable[[], T]) -> T:
        future = asyncio.get_running_loop().run_in_executor(self._pool, call)
        future.add_done_callback(lambda _: self._free.release())
        return await asyncio.shield(future)


class Lanes:
    """The lanes of a web process.

    Args:
        threads: Number of threads for requests; the other lanes have threads of their own.
        in_process_threads: Number of threads for executions in the web process.
        in_process: Identifiers of the processes that are executed there.

    Attributes:
        begun: The lane for what is left to do of requests that have begun.
    """

    def __init__(self, threads: int, in_process_threads: int, in_process: Collection[str]) -> None:
        self.begun = Lane("begun", BEGUN_THREADS, queue=0)
        self._requests = Lane("request", threads, QUEUE)
        self._executions = Lane("execution", in_process_threads, queue=1)
        self._probes = {
            LIVENESS: Lane("liveness", 1, QUEUE),
            READINESS: Lane("readiness", 2, queue=4),
        }
        self._in_process = frozenset(name.encode() for name in in_process)

    def of(self, method: str, path: bytes) -> Lane:
        """The lane for a request.

        Args:
            method: HTTP method.
            path: The path, without percent-encoding.
        """
        if path in self._probes:
            return self._probes[path]
        found = _EXECUTION.search(path) if method == "POST" else None
        return self._executions if found and found[1] in self._in_process else self._requests
