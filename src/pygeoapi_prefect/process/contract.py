"""Contract of a flow's return value, checked by its job and again by the reader of its record."""

import json
from collections.abc import Mapping
from typing import Any

from pygeoapi_prefect.errors import JobFailedError
from pygeoapi_prefect.models.message import listed, named
from pygeoapi_prefect.models.processes import JobStatus, JobStatusInfoInternal

RUN_NAME_PREFIX = "pygeoapi_job_"
"""Beginning of the names of flow runs that are jobs; the job's identifier follows."""
RECORD = "an instance of JobStatusInfoInternal"
CONTRACT = f"a flow must return {RECORD}"
UNNAMED = "result"
"""The output of an unmodified process whose description has none."""


def invalid_result(what: str) -> str:
    """Return the message, for clients and operators, about a process that broke its contract.

    Args:
        what: The wrong part of its result.
    """
    return f"The process returned an invalid result: {what}; report the job to the operator"


def verify(record: JobStatusInfoInternal, parameters: Mapping[str, Any]) -> None:
    """Reject a record of a failure, of another job, or with undeclared outputs.

    Args:
        record: The flow's return value.
        parameters: The parameters that the flow was called with.

    Raises:
        JobFailedError: It is not a record of this job's success; its message is for clients.
    """
    if record.status == JobStatus.failed:
        raise JobFailedError(record.message or "The process failed")
    if record.status != JobStatus.successful:
        raise _breach(f"the status '{record.status.value}' instead of 'successful' or 'failed'")
    job_id, description = parameters.get("job_id"), _described(parameters)
    if job_id is not None and record.job_id != job_id:
        raise _breach(f"the jobID {named(record.job_id)} instead of {named(job_id)}")
    process_id = description.get("id")
    if None not in (process_id, record.process_id) and record.process_id != process_id:
        raise _breach(f"the processID {named(record.process_id)} instead of {named(process_id)}")
    declared = description.get("outputs")
    if isinstance(declared, Mapping):
        undeclared = (record.generated_outputs or {}).keys() - (declared.keys() or {UNNAMED})
        if undeclared:
            raise _breach(
                f"outputs that its description does not declare: {listed(sorted(undeclared))}"
            )


def _described(parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """The process description as it was when the job was accepted; nothing if it is not there."""
    text = parameters.get("process_description")
    try:
        described = json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return {}
    return described if isinstance(described, Mapping) else {}


def _breach(returned: str) -> JobFailedError:
    return JobFailedError(invalid_result(returned))
