"""Tables of variables in ``docs/configuration.md``, made from the fields of the settings.

A block begins with ``<!-- scripts/document: NameOfAClass ... -->`` and ends with ``<!-- end -->``.
"""

import re
from pathlib import Path

from pydantic.fields import FieldInfo

from pygeoapi_prefect.environment import EnvironmentSettings

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"
BLOCK = re.compile(r"(<!-- scripts/document: ([\w ]+) -->\n).*?(<!-- end -->)", re.S)
HEAD = "| variable | default | read by | meaning |\n|---|---|---|---|\n"
CLASSES = {kind.__name__: kind for kind in EnvironmentSettings.__subclasses__()}


def variables(name: str) -> dict[str, FieldInfo]:
    """The fields of a class by their variables."""
    return {str(field.validation_alias): field for field in CLASSES[name].model_fields.values()}


def written(page: str) -> str:
    """The page with each block as the fields give it."""
    return BLOCK.sub(lambda block: f"{block[1]}\n{HEAD}{_rows(block[2])}\n{block[3]}", page)


def _rows(names: str) -> str:
    return "".join(
        f"| `{variable}` | {_default(field)} | {_readers(field)} | {field.description} |\n"
        for name in names.split()
        for variable, field in variables(name).items()
    )


def _readers(field: FieldInfo) -> str:
    assert isinstance(field.json_schema_extra, dict)
    return str(field.json_schema_extra["read_by"])


def _default(field: FieldInfo) -> str:
    default: object = field.default
    if default in (None, ()):
        return "none"
    if isinstance(default, int) and default % 1024**3 == 0:
        return f"{default >> 30} GiB"
    return f"`{default}`" if isinstance(default, str) else str(default)


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
