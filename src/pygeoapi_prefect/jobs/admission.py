"""Bounds on the jobs that wait: of the whole server, of one process, of one owner.

Prefect counts the waiting jobs, this process adds those that it has admitted since. A count is kept
for a second, and longer while it is far from its bound. So a bound is exact for one web process;
several may together exceed it by what the others admit between two counts.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

from pygeoapi_prefect.config import ManagerSettings
from pygeoapi_prefect.engine import runs
from pygeoapi_prefect.engine.shares import owner_tag
from pygeoapi_prefect.engine.states import WAITING
from pygeoapi_prefect.errors import Quota, StackError, TooBusy, TooManyJobs
from pygeoapi_prefect.jobs import status
from pygeoapi_prefect.jobs.submission import Submission

COUNT_SECONDS = 1.0
LONGEST_SECONDS = 30.0
FASTEST = 200
"""Jobs that a server admits in a second at the most; Prefect creates fewer."""
AGAIN = "try again later"
KEPT = 2000
"""Largest number of owners and processes whose counts are kept."""
Clock = Callable[[], float]


class Waiting:
    """The number of waiting jobs with certain tags, and a bound of it.

    Args:
        bound: Largest number.
        count: Counts the jobs that Prefect has.
        clock: Gives the time, in seconds.
    """

    def __init__(self, bound: int, count: Callable[[], int], clock: Clock) -> None:
        self._bound = bound
        self._count = count
        self._clock = clock
        self._lock = threading.Lock()
        self._counting = threading.Lock()
        self._counted: int | None = None
        self._until = 0.0
        self._since = 0  # admitted since the count began, or not yet created then
        self._open = 0  # admitted and not yet created

    @contextmanager
    def place(self, refusal: StackError) -> Iterator[None]:
        """Keep a place for a job while its run is created.

        Args:
            refusal: Raised if there is none.

        Raises:
            EngineUnavailable: Prefect cannot be reached.
        """
        self._refresh()
        with self._lock:
            if (self._counted or 0) + self._since >= self._bound:
                raise refusal
            self._since += 1
            self._open += 1
        try:
            yield
        except (TooBusy, TooManyJobs):
            with self._lock:
                self._since -= 1  # another bound has refused the job
            raise
        finally:
            with self._lock:
                self._open -= 1

    def _refresh(self) -> None:
        """Count anew if it is time; only the first count of all is waited for by other threads."""
        if self._clock() < self._until:
            return
        if not self._counting.acquire(blocking=self._counted is None):
            return
        try:
            if self._clock() >= self._until:
                self._recount()
        finally:
            self._counting.release()

    def _recount(self) -> None:
        with self._lock:
            before, not_created = self._since, self._open
        counted = self._count()
        with self._lock:
            self._counted = counted
            self._since += not_created - before
            room = self._bound - counted - self._since
            kept = min(max(COUNT_SECONDS, room / FASTEST), LONGEST_SECONDS)
            self._until = self._clock() + kept


class Admission:
    """Admits jobs within the bounds of the configuration; one instance serves all threads."""

    def __init__(self, settings: ManagerSettings, clock: Clock = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, ...], Waiting] = OrderedDict()

    @contextmanager
    def admitted(self, submission: Submission) -> Iterator[None]:
        """Keep a place for a job while its run is created.

        Raises:
            TooManyJobs: Too many jobs of its owner wait.
            TooBusy: Too many jobs of its process, or of the whole server, wait.
            EngineUnavailable: Prefect cannot be reached.
        """
        with ExitStack() as places:
            for bound, tags, refusal in self._bounds(submission):
                places.enter_context(self._waiting(bound, tags).place(refusal))
            yield

    def _bounds(self, submission: Submission) -> Iterator[tuple[int, Sequence[str], StackError]]:
        process, settings = submission.process, self._settings
        of_owner, of_all = settings.max_queued_per_owner, settings.max_queued
        of_process = process.deployment.max_queued if process.deployment else None
        if of_owner is not None and submission.owner:
            told = f"{of_owner} of your jobs are already waiting, the maximum for one client"
            quota = Quota("waiting jobs of one client", of_owner)
            yield of_owner, [owner_tag(submission.owner)], TooManyJobs(f"{told}; {AGAIN}", quota)
        if of_process is not None:
            told = f"{of_process} jobs of this process are already waiting, its maximum"
            quota = Quota("waiting jobs of one process", of_process)
            tags = [status.PROCESS_TAG_PREFIX + process.id]
            yield of_process, tags, TooBusy(f"{told}; {AGAIN}", quota)
        if of_all is not None:
            told = f"{of_all} jobs are already waiting, the maximum for this server; {AGAIN}"
            yield of_all, [], TooBusy(told, Quota("waiting jobs", of_all))

    def _waiting(self, bound: int, tags: Sequence[str]) -> Waiting:
        """The number of the waiting jobs with these tags; those used last are kept."""
        key = tuple(tags)
        with self._lock:
            known = self._known.get(key)
            if known is None:
                known = self._known[key] = Waiting(bound, partial(_count, tags), self._clock)
            self._known.move_to_end(key)
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
            return known


def _count(tags: Sequence[str]) -> int:
    return runs.count(
        {"tags": {"all_": [status.TAG, *tags]}, "state": {"type": {"any_": list(WAITING)}}}
    )
