"""Marks the runs of a web process, and ends the runs of a dead one."""

import logging
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from pygeoapi_prefect.engine import endings, runs
from pygeoapi_prefect.engine.states import CLAIMED
from pygeoapi_prefect.jobs import status

LOGGER = logging.getLogger(__name__)
TAG_PREFIX = "pygeoapi-web:"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def tag() -> str:
    """The tag of the runs of this process."""
    return TAG_PREFIX + owner()


def owner() -> str:
    """Unique identity of this process: host, process id and start time."""
    return f"{socket.gethostname()}/{os.getpid()}/{_start_of(os.getpid())}"


def _start_of(pid: int) -> str:
    """Start of a process; where there is a ``/proc``, a step of the clock does not change it.

    Raises:
        psutil.NoSuchProcess: There is no such process.
    """
    if not BOOT_ID.exists():
        return str(int(psutil.Process(pid).create_time()))
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        raise psutil.NoSuchProcess(pid) from None
    return f"{BOOT_ID.read_text().strip()}+{fields[19]}"  # ticks since boot: proc_pid_stat(5)


def end_abandoned() -> int:
    """End local runs of dead web processes of this host; returns their number.

    Raises:
        EngineUnavailable: Prefect cannot be reached.
    """
    running: Mapping[str, Any] = {
        "tags": {"all_": [status.TAG]},
        "state": {"type": {"any_": list(CLAIMED)}},
    }
    ended = 0
    for run in list(runs.iterate(running)):  # before any of them is changed
        owners = [one for one in run.tags if one.startswith(TAG_PREFIX)]
        if owners and _is_gone(owners[0].removeprefix(TAG_PREFIX)):
            job_id = status.job_id(run)
            LOGGER.warning("job %s: its web process died; marking it as crashed", job_id)
            message, data = "The web process that ran the job died", endings.as_data("lost")
            runs.set_state(run.id, "CRASHED", message, data=data, force=True)
            ended += 1
    return ended


def _is_gone(owner_id: str) -> bool:
    host, _, rest = owner_id.partition("/")
    pid, _, started = rest.partition("/")
    if host != socket.gethostname() or not pid.isdecimal():
        return False  # another host's to tell, or not our tag
    try:
        return _start_of(int(pid)) != started
    except psutil.NoSuchProcess:
        return True
