"""All models, under the names of the 2023 design (``pygeoapi.models.processes``)."""

from pygeoapi_prefect.models.base import Link
from pygeoapi_prefect.models.description import (
    AdditionalProcessIOParameter,
    AdditionalProcessIOParameters,
    ProcessDescription,
    ProcessInput,
    ProcessMetadata,
    ProcessOutput,
    ProcessSummary,
)
from pygeoapi_prefect.models.enums import (
    JobStatus,
    ProcessExecutionMode,
    ProcessIOFormat,
    ProcessIOType,
    ProcessJobControlOption,
    ProcessOutputTransmissionMode,
    ProcessResponseType,
    RequestedProcessExecutionMode,
)
from pygeoapi_prefect.models.execution import (
    ExecuteRequest,
    ExecutionDocumentResult,
    ExecutionDocumentSingleOutput,
    ExecutionOutput,
    ExecutionSubscriber,
)
from pygeoapi_prefect.models.schema import ProcessIOSchema
from pygeoapi_prefect.models.status import (
    JobList,
    JobStatusInfoBase,
    JobStatusInfoInternal,
    JobStatusInfoRead,
    OutputExecutionResultInternal,
    ProcessList,
)
from pygeoapi_prefect.models.values import (
    ExecutionFormat,
    ExecutionInputBBox,
    ExecutionInputObject,
    ExecutionInputValueNoObject,
    ExecutionInputValueNoObjectArray,
    ExecutionQualifiedInputValue,
)

__all__ = [
    "AdditionalProcessIOParameter",
    "AdditionalProcessIOParameters",
    "ExecuteRequest",
    "ExecutionDocumentResult",
    "ExecutionDocumentSingleOutput",
    "ExecutionFormat",
    "ExecutionInputBBox",
    "ExecutionInputObject",
    "ExecutionInputValueNoObject",
    "ExecutionInputValueNoObjectArray",
    "ExecutionOutput",
    "ExecutionQualifiedInputValue",
    "ExecutionSubscriber",
    "JobList",
    "JobStatus",
    "JobStatusInfoBase",
    "JobStatusInfoInternal",
    "JobStatusInfoRead",
    "Link",
    "OutputExecutionResultInternal",
    "ProcessDescription",
    "ProcessExecutionMode",
    "ProcessIOFormat",
    "ProcessIOSchema",
    "ProcessIOType",
    "ProcessInput",
    "ProcessJobControlOption",
    "ProcessList",
    "ProcessMetadata",
    "ProcessOutput",
    "ProcessOutputTransmissionMode",
    "ProcessResponseType",
    "ProcessSummary",
    "RequestedProcessExecutionMode",
]
