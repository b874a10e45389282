"""Jobs at a steady rate for a long time; memory and disk of each part are sampled each minute."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx

from bench.client import BenchError, Client
from bench.folder import data_folder
from bench.measure import INPUTS, burst
from bench.plan import FULL, Counts
from bench.run import SYSTEMS, about
from bench.running import Running
from bench.usage import rss_mib, rss_of
from pygeoapi_prefect.embedded.layout import Layout

FIRST_MINUTE = 10
GROWTH = 1.1
SAMPLE_SECONDS = 60.0
CALIBRATION = Counts(sync=0, submit=0, burst=60, dismiss=0)
CLIENTS = 4
# PostgreSQL's shared memory counts for each of its connections: it grows with what was read, up to
# its setting, and with the connections.
WATCHED = ("prefect", "web", "worker", "zygote")
Sample = dict[str, float]


def soak(
    state: Path, minutes: int, rate: float | None, say: Callable[[str], None]
) -> dict[str, Any]:
    """Run jobs for some minutes.

    Args:
        state: Folder for the stack's data.
        minutes: How long.
        rate: Jobs per second; None is half of what a burst has just reached.
        say: Called with a line for each minute.
    """
    record = about(FULL) | {"profile": "soak"}
    system = SYSTEMS[0]
    with data_folder(state), system.start(state / "soak") as running:
        if rate is None:
            found = burst(running, system.job, CALIBRATION, CLIENTS)["burst_per_s"]
            rate = (found or 1.0) / 2
        say(f"{rate:.2f} jobs/s for {minutes} minutes")
        samples, disk, failed = _load(running, system.job, minutes, rate, say)
    return record | {
        "minutes": minutes,
        "rate_per_s": rate,
        "jobs": disk[-1]["jobs"],
        "failed": failed,
        "rss_mib": samples,
        "growth": growth(samples),
        "disk": disk,
        "disk_kib_per_job": disk_per_job(disk),
        "verdict": verdict(samples, failed),
    }


def growth(samples: Sequence[Mapping[str, float]], first: int = FIRST_MINUTE) -> Sample:
    """Memory at the end over memory at minute ``first``, by part.

    Raises:
        ValueError: There are not more samples than ``first``.
    """
    if len(samples) <= first:
        return {}
    early, late = samples[first - 1], samples[-1]
    return {name: late[name] / early[name] for name in late if early.get(name)}


def disk_per_job(samples: Sequence[Mapping[str, float]], first: int = FIRST_MINUTE) -> Sample:
    """KiB that each job after minute ``first`` has added to the database and to the results.

    Args:
        samples: Ended jobs and KiB of each part, by minute.
        first: Minute from which jobs count: before, tables and indexes take their first pages.
    """
    if len(samples) <= first:
        return {}
    early, late = samples[first - 1], samples[-1]
    jobs = max(1.0, late["jobs"] - early["jobs"])
    return {name: (late[name] - early[name]) / jobs for name in late if name != "jobs"}


def verdict(samples: Sequence[Mapping[str, float]], failed: int) -> str:
    """Name what grew too much or failed, else "ok"; "too short" without enough samples."""
    factors = growth(samples)
    if not factors:
        return "too short"
    grown = [
        f"{name} grew {factor:.2f}-fold"
        for name, factor in factors.items()
        if name in WATCHED and factor > GROWTH
    ]
    return "; ".join([*grown, *([f"{failed} jobs failed"] if failed else [])]) or "ok"


def sample(running: Running) -> Sample:
    """Resident memory in MiB of each part; the fork server is counted apart from its worker."""
    parts = rss_mib({name: root for name, root in running.roots.items() if name != "worker"})
    worker = {"worker": running.roots["worker"]}
    parts["worker"] = rss_of(lambda line: "--type" in line, worker)
    parts["zygote"] = rss_of(
        lambda line: any(word.endswith(".forkserver.server") for word in line), worker
    )
    return parts


def disk_sample(layout: Layout) -> Sample:
    """KiB on disk of the database, without its write-ahead log, and of the results."""
    return {"database": kib(layout.database / "base"), "results": kib(layout.results)}


def kib(folder: Path) -> float:
    """Size of all files of a folder; one that vanishes meanwhile does not count."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            total += path.stat().st_size if path.is_file() else 0
    return total / 1024


def _load(
    running: Running, process: str, minutes: int, rate: float, say: Callable[[str], None]
) -> tuple[list[Sample], list[Sample], int]:
    stop, lock = threading.Event(), threading.Lock()
    counts = {"done": 0, "failed": 0}

    def one_client() -> None:
        with Client(running.layout.local_url) as client:
            due = time.monotonic()
            while not stop.is_set():
                outcome = _one_job(client, process)
                with lock:
                    counts[outcome] += 1
                due = max(due + CLIENTS / rate, time.monotonic())
                stop.wait(due - time.monotonic())

    threads = [threading.Thread(target=one_client) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    samples, disk = [], []
    try:
        for minute in range(1, minutes + 1):
            time.sleep(SAMPLE_SECONDS)
            samples.append(sample(running))
            disk.append({"jobs": float(counts["done"])} | disk_sample(running.layout))
            parts = "  ".join(f"{name} {value:.0f}" for name, value in samples[-1].items())
            say(f"{minute:3} min  {counts['done']} jobs, {counts['failed']} failed  MiB: {parts}")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    return samples, disk, counts["failed"]


def _one_job(client: Client, process: str) -> str:
    try:
        job, _ = client.submit(process, INPUTS)
        client.wait(job, "successful", timeout=120, poll=0.2)
    except (BenchError, httpx.HTTPError):
        return "failed"
    return "done"
