"""Wakes up the threads that wait for the end of a flow run.

One thread of a web process subscribes to the state events of all runs, whatever their number. An
event only says "look again": it may come before the state can be read, or never (a removed run).
"""

import logging
import os
import threading
import time

from prefect.exceptions import ObjectNotFound

from pygeoapi_prefect.engine import events, runs
from pygeoapi_prefect.engine.client import check
from pygeoapi_prefect.engine.internals.events import reaching
from pygeoapi_prefect.engine.states import FINAL
from pygeoapi_prefect.errors import EngineUnavailable

LOGGER = logging.getLogger(__name__)
POLL_SECONDS = 2.0  # the safety net, should an event get lost
SETTLE_SECONDS = (0.0, 0.02, 0.05, 0.1)  # an event can precede the state by a few milliseconds
FINAL_STATES = reaching(FINAL)


class Waiter:
    """Waits for runs; one instance serves all threads of a process, and survives a fork."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: dict[str, threading.Event] = {}
        self._pid: int | None = None

    def listen(self) -> None:
        """Start receiving events in this process, once; call it before a run is created."""
        with self._lock:
            if self._pid != os.getpid():
                self._pid = os.getpid()
                self._events = {}
                threading.Thread(target=self._listen, name="prefect-events", daemon=True).start()

    def wait(self, created: runs.Run, timeout: float) -> runs.Run | None:
        """Block until a run has ended, or for ``timeout`` seconds.

        An outage of Prefect meanwhile is waited out like everything else: the run exists.

        Returns:
            The run as it was last seen; None if it was removed meanwhile.
        """
        run_id, last = created.id, created
        deadline = time.monotonic() + timeout
        event = threading.Event()
        with self._lock:
            self._events[run_id] = event
        try:
            woken = False
            while True:
                event.clear()  # before reading: what ends after the reading sets it again
                try:
                    run = self._read(run_id, settle=woken)
                    if run is None:
                        return None
                    last = run
                except EngineUnavailable:
                    LOGGER.warning("run %s: Prefect cannot be reached; still waiting", run_id)
                remaining = deadline - time.monotonic()
                if last.is_final or remaining <= 0:
                    return last
                woken = event.wait(min(POLL_SECONDS, remaining))
        finally:
            with self._lock:
                self._events.pop(run_id, None)

    @staticmethod
    def _read(run_id: str, *, settle: bool) -> runs.Run | None:
        """Read the run; after an event, give its state a moment to become readable."""
        for pause in SETTLE_SECONDS if settle else (0.0,):
            time.sleep(pause)
            try:
                run = runs.read(run_id)
            except ObjectNotFound:
                check()  # what is not Prefect's answer is an outage
                return None
            if run.is_final:
                break
        return run

    def _wake(self, run_id: str) -> None:
        with self._lock:
            event = self._events.get(run_id)
        if event is not None:
            event.set()

    def _listen(self) -> None:
        events.listen(FINAL_STATES, self._wake)
