"""The OGC layer is pure, and the contract that says so notices when it is not."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
IMPORT_ALL = """
import importlib, pkgutil, sys
for room in ("execution", "results", "models"):
    package = importlib.import_module(f"pygeoapi_prefect.{room}")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"pygeoapi_prefect.{room}.{module.name}")
tops = {name.partition(".")[0] for name in sys.modules}
print(*sorted(tops & {"flask", "werkzeug", "prefect", "pygeoapi", "httpx", "s3fs", "fsspec"}))
"""


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = Path(sys.executable).with_name("lint-imports")
    line = [str(command), "--config", str(ROOT / "pyproject.toml"), "--no-cache"]
    environment = {"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        line, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_the_ogc_layer_loads_neither_a_web_framework_nor_an_engine() -> None:
    line = [sys.executable, "-c", IMPORT_ALL]
    loaded = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []


def test_the_contract_notices_an_indirect_import(tmp_path: Path) -> None:
    """``execution`` may import ``storage`` as far as layers go, but that one imports Prefect."""
    shutil.copytree(ROOT / "src/pygeoapi_prefect", tmp_path / "pygeoapi_prefect")
    with (tmp_path / "pygeoapi_prefect/execution/inputs.py").open("a") as module:
        module.write("from pygeoapi_prefect import storage\n")
    found = lint(tmp_path)
    assert found.returncode == 1, found.stdout + found.stderr
    assert "pygeoapi_prefect.execution is not allowed to import prefect" in found.stdout
    assert " -> prefect (l." in found.stdout, "it shows the chain of imports to its end"


IMPORT_INTERNALS = """
import importlib, pkgutil, sys
package = importlib.import_module("pygeoapi_prefect.engine.internals")
for module in pkgutil.iter_modules(package.__path__):
    if module.name not in {"running", "server", "shortcuts", "signals", "task_keys", "workers"}:
        importlib.import_module(f"{package.__name__}.{module.name}")
print(*sorted(name for name in sys.modules if name.startswith(
    ("prefect.engine", "prefect.flow_engine", "prefect.task_engine", "prefect.runner",
     "prefect.workers", "prefect.server"))))
"""


def test_the_internals_that_the_web_process_uses_load_no_engine_of_prefects() -> None:
    line = [sys.executable, "-c", IMPORT_INTERNALS]
    loaded = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []
