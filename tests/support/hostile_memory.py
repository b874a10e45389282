"""Memory of the processes of jobs while they run."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil

from support.stack import RunningStack

SAMPLE_SECONDS = 0.2


@dataclass
class Peak:
    """The largest resident memory, in bytes, that one process had at a sample."""

    bytes: int = 0


@contextmanager
def watched_jobs(stack: RunningStack) -> Iterator[Peak]:
    """Watch the worker's descendants, which jobs run in, for as long as the context lasts."""
    worker = stack.processes["worker"].find()
    assert worker is not None
    peak, over = Peak(), threading.Event()

    def watch() -> None:
        while not over.wait(SAMPLE_SECONDS):
            for process in worker.children(recursive=True):
                with suppress(psutil.Error):  # it has ended
                    peak.bytes = max(peak.bytes, process.memory_info().rss)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        over.set()
        thread.join()
