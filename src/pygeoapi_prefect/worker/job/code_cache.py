"""Code of deployments on this machine's disk, kept by the folder that it came from.

``deploy-process`` never changes a folder: its name ends in the hash of its content, which is
the deployment's version. Code of other deployments is fetched anew for each run.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from pygeoapi_prefect.engine.signatures import Refused, code_digest, code_digest_of

MARKER = ".complete"
"""File that ``deploy`` writes last."""


class Source(Protocol):
    """The methods of a storage block that are needed here."""

    def get_directory(self, from_path: str | None = None, local_path: str | None = None) -> Any:
        """Copy a folder of the block to a local one."""


def is_immutable(deployment: Mapping[str, Any]) -> bool:
    """Return true if the content of a deployment's folder can never change."""
    path, version = deployment.get("path"), deployment.get("version")
    return bool(path and version) and str(path).rsplit("/", 1)[-1] == version


def provide(source: Source, deployment: Mapping[str, Any], cache: Path, scratch: Path) -> Path:
    """The folder with a deployment's code.

    Args:
        source: The deployment's storage block.
        deployment: The deployment, as Prefect's API shows it.
        cache: Folder of what is kept; several processes may use it at once.
        scratch: Folder of the run, for what cannot be kept.

    Raises:
        Exception: Whatever the block raises if it has no such folder or cannot be reached.
        Refused: The folder does not have the files that were signed.
    """
    path = str(deployment["path"])
    if not is_immutable(deployment):
        target = scratch / "code"
        target.mkdir()
        source.get_directory(from_path=path, local_path=str(target))
        _check(target, code_digest_of(deployment))
        return target
    key = f"{deployment['storage_document_id']}/{path}/{code_digest_of(deployment)}"
    target = cache / hashlib.sha256(key.encode()).hexdigest()[:32]
    if not target.is_dir():
        _download(source, path, target, code_digest_of(deployment))
    return target


def _download(source: Source, path: str, target: Path, digest: str | None) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=target.parent, prefix="partial-"))
    try:
        source.get_directory(from_path=path, local_path=str(partial))
        _check(partial, digest)
        partial.rename(target)
    except OSError:
        if not target.is_dir():  # else another run was quicker
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _check(folder: Path, digest: str | None) -> None:
    """Check that a folder has exactly the files that were signed, besides the mark of ``deploy``.

    Raises:
        Refused: It has not.
    """
    if digest is not None and code_digest(_files(folder)) != digest:
        raise Refused("the code in the store is not the code that was signed")


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    found = {file.relative_to(folder).as_posix(): file for file in folder.rglob("*")}
    for path in sorted(found):
        if found[path].is_symlink():  # it leads to files that can change later
            raise Refused("the code in the store has a symbolic link, which cannot be signed")
        if path != MARKER and not found[path].is_dir():
            yield path, found[path].read_bytes()


def enter(code: Path, scratch: Path) -> None:
    """Make a folder of the run's own the working directory, with the code linked into it.

    What a flow writes to relative paths stays out of the code that other runs use.
    """
    work = scratch / "work"
    work.mkdir()
    for entry in code.iterdir():
        if entry.name != "__pycache__":
            (work / entry.name).symlink_to(entry)
    os.chdir(work)
