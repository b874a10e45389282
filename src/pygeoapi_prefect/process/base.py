"""The base class of processes whose computation is a Prefect flow."""

from collections.abc import Mapping
from typing import Any, ClassVar, NoReturn, override

from prefect import Flow
from pydantic import ValidationError
from pygeoapi.process.base import BaseProcessor

from pygeoapi_prefect.config import PrefectDeployment, PrefectSettings, describe
from pygeoapi_prefect.errors import ConfigurationError
from pygeoapi_prefect.models.processes import ProcessDescription

__all__ = ["BasePrefectProcessor", "PrefectDeployment"]


class BasePrefectProcessor(BaseProcessor):  # type: ignore[misc]  # pygeoapi is untyped
    """A process that is described here and computed by a Prefect flow.

    A subclass sets two class variables: ``process_flow`` and ``process_description``. The flow is
    called with ``job_id: str``, ``result_storage_block: str | None``, ``process_description`` and
    ``execution_request``, stores its outputs with a Prefect file-system block and returns a
    ``JobStatusInfoInternal``.

    Attributes:
        process_flow: The flow; the same object whether read from the class or from an instance.
        process_description: Description of the process. Its ``id`` is the key of the resource in
            pygeoapi's configuration. May be a property.
        deployment_info: Where the flow is deployed (``processor.prefect.deployment``); None if it
            runs in the web process.
        result_storage_block: Block for outputs (``processor.prefect.result_storage``), as
            ``<block type slug>/<block name>``; None if the configuration names none.
    """

    process_flow: ClassVar[Flow[..., Any]]
    process_description: ProcessDescription
    deployment_info: PrefectDeployment | None = None
    result_storage_block: str | None = None

    @override
    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        flow = cls.__dict__.get("process_flow")
        if isinstance(flow, Flow):
            # Reading a Flow through an instance would bind it, for every later call of that flow.
            cls.process_flow = staticmethod(flow)  # type: ignore[assignment]

    def __init__(self, processor_def: Mapping[str, Any]) -> None:
        """Read the ``processor`` mapping of a resource.

        Args:
            processor_def: The whole mapping; only ``name`` and ``prefect`` count.

        Raises:
            ConfigurationError: The class lacks a flow or a description, or ``prefect`` has a key
                that is missing, unknown or of the wrong type.
        """
        super().__init__({"name": type(self).__qualname__, **processor_def}, {})
        process_id = self._declared_id()
        try:
            settings = PrefectSettings.model_validate(processor_def.get("prefect") or {})
        except ValidationError as error:
            raise ConfigurationError(
                f"process '{process_id}': {describe(error, 'processor.prefect')}"
            ) from error
        self.deployment_info = settings.deployment
        self.result_storage_block = settings.result_storage
        self.supports_outputs = True

    @property
    def metadata(self) -> dict[str, Any]:
        """The description as JSON (``process.yaml``), with what pygeoapi cannot do without."""
        declared = self.process_description.model_dump(
            mode="json", by_alias=True, exclude_none=True
        )
        return {"title": self.process_description.id, "description": "", **declared}

    @metadata.setter
    def metadata(self, value: object) -> None:
        """Ignore what pygeoapi's base class assigns: the description is the class's own."""

    def execute(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Refuse: the process manager runs ``process_flow`` instead.

        Raises:
            RuntimeError: Always.
        """
        raise RuntimeError(
            f"{type(self).__qualname__} is not executed itself: its flow "
            f"'{self.process_flow.name}' is run by pygeoapi_prefect.manager.PrefectManager; "
            "is another process manager configured?"
        )

    def _declared_id(self) -> str:
        cls = type(self)
        where = f"{cls.__module__}.{cls.__qualname__}"
        if not isinstance(getattr(cls, "process_flow", None), Flow):
            raise ConfigurationError(
                f"{where} has no 'process_flow': a class variable that is a Prefect flow"
            )
        described = getattr(self, "process_description", None)
        if not isinstance(described, ProcessDescription):
            raise ConfigurationError(f"{where} has no 'process_description': a ProcessDescription")
        return described.id
