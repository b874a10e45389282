"""States of a flow run, by the names of Prefect's API (https://docs.prefect.io/v3/concepts/states)."""

from typing import Literal

StateType = Literal[
    "SCHEDULED", "PENDING", "RUNNING", "COMPLETED", "FAILED", "CRASHED", "CANCELLING", "CANCELLED",
    "PAUSED",
]  # fmt: skip
FINAL: frozenset[StateType] = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})
CLAIMED: tuple[StateType, ...] = ("PENDING", "RUNNING", "CANCELLING")
"""States of a run that a worker or a web process has claimed and that has not ended."""
WAITING: tuple[StateType, ...] = ("SCHEDULED", "PENDING")
"""States of a run that has not begun, or is to be repeated."""
DISMISSED: tuple[StateType, ...] = ("CANCELLING", "CANCELLED")
AWAITING_RETRY = "AwaitingRetry"
"""Name of a SCHEDULED state whose process may still be alive."""
TIMED_OUT = "TimedOut"
"""Name of the FAILED state of a run that exceeded its time limit."""
