"""Starting, identifying and ending processes; never by name.

A process is known by its id together with its start time (ids are used again), and every process
of a stack, however deep, carries the stack's folder in its environment (``MARK``).
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

MARK = "PYGEOAPI_PREFECT_EMBEDDED"
"""Environment variable that every process of a stack inherits: the stack's folder."""

TAIL_LINES = 25
LOG_BYTES = 16 << 20
CLOCK_TOLERANCE = 2.0  # seconds; the start time follows corrections of the system's clock


@dataclass(frozen=True)
class Identity:
    """Identity of a process, different from a later one with the same id.

    Attributes:
        pid: Process id.
        started: Start time in seconds since 1970.
    """

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> "Identity":
        """Identity of a running process.

        Raises:
            psutil.NoSuchProcess: There is none.
        """
        return cls(pid, psutil.Process(pid).create_time())

    def find(self) -> psutil.Process | None:
        """The process, if it still runs."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) <= CLOCK_TOLERANCE
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.Error:
            return None


@dataclass(frozen=True)
class Child:
    """A process of the stack.

    Attributes:
        name: What it is called in messages and in its log's name.
        process: Handle of the process.
        identity: Id and start time, to be recorded.
        log: File that its output goes to.
        stop_signal: Signal that makes it end in good order.
    """

    name: str
    process: subprocess.Popen[bytes]
    identity: Identity
    log: Path
    stop_signal: signal.Signals = signal.SIGTERM

    def ended(self) -> bool:
        """Return true if the process has ended."""
        return self.process.poll() is not None


def spawn(
    name: str,
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    cwd: Path,
    logs: Path,
    stop_signal: signal.Signals = signal.SIGTERM,
    again: bool = False,
) -> Child:
    """Start a process in its own session, so that Ctrl-C reaches only the supervisor.

    Args:
        name: What it is called in messages and in its log's name.
        command: Command line.
        env: Environment.
        cwd: Working directory.
        logs: Folder of its log.
        stop_signal: Signal that makes it end in good order.
        again: Whether it goes on with the log of its predecessor, which tells why that has ended.
    """
    log = logs / f"{name}.log"
    if log.exists() and not again:
        log.replace(log.with_suffix(".log.1"))
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Child(name, process, Identity.of(process.pid), log, stop_signal)


def rotate(log: Path, limit: int = LOG_BYTES) -> None:
    """Move the content of a log that has grown too large to ``.log.1``, which it replaces.

    The file itself stays: its process, and what that has started, go on appending to it. What they
    write in the microseconds between the end of the copy and the cut is lost.

    Raises:
        OSError: The content could not be kept, as on a full disk; the log is cut all the same,
            which gives the space back, unless it cannot even be opened.
    """
    if not log.exists() or log.stat().st_size <= limit:
        return
    with log.open("rb+") as content:
        try:
            with log.with_suffix(".log.1").open("wb") as old:
                shutil.copyfileobj(content, old, 1 << 20)
        except OSError:
            content.truncate(0)
            raise
        content.truncate(0)


def tail(log: Path, lines: int = TAIL_LINES) -> str:
    """The end of a log, indented for a message."""
    try:
        text = log.read_text(errors="replace")
    except OSError as error:
        return f"  (cannot read {log}: {error})"
    return "\n".join(f"  {line}" for line in text.splitlines()[-lines:]) or "  (its log is empty)"


def marked(mark: str) -> list[psutil.Process]:
    """All processes that carry ``mark``, except this one and those that started it."""
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    return [p for p in psutil.process_iter() if p.pid not in own and _carries(p, mark)]


def _carries(process: psutil.Process, mark: str) -> bool:
    try:
        return bool(
            process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE
        )
    except (psutil.Error, OSError):  # gone meanwhile, or another user's
        return False


def session(leader: int, mark: str) -> list[psutil.Process]:
    """Processes that carry ``mark`` and are left of the session of an ended process."""
    return [process for process in marked(mark) if _session_of(process.pid) == leader]


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:  # gone meanwhile
        return None


def family(identities: Iterable[Identity]) -> list[psutil.Process]:
    """Running processes among these and all that they have started."""
    found = []
    for identity in identities:
        process = identity.find()
        try:
            found += [process, *process.children(recursive=True)] if process else []
        except psutil.NoSuchProcess:  # ended meanwhile
            continue
    return found


def end(processes: Sequence[psutil.Process], signal_: signal.Signals, grace: float) -> None:
    """Send a signal, wait ``grace`` seconds, and kill the remaining processes."""
    for process in processes:
        _send(process, signal_)
    _, alive = psutil.wait_procs(processes, timeout=grace)
    for process in alive:
        _send(process, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=5)


def end_children(children: Sequence[Child], grace: float) -> None:
    """End processes of our own, each with its own signal, all at the same time."""
    for child in children:
        if not child.ended():
            child.process.send_signal(child.stop_signal)
    deadline = time.monotonic() + grace
    for child in children:
        try:
            child.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.process.kill()
            child.process.wait()


def _send(process: psutil.Process, signal_: signal.Signals) -> None:
    try:
        process.send_signal(signal_)
    except psutil.Error:  # gone meanwhile
        return
