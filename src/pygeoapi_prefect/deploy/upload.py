"""Code in a storage block: ``<sub path>/<version>/<files>``, never overwritten.

A marker is written last, so an interrupted upload is seen and repeated.
"""

import re
from collections.abc import Collection
from datetime import UTC, datetime

from pygeoapi_prefect.deploy.package import Package
from pygeoapi_prefect.errors import ConfigurationError, OutputNotFound
from pygeoapi_prefect.storage import OutsideStore, Store

MARKER = ".complete"
KEEP = 3
VERSION = re.compile("[0-9a-f]{16}")


def upload(package: Package, store: Store, sub_path: str) -> tuple[str, bool]:
    """Put a package into a store, unless it is there.

    Returns:
        Its folder in the store, and true if anything was uploaded.

    Raises:
        ConfigurationError: The sub path leaves the store.
        StorageUnavailable: The store cannot be reached or denies access.
    """
    folder = f"{sub_path.strip('/')}/{package.version}"
    try:
        if store.exists(f"{folder}/{MARKER}"):
            return folder, False
        for path, content in package.files.items():
            store.write(f"{folder}/{path}", content)
    except OutsideStore as error:
        raise ConfigurationError(f"storage_sub_path: {error}") from error
    store.write(f"{folder}/{MARKER}", datetime.now(UTC).isoformat().encode())
    return folder, True


def prune(store: Store, sub_path: str, in_use: Collection[str]) -> list[str]:
    """Delete all versions but the newest three and those in use; returns the deleted folders.

    Earlier versions are kept because a run that started with one may still import from it. What is
    being uploaded at the moment has no marker yet, and is left alone.
    """
    base = sub_path.strip("/")
    folders = [f"{base}/{name}" for name in store.list_folders(base) if VERSION.fullmatch(name)]
    aged = sorted(
        ((time, folder) for folder in folders if (time := _uploaded(store, folder)) is not None),
        reverse=True,
    )
    old = [folder for _, folder in aged[KEEP:] if folder not in in_use]
    for folder in old:
        store.delete_folder(folder)
    return old


def _uploaded(store: Store, folder: str) -> str | None:
    try:
        return store.read(f"{folder}/{MARKER}").decode()
    except OutputNotFound:
        return None
