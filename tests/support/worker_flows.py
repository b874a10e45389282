"""Flows that try a worker; this file is what the worker downloads and loads."""

import contextlib
import ctypes
import io
import json
import logging
import mmap
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger, task, unmapped
from prefect.cache_policies import INPUTS, NO_CACHE
from prefect.logging.loggers import flow_run_logger
from prefect.task_runners import ProcessPoolTaskRunner
from pygeoapi.models.processes import JobStatusInfoInternal

VERSION = "1"
LARGE, PIECE = 400 << 20, 1 << 20


def note(folder: str, job_id: str, **facts: Any) -> int:
    """Write down that the job was started, and how; how often that was so."""
    path = Path(folder, f"{job_id}.jsonl")
    with path.open("a") as file:
        file.write(json.dumps({"pid": os.getpid(), "version": VERSION, **facts}) + "\n")
    return len(path.read_text().splitlines())


def sockets() -> list[str]:
    """The sockets of this process, as the kernel names them."""
    links = (str(fd.readlink()) for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink())
    return sorted(link for link in links if link.startswith("socket:"))


def sleep(folder: str, job_id: str) -> None:
    helper = subprocess.Popen(["sleep", "600"])
    note(folder, job_id, helper=helper.pid)
    time.sleep(600)


def escape(folder: str, job_id: str) -> None:
    helper = subprocess.Popen(["sleep", "600"], start_new_session=True)
    note(folder, job_id, helper=helper.pid)
    time.sleep(600)


def leave_behind(folder: str, job_id: str) -> None:
    script = "setsid sleep 600 >/dev/null & echo $!"  # its parent, the shell, ends at once
    shell = subprocess.run(["sh", "-c", script], stdout=subprocess.PIPE, check=True, text=True)
    note(folder, job_id, helper=int(shell.stdout))


def spin(folder: str, job_id: str) -> None:
    note(folder, job_id)
    while True:
        pass


def stubborn(folder: str, job_id: str) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    note(folder, job_id)
    time.sleep(600)


def sleep_at_first(folder: str, job_id: str) -> None:
    if note(folder, job_id) == 1:
        time.sleep(600)


def fail_at_first(folder: str, job_id: str) -> None:
    if note(folder, job_id) == 1:
        raise OSError("not yet")


def span(folder: str, job_id: str) -> None:
    note(folder, job_id, began=time.time())
    time.sleep(0.5)
    note(folder, job_id, ended=time.time())


def linger(folder: str, job_id: str) -> None:
    """Run until there is a file that lets it go."""
    note(folder, job_id)
    while not Path(folder, f"{job_id}.go").exists():
        time.sleep(0.05)


def nap(folder: str, job_id: str) -> None:
    note(folder, job_id)
    time.sleep(1.5)


def greedy(folder: str, job_id: str) -> None:
    note(folder, job_id)
    hoard = [bytearray(16 << 20) for _ in range(64)]
    time.sleep(600)
    note(folder, job_id, blocks=len(hoard))


def share(folder: str, job_id: str) -> None:
    """Fill memory that is mapped as shared, as ``multiprocessing.shared_memory`` has it."""
    note(folder, job_id)
    hoard = mmap.mmap(-1, LARGE)
    for start in range(0, LARGE, PIECE):
        hoard[start : start + PIECE] = b"x" * PIECE
    time.sleep(600)


def delegate(folder: str, job_id: str) -> None:
    """Let a process in a session of its own, of a parent that has ended, use the memory."""
    code = f"import time; hoard = b'x' * {LARGE}; time.sleep(600)"
    script = 'setsid "$0" -c "$1" >/dev/null & echo $!'
    shell = subprocess.run(
        ["sh", "-c", script, sys.executable, code], stdout=subprocess.PIPE, check=True, text=True
    )
    note(folder, job_id, helper=int(shell.stdout))
    time.sleep(600)


def map_file(folder: str, job_id: str) -> None:
    """Read a large file through mappings, whose pages the kernel can drop; share all with forks."""
    path = Path(folder, f"{job_id}.large")
    with path.open("wb+") as file:
        for _ in range(0, LARGE, PIECE):
            file.write(b"x" * PIECE)
        file.flush()
        os.fsync(file.fileno())
        private = mmap.mmap(file.fileno(), LARGE, access=mmap.ACCESS_COPY)
        shared = mmap.mmap(file.fileno(), LARGE, access=mmap.ACCESS_READ)
        page = mmap.PAGESIZE
        assert sum(private[at] + shared[at] for at in range(0, LARGE, page)) == 240 * LARGE // page
        own = bytearray(b"x" * (60 << 20))
        forks = [os.fork() for _ in range(4)]
        if 0 in forks:
            time.sleep(1)
            os._exit(0)
        time.sleep(0.5)  # the limit is looked at meanwhile
        for pid in forks:
            os.waitpid(pid, 0)
        del own
    path.unlink()
    note(folder, job_id)


def look(folder: str, job_id: str) -> None:
    Path("left-behind").write_text("in the run's own folder")
    note(
        folder,
        job_id,
        sockets=sockets(),
        session=os.getsid(0),
        cwd=str(Path.cwd()),
        files=sorted(path.name for path in Path().iterdir()),
        sigterm_ignored=signal.getsignal(signal.SIGTERM) == signal.SIG_IGN,
        block=os.environ.get("PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK"),
        flag=os.environ.get("WORKER_TEST_FLAG"),
    )


def ok(folder: str, job_id: str) -> None:
    get_run_logger().info("A line of the flow's logger")
    print("A line of a library's print")  # noqa: T201
    note(folder, job_id)


def talk(folder: str, job_id: str) -> None:
    """Every way to say something; each line is to be in the log once."""
    logger = logging.getLogger("my_package.module")
    logger.debug("not told")
    logger.info("told by %s", "logging")
    logger.warning("a warning")
    try:
        raise KeyError("no such zone")
    except KeyError:
        logger.exception("an error")
    logger.info("%d arguments", "wrong")
    get_run_logger().info("told by Prefect's logger")
    logging.getLogger("httpx").info("machinery")
    logging.getLogger("botocore").warning("machinery in trouble")
    print("printed", 1, sep="-")  # noqa: T201
    print("two\nlines", file=sys.stderr)  # noqa: T201
    with contextlib.redirect_stdout(io.StringIO()) as text:
        print("caught")  # noqa: T201
    assert text.getvalue() == "caught\n"
    thread = threading.Thread(target=logger.info, args=("told by a thread",))
    thread.start()
    thread.join()
    told = [(pool_task.submit("a task")), (pool_task.submit("another"))]
    assert [each.result() for each in told] == ["a task", "another"]
    note(folder, job_id)


def shout(folder: str, job_id: str) -> None:
    """Write past Python: through a shell, and straight to the file descriptor."""
    os.system("echo told by a shell")
    for _ in range(3000):
        os.write(1, b"x" * 999 + b"\n")
    note(folder, job_id)


@task
def pool_task(name: str) -> str:
    logging.getLogger("my_package.tasks").info("told by %s", name)
    print("printed by", name)  # noqa: T201
    return name


HOSTILE = {
    0: "a lone surrogate \ud800 \udfff",
    1: "a NUL \0 within",
    2: "x" * 3_000_000,
    3: "escapes \x1b[31m \r\n\t \x7f",
    4: "\U0001f600 \u20ac",
    5: "",
}


def chatter(folder: str, job_id: str, lines: str = "1000") -> None:
    """Log many numbered lines, of which six in six thousand are hostile."""
    logger = logging.getLogger("my\0package\udfff")
    note(folder, job_id, before=memory_mb())
    for number in range(int(lines)):
        hostile = HOSTILE.get(number // 100 % 60, "") if number % 100 == 0 else ""
        logger.log(99_999 if number % 100 == 1 else 20, "%06d %s", number, hostile)
    note(folder, job_id, after=memory_mb())


def memory_mb() -> float:
    """Largest resident memory of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def segv(folder: str, job_id: str) -> None:
    note(folder, job_id)
    ctypes.string_at(0)


def leave(folder: str, job_id: str) -> None:
    note(folder, job_id)
    os._exit(3)


def vanish(folder: str, job_id: str) -> None:
    note(folder, job_id)
    os._exit(0)


def kill(folder: str, job_id: str) -> None:
    note(folder, job_id)
    os.kill(os.getpid(), signal.SIGKILL)


def kill_at_first(folder: str, job_id: str) -> None:
    if note(folder, job_id) == 1:
        os.kill(os.getpid(), signal.SIGKILL)


def kill_then_fail(folder: str, job_id: str) -> None:
    attempt = note(folder, job_id)
    if attempt == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if attempt == 2:
        raise OSError("not yet")


def fill(folder: str, job_id: str) -> None:
    """Write until there is no space left."""
    note(folder, job_id)
    with Path("filler").open("wb") as file:
        while True:
            file.write(bytes(PIECE))


def crowd(folder: str, job_id: str) -> None:
    """Leave no space, and keep it so."""
    with contextlib.suppress(OSError):
        fill(folder, job_id)
    note(folder, job_id)
    time.sleep(600)


def kill_parent(folder: str, job_id: str) -> None:
    note(folder, job_id)
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(600)


ACTIONS = (
    *(
        sleep,
        escape,
        leave_behind,
        spin,
        stubborn,
        sleep_at_first,
        fail_at_first,
        span,
        linger,
        nap,
        greedy,
        share,
        delegate,
        map_file,
        look,
        ok,
        shout,
        talk,
        chatter,
    ),
    *(segv, leave, vanish, kill, kill_at_first, kill_then_fail, kill_parent),
    *(fill, crowd),
)


def work(job_id: str, action: str, folder: str) -> object:
    """Do what is asked."""
    if action == "none":
        return None
    name, *arguments = action.split(":")
    functions: dict[str, Callable[..., None]] = {each.__name__: each for each in ACTIONS}
    functions[name](folder, job_id, *arguments)
    return JobStatusInfoInternal(jobID=job_id, processID="probe", status="successful")


@flow(name="worker-probe", log_prints=True)
def probe(job_id: str, action: str, folder: str) -> object:
    """A job of one attempt."""
    return work(job_id, action, folder)


@flow(name="worker-probe-quiet")
def probe_quiet(job_id: str, action: str, folder: str) -> object:
    """A job whose flow does not ask for its prints to be logged."""
    return work(job_id, action, folder)


@flow(name="worker-probe-again", retries=2)
def probe_again(job_id: str, action: str, folder: str) -> object:
    """A job that may be repeated."""
    return work(job_id, action, folder)


@task
def count(folder: str, job_id: str, number: int) -> int:
    """A task whose result is its job's: Prefect's default policy."""
    note(folder, f"{job_id}-tasks", number=number)
    return number


@task(cache_policy=NO_CACHE)
def count_anew(number: int) -> int:
    return number


@task(cache_policy=INPUTS)
def count_once(folder: str, job_id: str, number: int) -> int:
    """A task whose result is shared by jobs with the same inputs."""
    note(folder, f"{job_id}-tasks", number=number)
    return number


@flow
def below(folder: str, job_id: str) -> int:
    return count(folder, job_id, 1000)


@flow(name="worker-probe-tasks")
def probe_tasks(job_id: str, action: str, folder: str) -> object:
    """A job of many tasks."""
    attempt = note(folder, job_id)
    numbers = range(20)
    sums = [
        sum(count.map(unmapped(folder), unmapped(job_id), numbers).result()),
        sum(count_anew.map(numbers).result()),
        count_once(folder, job_id, 3),
        below(folder, job_id),
    ]
    if attempt == 1 and action == "kill_at_first":
        os.kill(os.getpid(), signal.SIGKILL)
    note(folder, f"{job_id}-sums", sums=sums)
    return JobStatusInfoInternal(jobID=job_id, processID="probe", status="successful")


PROCESSES: Any = ProcessPoolTaskRunner(max_workers=1)


@flow(name="worker-probe-processes", task_runner=PROCESSES)
def probe_processes(job_id: str, action: str, folder: str) -> object:
    """A job whose tasks run in processes of their own."""
    sums = [
        sum(count.map(unmapped(folder), unmapped(job_id), range(2)).result()),
        count_once.submit(folder, job_id, 3).result(),
    ]
    note(folder, f"{job_id}-sums", sums=sums)
    return JobStatusInfoInternal(jobID=job_id, processID="probe", status="successful")


def hooked(flow: Any, run: Any, state: Any) -> None:
    """Write down that a hook ran, and for which state."""
    flow_run_logger(run).info("A line of a hook")
    parameters = run.parameters
    note(parameters["folder"], f"{parameters['job_id']}-hooks", state=state.name)


async def hooked_async(flow: Any, run: Any, state: Any) -> None:
    hooked(flow, run, state)
    raise OSError("a hook that fails")


def block(folder: str, job_id: str) -> None:
    note(folder, job_id)
    os.system("sleep 600")


ONE: Any = [hooked]
TWO: Any = [hooked_async, hooked]


@flow(name="worker-probe-hooks", on_cancellation=TWO, on_crashed=ONE, on_failure=ONE)
def probe_hooks(job_id: str, action: str, folder: str) -> object:
    """A job with hooks."""
    if action.startswith("block"):
        block(folder, job_id)
    return work(job_id, action, folder)


@flow(name="worker-probe-async")
async def probe_async(job_id: str, action: str, folder: str) -> object:
    """A job in an event loop."""
    return work(job_id, action, folder)
