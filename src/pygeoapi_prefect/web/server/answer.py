"""The answer of a WSGI application, piece by piece."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

PIECE_BYTES = 64 * 1024
"""About so many bytes of an answer are made at a time."""
PIECE_SECONDS = 0.05
"""Longest time for one part: a slow stream is sent piece by piece."""

Headers = list[tuple[str, str]]
Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


class Answer:
    """Calls an application; all methods are for a thread, one after the other.

    Attributes:
        status: HTTP status.
        headers: Header fields, in order.
        part: The part of the body that was made last.
        is_whole: True if there is no further part.
    """

    def __init__(self, application: Wsgi, environ: dict[str, Any]) -> None:
        self.status = 500
        self.headers: Headers = []
        self.part = b""
        self.is_whole = False
        self._written: list[bytes] = []
        self._iterable = application(environ, self._start)
        self._pieces: Iterator[bytes] = iter(self._iterable)
        try:
            self.advance()
        except BaseException:
            self.close()
            raise

    def advance(self) -> None:
        """Make the next part of the body."""
        parts, self._written = self._written, []
        size, end = sum(map(len, parts)), time.monotonic() + PIECE_SECONDS
        while size < PIECE_BYTES and time.monotonic() < end:
            piece = next(self._pieces, None)
            if piece is None:
                self.is_whole = True
                self.close()
                break
            parts.append(piece)
            size += len(piece)
        self.part = b"".join(parts)

    def close(self) -> None:
        """Let the application clean up; more than once does no harm."""
        close = getattr(self._iterable, "close", None)
        self._iterable = ()
        if close is not None:
            close()

    def _start(
        self, status: str, headers: Headers, _error: object = None
    ) -> Callable[[bytes], object]:
        self.status, self.headers = int(status.split(" ", 1)[0]), headers
        return self._written.append
