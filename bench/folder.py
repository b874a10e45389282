"""The folder that systems keep their data in while they are measured."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.client import BenchError

MARKER = ".bench"


@contextmanager
def data_folder(state: Path) -> Iterator[Path]:
    """An empty folder for the data of systems, removed at the end.

    Raises:
        BenchError: There is something in it that is not ours to remove.
    """
    marker = state / MARKER
    if state.exists() and not marker.exists() and any(state.iterdir()):
        raise BenchError(f"{state} is not empty: choose a folder that may be removed")
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir(parents=True)
    marker.touch()
    try:
        yield state
    finally:
        shutil.rmtree(state, ignore_errors=True)
