"""A drained pool: nothing is claimed, what runs is waited for, an operator's own pause stays."""

import logging
from collections.abc import Iterator

import pytest

from pygeoapi_prefect.bootstrap import draining
from pygeoapi_prefect.engine import pools
from pygeoapi_prefect.errors import EngineUnavailable
from support.prefect_api import use_prefect
from support.stack import RunningStack, free_port
from support.workers import Pool, Worker


@pytest.fixture(scope="module")
def pool(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    with use_prefect(stack.prefect_api_url):
        yield Pool.make(stack.prefect, tmp_path_factory.mktemp("pool"))


def shown(pool: Pool) -> tuple[bool, str | None]:
    found = pool.api.get(f"/work_pools/{pool.name}").raise_for_status().json()
    return found["is_paused"], found["description"]


def test_what_runs_is_waited_for_and_the_rest_waits(
    stack: RunningStack, pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, draining.__name__)
    worker = Worker(pool, stack.prefect_api_url).wait_until_ready()
    try:
        running = pool.submit("sleep")
        pool.wait_for_note(running)
        assert not draining.drain(pool.name, 0)
        name = pool.run(running)["name"]
        assert f"After 0 s, 1 running: {name}" in caplog.text
        waiting = pool.submit("ok")
        pool.cancel(running)
        assert draining.drain(pool.name)
        assert pool.run(running)["state_type"] == "CANCELLED"
        assert pool.run(waiting)["state_type"] == "SCHEDULED"
        draining.resume(pool.name)
        assert pool.wait(waiting)["state_type"] == "COMPLETED"
    finally:
        worker.stop()


def test_the_description_of_the_pool_stays(pool: Pool) -> None:
    pool.api.patch(f"/work_pools/{pool.name}", json={"description": "Ours"}).raise_for_status()
    pools.pause(pool.name)
    pools.pause(pool.name)
    assert shown(pool) == (True, f"Ours {pools.DRAIN_MARK}")
    assert pools.resume(pool.name)
    assert not pools.resume(pool.name)
    assert shown(pool) == (False, "Ours")


def test_a_pool_that_an_operator_has_paused_stays_paused(pool: Pool) -> None:
    pool.api.patch(f"/work_pools/{pool.name}", json={"is_paused": True}).raise_for_status()
    try:
        assert draining.drain(pool.name)
        draining.resume(pool.name)
        assert shown(pool)[0]
    finally:
        pool.api.patch(f"/work_pools/{pool.name}", json={"is_paused": False}).raise_for_status()


def test_a_pool_that_does_not_exist_yet_is_no_error(pool: Pool) -> None:
    assert draining.drain("trial-none")
    draining.resume("trial-none")


def test_without_prefect_it_ends_at_once() -> None:
    with use_prefect(f"http://127.0.0.1:{free_port()}/api"):
        with pytest.raises(EngineUnavailable):
            draining.drain("trial-none")
        with pytest.raises(EngineUnavailable):
            draining.resume("trial-none")
