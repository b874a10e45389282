"""Callbacks: a subscriber is notified when the status of its job changes (class *Callback*).

A job that owes a callback has a tag until all is told; every web process looks for such jobs when
an event says that one has changed, and now and then. Each attempt to tell is a flow run of its own,
which Prefect's UI shows, but not a job. It is created by whoever makes the attempt, and its
idempotency key lets only one process create it. An attempt that failed, or that nobody has ended
within ``LEASE_SECONDS`` because its process died, is followed by the next. So a status is told once
however many web processes there are, and at least once if one of them dies.
"""

import json
import logging
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pygeoapi_prefect import outgoing
from pygeoapi_prefect.access.principal import SYSTEM
from pygeoapi_prefect.engine import events, runs
from pygeoapi_prefect.engine.internals.events import of_tag
from pygeoapi_prefect.engine.states import FINAL
from pygeoapi_prefect.errors import EngineUnavailable, JobNotFoundError, StackError
from pygeoapi_prefect.jobs import callback_urls, status
from pygeoapi_prefect.jobs.queries import Queries
from pygeoapi_prefect.results import links

LOGGER = logging.getLogger(__name__)
FLOW = "pygeoapi-callback"
RETRY_SECONDS = (2, 10, 60, 300, 1800, 3600)  # between an attempt and the next
ATTEMPT_TAG = "pygeoapi-callback-attempt"
ATTEMPTS = len(RETRY_SECONDS) + 1
LEASE_SECONDS = 60.0  # longer than an attempt may take
POLL_SECONDS = 30.0  # the safety net, should an event get lost
SHORTEST_PAUSE = 0.1
THREADS = 4
CLAIMANT = "claimant"

CHANGES = of_tag(callback_urls.TAG)
OWED: dict[str, Any] = {
    "tags": {"all_": [status.TAG, callback_urls.TAG]},
    "state": {"type": {"any_": ["RUNNING", *sorted(FINAL)]}},
}


@dataclass(frozen=True)
class Callback:
    """One status of one job, and the URL to notify.

    Attributes:
        run_id: The job's flow run; a repeated ``Idempotency-Key`` gives a new job the identifier of
            one that was deleted.
        url: Where to; None if nobody wants to know.
    """

    job_id: str
    run_id: str
    status: str
    url: str | None

    @property
    def event_id(self) -> str:
        """The same for all attempts: by it a subscriber recognises a repetition."""
        return f"{self.job_id}:{self.run_id}:{self.status}"

    def attempt(self, number: int) -> str:
        """Name of an attempt's flow run, and its idempotency key."""
        return f"pygeoapi_callback_{self.job_id}_{self.run_id}_{self.status}_{number}"


def next_attempt(made: list[runs.Run], now: datetime) -> tuple[int, timedelta] | None:
    """The number of the next attempt, from 0, and the delay before it.

    Args:
        made: The attempts so far, in their order.
        now: The time from which to wait.

    Returns:
        None if nothing is left to do: it was told, or it was tried often enough.
    """
    if not made:
        return 0, timedelta()
    last, number = made[-1], len(made)
    if last.state_type == "COMPLETED" or (last.is_final and number >= ATTEMPTS):
        return None
    if last.is_final:
        due = (last.end or last.created) + timedelta(seconds=RETRY_SECONDS[number - 1])
    else:
        due = last.created + timedelta(seconds=LEASE_SECONDS)
        if number >= ATTEMPTS and due <= now:
            return None
    return number, max(due - now, timedelta())


class Callbacks:
    """Tells subscribers, in threads of this web process.

    Args:
        jobs: The jobs, for their status and results.
        public_url: Root of all links.
        max_bytes: Largest results document; a larger one has references in the place of values.
    """

    def __init__(self, jobs: Queries, public_url: str, max_bytes: int) -> None:
        self._jobs = jobs
        self._root = public_url
        self._max_bytes = max_bytes
        self._changed = threading.Event()
        self._lock = threading.Lock()
        self._at_work: set[str] = set()
        self._settled: set[str] = set()
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="callback")
        self._flow: str | None = None

    def start(self) -> None:
        """Start in this process, and send outstanding callbacks."""
        threading.Thread(target=self._listen, name="callback-events", daemon=True).start()
        threading.Thread(target=self._keep_looking, name="callbacks", daemon=True).start()

    def _listen(self) -> None:
        events.listen(CHANGES, lambda _: self._changed.set())

    def _keep_looking(self) -> None:
        while True:
            pause = POLL_SECONDS
            try:
                pause = self._look()
            except StackError as error:
                LOGGER.warning("callbacks are postponed: %s", error)
            except Exception:
                LOGGER.exception("callbacks are postponed")
            self._changed.wait(pause)
            self._changed.clear()

    def _look(self) -> float:
        """Make all attempts that are due; seconds until there may be another one."""
        soonest = POLL_SECONDS
        now = datetime.now(UTC)
        owed = list(runs.iterate(OWED))
        jobs = {status.job_id(run) for run in owed}
        with self._lock:
            self._settled = {one for one in self._settled if one.partition(":")[0] in jobs}
        for run in owed:
            try:
                soonest = min(soonest, self._see_to(run, now))
            except EngineUnavailable:
                raise
            except StackError as error:  # of this job alone; no attempt is used up
                LOGGER.warning("job %s: its callback is postponed: %s", status.job_id(run), error)
            except Exception:  # an unusual job must not stop the callbacks of the others
                LOGGER.exception("job %s: its callback is postponed", status.job_id(run))
        return max(soonest, SHORTEST_PAUSE)

    def _see_to(self, run: runs.Run, now: datetime) -> float:
        """Make the attempt that is due for a job; seconds until there may be another one."""
        callback = self._callback(run)
        if callback is None:
            return POLL_SECONDS
        following = next_attempt(self._made(callback), now)
        if following is None or callback.url is None:
            self._settle(run, callback)
            return POLL_SECONDS
        if not following[1]:
            self._submit(run, callback, following[0])
            return POLL_SECONDS
        return following[1].total_seconds()

    def _callback(self, run: runs.Run) -> Callback | None:
        """Callback due for a run's status; None if it was sent or is being sent."""
        state = status.status(run)
        if state == "successful":
            # Read again: one that was removed meanwhile, with its record, is not a failed one.
            try:
                state = self._jobs.verified_status(status.job_id(run), SYSTEM)
            except JobNotFoundError:
                return None
        if state == "dismissed" and not run.is_final:
            return None  # its end is still to come
        callback = Callback(status.job_id(run), run.id, state, callback_urls.url(run, state))
        with self._lock:
            done = callback.event_id in self._at_work or callback.event_id in self._settled
        return None if done else callback

    def _made(self, callback: Callback) -> list[runs.Run]:
        if callback.url is None:
            return []
        names = [callback.attempt(number) for number in range(ATTEMPTS)]
        made = runs.list_runs({"name": {"any_": names}}, limit=ATTEMPTS, offset=0)
        return sorted(made, key=lambda run: names.index(run.name))

    def _settle(self, run: runs.Run, callback: Callback) -> None:
        """Nothing is left to tell of this status; after the last one, of this job."""
        if run.is_final:
            runs.set_tags(run.id, [tag for tag in run.tags if tag != callback_urls.TAG])
        else:
            with self._lock:
                self._settled.add(callback.event_id)

    def _submit(self, run: runs.Run, callback: Callback, number: int) -> None:
        with self._lock:
            self._at_work.add(callback.event_id)
        self._pool.submit(self._attempt, run, callback, number)

    def _attempt(self, run: runs.Run, callback: Callback, number: int) -> None:
        try:
            claimed = self._claim(callback, number)
            if claimed is not None and self._tell(callback, number, claimed):
                self._settle(run, callback)
        except StackError as error:
            LOGGER.warning("job %s: its callback is postponed: %s", callback.job_id, error)
            time.sleep(SHORTEST_PAUSE)
        except Exception:
            LOGGER.exception("job %s: its callback is postponed", callback.job_id)
            time.sleep(SHORTEST_PAUSE)
        finally:
            with self._lock:
                self._at_work.discard(callback.event_id)
            self._changed.set()

    def _claim(self, callback: Callback, number: int) -> runs.Run | None:
        """The attempt's flow run, if it is this process that has created it."""
        if self._flow is None:
            self._flow = runs.flow_id(FLOW)
        token, name = uuid.uuid4().hex, callback.attempt(number)
        shown = {"job_id": callback.job_id, "status": callback.status, CLAIMANT: token}
        run = runs.start(
            self._flow,
            name=name,
            parameters=shown,
            tags=[ATTEMPT_TAG],
            labels={},
            idempotency_key=name,
        )
        return run if run.parameters.get(CLAIMANT) == token else None

    def _tell(self, callback: Callback, number: int, attempt: runs.Run) -> bool:
        """Make an attempt; returns true if no other one follows."""
        assert callback.url is not None
        try:
            size, content = self._content(callback)
            headers = {
                "Content-Type": links.JSON,
                "Content-Length": str(size),
                "Event-Id": callback.event_id,
            }
            outgoing.post(callback.url, content, headers)
        except StackError as error:
            is_last = number + 1 >= ATTEMPTS
            what = "giving up" if is_last else "retrying later"
            LOGGER.warning("job %s: callback failed, %s: %s", callback.job_id, what, error)
            runs.set_state(attempt.id, "FAILED", str(error))
            return is_last
        runs.set_state(attempt.id, "COMPLETED", f"{callback.url} was notified: {callback.status}")
        LOGGER.info("job %s: subscriber was notified: %s", callback.job_id, callback.status)
        return True

    def _content(self, callback: Callback) -> tuple[int, bytes | Iterator[bytes]]:
        """Size and pieces of the body: results of a successful job, else its statusInfo."""
        if callback.status == "successful":
            return self._document(callback.job_id)
        info = self._jobs.get(callback.job_id, SYSTEM)
        content = json.dumps({**info, "links": links.job_links(self._root, info)}).encode()
        return len(content), content

    def _document(self, job_id: str) -> tuple[int, bytes | Iterator[bytes]]:
        """The results document, read once only for its length, and never kept in memory."""
        size = 0
        for piece in _pieces(self._jobs.document(job_id, SYSTEM).body):
            size += len(piece)
            if size > self._max_bytes:
                LOGGER.info(
                    "job %s: its callback contains references, because the results are too large",
                    job_id,
                )
                document = self._jobs.document(job_id, SYSTEM, only_references=True)
                content = b"".join(_pieces(document.body))
                return len(content), content
        return size, self._jobs.document(job_id, SYSTEM).body


def _pieces(body: bytes | Iterator[bytes]) -> Iterator[bytes]:
    return iter([body]) if isinstance(body, bytes) else body
