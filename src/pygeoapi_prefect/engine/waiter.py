"""Waits for the end of flow runs without a thread, or a request to Prefect, for each of them.

Two threads of a web process serve all waits: one receives the state events of all runs, the other
asks Prefect at intervals how many of the runs that are waited for have not ended. An event or a
poll only says "look again": it may come before the state can be read, or never (a removed run).
"""

import logging
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from prefect.exceptions import ObjectNotFound

from pygeoapi_prefect.engine import events, runs
from pygeoapi_prefect.engine.client import check
from pygeoapi_prefect.engine.internals.events import reaching
from pygeoapi_prefect.engine.routes import PAGE
from pygeoapi_prefect.engine.states import FINAL
from pygeoapi_prefect.errors import EngineUnavailable, TooBusy

LOGGER = logging.getLogger(__name__)
POLL_SECONDS = 2.0  # the safety net, should an event get lost
SETTLE_SECONDS = (0.0, 0.02, 0.05, 0.1)  # an event can precede the state by a few milliseconds
FINAL_STATES = reaching(FINAL)


class Wait:
    """One wait for the end of a run; a context manager that gives its place back.

    Attributes:
        run: The run as it was last seen; None if it was removed meanwhile.
        run_id: Prefect's identifier of the run.
        until: End of the wait, in seconds of ``time.monotonic``.
    """

    def __init__(self, waiter: "Waiter", until: float) -> None:
        self.run: runs.Run | None = None
        self.run_id = ""
        self.until = until
        self._waiter = waiter
        self._woken = False
        self._wake: Callable[[], object] = lambda: None

    def begin(self, created: runs.Run) -> None:
        """Wait for this run from now on; ``look`` once afterwards, since it may have ended."""
        self.run, self.run_id = created, created.id
        self._waiter.add(self)

    def wake_by(self, wake: Callable[[], object]) -> None:
        """Name what is called, from any thread, when it is worth the while to look again."""
        self._wake = wake

    def wake(self) -> None:
        """Say that the run may have ended."""
        self._woken = True
        self._wake()

    def look(self) -> bool:
        """Read the run; returns true if the wait is over: it has ended, is gone or takes too long.

        An outage of Prefect meanwhile is waited out like everything else: the run exists.
        """
        woken, self._woken = self._woken, False
        try:
            self.run = _read(self.run_id, settle=woken)
        except EngineUnavailable:
            LOGGER.warning("run %s: Prefect cannot be reached; still waiting", self.run_id)
        return self.run is None or self.run.is_final or time.monotonic() >= self.until

    def block(self) -> None:
        """Wait in this thread, until the wait is over."""
        changed = threading.Event()
        self.wake_by(changed.set)
        while True:
            changed.clear()  # before reading: what ends after the reading sets it again
            if self.look():
                return
            changed.wait(max(0.0, self.until - time.monotonic()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the place back; more than once does no harm."""
        self._waiter.remove(self)


class Waiter:
    """The waits of a web process; one instance serves all its threads, and survives a fork.

    Args:
        places: How many may wait at a time.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._lock = threading.Lock()
        self._taken: set[Wait] = set()
        self._waits: defaultdict[str, set[Wait]] = defaultdict(set)
        self._pid: int | None = None
        self._occupied = threading.Event()

    def take(self, until: float) -> Wait:
        """Take a place for a wait; call it before the run is created, so that no event is missed.

        Args:
            until: End of the wait, in seconds of ``time.monotonic``.

        Raises:
            TooBusy: All places are taken.
        """
        wait = Wait(self, until)
        with self._lock:
            if self._pid != os.getpid():
                self._start()
            if len(self._taken) >= self._places:
                raise TooBusy(
                    f"{self._places} clients are already waiting for results, the maximum; "
                    "try again later"
                )
            self._taken.add(wait)
        return wait

    def add(self, wait: Wait) -> None:
        """Wake a wait when its run has ended."""
        with self._lock:
            self._waits[wait.run_id].add(wait)
            self._occupied.set()

    def remove(self, wait: Wait) -> None:
        """Free the place of a wait."""
        with self._lock:
            self._taken.discard(wait)
            if wait.run_id in self._waits:
                self._waits[wait.run_id].discard(wait)
                if not self._waits[wait.run_id]:
                    del self._waits[wait.run_id]
            if not self._waits:
                self._occupied.clear()

    def wake(self, run_ids: Sequence[str]) -> None:
        """Wake the waits for these runs; those that nobody waits for are ignored."""
        with self._lock:
            woken = [wait for run_id in run_ids for wait in self._waits.get(run_id, ())]
        for wait in woken:
            wait.wake()

    def poll(self) -> None:
        """Wake the waits for runs that have ended or are gone, whose events were lost.

        Usually this costs one request to Prefect, whatever the number of runs.

        Raises:
            EngineUnavailable: Prefect cannot be reached.
        """
        with self._lock:
            waited_for = list(self._waits)
        for first in range(0, len(waited_for), PAGE):
            page = waited_for[first : first + PAGE]
            active = {"id": {"any_": page}, "state": {"type": {"not_any_": sorted(FINAL)}}}
            if runs.count(active) < len(page):
                going = {run.id for run in runs.list_runs(active, limit=PAGE, offset=0)}
                self.wake([run_id for run_id in page if run_id not in going])

    def _start(self) -> None:
        """Start the threads of this process."""
        self._pid = os.getpid()
        self._taken, self._waits, self._occupied = set(), defaultdict(set), threading.Event()
        for name, target in (("prefect-events", self._listen), ("prefect-poll", self._poll)):
            threading.Thread(target=target, name=name, daemon=True).start()

    def _listen(self) -> None:
        events.listen(FINAL_STATES, lambda run_id: self.wake([run_id]))

    def _poll(self) -> None:
        while True:
            time.sleep(POLL_SECONDS)
            self._occupied.wait()
            try:
                self.poll()
            except EngineUnavailable as error:
                LOGGER.warning("%s; clients go on waiting", error)
            except Exception:
                LOGGER.exception("the runs that clients wait for cannot be polled")


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
