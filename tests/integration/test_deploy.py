"""Deploying to a real Prefect server; the stack's worker runs what was deployed."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from prefect.client.schemas.actions import DeploymentUpdate, WorkPoolCreate
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import IntervalSchedule

from pygeoapi_prefect import storage
from pygeoapi_prefect.config import Settings
from pygeoapi_prefect.deploy.deployments import deploy, list_deployments
from pygeoapi_prefect.deploy.upload import MARKER
from pygeoapi_prefect.engine import deployments, runs
from pygeoapi_prefect.engine.client import api
from pygeoapi_prefect.engine.pools import ensure_queue
from pygeoapi_prefect.engine.signatures import SIGNATURE
from pygeoapi_prefect.errors import BlockNotFound, ConfigurationError, EngineUnavailable
from pygeoapi_prefect.process.registry import Process, Registry
from pygeoapi_prefect.storage import Store
from support.polling import wait_for
from support.prefect_api import use_prefect

PROCESS = """
from pathlib import Path

from prefect import flow
from prefect.blocks.core import Block
from pygeoapi.models import processes as schemas
from pygeoapi_prefect.process.base import BasePrefectProcessor

from {package}.words import GREETING


@flow(name="{package}", persist_result=True)
def run(
    job_id: str,
    result_storage_block: str | None,
    process_description: schemas.ProcessDescription,
    execution_request: schemas.ExecuteRequest,
) -> schemas.JobStatusInfoInternal:
    text = f"{{GREETING}} {{execution_request.inputs['name'].__root__}}"
    text += Path(__file__).with_name("mark.txt").read_text()
    storage = Block.load(result_storage_block)
    storage.write_path(f"{{job_id}}/out.txt", text.encode())
    return schemas.JobStatusInfoInternal(
        jobID=job_id,
        processID=process_description.id,
        status=schemas.JobStatus.successful,
        generated_outputs={{
            "out": schemas.OutputExecutionResultInternal(
                location=f"{{storage.basepath}}/{{job_id}}/out.txt", media_type="text/plain"
            )
        }},
    )


class Processor(BasePrefectProcessor):
    process_flow = run
    process_description = schemas.ProcessDescription(
        id="{package}",
        version="1.0.0",
        title="A greeting",
        inputs={{"name": schemas.ProcessInput(schema={{"type": "string"}})}},
        outputs={{"out": schemas.ProcessOutput(schema={{"type": "string"}})}},
    )
"""

Make = Callable[..., Process]


@pytest.fixture(scope="module", autouse=True)
def prefect(stack: Any) -> Iterator[None]:
    with use_prefect(stack.prefect_api_url):
        yield


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A block for code and results alike."""
    block = f"test-{uuid4().hex[:8]}"
    storage.save_local_block(block, str(tmp_path_factory.mktemp("store")))
    return storage.open_store(f"local-file-system/{block}")


@pytest.fixture
def make(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Write a package with a process, and read its configuration; removes its deployment."""
    monkeypatch.syspath_prepend(str(tmp_path))
    made: list[Process] = []

    def make(package: str | None = None, greeting: str = "Hello", **deployment: Any) -> Process:
        package = package or f"greet_{uuid4().hex[:8]}"
        write(tmp_path, package, greeting)
        keys = {"name": "test", "queue": "pygeoapi", "storage_block": store.slug} | deployment
        prefect = {"result_storage": store.slug, "deployment": keys}
        made.append(registry({package: prefect}).get(package))
        return made[-1]

    yield make
    for process in made:
        assert process.flow is not None
        with api() as client:
            if found := deployments.find_id(process.flow.name, "test"):
                client.request("DELETE", "/deployments/{id}", path_params={"id": found})
        for module in [name for name in sys.modules if name.partition(".")[0] == process.id]:
            del sys.modules[module]


def registry(processes: dict[str, Any]) -> Registry:
    resources = {
        key: {
            "type": "process",
            "processor": {"name": f"{key}.process.Processor", "prefect": prefect},
        }
        for key, prefect in processes.items()
    }
    return Registry(Settings.from_config({"resources": resources}))


def write(root: Path, package: str, greeting: str) -> None:
    (root / package).mkdir(exist_ok=True)
    (root / package / "__init__.py").write_text("")
    (root / package / "words.py").write_text(f"GREETING = {greeting!r}")
    (root / package / "mark.txt").write_text("!")
    (root / package / "process.py").write_text(PROCESS.format(package=package))


def read(process: Process) -> DeploymentResponse:
    with api() as client:
        return client.read_deployment_by_name(f"{process.id}/test")


def execute(process: Process, name: str) -> runs.Run:
    """Run a deployment as the process manager does, until its end."""
    job_id = str(uuid4())
    parameters = {
        "job_id": job_id,
        "result_storage_block": process.result_storage,
        "process_description": json.dumps(process.declared),
        "execution_request": json.dumps({"inputs": {"name": name}}),
    }
    run = runs.create(
        str(read(process).id),
        name=job_id,
        parameters=parameters,
        tags=[],
        labels={},
        idempotency_key=job_id,
    )

    def ended() -> runs.Run | None:
        found = runs.read(run.id)
        return found if found.is_final else None

    done = wait_for(ended, 90, lambda: f"the end of {runs.read(run.id)}")
    assert done is not None
    return done


def test_a_deployment_has_all_that_a_worker_needs(make: Make, store: Store) -> None:
    process = make(storage_sub_path="sub/path")
    done = deploy(process)
    assert done.changed
    assert done.name == f"{process.id}/test"
    assert done.path == f"sub/path/{done.version}"
    deployment = read(process)
    assert deployment.version == done.version
    assert deployment.description == "A greeting"
    assert (deployment.work_pool_name, deployment.work_queue_name) == ("pygeoapi", "pygeoapi")
    assert deployment.storage_document_id == store.document_id
    assert deployment.path == done.path
    assert deployment.entrypoint == f"{process.id}/process.py:run"
    assert not deployment.enforce_parameter_schema
    signature = deployment.job_variables.pop(SIGNATURE)
    assert set(signature) == {"code", "hmac"}
    assert deployment.job_variables == {
        "command": "python -m prefect.engine",
        "env": {
            "PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK": store.slug,
            "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
        },
    }
    for file in ("__init__.py", "process.py", "words.py", "mark.txt"):
        assert store.exists(f"{done.path}/{process.id}/{file}")


def test_the_worker_runs_the_uploaded_code(make: Make, store: Store, tmp_path: Path) -> None:
    process = make(greeting="Hello")
    first = deploy(process)
    write(tmp_path, process.id, "changed, but not deployed")
    run = execute(process, "Zoë")
    assert run.state_type == "COMPLETED", run.state_message
    assert store.read(f"{run.name}/out.txt") == "Hello Zoë!".encode()
    record = json.loads(store.read(run.state_data["storage_key"]))
    assert run.state_data["serializer"]["type"] == "json"
    assert run.state_data["storage_block_id"] == str(store.document_id)
    output = record["data"]["generated_outputs"]["out"]
    assert store.resolve(output["location"]) == f"{store.basepath}/{run.name}/out.txt"

    write(tmp_path, process.id, "Servus")
    assert deploy(process).version != first.version
    run = execute(process, "Zoë")
    assert store.read(f"{run.name}/out.txt") == "Servus Zoë!".encode()


def test_the_worker_finds_what_two_processes_share(
    make: Make, store: Store, tmp_path: Path
) -> None:
    """Fault 23: also after the shared code alone was changed."""
    shared = f"shared_{uuid4().hex[:8]}"
    text = f"from {shared}.said import GREETING"
    (tmp_path / shared).mkdir()
    (tmp_path / shared / "__init__.py").write_text("")
    versions = []
    for greeting in ("Good morning", "Good night"):
        (tmp_path / shared / "said.py").write_text(f"GREETING = {greeting!r}")
        for process in (make(), make()):
            (tmp_path / process.id / "words.py").write_text(text)
            versions.append(deploy(process).version)
            run = execute(process, "Zoë")
            assert run.state_type == "COMPLETED", run.state_message
            assert store.read(f"{run.name}/out.txt") == f"{greeting} Zoë!".encode()
    assert len(set(versions)) == 4

    process = make()
    (tmp_path / process.id / "words.py").write_text(
        f"{text}\ndef later():\n    import nowhere_{shared}"
    )
    with pytest.raises(ConfigurationError, match=rf"words\.py, line 3 imports 'nowhere_{shared}'"):
        deploy(process)


def test_a_second_time_nothing_changes(make: Make) -> None:
    process = make()
    first = deploy(process)
    before = read(process)
    second = deploy(process)
    assert not second.changed
    assert second.version == first.version
    assert read(process).updated == before.updated


def test_a_lost_upload_is_repeated(make: Make, store: Store) -> None:
    process = make()
    done = deploy(process)
    store.delete_folder(str(done.path))
    assert deploy(process).changed
    assert store.exists(f"{done.path}/{process.id}/process.py")


def test_what_somebody_changed_in_prefect_is_put_right(make: Make) -> None:
    process = make()
    deploy(process)
    deployment = read(process)
    change = DeploymentUpdate(entrypoint="other.py:run", job_variables={"env": {"X": "1"}})
    with api() as client:
        client.update_deployment(deployment.id, change)
    assert deploy(process).changed
    assert read(process).entrypoint == deployment.entrypoint
    assert read(process).job_variables == deployment.job_variables


def test_an_operators_schedule_survives(make: Make, tmp_path: Path) -> None:
    process = make()
    deploy(process)
    with api() as client:
        schedule: Any = IntervalSchedule.model_validate({"interval": 86400.0})
        client.create_deployment_schedules(read(process).id, [(schedule, False)])
    write(tmp_path, process.id, "new")
    assert deploy(process).changed
    assert len(read(process).schedules) == 1


def test_three_versions_are_kept(make: Make, store: Store, tmp_path: Path) -> None:
    process = make()
    paths = []
    for number in range(5):
        write(tmp_path, process.id, f"version {number}")
        paths.append(str(deploy(process).path))
    kept = [f"{process.id}/{name}" for name in store.list_folders(process.id)]
    assert set(kept) == set(paths[2:])
    write(tmp_path, process.id, "version 2")  # back to an older one
    assert deploy(process).path == paths[2]
    assert store.exists(f"{paths[2]}/{MARKER}")


def test_processes_may_share_a_folder(make: Make, store: Store, tmp_path: Path) -> None:
    quiet, busy = make(storage_sub_path="shared"), make(storage_sub_path="shared")
    used = deploy(quiet).path
    for number in range(5):
        write(tmp_path, busy.id, f"version {number}")
        deploy(busy)
    assert store.exists(f"{used}/{MARKER}")
    assert len(store.list_folders("shared")) == 4


def test_without_a_storage_block_nothing_is_uploaded(make: Make, store: Store) -> None:
    process = make(storage_block=None)
    done = deploy(process)
    assert done.path is None
    deployment = read(process)
    assert deployment.entrypoint == f"{process.id}.process.run"
    assert deployment.storage_document_id is None
    assert deployment.path is None
    assert store.list_folders(process.id) == []
    assert not deploy(process).changed


def test_from_a_block_to_installed_code_and_back(make: Make) -> None:
    process = make()
    deploy(process)
    installed = make(package=process.id, storage_block=None)
    assert deploy(installed).changed
    assert read(process).path is None
    assert read(process).storage_document_id is None
    assert deploy(process).changed
    assert read(process).path is not None


@pytest.mark.parametrize("which", ["storage_block", "result_storage"])
def test_a_missing_block_is_named_with_the_way_to_make_it(make: Make, which: str) -> None:
    process = make()
    missing = "remote-file-system/nothing-here"
    prefect = {
        "result_storage": process.result_storage,
        "deployment": {
            "name": "test", "queue": "pygeoapi", "storage_block": process.result_storage,
        },
    }  # fmt: skip
    target: Any = prefect if which == "result_storage" else prefect["deployment"]
    target[which] = missing
    with pytest.raises(BlockNotFound) as raised:
        deploy(registry({process.id: prefect}).get(process.id))
    assert f"'{missing}'" in str(raised.value)
    assert "create-storage-block nothing-here s3://BUCKET" in str(raised.value)
    assert deployments.find_id(process.id, "test") is None


def test_what_is_not_configured_is_named(make: Make) -> None:
    process = make()
    keys = {"name": "test", "queue": "pygeoapi"}
    with pytest.raises(ConfigurationError, match=r"no block for its results: .*result_storage"):
        deploy(registry({process.id: {"deployment": keys}}).get(process.id))
    with pytest.raises(ConfigurationError, match=r"no processor\.prefect\.deployment"):
        deploy(registry({process.id: {"result_storage": "a/b"}}).get(process.id))
    vanilla = {"hello": {"type": "process", "processor": {"name": "HelloWorld"}}}
    with pytest.raises(ConfigurationError, match="not a Prefect process"):
        deploy(Registry(Settings.from_config({"resources": vanilla})).get("hello"))


@pytest.mark.parametrize("name", ["a/b", "100%", ""])
def test_names_that_prefect_does_not_know_are_refused(make: Make, name: str) -> None:
    with pytest.raises(ConfigurationError, match="the deployment name"):
        deploy(make(name=name))


def test_what_prefect_refuses_is_told(make: Make) -> None:
    pool = f"test-{uuid4().hex[:8]}"
    variables = {"type": "object", "properties": {"command": {"type": "integer"}}}
    template = {"job_configuration": {"command": "{{ command }}"}, "variables": variables}
    with api() as client:
        client.create_work_pool(WorkPoolCreate(name=pool, base_job_template=template))
    with pytest.raises(ConfigurationError, match=r"Prefect rejects .*python -m prefect\.engine"):
        deploy(make(work_pool=pool))
    with api() as client:
        client.delete_work_pool(pool)


def test_pool_and_queue_are_made_once() -> None:
    pool = f"test-{uuid4().hex[:8]}"
    assert ensure_queue(pool, "fast")
    assert not ensure_queue(pool, "fast")
    assert ensure_queue(pool, "slow")
    with api() as client:
        made = client.read_work_pool(pool)
        queues = client.read_work_queues(work_pool_name=pool)
        client.delete_work_pool(pool)
    assert made.type == "process"
    assert made.base_job_template["job_configuration"]["env"] == "{{ env }}"
    assert made.base_job_template["variables"]["properties"]["env"] == {
        "title": "Environment Variables"
    }
    assert {queue.name for queue in queues} == {"default", "fast", "slow"}


def test_a_new_queue_is_made_by_deploying(make: Make) -> None:
    pool = f"test-{uuid4().hex[:8]}"
    process = make(work_pool=pool, queue="gpu")
    deploy(process)
    assert (read(process).work_pool_name, read(process).work_queue_name) == (pool, "gpu")
    with api() as client:
        client.delete_work_pool(pool)


def test_the_list_shows_what_is_deployed(make: Make, store: Store) -> None:
    process = make()
    processes = registry(
        {process.id: {"result_storage": store.slug, "deployment": vars_of(process)}}
    )
    before, after = list_deployments(processes), deploy(process)
    (row,) = list_deployments(processes)
    assert before[0].version is None
    assert row.version == after.version
    assert row.deployment == f"{process.id}/test"
    assert row.queue == "pygeoapi/pygeoapi"
    assert (row.storage_block, row.result_storage) == (store.slug, store.slug)


def vars_of(process: Process) -> dict[str, Any]:
    target = process.deployment
    assert target is not None
    return {"name": target.name, "queue": target.queue, "storage_block": target.storage_block}


def test_an_outage_of_prefect_is_told_as_one(make: Make) -> None:
    process = make()
    with use_prefect("http://127.0.0.1:1/api"), pytest.raises(EngineUnavailable):
        deploy(process)
