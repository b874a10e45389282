"""Paths of the results of a job's flow and tasks in the result block.

Results of one job are kept below its folder and deleted with it: those without a cache policy, or
with a policy that includes the run, such as Prefect's default. Results that jobs share through a
cache policy are kept below ``SHARED``, and expire. Prefect would put all at the root of the block.

The folder travels in the flow's result store, which Prefect copies to its subflows and tasks, also
to those that run in other processes: there its unpickling imports this module, which installs
itself.
"""

import functools
import uuid
from collections.abc import Callable
from typing import Any

from prefect import Flow
from prefect.cache_policies import CachePolicy, CompoundCachePolicy, RunId
from prefect.context import FlowRunContext
from prefect.locking.filesystem import FileSystemLockManager

from pygeoapi_prefect.engine.internals.task_keys import (
    BaseTaskRunEngine,
    Replacement,
    ResultStore,
    install,
)
from pygeoapi_prefect.storage import identifier_of

SHARED = "shared-task-results"
"""Folder of results that a cache policy shares among jobs."""
OWN = "task-results"
"""Folder, in that of a job, of results that are the job's alone."""
BLOCK_LABEL = "pygeoapi.result_block"
"""Label of a run whose flow has a ``result_storage`` of its own, which may hold task results."""
_ATTRIBUTE = "_pygeoapi_results_of"


def keep_with_job[F: Flow[..., Any]](flow: F, job_id: str) -> F:
    """Let the results of a flow and its tasks belong to a job.

    Args:
        flow: The flow; it is changed, so it is to be a copy for this job.
        job_id: Identifier of the job.

    Returns:
        The flow.
    """
    setattr(flow, _ATTRIBUTE, job_id)
    return flow


def own_block(flow: Flow[..., Any]) -> str | None:
    """The block that a flow itself keeps results in: its slug, or its identifier in Prefect."""
    block = flow.result_storage
    if block is None or isinstance(block, str):
        return block
    identifier = identifier_of(block)
    return str(identifier) if identifier else None


def new_key(folder: str) -> str:
    """A key that no other result has, in a folder."""
    return f"{folder}/{uuid.uuid4().hex}"


def is_of_one_run(policy: object) -> bool:
    """Return true if the keys of a cache policy belong to one run of a flow."""
    if isinstance(policy, CompoundCachePolicy):
        return any(is_of_one_run(part) for part in policy.policies)
    return isinstance(policy, RunId)


def _update_for_flow(
    original: Callable[..., ResultStore], store: ResultStore, flow: Flow[..., Any], **how: Any
) -> ResultStore:
    updated = original(store, flow, **how)
    job_id = getattr(flow, _ATTRIBUTE, None)
    if job_id is None:
        return updated  # a subflow has what its parent had, and what is no job has nothing
    return updated.model_copy(
        update={"storage_key_fn": functools.partial(new_key, f"{job_id}/{OWN}")}
    )


def _compute_transaction_key(
    original: Callable[..., str | None], engine: BaseTaskRunEngine[..., Any]
) -> str | None:
    """Prefect's key of a task's result, in the folder that it belongs to."""
    key, task, context = original(engine), engine.task, FlowRunContext.get()
    make = context.result_store.storage_key_fn if context is not None else None
    if key is None or task.result_storage is not None:
        return key  # Prefect makes a new one; a storage of its own is the author's to tidy
    if not isinstance(make, functools.partial) or make.func is not new_key:
        return key  # no job
    folder = str(make.args[0]) if is_of_one_run(task.cache_policy) else SHARED
    policy = task.cache_policy
    locks = policy.lock_manager if isinstance(policy, CachePolicy) else None
    if isinstance(locks, FileSystemLockManager):  # its files are named after keys
        (locks.lock_files_directory / folder).mkdir(parents=True, exist_ok=True)
    return f"{folder}/{key}"


REPLACED: tuple[Replacement, ...] = (
    (ResultStore, "update_for_flow", _update_for_flow),
    (BaseTaskRunEngine, "compute_transaction_key", _compute_transaction_key),
)
"""Class, its method, replacement; a test makes sure that Prefect still has them and calls them."""

install(REPLACED)
