"""Description of a process (``processSummary.yaml``, ``process.yaml``)."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationInfo, model_validator

from pygeoapi_prefect.models.base import Document, Link, Model, parse_json
from pygeoapi_prefect.models.enums import ProcessJobControlOption, ProcessOutputTransmissionMode
from pygeoapi_prefect.models.schema import ProcessIOSchema


class ProcessMetadata(Model):
    """More about a process, input or output, somewhere else (``metadata.yaml``)."""

    title: str | None = None
    role: str | None = None
    href: str | None = None


class AdditionalProcessIOParameter(Model):
    """One additional parameter (``additionalParameter.yaml``); its values are any JSON."""

    name: str
    value: list[Any]


class AdditionalProcessIOParameters(ProcessMetadata):
    """Additional parameters of a process, input or output.

    The standard lists them in ``parameters``; the 2023 models had one, as ``name`` and ``value``.
    """

    name: str | None = None
    value: list[Any] | None = None
    parameters: list[AdditionalProcessIOParameter] | None = None

    @model_validator(mode="after")
    def _has_some(self) -> Self:
        if self.parameters is None and (self.name is None or self.value is None):
            raise ValueError("pass either 'parameters', or 'name' and 'value'")
        return self


class _Described(Model):
    """Common members of processes, inputs and outputs (``descriptionType.yaml``)."""

    title: dict[str, str] | str | None = None
    description: dict[str, str] | str | None = None
    keywords: list[str] | None = None
    metadata: list[ProcessMetadata] | None = None
    additional_parameters: AdditionalProcessIOParameters | None = Field(
        default=None, alias="additionalParameters"
    )


class ProcessOutput(_Described):
    """Description of an output (``outputDescription.yaml``)."""

    schema_: ProcessIOSchema = Field(alias="schema")


class ProcessInput(ProcessOutput):
    """Description of an input (``inputDescription.yaml``).

    Attributes:
        min_occurs: Least number of values; 0 for an optional input.
        max_occurs: Greatest number of values, or ``"unbounded"``; above 1 they come as an array.
    """

    min_occurs: Annotated[int, Field(ge=0)] = Field(default=1, alias="minOccurs")
    max_occurs: Annotated[int, Field(ge=1)] | Literal["unbounded"] = Field(
        default=1, alias="maxOccurs"
    )


class ProcessSummary(_Described):
    """Entry of the list of processes (``processSummary.yaml``).

    ``title`` and ``description`` may be given per language, as pygeoapi does: ``{"en": "..."}``.
    """

    version: str
    id: str
    job_control_options: list[ProcessJobControlOption] = Field(
        default_factory=lambda: [ProcessJobControlOption.SYNC_EXECUTE], alias="jobControlOptions"
    )
    output_transmission: list[ProcessOutputTransmissionMode] = Field(
        default_factory=lambda: [ProcessOutputTransmissionMode.VALUE], alias="outputTransmission"
    )
    links: list[Link] | None = None


class ProcessDescription(ProcessSummary, Document):
    """Description of a process, with its inputs and outputs (``process.yaml``).

    Validation accepts JSON text too: a flow gets its description as one string, since Prefect would
    expand ``{"__prefect_kind": ...}`` anywhere in nested parameters.

    Attributes:
        inputs: Description of each input, by its id.
        outputs: Description of each output, by its id.
        example: An execute request that works.
    """

    inputs: dict[str, ProcessInput]
    outputs: dict[str, ProcessOutput]
    example: dict[str, Any] | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, data: Any, info: ValidationInfo) -> Any:
        return parse_json(data) if isinstance(data, str) and info.mode == "python" else data
