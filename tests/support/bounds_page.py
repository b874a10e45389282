"""Tables of ``docs/bounds.md``, made from ``support.bounds``.

A block begins with ``<!-- scripts/document: bounds -->`` and ends with ``<!-- end -->``.
"""

import re
from pathlib import Path

from support.bounds import SECTIONS, Bound

PAGE = Path(__file__).parents[2] / "docs" / "bounds.md"
BLOCK = re.compile(r"(<!-- scripts/document: bounds -->\n).*?(<!-- end -->)", re.S)
HEAD = "| bound | default | setting | at the bound | test |\n|---|---|---|---|---|\n"


def written(page: str) -> str:
    """The page with its tables as the rows give them."""
    tables = [
        f"## {title}\n\n{HEAD}{''.join(map(_row, bounds))}\n" for title, bounds in SECTIONS.items()
    ]
    return BLOCK.sub(lambda block: f"{block[1]}\n{''.join(tables)}{block[2]}", page)


def _row(bound: Bound) -> str:
    setting = bound.setting or "fixed"
    file, _, name = bound.test.partition("::")
    test = f"[`{name}`](../{file})"
    return f"| {bound.of} | {bound.default} | {setting} | {bound.happens} | {test} |\n"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
