"""Stores the outputs of a flow."""

from pathlib import Path

from prefect.blocks.core import Block
from prefect.filesystems import LocalFileSystem, RemoteFileSystem
from prefect.settings import PREFECT_LOCAL_STORAGE_PATH

from pygeoapi_prefect.models.processes import ExecuteRequest, OutputExecutionResultInternal


def result_storage(block_name: str | None) -> LocalFileSystem | RemoteFileSystem:
    """The block that a job's outputs go to.

    Args:
        block_name: ``<block type slug>/<block name>``, as the flow's ``result_storage_block``. None
            means Prefect's own folder on this machine (setting ``PREFECT_LOCAL_STORAGE_PATH``).

    Raises:
        ValueError: There is no such block, or it is not one that stores files.
    """
    if block_name is None:
        return LocalFileSystem(basepath=str(Path(PREFECT_LOCAL_STORAGE_PATH.value()).absolute()))
    block = Block.load(block_name)
    if not isinstance(block, LocalFileSystem | RemoteFileSystem):
        raise ValueError(f"the block {block_name} does not store files")
    return block


def write_output(
    storage: LocalFileSystem | RemoteFileSystem,
    job_id: str,
    file_name: str,
    content: bytes,
    media_type: str,
) -> OutputExecutionResultInternal:
    """Store one output, as it is, in the job's folder.

    Args:
        storage: The block, from ``result_storage``.
        job_id: Identifier of the job.
        file_name: Name of the file; it becomes part of the output's location.
        content: The bytes.
        media_type: Media type of the bytes.

    Returns:
        What the flow returns for the output, in ``generated_outputs``.
    """
    path = f"{job_id}/{file_name}"
    storage.write_path(path, content)
    return OutputExecutionResultInternal(
        location=f"{storage.basepath}/{path}", media_type=media_type
    )


def is_requested(request: ExecuteRequest, output_id: str) -> bool:
    """Return true if an output is requested; a request that names none requests all."""
    return not request.outputs or output_id in request.outputs
