"""The commands ``start`` and ``stop``."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import click

from pygeoapi_prefect.embedded.credentials import FILE
from pygeoapi_prefect.embedded.errors import EmbeddedError
from pygeoapi_prefect.embedded.example import run_example
from pygeoapi_prefect.embedded.layout import Layout
from pygeoapi_prefect.embedded.processes import end, tail
from pygeoapi_prefect.embedded.record import Record, locked
from pygeoapi_prefect.embedded.signals import Stopped, raise_when_stopped
from pygeoapi_prefect.embedded.stack import STOP_SECONDS, Stack, clean_up

DETACH_SECONDS = 180.0
POLL_SECONDS = 0.1
SUPERVISOR_STOP_SECONDS = 5 * STOP_SECONDS

state_option = click.option(
    "--state",
    default=".stack",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path, resolve_path=True),
    help="Folder of all data, logs and records.",
)


@click.group()
def main() -> None:
    """Run pygeoapi, Prefect, a worker and PostgreSQL on this machine, without Docker."""


@main.command()
@click.option("--once", is_flag=True, help="Run the example job, then stop.")
@click.option(
    "--detach", is_flag=True, help="Return when everything is ready; stop it with scripts/stop."
)
@click.option("--port", default=5000, show_default=True, help="TCP port of pygeoapi.")
@click.option("--prefect-port", default=4200, show_default=True, help="TCP port of Prefect.")
@state_option
@click.option(
    "--config",
    default="pygeoapi-config.yml",
    show_default=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path, resolve_path=True),
    help="pygeoapi's configuration file.",
)
@click.option(
    "--flows",
    multiple=True,
    default=["flows"],
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path, resolve_path=True),
    help="Folder with packages of processes; may be repeated.",
)
@click.option("--public-url", envvar="PYGEOAPI_URL", show_envvar=True, help="Root of all links.")
def start(
    once: bool,
    detach: bool,
    port: int,
    prefect_port: int,
    state: Path,
    config: Path,
    flows: tuple[Path, ...],
    public_url: str | None,
) -> None:
    """Start the stack, and run until Ctrl-C."""
    if once and detach:
        raise click.UsageError("--once and --detach cannot be combined")
    layout = Layout(state, port, prefect_port, config, flows, public_url)
    try:
        if detach:
            start_detached(layout)
        else:
            run(layout, once=once)
    except EmbeddedError as error:
        raise click.ClickException(str(error)) from error


@main.command()
@state_option
def stop(state: Path) -> None:
    """Stop all processes of the stack, even if its supervisor was killed."""
    layout = Layout(state)
    try:
        record = Record.read(state)
        supervisor = record.supervisor.find() if record else None
        if supervisor is not None:
            end([supervisor], signal.SIGTERM, SUPERVISOR_STOP_SECONDS)
        left = clean_up(layout)
    except EmbeddedError as error:
        raise click.ClickException(str(error)) from error
    if supervisor is None and not left:
        click.echo(f"No stack is running in {state}")
    elif left:
        click.echo(f"Stopped the stack in {state}; {left} of its processes had no supervisor")
    else:
        click.echo(f"Stopped the stack in {state}")


def run(layout: Layout, *, once: bool) -> None:
    """Start the stack as children of this process; stop it on a signal or when a child dies.

    Raises:
        EmbeddedError: It is running already, a port is in use, or a child failed.
    """
    raise_when_stopped()
    try:
        with locked(layout.state):
            make_way(layout)
            click.echo(f"Starting the stack in {layout.state}")
            with Stack(layout, click.echo) as stack:
                stack.start()
                click.echo(describe(layout))
                if once:
                    run_example(layout.local_url, layout.flows, click.echo)
                else:
                    click.echo("Stop       Ctrl-C or scripts/stop")
                    stack.watch()
    except Stopped:
        click.echo("Stopped")


def start_detached(layout: Layout) -> None:
    """Start the supervisor in the background and return when all is ready.

    Raises:
        EmbeddedError: It is running already, a port is in use, or it did not become ready.
    """
    with locked(layout.state):
        make_way(layout)
        layout.make_folders()
    log = layout.logs / "supervisor.log"
    command = [sys.executable, "-m", "pygeoapi_prefect.embedded", "start", *arguments(layout)]
    with log.open("wb") as output:
        supervisor = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_until_ready(layout, supervisor, log)
    except BaseException:  # Ctrl-C too
        supervisor.terminate()
        raise
    if (record := Record.read(layout.state)) and record.warning:
        click.echo(record.warning)
    click.echo(describe(layout))
    click.echo("Stop       scripts/stop")


def arguments(layout: Layout) -> list[str]:
    """The options of ``start`` that say the same as ``layout``."""
    options = ["--state", str(layout.state), "--config", str(layout.config)]
    options += ["--port", str(layout.port), "--prefect-port", str(layout.prefect_port)]
    for folder in layout.flows:
        options += ["--flows", str(folder)]
    return options + (["--public-url", layout.public_url] if layout.public_url else [])


def describe(layout: Layout) -> str:
    """The addresses of a running stack, and where the password of Prefect's UI is."""
    return (
        f"pygeoapi   {layout.url}\n"
        f"Prefect UI {layout.prefect_url}\n"
        f"Password   PREFECT_API_AUTH_STRING in {layout.state / FILE}\n"
        f"Logs       {layout.logs}"
    )


def make_way(layout: Layout) -> None:
    """End what an earlier stack left in the same folder, then check the ports.

    Raises:
        EmbeddedError: A port is in use.
    """
    if left := clean_up(layout):
        click.echo(f"Ended {left} processes that an earlier stack had left in {layout.state}")
    refuse_used_ports(layout)


def refuse_used_ports(layout: Layout) -> None:
    """Check the ports before anything starts.

    Raises:
        EmbeddedError: One is in use; says which, and which option changes it.
    """
    for port, option in ((layout.port, "--port"), (layout.prefect_port, "--prefect-port")):
        if not is_free(port):
            raise EmbeddedError(f"Port {port} is in use. Choose another one with {option} N.")


def is_free(port: int) -> bool:
    """Return true if nothing listens on ``port`` of 127.0.0.1 or of all addresses."""
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            return False
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _wait_until_ready(layout: Layout, supervisor: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + DETACH_SECONDS
    while not _is_ready(layout, supervisor.pid):
        if supervisor.poll() is not None:
            raise EmbeddedError(f"The stack did not start:\n{tail(log)}")
        if time.monotonic() > deadline:
            raise EmbeddedError(f"The stack was not ready in time:\n{tail(log)}")
        time.sleep(POLL_SECONDS)


def _is_ready(layout: Layout, supervisor: int) -> bool:
    record = Record.read(layout.state)
    return record is not None and record.ready and record.supervisor.pid == supervisor
