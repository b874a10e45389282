"""From ASGI to WSGI: bodies are read first, threads only work, and clients wait without one."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from pygeoapi_prefect.engine.waiter import Wait
from pygeoapi_prefect.errors import StackError, TooBusy
from pygeoapi_prefect.results.problem import problem
from pygeoapi_prefect.web.server.answer import Answer, Headers, Wsgi
from pygeoapi_prefect.web.server.body import Body, Receive, Room
from pygeoapi_prefect.web.server.connection import CONNECTION, Connection
from pygeoapi_prefect.web.server.environ import environ, path
from pygeoapi_prefect.web.server.lanes import PROBES, ClientLeft, Lanes
from pygeoapi_prefect.web.waiting import ARRIVED, PARK, RESUMED, Parked

LOGGER = logging.getLogger(__name__)
SEND_SECONDS = 30.0
"""Time in which a client has to take a slice of an answer."""
SLICE_BYTES = 60 * 1024
"""Largest part of an answer that is sent at once. gunicorn writes larger ones with ``writelines``,
which does not wait for the client in Python before 3.12.9 and 3.13.2 (CVE-2024-12254).
"""
LARGE_BODIES = 6  # of two processes, they fit the /tmp of the Compose stack
"""Number of bodies of the largest size that one process may hold at a time."""
LINGER_SECONDS = 5.0
"""Time for which the rest of a rejected body is read."""

STREAMS = 32
"""Number of answers of one process that are sent piece by piece at a time; each holds some MiB."""
HEADERS = {"X-Content-Type-Options": "nosniff"}

Send = Callable[[dict[str, Any]], Awaitable[None]]


class Gateway:
    """An ASGI application that calls a WSGI application.

    Args:
        application: The Flask application. Of its ``config``, ``MAX_CONTENT_LENGTH`` bounds bodies,
            and ``IN_PROCESS`` names the processes that are executed in the web process,
            ``MAX_IN_PROCESS`` at a time.
        threads: How many requests are worked on at a time.

    Attributes:
        application: The WSGI application.
        limit: Largest body, in bytes.
        lanes: The threads.
        waits: The waits of all parked clients.
        streams: Permits for answers that are sent piece by piece.
    """

    def __init__(self, application: Any, threads: int) -> None:
        self.application: Wsgi = application
        config = application.config
        self.limit: int = config["MAX_CONTENT_LENGTH"]
        self._room = Room(self.limit * LARGE_BODIES)
        self._running: set[asyncio.Task[None]] = set()
        self.waits: set[Wait] = set()
        self.streams = asyncio.Semaphore(STREAMS)
        self.lanes = Lanes(threads, config["MAX_IN_PROCESS"], config["IN_PROCESS"])

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request.

        gunicorn cancels the call some seconds after a client has left. What has begun goes on then,
        to its end: a thread cannot be cancelled, and the place of a wait has to be given back.
        """
        task = asyncio.create_task(self._serve(scope, receive, send))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        await asyncio.shield(task)

    def stop(self) -> None:
        """End all waits now."""
        for wait in list(self.waits):
            wait.until = 0.0
            wait.wake()

    async def _serve(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        body = Body(receive, self.limit, self._room)
        request = Request(self, scope, body, send)
        try:
            await request.serve()
        except ClientLeft:
            LOGGER.debug("a client left before it was answered")
            request.abort()
        finally:
            body.close()


class Request:
    """One request on its way.

    Args:
        gateway: What all requests share.
        scope: The ASGI scope.
        body: The body, not yet read.
        send: ASGI's function.
    """

    def __init__(self, gateway: Gateway, scope: dict[str, Any], body: Body, send: Send) -> None:
        self._gateway = gateway
        self._begun = gateway.lanes.begun
        self._path = path(scope)
        self._lane = gateway.lanes.of(scope["method"], self._path)
        self._body = body
        self._send = send
        self._connection: Connection = scope[CONNECTION]
        self._environ = environ(scope, body.content)
        self._environ[ARRIVED] = self._connection.arrived
        self._environ[PARK] = self._park
        self._parked: Parked | None = None

    async def serve(self) -> None:
        """Read the request's body, call the application and send its answer."""
        try:
            answer = await self._first_answer()
        except StackError as error:
            self._connection.ends |= not self._body.is_complete
            await self._reject(error)
        else:
            if self._parked is not None:
                answer = await self._resumed(self._parked)
            await self._answer(answer)
        if not self._body.is_complete:
            await self._body.discard(LINGER_SECONDS)

    def abort(self) -> None:
        """Close the connection without an answer, or within one."""
        self._connection.abort()

    async def _first_answer(self) -> Answer:
        """Call the application for a new request.

        Raises:
            StackError: The request is not worked on: its body is too slow, or the server too busy.
        """
        if self._connection.is_extra and self._path not in PROBES:
            raise TooBusy("The server has too many connections; try again later")
        length = self._environ.get("CONTENT_LENGTH", "0")
        if not length.isdecimal() or int(length) <= self._gateway.limit:  # or Flask rejects it
            await self._body.read()
        self._connection.ends |= not self._body.is_complete
        call = partial(Answer, self._gateway.application, dict(self._environ))
        return await self._lane.begin(call, self._connection.left)

    def _park(self, parked: Parked) -> None:
        self._parked = parked

    async def _resumed(self, parked: Parked) -> Answer:
        """Wait for what a parked client waits for, and call the application again."""
        self._body.close()
        self._gateway.waits.add(parked.wait)
        try:
            with parked.wait:
                if not await self._over(parked):
                    await self._abandon(parked)
                    raise ClientLeft
                resumed = {**self._environ, RESUMED: parked}
                return await self._begun.run(partial(Answer, self._gateway.application, resumed))
        finally:
            self._gateway.waits.discard(parked.wait)

    async def _over(self, parked: Parked) -> bool:
        """Wait without a thread; returns false if the client leaves first."""
        loop, woken = asyncio.get_running_loop(), asyncio.Event()
        left = asyncio.ensure_future(self._connection.left.wait())
        parked.wait.wake_by(partial(loop.call_soon_threadsafe, woken.set))
        try:
            while not left.done():
                woken.clear()  # before looking: what ends after the look sets it again
                if await self._begun.run(parked.wait.look):
                    return True
                changed = asyncio.ensure_future(woken.wait())
                remaining = max(0.0, parked.wait.until - time.monotonic())
                either = (left, changed)
                await asyncio.wait(either, timeout=remaining, return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
            return False
        finally:
            left.cancel()

    async def _abandon(self, parked: Parked) -> None:
        try:
            await self._begun.run(parked.abandon)
        except Exception:
            LOGGER.exception("the job of a client that left cannot be cancelled")

    async def _answer(self, answer: Answer) -> None:
        """Send an answer; one in pieces needs a permit, since it holds memory until it is sent."""
        if answer.is_whole:
            await self._send(_start(answer.status, answer.headers))
            await self._send_part(answer.part, is_last=True)
            return
        try:
            if self._gateway.streams.locked():
                self._connection.ends = True
                await self._reject(
                    TooBusy("The server is sending too many large responses; try again later")
                )
                return
            async with self._gateway.streams:
                await self._stream(answer)
        finally:
            if not answer.is_whole:
                await self._begun.run(answer.close)

    async def _stream(self, answer: Answer) -> None:
        await self._send(_start(answer.status, answer.headers))
        await self._send_part(answer.part, is_last=False)
        while not answer.is_whole:
            if self._connection.transport.is_closing():
                raise ClientLeft
            await self._begun.run(answer.advance)
            await self._send_part(answer.part, is_last=answer.is_whole)

    async def _send_part(self, part: bytes, *, is_last: bool) -> None:
        """Send a part in slices, each of which the client has to take in time."""
        last = max(0, len(part) - 1) // SLICE_BYTES * SLICE_BYTES
        for first in range(0, last + 1, SLICE_BYTES):
            message = {
                "type": "http.response.body",
                "body": part[first : first + SLICE_BYTES],
                "more_body": not is_last or first < last,
            }
            try:
                async with asyncio.timeout(SEND_SECONDS):
                    await self._send(message)
            except TimeoutError:
                raise ClientLeft from None

    async def _reject(self, error: StackError) -> None:
        """Send a problem document."""
        text, status, headers = problem(error)
        content = text.encode()
        fields = {**headers, **HEADERS, "Content-Length": str(len(content))}
        await self._send(_start(status, list(fields.items())))
        await self._send_part(content, is_last=True)


def _start(status: int, headers: Headers) -> dict[str, Any]:
    encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    return {"type": "http.response.start", "status": int(status), "headers": encoded}
