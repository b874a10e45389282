"""Answers while many clients wait for results, hundreds of jobs are queued, and others are slow."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from bench.client import BenchError, Client
from bench.folder import data_folder
from bench.numbers import summary
from bench.plan import FULL
from bench.run import about
from bench.running import Running
from bench.systems import ours

PROCESS = "bench-sleep"
SAMPLES = 40
KIND_SECONDS = 30.0
"""A kind of request is sent for so long at most."""
SUBMITTERS = 8
SETTLE_SECONDS = 120.0
BEGUN = 16
"""Number of jobs of clients that leave which may have begun before."""
SLOW_SECONDS = 1.0
MANAGER = {"sync_timeout_seconds": 600}


def waiting(
    state: Path, clients: int, queued: int, slow: int, say: Callable[[str], None]
) -> dict[str, Any]:
    """Time five kinds of requests: alone, beside waiting clients, and beside slow ones too.

    Args:
        state: Folder for the stack's data.
        clients: Number of clients that wait for the results of a process that takes long.
        queued: Number of jobs that wait besides.
        slow: Number of connections that send a byte each second; as many more send nothing.
        say: Called with a line for each phase.
    """
    record = about(FULL) | {"profile": "waiting", "clients": clients, "queued": queued}
    record |= {"slow": slow}
    with data_folder(state), ours(state / "waiting", MANAGER) as running, ExitStack() as stack:
        client = stack.enter_context(Client(running.layout.local_url))
        job, _ = client.submit(PROCESS, inputs(running))
        phases = {"alone": phase(running, client, job)}
        say(f"alone: {phases['alone']}")
        _queue(running, queued)
        waiters = stack.enter_context(waiters_of(running, clients))
        phases["waiting"] = phase(running, client, job)
        say(f"{clients} clients wait: {phases['waiting']}")
        with slow_connections(running, slow):
            phases["slow"] = phase(running, client, job)
        say(f"{slow} slow and {slow} silent connections beside: {phases['slow']}")
        before = _active(running)
        for connection in waiters:
            connection.close()
        left = before - clients + BEGUN
        seconds = _until(lambda: _active(running) <= left, SETTLE_SECONDS)
        say(f"all clients gone: their jobs are cancelled after {seconds:.1f} s")
    return record | {"phases": phases, "cancelled_after_s": seconds}


def inputs(running: Running) -> dict[str, Any]:
    """Inputs of a job that takes as long as the measurement, with a file of its own."""
    return {"pid_file": str(running.layout.scratch / uuid4().hex), "seconds": 3600}


def phase(running: Running, client: Client, job: str) -> dict[str, float | None]:
    """Time each kind of request, one after the other, in milliseconds."""
    kinds: dict[str, Callable[[], float]] = {
        "healthz": lambda: client.timed_get("/healthz"),
        "readyz": lambda: client.timed_get("/readyz"),
        "status": lambda: client.timed_get(f"/jobs/{job}"),
        "list": lambda: client.timed_get("/jobs", limit=10),
        "post": lambda: client.submit(PROCESS, inputs(running))[1],
    }
    found: dict[str, float | None] = {}
    for name, send in kinds.items():
        send()
        found |= summary(name, [1000 * seconds for seconds in _series(send)])
    return {name: None if value is None else round(value, 1) for name, value in found.items()}


def _series(send: Callable[[], float]) -> Iterator[float]:
    end = time.monotonic() + KIND_SECONDS
    for _ in range(SAMPLES):
        yield send()
        if time.monotonic() > end:
            return


def _queue(running: Running, number: int) -> None:
    def some(count: int) -> None:
        with Client(running.layout.local_url) as client:
            for _ in range(count):
                client.submit(PROCESS, inputs(running))

    with ThreadPoolExecutor(SUBMITTERS) as pool:
        list(pool.map(some, [number // SUBMITTERS] * SUBMITTERS))


@contextmanager
def waiters_of(running: Running, number: int) -> Iterator[list[socket.socket]]:
    """Clients that wait synchronously, as soon as all of them have a job."""
    before = _active(running)
    with ExitStack() as stack:
        sockets = [stack.enter_context(_connection(running)) for _ in range(number)]
        for connection in sockets:
            body = json.dumps({"inputs": inputs(running)})
            lines = [f"POST /processes/{PROCESS}/execution HTTP/1.1", "Host: localhost"]
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}", "", body]
            connection.sendall("\r\n".join(lines).encode())
        _until(lambda: _active(running) >= before + number, SETTLE_SECONDS)
        yield sockets


@contextmanager
def slow_connections(running: Running, number: int) -> Iterator[None]:
    """Connections that send the head of a request byte by byte, and as many that send nothing.

    Those that the server has closed are opened again, so that there are always as many.
    """
    stopped = threading.Event()
    thread = threading.Thread(target=_keep_slow, args=(running, number, stopped))
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def _keep_slow(running: Running, number: int, stopped: threading.Event) -> None:
    sockets: list[socket.socket] = []
    while not stopped.wait(SLOW_SECONDS):
        sockets += [_connection(running) for _ in range(2 * number - len(sockets))]
        for connection in sockets[::2]:
            with suppress(OSError):
                connection.sendall(b"x")
        closed = [connection for connection in sockets if _is_answered(connection)]
        for connection in closed:
            connection.close()
            sockets.remove(connection)
    for connection in sockets:
        connection.close()


def _is_answered(connection: socket.socket) -> bool:
    """Return true if the server has answered a slow connection, which it does by closing it."""
    try:
        connection.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _connection(running: Running) -> socket.socket:
    return socket.create_connection(("127.0.0.1", running.layout.port), timeout=60)


def _active(running: Running) -> int:
    """The number of jobs that have not ended."""
    chosen = {"state": {"type": {"any_": ["SCHEDULED", "PENDING", "RUNNING"]}}}
    return int(running.prefect("POST", "/flow_runs/count", {"flow_runs": chosen}).json())


def _until(condition: Callable[[], bool], seconds: float) -> float:
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            raise BenchError(f"nothing came of it within {seconds:g} s")
        time.sleep(0.1)
    return time.monotonic() - began
