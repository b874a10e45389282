"""What we override of Prefect's worker is still there, and still called."""

import inspect
from collections.abc import Iterator
from typing import Any

import pytest
from prefect.workers.base import BaseWorker
from prefect.workers.process import ProcessJobConfiguration, ProcessVariables, ProcessWorker

from pygeoapi_prefect.worker.job_variables import JobConfiguration
from pygeoapi_prefect.worker.worker import PygeoapiWorker

CALLED = {
    "_record_work_pool_snapshot": "a pool of type process is reported as a mismatch",
    "_setup_cancellation_observer": "the worker listens twice for cancellations",
    "_sync_and_initialize": "an outage of Prefect ends the worker",
    "get_and_submit_flow_runs": "Prefect's worker claims runs beside ours",
    "setup": "the fork server does not start",
    "teardown": "jobs are not handed back",
}


def overrides() -> Iterator[tuple[type, str]]:
    for cls in (PygeoapiWorker, JobConfiguration):
        for name, value in vars(cls).items():
            function = getattr(value, "__func__", value)
            if getattr(function, "__override__", False):
                yield cls, name


@pytest.mark.parametrize(
    ("cls", "name"), list(overrides()), ids=lambda value: getattr(value, "__name__", value)
)
def test_prefect_has_the_method_that_is_overridden(cls: type, name: str) -> None:
    bases = [base for base in cls.__mro__[1:] if base.__module__.startswith("prefect.")]
    found = next((base for base in bases if name in vars(base)), None)
    assert found, f"Prefect has no {name} any more, so that {cls.__name__}.{name} is never called"
    theirs = inspect.signature(getattr(found, name)).parameters
    ours = inspect.signature(getattr(cls, name)).parameters
    assert set(theirs) - set(ours) <= {"self"} or any(
        one.kind is inspect.Parameter.VAR_KEYWORD for one in ours.values()
    ), f"Prefect calls {name} with {list(theirs)}, ours takes {list(ours)}"


def test_all_overrides_are_seen() -> None:
    assert {name for _, name in overrides()} >= set(CALLED)


@pytest.mark.parametrize("name", CALLED)
def test_prefect_calls_the_method_that_is_overridden(name: str) -> None:
    source = inspect.getsource(inspect.getmodule(BaseWorker))  # type: ignore[arg-type]
    uses = source.replace(f"def {name}", "").count(f".{name}")
    assert uses, f"Prefect no longer calls {name}: {CALLED[name]}"


@pytest.mark.parametrize(
    "attribute",
    ["_work_pool", "_work_pool_name", "_work_queues", "_worker_channel", "is_setup", "name"],
)
def test_a_worker_has_the_attribute(attribute: str) -> None:
    worker: BaseWorker[Any, Any, Any] = ProcessWorker("a-pool")
    assert hasattr(worker, attribute), f"Prefect's worker has no {attribute} (worker/worker.py)"


def test_the_channel_of_a_worker_can_be_stopped() -> None:
    from prefect.workers._worker_channel import WorkPoolWorkerChannel

    why = "a worker that has ended would be made known again (worker/worker.py)"
    assert callable(getattr(WorkPoolWorkerChannel, "stop", None)), why


def test_the_template_of_the_process_worker_has_titles() -> None:
    template = ProcessWorker.get_default_base_job_template()
    why = "work pools cannot be made (engine/pools.py)"
    assert set(template) >= {"job_configuration", "variables"}, why
    variables = template["variables"]["properties"]
    assert all("title" in known for known in variables.values()), why
    assert ProcessWorker.type == "process", "the type of our pools has another name"


@pytest.mark.parametrize("name", ["env", "working_dir"])
def test_the_process_worker_knows_the_variables_that_jobs_use(name: str) -> None:
    assert name in ProcessJobConfiguration.model_fields, f"jobs lose their {name}"
    assert name in ProcessVariables.model_fields, f"jobs lose their {name}"
