"""The record of a job, stored while its flow still runs.

Prefect stores a flow's result after the flow, and where that fails it only logs a warning: the run
is completed, with half a file or none. So the record is stored from within the flow's function,
whole or not at all, and what goes wrong is the flow's error. Prefect then finds it stored.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pygeoapi_prefect.engine.internals import result_store
from pygeoapi_prefect.models.processes import JobStatusInfoInternal
from pygeoapi_prefect.process.wrapping import wrapped
from pygeoapi_prefect.storage import has_no_space, store_of


def recorded(function: Callable[..., Any]) -> Callable[..., Any]:
    """A flow's function, of either kind, that stores the record which it returns.

    It raises ``StorageFull`` or ``StorageUnavailable`` where that fails; ``StorageFull`` too where
    the function failed because the result store has no space left.
    """
    return wrapped(function, _explaining, keep)


def keep(result: Any) -> Any:
    """Store a record as Prefect would; the state that says where it is. Anything else as it is."""
    if not isinstance(result, JobStatusInfoInternal):
        return result
    target = result_store.target()
    if target is None or not result_store.keeps_one_file():
        return result
    return result_store.completed(result, store_of(target).write)


@contextmanager
def _explaining() -> Iterator[None]:
    """Raise ``StorageFull`` if it is the result store that has no space left, not another disk."""
    try:
        yield
    except OSError as error:
        target = result_store.target()
        if has_no_space(error) and target is not None:
            store_of(target).check_writable()
        raise
