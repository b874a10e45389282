"""The log of one run: accepts lines at once, and sends them in small batches from a thread.

Prefect's server needs about half a millisecond for each line, and does nothing else in that time.
So batches are small, and after each one the sender pauses for as long as the batch took. A job that
logs faster is blocked once the buffer is full: no line is lost, memory is bounded, and Prefect can
serve other requests.
"""

import atexit
import contextvars
import logging
import os
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

from prefect.settings import PREFECT_LOGGING_TO_API_ENABLED, PREFECT_LOGGING_TO_API_MAX_LOG_SIZE

from pygeoapi_prefect.engine.log.delivery import Delivery
from pygeoapi_prefect.engine.log.lines import Line, Maker
from pygeoapi_prefect.environment import LogSettings

LOGGER = logging.getLogger(__name__)
FLUSH_SECONDS = 1.0
BATCH_LINES = 100
BATCH_BYTES = 256 << 10
BUFFER_BYTES = 4 << 20
LINE_BYTES = 256  # memory for a line in addition to its text
PATIENCE_SECONDS = 60.0
CLOSING_PATIENCE_SECONDS = 15.0
MIB = 1 << 20
OWN_NAME = "pygeoapi_prefect.log"


@dataclass(frozen=True)
class Limits:
    """Limits on the log of a run; each process that works on the run has its own count.

    Attributes:
        lines: Number of lines.
        bytes: Size of these lines as they are sent, as JSON.
    """

    lines: int
    bytes: int

    @classmethod
    def from_environment(cls) -> Self:
        """Read the limits from the environment."""
        settings = LogSettings.from_env()
        return cls(settings.max_lines, settings.max_mb * MIB)


class RunLog:
    """The log of a run.

    Args:
        run_id: Returns the identifier of the flow run; called when the first lines are sent.
        limits: Limits on lines and bytes.
    """

    def __init__(self, run_id: Callable[[], str], limits: Limits | None = None) -> None:
        self._limits = limits or Limits.from_environment()
        self._is_on = bool(PREFECT_LOGGING_TO_API_ENABLED.value())
        self._maker = Maker(PREFECT_LOGGING_TO_API_MAX_LOG_SIZE.value())
        self._delivery = Delivery(run_id, self._patience)
        self._changed = threading.Condition()
        self._lines: deque[Line] = deque()
        self._buffered = 0
        self._taken = self._taken_bytes = self._left_out = 0
        self._closed_at: float | None = None
        self._thread: threading.Thread | None = None
        self._has_given_up = False
        self._pid = os.getpid()
        self._context = contextvars.copy_context()  # Prefect keeps its settings there
        self._deadline = float("inf")
        _open.add(self)

    def add(self, message: str, **fields: Any) -> None:
        """Add a line; blocks while the buffer is full.

        Args:
            message: The text.
            fields: See ``Maker.make``.
        """
        if os.getpid() != self._pid:  # a fork of the process has no sender
            _complain(message)
            return
        if not self._is_on or threading.current_thread() is self._thread:
            return
        with self._changed:
            if self._closed_at is not None or self._is_full():
                return
            line = self._maker.make(message, **fields)
            self._taken += 1
            self._taken_bytes += len(line.body)
            self._append(line)
            while self._buffered > BUFFER_BYTES and self._closed_at is None:
                self._changed.wait()

    def close(self, within: float = float("inf"), *, wait: bool = True) -> None:
        """Accept no more lines, and send the buffered ones.

        Args:
            within: Seconds; lines that are not sent by then are lost, and counted in the log.
            wait: Return only when they are sent or lost.
        """
        if os.getpid() != self._pid:
            return
        with self._changed:
            if self._closed_at is None:
                self._closed_at = time.monotonic()
                if self._left_out:
                    self._say(f"{self._left_out} more lines are omitted from this log")
            self._deadline = min(self._deadline, time.monotonic() + within)
            self._changed.notify_all()
        if self._thread is None:
            _open.discard(self)
        elif wait:
            self._thread.join(None if within == float("inf") else within + 1)

    def _is_full(self) -> bool:
        """Return true if the limits are reached; the first time, the log says so."""
        limits = self._limits
        if self._taken < limits.lines and self._taken_bytes < limits.bytes:
            return False
        if not self._left_out:
            self._say(
                f"This log has reached its limit of {limits.lines} lines or "
                f"{limits.bytes // MIB} MiB: further lines are omitted"
            )
        self._left_out += 1
        return True

    def _say(self, message: str) -> None:
        self._append(self._maker.make(message, level=logging.WARNING, name=OWN_NAME))

    def _append(self, line: Line) -> None:
        self._lines.append(line)
        self._buffered += len(line.body) + LINE_BYTES
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._context.run, args=(self._send,), name="run-log", daemon=True
            )
            self._thread.start()
        elif len(self._lines) in (1, BATCH_LINES):
            self._changed.notify_all()

    def _patience(self) -> float:
        patience = PATIENCE_SECONDS if self._closed_at is None else CLOSING_PATIENCE_SECONDS
        return min(patience, self._deadline - time.monotonic())

    # -- The sender's thread -------------------------------------------------------------------

    def _send(self) -> None:
        lost = 0
        while batch := self._next():
            began = time.monotonic()
            missing = self._deliver(batch)
            if lost and not missing and not self._deliver([self._loss(lost)]):
                lost = 0
            lost += missing
            self._rest(time.monotonic() - began)
        if lost and self._deliver([self._loss(lost)], last=True):
            _complain(f"{lost} lines of a run's log were lost: Prefect did not accept them")
        _open.discard(self)

    def _next(self) -> list[Line]:
        """Wait for the next batch; an empty batch means the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._lines or self._closed_at is not None)
            self._changed.wait_for(self._is_due, FLUSH_SECONDS)
            return self._take()

    def _is_due(self) -> bool:
        return self._closed_at is not None or len(self._lines) >= BATCH_LINES

    def _take(self) -> list[Line]:
        batch: list[Line] = []
        size = 0
        while self._lines and len(batch) < BATCH_LINES and size < BATCH_BYTES:
            line = self._lines.popleft()
            batch.append(line)
            size += len(line.body) + LINE_BYTES
        self._buffered -= size
        self._changed.notify_all()
        return batch

    def _deliver(self, batch: list[Line], *, last: bool = False) -> int:
        """Send a batch; returns the number of lost lines."""
        if self._has_given_up or (time.monotonic() > self._deadline and not last):
            return len(batch)
        try:
            return self._delivery.send(batch)
        except Exception:
            LOGGER.exception("lines of a run's log could not be sent")
            return len(batch)
        finally:
            self._has_given_up = self._closed_at is not None and self._delivery.is_down

    def _loss(self, lost: int) -> Line:
        with self._changed:
            message = f"{lost} lines of this log were lost: Prefect did not accept them"
            return self._maker.make(message, level=logging.WARNING, name=OWN_NAME)

    def _rest(self, seconds: float) -> None:
        """Pause if a full batch is already waiting, so that Prefect can serve others."""
        with self._changed:
            if len(self._lines) >= BATCH_LINES:
                self._changed.wait_for(lambda: time.monotonic() > self._deadline, seconds)


def _complain(message: str) -> None:
    """Write a message that the log of the run cannot contain to this process's own output."""
    if sys.__stderr__ is not None:
        with suppress(OSError, ValueError):
            sys.__stderr__.write(f"{message}\n")


_open: "weakref.WeakSet[RunLog]" = weakref.WeakSet()


@atexit.register
def close_all() -> None:
    """Send the remaining lines when the interpreter exits."""
    for log in list(_open):
        log.close(CLOSING_PATIENCE_SECONDS)
