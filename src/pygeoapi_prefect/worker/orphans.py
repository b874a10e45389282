"""Who ends with whom: a job with its fork server, what it has started with the job (Linux).

What a job leaves in a session of its own is out of reach of its group. Such a process comes to the
next ancestor that adopts: to the job as long as it runs, then to the fork server, which has no
other children than its jobs.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Container
from contextlib import suppress
from pathlib import Path

# prctl(2)
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36

_libc = ctypes.CDLL(None)


def adopt() -> None:
    """Be the parent of all descendants whose own parent has ended; a fork does not inherit it."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent() -> None:
    """Be killed when the parent ends."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def end(jobs: Container[int]) -> bool:
    """Kill the children of this process that are no jobs; whether there were any.

    Args:
        jobs: Numbers of the processes that may stay.
    """
    found = [pid for pid in _children() if pid not in jobs]
    for pid in found:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return bool(found)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        _libc.prctl(option, value)


def _children() -> list[int]:
    """The children of this process, which has one thread (proc_pid_task(5))."""
    try:
        return [int(pid) for pid in Path("/proc/thread-self/children").read_text().split()]
    except OSError:  # not Linux, or a kernel without CONFIG_PROC_CHILDREN
        return []
