"""Prepares all states that Prefect's own engine reports in this process.

Prefect makes a state's message of a flow's exception as it is. Its server cannot store a NUL or a
lone surrogate: it answers 500, which the client repeats for minutes while the job seems to run. And
of the exception itself nothing but that message reaches the server: so the state's data describes
it, beside the place of the result that Prefect has stored.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import prefect.states
from prefect.client.schemas.actions import StateCreate
from pydantic import BaseModel

from pygeoapi_prefect.models.message import clean


def prepare_states(describe: Callable[[BaseException], Mapping[str, Any]]) -> None:
    """Let Prefect's clients in this process, of both kinds, prepare every state.

    Its message is cleaned and cut; an exception is described in its data. The replaced function
    makes each state ready to be sent. Calling this again changes nothing.

    Args:
        describe: Gives what a state's data says of an exception, as JSON; empty for nothing.
    """
    original = prefect.states.to_state_create
    if hasattr(original, "__wrapped__"):
        return

    @functools.wraps(original)
    def to_state_create(state: Any) -> StateCreate:
        if state.message:
            state = state.model_copy(update={"message": clean(state.message)})
        created = original(state)
        error = getattr(state.data, "result", state.data)  # Prefect has a record of what it stores
        if isinstance(error, BaseException) and (described := describe(error)):
            stored = created.data
            kept = stored.model_dump(mode="json") if isinstance(stored, BaseModel) else {}
            created.data = {**kept, **described}
        return created

    prefect.states.to_state_create = to_state_create
