"""docs/processes.md tells how each kind of process is answered; this runs all of them."""

import os

import pytest

from support.kinds import HEAD, fill, rows
from support.stack import REPOSITORY, RunningStack

DOCUMENT = REPOSITORY / "docs" / "processes.md"
BEGIN, END = "<!-- table of kinds -->\n\n", "\n<!-- end of the table -->"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_table_of_kinds_is_true(stack: RunningStack) -> None:
    """With WRITE_DOCS=1 in the environment the document is written instead of compared."""
    line = "|---" * (HEAD.count("|") - 1) + "|"
    table = "\n".join([HEAD, line, *map(str, fill(stack, rows()))]) + "\n"
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    told, _, after = rest.partition(END)
    if os.environ.get("WRITE_DOCS"):
        DOCUMENT.write_text(before + BEGIN + table + END + after)
        return
    assert told == table
