"""Flows of processes without a deployment, run by Prefect's engine in this process."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from prefect import flow

from pygeoapi_prefect.engine import in_process, runs
from support.prefect_api import use_prefect
from support.stack import RunningStack

# Prefect leaves a socket of its client to the garbage collector where a flow has failed.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@flow(name="in-process-plain", retries=1)
def plain(fail: int = 0) -> int:
    """Fails as often as it is told to end the interpreter."""
    if fail:
        raise SystemExit(3)
    return 1


@flow(name="in-process-async")
async def asynchronous(fail: int = 0) -> int:
    """The same, as a coroutine."""
    if fail:
        raise ValueError("no")
    return 1


@pytest.fixture
def prefect(stack: RunningStack) -> Iterator[None]:
    with use_prefect(stack.prefect_api_url):
        yield


def ended(one: Any, fail: int) -> runs.Run:
    created = in_process.create(
        one,
        name="here",
        parameters={"fail": fail},
        tags=["here"],
        labels={"a": "b"},
        idempotency_key=str(uuid.uuid4()),
    )
    in_process.run(one, created, {"fail": fail})
    run = runs.read(str(created.id))
    runs.delete(run.id)
    return run


@pytest.mark.parametrize("one", [plain, asynchronous], ids=["def", "async def"])
def test_it_runs_to_its_end_and_is_recorded(prefect: None, one: Any) -> None:
    run = ended(one, 0)
    assert run.state_type == "COMPLETED"
    assert (run.name, run.tags, run.labels["a"]) == ("here", ("here",), "b")
    assert run.parameters == {"fail": 0}
    assert run.retries == (one.retries or 0)


def test_an_error_of_a_coroutine_is_in_its_run(prefect: None) -> None:
    run = ended(asynchronous, 1)
    assert run.state_type == "FAILED"
    assert "ValueError: no" in run.state_message


def test_a_flow_that_ends_the_interpreter_ends_only_its_run(prefect: None) -> None:
    assert ended(plain, 1).is_final
