"""A process that fails in whichever way is asked for."""

from prefect import flow
from pygeoapi.process.base import ProcessorExecuteError
from pygeoapi.process.exceptions import MissingJobParameterError

from pygeoapi_prefect.models.processes import (
    ExecuteRequest,
    JobStatusInfoInternal,
    OutputExecutionResultInternal,
    ProcessDescription,
)
from pygeoapi_prefect.process.base import BasePrefectProcessor
from pygeoapi_prefect.process.inputs import input_value
from testing_processes.declaring import declare, successful

SECRET = "s3cr3t-of-the-flow"


class TooManyZones(ProcessorExecuteError):  # type: ignore[misc]  # pygeoapi is untyped
    """A failure with a status and a type of its own."""

    ogc_exception_code = "InvalidParameterValue"
    http_status_code = 400


@flow(name="test-fail", persist_result=True)
def fail(
    job_id: str,
    result_storage_block: str | None,
    process_description: ProcessDescription,
    execution_request: ExecuteRequest,
) -> JobStatusInfoInternal | None:
    """Fail."""
    how = input_value(execution_request, "how")
    if how == "missing-name":
        raise MissingJobParameterError("Cannot process without a name")
    if how == "own-status":
        raise TooManyZones("more than 9 zones")
    if how == "unexpected":
        raise ValueError(SECRET)
    if how == "none":
        return None
    outside = OutputExecutionResultInternal(location="/etc/passwd", media_type="text/plain")
    return successful(job_id, process_description.id, {"result": outside})


WAYS = ("missing-name", "own-status", "unexpected", "none", "outside")
INPUTS = {"how": {"schema": {"type": "string", "enum": list(WAYS)}}}


class FailProcessor(BasePrefectProcessor):
    """Fails on a worker."""

    process_flow = fail
    process_description = declare("test-fail", INPUTS)


class FailLocalProcessor(BasePrefectProcessor):
    """Fails in the web process: its resource has no deployment."""

    process_flow = fail.with_options(name="test-fail-local")
    process_description = declare("test-fail-local", INPUTS)
