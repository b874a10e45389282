"""Tells Prefect's engine what SIGTERM means in the process of a run.

Needed because the engine reports a SIGTERM as a crash unless an intent was recorded before. Prefect
records the intent that its own runner sends over a socket, and has no public function for it.
"""

from typing import Literal

from prefect._internal import control_listener

Intent = Literal["cancel", "relinquish"]
"""End as cancelled; or end without reporting a state, because another worker gets the run."""


def intend(intent: Intent) -> None:
    """Record the meaning of the SIGTERM that follows. Safe in a signal handler."""
    control_listener._set_intent(intent)
