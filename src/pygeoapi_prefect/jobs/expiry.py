"""Removes the task results that jobs share through cache policies once they are old.

The web processes do it, which know all result blocks, so that it works for any store and needs no
rule in it. Several at once do no harm: a file that is gone is gone.
"""

import logging
import random
import threading
from collections.abc import Iterable

from pygeoapi_prefect import storage
from pygeoapi_prefect.errors import StackError
from pygeoapi_prefect.process.task_results import SHARED

LOGGER = logging.getLogger(__name__)
HOUR, DAY = 3_600.0, 86_400.0


def start(blocks: Iterable[str], days: int) -> threading.Thread:
    """Delete expired results within the first hour, then daily, in a separate thread.

    Args:
        blocks: Result blocks, as ``<block type slug>/<block name>``.
        days: Age at which a result expires.
    """
    chosen = tuple(blocks)
    thread = threading.Thread(target=_keep, args=(chosen, days), name="expiry", daemon=True)
    thread.start()
    return thread


def sweep(blocks: Iterable[str], days: float) -> int:
    """Remove the shared results that are older; returns how many there were.

    A store that is away is left for the next time.
    """
    removed = 0
    for slug in blocks:
        try:
            count = storage.open_store(slug).delete_older(SHARED, days * DAY)
        except StackError as error:
            LOGGER.warning("shared task results in %s were not deleted: %s", slug, error)
            continue
        if count:
            LOGGER.info("%d expired task results were deleted from %s", count, slug)
        removed += count
    return removed


def _keep(blocks: tuple[str, ...], days: int) -> None:
    never = threading.Event()
    pause = random.uniform(0, HOUR)  # web processes start together
    while not never.wait(pause):
        try:
            sweep(blocks, days)
        except Exception:
            LOGGER.exception("shared task results could not be deleted")
        pause = DAY
