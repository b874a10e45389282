"""The embedded stack as a test sees it: started and stopped by its public command."""

import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from pygeoapi_prefect.embedded.credentials import basic
from pygeoapi_prefect.embedded.processes import Identity
from pygeoapi_prefect.embedded.record import Record
from support import credentials
from support.names import guarded
from support.polling import wait_for
from support.receiver import ADDRESS

REPOSITORY = Path(__file__).parents[2]
TEST_PROCESSES = REPOSITORY / "tests" / "processes"
START_SECONDS = 150
ACTIVE = ("accepted", "running")


@dataclass(frozen=True)
class RunningStack:
    """Addresses and helpers of a running stack.

    Attributes:
        url: Address of pygeoapi.
        prefect_url: Address of the Prefect UI.
        prefect_api_url: Address of Prefect's API.
        state: Folder of its data and logs.
        config: pygeoapi's configuration that it runs with.
        client: HTTP client with ``url`` as base.
        prefect: HTTP client with ``prefect_api_url`` as base, and its credentials.
    """

    url: str
    prefect_url: str
    prefect_api_url: str
    state: Path
    config: Path
    client: httpx.Client
    prefect: httpx.Client

    @property
    def processes(self) -> dict[str, Identity]:
        """The stack's own processes by name, the supervisor included."""
        record = Record.read(self.state)
        assert record is not None
        return {"supervisor": record.supervisor, **record.processes}

    def log(self, name: str) -> str:
        """What a process has written so far."""
        return (self.state / "logs" / f"{name}.log").read_text(errors="replace")

    def submit(self, process_id: str, inputs: dict[str, Any], **request: Any) -> str:
        """Execute a process asynchronously; the id of its job."""
        reply = self.client.post(
            f"/processes/{process_id}/execution",
            json={"inputs": inputs, **request},
            headers={"Prefer": "respond-async"},
        )
        assert reply.status_code == 201, reply.text
        return str(reply.json()["jobID"])

    def job(self, job_id: str) -> dict[str, Any]:
        """The statusInfo of a job."""
        reply = self.client.get(f"/jobs/{job_id}", params={"f": "json"})
        assert reply.status_code == 200, reply.text
        job: dict[str, Any] = reply.json()
        return job

    def wait_until(self, job_id: str, *statuses: str, timeout: float = 60) -> dict[str, Any]:
        """The statusInfo of a job as soon as it has one of these statuses."""

        def reached() -> dict[str, Any] | None:
            job = self.job(job_id)
            return job if job["status"] in statuses else None

        job = wait_for(reached, timeout, lambda: f"{statuses}; the job is {self.job(job_id)}")
        assert job is not None
        return job

    def wait_until_done(self, job_id: str, timeout: float = 60) -> dict[str, Any]:
        """The final statusInfo of a job."""
        return self.wait_until(job_id, "successful", "failed", "dismissed", timeout=timeout)

    def close(self) -> None:
        """Close the clients."""
        self.client.close()
        self.prefect.close()


def connect(state: Path, config: Path) -> RunningStack:
    """The stack that runs in ``state``."""
    record = Record.read(state)
    assert record is not None, f"no stack runs in {state}"
    return RunningStack(
        url=record.url,
        prefect_url=record.prefect_url,
        prefect_api_url=record.prefect_api_url,
        state=state,
        config=config,
        client=httpx.Client(base_url=record.url, timeout=60, trust_env=False),
        prefect=httpx.Client(
            base_url=record.prefect_api_url,
            auth=basic(credentials.of(state)),
            timeout=30,
            trust_env=False,
        ),
    )


def start(state: Path, config: Path) -> None:
    """Start a stack; this process and those that it starts use the secret of its Prefect."""
    credentials.give(state)
    started = run(command("start", state, "--detach", *options(config)))
    assert started.returncode == 0, started.stdout
    credentials.take(state)


def command(verb: str, state: Path, *options: str) -> list[str]:
    """The public command line of the embedded stack."""
    return [
        sys.executable,
        "-m",
        "pygeoapi_prefect.embedded",
        verb,
        "--state",
        str(state),
        *options,
    ]


def options(config: Path, port: int | None = None, prefect_port: int | None = None) -> list[str]:
    """Options of ``start``: free ports unless given, and the processes of the tests."""
    return [
        *("--port", str(port or free_port()), "--prefect-port", str(prefect_port or free_port())),
        *("--config", str(config)),
        *("--flows", str(REPOSITORY / "flows"), "--flows", str(TEST_PROCESSES)),
    ]


def run(line: list[str], timeout: float = START_SECONDS) -> subprocess.CompletedProcess[str]:
    """Run a command in the repository, with its output captured in one stream."""
    return subprocess.run(
        line,
        cwd=REPOSITORY,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        check=False,
    )


def environment() -> dict[str, str]:
    """This process's environment without settings that were meant for another stack."""
    kept = {key: value for key, value in os.environ.items() if key != "PYGEOAPI_URL"}
    return guarded(kept | {"OUTGOING_ALLOWED_HOSTS": ADDRESS})


def write_config(path: Path) -> None:
    """Write the repository's configuration with the resources of the tests added to its own."""
    config = yaml.safe_load((REPOSITORY / "pygeoapi-config.yml").read_text())
    for file in sorted(TEST_PROCESSES.glob("*.yml")):
        config["resources"] |= yaml.safe_load(file.read_text())["resources"]
    path.write_text(yaml.safe_dump(config, width=1000))


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nothing uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
