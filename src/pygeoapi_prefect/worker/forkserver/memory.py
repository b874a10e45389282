"""Memory of jobs, each with all processes that it started, in any session (Linux).

A control group would do this in the kernel, but neither a container without privileges nor an
ordinary user may make one with the memory controller. So the fork server looks, some 20 times a
second: first at the counters that the kernel keeps (``RssAnon``, ``RssShmem`` of
proc_pid_status(5)), which are cheap and count shared pages for each process, and only where they
are above the limit at the proportional sizes (``Pss_Anon``, ``Pss_Shmem`` of
proc_pid_smaps_rollup(5)), for which the kernel walks the page tables.

Pages of mapped files are not counted: the kernel can drop them. What jobs still share with the fork
server is not theirs: at most half of its memory is in their proportional sizes.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

MIB = 1 << 20
SECONDS_BETWEEN = 0.05
LARGEST_SHARE = 0.02
"""Largest share of a processor that looking may take; beyond it, it is done less often."""
_CHEAP = ("RssAnon:", "RssShmem:")
_EXACT = ("Pss_Anon:", "Pss_Shmem:")


class MemoryWatch:
    """Tells which jobs exceed their limits; the time between two looks adapts to their cost."""

    def __init__(self) -> None:
        self._due = 0.0

    def pause(self) -> float:
        """Seconds until it is time to look."""
        return max(0.0, self._due - time.monotonic())

    def exceeding(self, limits: Mapping[int, int]) -> list[int]:
        """The jobs that use more than they may.

        Args:
            limits: Limit of each job, in MiB, by the number of its first process.
        """
        began, used = time.monotonic(), time.process_time()
        own = _sum("self", "status", _CHEAP) // 2 if limits else 0
        found = [pid for pid, limit in limits.items() if exceeds(pid, limit * MIB, own)]
        cost = time.process_time() - used
        self._due = began + max(SECONDS_BETWEEN, cost / LARGEST_SHARE)
        return found


def exceeds(pid: int, limit: int, shared: int) -> bool:
    """Return true if a process and its descendants exceed their memory limit together.

    Args:
        pid: The process.
        limit: What they may use, in bytes.
        shared: What they may use on top, because it is shared with others, in bytes.
    """
    tree = list(descendants(pid))
    if sum(_sum(one, "status", _CHEAP) for one in tree) <= limit + shared:
        return False
    return sum(proportional(one) for one in tree) > limit + shared


def proportional(pid: int) -> int:
    """Anonymous and shared memory of a process in bytes, each page divided among its users."""
    with suppress(PermissionError):  # of a program that runs as another user
        return _sum(pid, "smaps_rollup", _EXACT)
    return _sum(pid, "status", _CHEAP)


def descendants(pid: int) -> Iterator[int]:
    """A process, and all that it and they have started."""
    waiting = [pid]
    while waiting:
        one = waiting.pop()
        yield one
        for listed in Path(f"/proc/{one}/task").glob("*/children"):
            with suppress(OSError):  # it has ended
                waiting += map(int, listed.read_bytes().split())


def _sum(pid: int | str, file: str, names: tuple[str, ...]) -> int:
    """The sum of these lines of a file of a process, in bytes; 0 if it has ended.

    Raises:
        PermissionError: The file may not be read.
    """
    try:
        text = Path(f"/proc/{pid}/{file}").read_text(errors="replace")
    except PermissionError:
        raise
    except OSError:
        return 0
    lines = (line.split() for line in text.splitlines() if line.startswith(names))
    return sum(int(fields[1]) for fields in lines) * 1024
