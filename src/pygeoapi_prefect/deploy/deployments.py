"""Prefect deployments of the configured processes."""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx
from prefect import Flow
from prefect.client.schemas.actions import DeploymentUpdate, WorkPoolCreate
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.utilities.callables import parameter_schema

from pygeoapi_prefect.config import PrefectDeployment
from pygeoapi_prefect.deploy.package import collect, collect_processor, installed
from pygeoapi_prefect.deploy.upload import prune, upload
from pygeoapi_prefect.engine.client import api
from pygeoapi_prefect.errors import BlockNotFound, ConfigurationError
from pygeoapi_prefect.process.registry import Process, Registry
from pygeoapi_prefect.storage import LOCAL, Store, open_store

BANNED = frozenset("/%&<>")  # in names, by Prefect
POOL_TYPE = "process"
PAGE = 200
# Set explicitly, Prefect's own process worker starts one interpreter for a run instead of two.
COMMAND = "python -m prefect.engine"


@dataclass(frozen=True)
class Deployed:
    """What ``deploy`` did.

    Attributes:
        name: ``<flow>/<deployment>``.
        version: Version of the code: sixteen hexadecimal digits.
        changed: False if everything was there already, just so.
        path: Folder of the code in the storage block; None if workers have the code installed.
    """

    name: str
    version: str
    changed: bool
    path: str | None


@dataclass(frozen=True)
class DeploymentRow:
    """One configured process and what is deployed of it; None for what there is not.

    Attributes:
        deployment: ``<flow>/<deployment>`` as configured.
        version: Version of the deployed code.
        queue: ``<work pool>/<work queue>`` as configured.
    """

    process_id: str
    deployment: str | None = None
    version: str | None = None
    queue: str | None = None
    storage_block: str | None = None
    result_storage: str | None = None


@dataclass(frozen=True)
class _Code:
    """Where a worker finds the flow."""

    entrypoint: str
    version: str
    store: Store | None = None
    path: str | None = None
    uploaded: bool = False


def deploy(process: Process) -> Deployed:
    """Upload a process's code and create or update its deployment; a second time changes nothing.

    Schedules and pauses that an operator set in Prefect stay as they are, and so do the priority
    and the concurrency limit where the configuration has none.

    Raises:
        ConfigurationError: The process cannot be deployed as configured; says why.
        BlockNotFound: One of its blocks does not exist; says how to make it.
        EngineUnavailable: Prefect cannot be reached.
        StorageUnavailable: The storage block's store cannot be reached or refuses.
    """
    flow, target = process.flow, process.deployment
    if flow is None:
        raise ConfigurationError(f"process '{process.id}' is not powered by Prefect")
    if target is None:
        raise ConfigurationError(
            f"process '{process.id}' has no processor.prefect.deployment in the configuration: "
            "it needs at least the keys name and queue"
        )
    name = _full_name(flow, target)
    result_block = _result_block(process)
    code = _provide_code(process, flow)
    created = ensure_queue(target.work_pool, target.queue, target.queue_priority)
    wanted: dict[str, Any] = {
        "version": code.version,
        "description": _description(process.declared),
        "tags": [],  # a job has its own; a deployment's would be added to them
        "work_pool_name": target.work_pool,
        "work_queue_name": target.queue,
        "storage_document_id": code.store.document_id if code.store else None,
        "path": code.path,
        "entrypoint": code.entrypoint,
        "parameters": _parameters(process),
        "parameter_openapi_schema": parameter_schema(flow).model_dump_for_openapi(),
        # The models travel as JSON strings, which the schema of the flow's annotations refuses.
        "enforce_parameter_schema": False,
        "job_variables": _job_variables(target, result_block),
    }
    if target.concurrency_limit is not None:
        wanted["concurrency_limit"] = target.concurrency_limit
    changed = _apply(flow, name, wanted) or code.uploaded or created
    if changed and code.store is not None:
        prune(code.store, _sub_path(process), _paths_in_use(code.store))
    return Deployed(name=name, version=code.version, changed=changed, path=code.path)


def _parameters(process: Process) -> dict[str, str]:
    """What the generic flow of an unmodified process has to know; its own flow knows it already."""
    return {"processor": json.dumps(process.settings.processor_def)} if process.is_vanilla else {}


def _job_variables(target: PrefectDeployment, result_block: str) -> dict[str, Any]:
    """Variables of the process worker, and those that ours knows on top."""
    ours = {
        "memory_limit_mb": target.memory_limit_mb,
        "timeout_seconds": target.timeout_seconds,
        "crash_retries": target.crash_retries,
    }
    return {
        "command": COMMAND,
        "env": result_environment(result_block),
        **{name: value for name, value in ours.items() if value is not None},
    }


def result_environment(block: str) -> dict[str, str]:
    """Variables that make Prefect keep a flow's result as JSON in a block.

    Set for each deployment and never for a worker: there they would win over the deployment's.
    """
    return {
        "PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK": block,
        "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
    }


def ensure_queue(pool: str, queue: str, priority: int | None = None) -> bool:
    """Create a work pool (of type ``process``) and a queue in it; False if both were there.

    Args:
        pool: Name of the pool.
        queue: Name of the queue.
        priority: Priority that the queue is to have; None leaves it to Prefect, or to an operator.

    Raises:
        EngineUnavailable: Prefect cannot be reached.
    """
    with api() as client:
        try:
            client.read_work_pool(pool)
            existing = client.read_work_queue_by_name(queue, pool)
        except ObjectNotFound:
            pass
        else:
            if priority in (None, existing.priority):
                return False
            client.update_work_queue(existing.id, priority=priority)
            return True
        with suppress(ObjectAlreadyExists):
            client.create_work_pool(_process_pool(pool))
        with suppress(ObjectAlreadyExists):
            client.create_work_queue(queue, work_pool_name=pool, priority=priority)
    return True


def list_deployments(registry: Registry) -> list[DeploymentRow]:
    """All configured processes, in the order of the configuration, and what is deployed of them.

    Raises:
        EngineUnavailable: Prefect cannot be reached.
    """
    return [_row(process) for process in registry]


def _row(process: Process) -> DeploymentRow:
    flow, target = process.flow, process.deployment
    if flow is None or target is None:
        return DeploymentRow(process.id, result_storage=process.result_storage)
    name = _full_name(flow, target)
    existing = _read(name)
    return DeploymentRow(
        process.id,
        deployment=name,
        version=existing.version if existing else None,
        queue=f"{target.work_pool}/{target.queue}",
        storage_block=target.storage_block,
        result_storage=process.result_storage,
    )


def _full_name(flow: Flow[..., Any], target: PrefectDeployment) -> str:
    if set(target.name) & BANNED or not target.name:
        raise ConfigurationError(
            f"the deployment name {target.name!r} is empty or has one of {' '.join(sorted(BANNED))}"
        )
    return f"{flow.name}/{target.name}"


def _result_block(process: Process) -> str:
    """The slug of the block for results; it must exist, or every job would fail."""
    if process.result_storage is None:
        raise ConfigurationError(
            f"process '{process.id}' has no block for its results: set processor.prefect."
            "result_storage or server.manager.result_storage in the configuration"
        )
    _require_block(process.result_storage, "its results")
    return process.result_storage


def _provide_code(process: Process, flow: Flow[..., Any]) -> _Code:
    target = process.deployment
    assert target is not None
    if target.storage_block is None:
        return _Code(*installed(flow))
    if process.is_vanilla:
        package = collect_processor(process.processor_class)
    else:
        package = collect(flow, process.processor_class, target.ignore_file)
    if package is None:
        return _Code(*installed(flow))
    store = _require_block(target.storage_block, "its code")
    path, uploaded = upload(package, store, _sub_path(process))
    return _Code(package.entrypoint, package.version, store, path, uploaded)


def _sub_path(process: Process) -> str:
    target = process.deployment
    return (target.storage_sub_path if target else None) or process.id


def _require_block(slug: str, purpose: str) -> Store:
    try:
        return open_store(slug)
    except BlockNotFound as error:
        block_type, _, name = slug.partition("/")
        base = "/absolute/path" if block_type == LOCAL else "s3://BUCKET ENDPOINT_URL KEY"
        raise BlockNotFound(
            f"the block '{slug}' for {purpose} does not exist; make it with: "
            f"pygeoapi plugins prefect create-storage-block {name or 'NAME'} {base}"
        ) from error


def _apply(flow: Flow[..., Any], name: str, wanted: Mapping[str, Any]) -> bool:
    """Create or update a deployment; False if it is just so."""
    existing = _read(name)
    if existing is not None and all(getattr(existing, key) == wanted[key] for key in wanted):
        return False
    try:
        with api() as client:
            if existing is None:
                client.create_deployment(client.create_flow(flow), name.partition("/")[2], **wanted)
            else:
                # Not create_deployment, which would remove the schedules.
                client.update_deployment(existing.id, DeploymentUpdate(**wanted))
    except httpx.HTTPStatusError as error:
        raise ConfigurationError(
            f"Prefect refuses the deployment '{name}': {error.response.text}"
        ) from error
    return True


def _read(name: str) -> DeploymentResponse | None:
    try:
        with api() as client:
            return client.read_deployment_by_name(name)
    except ObjectNotFound:
        return None


def _paths_in_use(store: Store) -> set[str]:
    """Folders of a store that some deployment runs from, also of another process."""
    return {
        deployment.path
        for deployment in _all_deployments()
        if deployment.path and deployment.storage_document_id == store.document_id
    }


def _all_deployments() -> Iterator[DeploymentResponse]:
    offset = 0
    while True:
        with api() as client:
            page = client.read_deployments(limit=PAGE, offset=offset)
        yield from page
        if len(page) < PAGE:
            return
        offset += PAGE


def _process_pool(name: str) -> WorkPoolCreate:
    from prefect.workers.process import ProcessWorker  # half a second, needed once

    template = ProcessWorker.get_default_base_job_template()
    # Prefect holds the variables of every new run against their schema, a third of the time that it
    # needs to make one: names alone cost it less, and the workers check the rest.
    variables = template["variables"]["properties"]
    template["variables"] = {
        "type": "object",
        "properties": {name: {"title": known["title"]} for name, known in variables.items()},
    }
    return WorkPoolCreate(name=name, type=POOL_TYPE, base_job_template=template)


def _description(declared: Mapping[str, Any]) -> str | None:
    """Title or description of a process, where it is plain text."""
    texts = (declared.get(key) for key in ("description", "title"))
    return next((text for text in texts if isinstance(text, str)), None)
