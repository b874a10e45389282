"""The configured processes: their classes, descriptions and flows."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from prefect import Flow
from pygeoapi.process.base import BaseProcessor

from pygeoapi_prefect.config import PrefectDeployment, ProcessSettings, Settings
from pygeoapi_prefect.errors import ConfigurationError, UnknownProcessError
from pygeoapi_prefect.models.message import named
from pygeoapi_prefect.process import vanilla
from pygeoapi_prefect.process.base import BasePrefectProcessor
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
        """Where the process is deployed; None if it runs in the web process."""
        return self.settings.prefect.deployment

    @property
    def is_vanilla(self) -> bool:
        """Whether it is an unmodified pygeoapi process."""
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
        """A processor of its own for one job: two threads never share one."""
        return load_processor(self.id, self.settings.processor_def)


class Registry:
    """All processes of a configuration; loads every class once, and contacts nobody."""

    def __init__(self, settings: Settings) -> None:
        self._processes = {
            key: _process(process, settings.manager.result_storage)
            for key, process in settings.processes.items()
        }
        self._refuse_shared_deployments()

    def __iter__(self) -> Iterator[Process]:
        return iter(self._processes.values())

    def __len__(self) -> int:
        return len(self._processes)

    def ids(self) -> list[str]:
        """Identifiers of all processes, in the order of the configuration."""
        return list(self._processes)

    def get(self, process_id: str) -> Process:
        """The process of that id.

        Raises:
            UnknownProcessError: There is none.
        """
        try:
            return self._processes[process_id]
        except KeyError:
            raise UnknownProcessError(f"There is no process {named(process_id)}") from None

    def _refuse_shared_deployments(self) -> None:
        """A deployment belongs to one process: its result block and code are that process's."""
        owners: dict[tuple[str, str], str] = {}
        for process in self:
            if process.flow is None or process.deployment is None:
                continue
            key = (process.flow.name, process.deployment.name)
            if key in owners:
                raise ConfigurationError(
                    f"processes '{owners[key]}' and '{process.id}' share the deployment "
                    f"'{'/'.join(key)}': give one of them another processor.prefect.deployment.name"
                )
            owners[key] = process.id


def _process(settings: ProcessSettings, default_storage: str | None) -> Process:
    processor = load_processor(settings.id, settings.processor_def)
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


def _in_one_language(text: Any) -> Any:
    """The English or else the first of the translations that pygeoapi allows."""
    if isinstance(text, Mapping) and text:
        return text.get("en", next(iter(text.values())))
    return text
