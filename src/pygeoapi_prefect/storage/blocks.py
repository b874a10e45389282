"""Blocks: from Prefect to a store, and from an operator's arguments to Prefect."""

import os
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import fsspec
from prefect.blocks.core import Block
from prefect.client.schemas.objects import BlockDocument
from prefect.exceptions import ObjectNotFound
from prefect.filesystems import LocalFileSystem, RemoteFileSystem
from prefect.settings import PREFECT_LOCAL_STORAGE_PATH

from pygeoapi_prefect.engine import routes
from pygeoapi_prefect.engine.client import api, check, send
from pygeoapi_prefect.engine.internals.blocks import identifier_of, name_of
from pygeoapi_prefect.errors import BlockNotFound, ConfigurationError
from pygeoapi_prefect.models.reference import Reference
from pygeoapi_prefect.storage.store import LocalStore, Store

LOCAL = "local-file-system"
REMOTE = "remote-file-system"
# A store that does not answer is noticed within ten seconds of connecting, a minute of reading.
S3_CONFIG = {
    "connect_timeout": 3,
    "read_timeout": 15,
    "retries": {"total_max_attempts": 2, "mode": "standard"},
}
S3_ATTEMPTS = 2

_lock = threading.Lock()
_stores: dict[str, Store] = {}
_pid = 0


def open_store(slug: str) -> Store:
    """Open the store of a block; the block is read from Prefect once per process.

    Parameters:
        slug: ``<block type slug>/<block name>``, such as ``remote-file-system/results``.

    Raises:
        BlockNotFound: The block does not exist.
        ConfigurationError: The block has another type, or invalid settings.
        EngineUnavailable: Prefect cannot be reached.
    """
    block_type, _, name = slug.partition("/")
    if not block_type or not name or "/" in name:
        raise BlockNotFound(f"{slug!r} is not the name of a block: <block type slug>/<block name>")
    _require_type(slug, block_type)

    return _cached(slug, routes.find_block(block_type, name))


def open_store_by_id(document_id: UUID) -> Store:
    """The store of the block with Prefect's identifier; raises as ``open_store``."""
    return _cached(str(document_id), routes.read_block(str(document_id)))


def load_block(slug: str | None) -> LocalFileSystem | RemoteFileSystem:
    """Load a block as a flow does; the same in ``def`` and in ``async def`` flows.

    Args:
        slug: ``<block type slug>/<block name>``. None means Prefect's own folder on this machine
            (setting ``PREFECT_LOCAL_STORAGE_PATH``).

    Raises:
        ValueError: There is no such block, or it is not one that stores files.
    """
    if slug is None:
        return LocalFileSystem(basepath=str(Path(PREFECT_LOCAL_STORAGE_PATH.value()).absolute()))
    block = Block.load(slug, _sync=True)  # type: ignore[call-arg]
    if not isinstance(block, LocalFileSystem | RemoteFileSystem):
        raise ValueError(f"the block {slug} does not store files")
    return block


def store_of(block: LocalFileSystem | RemoteFileSystem) -> Store:
    """The store of a block that a flow has loaded, cached in this process.

    S3 is given a minute to recover from an outage.

    Raises:
        ConfigurationError: The settings of the block are invalid.
    """
    block_type = LOCAL if isinstance(block, LocalFileSystem) else REMOTE
    key = f"{block_type}:{block.model_dump_json()}"
    known = _known(key)
    if known is not None:
        return known
    slug = f"{block_type}/{name_of(block) or 'unsaved'}"
    try:
        store = _over(block, slug, identifier_of(block) or UUID(int=0), is_patient=True)
    except (ImportError, TypeError, ValueError) as error:
        raise ConfigurationError(f"the block {slug!r} cannot be used: {error}") from error
    with _lock:
        _stores[key] = store
    return store


def forget(block: str) -> None:
    """Drop a block from the cache, because it may have been saved again with another address.

    Parameters:
        block: Its slug or Prefect's identifier, the same as when it was opened.
    """
    with _lock:
        _stores.pop(block, None)


def open_folder(folder: Path) -> Store:
    """A folder of this machine as a store without a block; only this machine can read it."""
    path = str(folder.expanduser().absolute())
    Path(path).mkdir(parents=True, exist_ok=True)
    return LocalStore(f"{LOCAL}:{path}", UUID(int=0), path, fsspec.filesystem("file"))


def read_reference(reference: str) -> str:
    """Read the text that ``block:<block type slug>/<block name>#<path in the block>`` points to.

    Raises:
        ValueError: It is not such a reference.
        OutputNotFound: The file no longer exists.
        ConfigurationError, EngineUnavailable, StorageUnavailable: As ``open_store``.
    """
    found = Reference.parse(reference)
    return open_store(found.block).read(found.path).decode()


def save_remote_block(name: str, basepath: str, settings: Mapping[str, Any]) -> None:
    """Create or overwrite the block ``remote-file-system/<name>``.

    Parameters:
        basepath: Address of a folder of the store, such as ``s3://bucket/folder``.
        settings: Arguments of the fsspec file system. Prefect's API shows them to all its
            users, so pass credentials in the environment of the processes instead.

    Raises:
        ConfigurationError: Prefect rejects the name or the basepath.
        EngineUnavailable: Prefect cannot be reached.
    """
    _save(name, lambda: RemoteFileSystem(basepath=basepath, settings=dict(settings)))


def save_local_block(name: str, basepath: str) -> None:
    """Create or overwrite the block ``local-file-system/<name>`` over a folder of this machine.

    Raises:
        ConfigurationError: Prefect rejects the name.
        EngineUnavailable: Prefect cannot be reached.
    """
    _save(name, lambda: LocalFileSystem(basepath=basepath))
    with suppress(OSError):  # it may be a folder of other machines
        Path(basepath).expanduser().mkdir(parents=True, exist_ok=True)


def _save(name: str, block: Callable[[], LocalFileSystem | RemoteFileSystem]) -> None:
    try:
        with api():
            block().save(name, overwrite=True, _sync=True)  # type: ignore[call-arg]
    except ValueError as error:
        raise ConfigurationError(f"the block {name!r} cannot be saved: {error}") from error
    with _lock:
        _stores.clear()


def _cached(key: str, call: routes.Call) -> Store:
    """The cached store of a key, or a new one for the block that is read."""
    known = _known(key)
    if known is not None:
        return known
    try:
        document = BlockDocument.model_validate(send(call))
    except ObjectNotFound as error:
        check()  # is it Prefect that says so?
        raise BlockNotFound(f"there is no block {key!r} in Prefect") from error
    store = _make_store(document)
    with _lock:
        _stores[key] = store
    return store


def _known(key: str) -> Store | None:
    """Value cached under a key; values of a parent process are not used after a fork."""
    global _pid
    with _lock:
        if os.getpid() != _pid:
            _pid = os.getpid()
            _stores.clear()
        known = _stores.get(key)
    return None if known is None or known.failed else known


def _make_store(document: BlockDocument) -> Store:
    block_type = document.block_type.slug if document.block_type else ""
    slug = f"{block_type}/{document.name or document.id}"
    _require_type(slug, block_type)
    model = LocalFileSystem if block_type == LOCAL else RemoteFileSystem
    try:
        return _over(model.model_validate(document.data), slug, document.id)
    except (ImportError, TypeError, ValueError, KeyError) as error:
        raise ConfigurationError(f"the block {slug!r} cannot be used: {error}") from error


def _over(
    block: LocalFileSystem | RemoteFileSystem,
    slug: str,
    document_id: UUID,
    *,
    is_patient: bool = False,
) -> Store:
    if isinstance(block, LocalFileSystem):
        path = str(Path(block.basepath or ".").expanduser().absolute())
        return LocalStore(slug, document_id, path, fsspec.filesystem("file"))
    filesystem = _remote_filesystem(urlsplit(block.basepath).scheme, block.settings, is_patient)
    return Store(slug, document_id, block.basepath, filesystem)


def _remote_filesystem(
    scheme: str, settings: Mapping[str, Any], is_patient: bool
) -> fsspec.AbstractFileSystem:
    # fsspec's own cache would return the file system that failed.
    options = dict(settings) | {"skip_instance_cache": True}
    if scheme not in ("s3", "s3a"):
        return fsspec.filesystem(scheme, **options)
    options["config_kwargs"] = S3_CONFIG | options.get("config_kwargs", {})
    # Other processes write to the store: a remembered listing would hide their files.
    options["use_listings_cache"] = False
    filesystem = _s3_class(is_patient)(**options)
    filesystem.retries = S3_ATTEMPTS
    return filesystem


def _s3_class(is_patient: bool) -> Any:
    if not is_patient:
        return fsspec.get_filesystem_class("s3")
    from pygeoapi_prefect.storage.patient_s3 import PatientS3FileSystem  # s3fs is slow to import

    return PatientS3FileSystem


def _require_type(slug: str, block_type: str) -> None:
    if block_type not in (LOCAL, REMOTE):
        raise ConfigurationError(f"the block {slug!r} is neither a {LOCAL} nor a {REMOTE}")
