"""Maps a flow run to OGC statusInfo, and to the failure that a client sees."""

import math
from datetime import UTC, datetime

from pygeoapi_prefect import errors
from pygeoapi_prefect.engine import endings
from pygeoapi_prefect.engine.runs import Run
from pygeoapi_prefect.engine.states import TIMED_OUT, StateType
from pygeoapi_prefect.models.documents import StatusInfo
from pygeoapi_prefect.models.message import clean
from pygeoapi_prefect.process import failures
from pygeoapi_prefect.process.contract import RUN_NAME_PREFIX
from pygeoapi_prefect.process.progress import ATTEMPT_LABEL, MESSAGE_LABEL, PROGRESS_LABEL

TAG = "pygeoapi"
PROCESS_TAG_PREFIX = "process:"

STATUS: dict[StateType, str] = {
    "SCHEDULED": "accepted",
    "PENDING": "accepted",
    "PAUSED": "accepted",
    "RUNNING": "running",
    "COMPLETED": "successful",
    "FAILED": "failed",
    "CRASHED": "failed",
    "CANCELLING": "dismissed",
    "CANCELLED": "dismissed",
}
MESSAGES = {
    "accepted": "The job is waiting for a worker",
    "running": "The process is running",
    "successful": "The process has finished",
    "dismissed": "The job was dismissed",
}


def run_name(job_id: str) -> str:
    """Name of the flow run of a job."""
    return RUN_NAME_PREFIX + job_id


def job_id(run: Run) -> str:
    """The job's identifier."""
    return run.name.removeprefix(RUN_NAME_PREFIX)


def process_id(run: Run) -> str:
    """The process's identifier, from the run's tag; a flow's name says nothing of it."""
    ours = (tag for tag in run.tags if tag.startswith(PROCESS_TAG_PREFIX))
    return next(ours, "").removeprefix(PROCESS_TAG_PREFIX)


def status(run: Run) -> str:
    """The job's OGC status."""
    return STATUS.get(run.state_type, "accepted") if run.state_type else "accepted"


def status_info(run: Run) -> StatusInfo:
    """The job as ``statusInfo.yaml`` without links; unknown members are absent."""
    state = status(run)
    progress = _progress(run, state)
    updated = max(run.updated, run.created)  # Prefect may take them in the other order
    info: StatusInfo = {
        "jobID": job_id(run),
        "type": "process",
        "status": state,
        "message": _message(run, state),
        "created": rfc3339(run.created),
        "updated": rfc3339(updated),
    }
    if process := process_id(run):
        info["processID"] = process
    if (begin := started(run)) is not None:
        info["started"] = rfc3339(begin)
    if (end := finished(run)) is not None:
        info["finished"] = rfc3339(end)
    if progress is not None:
        info["progress"] = progress
    return info


def started(run: Run) -> datetime | None:
    """Start of the job; Prefect also sets one for a run that was cancelled before it began."""
    return run.start if run.run_count > 0 and status(run) != "accepted" else None


def finished(run: Run) -> datetime | None:
    """End of the job."""
    return run.end if run.is_final else None


def failure(run: Run) -> errors.StackError:
    """Explanation of a failed job for a client.

    Four kinds have types of their own: a documented error of the flow, which keeps its message,
    type and status; a process that was ended, with the reason; a job that the server lost; and
    anything else, of which the client learns only that the process failed, as the details are in
    Prefect's log.
    """
    if run.state_name == TIMED_OUT:
        return errors.JobEndedError("The process exceeded its time limit")
    if (ended := endings.failure(run.state_data)) is not None:
        return ended
    documented = failures.read(run.state_data, run.state_message)
    if documented is not None:
        return documented
    return errors.JobFailedError(f"The process failed (job {job_id(run)})")


def rfc3339(time: datetime) -> str:
    """A time in UTC with milliseconds, as OGC's date-time."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _message(run: Run, state: str) -> str:
    told = None if _is_outdated(run) else run.labels.get(MESSAGE_LABEL)
    if state == "failed":
        message = str(failure(run))
    elif state in ("running", "successful") and isinstance(told, str) and told:
        message = told
    else:
        message = MESSAGES[state]
    message = clean(message)
    return f"{message} ({attempt})" if (attempt := _attempt(run, state)) else message


def _attempt(run: Run, state: str) -> str | None:
    """Number of the attempt, from the second on; for a waiting job that of the next one."""
    number = run.run_count + (state == "accepted")
    if state == "dismissed" or number < 2:
        return None
    # A job without retries is repeated after a crash only, for which it has no number here.
    return f"attempt {number}" + (f" of {max(number, run.retries + 1)}" if run.retries else "")


def _progress(run: Run, state: str) -> int | None:
    if state == "successful":
        return 100
    value = run.labels.get(PROGRESS_LABEL)
    if state == "accepted" or (value is not None and _is_outdated(run)):
        return 0
    if not isinstance(value, int | float) or math.isnan(value):
        return None
    return int(max(0, min(100, value)))


def _is_outdated(run: Run) -> bool:
    """Return true if the last report is of an earlier attempt than the run is in."""
    attempt = run.labels.get(ATTEMPT_LABEL)
    return isinstance(attempt, int) and attempt < run.run_count
