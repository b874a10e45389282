"""Memory limit and use of a job, for flows that can choose how to work, or reject in time."""

import os
from contextlib import suppress
from pathlib import Path

import psutil

LIMIT_VARIABLE = "PYGEOAPI_JOB_MEMORY_MB"
"""Set for each job by our worker, from ``prefect.deployment.memory_limit_mb``."""
CGROUP_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
IN_USE = Path("/proc/self/smaps_rollup")
_COUNTED = ("Pss_Anon:", "Pss_Shmem:")


def memory_limit_bytes() -> int:
    """The smallest of the job's limit, the container's limit and the machine's memory, in bytes.

    This is the total, not the free memory: other jobs may use the same container.
    """
    limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    with suppress(KeyError, ValueError):
        limits.append(int(os.environ[LIMIT_VARIABLE]) * 1024 * 1024)
    for path in CGROUP_LIMITS:
        with suppress(OSError, ValueError):  # not there; "max" where there is no limit
            limits.append(int(path.read_text()))
    return min(limits)


def memory_in_use_bytes() -> int:
    """Memory that this process uses, as our worker counts it for the limit, in bytes.

    Anonymous and shared memory, each page divided among its users (proc_pid_smaps_rollup(5));
    if the system does not report it, the resident memory.
    """
    try:
        lines = [line.split() for line in IN_USE.read_text(errors="replace").splitlines()]
    except OSError:
        return int(psutil.Process().memory_info().rss)
    return sum(int(fields[1]) for fields in lines if fields[0] in _COUNTED) * 1024
