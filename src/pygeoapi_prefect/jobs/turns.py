"""Large requests take turns: reading one occupies a processor for up to two seconds.

Python reads one at a time in a process anyway; side by side they would only take the memory of all
of them, and the time of everybody else.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pygeoapi_prefect.errors import TooBusy

LARGE = 256 * 1024
"""Bytes from which on a body waits for its turn; a smaller one is read in some milliseconds."""
SECONDS = 30.0
WAITING = 8
"""Largest number that wait: each holds a thread of the web process, which has 16 by default."""


class Turns:
    """A turn for one large request at a time.

    Args:
        seconds: Longest wait for it.
        waiting: How many may wait at the same time.
    """

    def __init__(self, seconds: float = SECONDS, waiting: int = WAITING) -> None:
        self._seconds = seconds
        self._free = threading.Lock()
        self._places = threading.BoundedSemaphore(waiting + 1)
        self._mine = threading.local()

    @contextmanager
    def taken(self, size: int) -> Iterator[None]:
        """Wait for the turn of a body of so many bytes, and keep it; a small one needs none.

        Raises:
            TooBusy: Too many wait, or the turn does not come in time.
        """
        if size < LARGE or self._is_mine:
            yield
            return
        if not self._places.acquire(blocking=False):
            raise TooBusy("Too many large requests are being processed; try again later")
        try:
            self._take()
            yield
        finally:
            self._give_back()
            self._places.release()

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Leave the turn to others while this thread waits for something else, also in vain.

        Raises:
            TooBusy: It does not come back in time.
        """
        if not self._is_mine:
            yield
            return
        self._give_back()
        try:
            yield
        finally:
            self._take()

    @property
    def _is_mine(self) -> bool:
        return bool(getattr(self._mine, "turn", False))

    def _take(self) -> None:
        if not self._free.acquire(timeout=self._seconds):
            raise TooBusy(
                f"The server was busy with other large requests for {self._seconds:g} s; "
                "try again later"
            )
        self._mine.turn = True

    def _give_back(self) -> None:
        if self._is_mine:
            self._mine.turn = False
            self._free.release()


TURNS = Turns()
"""Those of this process."""
