"""The commands ``run``, ``soak``, ``waiting``, ``access`` and ``report``; see ``scripts/bench``."""

import json
import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import click

from bench.access import access as run_access
from bench.client import BenchError
from bench.goals import verdicts
from bench.plan import PROFILES
from bench.plot import draw
from bench.report import goals_table, memory_section, numbers_table, page
from bench.run import SYSTEMS, quiet_enough
from bench.run import run as run_all
from bench.soak import soak as run_soak
from bench.waiting import waiting as run_waiting

HERE = Path(__file__).parent
RESULTS = HERE / "results"
DOCS = HERE.parent / "docs"
PLOT = "performance.svg"
NAMES = [system.name for system in SYSTEMS]

state_option = click.option(
    "--state",
    default=".stack-bench",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path, resolve_path=True),
    help="Folder of the systems' data; removed before and after.",
)


def recorded(
    name: str, output: Path | None, measure: Callable[[], dict[str, Any]]
) -> tuple[dict[str, Any], Path]:
    """Measure, and write the results file; returns both."""
    try:
        record = measure()
    except BenchError as error:
        raise click.ClickException(str(error)) from error
    file = output or results_file(name)
    write(file, record)
    return record, file


@click.group()
def main() -> None:
    """Measure this stack beside its peers, on this machine only."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


@main.command()
@click.option("--profile", type=click.Choice(sorted(PROFILES)), default="full", show_default=True)
@click.option("--quick", is_flag=True, help="The same as --profile quick.")
@click.option("--only", multiple=True, type=click.Choice(NAMES), help="Measure these alone.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Results file.")
@state_option
def run(profile: str, quick: bool, only: tuple[str, ...], output: Path | None, state: Path) -> None:
    """Measure everything and write the results file."""
    if not quiet_enough(os.getloadavg()[0], os.cpu_count()):
        click.echo("The machine is busy: do not keep these numbers.", err=True)
    name = "quick" if quick else profile
    measure = partial(run_all, PROFILES[name], state, only or NAMES, click.echo)
    record, file = recorded(name, output, measure)
    click.echo(goals_table(verdicts(record["systems"])))
    click.echo(numbers_table(record["systems"]))
    for problem in record["errors"]:
        click.echo(f"Not measured: {problem}", err=True)
    click.echo(f"Written to {file}; scripts/bench report {file} makes docs/performance.md of it.")
    sys.exit(1 if record["errors"] else 0)


@main.command()
@click.option("--minutes", default=60, show_default=True, help="How long.")
@click.option("--rate", type=float, help="Jobs per second [default: half of a measured burst].")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Results file.")
@state_option
def soak(minutes: int, rate: float | None, output: Path | None, state: Path) -> None:
    """Run jobs at a steady rate, and watch the memory of each part."""
    measure = partial(run_soak, state, minutes, rate, click.echo)
    record, file = recorded("soak", output, measure)
    click.echo(f"{record['verdict']}. Written to {file}")
    if record["verdict"] not in ("ok", "too short"):
        sys.exit(1)


@main.command()
@click.option("--clients", default=200, show_default=True, help="Clients that wait for results.")
@click.option("--queued", default=500, show_default=True, help="Jobs that are queued besides.")
@click.option("--slow", default=300, show_default=True, help="Slow connections, and silent ones.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Results file.")
@state_option
def waiting(clients: int, queued: int, slow: int, output: Path | None, state: Path) -> None:
    """Time requests while many clients wait, and while others are slow."""
    measure = partial(run_waiting, state, clients, queued, slow, click.echo)
    _, file = recorded("waiting", output, measure)
    click.echo(f"Written to {file}")


@main.command()
@click.option("--requests", default=500, show_default=True, help="Requests of each kind.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Results file.")
@state_option
def access(requests: int, output: Path | None, state: Path) -> None:
    """Time requests with an API key beside the same ones without access control."""
    _, file = recorded("access", output, partial(run_access, state, requests, click.echo))
    click.echo(f"Written to {file}")


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--soak",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Results file of a soak, for the section on memory.",
)
def report(file: Path, soak: Path | None) -> None:
    """Make docs/performance.md and its picture of a results file."""
    record = json.loads(file.read_text())
    (DOCS / PLOT).write_text(draw(record["systems"]))
    text = page(record, file.name, PLOT)
    if soak is not None:
        text += memory_section(json.loads(soak.read_text()), soak.name)
    (DOCS / "performance.md").write_text(text)
    click.echo(f"Wrote docs/performance.md and docs/{PLOT}")


def results_file(kind: str) -> Path:
    """File for the results, named for the day, the machine's size and what was run."""
    machine = os.uname()
    size = f"{machine.sysname}-{machine.machine}-{os.cpu_count()}cpu".lower()
    return RESULTS / f"{datetime.now(UTC):%Y-%m-%d}-{size}-{kind}.json"


def write(file: Path, record: dict[str, Any]) -> None:
    """Write a results file."""
    file.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
