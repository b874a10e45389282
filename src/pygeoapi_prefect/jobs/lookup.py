"""Finds the flow run of a job."""

import uuid

from pygeoapi_prefect.engine import runs
from pygeoapi_prefect.errors import JobNotFoundError
from pygeoapi_prefect.jobs import status
from pygeoapi_prefect.models.message import named


def find(job_id: str) -> runs.Run:
    """Find the flow run of a job.

    Raises:
        JobNotFoundError: There is no such job.
        EngineUnavailable: Prefect cannot be reached.
    """
    try:
        is_canonical = str(uuid.UUID(job_id)) == job_id
    except ValueError:
        is_canonical = False
    run = runs.find(status.run_name(job_id)) if is_canonical else None
    if run is None or status.TAG not in run.tags:
        raise JobNotFoundError(f"There is no job {named(job_id)}")
    return run
