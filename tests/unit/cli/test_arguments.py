"""What the commands accept, and what they load. No server."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pygeoapi_prefect.cli import root
from pygeoapi_prefect.cli.infrastructure import storage_settings


def run(*arguments: str, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(root, arguments, env=env)


def test_the_commands_load_neither_prefect_nor_pydantic() -> None:
    script = (
        "import sys, pygeoapi_prefect.cli;"
        "heavy = {'prefect', 'pydantic', 'fsspec', 'flask', 'httpx'} & set(sys.modules);"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_pygeoapi_finds_the_commands() -> None:
    pygeoapi = Path(sys.executable).with_name("pygeoapi")
    done = subprocess.run(
        [pygeoapi, "plugins", "prefect", "--help"], capture_output=True, text=True, check=True
    )
    for command in ("deploy-process", "list", "create-storage-block", "create-work-pool"):
        assert command in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["deploy-process"], "either a PROCESS_ID or --all"),
        (["deploy-process", "x", "--all"], "either a PROCESS_ID or --all"),
        (["create-storage-block", "name"], "Missing argument 'BASE_PATH'"),
        (["create-storage-block", "My_Block", "s3://bucket"], "lower-case letters"),
        (
            ["create-storage-block", "name", "bucket/folder"],
            "neither an address such as s3://bucket/folder",
        ),
        (
            ["create-storage-block", "name", "s3://"],
            "neither an address such as s3://bucket/folder",
        ),
        (
            ["create-storage-block", "name", "file:///tmp/x"],
            "neither an address such as s3://bucket/folder",
        ),
        (["create-storage-block", "name", "/tmp/x", "http://s3"], "cannot be used with a local"),
    ],
)
def test_wrong_arguments_are_explained(arguments: list[str], message: str, tmp_path: Path) -> None:
    config = tmp_path / "config.yml"
    config.write_text("server: {}")
    done = run(*arguments, env={"PYGEOAPI_CONFIG": str(config), "STORAGE_SECRET": ""})
    assert done.exit_code == 2
    assert message in done.output


def test_without_a_configuration_the_variable_is_named() -> None:
    done = run("list", env={"PYGEOAPI_CONFIG": None})  # type: ignore[dict-item]
    assert done.exit_code == 2
    assert "PYGEOAPI_CONFIG" in done.output


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("resources: [", "cannot read"),
        ("- a\n- b", "is not a pygeoapi configuration"),
        ("resources: {p: {type: process}}", "process 'p': processor.name is missing"),
        (
            "resources: {p: {type: process, processor: {name: a.B, prefect: "
            "{deployment: {name: minio}}}}}",
            "process 'p': processor.prefect.deployment.queue",
        ),
        (
            "resources: {p: {type: process, processor: {name: no_such_module.B}}}",
            "process 'p': cannot load no_such_module.B",
        ),
    ],
)
@pytest.mark.parametrize("command", [["deploy-process", "p"], ["list"]])
def test_a_wrong_configuration_is_explained(
    command: list[str], text: str, message: str, tmp_path: Path
) -> None:
    config = tmp_path / "config.yml"
    config.write_text(text)
    done = run(*command, "-c", str(config))
    assert done.exit_code == 1
    assert message in done.output
    assert "Traceback" not in done.output


def test_a_block_holds_no_credentials_unless_a_key_was_given() -> None:
    assert storage_settings(None, None, "from the environment") == {}
    assert storage_settings("http://s3:9000", None, "from the environment") == {
        "client_kwargs": {"endpoint_url": "http://s3:9000"}
    }
    assert storage_settings("http://s3:9000", "tester", "12345678") == {
        "key": "tester",
        "secret": "12345678",
        "client_kwargs": {"endpoint_url": "http://s3:9000"},
    }
