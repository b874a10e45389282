"""End of a run's process, as data of the run's last state.

The worker writes it, the web process reads it. The messages of states are Prefect's, the flow's or
the operator's, and may name code and paths; what a client is told of a crash is made of this.
"""

import signal
from collections.abc import Mapping
from typing import Any, Literal

MEMBER = "pygeoapi_ending"
"""Member of the state's data that says how the process ended."""

Kind = Literal["signal", "exit", "memory", "lost", "start"]
"""A signal, an exit status of its own, its memory limit, its worker's end; or it did not begin."""


def as_data(kind: Kind, number: int = 0) -> dict[str, Any]:
    """The data of the state that ends the run.

    Args:
        kind: What happened to the process.
        number: Number of the signal, the exit status, or the limit in MiB.
    """
    return {MEMBER: {"kind": kind, "number": number}}


def sentence(state_data: object) -> str | None:
    """Explanation for a client; None if the state does not describe the end of the process."""
    told = state_data.get(MEMBER) if isinstance(state_data, Mapping) else None
    if not isinstance(told, Mapping):
        return None
    number = told.get("number")
    match told.get("kind"):
        case "signal" if number == signal.SIGKILL:
            return "The process was killed by the system, probably out of memory"
        case "signal" if isinstance(number, int):
            name = signal_name(number).removeprefix("signal ")
            return f"The process was ended by signal {name}"
        case "exit" if isinstance(number, int):
            return f"The process exited with status {number}"
        case "memory" if isinstance(number, int):
            return f"The process exceeded its memory limit of {number} MiB"
        case "lost":
            return "The job was lost with its worker; it can be submitted again"
        case "start":
            return "The process could not be started"
    return None


def signal_name(number: int) -> str:
    """Name of a signal, such as ``SIGSEGV``, or ``signal 200`` for one that has none."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
