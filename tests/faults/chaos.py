"""Many jobs at the highest rate, while a part that is chosen at random is killed every 20 s.

``scripts/faults chaos [--compose] [--jobs 2000] [--seed N]``. The exit status is 1 if a job has no
end, a success has not its right output, or a job was started twice. A client repeats only what was
not accepted, and what it was told is lost.
"""

import random
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, override

import click
import psutil

from faults import scenes
from faults.load import Load, told
from faults.scenes import Parts

PAUSE_SECONDS = 20.0
END_SECONDS = 300.0
LOST = "it may be sent again"


@dataclass(eq=False)
class Killer(threading.Thread):
    """Kills a part every 20 s until it is told to stop.

    Attributes:
        parts: What kills each part.
        seed: Seed of the choice.
        killed: How often each part was killed.
    """

    parts: Parts
    seed: int
    killed: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        super().__init__(name="killer", daemon=True)
        self._enough = threading.Event()
        self._random = random.Random(self.seed)

    @override
    def run(self) -> None:
        while not self._enough.wait(PAUSE_SECONDS):
            name = self._random.choice(list(self.parts))
            # It may not be there at the moment.
            with suppress(AssertionError, ProcessLookupError, psutil.Error):
                self.parts[name]()
                self.killed[name] += 1
                click.echo(f"{time.strftime('%H:%M:%S')} killed: {name}")

    def stop(self) -> None:
        self._enough.set()
        self.join(120)


@dataclass(frozen=True)
class Result:
    """Ends of all jobs, and what is wrong with them."""

    ended: dict[str, dict[str, Any]]
    seconds: float
    wrong: list[str]
    twice: list[str]
    untold: int


def run(load: Load, jobs: int, killer: Killer) -> Result:
    """Submit the jobs, and those again that are lost, until all numbers have another end."""
    began = time.monotonic()
    ended: dict[str, dict[str, Any]] = {}
    numbers = list(range(jobs))
    killer.start()
    try:
        while numbers:
            before = set(load.accepted)
            load.submit_all(numbers)
            new = [job_id for job_id in load.accepted if job_id not in before]
            found = load.ended(END_SECONDS + jobs, new)
            ended |= found
            numbers = [load.accepted[job] for job, info in found.items() if LOST in info["message"]]
    finally:
        killer.stop()
    seconds = time.monotonic() - began
    starts = load.ledger.starts()
    return Result(
        ended,
        seconds,
        wrong=list(load.wrong_outputs(ended)),
        twice=[job_id for job_id, count in starts.items() if count > 1],
        untold=len(set(starts) - set(load.accepted)),
    )


def summary(result: Result, load: Load, killer: Killer) -> str:
    """The table that is printed at the end."""
    successful = sum(info["status"] == "successful" for info in result.ended.values())
    rows = {
        "seed": killer.seed,
        "kills": ", ".join(f"{name} {count}" for name, count in sorted(killer.killed.items())),
        "seconds": f"{result.seconds:.0f}",
        "jobs accepted": len(load.accepted),
        "numbers": len(set(load.accepted.values())),
        "requests repeated": dict(load.repeated),
        "successful": successful,
        "failed": dict(told(result.ended)),
        "wrong outputs": len(result.wrong),
        "started twice": len(result.twice),
        "ran without a client": result.untold,
    }
    lines = [f"| {name} | {value} |" for name, value in rows.items()]
    return "\n".join(["| | |", "|---|---|", *lines])


@click.command()
@click.option("--jobs", default=2000, show_default=True)
@click.option("--seed", default=None, type=int, help="Seed of the choice of parts.")
@click.option("--compose", is_flag=True, help="Kill containers of a Compose stack; needs Docker.")
def main(jobs: int, seed: int | None, compose: bool) -> None:
    """Run jobs while parts of their stack are killed at random."""
    seed = random.randrange(10**6) if seed is None else seed
    click.echo(f"seed {seed}")
    scene = scenes.compose if compose else scenes.embedded
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        Path(folder).chmod(0o755)
        with scene(Path(folder)) as (load, parts):
            killer = Killer(parts, seed)
            result = run(load, jobs, killer)
            click.echo(summary(result, load, killer))
    for problem in (*result.wrong, *result.twice):
        click.echo(problem, err=True)
    if result.wrong or result.twice or len(set(load.accepted.values())) != jobs:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
