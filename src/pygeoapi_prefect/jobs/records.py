"""Reads the record of a flow as plain JSON from the result block; never unpickles.

``state.result()`` would trust the serializer that the state names, and import classes by name.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from pygeoapi_prefect import storage
from pygeoapi_prefect.config import describe
from pygeoapi_prefect.engine import runs
from pygeoapi_prefect.engine.internals import results
from pygeoapi_prefect.engine.runs import Run
from pygeoapi_prefect.errors import (
    BlockNotFound,
    ConfigurationError,
    JobFailedError,
    OutputNotFound,
    StorageUnavailable,
)
from pygeoapi_prefect.jobs import run_parameters, status
from pygeoapi_prefect.models.processes import JobStatusInfoInternal
from pygeoapi_prefect.process import failures
from pygeoapi_prefect.process.contract import RECORD, invalid_result, verify

LOGGER = logging.getLogger(__name__)
INLINE = "pygeoapi_record"
"""Member of the state's data that holds the record of a run that Prefect did not execute."""


class RecordMissing(JobFailedError):
    """The store is there, but the record of the job is not."""


def read(run: Run) -> JobStatusInfoInternal:
    """The record of a completed run.

    Raises:
        JobFailedError: The flow kept no record or another one than it must, or tells of a failure.
        StorageUnavailable: The block cannot be reached at the moment.
    """
    if isinstance(run.state_data, Mapping) and INLINE in run.state_data:
        return _validated(run.state_data[INLINE], run)
    store, key = location(run)
    try:
        document = json.loads(store.read(key))
    except OutputNotFound:
        raise RecordMissing("The results of the job no longer exist in the result store") from None
    except (ValueError, RecursionError) as error:
        raise JobFailedError(
            invalid_result("its record is incomplete, or was written by another program")
        ) from error
    record = results.fields_of(document)
    if not isinstance(record, dict):
        raise JobFailedError(invalid_result(f"{_kind(document)} instead of {RECORD}"))
    return _validated(record, run)


def required(run: Run) -> JobStatusInfoInternal:
    """Read the record of a completed run; one that breaks the contract makes the run failed.

    Raises:
        JobFailedError: As ``read``; Prefect knows of it from now on.
        StorageUnavailable: The block cannot be reached at the moment.
    """
    try:
        return read(run)
    except RecordMissing:
        raise  # the store may be put back: nothing of this is remembered
    except JobFailedError as error:
        LOGGER.error("job %s: %s", status.job_id(run), error)
        data, message = _failed(run, error), failures.message(error)
        runs.set_state(run.id, "FAILED", message, data=data, force=True)
        raise


def verified(run: Run) -> Run:
    """Return a run that is failed if its flow broke its contract, for us and in Prefect.

    Raises:
        StorageUnavailable: The block cannot be reached at the moment.
    """
    if run.state_type != "COMPLETED":
        return run
    try:
        required(run)
    except JobFailedError as error:
        data = _failed(run, JobFailedError(str(error)))
        return replace(run, state_type="FAILED", state_data=data)
    return run


def shown(run: Run) -> Run:
    """Return a verified run; while its record cannot be read, Prefect's view of it."""
    try:
        return verified(run)
    except (StorageUnavailable, ConfigurationError) as error:
        LOGGER.warning("job %s: its record could not be checked: %s", status.job_id(run), error)
        return run


def _failed(run: Run, error: JobFailedError) -> dict[str, Any]:
    """The data of a run's state, which say where its record is, with its failure."""
    stored = run.state_data if isinstance(run.state_data, Mapping) else {}
    return {**stored, **failures.as_data(error)}


def _validated(record: object, run: Run) -> JobStatusInfoInternal:
    try:
        validated = JobStatusInfoInternal.model_validate(record)
    except ValidationError as error:
        raise JobFailedError(
            invalid_result(f"it is not {RECORD} ({describe(error, 'result')})")
        ) from error
    verify(validated, run.parameters)
    return validated


def location(run: Run) -> tuple[storage.Store, str]:
    """The store and the path of a run's record.

    Raises:
        JobFailedError: The run persisted nothing, or with another serializer than JSON.
    """
    stored = results.stored(run.state_data)
    if stored.key is None:
        raise JobFailedError(
            "The results of the job were not stored: the flow does not persist its result, "
            "or the result store rejected it; report the job to the operator"
        )
    if stored.serializer != results.JSON:
        kind = stored.serializer
        raise JobFailedError(invalid_result(f"its record is serialized as {kind}, not as JSON"))
    try:
        block = UUID(stored.block)
    except (TypeError, ValueError):
        raise JobFailedError(invalid_result("its record is not in a storage block")) from None
    return _store(run, block), stored.key


def _store(run: Run, block_id: UUID) -> storage.Store:
    try:
        return storage.open_store_by_id(block_id)
    except BlockNotFound:  # one that was made again has the same name and another identifier
        slug = run_parameters.result_block(run)
        if slug is None:
            raise
        return storage.open_store(slug)


def _kind(document: Any) -> str:
    if (cls := results.class_of(document)) is not None:
        return f"an instance of {cls}"
    return "None" if document is None else f"a JSON {type(document).__name__}"
