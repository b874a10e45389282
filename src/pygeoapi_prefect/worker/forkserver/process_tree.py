"""Makes sure that no process outlives its job or its fork server (Linux).

What a job leaves in a session of its own is out of reach of its group. Such a process comes to the
next ancestor that adopts: to the job as long as it runs, then to the fork server, which has no
other children than its jobs, then to the worker, which has no others than its fork servers.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Container, Iterator
from contextlib import suppress
from pathlib import Path

# prctl(2)
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
PR_GET_CHILD_SUBREAPER = 37

_libc = ctypes.CDLL(None)


def adopt() -> None:
    """Be the parent of all descendants whose own parent has ended; a fork does not inherit it."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def is_adopting() -> bool:
    """Return true if this process adopts such descendants."""
    if sys.platform != "linux":
        return False
    flag = ctypes.c_int()
    _libc.prctl(PR_GET_CHILD_SUBREAPER, ctypes.byref(flag))
    return bool(flag.value)


def die_with_parent() -> None:
    """Be killed when the parent ends."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def end(own: Container[int]) -> bool:
    """Kill the adopted children of this process; returns true if there were any.

    Args:
        own: Numbers of the processes that may stay.
    """
    found = [pid for pid in _children() if pid not in own]
    for pid in found:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return bool(found)


def end_all(own: Container[int]) -> None:
    """Like ``end``, and wait for them; processes that they leave behind are ended, too."""
    while end(own):
        for pid in [pid for pid in _children() if pid not in own]:
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        _libc.prctl(option, value)


def _children() -> Iterator[int]:
    """The children of this process (proc_pid_task(5))."""
    try:
        for listed in Path("/proc/self/task").glob("*/children"):
            yield from (int(pid) for pid in listed.read_text().split())
    except OSError:  # not Linux, or a kernel without CONFIG_PROC_CHILDREN
        return
