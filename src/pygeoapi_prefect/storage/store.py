"""The files of one block: write, read in pieces, list, delete, sign.

A *location* is the full address of a file, ``<basepath of the block>/<path>``; a *path* is relative
to the basepath. Every function takes either and checks that it stays inside the store: Prefect's
``RemoteFileSystem`` itself does not refuse a relative ``../x``.
"""

import errno
import logging
import os
import shutil
import socket
from collections.abc import Buffer, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any, override
from urllib.parse import unquote, urlsplit
from uuid import UUID, uuid4

import fsspec

from pygeoapi_prefect.errors import OutputNotFound, StorageFull, StorageUnavailable
from pygeoapi_prefect.storage.outages import has_no_space

LOGGER = logging.getLogger(__name__)
CHUNK_BYTES = 1024 * 1024
PART_BYTES = 8 * CHUNK_BYTES  # size of one request to the store while streaming
PROBE_BYTES = 64 * 1024


class OutsideStore(ValueError):
    """A path or location outside the store."""


class Store:
    """The files of one block. Safe to share between threads.

    Attributes:
        slug: ``<block type slug>/<block name>``.
        document_id: Prefect's identifier of the block document.
        basepath: Root of all locations, without a trailing slash.
        failed: True once the store was unavailable. The next user opens such a store again,
            because its credentials or address may have been corrected.
    """

    def __init__(
        self, slug: str, document_id: UUID, basepath: str, filesystem: fsspec.AbstractFileSystem
    ) -> None:
        """Use ``open_store`` instead."""
        self.slug = slug
        self.document_id = document_id
        self.basepath = basepath.rstrip("/")
        self.failed = False
        self._fs = filesystem

    def resolve(self, path_or_location: str) -> str:
        """Return the full location of a path, or a location unchanged.

        Raises:
            OutsideStore: It has ``..`` in it, is absolute or lies outside the basepath.
        """
        path = self._relative(path_or_location)
        if not path:
            raise OutsideStore(f"{path_or_location!r} is the root of the store, not a file in it")
        return f"{self.basepath}/{path}"

    def write(self, path: str, content: bytes) -> str:
        """Write a file atomically; returns its location.

        Raises:
            OutsideStore: As ``resolve``.
            StorageFull: It has no space left.
            StorageUnavailable: The store cannot be reached or denies access.
        """
        return self.write_stream(path, [content])

    def write_stream(self, path: str, chunks: Iterable[Buffer]) -> str:
        """Write a file from pieces without holding it in memory; as ``write`` otherwise.

        If the iterator fails, no file is left behind, and its error is raised.
        """
        location = self.resolve(path)
        write = self._upload if "s3" in self._fs.protocol else self._write_beside
        write(location, chunks)
        return location

    def _upload(self, location: str, chunks: Iterable[Buffer]) -> None:
        """Write to S3 as a multipart upload, which becomes a file when it is complete."""
        with self._translated(writing=True):
            file = self._fs.open(location, "wb", block_size=PART_BYTES)
        try:
            self._fill(file, chunks)
        except BaseException:
            # Closing an fsspec file commits it, also when it is garbage collected.
            with suppress(Exception):
                file.discard()
            file.closed = True
            raise

    def _write_beside(self, location: str, chunks: Iterable[Buffer]) -> None:
        """Write to a store with folders under a temporary name, then rename the file."""
        folder = location.rpartition("/")[0]
        part = f"{folder}/.{uuid4().hex}.part"
        try:
            with self._translated(writing=True):
                self._fs.makedirs(folder, exist_ok=True)
                file = self._fs.open(part, "wb", block_size=PART_BYTES)
            try:
                self._fill(file, chunks)
            finally:
                with suppress(Exception):
                    file.close()
            with self._translated(writing=True):
                _rename(self._fs, part, location)
        except BaseException:
            with suppress(Exception):
                self._fs.rm_file(part)
            raise

    def _fill(self, file: IO[bytes], chunks: Iterable[Buffer]) -> None:
        for chunk in chunks:
            with self._translated(writing=True):
                file.write(chunk)
        with self._translated(writing=True):
            file.close()  # a full store may be noticed only now

    def check_writable(self) -> None:
        """Write a small file and remove it; raises as ``write`` does."""
        path = f".pygeoapi-writable-{socket.gethostname()}-{os.getpid()}"
        self.write(path, bytes(PROBE_BYTES))
        self.delete(path)

    def read(self, path_or_location: str) -> bytes:
        """The whole content of a file.

        Raises:
            OutputNotFound: The file does not exist.
            OutsideStore: As ``resolve``.
            StorageFull: It has no space left.
            StorageUnavailable: The store cannot be reached or denies access.
        """
        location = self.resolve(path_or_location)
        with self._translated():
            return bytes(self._fs.cat_file(location))

    def size(self, path_or_location: str) -> int:
        """Size of a file in bytes; raises as ``read``."""
        location = self.resolve(path_or_location)
        with self._translated():
            info = self._fs.info(location)
        if info["type"] != "file":
            raise OutputNotFound("the output file no longer exists in the store")
        return int(info["size"])

    def chunks(
        self, path_or_location: str, start: int = 0, length: int | None = None
    ) -> Iterator[bytes]:
        """Pieces of at most 1 MiB of a file: ``length`` bytes from ``start`` on, or to the end.

        A missing file is noticed by the call, not by the first piece; raises as ``read``.
        """
        location = self.resolve(path_or_location)
        remaining = max(self.size(location) - start, 0)
        return self._pieces(
            location, start, remaining if length is None else min(length, remaining)
        )

    def _pieces(self, location: str, start: int, remaining: int) -> Iterator[bytes]:
        with self._translated():
            file = self._fs.open(location, "rb", block_size=min(PART_BYTES, max(remaining, 1)))
        with file:
            file.seek(start)
            while remaining > 0:
                with self._translated():
                    piece = file.read(min(CHUNK_BYTES, remaining))
                if not piece:
                    raise StorageUnavailable(
                        "a file in the store was truncated while it was being read"
                    )
                remaining -= len(piece)
                yield piece

    def exists(self, path_or_location: str) -> bool:
        """Return true if the file exists; raises ``StorageUnavailable`` if that is unknown."""
        try:
            self.size(path_or_location)
        except OutputNotFound:
            return False
        return True

    def list_folders(self, path: str = "") -> list[str]:
        """Names of the folders directly in a folder, sorted; none if the folder does not exist."""
        location = self.resolve(path) if path else self.basepath
        try:
            with self._translated():
                entries = self._fs.ls(location, detail=True)
        except OutputNotFound:
            return []
        return sorted(
            entry["name"].rstrip("/").rsplit("/", 1)[1]
            for entry in entries
            if entry["type"] == "directory"
        )

    def delete(self, path_or_location: str) -> None:
        """Remove a file; a missing file is not an error."""
        location = self.resolve(path_or_location)
        with suppress(OutputNotFound), self._translated():
            self._fs.rm_file(location)

    def delete_folder(self, path: str) -> None:
        """Remove a folder and its content; a missing folder is not an error."""
        location = self.resolve(path)
        try:
            with self._translated():
                # Not rm(recursive=True): it would expand the wildcards of a name.
                for name in self._fs.find(location):
                    with suppress(FileNotFoundError):
                        self._fs.rm_file(name)
        except OutputNotFound:
            return

    def delete_older(self, path: str, seconds: float) -> int:
        """Remove the files of a folder that are older than ``seconds``; returns their number.

        Raises:
            OutsideStore: As ``resolve``.
            StorageUnavailable: The store cannot be reached or denies access.
        """
        location, before = self.resolve(path), datetime.now(UTC) - timedelta(seconds=seconds)
        try:
            with self._translated():
                found = self._fs.find(location, detail=True)
        except OutputNotFound:
            return 0
        old = [name for name, info in found.items() if _written(info) < before]
        for name in old:
            with suppress(OutputNotFound), self._translated():
                self._fs.rm_file(name)
        return len(old)

    def sign(self, path_or_location: str, seconds: int) -> str | None:
        """Return an address at which anybody can read the file for this time; else None."""
        location = self.resolve(path_or_location)
        with self._translated():
            try:
                return str(self._fs.sign(location, expiration=seconds))
            except NotImplementedError:
                return None

    def _relative(self, path_or_location: str) -> str:
        """The path below the basepath, without leading slashes, checked."""
        path = path_or_location
        if path == self.basepath or path.startswith(f"{self.basepath}/"):
            path = path[len(self.basepath) :].lstrip("/")
        elif path.startswith("/") or "://" in path:
            raise OutsideStore(f"{path!r} is outside the store {self.slug}")
        for text in (path, unquote(path)):
            parts = text.replace("\\", "/").split("/")
            if ".." in parts or "." in parts or "\0" in text:
                raise OutsideStore(f"{path!r} is not a plain path in the store {self.slug}")
        return path.rstrip("/")

    @contextmanager
    def _translated(self, *, writing: bool = False) -> Iterator[None]:
        """Translate the errors of the file system."""
        try:
            yield
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            if writing:
                raise self._unavailable(error) from error
            self._require_root()
            raise OutputNotFound("the output file no longer exists in the store") from error
        except _failures() as error:
            raise self._unavailable(error) from error

    def _require_root(self) -> None:
        """Distinguish a missing bucket, which is a failure of the store, from a missing file."""
        root = "{0.scheme}://{0.netloc}".format(urlsplit(self.basepath))
        try:
            self._fs.info(root)
        except PermissionError:
            return  # may read files, but not look at the bucket
        except _failures() as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: Exception) -> StorageUnavailable:
        if has_no_space(error):
            LOGGER.warning("store %s (%s) is full: %s", self.slug, self.basepath, error)
            return StorageFull(f"the result store is full ({self.slug})")
        what = "cannot be reached or used"
        if isinstance(error, OSError) and error.errno == errno.EROFS:
            what = "is read-only"
        elif isinstance(error, PermissionError):
            what = "rejects the credentials or denies access"
        elif isinstance(error, FileNotFoundError):
            what = "has no such bucket or folder"
        self.failed = True
        LOGGER.warning("store %s (%s) %s: %s", self.slug, self.basepath, what, error)
        return StorageUnavailable(f"the store {self.slug} {what}")


class LocalStore(Store):
    """The files of a ``local-file-system`` block."""

    @override
    def resolve(self, path_or_location: str) -> str:
        location = super().resolve(path_or_location)
        if not Path(location).resolve().is_relative_to(Path(self.basepath).resolve()):
            raise OutsideStore(f"{path_or_location!r} is a link out of the store {self.slug}")
        return location

    @override
    def write_stream(self, path: str, chunks: Iterable[Buffer]) -> str:
        location = Path(self.resolve(path))
        part = location.with_name(f".{uuid4().hex}.part")
        try:
            with self._translated(writing=True):
                location.parent.mkdir(parents=True, exist_ok=True)
                file = part.open("wb")
            try:
                self._fill(file, chunks)
            finally:
                with suppress(OSError):
                    file.close()
            with self._translated(writing=True):
                part.replace(location)
        except BaseException:
            with suppress(OSError):
                part.unlink()
            raise
        return str(location)

    @override
    def delete_folder(self, path: str) -> None:
        location = self.resolve(path)
        self._require_root()
        with self._translated(), suppress(FileNotFoundError):
            shutil.rmtree(location)

    @override
    def _require_root(self) -> None:
        if not Path(self.basepath).is_dir():
            raise self._unavailable(FileNotFoundError(self.basepath))


def _rename(filesystem: fsspec.AbstractFileSystem, old: str, new: str) -> None:
    """Rename a file, or copy it where the file system knows no better."""
    if type(filesystem).mv is not fsspec.AbstractFileSystem.mv:
        filesystem.mv(old, new)
        return
    filesystem.cp_file(old, new)  # its own mv would expand the wildcards of a name
    filesystem.rm_file(old)


def _written(info: Mapping[str, Any]) -> datetime:
    """Time at which a file was written, as fsspec reports it for a store or a disk."""
    time = info.get("LastModified", info.get("mtime"))
    if isinstance(time, datetime):
        return time
    return datetime.fromtimestamp(time, UTC) if time is not None else datetime.now(UTC)


def _failures() -> tuple[type[Exception], ...]:
    """Exceptions of a failing store; called only while an exception is handled."""
    from aiohttp import ClientError
    from botocore.exceptions import BotoCoreError

    return (OSError, BotoCoreError, ClientError)
