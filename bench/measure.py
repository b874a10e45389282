"""Workloads for a running system, and the numbers that they yield."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psutil

from bench.client import BenchError, Client
from bench.numbers import Values, steady_rate, summary
from bench.plan import Counts, Profile
from bench.running import Running
from bench.systems import STOCK_LIMIT, System
from bench.usage import Peak, cpu_seconds, rss_mib

INPUTS = {"name": "Ann"}
JOB_SECONDS = 120.0
BURST_SECONDS = 1200.0
BURST_POLL_SECONDS = 0.5  # a client's pace: at 10 Hz the polls themselves are a load
LINGER_SECONDS = 2.0  # what a worker still does after a job's end belongs to the job
SLEEP_SECONDS = 300.0
GONE_SECONDS = 60.0
SLOW_VANILLA = 0.1  # part of the vanilla executions that a slow system does


def measure(system: System, running: Running, profile: Profile) -> Values:
    """All metrics of a running system, times in milliseconds."""
    counts = profile.fast if system.fast else profile.slow
    values: Values = {
        "cold_start_s": running.cold_start,
        "rss_idle_mib": sum(rss_mib(running.roots).values()),
    }
    with Client(running.layout.local_url) as client:
        client.sync(system.job, INPUTS)  # the first has imports and connections to pay for
        if system.vanilla:
            client.sync(system.vanilla, INPUTS)
            part = 1 if system.fast else SLOW_VANILLA
            number = max(1, round(profile.vanilla * part))
            values |= times("vanilla", lambda: client.sync(str(system.vanilla), INPUTS), number)
        values |= times("sync", lambda: client.sync(system.job, INPUTS), counts.sync)
        values |= jobs(client, system.job, counts.submit)
        if system.dismissible:
            values |= dismissals(client, system.dismissible, running, counts.dismiss)
    return values | burst(running, system.job, counts, profile.clients)


def times(name: str, action: Callable[[], float], number: int) -> Values:
    """Quantiles of an action that returns its seconds, in milliseconds."""
    return summary(f"{name}_ms", [1000 * action() for _ in range(number)])


def jobs(client: Client, process: str, number: int) -> Values:
    """Jobs one after the other: POST, POST to successful as polled, and the results."""
    posts, ends, results = [], [], []
    for _ in range(number):
        began = time.perf_counter()
        job, seconds = client.submit(process, INPUTS)
        posts.append(1000 * seconds)
        ends.append(1000 * (client.wait(job, "successful", timeout=JOB_SECONDS) - began))
        results.append(1000 * client.timed_get(f"/jobs/{job}/results"))
    return summary("post_ms", posts) | summary("submit_ms", ends) | summary("results_ms", results)


def burst(running: Running, process: str, counts: Counts, clients: int) -> Values:
    """Jobs from several clients at once: rate, CPU time per job, memory."""
    cpu = cpu_seconds(running.roots)
    lock, ends = threading.Lock(), list[float]()
    began = time.perf_counter()

    def one_client(number: int) -> None:
        with Client(running.layout.local_url) as client:
            mine = [client.submit(process, INPUTS)[0] for _ in range(number)]
            for job in mine:
                end = client.wait(job, "successful", timeout=BURST_SECONDS, poll=BURST_POLL_SECONDS)
                with lock:
                    ends.append(end)

    shares = [len(range(start, counts.burst, clients)) for start in range(clients)]
    pool = ThreadPoolExecutor(clients)
    try:
        with Peak(running.roots) as peak:
            list(pool.map(one_client, shares))
    finally:  # after an error or Ctrl-C the clients end with the servers, not with their jobs
        pool.shutdown(wait=False, cancel_futures=True)
    seconds = max(ends) - began
    time.sleep(LINGER_SECONDS)
    return {
        "burst_per_s": counts.burst / seconds,
        "burst_steady_per_s": steady_rate(ends, STOCK_LIMIT),
        "cpu_s_per_job": (cpu_seconds(running.roots) - cpu) / counts.burst,
        "rss_load_mib": peak.value,
    }


def dismissals(client: Client, process: str, running: Running, number: int) -> Values:
    """DELETE of running jobs, until the process that does the work is gone."""
    return summary(
        "dismiss_ms", [1000 * _dismissal(client, process, running, n) for n in range(number)]
    )


def _dismissal(client: Client, process: str, running: Running, number: int) -> float:
    file = running.layout.scratch / f"pid-{time.time_ns()}-{number}"
    job, _ = client.submit(process, {"pid_file": str(file), "seconds": SLEEP_SECONDS})
    client.wait(job, "running", timeout=JOB_SECONDS)
    deadline = time.perf_counter() + JOB_SECONDS
    while not file.exists():
        if time.perf_counter() > deadline:
            raise BenchError(f"job {job} is running, but its flow does not start")
        time.sleep(0.02)
    worker = psutil.Process(int(file.read_text()))
    began = time.perf_counter()
    if client.dismiss(job) != 200:
        raise BenchError(f"job {job} cannot be dismissed")
    worker.wait(GONE_SECONDS)
    return time.perf_counter() - began


def pages(client: Client, rows: int, number: int) -> Values:
    """The first page of the job list while ``rows`` jobs are stored."""
    client.timed_get("/jobs")
    return times(f"list_{rows}", lambda: client.timed_get("/jobs"), number)
