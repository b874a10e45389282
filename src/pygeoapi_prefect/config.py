"""Typed settings, read from pygeoapi's configuration file.

``processor.prefect`` has the keys that the *Processes* page of pygeoapi-prefect defines
(``result_storage``, ``deployment.{name,queue,storage_block,storage_sub_path}``), and keys of this
library.
"""

import re
from collections.abc import Mapping
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Self

import yaml
from limits import parse as parse_rate
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.dataclasses import dataclass

from pygeoapi_prefect.access_settings import (
    AccessSettings,
    OidcSettings,
    ProxySettings,
    RoleProcesses,
)
from pygeoapi_prefect.errors import ConfigurationError

MAX_LIMIT = 10_000
"""Largest page of a list (/req/core/pl-limit-definition, /req/job-list/limit-definition)."""
DEFAULT_WORK_POOL = "pygeoapi"
CORE_KEYS = frozenset({"name", "connection", "options", "track", "processes"})
"""Keys of ``server.manager`` that only pygeoapi reads, or its own managers."""
ANY = "*"
"""Stands for all names in a list of hosts or origins."""
HOST = re.compile(r"[\w.-]+|\[[0-9a-f:.]+\]|[0-9a-f]*:[0-9a-f:.]+", re.ASCII | re.IGNORECASE)
"""A host name, or an address of IPv4 or IPv6."""
UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")
"""Pydantic's names for a key that a model, or a dataclass, does not have."""


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class PrefectDeployment:
    """Settings for running one process on a worker (``processor.prefect.deployment``).

    Attributes:
        name: Name of the Prefect deployment.
        queue: Name of the work queue for the runs.
        storage_block: ``<block type slug>/<block name>`` of the block that code is uploaded to;
            without it, the worker imports the flow from its own installation.
        storage_sub_path: Folder in that block; the process id by default.
        work_pool: Name of the work pool that holds the queue.
        ignore_file: File with gitignore patterns for files that are not uploaded.
        queue_priority: Priority of that queue in its pool; 1 comes first.
        concurrency_limit: Maximum number of concurrent runs of this process, on all workers.
        retries: Number of times that a failed run is repeated.
        retry_delay_seconds: Pause before a repetition, in seconds.
        crash_retries: Number of times that a run is repeated after its process or its worker died.
        memory_limit_mb: Memory that a run and the processes that it starts may use, in MiB.
        timeout_seconds: Wall-clock limit of a run, in seconds.
        max_queued: Jobs of this process that may wait at a time.
    """

    name: str
    queue: str
    storage_block: str | None = None
    storage_sub_path: str | None = None
    work_pool: str = DEFAULT_WORK_POOL
    ignore_file: Path | None = None
    queue_priority: int | None = Field(default=None, ge=1)
    concurrency_limit: int | None = Field(default=None, ge=1)
    retries: int | None = Field(default=None, ge=0, le=50)
    retry_delay_seconds: int | None = Field(default=None, ge=0)
    crash_retries: int | None = Field(default=None, ge=0, le=50)
    memory_limit_mb: int | None = Field(default=None, gt=0)
    timeout_seconds: float | None = Field(default=None, gt=0)
    max_queued: int | None = Field(default=None, ge=1)


class PrefectSettings(BaseModel):
    """The ``processor.prefect`` mapping of one resource."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    result_storage: str | None = Field(
        default=None, description="Block that outputs are written to, as <block type slug>/<name>"
    )
    deployment: PrefectDeployment | None = None


class ProcessSettings(BaseModel):
    """One ``resources.*`` entry of type ``process``."""

    model_config = ConfigDict(frozen=True)

    id: str
    processor_def: dict[str, Any] = Field(description="The whole processor mapping, as configured")
    prefect: PrefectSettings = PrefectSettings()

    @classmethod
    def from_resource(cls, process_id: str, resource: Mapping[str, Any]) -> Self:
        """Read one resource of pygeoapi's configuration.

        Raises:
            ConfigurationError: A key is missing, unknown or of the wrong type.
        """
        processor = resource.get("processor")
        if not isinstance(processor, Mapping) or "name" not in processor:
            raise ConfigurationError(f"process '{process_id}': processor.name is missing")
        try:
            prefect = PrefectSettings.model_validate(processor.get("prefect") or {})
        except ValidationError as error:
            raise ConfigurationError(
                f"process '{process_id}': {describe(error, 'processor.prefect')}"
            ) from error
        return cls(id=process_id, processor_def=dict(processor), prefect=prefect)


class ManagerSettings(BaseModel):
    """The ``server.manager`` mapping, without the keys that only pygeoapi reads."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    output_dir: Path | None = Field(
        default=None, description="Folder for outputs of unmodified processes without a block"
    )

    result_storage: str | None = Field(
        default=None,
        description="Block for processes that configure none, as <block type slug>/<name>",
    )
    prefect_ui_url: str | None = Field(
        default=None, description="Address of Prefect's UI, to which the job pages link"
    )
    sync_timeout_seconds: float = Field(
        default=60, gt=0, description="Longest wait for a synchronous execution, in seconds"
    )
    max_waiting: int = Field(
        default=200, gt=0, description="Clients that may wait for results, in each web process"
    )
    max_in_process: int = Field(
        default=8, gt=0, description="Processes that each web process may run by itself at a time"
    )
    max_queued: int | None = Field(
        default=None, ge=1, description="Jobs that may wait for a worker at a time"
    )
    max_queued_per_owner: int | None = Field(
        default=5000, ge=1, description="The same of one client; null means any number"
    )
    shared_result_days: int = Field(
        default=30, gt=0, description="Days after which task results that jobs share expire"
    )
    max_body_bytes: int = Field(
        default=16 * 1024 * 1024, gt=0, description="Largest request body, in bytes"
    )
    inline_request_bytes: int = Field(
        default=8 * 1024, ge=0, description="A larger execute request is kept in the result block"
    )
    max_reference_bytes: int = Field(
        default=16 * 1024 * 1024, gt=0, description="Largest JSON input by reference, in bytes"
    )
    max_callback_bytes: int = Field(
        default=16 * 1024 * 1024,
        gt=0,
        description="Largest results document for a subscriber without references, in bytes",
    )
    monitor_link: bool = Field(
        default=True,
        description="Link the response of a synchronous execution to its job (rel=monitor)",
    )
    signed_links_seconds: int | None = Field(
        default=None,
        gt=0,
        le=7 * 86_400,
        description="Validity of links to outputs that the store signs, in seconds",
    )
    rate_limits: tuple[str, ...] = Field(
        default=(), description="Requests of one client in a time, such as 100/second"
    )
    trusted_proxies: int = Field(
        default=0,
        ge=0,
        le=10,
        description="Number of reverse proxies whose X-Forwarded-* headers are trusted",
    )
    cors_origins: tuple[str, ...] = Field(
        default=(), description="Origins whose pages may use the API in a browser; * means all"
    )
    allowed_hosts: tuple[str, ...] = Field(
        default=(),
        description="Further names that clients may use for this server; * means all",
    )
    security_schemes: dict[str, dict[str, Any]] = Field(
        default={},
        description="Security schemes of a reverse proxy, for the OpenAPI document only",
    )
    access: AccessSettings | None = Field(
        default=None, description="Keys, tokens and roles; without it, everybody may do everything"
    )

    @field_validator("access", mode="before")
    @classmethod
    def _is_not_empty(cls, value: object) -> object:
        if value is None:  # all its lines are comments: nobody means "open" by that
            raise ValueError("must not be empty; remove the key to let everybody in")
        return value

    @model_validator(mode="after")
    def _authenticates_once(self) -> Self:
        by_proxy = self.access is None or self.access.proxy is not None
        if self.security_schemes and not by_proxy:
            raise ValueError(
                "'security_schemes' cannot be used together with 'access' without 'access.proxy'"
            )
        return self

    @field_validator("allowed_hosts")
    @classmethod
    def _as_names(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            if value != ANY and not HOST.fullmatch(value):
                raise ValueError(f"'{value}' is not a host name or address without a port")
        return tuple(value.lower().rstrip(".").strip("[]") for value in values)

    @field_validator("rate_limits")
    @classmethod
    def _as_limits(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            try:
                parse_rate(value)
            except ValueError:
                raise ValueError(f"'{value}' is not a limit such as 100/second") from None
        return values

    @model_validator(mode="before")
    @classmethod
    def _without_core_keys(cls, values: object) -> object:
        if not isinstance(values, Mapping):
            return values
        return {key: value for key, value in values.items() if key not in CORE_KEYS}


class Settings(BaseModel):
    """Everything that this library reads from pygeoapi's configuration."""

    model_config = ConfigDict(frozen=True)

    public_url: str = Field(description="Root of all links, without a trailing slash")
    default_limit: int = 10
    max_limit: int = MAX_LIMIT
    pretty_print: bool = Field(default=False, description="Indent JSON documents")
    manager: ManagerSettings = ManagerSettings()
    processes: dict[str, ProcessSettings] = {}
    invalid_processes: dict[str, str] = Field(
        default={}, description="Reasons why processes cannot be served, by their ids"
    )

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Read pygeoapi's configuration, as loaded from its YAML file.

        A process with an invalid key is left out and named in ``invalid_processes``; the others are
        not affected.

        Raises:
            ConfigurationError: Another key is missing, unknown or of the wrong type; the message
                names it.
        """
        server = config.get("server") or {}
        limits = server.get("limits") or {}
        root = str(server.get("url") or "http://localhost:5000").rstrip("/")
        if (server.get("api_rules") or {}).get("url_prefix"):
            from pygeoapi_prefect import pygeoapi_helpers  # not at module level, see there

            root = pygeoapi_helpers.base_url(dict(config)).rstrip("/")
        try:
            default, longest = (
                int(limits.get(name, fallback))
                for name, fallback in (("default_items", 10), ("max_items", MAX_LIMIT))
            )
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"server.limits: {error}") from error
        try:
            manager = ManagerSettings.model_validate(server.get("manager") or {})
        except ValidationError as error:
            raise ConfigurationError(describe(error, "server.manager")) from error
        processes, invalid = processes_of(config.get("resources") or {})
        try:
            return cls(
                public_url=root,
                default_limit=default,
                max_limit=longest,
                pretty_print=server.get("pretty_print") or False,
                manager=manager,
                processes=processes,
                invalid_processes=invalid,
            )
        except ValidationError as error:
            raise ConfigurationError(describe(error, "server")) from error


def processes_of(
    resources: Mapping[str, Any],
) -> tuple[dict[str, ProcessSettings], dict[str, str]]:
    """Return the processes among the resources, and the reasons why others are invalid, by id."""
    found: dict[str, ProcessSettings] = {}
    invalid: dict[str, str] = {}
    priorities: dict[tuple[str, str], int] = {}
    for key, resource in resources.items():
        if not isinstance(resource, Mapping) or resource.get("type") != "process":
            continue
        try:
            process = ProcessSettings.from_resource(str(key), resource)
            _refuse_contradiction(process, priorities)
        except ConfigurationError as error:
            invalid[str(key)] = str(error)
        else:
            found[process.id] = process
    return found, invalid


def _refuse_contradiction(process: ProcessSettings, priorities: dict[tuple[str, str], int]) -> None:
    """Reject a process that gives its queue another priority than an earlier process."""
    target = process.prefect.deployment
    if target is None or target.queue_priority is None:
        return
    queue = (target.work_pool, target.queue)
    if priorities.setdefault(queue, target.queue_priority) != target.queue_priority:
        raise ConfigurationError(
            f"process '{process.id}': another process gives the queue '{'/'.join(queue)}' "
            f"the queue_priority {priorities[queue]}"
        )


def load_config(path: Path) -> dict[str, Any]:
    """Load pygeoapi's YAML configuration with its ``${VAR:-default}`` interpolation.

    Raises:
        ConfigurationError: The file is missing or is not YAML, or a variable is not set.
    """
    from pygeoapi_prefect import pygeoapi_helpers  # not at module level, see there

    try:
        with path.open(encoding="utf-8") as file:
            config = pygeoapi_helpers.read_yaml(file)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigurationError(f"cannot read {path}: {error}") from error
    if not isinstance(config, dict):
        raise ConfigurationError(f"{path} is not a pygeoapi configuration")
    return config


KEYS: Mapping[str, list[str]] = {
    "server.manager": [*ManagerSettings.model_fields, *CORE_KEYS],
    "server.manager.access": [*AccessSettings.model_fields],
    "server.manager.access.oidc": [*OidcSettings.model_fields],
    "server.manager.access.proxy": [
        field.alias or name for name, field in ProxySettings.model_fields.items()
    ],
    "server.manager.access.roles": [*RoleProcesses.model_fields],
    "processor.prefect": [*PrefectSettings.model_fields],
    "processor.prefect.deployment": [field.name for field in fields(PrefectDeployment)],
}
"""The keys of each mapping in which an unknown one is an error."""


def describe(error: ValidationError, where: str) -> str:
    """Describe each invalid key below ``where``, and the expected value, in one line."""
    told = []
    for issue in error.errors():
        *above, key = where, *map(str, issue["loc"])
        mapping = ".".join(above)
        reason = _unknown(key, mapping) if issue["type"] in UNKNOWN else issue["msg"]
        told.append(f"{mapping}.{key}: {reason}" if mapping else f"{key}: {reason}")
    return "; ".join(told)


def _unknown(key: str, above: str) -> str:
    """Return the reason to reject an unknown key, with the most similar existing key."""
    known = KEYS.get(above, [])
    nearest = get_close_matches(key, known, n=1) or get_close_matches(key, known, n=1, cutoff=0.4)
    return f"unknown key; did you mean {nearest[0]}?" if nearest else "unknown key"
