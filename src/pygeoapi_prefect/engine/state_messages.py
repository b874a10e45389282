"""The messages of all states that Prefect's own engine sets in this process, cleaned and cut.

Prefect makes a state's message of a flow's exception as it is. Its server cannot store a NUL or a
lone surrogate: it answers 500, which the client repeats for minutes while the job seems to run.
"""

import functools
from typing import Any

import prefect.states
from prefect.client.schemas.actions import StateCreate

from pygeoapi_prefect.models.message import clean


def clean_messages() -> None:
    """Let Prefect's clients in this process, of both kinds, clean the message of every state.

    What is replaced makes each state ready to be sent. Calling it again changes nothing.
    """
    original = prefect.states.to_state_create
    if hasattr(original, "__wrapped__"):
        return

    @functools.wraps(original)
    def to_state_create(state: Any) -> StateCreate:
        if state.message:
            state = state.model_copy(update={"message": clean(state.message)})
        return original(state)

    prefect.states.to_state_create = to_state_create
