"""Finds the flow run of a job, for a principal. One that it may not see does not exist for it."""

import uuid

from pygeoapi_prefect.access.principal import Principal
from pygeoapi_prefect.engine import runs
from pygeoapi_prefect.engine.shares import owner_tag
from pygeoapi_prefect.errors import JobNotFoundError
from pygeoapi_prefect.jobs import status
from pygeoapi_prefect.models.message import named


def tags_seen_by(principal: Principal) -> list[str]:
    """The tags that all jobs have that a principal may see."""
    return [status.TAG] if principal.is_admin else [status.TAG, owner_tag(principal.subject)]


def known(job_id: str, principal: Principal) -> runs.Run | None:
    """Find the flow run of a job; None if there is none that the principal may see.

    Raises:
        EngineUnavailable: Prefect cannot be reached.
    """
    run = runs.find(status.run_name(job_id))
    if run is None or not {*run.tags}.issuperset(tags_seen_by(principal)):
        return None
    return run


def find(job_id: str, principal: Principal) -> runs.Run:
    """Find the flow run of a job.

    Args:
        job_id: Identifier of the job.
        principal: Who wants to see it.

    Raises:
        JobNotFoundError: There is no such job, or it belongs to somebody else.
        EngineUnavailable: Prefect cannot be reached.
    """
    try:
        is_canonical = str(uuid.UUID(job_id)) == job_id
    except ValueError:
        is_canonical = False
    run = known(job_id, principal) if is_canonical else None
    if run is None:
        raise JobNotFoundError(f"There is no job {named(job_id)}")
    return run
