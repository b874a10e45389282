"""Prepares all states that Prefect's own engine reports in this process.

Prefect uses the text of a flow's exception unchanged as the message of the state. Its server cannot
store a NUL or a lone surrogate: it answers 500, and the client repeats the request for minutes
while the job seems to run. Nothing else of the exception reaches the server. So the state's data
describes the exception, in addition to the location of the result that Prefect has stored.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import prefect.states
from prefect.client.schemas.actions import StateCreate
from pydantic import BaseModel

from pygeoapi_prefect.models.message import clean


def prepare_states(
    describe: Callable[[BaseException], Mapping[str, Any]],
    before_end: Callable[[], object] = lambda: None,
) -> None:
    """Make Prefect's synchronous and asynchronous clients in this process prepare every state.

    The message is cleaned and cut, and an exception is described in the state's data. For this,
    the function that converts a state before it is sent is replaced. A second call does nothing.

    Args:
        describe: Returns the description of an exception for the state's data, as JSON; it may be
            empty.
        before_end: Called before a final state is sent; its exceptions go to Prefect's engine.
    """
    original = prefect.states.to_state_create
    if hasattr(original, "__wrapped__"):
        return

    @functools.wraps(original)
    def to_state_create(state: Any) -> StateCreate:
        if state.is_final():
            before_end()
        if state.message:
            state = state.model_copy(update={"message": clean(state.message)})
        created = original(state)
        error = getattr(state.data, "result", state.data)  # Prefect wraps what it stores
        if isinstance(error, BaseException) and (described := describe(error)):
            stored = created.data
            kept = stored.model_dump(mode="json") if isinstance(stored, BaseModel) else {}
            created.data = {**kept, **described}
        return created

    prefect.states.to_state_create = to_state_create
