"""Runs that Prefect may have created although nobody got its answer.

Their clients were told that there is no job. Prefect may still create the run: it goes on with a
request whose client has left, and its database may commit what it did not confirm in time. So the
runs are looked for, all in one request, until none can come any more. Only this process knows
of them: if it ends before, such a run is executed. A client that sends an ``Idempotency-Key`` is
safe from this, since its repetition finds the run.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from prefect.exceptions import ObjectNotFound

from pygeoapi_prefect.engine import runs
from pygeoapi_prefect.engine.routes import PAGE
from pygeoapi_prefect.errors import EngineUnavailable
from pygeoapi_prefect.jobs import status
from pygeoapi_prefect.jobs.retry_queue import in_background

LOGGER = logging.getLogger(__name__)
LOOK_SECONDS = 2.0
DEAD_SECONDS = 180.0
"""Time after which a request that reached Prefect cannot create a run any more.

It counts from when Prefect answers again: until then the request may lie in a buffer. Prefect 3.9
waits up to 30 s for a connection of its pool (``sqlalchemy.pool_timeout``), 5 s to open one
(``connection_timeout``) and 10 s for each statement (``database.timeout``), and needs about a dozen
statements for a run: 155 s. The client's own 10 s (``engine.client.TIMEOUT``) have passed before.
"""
MOST = 2_000
"""Largest number that is looked for at a time: ten requests each two seconds."""


@dataclass(eq=False)
class _Lost:
    job_id: str
    found: Callable[[runs.Run], None]
    absent: Callable[[], None]
    until: float


class Unanswered:
    """The runs that a web process looks for.

    Args:
        clock: Returns seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._lost: list[_Lost] = []
        self._is_looking = False

    def watch(
        self, job_id: str, found: Callable[[runs.Run], None], absent: Callable[[], None]
    ) -> None:
        """Look for the run of a job.

        Args:
            job_id: Identifier of the job.
            found: Called once with the run, and again if it raises ``EngineUnavailable``.
            absent: Called instead if there is no run, and none can come any more.
        """
        with self._lock:
            if len(self._lost) >= MOST:
                LOGGER.error(
                    "job %s: its run is not looked for, because too many are; it may be executed",
                    job_id,
                )
                return
            self._lost.append(_Lost(job_id, found, absent, self._clock() + DEAD_SECONDS))
            is_first, self._is_looking = not self._is_looking, True
        if is_first:
            in_background(self._keep_looking)

    def look(self) -> None:
        """Look for all runs once.

        Raises:
            EngineUnavailable: Prefect cannot be reached. So requests may still be on their way.
        """
        with self._lock:
            lost = list(self._lost)
        now = self._clock()
        try:
            known = _find({one.job_id for one in lost})
            for one in lost:
                if (run := known.get(one.job_id)) is not None:
                    self._end(one, lambda one=one, run=run: one.found(run))  # type: ignore[misc]
                elif one.until <= now:
                    self._end(one, one.absent)
        except EngineUnavailable:
            with self._lock:
                for one in self._lost:
                    one.until = self._clock() + DEAD_SECONDS
            raise

    def _keep_looking(self) -> None:
        try:
            self.look()
        except EngineUnavailable:
            raise  # the queue does this again once Prefect can be reached
        except Exception:
            LOGGER.exception("the runs of unanswered requests are no longer looked for")
            with self._lock:
                self._lost.clear()
        with self._lock:
            self._is_looking = bool(self._lost)
        if self._is_looking:
            in_background(self._keep_looking, LOOK_SECONDS)

    def _end(self, lost: _Lost, action: Callable[[], None]) -> None:
        try:
            action()
        except EngineUnavailable:
            raise
        except ObjectNotFound:
            LOGGER.info("job %s: its run was deleted", lost.job_id)
        except Exception:
            LOGGER.exception("job %s: its remains cannot be removed", lost.job_id)
        with self._lock:
            self._lost.remove(lost)


def _find(job_ids: set[str]) -> dict[str, runs.Run]:
    """The runs of these jobs, as far as they exist."""
    names = sorted(status.run_name(job_id) for job_id in job_ids)
    found: dict[str, runs.Run] = {}
    for first in range(0, len(names), PAGE):
        wanted = {"name": {"any_": names[first : first + PAGE]}}
        page = runs.list_runs(wanted, limit=PAGE, offset=0)
        found.update({status.job_id(run): run for run in page})
    return found
