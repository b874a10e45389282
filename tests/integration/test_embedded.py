"""The embedded stack starts, watches and stops its processes, by its public command."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from pygeoapi_prefect.embedded.processes import Identity, marked
from pygeoapi_prefect.embedded.record import Record
from support import credentials
from support.polling import wait_for
from support.stack import (
    REPOSITORY,
    RunningStack,
    command,
    connect,
    environment,
    options,
    run,
    write_config,
)

START_SECONDS = 120
STOP_SECONDS = 40


@dataclass
class Attached:
    """A supervisor that is a child of the test, with its output in a file."""

    process: subprocess.Popen[bytes]
    state: Path
    output: Path

    def said(self) -> str:
        return self.output.read_text()

    def has(self, name: str) -> bool:
        """Whether it has started the process of that name."""
        record = Record.read(self.state)
        return (
            record is not None
            and record.supervisor.pid == self.process.pid
            and name in record.processes
        )

    def is_ready(self) -> bool:
        """Whether all is ready, or it has ended."""
        record = Record.read(self.state)
        return self.process.poll() is not None or (
            record is not None and record.supervisor.pid == self.process.pid and record.ready
        )

    def ends(self, timeout: float = STOP_SECONDS) -> int:
        """The exit code, once there is one."""
        return self.process.wait(timeout)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """An empty folder for a stack of the test's own; in the end nothing of it may run."""
    state = tmp_path / "state"
    state.mkdir()
    write_config(state / "config.yml")
    yield state
    run(command("stop", state))
    assert marked(str(state)) == []


@pytest.fixture
def start(state: Path) -> Iterator[Callable[..., Attached]]:
    """Starts a supervisor in that folder; what still runs after the test is stopped."""
    started: list[Attached] = []
    chosen = options(state / "config.yml")

    def start(*extra: str) -> Attached:
        output = state / f"output-{len(started)}.txt"
        with output.open("wb") as file:
            process = subprocess.Popen(
                command("start", state, *chosen, *extra),
                cwd=REPOSITORY,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                preexec_fn=ignore_interrupts,
            )
        started.append(Attached(process, state, output))
        return started[-1]

    yield start
    for supervisor in started:
        supervisor.process.terminate()
        supervisor.ends()


def ignore_interrupts() -> None:
    """What a shell does to the commands that a script puts into the background."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def test_it_is_ready_with_every_process_in_its_place(stack: RunningStack) -> None:
    assert set(stack.processes) == {
        "supervisor",
        "postgres",
        "prefect",
        "bootstrap",
        "pygeoapi",
        "worker",
    }
    assert stack.client.get("/readyz").status_code == 200
    queue = stack.prefect.get("/work_pools/pygeoapi/queues/pygeoapi").json()
    assert queue["status"] == "READY"
    assert stack.prefect.get("/work_pools/pygeoapi").json()["type"] == "process"
    deployments = stack.prefect.post("/deployments/filter", json={}).json()
    assert {"echo", "simple-flow"} <= {(d["path"] or "").split("/")[0] for d in deployments}


def test_the_prefect_ui_finds_its_api(stack: RunningStack) -> None:
    assert "<title>" in httpx.get(stack.prefect_url, follow_redirects=True).text
    settings = httpx.get(f"{stack.prefect_url}/ui-settings").json()
    assert settings["api_url"] == stack.prefect_api_url
    assert (settings["auth"], settings["csrf_enabled"]) == ("BASIC", False)


def test_nothing_listens_beyond_this_machine(stack: RunningStack) -> None:
    addresses = {
        connection.laddr.ip
        for process in marked(str(stack.state))
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert addresses == {"127.0.0.1"}


def test_a_second_start_in_the_same_folder_is_refused(stack: RunningStack) -> None:
    refused = run(command("start", stack.state, *options(stack.config)), timeout=20)

    assert refused.returncode == 1
    assert (
        f"already running: pygeoapi {stack.url}, Prefect UI {stack.prefect_url}" in refused.stdout
    )


@pytest.mark.parametrize("detach", [[], ["--detach"]])
def test_a_used_port_is_named_before_anything_starts(
    stack: RunningStack, tmp_path: Path, detach: list[str]
) -> None:
    port = httpx.URL(stack.url).port
    used = run(command("start", tmp_path, *options(stack.config, port=port), *detach), timeout=20)

    assert used.returncode == 1
    assert f"Port {port} is in use. Choose another one with --port" in used.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_stopping_where_nothing_runs_is_no_error(tmp_path: Path) -> None:
    nothing = run(command("stop", tmp_path), timeout=20)

    assert (nothing.returncode, nothing.stdout) == (0, f"No stack is running in {tmp_path}\n")


def test_a_process_that_cannot_be_loaded_keeps_no_other_from_being_served(
    state: Path,
) -> None:
    """Fault 22."""
    config = state / "config.yml"
    config.write_text(config.read_text().replace("EchoProcessor", "NoSuchProcessor"))

    started = run(command("start", state, "--detach", *options(config)))

    assert started.returncode == 0, started.stdout
    assert "Some processes cannot be used" in started.stdout
    assert "the process 'echo' is not deployed: process 'echo': cannot load" in started.stdout
    stack = connect(state, config)
    try:
        job_id = stack.submit("simple-flow", {"name": "Ann"})
        assert stack.wait_until_done(job_id)["status"] == "successful"
        ready = stack.client.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
        assert "cannot be loaded" in ready.json()["dependencies"]["process echo"]
        assert stack.client.get("/processes/echo").status_code == 503
        listed = stack.client.get("/processes", params={"limit": 1000}).json()["processes"]
        assert "echo" not in [process["id"] for process in listed]
        assert "the process 'echo' is not served: process 'echo': cannot" in stack.log("pygeoapi")
    finally:
        stack.close()


def test_an_interrupt_while_it_starts_leaves_nothing(
    state: Path, start: Callable[..., Attached]
) -> None:
    """Also when it was started with interrupts ignored, as a script's background command is."""
    supervisor = start()
    wait_for(lambda: supervisor.has("worker"), START_SECONDS, supervisor.said)

    supervisor.process.send_signal(signal.SIGINT)

    assert supervisor.ends() == 0, supervisor.said()
    assert marked(str(state)) == []
    assert Record.read(state) is None


def test_a_killed_supervisor_leaves_nothing_behind_for_long(
    state: Path, start: Callable[..., Attached]
) -> None:
    first = start()
    wait_for(lambda: first.has("worker"), START_SECONDS, first.said)
    first.process.kill()
    first.ends()
    assert len(marked(str(state))) >= 5  # orphans, as the kernel does not end them

    second = start()
    wait_for(lambda: second.has("worker"), START_SECONDS, second.said)
    assert "that an earlier stack had left" in second.said()
    second.process.kill()
    second.ends()

    stopped = run(command("stop", state))
    assert "had no supervisor" in stopped.stdout
    assert marked(str(state)) == []


PARTS = ("worker", "pygeoapi", "prefect", "postgres")


@pytest.mark.timeout(900)  # nine starts of parts of a stack
def test_a_part_that_dies_is_started_again_and_one_that_dies_on_ends_the_stack(
    stack: RunningStack, state: Path, start: Callable[..., Attached]
) -> None:
    """Fault 21; and a stack beside another one has processes and data of its own."""
    supervisor = start()
    wait_for(supervisor.is_ready, START_SECONDS, supervisor.said)
    beside = connect(state, state / "config.yml")
    assert beside.url in supervisor.said()
    assert beside.prefect_url in supervisor.said()
    job_id = beside.submit("echo", {"echo": "is busy", "pause": 120})
    beside.wait_until(job_id, "running")

    for name in PARTS:
        killed = kill(beside, name)
        wait_for(lambda: serves(beside, name, killed), START_SECONDS, supervisor.said)  # noqa: B023
        assert f"{name} ended with signal SIGKILL; restarting it in 1 s" in supervisor.said()
        assert f"{name} was restarted, process {beside.processes[name].pid}" in supervisor.said()
        job = beside.submit("echo", {"echo": f"after {name}"})
        beside.wait_until(job, "successful", timeout=120)

    while supervisor.process.poll() is None and "times within 60 s" not in supervisor.said():
        killed = kill(beside, "worker")
        wait_for(lambda: has_followed(beside, supervisor, killed), 60, supervisor.said)  # noqa: B023
    beside.close()

    assert supervisor.ends() == 1
    assert "worker ended with signal SIGKILL; restarting it in 4 s" in supervisor.said()
    assert "worker ended with signal SIGKILL, 4 times within 60 s" in supervisor.said()
    assert f"pygeoapi_job_{job_id}: claimed" in supervisor.said()  # the end of the worker's log
    assert marked(str(state)) == []  # not even a job, which has a session of its own

    assert stack.client.get("/healthz").status_code == 200
    assert stack.client.get(f"/jobs/{job_id}").status_code == 404
    secret = credentials.of(state)
    assert secret != credentials.of(stack.state)

    again = start("--once")
    wait_for(again.is_ready, START_SECONDS, again.said)
    record = Record.read(state)
    assert record is not None, again.said()
    assert httpx.get(f"{record.url}/jobs/{job_id}").status_code == 200
    assert credentials.of(state) == secret
    assert again.ends(60) == 0, again.said()
    for word in ("accepted", "running", "successful"):
        assert word in again.said()


def kill(stack: RunningStack, name: str) -> Identity:
    """Kill a part of a stack; its identity."""
    identity = stack.processes[name]
    os.kill(identity.pid, signal.SIGKILL)
    return identity


def serves(stack: RunningStack, name: str, predecessor: Identity) -> bool:
    """Whether the part's successor is there, is recorded, and the whole stack is ready with it."""
    successor = stack.processes[name]
    if successor == predecessor or successor.find() is None:
        return False
    try:
        ready = stack.client.get("/readyz").json()["status"] == "ok"
        return ready and stack.prefect.get("/ready").status_code == 200
    except httpx.TransportError:
        return False


def has_followed(stack: RunningStack, supervisor: Attached, predecessor: Identity) -> bool:
    """Whether the part's successor runs, or the stack has ended."""
    record = Record.read(stack.state)
    return (
        record is None
        or supervisor.process.poll() is not None
        or (record.processes["worker"] != predecessor)
    )
