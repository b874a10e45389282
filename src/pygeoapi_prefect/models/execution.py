"""Requests to execute a process (``execute.yaml``), documents with results (``results.yaml``)."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field, RootModel, ValidationInfo, model_validator
from pydantic_core import to_json

from pygeoapi_prefect.models import reference
from pygeoapi_prefect.models.base import Document, DunderRoot, Model, parse_json
from pygeoapi_prefect.models.enums import ProcessOutputTransmissionMode, ProcessResponseType
from pygeoapi_prefect.models.values import (
    ExecutionFormat,
    ExecutionInputItem,
    ExecutionInputValue,
)

AS_READ = "as read by strict_json"
"""Context of a validation whose data are known to be written and read again unchanged."""


class ExecutionOutput(Model):
    """Requested form of an output (``output.yaml``)."""

    format_: ExecutionFormat | None = Field(default=None, alias="format")
    transmission_mode: ProcessOutputTransmissionMode = Field(
        default=ProcessOutputTransmissionMode.VALUE, alias="transmissionMode"
    )


class ExecutionSubscriber(Model):
    """URLs that are notified about a job (``subscriber.yaml``, class Callback); one is enough."""

    success_uri: str | None = Field(default=None, alias="successUri")
    in_progress_uri: str | None = Field(default=None, alias="inProgressUri")
    failed_uri: str | None = Field(default=None, alias="failedUri")


class ExecuteRequest(Document):
    """A request to execute a process (``execute.yaml``).

    Validation accepts JSON text and references to JSON text in a block (``models.reference``) too:
    a flow gets its request in one of these forms, since Prefect would expand
    ``{"__prefect_kind": ...}`` anywhere in nested parameters. ``model_validate_json`` does not
    accept them: a string in what a client sends is never resolved.

    A valid instance can be written as JSON and read again without changing any value.

    Attributes:
        inputs: Value of each input, by its id.
        outputs: The outputs that are wanted, by their ids; None means all of them.
        response: Form of the results.
        subscriber: Who is told about the job.
    """

    inputs: dict[str, ExecutionInputValue] | None = None
    outputs: dict[str, ExecutionOutput] | None = None
    response: ProcessResponseType = ProcessResponseType.raw
    subscriber: ExecutionSubscriber | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, data: Any, info: ValidationInfo) -> Any:
        if info.context == AS_READ:
            return data
        if isinstance(data, str) and info.mode == "python":
            text = reference.load(data) if reference.is_reference(data) else data
            return parse_json(text)
        return _through_json(data) if isinstance(data, Mapping) else data


def _through_json(data: Mapping[str, Any]) -> Any:
    """Write as JSON text and read back, at the speed of C: what cannot be is found here and now."""
    try:
        return parse_json(to_json(data, inf_nan_mode="constants"))
    except ValueError as error:
        raise ValueError(
            "the request cannot be written as JSON (finite numbers, Unicode text, "
            f"at most 200 levels): {error}"
        ) from error


class ExecutionDocumentSingleOutput(DunderRoot, RootModel[ExecutionInputItem]):
    """An output in a results document (``inlineOrRefData.yaml``)."""


class ExecutionDocumentResult(DunderRoot, RootModel[dict[str, ExecutionDocumentSingleOutput]]):
    """A results document: each output by its id (``results.yaml``)."""
