"""The operator's commands against a real Prefect server and an S3 server."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml
from click.testing import CliRunner, Result
from prefect.settings import PREFECT_API_URL, temporary_settings

from pygeoapi_prefect import storage
from pygeoapi_prefect.cli import root
from pygeoapi_prefect.engine import deployments
from pygeoapi_prefect.engine.client import api
from support import s3_server
from support.prefect_api import forget, use_prefect

HI = "pygeoapi_prefect.examples.hi_prefect_world.HiPrefectWorldProcessor"
SIMPLE = "pygeoapi_prefect.examples.simple_flow.SimpleFlowProcessor"


@pytest.fixture(scope="module", autouse=True)
def prefect(stack: Any) -> Iterator[None]:
    with use_prefect(stack.prefect_api_url):
        yield


@pytest.fixture
def block(tmp_path: Path) -> str:
    """A block for code and results."""
    name = f"test-{uuid4().hex[:8]}"
    storage.save_local_block(name, str(tmp_path / "store"))
    return f"local-file-system/{name}"


@pytest.fixture
def name() -> Iterator[str]:
    """Name of a deployment, which is removed afterwards."""
    name = f"test-{uuid4().hex[:8]}"
    yield name
    for flow in ("hi-prefect-world", "simple-flow"):
        if found := deployments.find_id(flow, name):
            with api() as client:
                client.request("DELETE", "/deployments/{id}", path_params={"id": found})


def run(*arguments: str, env: dict[str, str] | None = None, stdin: str | None = None) -> Result:
    return CliRunner().invoke(root, arguments, env=env, input=stdin)


def write(
    folder: Path, processor: str = HI, process_id: str = "hi-prefect-world", **prefect: Any
) -> str:
    """Write a configuration with one process; returns its path."""
    config = folder / "config.yml"
    processes = yaml.safe_load(config.read_text())["resources"] if config.exists() else {}
    processes[process_id] = {
        "type": "process",
        "processor": {"name": processor} | ({"prefect": prefect} if prefect else {}),
    }
    config.write_text(yaml.safe_dump({"resources": processes}))
    return str(config)


def deployment(name: str, block: str) -> dict[str, str]:
    return {"name": name, "queue": "pygeoapi", "storage_block": block}


def test_a_process_that_cannot_be_loaded_keeps_no_other_from_being_deployed(
    tmp_path: Path, block: str, name: str
) -> None:
    """Fault 22."""
    write(tmp_path, "no_such_module.Processor", "broken")
    config = write(tmp_path, result_storage=block, deployment=deployment(name, block))

    one = run("deploy-process", "hi-prefect-world", "-c", config)
    assert (one.exit_code, one.output.splitlines()[-1]) == (0, "Done!")
    broken = run("deploy-process", "broken", "-c", config)
    assert broken.exit_code == 1
    assert "process 'broken': cannot load no_such_module.Processor" in broken.output
    every = run("deploy-process", "--all", "-c", config)
    assert every.exit_code == 1
    assert f"Deployment 'hi-prefect-world/{name}' unchanged" in every.output
    assert "process 'broken': cannot load no_such_module.Processor" in every.output
    assert every.output.splitlines()[-1] == "Error: Not deployed: broken"
    listed = run("list", "-c", config)
    assert listed.exit_code == 0
    assert "process 'broken': cannot load" in listed.output
    assert f"hi-prefect-world/{name}" in listed.output


def test_deploying_says_what_it_does(tmp_path: Path, block: str, name: str) -> None:
    config = write(tmp_path, result_storage=block, deployment=deployment(name, block))
    for state in ("deployed", "unchanged"):
        done = run("deploy-process", "hi-prefect-world", "-c", config)
        assert done.exit_code == 0, done.output
        first, second, last = done.output.splitlines()
        assert first == "Deploying process 'hi-prefect-world' with prefect..."
        assert second.startswith(f"Deployment 'hi-prefect-world/{name}' {state}: version ")
        assert last == "Done!"


def test_the_configuration_may_come_from_the_environment(
    tmp_path: Path, block: str, name: str
) -> None:
    config = write(tmp_path, result_storage=block, deployment=deployment(name, block))
    done = run("deploy-process", "hi-prefect-world", env={"PYGEOAPI_CONFIG": config})
    assert done.exit_code == 0, done.output


def test_an_unknown_process_is_a_wrong_argument(tmp_path: Path) -> None:
    done = run("deploy-process", "nothing", "-c", write(tmp_path))
    assert done.exit_code == 2
    assert "There is no process 'nothing' in the configuration" in done.output


def test_a_vanilla_process_is_skipped(tmp_path: Path) -> None:
    config = write(tmp_path, "HelloWorld", "hello-world")
    for which in ("hello-world", "--all"):
        done = run("deploy-process", which, "-c", config)
        assert done.exit_code == 0
        assert "'hello-world' runs in the web process, without a deployment: skipped" in done.output


def test_a_process_without_deployment_is_an_error_alone_and_skipped_among_all(
    tmp_path: Path, block: str
) -> None:
    config = write(tmp_path, result_storage=block)
    done = run("deploy-process", "hi-prefect-world", "-c", config)
    assert done.exit_code == 1
    assert "no processor.prefect.deployment" in done.output
    done = run("deploy-process", "--all", "-c", config)
    assert done.exit_code == 0
    assert "'hi-prefect-world' has no processor.prefect.deployment: skipped" in done.output


def test_a_missing_queue_is_named(tmp_path: Path, block: str, name: str) -> None:
    config = write(tmp_path, result_storage=block, deployment={"name": name})
    done = run("deploy-process", "hi-prefect-world", "-c", config)
    assert done.exit_code == 1
    assert "processor.prefect.deployment.queue" in done.output


def test_a_missing_block_is_named_with_the_command_that_makes_it(
    tmp_path: Path, block: str, name: str
) -> None:
    missing = "remote-file-system/nothing-here"
    config = write(tmp_path, result_storage=block, deployment=deployment(name, missing))
    done = run("deploy-process", "hi-prefect-world", "-c", config)
    assert done.exit_code == 1
    assert f"'{missing}' for its code does not exist" in done.output
    assert "pygeoapi plugins prefect create-storage-block nothing-here" in done.output
    assert "Traceback" not in done.output


def test_all_deploys_what_it_can_and_fails_for_the_rest(
    tmp_path: Path, block: str, name: str
) -> None:
    missing = deployment(name, "local-file-system/nothing-here")
    write(tmp_path, result_storage=block, deployment=missing)
    config = write(
        tmp_path, SIMPLE, "simple-flow", result_storage=block, deployment=deployment(name, block)
    )
    done = run("deploy-process", "--all", "-c", config)
    assert done.exit_code == 1
    assert f"Deployment 'simple-flow/{name}' deployed" in done.output
    assert "local-file-system/nothing-here" in done.output
    assert "Not deployed: hi-prefect-world" in done.output


def test_the_list_shows_every_process(tmp_path: Path, block: str, name: str) -> None:
    write(tmp_path, "HelloWorld", "hello-world")
    write(tmp_path, SIMPLE, "simple-flow", result_storage=block, deployment=deployment(name, block))
    config = write(tmp_path, result_storage=block, deployment=deployment(name, block))
    assert run("deploy-process", "simple-flow", "-c", config).exit_code == 0
    done = run("list", "-c", config)
    assert done.exit_code == 0
    header, *rows = (line.split("  ") for line in done.output.splitlines())
    assert header[0] == "PROCESS"
    cells = {row[0]: [cell.strip() for cell in row[1:] if cell.strip()] for row in rows}
    assert cells["hello-world"] == ["-"] * 5
    assert cells["hi-prefect-world"] == [
        f"hi-prefect-world/{name}", "not deployed", "pygeoapi/pygeoapi", block, block,
    ]  # fmt: skip
    assert cells["simple-flow"][0] == f"simple-flow/{name}"
    assert len(cells["simple-flow"][1]) == 16


def test_the_five_arguments_of_create_storage_block() -> None:
    name = f"test-{uuid4().hex[:8]}"
    bucket = s3_server.make_bucket(name)
    arguments = (name, bucket, s3_server.endpoint(), s3_server.KEY, s3_server.SECRET)
    done = run("create-storage-block", *arguments)
    assert done.exit_code == 0
    assert done.output == f"Creating block remote-file-system/{name}...\nDone!\n"
    storage.open_store(f"remote-file-system/{name}").write("x", b"x")
    assert s3_server.files().cat_file(f"{bucket}/x") == b"x"
    assert run("create-storage-block", *arguments).exit_code == 0  # again


@pytest.mark.parametrize("way", ["environment", "prompt"])
def test_the_secret_need_not_be_an_argument(way: str) -> None:
    name = f"test-{uuid4().hex[:8]}"
    bucket = s3_server.make_bucket(name)
    arguments = (name, bucket, s3_server.endpoint(), s3_server.KEY)
    if way == "environment":
        done = run("create-storage-block", *arguments, env={"STORAGE_SECRET": s3_server.SECRET})
    else:
        done = run("create-storage-block", *arguments, stdin=f"{s3_server.SECRET}\n")
    assert done.exit_code == 0, done.output
    assert s3_server.SECRET not in done.output
    assert block_settings(name) == s3_server.settings(s3_server.endpoint())


def test_without_a_key_no_credentials_are_kept() -> None:
    name = f"test-{uuid4().hex[:8]}"
    done = run("create-storage-block", name, "s3://bucket", "http://s3:9000")
    assert done.exit_code == 0
    assert block_settings(name) == {"client_kwargs": {"endpoint_url": "http://s3:9000"}}
    assert run("create-storage-block", name, "s3://bucket").exit_code == 0
    assert block_settings(name) == {}


def block_settings(name: str) -> Any:
    with api() as client:
        return client.read_block_document_by_name(name, storage.REMOTE).data["settings"]


def test_an_absolute_path_makes_a_local_block(tmp_path: Path) -> None:
    name = f"test-{uuid4().hex[:8]}"
    done = run("create-storage-block", name, str(tmp_path))
    assert done.output == f"Creating block local-file-system/{name}...\nDone!\n"
    assert storage.open_store(f"local-file-system/{name}").basepath == str(tmp_path)


def test_create_work_pool() -> None:
    pool = f"test-{uuid4().hex[:8]}"
    done = run("create-work-pool", "--pool", pool, "--queue", "fast")
    assert done.exit_code == 0
    assert done.output.splitlines()[-1] == "Done!"
    assert "exist already" in run("create-work-pool", "--pool", pool, "--queue", "fast").output
    with api() as client:
        assert client.read_work_queue_by_name("fast", pool).name == "fast"
        client.delete_work_pool(pool)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/api", None])
@pytest.mark.parametrize("command", ["deploy", "all", "list", "block", "pool"])
def test_without_prefect_every_command_says_so(
    url: str | None, command: str, tmp_path: Path, block: str
) -> None:
    config = write(tmp_path, result_storage=block, deployment=deployment("x", block))
    arguments = {
        "deploy": ["deploy-process", "hi-prefect-world", "-c", config],
        "all": ["deploy-process", "--all", "-c", config],
        "list": ["list", "-c", config],
        "block": ["create-storage-block", "x", "/tmp/x"],
        "pool": ["create-work-pool"],
    }[command]
    forget()
    try:
        with temporary_settings({PREFECT_API_URL: url}):
            done = run(*arguments)
    finally:
        forget()
    assert done.exit_code == 1
    assert "PREFECT_API_URL is " in done.output
    assert "Traceback" not in done.output
