"""Events wake us: nothing here polls within the time of a test, so only an event explains it."""

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from pygeoapi_prefect.engine import events, runs, waiter
from pygeoapi_prefect.engine.internals.events import run_id as run_of
from pygeoapi_prefect.engine.states import FINAL
from pygeoapi_prefect.jobs.callback_urls import TAG
from pygeoapi_prefect.jobs.callbacks import CHANGES
from support.polling import wait_for
from support.stack import RunningStack
from support.workers import Pool, Worker

NEVER = 3600.0
SOON = 20.0
WHY = "polls take over, which is slow (engine/internals/events.py)"


@pytest.fixture(autouse=True)
def api(stack: RunningStack) -> Iterator[None]:
    with temporary_settings({PREFECT_API_URL: stack.prefect_api_url}):
        yield


@pytest.fixture(scope="module")
def pool(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Pool:
    return Pool.make(stack.prefect, tmp_path_factory.mktemp("pool"))


@contextmanager
def listening(start: Callable[[], Any]) -> Iterator[None]:
    """Run a listener in an event loop of its own, until the end of the block."""
    loop = asyncio.new_event_loop()

    async def main() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await start()

    task = loop.create_task(main())
    thread = threading.Thread(target=loop.run_until_complete, args=(task,))
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(30)
        loop.close()


def make_run(stack: RunningStack, state: str, *tags: str) -> str:
    flow = stack.prefect.post("/flows/", json={"name": "contract"}).json()["id"]
    body = {"flow_id": flow, "name": f"r-{uuid4().hex[:8]}", "tags": tags, "state": {"type": state}}
    return str(stack.prefect.post("/flow_runs/", json=body).raise_for_status().json()["id"])


def set_state(stack: RunningStack, run_id: str, **state: Any) -> None:
    body = {"state": state, "force": True}
    stack.prefect.post(f"/flow_runs/{run_id}/set_state", json=body).raise_for_status()


@pytest.mark.parametrize(
    "end",
    [*({"type": state} for state in sorted(FINAL)), {"type": "FAILED", "name": "TimedOut"}],
    ids=lambda end: end.get("name") or end["type"],
)
def test_the_end_of_a_run_is_an_event_that_is_chosen(
    stack: RunningStack, end: dict[str, str]
) -> None:
    seen: list[str] = []
    connected = threading.Event()

    def start() -> Any:
        return events.subscribe(
            waiter.FINAL_STATES,
            lambda event: seen.append(event.resource.id),
            on_connected=connected.set,
        )

    run_id = make_run(stack, "RUNNING")
    with listening(start):
        assert connected.wait(SOON), "no connection to Prefect's events"
        set_state(stack, run_id, **end)
        wait_for(
            lambda: f"prefect.flow-run.{run_id}" in seen,
            SOON,
            f"Prefect's event of a run that ends as {end} is not the one that is chosen: {WHY}",
        )


def test_a_wait_for_a_run_is_woken_by_an_event(
    stack: RunningStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiter, "POLL_SECONDS", NEVER)
    monkeypatch.setattr(waiter.Waiter, "_start", lambda self: setattr(self, "_pid", os.getpid()))
    shared = waiter.Waiter(places=1)
    connected, ended = threading.Event(), threading.Event()
    reads: list[str] = []

    def read(run: str) -> runs.Run:
        reads.append(run)
        reply = stack.prefect.get(f"/flow_runs/{run}").raise_for_status()
        return runs.Run.from_json(reply.json())

    monkeypatch.setattr(runs, "read", read)
    created = read(make_run(stack, "RUNNING"))
    reads.clear()
    wait = shared.take(time.monotonic() + NEVER)
    wait.begin(created)

    def start() -> Any:
        return events.subscribe(
            waiter.FINAL_STATES,
            lambda event: shared.wake([run_of(event)]),
            on_connected=connected.set,
        )

    def block() -> None:
        with wait:
            wait.block()
        if wait.run is not None and wait.run.is_final:
            ended.set()

    with listening(start):
        assert connected.wait(SOON), "no connection to Prefect's events"
        thread = threading.Thread(target=block, daemon=True)
        thread.start()
        wait_for(lambda: reads, SOON, "the first reading")
        set_state(stack, created.id, type="COMPLETED")
        assert ended.wait(SOON), f"nothing woke the thread that waits: {WHY}"
        thread.join(SOON)


def test_a_change_of_a_job_with_callbacks_is_an_event_that_is_chosen(stack: RunningStack) -> None:
    seen: list[tuple[str, str]] = []
    connected = threading.Event()

    def start() -> Any:
        return events.subscribe(
            CHANGES,
            lambda event: seen.append((event.event, event.resource.id)),
            on_connected=connected.set,
        )

    with listening(start):
        assert connected.wait(SOON), "no connection to Prefect's events"
        run_id = make_run(stack, "PENDING", TAG)
        set_state(stack, run_id, type="RUNNING")
        set_state(stack, run_id, type="COMPLETED")
        for state in ("Running", "Completed"):
            wanted = (f"prefect.flow-run.{state}", f"prefect.flow-run.{run_id}")
            told = f"no event {state} of a run with a tag: callbacks are late; {WHY}"
            wait_for(lambda wanted=wanted: wanted in seen, SOON, told)  # type: ignore[misc]


def test_a_worker_hears_of_runs_of_its_pool(stack: RunningStack, pool: Pool) -> None:
    pool_id = stack.prefect.get(f"/work_pools/{pool.name}").json()["id"]
    scheduled: list[Sequence[str]] = []
    cancelled: list[str] = []

    def start() -> Any:
        return events.follow_pool(
            pool_id,
            on_scheduled=scheduled.append,
            on_cancelled=cancelled.append,
        )

    with listening(start):
        wait_for(lambda: scheduled, SOON, "the nudge of a new connection")
        before = len(scheduled)
        run_id = pool.submit("ok", tags=["share:00"])
        wait_for(
            lambda: len(scheduled) > before,
            SOON,
            f"Prefect's event of a scheduled run is not the one that is chosen: {WHY}",
        )
        assert "share:00" in scheduled[-1], f"the tags of a run are not in its event: {WHY}"
        running = pool.submit("ok")
        set_state(stack, running, type="RUNNING")
        for run in (run_id, running):  # one is Cancelled at once, the other is Cancelling
            pool.cancel(run)
            wait_for(
                lambda run=run: run in cancelled,  # type: ignore[misc]
                SOON,
                f"Prefect's event of a cancelled run is not the one that is chosen: {WHY}",
            )


def test_a_worker_whose_polls_never_come_starts_a_run(stack: RunningStack, pool: Pool) -> None:
    worker = Worker(
        pool, stack.prefect_api_url, env={"PREFECT_WORKER_QUERY_SECONDS": str(int(NEVER))}
    ).wait_until_ready()
    try:
        pool.wait(pool.submit("ok"), timeout=SOON)  # the first may be found by the first poll
        wait_for(lambda: "Completed after" in worker.text(), SOON, "the end of the first")
        run = pool.wait(pool.submit("ok"), timeout=SOON)
        assert run["state_type"] == "COMPLETED", f"{run['state']}: {WHY}"
    finally:
        worker.stop()
