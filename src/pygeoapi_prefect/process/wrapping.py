"""Wraps the function of a flow, of either kind: ``def`` or ``async def``."""

import functools
import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any


def wrapped(
    function: Callable[..., Any],
    around: Callable[[], AbstractContextManager[object]],
    then: Callable[[Any], Any],
) -> Callable[..., Any]:
    """Make a function of the same kind.

    Args:
        function: The function.
        around: Makes the context in which a call and ``then`` run.
        then: Gets what the function returns, and returns what is to be returned instead.
    """
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def awaiting(*args: Any, **kwargs: Any) -> Any:
            with around():
                return then(await function(*args, **kwargs))

        return awaiting

    @functools.wraps(function)
    def calling(*args: Any, **kwargs: Any) -> Any:
        with around():
            return then(function(*args, **kwargs))

    return calling
