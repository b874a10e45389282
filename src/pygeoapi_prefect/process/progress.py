"""Reports the progress of a running job from inside its flow.

It is kept in labels of the flow run: one cheap request, no event and no new state (a state change
costs more and is recorded for ever). The web process reads them as ``progress`` and ``message`` of
the job. A thread sends the newest report of each run, once a second at most.
"""

import atexit
import contextvars
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from prefect.context import FlowRunContext
from prefect.exceptions import ObjectNotFound
from prefect.runtime import flow_run

from pygeoapi_prefect.engine import routes
from pygeoapi_prefect.engine.client import send
from pygeoapi_prefect.errors import EngineUnavailable
from pygeoapi_prefect.models.message import clean

PROGRESS_LABEL = "pygeoapi.progress"
MESSAGE_LABEL = "pygeoapi.message"
ATTEMPT_LABEL = "pygeoapi.attempt"
"""Number of the attempt that reported; reports of earlier attempts do not count."""
MAX_MESSAGE = 200
SECONDS_BETWEEN = 1.0
OUTAGE_PAUSE_SECONDS = 2.0
FINISH_SECONDS = 5.0

type Labels = dict[str, bool | int | float | str]

_logger = logging.getLogger(__name__)


def report_progress(percent: float, message: str | None = None) -> None:
    """Tell how far the current job is; call it as often as you like.

    The newest report is passed on, a second late at most. Outside a flow run nothing happens. A
    report that cannot be delivered is logged and forgotten: it never fails the flow.

    Args:
        percent: What is done, 0 to 100; shown as a whole number (``progress`` of statusInfo.yaml).
        message: A line for people, cut at 200 characters; None leaves the last one of this attempt.
            The last one stays when the job has succeeded.
    """
    try:
        _report(percent, message)
    except Exception:  # the flow's own work matters more than the report of it
        _logger.warning("progress could not be reported", exc_info=True)


def _report(percent: float, message: str | None) -> None:
    run_id = flow_run.get_id()
    if run_id is None:
        _logger.debug("not in a flow run: %s %% %s", percent, message or "")
        return
    labels: Labels = {PROGRESS_LABEL: int(min(max(percent, 0), 100))}
    if message is not None:
        labels[MESSAGE_LABEL] = clean(message, MAX_MESSAGE)
    context = FlowRunContext.get()
    attempt = context.flow_run.run_count if context and context.flow_run else None
    _sender.put(UUID(run_id), attempt, labels)


@contextmanager
def delivered(run_id: str | None = None) -> Iterator[None]:
    """Around one attempt of a flow: its last report is with Prefect before its end is.

    Args:
        run_id: The flow run; the current one by default.
    """
    try:
        yield
    finally:
        if (run := run_id or flow_run.get_id()) is not None:
            _sender.finish(UUID(run))


class _Sender:
    """Sends the newest report of each run, in a thread that ends when nothing is left to send."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: dict[UUID, Labels] = {}
        self._sending: UUID | None = None
        self._sent: dict[UUID, float] = {}
        self._attempts: dict[UUID, int] = {}
        self._urgent: set[UUID] = set()
        self._is_running = False

    def put(self, run: UUID, attempt: int | None, labels: Labels) -> None:
        """Take a report; in a thread without Prefect's context the attempt is not known."""
        with self._changed:
            number = attempt or self._attempts.get(run)
            if number is not None:
                if self._attempts.get(run) != number:
                    self._waiting.pop(run, None)
                    labels = {MESSAGE_LABEL: "", **labels}  # there may be another attempt's
                self._attempts[run] = labels[ATTEMPT_LABEL] = number
            self._waiting[run] = {**self._waiting.get(run, {}), **labels}
            if not self._is_running:
                self._is_running = True
                context = contextvars.copy_context()  # Prefect keeps its settings there
                thread = threading.Thread(
                    target=context.run, args=(self._run,), name="progress", daemon=True
                )
                thread.start()

    def finish(self, run: UUID) -> None:
        """Send the pending report of a run now; returns when it is sent, or after some seconds."""
        with self._changed:
            self._urgent.add(run)
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._is_busy_with(run), FINISH_SECONDS)
            self._urgent.discard(run)
            self._attempts.pop(run, None)

    def finish_all(self) -> None:
        """Send pending reports when the interpreter exits."""
        for run in list(self._waiting):
            self.finish(run)

    def _is_busy_with(self, run: UUID) -> bool:
        return self._is_running and (run in self._waiting or run == self._sending)

    # -- The thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        while (due := self._next()) is not None:
            run, labels = due
            pause = 0.0
            try:
                send(routes.update_labels(str(run), labels))
            except EngineUnavailable:
                pause = OUTAGE_PAUSE_SECONDS
            except ObjectNotFound:
                _logger.debug("run %s is gone, and its progress with it", run)
            except Exception:
                _logger.warning("progress could not be reported", exc_info=True)
            self._done(run, labels if pause else None)
            time.sleep(pause)

    def _next(self) -> tuple[UUID, Labels] | None:
        """Wait for the next due report; None if no report arrives within a second."""
        with self._changed:
            while True:
                now = time.monotonic()
                self._forget(now)
                for run in self._waiting:
                    if run in self._urgent or run not in self._sent:
                        self._sent[run] = now
                        self._sending = run
                        return run, self._waiting.pop(run)
                if not self._waiting:
                    self._is_running = False
                    return None
                oldest = min(self._sent[run] for run in self._waiting)
                self._changed.wait(max(oldest + SECONDS_BETWEEN - now, 0))

    def _forget(self, now: float) -> None:
        for run in [run for run, at in self._sent.items() if now - at >= SECONDS_BETWEEN]:
            del self._sent[run]

    def _done(self, run: UUID, again: Labels | None) -> None:
        with self._changed:
            self._sending = None
            if again is not None and run in self._urgent:
                _logger.warning("the last progress could not be reported: Prefect does not answer")
            elif again is not None:
                self._waiting[run] = {**again, **self._waiting.get(run, {})}
            self._changed.notify_all()


_sender = _Sender()


def _start_anew() -> None:
    """Reset the state in a fork, which has no thread and must not send its parent's reports."""
    global _sender
    _sender = _Sender()


os.register_at_fork(after_in_child=_start_anew)
atexit.register(lambda: _sender.finish_all())
