"""Prefect's handlers for the log of a run, and its stand-in for ``print``, replaced by ours.

Needed because these handlers lose lines when Prefect is slow or down, and because its ``print``
works for a whole process at a time: a web process runs several flows at once.
"""

import builtins
import logging
from collections.abc import Callable
from typing import Any, cast

from prefect.logging import loggers
from prefect.logging.handlers import APILogHandler


def replace_handlers(make: Callable[[logging.Handler], logging.Handler]) -> None:
    """Put a handler of ours in the place of each of Prefect's that send to its API.

    Args:
        make: Makes ours; it is given the one that it replaces.
    """
    known = [*logging.root.manager.loggerDict.values(), logging.getLogger()]
    for logger in (each for each in known if isinstance(each, logging.Logger)):
        for old in [handler for handler in logger.handlers if type(handler) is APILogHandler]:
            logger.removeHandler(old)
            logger.addHandler(make(old))


def replace_print(function: Callable[..., None]) -> None:
    """Let all code print with a function, also in flows with ``log_prints``."""
    builtins.print = loggers.print_as_log = cast(Any, function)
