"""Every documented variable is read by our code, and reaches who reads it in Compose."""

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pygeoapi_prefect.embedded import services
from pygeoapi_prefect.embedded.cli import start
from pygeoapi_prefect.embedded.layout import Layout
from support import settings_table

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "configuration.md").read_text()
CONFIGURATION = (ROOT / "pygeoapi-config.yml").read_text()
SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
READERS = {
    "web": {"pygeoapi"},
    "worker": {"worker"},
    "configuration": {"pygeoapi", "bootstrap"},  # both read pygeoapi-config.yml
    "commands": {"bootstrap"},
    "bootstrap": {"bootstrap"},
    "flows": set(),  # the worker sets it for each job
}
# The stack's own: the file and the folder in the image, its Prefect, the blocks that it makes.
FIXED = {"PYGEOAPI_CONFIG", "PREFECT_API_URL", "RESULT_BLOCK", "CODE_BLOCK"}
SECRETS = {
    "PREFECT_API_AUTH_STRING": "PREFECT_AUTH_STRING",
    "PYGEOAPI_DEPLOYMENT_KEY": "PYGEOAPI_DEPLOYMENT_KEY",
}
STARTED = re.search(r"^`scripts/start` passes .*?\n\n", DOCUMENT, re.M | re.S)
PERSONAL = {"STORAGE_SECRET"}  # read by a command that somebody runs


def documented() -> dict[str, set[str]]:
    """Who reads each variable, as documented."""
    row = r"^\| `([A-Z0-9_]+)` \|[^|\n]*\|([^|\n]*)\|[^|\n]*\|$"  # with four columns
    rows = re.findall(row, DOCUMENT, re.M)
    return {name: {reader.strip(" `") for reader in readers.split(",")} for name, readers in rows}


def in_code() -> dict[str, set[str]]:
    """The rooms that read each variable.

    They give a literal to ``os.environ``, have a ``..._VARIABLE`` or use a class of settings.
    """
    found: dict[str, set[str]] = {}
    for file in (ROOT / "src" / "pygeoapi_prefect").rglob("*.py"):
        room = file.relative_to(ROOT / "src" / "pygeoapi_prefect").parts[0].removesuffix(".py")
        for name in _variables(ast.parse(file.read_text())):
            found.setdefault(name, set()).add(room)
    return found


def _variables(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        value: ast.expr | None = None
        if isinstance(node, ast.Name) and node.id in settings_table.CLASSES:
            yield from settings_table.variables(node.id)
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("os.environ."):
            value = node.args[0] if node.args else None
        elif isinstance(node, ast.Subscript) and ast.unparse(node.value) in (
            "os.environ",
            "environ",
        ):
            value = node.slice
        elif _names_a_variable(node):
            value = node.value  # type: ignore[attr-defined]
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield value.value


def _names_a_variable(node: ast.AST) -> bool:
    if isinstance(node, ast.Assign):
        return ast.unparse(node.targets[0]).endswith("_VARIABLE")
    return isinstance(node, ast.keyword) and node.arg == "envvar"


def test_the_table_is_read() -> None:
    assert documented()["PYGEOAPI_WORKER_GRACE_SECONDS"] == {"worker"}
    assert in_code()["PYGEOAPI_WORKER_PRELOAD"] == {"worker"}
    assert {reader for readers in documented().values() for reader in readers} - set(READERS) == {
        "create-storage-block"
    }


def test_the_tables_of_settings_are_those_of_the_fields() -> None:
    assert settings_table.written(DOCUMENT) == DOCUMENT, "run scripts/document"
    named = " ".join(names for _, names, _ in settings_table.BLOCK.findall(DOCUMENT)).split()
    assert sorted(named) == sorted(settings_table.CLASSES)


@pytest.mark.parametrize("name", sorted(documented()))
def test_what_is_documented_is_read_by_the_code_or_the_configuration(name: str) -> None:
    """Fault 40."""
    in_configuration = f"${{{name}" in CONFIGURATION
    assert in_configuration == ("configuration" in documented()[name])
    assert in_configuration or name in in_code() or name.startswith("PREFECT_")


@pytest.mark.parametrize("name", sorted(set(documented()) - PERSONAL))
def test_what_is_documented_reaches_who_reads_it_in_compose(name: str) -> None:
    """Fault 40: and its value is that of ``.env``, unless it is the stack's own."""
    for reader in documented()[name]:
        for service in READERS[reader]:
            given = SERVICES[service]["environment"].get(name)
            if name == "PYGEOAPI_CONFIG":
                assert "PYGEOAPI_CONFIG=" in (ROOT / "services/python/Dockerfile").read_text()
            elif name in FIXED:
                assert "${" not in given
            elif name in SECRETS:  # no default
                assert given.startswith(f"${{{SECRETS[name]}:?")
            else:
                assert given is not None, f"{service} does not get {name}"
                assert given.startswith(f"${{{name}:-"), f"{service}: {given}"


def embedded(reader: str) -> dict[str, str]:
    """The environment that ``scripts/start`` gives to a reader, made from that of this process."""
    (public_url,) = (option for option in start.params if option.name == "public_url")
    layout = Layout(Path("/state"), public_url=os.environ[str(public_url.envvar)])
    return (
        services.worker_environment(layout)
        if reader == "worker"
        else services.web_environment(layout)
    )


@pytest.mark.parametrize("name", sorted(set(documented()) - PERSONAL))
def test_what_is_documented_reaches_who_reads_it_with_scripts_start(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Fault 40: unless it belongs to the stack itself, as the documentation says."""
    assert STARTED is not None
    monkeypatch.setenv("PYGEOAPI_URL", "https://chosen.example.org")
    monkeypatch.setenv(name, "https://chosen.example.org")
    for reader in documented()[name] - {"flows", "bootstrap"}:  # this stack has another bootstrap
        reaches = embedded(reader).get(name) == "https://chosen.example.org"
        assert reaches == (f"`{name}`" not in STARTED.group()), f"{name}, read by {reader}"


def test_an_empty_variable_changes_nothing_with_scripts_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Fault 40: Prefect would refuse a log level without a name."""
    for name in ("PYGEOAPI_URL", "PREFECT_LOGGING_LEVEL", "PREFECT_API_KEY"):
        monkeypatch.setenv(name, "")
    for reader in ("worker", "web"):
        assert {"PREFECT_LOGGING_LEVEL", "PREFECT_API_KEY"}.isdisjoint(embedded(reader))


def test_what_the_configuration_reads_is_documented_as_read_by_it() -> None:
    """Fault 40."""
    used = set(re.findall(r"\$\{([A-Z_]+)", CONFIGURATION)) - {"VAR"}
    assert used == {name for name, readers in documented().items() if "configuration" in readers}


def test_what_the_worker_and_the_web_process_read_is_documented_as_read_by_them() -> None:
    """Fault 40: a variable that a room reads, and no other, belongs to the service of that room."""
    for name, rooms in in_code().items():
        for room, reader in (("worker", "worker"), ("web", "web")):
            if room in rooms and name in documented():
                assert reader in documented()[name], f"{name} is read in {room}/"
            if room in rooms and name.startswith("PYGEOAPI_"):
                assert name in documented(), name


def test_the_worker_has_longer_to_stop_than_its_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYGEOAPI_URL", "https://chosen.example.org")
    worker = SERVICES["worker"]
    (stop,) = re.fullmatch(
        r"\$\{WORKER_STOP_SECONDS:-(\d+)\}s", worker["stop_grace_period"]
    ).groups()  # type: ignore[union-attr]
    given = worker["environment"]["PYGEOAPI_WORKER_GRACE_SECONDS"]
    (grace,) = re.fullmatch(r"\$\{\w+:-(\d+)\}", given).groups()  # type: ignore[union-attr]
    assert int(stop) >= int(grace) + 5
    with_start = embedded("worker")["PYGEOAPI_WORKER_GRACE_SECONDS"]
    assert f"Compose sets {grace}, `scripts/start` sets {with_start}" in DOCUMENT
