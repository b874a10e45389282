"""Settles runs whose process ended without reporting a final state."""

import signal

from prefect.exceptions import ObjectNotFound

from pygeoapi_prefect.engine import endings
from pygeoapi_prefect.engine.routes import Json
from pygeoapi_prefect.engine.states import AWAITING_RETRY, FINAL, TIMED_OUT
from pygeoapi_prefect.engine.worker_api import REPEAT_MARK, WorkerApi
from pygeoapi_prefect.worker.forkserver import protocol
from pygeoapi_prefect.worker.forkserver.client import Exit
from pygeoapi_prefect.worker.job_variables import JobConfiguration


def describe(ended: Exit, memory_limit_mb: int | None = None) -> str:
    """Describe the end of a process, for people."""
    if ended.is_lost:
        return "The fork server of the run has ended"
    if ended.error is not None:
        return f"The process of the run could not be started: {ended.error}"
    if is_of_outage(ended):
        return "Prefect did not answer the process of the run"
    if ended.is_over_memory:
        return f"The run exceeded its memory limit of {memory_limit_mb} MiB"
    if ended.code >= 0:
        return f"The process of the run ended with exit code {ended.code} without reporting a state"
    name = endings.signal_name(-ended.code)
    if ended.code == -signal.SIGKILL:
        return f"The process of the run was killed ({name}), perhaps because memory ran out"
    within = f" within its memory limit of {memory_limit_mb} MiB" if memory_limit_mb else ""
    return f"The process of the run crashed ({name}){within}"


def as_data(ended: Exit) -> Json:
    """Encode the end of a process for the web process, which explains it to clients."""
    if ended.error is not None:
        return endings.as_data("start")
    if ended.code < 0:
        return endings.as_data("signal", -ended.code)
    return endings.as_data("exit", ended.code)


def is_of_outage(ended: Exit) -> bool:
    """Return true if a process ended because Prefect did not answer it."""
    return ended.error is None and ended.code == protocol.UNAVAILABLE


async def settle(
    api: WorkerApi,
    run_id: str,
    reason: protocol.Signal | None,
    ended: Exit,
    limits: JobConfiguration,
    *,
    has_begun: bool,
) -> str:
    """Make sure that a run has ended in Prefect, too.

    Args:
        api: Prefect's API.
        run_id: The run; its process is gone.
        reason: Why the worker has ended it, if it has.
        ended: What is known of the process's end.
        limits: Its limits.
        has_begun: Whether the flow's own code may have begun.

    Returns:
        Name of the state that the run is in then.
    """
    match reason:
        case "cancel":
            return await cancelled_by_id(api, run_id)
        case "hand-back":
            return await hand_back(api, run_id, "the worker was shut down", has_begun=has_begun)
        case "kill":
            return await timed_out(api, run_id, limits.timeout_seconds or 0)
    if ended.is_over_memory:
        return await over_memory(api, run_id, limits.memory_limit_mb or 0)
    description = describe(ended, limits.memory_limit_mb)
    if ended.is_lost or is_of_outage(ended):
        return await hand_back(api, run_id, description, has_begun=has_begun)
    has_died = ended.error is None
    return await crash(api, run_id, description, as_data(ended), has_died=has_died)


def may_run_again(run: Json) -> bool:
    """Return true if a lost run may start again: it never began, or has retries."""
    began = int(run.get("run_count") or 0)
    return began == 0 or began <= _retries(run)


async def crash(
    api: WorkerApi, run_id: str, message: str, data: Json | None = None, *, has_died: bool = False
) -> str:
    """Mark a run as crashed, or as cancelled if a client dismissed it; it may have ended already.

    Args:
        api: Prefect's API.
        run_id: The run.
        message: How its process ended, for the operator.
        data: The same, for clients (``engine.endings``).
        has_died: Whether it had a process that died, so that it may be repeated.

    Returns:
        Name of the state that the run is in then.
    """
    try:
        run = await api.run(run_id)
        if _is_settled(run):
            return str(run["state_name"])
        if run["state_type"] == "CANCELLING":
            return await cancelled(api, run)
        if has_died and await _repeated(api, run, message):
            return "Scheduled"
        return await _crashed(api, run_id, message, data)
    except ObjectNotFound:
        return "Deleted"


async def _crashed(api: WorkerApi, run_id: str, message: str, data: Json | None) -> str:
    """Propose that a run has crashed; Prefect rejects this if it has ended meanwhile."""
    reply = await api.set_state(run_id, "CRASHED", message, data=data)
    if reply["status"] == "ACCEPT":
        return "Crashed"
    run = await api.run(run_id)
    return await cancelled(api, run) if run["state_type"] == "CANCELLING" else run["state_name"]


async def _repeated(api: WorkerApi, run: Json, reason: str) -> bool:
    """Put a run that has crashed back into its queue, if it has crash retries left.

    Repetitions after a crash are counted apart, and use up none of those after an exception.
    """
    allowed = await api.crash_retries(run)
    if not allowed or await api.crash_repeats(str(run["id"])) >= allowed:
        return False
    await api.reschedule(run, f"{REPEAT_MARK}{reason}", retries=_retries_after_loss(run))
    return True


def _retries_after_loss(run: Json) -> int | None:
    """The number of retries with which a repetition uses up none of them; None leaves it."""
    retries = _retries(run)
    return retries + 1 if retries and run.get("run_count") else None


def _retries(run: Json) -> int:
    return int((run.get("empirical_policy") or {}).get("retries") or 0)


async def timed_out(api: WorkerApi, run_id: str, seconds: float) -> str:
    """End a run that did not heed its time limit."""
    run = await api.run(run_id)
    if run["state_type"] in FINAL:
        return str(run["state_name"])
    message = f"Flow run exceeded timeout of {seconds} second(s)"
    await api.set_state(run_id, "FAILED", message, name=TIMED_OUT, force=True)
    return TIMED_OUT


async def over_memory(api: WorkerApi, run_id: str, limit_mb: int) -> str:
    """End a run that used more memory than it may; it would do so again, and is not repeated."""
    run = await api.run(run_id)
    if run["state_type"] in FINAL:
        return str(run["state_name"])
    if run["state_type"] == "CANCELLING":
        return await cancelled(api, run)
    message = f"The run exceeded its memory limit of {limit_mb} MiB"
    await api.set_state(
        run_id, "FAILED", message, force=True, data=endings.as_data("memory", limit_mb)
    )
    return "Failed"


async def hand_back(
    api: WorkerApi, run_id: str, reason: str, *, has_begun: bool | None = None
) -> str:
    """Give a run to another worker where that is allowed; otherwise mark it as crashed.

    Args:
        api: Prefect's API.
        run_id: The run; its process is gone.
        reason: Why this worker, or a dead one, cannot go on.
        has_begun: Whether the flow's own code may have begun; None if only Prefect can tell. It
            stores Running before that, so that a run which it knows as Running need not have begun.
    """
    try:
        run = await api.run(run_id)
        if run["state_type"] in FINAL:
            return str(run["state_name"])
        if run["state_type"] == "CANCELLING":
            return await cancelled(api, run)
        if has_begun is False:
            retries = _retries_after_loss(run)
            await api.reschedule(run, f"Handed back: {reason}", retries=retries)
            return "Scheduled"
        if run.get("run_count") and await _repeated(api, run, reason):
            return "Scheduled"
        if may_run_again(run):
            await api.reschedule(run, f"Handed back: {reason}")
            return "Scheduled"
        message = f"The run was lost: {reason}"
        return await _crashed(api, run_id, message, endings.as_data("lost"))
    except ObjectNotFound:
        return "Deleted"


async def cancelled(api: WorkerApi, run: Json) -> str:
    """Confirm the cancellation of a run whose process has ended.

    A process that is ended while it still starts may have reported that as a crash.
    """
    if run["state_type"] in FINAL and run["state_type"] != "CRASHED":
        return str(run["state_name"])
    try:
        await api.set_state(run["id"], "CANCELLED", "The run was cancelled", force=True)
    except ObjectNotFound:
        return "Deleted"
    return "Cancelled"


async def cancelled_by_id(api: WorkerApi, run_id: str) -> str:
    """Like ``cancelled``, for a run that must be read first."""
    try:
        return await cancelled(api, await api.run(run_id))
    except ObjectNotFound:
        return "Deleted"


def _is_settled(run: Json) -> bool:
    return run["state_type"] in (*FINAL, "PAUSED") or (
        run["state_type"] == "SCHEDULED" and run["state_name"] != AWAITING_RETRY
    )
