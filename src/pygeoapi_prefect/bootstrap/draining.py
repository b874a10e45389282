"""Drains a work pool: no worker claims a run of it, and those that run are waited for."""

import logging
import time
from collections.abc import Callable

from pygeoapi_prefect.engine import pools
from pygeoapi_prefect.errors import EngineUnavailable

LOGGER = logging.getLogger(__name__)
POLL_SECONDS = 1.0
QUIET_SECONDS = 3.0
"""Time in which nothing may run: a worker may still claim what it has read just before."""
OUTAGE_SECONDS = 30.0
NAMED = 20
"""Jobs that a line names."""


def drain(pool: str, seconds: float | None = None) -> bool:
    """Pause a pool and wait until nothing of it runs; logs what is left whenever that changes.

    Args:
        pool: Name of the work pool.
        seconds: How long to wait; None has no bound.

    Returns:
        True if nothing runs any more; False if something is left after these seconds.

    Raises:
        EngineUnavailable: Prefect cannot be reached at the beginning, or for some time later.
    """
    pools.pause(pool)
    LOGGER.info("Workers claim no more jobs")
    quiet_from = began = time.monotonic()
    said = ""
    while True:
        left = described(_patiently(lambda: pools.claimed_runs(pool), OUTAGE_SECONDS))
        now = time.monotonic()
        if left:
            quiet_from = now
        if left != said and left:
            LOGGER.info("%s", left)
        said = left
        if now - quiet_from >= QUIET_SECONDS:
            LOGGER.info("Nothing runs any more")
            return True
        if left and seconds is not None and now - began >= seconds:
            LOGGER.warning("After %g s, %s", seconds, left)
            return False
        time.sleep(POLL_SECONDS)


def resume(pool: str, wait_seconds: float = 0.0) -> None:
    """Let workers claim again, if ``drain`` has stopped them.

    Args:
        pool: Name of the work pool.
        wait_seconds: How long to wait for Prefect.

    Raises:
        EngineUnavailable: Prefect cannot be reached within that time.
    """
    if _patiently(lambda: pools.resume(pool), wait_seconds):
        LOGGER.info("Workers claim jobs again")


def described(runs: list[dict[str, object]]) -> str:
    """Name the runs that have not ended; an empty string if there are none."""
    names = sorted(str(run["name"]) for run in runs)
    if not names:
        return ""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{len(names)} running: {', '.join(names[:NAMED])}{more}"


def _patiently[T](action: Callable[[], T], seconds: float) -> T:
    """Repeat an action that Prefect does not answer, for some time."""
    until = time.monotonic() + seconds
    while True:
        try:
            return action()
        except EngineUnavailable:
            if time.monotonic() >= until:
                raise
        time.sleep(POLL_SECONDS)
