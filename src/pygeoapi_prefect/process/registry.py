"""The configured processes: their classes, descriptions and flows."""

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from prefect import Flow
from pygeoapi.process.base import BaseProcessor

from pygeoapi_prefect.access.principal import SYSTEM, Principal
from pygeoapi_prefect.config import PrefectDeployment, ProcessSettings, Settings
from pygeoapi_prefect.errors import (
    ConfigurationError,
    ProcessUnavailable,
    UnknownProcessError,
)
from pygeoapi_prefect.models.message import named
from pygeoapi_prefect.process import vanilla
from pygeoapi_prefect.process.base import BasePrefectProcessor
from pygeoapi_prefect.process.contract import CONTRACT
from pygeoapi_prefect.process.loading import load_processor

SYNC, ASYNC, DISMISS = "sync-execute", "async-execute", "dismiss"


@dataclass(frozen=True)
class Process:
    """One configured process.

    Attributes:
        id: Key of the resource in the configuration, and id of the process.
        settings: What the configuration says of it.
        processor_class: The class that ``processor.name`` means.
        declared: The process's own description, as JSON (``process.yaml`` without links).
        result_storage: Block for outputs: the process's own, else the server's, else None.
    """

    id: str
    settings: ProcessSettings
    processor_class: type[BaseProcessor]
    declared: Mapping[str, Any]
    result_storage: str | None

    @property
    def deployment(self) -> PrefectDeployment | None:
        """Deployment of the process; None if it runs in the web process."""
        return self.settings.prefect.deployment

    @property
    def result_block(self) -> str:
        """Block for outputs, for a process that needs one.

        Raises:
            ConfigurationError: None is configured.
        """
        if self.result_storage is None:
            raise ConfigurationError(
                f"process '{self.id}' has no block for its results: set processor.prefect."
                "result_storage or server.manager.result_storage in the configuration"
            )
        return self.result_storage

    @property
    def is_vanilla(self) -> bool:
        """True if it is an unmodified pygeoapi process."""
        return not issubclass(self.processor_class, BasePrefectProcessor)

    @cached_property
    def flow(self) -> Flow[..., Any] | None:
        """The flow that a worker runs; None for an unmodified process without a deployment."""
        if issubclass(self.processor_class, BasePrefectProcessor):
            flow: Flow[..., Any] = self.processor_class.process_flow
            return flow
        return None if self.deployment is None else vanilla.flow_for(self.id)

    @cached_property
    def description(self) -> dict[str, Any]:
        """The description that clients get: only what the server can really do is declared."""
        declared = copy.deepcopy(dict(self.declared))
        declared["id"] = self.id
        declared.setdefault("version", "0.0.0")
        for name in {"title", "description", "keywords"} & set(declared):
            declared[name] = _in_one_language(declared[name])
        declared.setdefault("inputs", {})
        declared.setdefault("outputs", {})
        declared["outputTransmission"] = [
            "value",
            "reference",
        ]  # delivery is ours, not the process's
        declared["jobControlOptions"] = self.job_control_options
        return declared

    @property
    def job_control_options(self) -> Sequence[str]:
        """Without a deployment a process runs in the web process, synchronously only."""
        if self.deployment is None:
            return [SYNC]
        modes = [SYNC, ASYNC]
        declared = [o for o in self.declared.get("jobControlOptions", [SYNC]) if o in modes]
        return [*(declared or modes), DISMISS]

    def new_processor(self) -> BaseProcessor:
        """Return a separate processor for one job, so that two threads never share one."""
        return load_processor(self.id, self.settings.processor_def)


class Registry:
    """All processes of a configuration; loads every class once, and contacts nobody.

    A process that cannot be loaded keeps no other from being served: it is not among the
    processes, but in ``unavailable``.

    Attributes:
        unavailable: Why a configured process cannot be used, by its id; for operators only.
    """

    def __init__(self, settings: Settings) -> None:
        self._processes: dict[str, Process] = {}
        self.unavailable: dict[str, str] = dict(settings.invalid_processes)
        owners: dict[tuple[str, str], str] = {}
        for key, process in settings.processes.items():
            try:
                loaded = _process(process, settings.manager.result_storage)
                _refuse_shared_deployment(loaded, owners)
            except ConfigurationError as error:
                self.unavailable[key] = str(error)
            else:
                self._processes[key] = loaded

    def __iter__(self) -> Iterator[Process]:
        return iter(self._processes.values())

    def __len__(self) -> int:
        return len(self._processes)

    def ids(self) -> list[str]:
        """Identifiers of all processes that can be used, in the order of the configuration."""
        return list(self._processes)

    def visible(self, principal: Principal) -> list[Process]:
        """The processes that somebody may use, in the order of the configuration."""
        return [process for process in self if principal.may_use(process.id)]

    def get(self, process_id: str, principal: Principal = SYSTEM) -> Process:
        """The process of that id.

        Args:
            process_id: Identifier of the process.
            principal: Who wants to use it.

        Raises:
            UnknownProcessError: There is none that they may use.
            ProcessUnavailable: It cannot be loaded; its cause gives operators the reason.
        """
        if not principal.may_use(process_id):
            raise _unknown(process_id)
        if process_id in self.unavailable:
            raise ProcessUnavailable(
                f"The process {named(process_id)} is not available. Report this to the operator; "
                "the reason is in the server's log"
            ) from ConfigurationError(self.unavailable[process_id])
        try:
            return self._processes[process_id]
        except KeyError:
            raise _unknown(process_id) from None


def _unknown(process_id: str) -> UnknownProcessError:
    return UnknownProcessError(f"There is no process {named(process_id)}")


def _refuse_shared_deployment(process: Process, owners: dict[tuple[str, str], str]) -> None:
    """A deployment belongs to one process: its result block and code are that process's."""
    if process.flow is None or process.deployment is None:
        return
    key = (process.flow.name, process.deployment.name)
    owner = owners.setdefault(key, process.id)
    if owner != process.id:
        raise ConfigurationError(
            f"processes '{owner}' and '{process.id}' share the deployment "
            f"'{'/'.join(key)}': give one of them another processor.prefect.deployment.name"
        )


def _process(settings: ProcessSettings, default_storage: str | None) -> Process:
    """Load and check a process completely, so that nothing fails later, in a request.

    Raises:
        ConfigurationError: It cannot be loaded, or its description is not one.
    """
    processor = load_processor(settings.id, settings.processor_def)
    _refuse_generators(settings.id, processor)
    try:
        process = _described(processor, settings, default_storage)
        _check_description(process.description)
        _ = process.flow
    except ConfigurationError:
        raise
    except Exception as error:  # the class is not ours: its attributes may be anything
        raise ConfigurationError(
            f"process '{settings.id}': its description or its flow cannot be used: {error!r}"
        ) from error
    return process


def _described(
    processor: BaseProcessor, settings: ProcessSettings, default_storage: str | None
) -> Process:
    if not isinstance(processor, BasePrefectProcessor):
        declared = dict(processor.metadata or {})
    elif (declared := processor.process_description.as_dict())["id"] != settings.id:
        raise ConfigurationError(
            f"process '{settings.id}': its process_description has the id '{declared['id']}'; "
            "the key in the configuration and the id must be the same"
        )
    return Process(
        id=settings.id,
        settings=settings,
        processor_class=type(processor),
        declared=declared,
        result_storage=settings.prefect.result_storage or default_storage,
    )


def _check_description(description: Mapping[str, Any]) -> None:
    """Raise ``TypeError`` or ``ValueError`` for a description that would break the process list."""
    json.dumps(description)
    for kind in ("inputs", "outputs"):
        for name, described in description[kind].items():
            if not isinstance(described, Mapping) or not isinstance(
                described.get("schema", {}), Mapping
            ):
                raise TypeError(f"{kind} '{name}' is not described by an object with a schema")
            for bound in (described.get("minOccurs", 1), described.get("maxOccurs", 1)):
                if bound != "unbounded":
                    int(bound)


def _refuse_generators(process_id: str, processor: BaseProcessor) -> None:
    """Reject generators: neither a flow nor ``execute`` may yield."""
    if not isinstance(processor, BasePrefectProcessor):
        try:
            vanilla.refuse_generator(type(processor))
        except ConfigurationError as error:
            raise ConfigurationError(f"process '{process_id}': {error}") from None
    elif processor.process_flow.isgenerator:
        raise ConfigurationError(
            f"process '{process_id}': its flow '{processor.process_flow.name}' is a generator "
            f"(it has 'yield' in it); {CONTRACT}"
        )


def _in_one_language(text: Any) -> Any:
    """The English or else the first of the translations that pygeoapi allows."""
    if isinstance(text, Mapping) and text:
        return text.get("en", next(iter(text.values())))
    return text
