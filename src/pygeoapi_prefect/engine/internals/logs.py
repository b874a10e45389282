"""Replaces Prefect's handlers for the log of a run, and its substitute for ``print``.

Needed because these handlers lose lines when Prefect is slow or down, and because the substitute
affects a whole process, whereas a web process runs several flows at once.
"""

import builtins
import logging
from collections.abc import Callable
from typing import Any, cast

from prefect.logging import loggers
from prefect.logging.handlers import APILogHandler


def replace_handlers(make: Callable[[logging.Handler], logging.Handler]) -> None:
    """Replace each handler of Prefect that sends records to its API.

    Args:
        make: Makes the new handler; called with the one that it replaces.
    """
    known = [*logging.root.manager.loggerDict.values(), logging.getLogger()]
    for logger in (each for each in known if isinstance(each, logging.Logger)):
        for old in [handler for handler in logger.handlers if type(handler) is APILogHandler]:
            logger.removeHandler(old)
            logger.addHandler(make(old))


def replace_print(function: Callable[..., None]) -> None:
    """Make all code print with a function, including flows with ``log_prints``."""
    builtins.print = loggers.print_as_log = cast(Any, function)
