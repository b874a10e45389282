"""CPU time and memory of whole process trees."""

import threading
from collections.abc import Callable, Mapping
from types import TracebackType

import psutil

from pygeoapi_prefect.embedded.processes import Identity, family

SAMPLE_SECONDS = 0.5
MIB = 1024 * 1024


def cpu_seconds(roots: Mapping[str, Identity]) -> float:
    """User and system time of all trees so far.

    The time of a child that has ended is in its parent's ``children_*`` once it was waited for, so
    own times and children's times of those that live add up to all, without counting twice.
    """
    total = 0.0
    for process in family(roots.values()):
        try:
            times = process.cpu_times()
        except psutil.Error:  # ended meanwhile; its parent has its time
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def rss_mib(roots: Mapping[str, Identity]) -> dict[str, float]:
    """Resident memory of each tree in MiB; pages that a tree's processes share count for each."""
    return {name: _tree_rss(identity) for name, identity in roots.items()}


def rss_of(matches: Callable[[list[str]], bool], roots: Mapping[str, Identity]) -> float:
    """Resident memory in MiB of the first process of the trees whose command line matches."""
    for process in family(roots.values()):
        try:
            if matches(process.cmdline()):
                return float(process.memory_info().rss) / MIB
        except psutil.Error:
            continue
    return 0.0


def _tree_rss(identity: Identity) -> float:
    total = 0
    for process in family([identity]):
        try:
            total += process.memory_info().rss
        except psutil.Error:
            continue
    return total / MIB


class Peak:
    """Samples the memory of all trees while its context lasts; ``value`` is the highest, in MiB."""

    def __init__(self, roots: Mapping[str, Identity]) -> None:
        self.value = 0.0
        self._roots = roots
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> "Peak":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._stop.wait(SAMPLE_SECONDS):
            self.value = max(self.value, sum(rss_mib(self._roots).values()))
