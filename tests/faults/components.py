"""The parts of an embedded stack, and the faults that hit them; processes are found by number."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import httpx
import psutil

from faults.load import Ledger
from faults.store import ObjectStore
from pygeoapi_prefect.embedded import services
from pygeoapi_prefect.embedded.credentials import prepared
from pygeoapi_prefect.embedded.layout import Layout
from pygeoapi_prefect.worker.reaper import MISSED_HEARTBEATS
from pygeoapi_prefect.worker.worker import HEARTBEAT_SECONDS
from support.polling import wait_for
from support.stack import RunningStack

HOLD_SECONDS = MISSED_HEARTBEATS * HEARTBEAT_SECONDS + 15
"""Longer than the patience with a worker that sends no heartbeats, with the scan that notices."""


@dataclass(frozen=True)
class Place:
    """The stack under test, with what its parts are found by."""

    stack: RunningStack
    store: ObjectStore
    ledger: Ledger

    def part(self, name: str) -> psutil.Process:
        """One of the supervisor's own processes, once it is there."""

        def found() -> psutil.Process | None:
            identity = self.stack.processes.get(name)
            return identity.find() if identity else None

        process = wait_for(found, 60, f"a process {name}")
        assert process is not None
        return process

    def children(self, name: str) -> list[psutil.Process]:
        """What a part has started, once there is anything."""
        return wait_for(lambda: self.part(name).children(), 60, f"{name} has children")


def web_processes(place: Place) -> list[psutil.Process]:
    """All processes that answer requests."""
    return place.children("pygeoapi")


def web_master(place: Place) -> list[psutil.Process]:
    """The process that starts those which answer requests."""
    return [place.part("pygeoapi")]


def worker(place: Place) -> list[psutil.Process]:
    return [place.part("worker")]


def fork_server(place: Place) -> list[psutil.Process]:
    """The fork server, and one that has only its last jobs left."""
    return place.children("worker")


def job(place: Place) -> list[psutil.Process]:
    """Jobs that are running now."""
    pids = wait_for(place.ledger.alive, 60, "a job runs", pause=0.01)
    return [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]


def prefect(place: Place) -> list[psutil.Process]:
    return [place.part("prefect")]


def postgres(place: Place) -> list[psutil.Process]:
    """The server that all its sessions depend on; they end with it."""
    return [place.part("postgres")]


def database(place: Place) -> list[psutil.Process]:
    """The server with all its sessions: those would go on without it."""
    server = place.part("postgres")
    return [server, *server.children(recursive=True)]


def store(place: Place) -> list[psutil.Process]:
    return [psutil.Process(place.store.pid)]


Find = Callable[[Place], list[psutil.Process]]


def kill(processes: list[psutil.Process]) -> None:
    """SIGKILL, to each of these that still runs."""
    send(processes, signal.SIGKILL)


@contextmanager
def another_worker(place: Place) -> Iterator[None]:
    """A second worker on the queue, which sees the first one die."""
    stack = place.stack
    prefect_port = httpx.URL(stack.prefect_url).port
    assert prefect_port is not None
    layout = prepared(Layout(stack.state, prefect_port=prefect_port))
    env = services.worker_environment(layout)
    command = [*services.worker_command(layout), "--limit", "2"]
    log = place.ledger.path.with_name("another-worker.log")
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, env=env, cwd=layout.scratch, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        wait_for(lambda: "is ready" in log.read_text(), 60, log.read_text)
        yield
    finally:
        process.terminate()
        process.wait(30)
        log.unlink()


@contextmanager
def stopped(processes: list[psutil.Process]) -> Iterator[None]:
    """Let processes stand still meanwhile, as on a machine that hangs."""
    send(processes, signal.SIGSTOP)
    try:
        yield
    finally:
        send(processes, signal.SIGCONT)


def send(processes: list[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with suppress(ProcessLookupError, psutil.Error):
            if process.is_running():  # and not another one with its number
                os.kill(process.pid, number)
