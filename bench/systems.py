"""Ours and Prefect's stock worker: one server, one store, the same deployments."""

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench.running import Running
from pygeoapi_prefect.embedded import credentials, services
from pygeoapi_prefect.embedded.layout import POOL, QUEUE, Layout

NOTHING: Mapping[str, Any] = {}
HERE = Path(__file__).parent
STOCK_LIMIT = 4  # without one, a burst would start as many interpreters as it has jobs
TUNED_COMMAND = "python -m prefect.engine"


@dataclass(frozen=True)
class System:
    """A system to measure, and the processes that it runs.

    Attributes:
        name: Key in the results.
        title: Heading in tables.
        start: Starts it in a folder; the context's end stops it.
        job: Process of jobs, on a worker where the system has one.
        vanilla: Unmodified pygeoapi process that runs in the web process.
        fast: Whether a job ends in well under a second.
        dismissible: Process that runs until it is stopped, if dismissing works.
        worker: Whether it has a worker at all.
    """

    name: str
    title: str
    start: Callable[[Path], AbstractContextManager[Running]]
    job: str = "simple-flow"
    vanilla: str | None = "hello-world"
    fast: bool = False
    dismissible: str | None = "bench-sleep"
    worker: bool = True


def write_config(path: Path, manager: Mapping[str, Any] = NOTHING) -> None:
    """The repository's configuration, and a process that can be dismissed.

    Args:
        path: File to write.
        manager: Further keys of ``server.manager``.
    """
    config = yaml.safe_load((HERE.parent / "pygeoapi-config.yml").read_text())
    config["server"]["manager"] |= manager
    like = config["resources"]["simple-flow"]["processor"]["prefect"]
    config["resources"]["bench-sleep"] = {
        "type": "process",
        "processor": {"name": "bench_sleep.process.BenchSleepProcessor", "prefect": like},
    }
    path.write_text(yaml.safe_dump(config, width=1000))


def layout_in(state: Path, manager: Mapping[str, Any] = NOTHING) -> Layout:
    """A layout with free ports and the benchmark's configuration."""
    state.mkdir(parents=True, exist_ok=True)
    write_config(state / "config.yml", manager)
    port, prefect_port = free_ports()
    flows = (HERE.parent / "flows", HERE / "flows")
    return credentials.prepared(Layout(state, port, prefect_port, state / "config.yml", flows))


def free_ports() -> tuple[int, int]:
    """Two TCP ports of 127.0.0.1 that nothing uses now."""
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]


@contextmanager
def ours(state: Path, manager: Mapping[str, Any] = NOTHING) -> Iterator[Running]:
    """The embedded stack as ``scripts/start`` runs it, with further keys of ``server.manager``."""
    with _stack(state, manager) as running:
        _set_command(running, None)
        layout = running.layout
        env = services.worker_environment(layout)
        _start_worker(running, services.worker_command(layout), env)
        yield running


@contextmanager
def stock_default(state: Path) -> Iterator[Running]:
    """Prefect's process worker with its defaults, a limit apart."""
    with _stack(state) as running:
        _set_command(running, None)
        _start_worker(running, *_stock(running.layout))
        yield running


@contextmanager
def stock_tuned(state: Path) -> Iterator[Running]:
    """Prefect's process worker that polls each half second and starts one interpreter per run."""
    with _stack(state) as running:
        _set_command(running, TUNED_COMMAND)
        command, env = _stock(running.layout)
        _start_worker(running, command, env | {"PREFECT_WORKER_QUERY_SECONDS": "0.5"})
        yield running


@contextmanager
def _stack(state: Path, manager: Mapping[str, Any] = NOTHING) -> Iterator[Running]:
    """Everything but the worker."""
    with Running(layout_in(state, manager)) as running:
        layout = running.layout
        running.engine()
        web, own = services.web_environment(layout), services.bootstrap_environment(layout)
        running.run("bootstrap", services.bootstrap_command(layout), own)
        running.web(services.web_command(layout), web)
        yield running


def _stock(layout: Layout) -> tuple[list[str], dict[str, str]]:
    command = [*services.preloaded("prefect", "prefect.cli.worker"), "worker", "start"]
    command += ["--pool", POOL, "--work-queue", QUEUE, "--type", "process"]
    command += ["--name", services.WORKER_NAME, "--install-policy", "never"]
    command += ["--limit", str(STOCK_LIMIT)]
    return command, services.client_environment(layout) | {"TMPDIR": str(layout.scratch)}


def _start_worker(running: Running, command: list[str], env: dict[str, str]) -> None:
    path = f"/work_pools/{POOL}/workers/filter"
    # A worker's clock and the server's are this machine's: newer than now is since this start.
    known = {w["name"]: w["last_heartbeat_time"] for w in _workers(running, path)}
    child = running.spawn("worker", command, env)
    running.until(
        child,
        lambda: any(
            known.get(w["name"]) != w["last_heartbeat_time"] for w in _workers(running, path)
        ),
    )


def _workers(running: Running, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = running.prefect("POST", path, {}).json()
    return found


def _set_command(running: Running, command: str | None) -> None:
    """Set the default of the pool's job variable ``command``; the deployments stay as they are."""
    path = f"/work_pools/{POOL}"
    template = running.prefect("GET", path).json()["base_job_template"]
    template["variables"]["properties"]["command"]["default"] = command
    running.prefect("PATCH", path, {"base_job_template": template})
