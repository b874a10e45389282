"""What the Compose file and its settings promise; read without an engine."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ONE_SHOT = {"bootstrap"}
LOOPBACK = "127.0.0.1:"
SECRETS = {
    *("POSTGRES_PASSWORD", "MINIO_ROOT_PASSWORD", "S3_SECRET_KEY"),
    *("PREFECT_AUTH_STRING", "PYGEOAPI_DEPLOYMENT_KEY", "PREFECT_ENCRYPTION_KEY"),
}


def example() -> dict[str, str]:
    return dict(re.findall(r"^([A-Z0-9_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.M))


def variables() -> set[str]:
    return set(re.findall(r"\$\{([A-Z0-9_]+)", TEXT))


@pytest.mark.parametrize("name", SERVICES)
def test_service_is_hardened(name: str) -> None:
    service = SERVICES[name]
    assert service["user"] == "10001:10001"
    assert service["read_only"] is True
    assert service["init"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["logging"]["options"]["max-size"]
    assert {"mem_limit", "pids_limit", "restart", "tmpfs"} <= set(service)
    assert not {"container_name", "privileged", "cap_add"} & set(service)


@pytest.mark.parametrize("name", sorted(set(SERVICES) - ONE_SHOT))
def test_service_has_a_health_check_without_prefects_command(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][:2] != ["CMD", "prefect"]
    assert {"interval", "timeout", "retries", "start_period"} <= set(SERVICES[name]["healthcheck"])


def test_the_web_processes_have_the_memory_for_large_bodies() -> None:
    """Fault 25: a body within all bounds takes 500 MiB, and one for each thread may wait."""
    web = SERVICES["pygeoapi"]
    processes = int(re.sub(r"\D", "", web["environment"]["WEB_CONCURRENCY"]))
    threads = int(re.sub(r"\D", "", web["environment"]["GUNICORN_CMD_ARGS"]))
    assert processes * (500 + threads * 16) <= int(web["mem_limit"].removesuffix("g")) * 1024


def test_a_running_service_depends_on_each_one_shot() -> None:
    for name in ONE_SHOT:
        waiting = [
            other
            for other, service in SERVICES.items()
            if service.get("depends_on", {}).get(name, {}).get("condition")
            == "service_completed_successfully"
        ]
        assert waiting


def test_only_pygeoapi_is_published_beyond_loopback() -> None:
    for name, service in SERVICES.items():
        for port in service.get("ports", []):
            assert name == "pygeoapi" or port.startswith(LOOPBACK)


def test_no_host_folder_is_mounted() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            assert not volume.startswith(".")
            assert "docker.sock" not in volume


def test_secrets_have_no_default_and_no_value_in_the_example() -> None:
    for name in SECRETS:
        assert example()[name] == ""
        assert not re.search(rf"\$\{{{name}:-[^}}]", TEXT)
    assert set(re.findall(r"\$\{([A-Z0-9_]+):\?", TEXT)) == SECRETS


def test_who_asks_prefect_has_its_secret_and_nobody_else() -> None:
    given = "${PREFECT_AUTH_STRING:?run scripts/setup, which writes .env}"
    holders = {
        name: {key for key, value in service["environment"].items() if value == given}
        for name, service in SERVICES.items()
    }
    asks = {"PREFECT_API_AUTH_STRING"}
    assert {name: keys for name, keys in holders.items() if keys} == {
        "prefect-server": {"PREFECT_SERVER_API_AUTH_STRING"},
        **dict.fromkeys(("bootstrap", "drainer", "pygeoapi", "worker"), asks),
    }
    for service in SERVICES.values():
        environment = service["environment"]
        assert ("PREFECT_API_URL" in environment) == ("PREFECT_API_AUTH_STRING" in environment)


def test_prefect_and_the_web_process_do_not_have_the_key_of_deployments() -> None:
    holders = {
        name
        for name, service in SERVICES.items()
        if any("PYGEOAPI_DEPLOYMENT_KEY" in str(value) for value in service["environment"].items())
    }
    assert holders == {"bootstrap", "worker", "drainer"}  # that one has all of the worker's


def test_prefect_answers_under_the_names_that_are_used_and_no_other() -> None:
    server = SERVICES["prefect-server"]
    port = "${PREFECT_UI_PORT:-4200}"
    origins = server["environment"]["PREFECT_SERVER_CORS_ALLOWED_ORIGINS"].split(",")
    hosts = {"http://localhost", "http://127.0.0.1"}  # of the UI, of the health check
    assert set(origins) == {*(f"{host}:{port}" for host in hosts), "http://prefect-server:4200"}
    url = server["environment"]["PREFECT_SERVER_UI_API_URL"]
    assert url.removesuffix("/api") in origins
    for service in SERVICES.values():
        if url := service["environment"].get("PREFECT_API_URL"):
            assert url.removesuffix("/api") in origins
    text = (ROOT / "services/python/Dockerfile").read_text()
    assert '"--factory", "pygeoapi_prefect.engine.internals.server:create_app"' in text
    assert server["healthcheck"]["test"][-1] == "/api/ready"  # it needs no secret


def test_every_variable_of_compose_is_documented() -> None:
    documented = set(
        re.findall(r"`([A-Z][A-Z0-9_]+)`", (ROOT / "docs/configuration.md").read_text())
    )
    assert variables() | set(example()) <= documented


def test_settings_of_the_example_are_used() -> None:
    assert set(example()) - {"COMPOSE_PROFILES"} <= variables()


@pytest.mark.parametrize("file", sorted((ROOT / "services").glob("*/Dockerfile")))
def test_image_has_one_base_and_a_numeric_user(file: Path) -> None:
    text = file.read_text()
    assert "ARG BASE=debian:trixie-slim" in text
    stages = set(re.findall(r"^FROM \S+ AS (\S+)", text, re.M)) | {"${BASE}", "scratch"}
    assert set(re.findall(r"^FROM (\S+)", text, re.M)) <= stages
    assert re.findall(r"^USER (\S+)", text, re.M)
    assert set(re.findall(r"^USER (\S+)", text, re.M)) == {"10001:10001"}
    assert not re.search(r"^# syntax=", text, re.M)


def test_nothing_but_what_images_need_reaches_the_builder() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in lines
    assert not any(line.startswith("!.env") for line in lines)


def test_minio_is_pinned_in_module_and_image() -> None:
    module = (ROOT / "services/minio/go.mod").read_text()
    commit = re.search(r"github\.com/minio/minio v0\.0\.0-\d{14}-([0-9a-f]{12})", module)
    assert commit
    assert commit[1] in (ROOT / "services/minio/Dockerfile").read_text()


def test_api_keys_are_in_a_folder_of_their_own_and_in_the_backup() -> None:
    """Only the web process has it; a mounted file would not change when it is replaced."""
    assert [name for name in SERVICES if "access:/access" in SERVICES[name].get("volumes", ())] == [
        "pygeoapi"
    ]
    dockerfile = (ROOT / "services/python/Dockerfile").read_text()
    assert "install -d -m 700 -o 10001 -g 10001 /access" in dockerfile
    for name in ("backup", "restore"):
        assert "access.tar" in (ROOT / "scripts" / name).read_text()
    command = "pygeoapi pygeoapi plugins prefect key"
    assert command in (ROOT / "scripts/key").read_text()
