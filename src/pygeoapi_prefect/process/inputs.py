"""Access to the inputs of a job, for flows."""

from typing import Any

from pygeoapi_prefect.models.processes import (
    ExecuteRequest,
    ExecutionInputBBox,
    ExecutionInputValueNoObject,
    ExecutionQualifiedInputValue,
    Link,
)


def input_value(request: ExecuteRequest, input_id: str, default: Any = None) -> Any:
    """Return the value of an input as JSON data, sent either plain or as ``{"value": ...}``.

    Args:
        request: The execute request of the job.
        input_id: Identifier of the input.
        default: The value of an absent input.

    Returns:
        A string, number, boolean, list or dict. An input by reference that the web process left to
        the flow is a ``Link``, or a list with links in it.
    """
    inputs = request.inputs or {}
    return plain(inputs[input_id]) if input_id in inputs else default


def plain(value: Any) -> Any:
    """Convert an input model to JSON data; a ``Link`` is returned unchanged."""
    if isinstance(value, Link):
        return value
    if isinstance(value, ExecutionQualifiedInputValue):
        return plain(value.value)
    if isinstance(value, ExecutionInputValueNoObject):
        return plain(value.root)
    if isinstance(value, ExecutionInputBBox):
        return value.model_dump(mode="json", exclude_unset=True)
    if isinstance(value, list):
        return [plain(item) for item in value]
    return dict(value) if isinstance(value, dict) else value
