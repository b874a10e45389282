"""The repository's own promises: configuration, documentation, sizes."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from pygeoapi_prefect.config import Settings, load_config
from pygeoapi_prefect.process.registry import Registry

ROOT = Path(__file__).parents[2]
MODULE_LINES, FUNCTION_LINES = 400, 60


def tracked(*patterns: str) -> list[Path]:
    names = subprocess.run(
        ["git", "ls-files", "-z", *patterns], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def source() -> list[Path]:
    return tracked("src/*.py", "flows/*.py")


def functions(file: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def test_every_configured_process_has_a_flow_and_a_deployment_or_is_vanilla() -> None:
    registry = Registry(Settings.from_config(load_config(ROOT / "pygeoapi-config.yml")))
    assert {"hi-prefect-world", "simple-flow", "echo", "zonal-statistics"} <= set(registry.ids())
    for process in registry:
        if not process.is_vanilla:
            assert process.flow is not None
            assert process.deployment is not None
            assert process.deployment.queue == "pygeoapi"
            assert process.result_storage


def test_fault_29_every_shipped_process_has_limits_that_fit_the_worker() -> None:
    """Fault 29: no job of a shipped process holds a worker for ever, or takes all its memory."""
    registry = Registry(Settings.from_config(load_config(ROOT / "pygeoapi-config.yml")))
    deployments = [process.deployment for process in registry if process.deployment]
    assert len(deployments) >= 4
    compose = (ROOT / "docker-compose.yml").read_text()
    [worker_gib] = set(re.findall(r"WORKER_MEMORY:-(\d+)g", compose))
    [jobs] = re.findall(r"WORKER_LIMIT:-(\d+)", compose)
    for deployment in deployments:
        assert deployment.memory_limit_mb
        assert deployment.memory_limit_mb * int(jobs) < int(worker_gib) * 1024
        assert deployment.timeout_seconds
        assert deployment.timeout_seconds <= 3660


def test_every_environment_variable_is_documented() -> None:
    documented = set(
        re.findall(r"`([A-Z][A-Z0-9_]+)`", (ROOT / "docs/configuration.md").read_text())
    )
    used: set[str] = set()
    pattern = r'environ(?:\.get|\.pop)?[\[(]\s*"([A-Z_]+)"|envvar="([A-Z_]+)"'
    for file in source():
        used |= {a or b for a, b in re.findall(pattern, file.read_text())}
    used |= set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "pygeoapi-config.yml").read_text())) - {"VAR"}
    prefects = {name for name in used if name.startswith("PREFECT_")}
    of_a_request = {
        "CONTENT_LENGTH",
        "HTTP_HOST",
        "REMOTE_ADDR",
        "SERVER_PROTOCOL",
    }  # WSGI's environ
    assert used - prefects - of_a_request - {"PYTHONPATH", "TMPDIR"} <= documented


def test_every_manager_setting_is_documented() -> None:
    text = (ROOT / "docs/configuration.md").read_text()
    from pygeoapi_prefect.config import ManagerSettings, PrefectDeployment

    fields = [*ManagerSettings.model_fields, *PrefectDeployment.__dataclass_fields__]
    for field in fields:
        assert re.search(rf"`(prefect\.deployment\.)?{field}`", text), field


def test_modules_and_functions_are_small() -> None:
    for file in source():
        assert len(file.read_text().splitlines()) <= MODULE_LINES, file
        for name, length in functions(file):
            assert length <= FUNCTION_LINES, f"{file}: {name} has {length} lines"


def test_there_is_as_much_test_as_source() -> None:
    def lines(files: list[Path]) -> int:
        return sum(len(file.read_text().splitlines()) for file in files)

    assert lines(tracked("tests/*.py")) >= lines(source())


def test_folders_have_a_readme() -> None:
    rooms = {file.parent for file in tracked("src/pygeoapi_prefect/*/__init__.py")}
    folders = [*rooms, ROOT / "flows", ROOT / "scripts", ROOT / "tests"]
    missing = [str(folder) for folder in folders if not (folder / "README.md").is_file()]
    assert missing == []


def test_no_path_of_a_machine_is_tracked() -> None:
    for file in tracked():
        if file.name == "Dockerfile":
            continue  # paths of an image
        if file.suffix in (".py", ".md", ".yml", ".toml", "") and file != Path(__file__):
            text = file.read_text(errors="replace")
            assert not re.search(r"/(?:root|home/\w+)/", text), file


def test_links_in_documents_lead_somewhere() -> None:
    for file in tracked("*.md"):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", file.read_text()):
            assert (file.parent / target).exists(), f"{file}: {target}"


@pytest.mark.parametrize("name", ["pygeoapi-config.yml", "tests/seed/config.yml"])
def test_configurations_are_yaml(name: str) -> None:
    assert yaml.safe_load((ROOT / name).read_text())
