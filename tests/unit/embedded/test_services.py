import sys
from pathlib import Path

import pytest

from pygeoapi_prefect.embedded import services
from pygeoapi_prefect.embedded.layout import Layout
from pygeoapi_prefect.embedded.processes import MARK

LAYOUT = Layout(
    Path("/state"),
    port=5001,
    prefect_port=4201,
    config=Path("/project/pygeoapi-config.yml"),
    flows=(Path("/project/flows"), Path("/more/flows")),
    auth_string="user:secret",
    deployment_key="the-key",
)


@pytest.fixture(autouse=True)
def another_prefect(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a person who also uses another Prefect server has in the environment."""
    monkeypatch.setenv("PREFECT_API_URL", "https://prefect.example.org/api")
    monkeypatch.setenv("PREFECT_API_KEY", "secret")
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "another:one")
    monkeypatch.setenv("PREFECT_SERVER_CORS_ALLOWED_ORIGINS", "*")
    monkeypatch.setenv("PYGEOAPI_CONFIG", "/elsewhere.yml")
    monkeypatch.setenv("PYTHONPATH", "/mine")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


def test_no_process_sees_the_settings_of_another_prefect() -> None:
    for env in (
        services.environment(LAYOUT),
        services.prefect_environment(LAYOUT),
        services.worker_environment(LAYOUT),
        services.web_environment(LAYOUT),
    ):
        assert "PREFECT_API_KEY" not in env
        assert env.get("PREFECT_API_URL", LAYOUT.prefect_api_url) == LAYOUT.prefect_api_url
        assert "another:one" not in env.values()
        assert env["PREFECT_HOME"] == "/state/prefect"
        assert env["LC_ALL"] == "C.UTF-8"
        assert env[MARK] == "/state"


def test_python_means_this_python() -> None:
    path = services.environment(LAYOUT)["PATH"].split(":")

    assert path[0] == str(Path(sys.executable).parent)


def test_the_server_is_not_its_own_client() -> None:
    env = services.prefect_environment(LAYOUT)

    assert "PREFECT_API_URL" not in env
    assert env["PREFECT_SERVER_UI_API_URL"] == "http://127.0.0.1:4201/api"
    assert env["DO_NOT_TRACK"] == "1"
    assert env["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"


def test_the_server_is_closed() -> None:
    env = services.prefect_environment(LAYOUT)

    assert env["PREFECT_SERVER_API_AUTH_STRING"] == "user:secret"
    origins = "http://127.0.0.1:4201,http://localhost:4201"
    assert env["PREFECT_SERVER_CORS_ALLOWED_ORIGINS"] == origins
    command = services.prefect_command(LAYOUT)
    factory = command[command.index("--factory") + 1]
    assert factory == "pygeoapi_prefect.engine.internals.server:create_app"
    assert "user:secret" not in command


def test_only_who_sends_requests_to_prefect_has_the_secret() -> None:
    for env in (services.worker_environment(LAYOUT), services.web_environment(LAYOUT)):
        assert env["PREFECT_API_AUTH_STRING"] == "user:secret"
    for program in services.python_programs(LAYOUT):
        assert "user:secret" in program.env.values()
    assert "user:secret" not in services.postgres_program(LAYOUT).env.values()


def test_only_who_signs_and_who_verifies_has_the_key() -> None:
    holders = {p.name for p in services.python_programs(LAYOUT) if "the-key" in p.env.values()}
    assert holders == {"bootstrap", "worker"}


def test_result_settings_are_the_deployments_not_the_workers() -> None:
    """On the worker they would win over those of a deployment."""
    assert [key for key in services.worker_environment(LAYOUT) if "RESULT" in key] == []


def test_the_worker_finds_flows_in_the_store_only() -> None:
    assert services.worker_environment(LAYOUT)["PYTHONPATH"] == "/mine"


def test_the_web_process_finds_the_processes_and_its_configuration() -> None:
    env = services.web_environment(LAYOUT)

    assert env["PYTHONPATH"] == "/project/flows:/more/flows:/mine"
    assert env["PYGEOAPI_CONFIG"] == "/project/pygeoapi-config.yml"
    assert env["PYGEOAPI_URL"] == "http://localhost:5001"
    assert env["PYGEOAPI_BIND"] == "127.0.0.1"
    assert env["RESULT_BLOCK"] == "local-file-system/pygeoapi-results"
    assert env["CODE_BLOCK"] == "local-file-system/pygeoapi-flows"


@pytest.mark.parametrize(
    ("command", "options"),
    [
        (services.prefect_command(LAYOUT), ["--host", "127.0.0.1", "--port", "4201"]),
        (services.web_command(LAYOUT), ["--bind", "127.0.0.1:5001"]),
        (services.worker_command(LAYOUT), ["--pool", "pygeoapi", "--work-queue", "pygeoapi"]),
        (services.bootstrap_command(LAYOUT), ["/state/results", "/state/flows"]),
    ],
)
def test_each_command_says_where(command: list[str], options: list[str]) -> None:
    assert command[:3] == [sys.executable, "-m", "pygeoapi_prefect.embedded.preload"]
    start = command.index(options[0])
    assert command[start : start + len(options)] == options


def test_the_web_process_is_made_by_the_factory_in_each_worker() -> None:
    """What is imported before the fork starts nothing."""
    command = services.web_command(LAYOUT)
    assert command[-1] == "pygeoapi_prefect.web.app:create_app()"
    assert "pygeoapi_prefect.web.app" in command[4].split(",")
    assert "--preload" not in command
