"""The page of guarantees: each has an identifier and tests that exist; its table is generated."""

import ast
import re
from pathlib import Path

import pytest

from faults.outcomes import BLOCK, Outcome, table, written
from faults.test_components import CASES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/guarantees.md").read_text()
ROW = re.compile(r"^\| (G\d+) \| (.+) \|$", re.M)
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
ROWS = dict(ROW.findall(PAGE))


def names_in(file: Path) -> set[str]:
    nodes = ast.walk(ast.parse(file.read_text())) if file.is_file() else ()
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef)}


def missing(row: str) -> list[str]:
    """The tests of a row that do not exist; "none" if it names none in its last cell."""
    named = TEST.findall(row.split(" | ")[-1])
    absent = [f"{file}::{name}" for file, name in named if name not in names_in(ROOT / file)]
    return absent if named else ["none"]


def test_each_identifier_is_used_once() -> None:
    assert len(ROWS) > 25
    assert len(ROW.findall(PAGE)) == len(ROWS)


@pytest.mark.parametrize("identifier", ROWS)
def test_each_guarantee_names_tests_that_exist(identifier: str) -> None:
    assert missing(ROWS[identifier]) == []


def test_all_rows_of_the_tables_are_guarantees() -> None:
    above = PAGE.partition("## Measured")[0]
    rows = [line for line in above.splitlines() if line.startswith("| ")]
    strays = [row for row in rows if not ROW.match(row) and not row.startswith("| id |")]
    assert strays == []


def test_a_guarantee_without_a_test_is_noticed() -> None:
    assert missing("A job ends. | by and by") == ["none"]
    assert missing("A job ends. | `tests/repo/test_rooms.py::test_nothing`") == [
        "tests/repo/test_rooms.py::test_nothing"
    ]
    assert missing("A job ends. | `tests/no/test_no.py::test_no`") == [
        "tests/no/test_no.py::test_no"
    ]


def test_the_table_has_median_and_worst_of_all_runs() -> None:
    runs = [
        Outcome("worker", "killed", 42, {"lost": failed}, 0, seconds, seconds + 1)
        for failed, seconds in ((2, 40.0), (4, 44.0), (3, 50.0))
    ]
    assert table(runs).splitlines()[2:] == [
        "| worker | killed | 3 | 4 of 42 | lost | 44; 50 | 45; 51 |",
    ]
    assert written(written(PAGE, runs), runs[:1]) == written(PAGE, runs[:1])
    assert table(runs) in written(PAGE, runs)


def test_the_table_has_a_row_for_each_case() -> None:
    rows = re.findall(r"^\| ([\w ]+) \| (killed|stopped) \| \d", PAGE, re.M)
    assert rows == [(case.component, case.fault) for case in CASES], "run scripts/faults"


def test_the_page_is_linked_and_has_its_place_for_the_table() -> None:
    assert len(BLOCK.findall(PAGE)) == 1
    for file in ("README.md", "docs/operations.md", "docs/releasing.md"):
        assert "guarantees.md" in (ROOT / file).read_text(), f"{file} does not name the page"
