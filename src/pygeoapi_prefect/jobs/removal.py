"""Deletes the files of an ended job from the stores."""

import logging
from collections.abc import Callable
from uuid import UUID

from pygeoapi_prefect import storage
from pygeoapi_prefect.engine.internals import results
from pygeoapi_prefect.engine.runs import Run
from pygeoapi_prefect.errors import BlockNotFound, ConfigurationError, JobFailedError
from pygeoapi_prefect.jobs import records, status
from pygeoapi_prefect.process.task_results import BLOCK_LABEL

LOGGER = logging.getLogger(__name__)


def remove_files(run: Run, block: Callable[[], storage.Store]) -> None:
    """Remove the outputs, the task results and the record of a job.

    What is in a block that was deleted nobody can remove; such a job would stay for ever.

    Args:
        run: The ended run.
        block: Opens the store that the flow was given for its outputs.

    Raises:
        StorageUnavailable: A store cannot be reached now.
    """
    job_id = status.job_id(run)
    try:
        block().delete_folder(job_id)
    except BlockNotFound as error:
        LOGGER.warning("job %s: its outputs were not deleted: %s", job_id, error)
    if results.stored(run.state_data).block is not None:
        try:
            store, key = records.location(run)
            store.delete(key)
        except (JobFailedError, BlockNotFound, ValueError) as error:
            LOGGER.warning("job %s: its record was not deleted: %s", job_id, error)
    named = run.labels.get(BLOCK_LABEL)
    if isinstance(named, str):
        try:
            _open(named).delete_folder(job_id)
        except (ConfigurationError, ValueError) as error:
            LOGGER.warning("job %s: its task results were not deleted: %s", job_id, error)


def _open(block: str) -> storage.Store:
    """The current block: one that was created again would keep the files forever."""
    storage.forget(block)
    return storage.open_store(block) if "/" in block else storage.open_store_by_id(UUID(block))
