"""The page about internals of other projects: each row has a guard, and each guard exists."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/internals.md").read_text()
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and "| Guard |" not in line]
GUARD = re.compile(r"`(tests/[\w/.]+\.py)(?:::(\w+))?`")
MODULES = sorted((ROOT / "src/pygeoapi_prefect/engine/internals").glob("[!_]*.py"))


def test_there_are_rows() -> None:
    assert len(ROWS) > 35


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip()[:40])
def test_each_row_has_guards_that_exist(row: str) -> None:
    cells = [cell.strip() for cell in row.strip("|").split(" | ")]
    assert len(cells) == 4, cells
    guards = GUARD.findall(cells[3])
    assert guards, f"no test guards {cells[0]}"
    for file, name in guards:
        assert name, f"{file}: which test?"
        assert name in functions(ROOT / file), f"{file} has no test {name}"


def functions(file: Path) -> set[str]:
    nodes = ast.walk(ast.parse(file.read_text()))
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_each_module_of_the_seam_has_a_row_and_says_why(module: Path) -> None:
    assert f"`internals/{module.name}`" in PAGE, f"no row of {module.name}"
    says = ast.get_docstring(ast.parse(module.read_text())) or ""
    shortcuts = "Skips per-run work"
    assert "Needed because" in says or says.startswith(shortcuts), (
        f"{module.name}: why is it there?"
    )


def test_the_page_is_linked() -> None:
    for file in ("README.md", "docs/worker.md", "pyproject.toml"):
        assert "internals.md" in (ROOT / file).read_text(), f"{file} does not name the page"
