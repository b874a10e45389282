"""Memory of processes and their descendants, measured on real ones."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pygeoapi_prefect.worker.forkserver import memory
from pygeoapi_prefect.worker.forkserver.memory import MIB, MemoryWatch
from support.polling import wait_for

ANONYMOUS = "hoard = b'x' * (100 << 20)"
SHARED = "import mmap; hoard = mmap.mmap(-1, 100 << 20); hoard[:] = b'x' * (100 << 20)"
FORKED = "import os; hoard = b'x' * (100 << 20); os.fork(); os.fork()"
IN_ANOTHER_SESSION = (
    "import subprocess, sys; subprocess.Popen([sys.executable, '-c',"
    " 'import time; hoard = b\"x\" * (100 << 20); time.sleep(60)'], start_new_session=True)"
)
IN_A_THREAD = (
    "import threading, time\n"
    f"def start():\n  {IN_ANOTHER_SESSION}\n  time.sleep(60)\n"
    "threading.Thread(target=start).start()"
)


@contextmanager
def running(code: str) -> Iterator[int]:
    """A process that does something and then waits."""
    process = subprocess.Popen([sys.executable, "-c", f"{code}\nimport time; time.sleep(60)"])
    try:
        yield process.pid
    finally:
        for pid in memory.descendants(process.pid):
            os.kill(pid, 9)
        process.wait(10)


def total(pid: int) -> float:
    """What a process and its descendants use, in MiB."""
    return sum(map(memory.proportional, memory.descendants(pid))) / MIB


@pytest.mark.parametrize("code", [ANONYMOUS, SHARED, FORKED, IN_ANOTHER_SESSION, IN_A_THREAD])
def test_fault_30_a_tree_counts_each_page_once(code: str) -> None:
    with running(code) as pid:
        wait_for(lambda: total(pid) > 100, 20, lambda: f"the memory is used: {total(pid)} MiB")
        wait_for(lambda: total(pid) < 160, 20, lambda: f"and no more: {total(pid)} MiB")
        assert memory.exceeds(pid, 90 * MIB, 0)
        assert not memory.exceeds(pid, 200 * MIB, 0)
        assert not memory.exceeds(pid, 90 * MIB, 110 * MIB)


def test_what_has_ended_uses_nothing() -> None:
    with running("") as pid:
        pass
    assert memory.proportional(pid) == 0
    assert list(memory.descendants(pid)) == [pid]
    assert not memory.exceeds(pid, 0, 0)


def test_where_proportions_may_not_be_read_counters_count(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = memory.proportional(os.getpid())

    def refused(pid: int | str, file: str, names: tuple[str, ...]) -> int:
        if file == "smaps_rollup":
            raise PermissionError(file)
        return original(pid, file, names)

    original = memory._sum
    monkeypatch.setattr(memory, "_sum", refused)
    assert memory.proportional(os.getpid()) == pytest.approx(exact, rel=0.5)


def test_a_watch_tells_who_uses_too_much_and_waits_between_its_looks() -> None:
    watch = MemoryWatch()
    assert watch.pause() == 0
    # Half of this process's own memory is allowed on top, as if it were shared with them.
    with running("hoard = b'x' * (600 << 20)") as large, running("") as small:
        limits = {large: 60, small: 60}
        wait_for(lambda: watch.exceeding(limits) == [large], 20, "the large one is found")
    assert watch.pause() < 60


def test_fault_30_looking_takes_a_bounded_share_of_a_processor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    used = iter([10.0, 10.5])
    monkeypatch.setattr(time, "process_time", lambda: next(used))
    watch = MemoryWatch()
    watch.exceeding({})
    assert watch.pause() == pytest.approx(0.5 / memory.LARGEST_SHARE, abs=0.5)
