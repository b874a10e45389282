"""The body of a request, read completely before a thread works on the request."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from pygeoapi_prefect.errors import InvalidJobParameterError, StackError, TooBusy

GRACE_SECONDS = 20.0
LOWEST_RATE = 8 * 1024
"""Bytes a second that a client has to keep up, after the time of grace."""
IN_MEMORY = 64 * 1024
"""A longer body is kept in a temporary file, in bytes."""
FEW_PIECES = 1000
SMALLEST_PIECE = 64
"""Average bytes of a piece, if there are more than a few: each costs as much as a large one."""
YIELD_PIECES = 64

Receive = Callable[[], Awaitable[dict[str, Any]]]


class BodyTooSlow(StackError):
    """The body of a request did not arrive in time."""

    status = HTTPStatus.REQUEST_TIMEOUT
    title = "The request took too long"


class Room:
    """The bytes of bodies that a web process holds at a time, beyond those in memory.

    Args:
        size: Their largest number.
    """

    def __init__(self, size: int) -> None:
        self._free = size

    def take(self, size: int) -> None:
        """Count bytes that are held.

        Raises:
            TooBusy: There is no room for them.
        """
        if size > self._free:
            raise TooBusy("The server is receiving too many large requests; try again later")
        self._free -= size

    def give_back(self, size: int) -> None:
        """Count bytes that are no longer held."""
        self._free += size


class Body:
    """Reads the body of one request.

    Args:
        receive: ASGI's function.
        limit: Most bytes that are read.
        room: Where the bytes of large bodies are counted.

    Attributes:
        content: The body, to be read from its beginning.
        is_complete: True if all of it has been read.
    """

    def __init__(self, receive: Receive, limit: int, room: Room) -> None:
        self._receive = receive
        self._limit = limit
        self._room = room
        self._size = 0
        self._taken = 0
        self.content: IO[bytes] = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - see close
        self.is_complete = False

    async def read(self) -> None:
        """Read to the end, or to the limit.

        Raises:
            BodyTooSlow: It does not arrive in time.
            InvalidJobParameterError: The connection ended before the body did, or it comes in
                many tiny pieces.
            TooBusy: Too many bytes of other requests are held, or the disk is full.
        """
        try:
            await self._read_in_time()
            self.content.seek(0)
        except TimeoutError as error:
            raise BodyTooSlow("The request body arrived too slowly") from error
        except OSError as error:
            raise TooBusy("The server has no space for large requests; try again later") from error

    async def discard(self, seconds: float) -> None:
        """Read the rest and forget it, so that a client that still sends can read the answer."""
        with suppress(TimeoutError, StackError):
            async with asyncio.timeout(seconds):
                while not self.is_complete:
                    await self._piece()

    def close(self) -> None:
        """Forget the body; more than once does no harm."""
        with suppress(OSError):  # a full disk: closing writes what is still in memory
            self.content.close()
        self._room.give_back(self._taken)
        self._taken = 0

    async def _read_in_time(self) -> None:
        pieces, loop = 0, asyncio.get_running_loop()
        due = loop.time() + GRACE_SECONDS
        async with asyncio.timeout_at(due) as deadline:
            while not self.is_complete and self._size < self._limit:
                piece = (await self._piece())[: self._limit - self._size]
                self._keep(piece)
                pieces += 1
                if pieces > FEW_PIECES and self._size < pieces * SMALLEST_PIECE:
                    raise InvalidJobParameterError(
                        f"The chunks of the body are too small; send at least {SMALLEST_PIECE} "
                        "bytes in each, on average"
                    )
                if pieces % YIELD_PIECES == 0:
                    await asyncio.sleep(0)
                # Who was fast has no more time for the rest.
                due = min(due + len(piece) / LOWEST_RATE, loop.time() + GRACE_SECONDS)
                if due > (deadline.when() or 0) + 1:
                    deadline.reschedule(due)

    def _keep(self, piece: bytes) -> None:
        self._size += len(piece)
        wanted = max(0, self._size - IN_MEMORY) - self._taken
        if wanted > 0:
            self._room.take(wanted)
            self._taken += wanted
        self.content.write(piece)

    async def _piece(self) -> bytes:
        message = await self._receive()
        if message["type"] != "http.request":
            raise InvalidJobParameterError("The body could not be read completely")
        self.is_complete = not message.get("more_body", False)
        piece: bytes = message.get("body", b"")
        return piece
