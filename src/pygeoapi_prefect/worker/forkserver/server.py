"""The fork server: a process of one thread that has the libraries imported and forks the jobs.

It talks to nobody but its worker: no Prefect client, no block, no socket that a child could share.
When the worker is gone, it ends all jobs, so that nobody waits for a dead worker's jobs in vain.

``python -m pygeoapi_prefect.worker.forkserver.server FD PROGRAM``; FD is one end of a socket pair,
PROGRAM the name of the module that the children run (``Program``).
"""

import gc
import os
import selectors
import shutil
import signal
import socket
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn, Protocol, cast

from pygeoapi_prefect.worker.forkserver import process_tree, protocol
from pygeoapi_prefect.worker.forkserver.memory import MemoryWatch
from pygeoapi_prefect.worker.forkserver.output import Output, Target

# The child sends SIGTERM itself: of two signals from outside, the second may reach another thread
# of it, and be first or not wake the main one.
MEANING: dict[protocol.Signal, signal.Signals] = {
    "cancel": signal.SIGUSR1,
    "hand-back": signal.SIGUSR2,
}
READ_BYTES = 1 << 20


class Program(Protocol):
    """The module that the children run.

    Attributes:
        PRELOAD: Modules to import before the first fork.
    """

    PRELOAD: Sequence[str]

    def warm(self) -> None:
        """Prepare once what every child would otherwise prepare."""

    def prepare(self, env: Mapping[str, str | None]) -> object:
        """Make what a child with these changes to its environment needs, here in its parent.

        Raises:
            Exception: No child can run with this environment; the worker is told.
        """

    def main(self, job: protocol.Job, prepared: Any) -> NoReturn:
        """Run a job in the child, with the result of ``prepare``, and end the process."""


def thread_count() -> int:
    """Threads of this process, also those that Python does not know of (Linux)."""
    tasks = Path("/proc/self/task")
    return sum(1 for _ in tasks.iterdir()) if tasks.exists() else threading.active_count()


class StartsThread(Exception):
    """A module starts a thread when it is imported: forking would not be safe any more."""


def preload(modules: Iterable[str]) -> None:
    """Import what jobs need; a module that cannot be imported is left to the jobs.

    Raises:
        StartsThread: The argument is the module's name.
    """
    for name in modules:
        with suppress(Exception):
            import_module(name)
        if thread_count() != 1:
            raise StartsThread(name)


def first_message(connection: socket.socket, unpacker: protocol.Unpacker) -> dict[str, object]:
    """Receive the worker's first message; it sends no other before the answer.

    Raises:
        ConnectionError: The worker is gone.
    """
    while data := connection.recv(READ_BYTES):
        for message in unpacker.feed(data):
            return message
    raise ConnectionError("no worker")


class Server:
    """Forks a child for each job, and reports to the worker how it ended.

    Args:
        connection: The end of the socket pair that is ours.
        program: The module that the children run.
    """

    def __init__(self, connection: socket.socket, program: Program) -> None:
        self._program = program
        self._connection = connection
        self._jobs: dict[int, protocol.Job] = {}
        self._outputs: dict[int, Output] = {}
        self._target = Target()
        self._memory = MemoryWatch()
        self._over_memory: set[int] = set()
        self._wake_read, self._wake_write = os.pipe()
        for fd in (self._wake_read, self._wake_write):
            os.set_blocking(fd, False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(connection, selectors.EVENT_READ)
        self._selector.register(self._wake_read, selectors.EVENT_READ)

    def serve(self) -> None:
        """Fork until the worker ends."""
        process_tree.adopt()
        signal.set_wakeup_fd(self._wake_write)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # the wake-up is what counts
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # our end is the worker's end
        unpacker = protocol.Unpacker()
        self._say(ready=os.getpid())
        while True:
            events = self._selector.select(self._watch_memory())
            # Outputs first: the end of a job closes its output, and its number is used again.
            for key, _ in sorted(events, key=lambda event: event[0].data is None):
                if isinstance(key.data, Output):
                    if key.data.copy() == 0:
                        self._selector.unregister(key.fileobj)
                    continue
                if key.fileobj is not self._connection:
                    with suppress(BlockingIOError):
                        os.read(self._wake_read, READ_BYTES)
                    self._reap()
                    continue
                data = self._receive()
                if not data:
                    return
                for message in unpacker.feed(data):
                    self._handle(message)

    def _watch_memory(self) -> float | None:
        """End the jobs that use too much memory; seconds until the next look, if one is needed."""
        limits = {pid: job.memory_limit_mb for pid, job in self._jobs.items()}
        watched = {
            pid: limit
            for pid, limit in limits.items()
            if limit is not None and pid not in self._over_memory
        }
        if not watched:
            return None
        if not self._memory.pause():
            for pid in self._memory.exceeding(watched):
                self._over_memory.add(pid)
                self._kill(pid, signal.SIGKILL)
        return self._memory.pause()

    def abandon(self) -> None:
        """End all jobs and their processes, and remove their folders."""
        for pid in self._jobs:
            self._kill(pid, signal.SIGKILL)
        process_tree.end_all(())
        for job in self._jobs.values():
            shutil.rmtree(job.scratch, ignore_errors=True)

    def _receive(self) -> bytes:
        try:
            return self._connection.recv(READ_BYTES)
        except ConnectionError:
            return b""

    def _handle(self, message: dict[str, object]) -> None:
        if "run" in message:
            self._fork(protocol.Job.from_json(message["run"]))  # type: ignore[arg-type]
        else:
            self._signal(str(message["id"]), message["signal"])  # type: ignore[arg-type]

    def _fork(self, job: protocol.Job) -> None:
        try:
            prepared = self._program.prepare(job.env)
            if thread_count() != 1:
                raise RuntimeError("the fork server has more than one thread")
            output = Output(self._target)
            pid = self._forked(output)
        except Exception as error:  # a wrong setting, no memory, no process left
            self._say(exited=job.id, error=f"{type(error).__name__}: {error}")
            return
        if pid == 0:
            self._become_child(job, prepared, output)
        output.keep()
        self._selector.register(output.reading, selectors.EVENT_READ, output)
        self._jobs[pid], self._outputs[pid] = job, output
        self._say(started=job.id, pid=pid)

    @staticmethod
    def _forked(output: Output) -> int:
        try:
            return os.fork()
        except OSError:
            output.keep()
            output.close()
            raise

    def _become_child(self, job: protocol.Job, prepared: object, output: Output) -> NoReturn:
        try:
            output.become()
            for other in self._outputs.values():
                os.close(other.reading)
            signal.set_wakeup_fd(-1)
            self._selector.close()
            self._connection.close()
            os.close(self._wake_read)
            os.close(self._wake_write)
            self._program.main(job, prepared)
        finally:
            os._exit(protocol.EXIT_ERROR)

    def _signal(self, run_id: str, what: protocol.Signal) -> None:
        for pid, job in self._jobs.items():
            if job.id == run_id:
                if what in MEANING:
                    with suppress(ProcessLookupError):
                        os.kill(pid, MEANING[what])
                else:
                    self._kill(pid, signal.SIGKILL)

    @staticmethod
    def _kill(pid: int, number: signal.Signals) -> None:
        try:
            os.killpg(pid, number)
        except ProcessLookupError:  # it has no separate session yet
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _reap(self) -> None:
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None:
                return
            # Not reaped yet, so the number is still its own: end what it has left behind.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(ended.si_pid, signal.SIGKILL)
            pid, status, usage = os.wait4(ended.si_pid, 0)
            process_tree.end(self._jobs)
            job = self._jobs.pop(pid, None)
            if job is not None:
                self._end_output(self._outputs.pop(pid))
                self._say(
                    exited=job.id,
                    code=os.waitstatus_to_exitcode(status),
                    cpu=round(usage.ru_utime + usage.ru_stime, 3),
                    memory_mb=usage.ru_maxrss // 1024,
                    is_over_memory=pid in self._over_memory,
                )
            self._over_memory.discard(pid)

    def _end_output(self, output: Output) -> None:
        with suppress(KeyError):  # it has been read to its end
            self._selector.unregister(output.reading)
        output.close()

    def _say(self, **message: object) -> None:
        with suppress(ConnectionError):  # the worker ended: the next read reports it
            self._connection.sendall(protocol.pack(message))


def main() -> None:
    """Run the command line given in ``sys.argv``."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    gc.disable()
    wanted = first_message(connection, protocol.Unpacker())["preload"]
    try:
        preload([sys.argv[2]])
        program = cast(Program, import_module(sys.argv[2]))
        preload([*program.PRELOAD, *wanted])  # type: ignore[misc]
    except StartsThread as error:
        refused = {"refused": str(error), "reason": "starts a thread when it is imported"}
        connection.sendall(protocol.pack(refused))
        raise SystemExit(1) from None
    program.warm()
    gc.collect()
    gc.freeze()  # the garbage collector of a child leaves the shared memory alone
    gc.enable()
    server = Server(connection, program)
    try:
        server.serve()
    finally:
        server.abandon()


if __name__ == "__main__":
    main()
