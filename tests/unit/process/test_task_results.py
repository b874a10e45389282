"""Where results of tasks are kept: with their job, or shared among jobs."""

from pathlib import Path
from typing import Any, cast

import pytest
from prefect import Task
from prefect.cache_policies import (
    DEFAULT,
    FLOW_PARAMETERS,
    INPUTS,
    NO_CACHE,
    RUN_ID,
    TASK_SOURCE,
    CachePolicy,
)
from prefect.context import FlowRunContext
from prefect.filesystems import LocalFileSystem
from prefect.flows import flow
from prefect.locking.filesystem import FileSystemLockManager
from prefect.results import ResultStore

from pygeoapi_prefect.process import task_results

JOB = "6f1c0c35-7c43-4a9c-9b32-7dc1a8ff1d54"


class Engine:
    """What is asked of Prefect's engine of a task run."""

    def __init__(self, policy: CachePolicy | None, **task: Any) -> None:
        self.task = Task(lambda: None, name="t", cache_policy=cast(Any, policy), **task)


def store_of(folder: Path, *, job: str | None) -> ResultStore:
    """The result store of a flow; ``job`` is what it belongs to."""

    @flow(name="f")
    def plain() -> None:
        pass

    chosen = task_results.keep_with_job(plain, job) if job else plain
    # As Prefect's, which would ask its server for a client.
    store = ResultStore(result_storage=LocalFileSystem(basepath=str(folder)))
    return task_results._update_for_flow(lambda store, *_, **__: store, store, chosen)


def key(store: ResultStore, engine: Engine, made: str | None = "abc") -> str | None:
    """The key that Prefect would use, for the one that it computed."""
    context = cast(Any, FlowRunContext).model_construct(result_store=store)
    with context:
        return task_results._compute_transaction_key(lambda _: made, cast(Any, engine))


@pytest.mark.parametrize("policy", [DEFAULT, RUN_ID, INPUTS + RUN_ID, RUN_ID + INPUTS - "x"])
def test_fault_6_what_is_of_one_run_is_kept_with_the_job(
    tmp_path: Path, policy: CachePolicy
) -> None:
    found = key(store_of(tmp_path, job=JOB), Engine(policy))
    assert found == f"{JOB}/task-results/abc"


@pytest.mark.parametrize(
    "policy",
    [
        INPUTS,
        TASK_SOURCE,
        INPUTS + TASK_SOURCE,
        FLOW_PARAMETERS,
        CachePolicy.from_cache_key_fn(lambda *_: "x"),
    ],
)
def test_fault_6_what_jobs_share_is_below_a_folder_of_its_own(
    tmp_path: Path, policy: CachePolicy
) -> None:
    assert key(store_of(tmp_path, job=JOB), Engine(policy)) == "shared-task-results/abc"


def test_fault_6_a_key_of_the_authors_own_is_shared(tmp_path: Path) -> None:
    engine = Engine(None, result_storage_key="a/{parameters[x]}.json")
    found = key(store_of(tmp_path, job=JOB), engine, "a/1.json")
    assert found == "shared-task-results/a/1.json"


@pytest.mark.parametrize("policy", [NO_CACHE, None])
def test_fault_6_a_result_without_a_key_gets_one_of_the_job(
    tmp_path: Path, policy: CachePolicy | None
) -> None:
    store = store_of(tmp_path, job=JOB)
    assert key(store, Engine(policy), None) is None
    keys = {store.create_result_record(1).metadata.storage_key for _ in range(3)}
    assert len(keys) == 3
    assert all(str(Path(str(one)).parent).endswith(f"{JOB}/task-results") for one in keys)


def test_a_storage_of_the_authors_own_keeps_its_keys(tmp_path: Path) -> None:
    engine = Engine(INPUTS, result_storage=tmp_path)
    assert key(store_of(tmp_path, job=JOB), engine) == "abc"


def test_what_is_no_job_is_left_to_prefect(tmp_path: Path) -> None:
    store = store_of(tmp_path, job=None)
    assert key(store, Engine(INPUTS)) == "abc"
    assert len(store.storage_key_fn()) == 32
    assert task_results._compute_transaction_key(lambda _: "abc", cast(Any, Engine(INPUTS))) == (
        "abc"
    )


def test_a_lock_manager_that_names_files_after_keys_has_their_folder(tmp_path: Path) -> None:
    locks = FileSystemLockManager(tmp_path / "locks")
    found = key(store_of(tmp_path, job=JOB), Engine(INPUTS.configure(lock_manager=locks)))
    assert found is not None
    assert locks.acquire_lock(found, "me")
    locks.release_lock(found, "me")


@pytest.mark.parametrize(("cls", "name", "replacement"), task_results.REPLACED)
def test_prefect_has_what_is_replaced(cls: type, name: str, replacement: object) -> None:
    assert getattr(cls, name).__wrapped__.__qualname__.endswith(name)
