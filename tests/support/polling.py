"""Waiting for a condition without sleeping longer than needed."""

import logging
import time
from collections.abc import Callable

POLL_SECONDS = 0.05
LOGGER = logging.getLogger(__name__)


def wait_for[T](
    predicate: Callable[[], T],
    timeout: float,
    message: str | Callable[[], str] = "condition",
    *,
    pause: float = POLL_SECONDS,
) -> T:
    """Call ``predicate`` until its value is true, and return that value.

    Args:
        predicate: What is waited for.
        timeout: Seconds until the wait fails.
        message: What was expected; a function is called at the deadline, to show the last state.
        pause: Seconds between two calls.

    Raises:
        AssertionError: The value was not true in time.
    """
    deadline = time.monotonic() + timeout
    while not (value := predicate()):
        if time.monotonic() > deadline:
            what = message() if callable(message) else message
            raise AssertionError(f"not within {timeout} s: {what}")
        time.sleep(pause)
    return value


def wait_for_recovery(predicate: Callable[[], object], timeout: float, what: str) -> None:
    """Wait until a part that is up again is used, and log after how many seconds it was.

    ``--log-cli-level=WARNING`` shows the lines; they are in docs/operations.md.
    """
    began = time.monotonic()
    wait_for(predicate, timeout, f"{what}: recovery")
    LOGGER.warning("%s: recovered after %.2f s", what, time.monotonic() - began)
