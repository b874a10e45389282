"""Outcomes of the fault tests: records in a file, and the table that the documentation shows.

``python -m faults.outcomes FILE`` writes the table of all records into ``docs/guarantees.md``,
between ``<!-- scripts/faults ... -->`` and ``<!-- end -->``.
"""

import json
import os
import re
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

FILE = "PYGEOAPI_PREFECT_FAULTS"
"""Variable with the file that each run appends its outcome to."""
PAGE = Path(__file__).parents[2] / "docs" / "guarantees.md"
BLOCK = re.compile(r"(<!-- scripts/faults[^>]* -->\n).*?(<!-- end -->)", re.S)
HEAD = (
    "| component | fault | runs | jobs that failed, worst run | their message | "
    "all jobs ended (s) | a new job succeeded (s) |\n|---|---|---|---|---|---|---|\n"
)


@dataclass(frozen=True)
class Outcome:
    """Outcome of one fault.

    Attributes:
        component: The part that was hit.
        fault: What happened to it.
        jobs: Number of accepted jobs.
        told: Messages of the jobs that failed, with their number.
        untold: Number of jobs that ran although no client was told of them.
        ended_seconds: Time until all accepted jobs had ended: from a kill, or from the end of a
            stop.
        works_seconds: The same until a job that was submitted afterwards had succeeded.
    """

    component: str
    fault: str
    jobs: int
    told: dict[str, int]
    untold: int
    ended_seconds: float
    works_seconds: float

    @property
    def failed(self) -> int:
        """Number of jobs that failed."""
        return sum(self.told.values())

    def record(self) -> None:
        """Append to the file that the environment names, if it names one."""
        if file := os.environ.get(FILE):
            with Path(file).open("a") as records:
                records.write(json.dumps(asdict(self)) + "\n")


def read(file: Path) -> list[Outcome]:
    """All records of a file."""
    return [Outcome(**json.loads(line)) for line in file.read_text().splitlines()]


def table(outcomes: Iterable[Outcome]) -> str:
    """A row for each component and fault, in the order of the first run."""
    rows: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in outcomes:
        rows.setdefault((outcome.component, outcome.fault), []).append(outcome)
    return HEAD + "".join(_row(runs) for runs in rows.values())


def written(page: str, outcomes: Iterable[Outcome]) -> str:
    """The page with the table of these outcomes."""
    content = table(outcomes)
    return BLOCK.sub(lambda block: f"{block[1]}\n{content}\n{block[2]}", page)


def _row(runs: list[Outcome]) -> str:
    worst = max(runs, key=lambda run: run.failed)
    told = sorted({message for run in runs for message in run.told})
    cells = [
        worst.component,
        worst.fault,
        str(len(runs)),
        f"{worst.failed} of {worst.jobs}",
        "; ".join(told).replace("|", "\\|") or "-",
        _seconds([run.ended_seconds for run in runs]),
        _seconds([run.works_seconds for run in runs]),
    ]
    return f"| {' | '.join(cells)} |\n"


def _seconds(values: list[float]) -> str:
    return f"{median(values):.0f}; {max(values):.0f}"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(), read(Path(sys.argv[1]))))
