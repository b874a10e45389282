"""pygeoapi and gunicorn are known in few modules, and an import anywhere else is noticed."""

import ast
from pathlib import Path

import pytest

from pygeoapi_prefect.compat import ALIASES

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src/pygeoapi_prefect"
PLUGIN_INTERFACE = {"pygeoapi.error", "pygeoapi.process.base", "pygeoapi.process.manager.base"}
"""What pygeoapi documents for authors of plugins."""
SEAM = {"pygeoapi_helpers.py", "web/core.py"}
"""The modules for everything else of pygeoapi, held by ``tests/contracts/test_pygeoapi.py``."""


def imported(module: Path) -> set[str]:
    """The modules, or the names in them, that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found |= {f"{node.module}.{name.name}" for name in node.names}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            found |= {n.value for n in node.args if isinstance(n, ast.Constant)}  # type: ignore[misc]
    return found


def outside_the_plugin_interface(package: Path) -> dict[str, list[str]]:
    """What each module imports of pygeoapi that only the seam may import."""
    allowed = PLUGIN_INTERFACE | set(ALIASES)
    found: dict[str, list[str]] = {}
    for module in package.rglob("*.py"):
        names = {name for name in imported(module) if name.partition(".")[0] == "pygeoapi"}
        public = {name for name in names if {name, name.rpartition(".")[0]} & allowed}
        if names - public:
            found[module.relative_to(package).as_posix()] = sorted(names - public)
    return found


def test_what_is_not_pygeoapi_s_plugin_interface_is_imported_by_the_seam_only() -> None:
    assert set(outside_the_plugin_interface(PACKAGE)) == SEAM


@pytest.mark.parametrize(
    "line",
    [
        "from pygeoapi.flask_app import APP",
        "import pygeoapi.flask_app",
        "from pygeoapi import util",
        "    from pygeoapi.util import yaml_load",
        "import_module('pygeoapi.flask_app')",
    ],
)
def test_an_import_past_the_seam_is_noticed(tmp_path: Path, line: str) -> None:
    (tmp_path / "views.py").write_text(f"if True:\n    pass\n    {line.strip()}\n")
    assert list(outside_the_plugin_interface(tmp_path)) == ["views.py"]


def test_gunicorn_is_known_to_the_room_that_extends_it() -> None:
    users = {
        module.relative_to(PACKAGE).as_posix()
        for module in PACKAGE.rglob("*.py")
        if any(name.partition(".")[0] == "gunicorn" for name in imported(module))
    }
    assert users == {"web/server/worker.py", "web/server/connection.py"}
