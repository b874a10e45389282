"""End of a run's process, as data of the run's last state.

The worker writes this data, and the web process makes the client's message of a crash from it. The
message of the state itself is for operators: it may come from Prefect or the flow, and may name
code and paths.
"""

import signal
from collections.abc import Mapping
from typing import Any, Literal

from pygeoapi_prefect.errors import JobEndedError, JobFailedError, JobLostError

MEMBER = "pygeoapi_ending"
"""Member of the state's data that says how the process ended."""

Kind = Literal["signal", "exit", "memory", "lost", "start"]
"""Cause: a signal, an exit status, the memory limit, a part of the server; or it did not start."""


def as_data(kind: Kind, number: int = 0) -> dict[str, Any]:
    """Return the data of the state that ends the run.

    Args:
        kind: What happened to the process.
        number: Number of the signal, the exit status, or the limit in MiB.
    """
    return {MEMBER: {"kind": kind, "number": number}}


def failure(state_data: object) -> JobFailedError | None:
    """Explanation for a client; None if the state does not describe the end of the process."""
    told = state_data.get(MEMBER) if isinstance(state_data, Mapping) else None
    if not isinstance(told, Mapping):
        return None
    number = told.get("number")
    match told.get("kind"):
        case "signal" if number == signal.SIGKILL:
            return JobEndedError("The process was killed by the system, probably out of memory")
        case "signal" if isinstance(number, int):
            name = signal_name(number).removeprefix("signal ")
            return JobEndedError(f"The process was ended by signal {name}")
        case "exit" if isinstance(number, int):
            return JobFailedError(f"The process exited with status {number}")
        case "memory" if isinstance(number, int):
            return JobEndedError(f"The process exceeded its memory limit of {number} MiB")
        case "lost":
            return JobLostError("The server lost the job; it may be sent again")
        case "start":
            return JobFailedError("The process could not be started")
    return None


def is_lost(state_data: object) -> bool:
    """Return true if the server lost the run: another process than the run's wrote this state."""
    return isinstance(failure(state_data), JobLostError)


def signal_name(number: int) -> str:
    """Name of a signal, such as ``SIGSEGV``, or ``signal 200`` if it has no name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
