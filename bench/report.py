"""The page ``docs/performance.md`` from a results file; pure but for ``main`` in ``__main__``."""

from collections.abc import Mapping, Sequence
from typing import Any

from bench.goals import Verdict, shown, verdicts
from bench.soak import FIRST_MINUTE, growth

TITLES = {
    "ours": "this stack",
    "stock-default": "stock worker",
    "stock-tuned": "stock worker, tuned",
    "pygeoapi-prefect-0.9.1": "pygeoapi-prefect 0.9.1",
    "tinydb": "TinyDB",
    "tinydb-stored": "TinyDB, full store",
}
ROWS = {
    "vanilla_ms_p50": "vanilla process, sync, p50 (ms)",
    "vanilla_ms_p95": "p95",
    "sync_ms_p50": "process on the worker, sync, p50 (ms)",
    "sync_ms_p95": "p95",
    "post_ms_p50": "async POST, p50 (ms)",
    "post_ms_p95": "p95",
    "submit_ms_p50": "submit → successful, p50 (ms)",
    "submit_ms_p95": "p95",
    "results_ms_p50": "results, p50 (ms)",
    "dismiss_ms_p50": "dismiss until the process is gone, p50 (ms)",
    "dismiss_ms_p95": "p95",
    "burst_per_s": "burst, jobs/s",
    "burst_steady_per_s": "burst after its first wave, jobs/s",
    "cpu_s_per_job": "CPU per job, whole stack (s)",
    "rss_idle_mib": "memory, idle (MiB)",
    "rss_load_mib": "memory, under load (MiB)",
    "cold_start_s": "web process, start to first answer (s)",
}
INTRO = """# Performance

Measured by `scripts/bench`; written by `scripts/bench report FILE`. See
[bench](../bench/README.md).

{machine}: {processor}, {cpus} CPUs, {memory} GiB; Python {python}, Prefect {prefect},
pygeoapi {pygeoapi}. Profile *{profile}*, {started}, load average at the start {load}.
Medians over {repeats} interleaved repeats. Raw numbers: [{name}](../bench/results/{name}).
"""
NOTES = """
## How to read it

- All systems ran on one otherwise idle machine in one run, one after the other. Each was
  restarted for each repeat. Ours and the stock worker share server, store and deployments.
- *submit → successful* is the time from the POST to the moment when a client that polls every
  20 ms sees the status `successful`. The job only returns a greeting.
- The stock worker has a limit of {limit} runs: without it, a burst starts as many interpreters as
  it has jobs. *Tuned* polls every half second and starts one interpreter for a run instead of two.
- Slow systems get a smaller burst. The goals count it after its first wave, which favours them.
- CPU time is the sum over all processes of a system and their ended children, including PostgreSQL.
- Memory is the sum of the resident sizes of all processes. Shared pages count for each of them.
- TinyDB's jobs run in threads of the web process and cannot be stopped. 0.9.1 answers DELETE with
  a 500.
"""


def page(record: Mapping[str, Any], name: str, plot: str) -> str:
    """The whole page.

    Args:
        record: Content of a results file.
        name: Its name.
        plot: Name of the picture beside the page.
    """
    machine, versions, systems = record["machine"], record["versions"], record["systems"]
    intro = INTRO.format(
        machine=f"{machine['name']} {machine['architecture']}",
        processor=machine["processor"],
        cpus=machine["cpus"],
        memory=machine["memory_gib"],
        python=versions["python"],
        prefect=versions["prefect"],
        pygeoapi=versions["pygeoapi"],
        profile=record["profile"],
        started=record["started"][:10],
        load=f"{record['load_average_at_start'][0]:.2f}",
        repeats=record["repeats_planned"],
        name=name,
    )
    picture = f"\n![Time to success, burst rate and CPU time per job]({plot})\n"
    goals = "\n## Goals\n\n" + goals_table(verdicts(systems))
    numbers = "\n## Numbers\n\n" + numbers_table(systems)
    lists = "\n## Job list\n\n" + lists_table(systems)
    notes = NOTES.format(limit=record["stock_worker_limit"])
    return intro + picture + goals + numbers + lists + notes


def goals_table(found: Sequence[Verdict]) -> str:
    """Each goal, what came out, and whether it is met."""
    words = {True: "met", False: "**missed**", None: "not measured"}
    rows = [[v.metric, v.goal, v.value, words[v.met]] for v in found]
    return table(["metric", "goal", "measured", ""], rows)


def numbers_table(systems: Mapping[str, Mapping[str, float | None]]) -> str:
    """Metrics down, systems across; only systems that were measured."""
    names = [name for name in TITLES if name in systems]
    rows = [[title, *(shown(systems[n].get(key)) for n in names)] for key, title in ROWS.items()]
    return table(["", *(TITLES[name] for name in names)], rows)


def lists_table(systems: Mapping[str, Mapping[str, float | None]]) -> str:
    """The first page of the job list by number of stored jobs."""
    rows = []
    for name in (name for name in TITLES if name in systems):
        for key, value in systems[name].items():
            if key.startswith("list_") and key.endswith("_p50"):
                count, tail = int(key.split("_")[1]), key.removesuffix("p50") + "p95"
                rows.append([TITLES[name], f"{count:,}", shown(value), shown(systems[name][tail])])
    return table(["", "stored jobs", "p50 (ms)", "p95 (ms)"], rows)


def memory_section(record: Mapping[str, Any], name: str) -> str:
    """Memory of each part in a soak: early, at the end, and their ratio; disk that a job takes.

    Args:
        record: Content of the results file of a soak.
        name: Its name.
    """
    samples = record["rss_mib"]
    early, late, factors = samples[FIRST_MINUTE - 1], samples[-1], growth(samples)
    rows = [[n, shown(early[n]), shown(late[n]), f"{factors[n]:.2f}"] for n in late]
    head = ["", f"after {FIRST_MINUTE} min (MiB)", f"after {record['minutes']} min (MiB)", "ratio"]
    return (
        f"\n## Memory over {record['minutes']} minutes\n\n"
        f"{record['jobs']:.0f} jobs at {record['rate_per_s']:.2f}/s, half of what a burst reached; "
        f"{record['failed']} failed. Raw numbers: [{name}](../bench/results/{name}).\n"
        "PostgreSQL's shared memory counts for each of its connections.\n\n"
        + table(head, rows)
        + "".join(
            f"\nEach job adds {size:.1f} KiB to the {part}.\n"
            for part, size in record["disk_kib_per_job"].items()
        )
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first are numbers, to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)
