"""Docstrings begin with a verb or a noun, as CONTRIBUTING.md asks (Plain English)."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CLAUSE = re.compile(r"(?:What|Whether|Who|Whose|Why|How|Where|Which|When)\b", re.IGNORECASE)
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def docstrings(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of the docstrings of modules, classes, functions, and of what is assigned."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, DOCUMENTED):
            continue
        for before, statement in zip([None, *node.body], node.body, strict=False):
            if before is not None and not isinstance(before, ast.Assign | ast.AnnAssign):
                continue
            match statement:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    yield statement.lineno, text.strip()


def noun_clauses(source: str) -> list[tuple[int, str]]:
    """Docstrings whose summary is a noun clause instead of a verb or a noun."""
    return [
        (line, text.splitlines()[0])
        for line, text in docstrings(source)
        if text and CLAUSE.match(text)
    ]


def test_no_summary_of_a_docstring_is_a_noun_clause() -> None:
    names = subprocess.run(
        ["git", "ls-files", "-z", "src/*.py", "flows/*.py", "bench/*.py", "scripts/*.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    files = [ROOT / name for name in names if name and (ROOT / name).is_file()]
    assert len(files) > 100
    found = [
        f"{file.relative_to(ROOT)}:{line}: {summary}"
        for file in files
        for line, summary in noun_clauses(file.read_text())
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "source",
    [
        '"""What this module is for."""',
        'class One:\n    """How it is done."""',
        'def one():\n    """\n    whether it is one.\n    """',
        'async def one():\n    """Which one."""',
        'ONE = 1\n"""Where one is."""',
        'class One:\n    one: int = 1\n    """When it was."""',
    ],
)
def test_every_kind_of_docstring_is_read(source: str) -> None:
    assert len(noun_clauses(source)) == 1


@pytest.mark.parametrize(
    "source",
    ['"""Return what is asked for."""', "def one():\n    return 'What'", '"""Whatsoever."""', "1"],
)
def test_nothing_else_is_refused(source: str) -> None:
    assert noun_clauses(source) == []
