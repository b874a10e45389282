"""Stores the result of the running flow as Prefect would, but from within the flow.

Needed because Prefect stores it after the flow, and only logs a warning if that fails. The records
of its ``ResultStore`` are documented for reading, not for creating them.
"""

from collections.abc import Callable
from typing import Any

from prefect.client.schemas.objects import State
from prefect.filesystems import LocalFileSystem, NullFileSystem, RemoteFileSystem
from prefect.results import get_result_store, should_persist_result
from prefect.states import Completed

type FileBlock = LocalFileSystem | RemoteFileSystem


def target() -> FileBlock | None:
    """The block that results of the running flow go to; None if it does not store files."""
    block = get_result_store().result_storage
    return block if isinstance(block, LocalFileSystem | RemoteFileSystem) else None


def keeps_one_file() -> bool:
    """Return true if the running flow persists its result, without metadata in a second file.

    The metadata storage that Prefect gives a flow stores nothing.
    """
    return should_persist_result() and isinstance(
        get_result_store().metadata_storage, NullFileSystem
    )


def completed(result: object, write: Callable[[str, bytes], object]) -> State[Any]:
    """Store a result and make the state with its location; Prefect does not store it again.

    Args:
        result: What the flow returns.
        write: Writes bytes under a path in the block.
    """
    record = get_result_store().create_result_record(result)
    write(record.metadata.storage_key or "", record.serialize_result())
    record.mark_persisted()
    state: State[Any] = Completed(data=record)
    return state
