"""The supervisor: starts the processes in order, watches them, and stops them all."""

import os
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import httpx

from pygeoapi_prefect.embedded import credentials, postgres, services, signals
from pygeoapi_prefect.embedded.errors import ChildDied, NotReady
from pygeoapi_prefect.embedded.layout import PARTLY, POOL, Layout
from pygeoapi_prefect.embedded.processes import (
    Child,
    Identity,
    end,
    end_children,
    family,
    marked,
    rotate,
    session,
    spawn,
    tail,
)
from pygeoapi_prefect.embedded.record import Record, forget
from pygeoapi_prefect.embedded.restarts import MOST_ENDS, WINDOW_SECONDS, Restarts
from pygeoapi_prefect.embedded.services import Program

POLL_SECONDS = 0.05
WATCH_SECONDS = 0.2
READY_SECONDS = 120.0
STOP_SECONDS = 10.0
REMAINS_SECONDS = 3.0
BOOTSTRAPPED = (0, PARTLY)
LAST_TO_STOP = ("prefect", "postgres")


class Stack:
    """The processes of one embedded stack, owned by this process.

    Use as a context manager: leaving it always stops every process that was started.
    The caller holds the lock of ``layout.state``.
    """

    def __init__(self, layout: Layout, say: Callable[[str], None]) -> None:
        self.layout = layout
        self._say = say
        self._children: dict[str, Child] = {}
        self._programs: dict[str, Program] = {}
        self._restarts = Restarts()
        self._not_rotated: set[str] = set()
        self._began = time.monotonic()
        self._started = datetime.now(UTC)
        self._http = httpx.Client(trust_env=False, timeout=10)
        self._record = Record(
            supervisor=Identity.of(os.getpid()),
            url=layout.url,
            prefect_url=layout.prefect_url,
            prefect_api_url=layout.prefect_api_url,
        )

    def __enter__(self) -> "Stack":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start everything, and return when all of it is ready.

        Python programs spend most of their start on imports, so those that need the Prefect
        server load beside it and wait for it by themselves.

        Raises:
            EmbeddedError: A process ended or did not become ready; the text has its log's end.
        """
        layout = self.layout = credentials.prepared(self.layout)
        shutil.rmtree(layout.scratch, ignore_errors=True)
        layout.make_folders()
        self._record.write(layout.state)
        postgres.initialise(layout)
        self._spawn(services.postgres_program(layout))
        self._until("postgres", lambda: postgres.accepts_connections(layout))
        for program in services.python_programs(layout):
            self._spawn(program)
        self._until("prefect", lambda: self._answers(f"{layout.prefect_api_url}/ready"))
        self._until("bootstrap", self._bootstrapped)
        self._warn_of_processes()
        self._until("worker", self._worker_polls)
        self._until("pygeoapi", lambda: self._answers(f"{layout.local_url}/healthz"))
        self._record.ready = True
        self._record.write(layout.state)

    def watch(self) -> None:
        """Return never: start again what ends, unless that happens too often.

        Raises:
            ChildDied: Says which has ended ``MOST_ENDS`` times within a minute, with the end of
                its log.
        """
        while True:
            self._look()
            time.sleep(WATCH_SECONDS)

    def stop(self) -> None:
        """End every process: what uses the server before the server, the database last."""
        signals.ignore()
        self._http.close()
        last = [self._children[name] for name in LAST_TO_STOP if name in self._children]
        end_children([c for c in self._children.values() if c not in last], STOP_SECONDS)
        # A job has its own session and may outlive its worker; it still reports its end.
        spared = {p.pid for c in last for p in family([c.identity])}
        jobs = [p for p in marked(str(self.layout.state)) if p.pid not in spared]
        end(jobs, signal.SIGTERM, STOP_SECONDS)
        for child in last:
            end_children([child], STOP_SECONDS)
        clean_up(self.layout)

    def _look(self) -> None:
        """Check all processes and their logs once; a full disk is reported and not fatal."""
        for child in self._ended():
            self._note_end(child, _how(child))
        for name in self._restarts.take_due(time.monotonic()):
            self._restart(self._programs[name])
        for child in self._children.values():
            self._rotate(child)

    def _restart(self, program: Program) -> None:
        try:
            child = self._start(program, again=True)
        except OSError as error:
            self._note_end(self._children[program.name], f"cannot be started ({error})")
            return
        self._tell(f"{program.name} was restarted, process {child.process.pid}")
        try:
            self._record.write(self.layout.state)
        except OSError as error:  # "stop" finds the process by its mark
            self._tell(f"the record of the stack cannot be written ({error})")

    def _rotate(self, child: Child) -> None:
        try:
            rotate(child.log)
        except OSError as error:
            if child.name not in self._not_rotated:
                self._tell(f"the older part of {child.log} was lost ({error})")
            self._not_rotated.add(child.name)
        else:
            self._not_rotated.discard(child.name)

    def _spawn(self, program: Program) -> None:
        self._start(program)
        self._record.write(self.layout.state)

    def _start(self, program: Program, *, again: bool = False) -> Child:
        child = spawn(
            program.name,
            program.command,
            env=program.env,
            cwd=program.cwd,
            logs=self.layout.logs,
            stop_signal=program.stop_signal,
            again=again,
        )
        self._programs[program.name] = program
        self._children[program.name] = child
        self._record.processes[program.name] = child.identity
        return child

    def _until(self, name: str, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not ready():
            self._check()
            if time.monotonic() > deadline:
                log = self._children[name].log
                raise NotReady(f"{name} was not ready after {READY_SECONDS:.0f} s\n{tail(log)}")
            time.sleep(POLL_SECONDS)
        self._say(f"  {name:<10} ready after {time.monotonic() - self._began:5.1f} s")

    def _check(self) -> None:
        """Raise if a process ended during the start: a restart would fail for the same reason."""
        for child in self._ended():
            raise ChildDied(f"{child.name} {_how(child)}. {child.log} ends:\n{tail(child.log)}")

    def _ended(self) -> list[Child]:
        """Processes that ended and should not have, except those that wait for their restart."""
        return [
            child
            for child in self._children.values()
            if child.process.poll() is not None
            and child.name not in self._restarts.waiting
            and not (child.name == "bootstrap" and child.process.returncode in BOOTSTRAPPED)
        ]

    def _note_end(self, child: Child, how: str) -> None:
        pause = self._restarts.ended(child.name, time.monotonic())
        if pause is None:
            raise ChildDied(
                f"{child.name} {how}, {MOST_ENDS} times within {WINDOW_SECONDS:.0f} s. "
                f"{child.log} ends:\n{tail(child.log)}"
            )
        self._tell(f"{child.name} {how}; restarting it in {pause:g} s")
        # Its own processes would hold what its successor needs: a port, a lock.
        remains = session(child.identity.pid, str(self.layout.state))
        end(remains, child.stop_signal, REMAINS_SECONDS)

    def _tell(self, message: str) -> None:
        with suppress(OSError):  # its own output may be on the full disk too
            self._say(f"{datetime.now():%Y-%m-%d %H:%M:%S} {message}")

    def _bootstrapped(self) -> bool:
        return self._children["bootstrap"].process.poll() in BOOTSTRAPPED

    def _warn_of_processes(self) -> None:
        """Print the processes that are not deployed, and why; the stack runs without them."""
        bootstrap = self._children["bootstrap"]
        if bootstrap.process.returncode == PARTLY:
            self._record.warning = f"Some processes cannot be used:\n{tail(bootstrap.log)}"
            self._say(self._record.warning)

    def _answers(self, url: str) -> bool:
        try:
            return self._http.get(url).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def _worker_polls(self) -> bool:
        """Return true if the worker has reported to the server since this start."""
        url = f"{self.layout.prefect_api_url}/work_pools/{POOL}/workers/filter"
        reply = self._http.post(url, json={}, auth=credentials.basic(self.layout.auth_string))
        return reply.is_success and any(
            worker["name"].startswith(services.WORKER_NAME)
            and datetime.fromisoformat(worker["last_heartbeat_time"]) >= self._started
            for worker in reply.json()
        )


def _how(child: Child) -> str:
    code = child.process.returncode
    if code >= 0:
        return f"ended with exit code {code}"
    names = {number.value: number.name for number in signal.Signals}
    return f"ended with signal {names.get(-code, -code)}"


def clean_up(layout: Layout) -> int:
    """End the processes of a stack whose supervisor died, and delete its record.

    Returns:
        The number of processes that were still there.
    """
    record = Record.read(layout.state)
    recorded = family(record.identities() if record else [])
    found = {p.pid: p for p in [*recorded, *marked(str(layout.state))]}
    left = [p for pid, p in found.items() if pid != os.getpid()]
    end(left, signal.SIGTERM, STOP_SECONDS)
    shutil.rmtree(layout.socket_dir, ignore_errors=True)
    forget(layout.state)
    return len(left)
