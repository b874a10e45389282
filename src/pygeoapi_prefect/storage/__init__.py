"""Prefect's storage blocks: load, read, write, sign, delete. Nothing else opens a block."""

from pygeoapi_prefect.engine.internals.blocks import block_of, identifier_of
from pygeoapi_prefect.storage.blocks import (
    LOCAL,
    REMOTE,
    forget,
    load_block,
    open_folder,
    open_store,
    open_store_by_id,
    read_reference,
    save_local_block,
    save_remote_block,
    store_of,
)
from pygeoapi_prefect.storage.outages import has_no_space
from pygeoapi_prefect.storage.store import LocalStore, OutsideStore, Store

__all__ = [
    "LOCAL",
    "REMOTE",
    "LocalStore",
    "OutsideStore",
    "Store",
    "block_of",
    "forget",
    "has_no_space",
    "identifier_of",
    "load_block",
    "open_folder",
    "open_store",
    "open_store_by_id",
    "read_reference",
    "save_local_block",
    "save_remote_block",
    "store_of",
]
