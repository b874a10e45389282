"""Stores the outputs of a flow."""

import os
from collections.abc import Buffer, Iterable, Iterator
from pathlib import Path
from typing import Protocol, runtime_checkable

from prefect.filesystems import LocalFileSystem, RemoteFileSystem

from pygeoapi_prefect.models.json_check import JsonCheck, NotJson
from pygeoapi_prefect.models.media_types import is_json_type
from pygeoapi_prefect.models.processes import ExecuteRequest, OutputExecutionResultInternal
from pygeoapi_prefect.storage import Store, load_block, store_of

PIECE_BYTES = 1024 * 1024


@runtime_checkable
class Readable(Protocol):
    """A binary stream, such as an open file."""

    def read(self, size: int, /) -> Buffer: ...


Content = Buffer | os.PathLike[str] | Readable | Iterable[Buffer]
"""An output: bytes, the path of a file, a binary stream, or pieces of bytes."""


def result_storage(block_name: str | None) -> LocalFileSystem | RemoteFileSystem:
    """Load the block for a job's outputs, in ``def`` and in ``async def`` flows alike.

    Args:
        block_name: ``<block type slug>/<block name>``, as the flow's ``result_storage_block``. None
            means Prefect's own folder on this machine (setting ``PREFECT_LOCAL_STORAGE_PATH``).

    Raises:
        ValueError: The block does not exist, or does not store files.
    """
    return load_block(block_name)


def write_output(
    storage: LocalFileSystem | RemoteFileSystem,
    job_id: str,
    file_name: str,
    content: Content,
    media_type: str,
) -> OutputExecutionResultInternal:
    """Store one output unchanged in the job's folder, atomically.

    It is written in pieces: to a folder under a temporary name and then renamed, to S3 as a
    multipart upload. JSON is validated while it is written, so that a results document can insert
    it without reading it again.

    Args:
        storage: The block, from ``result_storage``.
        job_id: Identifier of the job.
        file_name: Name of the file; it becomes part of the output's location.
        content: Bytes (anything with a buffer), the path of a file as ``pathlib.Path``, a binary
            stream, or an iterable of bytes. A ``str`` is rejected: it could be a path or text.
        media_type: Media type of the bytes.

    Returns:
        The value for the output in the flow's ``generated_outputs``.

    Raises:
        TypeError: The content is text or of an unsupported type; nothing is stored.
        StorageFull: The store has no space left; no partial output is left.
        StorageUnavailable: The store cannot be reached or denies access; no partial output is left.
    """
    return store_output(store_of(storage), f"{job_id}/{file_name}", content, media_type)


def store_output(
    store: Store, path: str, content: Content, media_type: str
) -> OutputExecutionResultInternal:
    """Store an output like ``write_output``, in an open store."""
    watch = _Watch(JsonCheck() if is_json_type(media_type) else None)
    location = store.write_stream(path, watch.over(pieces(content)))
    return OutputExecutionResultInternal(
        location=location, media_type=media_type, json_bytes=watch.json_bytes
    )


class _Watch:
    """Looks at what is written.

    Attributes:
        json_bytes: How many bytes there were, if they are JSON.
    """

    def __init__(self, check: JsonCheck | None) -> None:
        self._check = check
        self.json_bytes: int | None = None

    def over(self, content: Iterator[memoryview]) -> Iterator[memoryview]:
        size = 0
        for piece in content:
            size += len(piece)
            self._take(piece)
            yield piece
        self._take(None)
        if self._check is not None:
            self.json_bytes = size

    def _take(self, piece: memoryview | None) -> None:
        if self._check is None:
            return
        try:
            self._check.end() if piece is None else self._check.feed(piece)
        except NotJson:
            self._check = None


def pieces(content: Content) -> Iterator[memoryview]:
    """Yield content in pieces of at most 1 MiB; raises ``TypeError`` for an unsupported type."""
    if isinstance(content, str):
        raise TypeError(
            "an output must not be a str: encode text to bytes, or pass the path of a file as a "
            "pathlib.Path"
        )
    if isinstance(content, Buffer):
        return _slices(content)
    if isinstance(content, os.PathLike):
        return _of_file(content)
    if isinstance(content, Readable):
        return _of_stream(content)
    if isinstance(content, Iterable):
        return (piece for part in content for piece in _slices(part))
    raise TypeError(
        "an output must be bytes, a path, a binary stream or an iterable of bytes, not "
        f"{type(content).__qualname__}"
    )


def _slices(content: object) -> Iterator[memoryview]:
    if not isinstance(content, Buffer):
        raise TypeError(f"each piece of an output must be bytes, not {type(content).__qualname__}")
    view = memoryview(content).cast("B")
    for start in range(0, len(view), PIECE_BYTES):
        yield view[start : start + PIECE_BYTES]


def _of_file(path: os.PathLike[str]) -> Iterator[memoryview]:
    with Path(path).open("rb") as file:
        yield from _of_stream(file)


def _of_stream(stream: Readable) -> Iterator[memoryview]:
    while piece := stream.read(PIECE_BYTES):
        yield from _slices(piece)


def is_requested(request: ExecuteRequest, output_id: str) -> bool:
    """Return true if an output is requested; a request that names none requests all."""
    return not request.outputs or output_id in request.outputs
