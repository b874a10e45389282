"""The record of a job, stored while its flow still runs.

Prefect stores a flow's result after the flow, and where that fails it only logs a warning: the run
is completed, with half a file or none. So the record is stored from within the flow's function,
whole or not at all, and what goes wrong is the flow's error. Prefect then finds it stored.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

from prefect.client.schemas.objects import State
from prefect.filesystems import LocalFileSystem, NullFileSystem, RemoteFileSystem
from prefect.results import get_result_store, should_persist_result
from prefect.states import Completed

from pygeoapi_prefect.models.processes import JobStatusInfoInternal
from pygeoapi_prefect.storage import has_no_space, store_of


def recorded(function: Callable[..., Any]) -> Callable[..., Any]:
    """A flow's function, of either kind, that stores the record which it returns.

    It raises ``StorageFull`` or ``StorageUnavailable`` where that fails; ``StorageFull`` too where
    the function failed because the result store has no space left.
    """
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def wrapped(*args: Any, **kwargs: Any) -> Any:
            try:
                return keep(await function(*args, **kwargs))
            except OSError as error:
                _explain(error)
                raise

        return wrapped

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return keep(function(*args, **kwargs))
        except OSError as error:
            _explain(error)
            raise

    return wrapper


def keep(result: Any) -> Any:
    """Store a record as Prefect would; the state that says where it is. Anything else as it is."""
    store = get_result_store()
    target = store.result_storage
    if (
        not isinstance(result, JobStatusInfoInternal)
        or not should_persist_result()
        or not isinstance(target, LocalFileSystem | RemoteFileSystem)
        # Prefect gives a flow one that keeps nothing: then the result is stored without metadata.
        or not isinstance(store.metadata_storage, NullFileSystem)
    ):
        return result
    record = store.create_result_record(result)
    store_of(target).write(record.metadata.storage_key or "", record.serialize_result())
    record.mark_persisted()
    state: State[Any] = Completed(data=record)
    return state


def _explain(error: OSError) -> None:
    """Raise ``StorageFull`` if it is the result store that has no space left, not another disk."""
    target = get_result_store().result_storage
    if has_no_space(error) and isinstance(target, LocalFileSystem | RemoteFileSystem):
        store_of(target).check_writable()
