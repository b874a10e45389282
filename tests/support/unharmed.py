"""The web application before and after an attack: it must hold nothing more."""

import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from support.polling import wait_for
from support.stack import RunningStack

MEMORY_BYTES = 64 << 20
"""Memory that each of its processes may keep of an attack: caches, and the allocator's reserve."""
SPARE_FILES, SPARE_THREADS = 8, 20
"""Files and threads that each of its processes may have more: connections and pools of its own."""
HEALTH_SECONDS = 2.0
LOGGER = logging.getLogger(__name__)
_RECORD = re.compile(r"\d\d:\d\d:[\d.]+ \| (\w+) +\| (\S+) - ")
_LEVELS = ("ERROR", "CRITICAL")
_LOG = "pygeoapi"


@contextmanager
def unharmed(stack: RunningStack, attack: str) -> Iterator[None]:
    """Attack the web application, which is as it was before, and has logged no error of its own.

    ``--log-cli-level=INFO`` shows the memory that each attack leaves behind.
    """
    before, bytes_before, logged = held(stack), memory(stack), len(stack.log(_LOG))
    yield
    began = time.monotonic()
    assert stack.client.get("/healthz").status_code == 200
    assert time.monotonic() - began < HEALTH_SECONDS
    wait_for(
        lambda: is_back(held(stack), before), 30, lambda: f"{attack}: {held(stack)}, was {before}"
    )
    grown = {pid: size - bytes_before[pid] for pid, size in memory(stack).items()}
    for pid, size in grown.items():
        LOGGER.info("%s: memory of process %d has grown by %d MiB", attack, pid, size >> 20)
    assert max(grown.values()) < MEMORY_BYTES
    log = since(stack, logged)
    found = list(faults(log))
    assert not found, "\n".join([f"{attack}: errors in the log:", *found, "", "all of it:", log])


def processes(stack: RunningStack) -> list[psutil.Process]:
    """The processes of the web application, the oldest first."""
    master = stack.processes[_LOG].find()
    assert master is not None
    return [master, *master.children(recursive=True)]


def memory(stack: RunningStack) -> dict[int, int]:
    """Resident memory of each process, in bytes."""
    return {process.pid: process.memory_info().rss for process in processes(stack)}


def held(stack: RunningStack) -> dict[int, tuple[int, int]]:
    """Open files, connections among them, and threads of each process."""
    return {one.pid: (one.num_fds(), one.num_threads()) for one in processes(stack)}


def is_back(now: dict[int, tuple[int, int]], before: dict[int, tuple[int, int]]) -> bool:
    """Return true if the same processes hold about as much as before."""
    assert now.keys() == before.keys(), "a process has died"
    return all(
        now[pid][0] <= files + SPARE_FILES and now[pid][1] <= threads + SPARE_THREADS
        for pid, (files, threads) in before.items()
    )


def since(stack: RunningStack, position: int) -> str:
    """The log from a position on, also if the stack has moved the older part to another file."""
    log = stack.log(_LOG)
    if len(log) < position:
        log = (stack.state / "logs" / f"{_LOG}.log.1").read_text(errors="replace") + log
    return log[position:]


def faults(log: str) -> Iterator[str]:
    """Errors and tracebacks in a log; pygeoapi itself writes those for any wrong parameter.

    Lines before the first record belong to one that is older than the log.
    """
    is_pygeoapis = True
    for line in log.splitlines():
        record = _RECORD.match(line)
        level, logger = record.groups() if record else ("", "")
        if record:
            is_pygeoapis = logger.startswith("pygeoapi.")
        if not is_pygeoapis and (level in _LEVELS or "Traceback" in line):
            yield line
