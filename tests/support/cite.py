"""The result file of the OGC's test suite as a table: ``python -m support.cite FOLDER``."""

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import click

WORDS = {"PASS": "passed", "FAIL": "failed", "SKIP": "skipped"}


@dataclass(frozen=True)
class Outcome:
    """What became of one test; ``reason`` of one that did not pass."""

    group: str
    name: str
    word: str
    reason: str = ""


def read(folder: Path) -> list[Outcome]:
    """The outcomes in the newest ``testng-results.xml`` below a folder; none without that file.

    The suite's own exit code says nothing. Methods that only prepare tests are left out.
    """
    files = sorted(folder.rglob("testng-results.xml"), key=lambda file: file.stat().st_mtime)
    if not files:
        return []
    found = []
    for group in ElementTree.parse(files[-1]).getroot().iter("class"):
        for method in group.iter("test-method"):
            if method.get("is-config") != "true":
                title = str(group.get("name")).rpartition(".")[2]
                word = WORDS.get(str(method.get("status")), "failed")
                found.append(Outcome(title, str(method.get("name")), word, _reason(method)))
    return found


def _reason(method: ElementTree.Element) -> str:
    text = method.findtext("exception/message") or ""
    return " ".join(text.split())[:160]


def table(outcomes: Sequence[Outcome]) -> str:
    """One line for each test, then the sums."""
    width = max(len(f"{outcome.group}.{outcome.name}") for outcome in outcomes)
    lines = []
    for outcome in sorted(outcomes, key=lambda outcome: (outcome.group, outcome.name)):
        name = f"{outcome.group}.{outcome.name}".ljust(width)
        lines.append(f"{name}  {outcome.word:7}  {outcome.reason}".rstrip())
    counts = Counter(outcome.word for outcome in outcomes)
    sums = ", ".join(f"{counts[word]} {word}" for word in WORDS.values())
    return "\n".join([*lines, sums])


def main(folder: Path) -> int:
    """Print the table; the exit status: 0, 1 if a test failed, 2 if there is no result."""
    outcomes = read(folder)
    if not outcomes:
        click.echo("OGC test suite: NOT RUN (it has written no result)")
        return 2
    click.echo(table(outcomes))
    return int(any(outcome.word == "failed" for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
