"""Prefect deployments of the configured processes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prefect import Flow
from prefect.utilities.callables import parameter_schema

from pygeoapi_prefect.config import PrefectDeployment
from pygeoapi_prefect.deploy.package import collect, collect_processor, installed
from pygeoapi_prefect.deploy.upload import prune, upload
from pygeoapi_prefect.engine import deployments, signatures
from pygeoapi_prefect.engine.pools import ensure_queue
from pygeoapi_prefect.engine.routes import Json
from pygeoapi_prefect.environment import SigningSettings
from pygeoapi_prefect.errors import BlockNotFound, ConfigurationError
from pygeoapi_prefect.process.registry import Process, Registry
from pygeoapi_prefect.storage import LOCAL, Store, open_store

BANNED = frozenset("/%&<>")  # in names, by Prefect
# Set explicitly, Prefect's own process worker starts one interpreter for a run instead of two.
COMMAND = "python -m prefect.engine"


@dataclass(frozen=True)
class Deployed:
    """Result of ``deploy``.

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
    """One configured process and its deployment; missing parts are None.

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
    """Location of a flow's code, for a worker."""

    entrypoint: str
    version: str
    store: Store | None = None
    path: str | None = None
    uploaded: bool = False
    digest: str | None = None


def deploy(process: Process) -> Deployed:
    """Upload a process's code and create or update its deployment; a second time changes nothing.

    Schedules and pauses that an operator set in Prefect stay as they are, and so do the priority
    and the concurrency limit where the configuration has none.

    Raises:
        ConfigurationError: The process cannot be deployed as configured; says why.
        BlockNotFound: One of its blocks does not exist; says how to make it.
        EngineUnavailable: Prefect cannot be reached.
        StorageUnavailable: The storage block's store cannot be reached or denies access.
    """
    flow, target = process.flow, process.deployment
    if flow is None:
        raise ConfigurationError(f"process '{process.id}' is not a Prefect process")
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
        "storage_document_id": str(code.store.document_id) if code.store else None,
        "path": code.path,
        "entrypoint": code.entrypoint,
        "parameters": _parameters(process),
        "parameter_openapi_schema": parameter_schema(flow).model_dump_for_openapi(),
        # The models travel as JSON strings, which the schema of the flow's annotations rejects.
        "enforce_parameter_schema": False,
        "job_variables": _job_variables(target, result_block),
    }
    wanted["job_variables"] = _signed(wanted, code.digest, flow.name, target.name)
    if target.concurrency_limit is not None:
        wanted["concurrency_limit"] = target.concurrency_limit
    changed = deployments.apply(flow.name, target.name, wanted) or code.uploaded or created
    if changed and code.store is not None:
        prune(code.store, _sub_path(process), _paths_in_use(code.store))
    return Deployed(name=name, version=code.version, changed=changed, path=code.path)


def _parameters(process: Process) -> dict[str, str]:
    """Default parameters: the generic flow of an unmodified process needs its processor."""
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


def _signed(wanted: Json, code: str | None, flow: str, name: str) -> Json:
    """The job variables of a deployment, with a signature if there is a key.

    Raises:
        ConfigurationError: There is none, and workers would refuse what they have run before.
    """
    key = SigningSettings.from_env().key
    if key is not None:
        return signatures.signed(wanted, code, key)
    existing = deployments.find(flow, name)
    if existing is not None and signatures.is_signed(existing):
        raise ConfigurationError(
            f"the deployment '{flow}/{name}' is signed: set PYGEOAPI_DEPLOYMENT_KEY to sign it "
            "again, or workers would refuse its jobs"
        )
    variables: Json = wanted["job_variables"]
    return variables


def result_environment(block: str) -> dict[str, str]:
    """Variables that make Prefect keep a flow's result as JSON in a block.

    Set for each deployment and never for a worker: there they would win over the deployment's.
    """
    return {
        "PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK": block,
        "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
    }


def list_deployments(registry: Registry) -> list[DeploymentRow]:
    """All configured processes and their deployments, in the order of the configuration.

    Raises:
        EngineUnavailable: Prefect cannot be reached.
    """
    return [_row(process) for process in registry]


def _row(process: Process) -> DeploymentRow:
    flow, target = process.flow, process.deployment
    if flow is None or target is None:
        return DeploymentRow(process.id, result_storage=process.result_storage)
    name = _full_name(flow, target)
    existing = deployments.find(flow.name, target.name)
    return DeploymentRow(
        process.id,
        deployment=name,
        version=existing["version"] if existing else None,
        queue=f"{target.work_pool}/{target.queue}",
        storage_block=target.storage_block,
        result_storage=process.result_storage,
    )


def _full_name(flow: Flow[..., Any], target: PrefectDeployment) -> str:
    if set(target.name) & BANNED or not target.name:
        raise ConfigurationError(
            f"the deployment name {target.name!r} is empty or contains one of "
            f"{' '.join(sorted(BANNED))}"
        )
    return f"{flow.name}/{target.name}"


def _result_block(process: Process) -> str:
    """The slug of the block for results; it must exist, or every job would fail."""
    _require_block(process.result_block, "its results")
    return process.result_block


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
    return _Code(package.entrypoint, package.version, store, path, uploaded, digest=package.digest)


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
            f"the block '{slug}' for {purpose} does not exist; create it with: "
            f"pygeoapi plugins prefect create-storage-block {name or 'NAME'} {base}"
        ) from error


def _paths_in_use(store: Store) -> set[str]:
    """Folders of a store that some deployment runs from, also of another process."""
    return {
        str(deployment["path"])
        for deployment in deployments.iterate()
        if deployment["path"] and deployment["storage_document_id"] == str(store.document_id)
    }


def _description(declared: Mapping[str, Any]) -> str | None:
    """Title or description of a process, where it is plain text."""
    texts = (declared.get(key) for key in ("description", "title"))
    return next((text for text in texts if isinstance(text, str)), None)
