"""The flow of a job reports that its own code begins, neither earlier nor later."""

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
import pytest
from prefect import Flow, flow

from pygeoapi_prefect.engine.internals.running import read_states
from pygeoapi_prefect.worker.forkserver.protocol import Job
from pygeoapi_prefect.worker.job.adapted_flow import adapted
from pygeoapi_prefect.worker.job.claim import stop_if_claimed_anew
from pygeoapi_prefect.worker.job.report import Report


@pytest.fixture
def report(tmp_path: Path) -> Report:
    return Report(tmp_path)


def adapt(example: Flow[..., Any], folder: Path) -> Flow[..., Any]:
    run = {"id": "1", "name": "no job"}
    return adapted(example, Job(run, "", 0.0, {}, cache="", scratch=str(folder)))


def test_the_call_of_a_function_is_its_begin(report: Report, tmp_path: Path) -> None:
    @flow
    def example() -> bool:
        return report.has_begun()

    own = adapt(example, tmp_path)
    assert not report.has_begun()
    assert own.fn() is True


def test_a_flow_can_be_sent_to_another_process(tmp_path: Path) -> None:
    """As Prefect does for tasks in processes of their own."""

    @flow
    def example() -> str:
        return "here"

    job = Job({"id": "1", "name": "no job"}, "", 0.0, {}, cache="", scratch=str(tmp_path))
    own = adapted(example, job, before=partial(stop_if_claimed_anew, job, read_states))
    assert cloudpickle.loads(cloudpickle.dumps(own)).name == "example"


def test_so_is_that_of_an_asynchronous_function(report: Report, tmp_path: Path) -> None:
    @flow
    async def example() -> bool:
        return report.has_begun()

    own = adapt(example, tmp_path)
    assert not report.has_begun()
    assert asyncio.run(own.fn()) is True


def test_what_runs_before_or_cannot_be_wrapped_has_begun_at_once(tmp_path: Path) -> None:
    @flow
    def generator() -> Iterator[int]:
        yield 1

    @flow(on_running=[lambda *_: None])
    def hooked() -> None:
        """Its hook runs as soon as Prefect has stored Running."""

    examples: tuple[Flow[..., Any], ...] = (generator, hooked)
    for number, example in enumerate(examples):
        folder = tmp_path / str(number)
        folder.mkdir()
        adapt(example, folder)
        assert Report(folder).has_begun()
