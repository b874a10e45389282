"""Files of a process's code: which of a package count, and their content."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from pathspec import GitIgnoreSpec

from pygeoapi_prefect.errors import ConfigurationError

IGNORE_FILE = ".prefectignore"
NEVER = GitIgnoreSpec.from_lines(["__pycache__/", "*.pyc", "*.pyo", ".*"])
MAX_BYTES = 64 * 1024 * 1024


class PackageError(ConfigurationError):
    """The code of a process cannot be deployed as it is; says what to change."""


def ignored(root: Path, ignore_file: Path | None = None) -> GitIgnoreSpec:
    """Patterns of files in a folder's packages that are not uploaded.

    Raises:
        PackageError: The file does not exist.
    """
    file = root / (ignore_file or IGNORE_FILE)
    if not file.is_file():
        if ignore_file is not None:
            raise PackageError(f"the ignore file {file} does not exist")
        return GitIgnoreSpec.from_lines([])
    return GitIgnoreSpec.from_lines(file.read_text(encoding="utf-8").splitlines())


def tree(root: Path, package: str, left_out: GitIgnoreSpec) -> Iterator[str]:
    """Paths of all files of a package, relative to its parent folder.

    Raises:
        PackageError: One is a link out of the package.
    """
    for folder, folders, files in os.walk(root / package):
        here = Path(folder).relative_to(root)
        folders[:] = sorted(
            name for name in folders if not _skipped(f"{(here / name).as_posix()}/", left_out)
        )
        for name in [*folders, *sorted(files)]:
            path = (here / name).as_posix()
            file = root / path
            if _skipped(path, left_out):
                continue
            if file.is_symlink() and (
                file.is_dir() or not file.resolve().is_relative_to((root / package).resolve())
            ):
                raise PackageError(
                    f"{path} is a link to a file outside the package: copy the file, or ignore it"
                )
            if file.is_file():
                yield path


def _skipped(path: str, left_out: GitIgnoreSpec) -> bool:
    return NEVER.match_file(path) or left_out.match_file(path)


def read(places: Mapping[str, Path]) -> dict[str, bytes]:
    """The content of files.

    Args:
        places: The folder that each path is relative to.

    Raises:
        PackageError: A file cannot be read, or together they exceed ``MAX_BYTES``.
    """
    total = 0
    files: dict[str, bytes] = {}
    for path in sorted(places):
        root = places[path]
        file = root / path
        try:
            total += file.stat().st_size
            if total > MAX_BYTES:
                raise PackageError(
                    f"more than {MAX_BYTES // 2**20} MiB in {root / Path(path).parts[0]}: store "
                    f"the data elsewhere, or ignore it in {root / IGNORE_FILE}"
                )
            files[path] = file.read_bytes()
        except OSError as error:
            raise PackageError(f"cannot read {file}: {error}") from error
    return files
