"""Short forms of what every test process declares and returns."""

from collections.abc import Mapping, Sequence
from typing import Any

from pygeoapi_prefect.models.processes import (
    JobStatus,
    JobStatusInfoInternal,
    OutputExecutionResultInternal,
    ProcessDescription,
)

BOTH = ("sync-execute", "async-execute")
RESULT = {"result": {"schema": {"type": "string", "contentMediaType": "text/plain"}}}
SECONDS = {"seconds": {"schema": {"type": "number", "minimum": 0, "maximum": 600}}}


def declare(
    process_id: str,
    inputs: Mapping[str, Any],
    outputs: Mapping[str, Any] = RESULT,
    modes: Sequence[str] = BOTH,
) -> ProcessDescription:
    """A description with only what a test looks at."""
    return ProcessDescription.model_validate(
        {
            "id": process_id,
            "version": "1.2.3",
            "title": process_id,
            "description": f"The test process {process_id}",
            "jobControlOptions": list(modes),
            "outputTransmission": ["value", "reference"],
            "inputs": dict(inputs),
            "outputs": dict(outputs),
        }
    )


def successful(
    job_id: str, process_id: str, outputs: Mapping[str, OutputExecutionResultInternal]
) -> JobStatusInfoInternal:
    """What a flow returns."""
    return JobStatusInfoInternal(
        job_id=job_id,
        process_id=process_id,
        status=JobStatus.successful,
        generated_outputs=dict(outputs),
    )
