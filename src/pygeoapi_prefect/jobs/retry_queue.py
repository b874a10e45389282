"""Actions that are retried once Prefect is reachable again."""

import heapq
import logging
import threading
import time
from collections.abc import Callable
from itertools import count

from pygeoapi_prefect.errors import EngineUnavailable

LOGGER = logging.getLogger(__name__)
RETRY_SECONDS = 5.0

_changed = threading.Condition()
_waiting: list[tuple[float, int, Callable[[], object]]] = []  # a heap, by the time that is due
_numbers = count()


def in_background(action: Callable[[], object], delay: float = 0) -> None:
    """Do something as soon as Prefect can be reached, in one thread for all that waits.

    Args:
        action: Raises ``EngineUnavailable`` if it has to be done again.
        delay: Seconds until it is done for the first time.
    """
    with _changed:
        is_first = not _waiting
        heapq.heappush(_waiting, (time.monotonic() + delay, next(_numbers), action))
        _changed.notify()
    if is_first:
        threading.Thread(target=_until_done, name="background", daemon=True).start()


def _until_done() -> None:
    """Perform all waiting actions; the current one stays in the list. Ends with the last one."""
    while True:
        with _changed:
            while (remaining := _waiting[0][0] - time.monotonic()) > 0:
                _changed.wait(remaining)
            entry = _waiting[0]
        try:
            entry[2]()
        except EngineUnavailable:
            time.sleep(RETRY_SECONDS)
            continue
        except Exception:
            LOGGER.exception("a postponed action on Prefect failed")
        with _changed:
            _waiting.remove(entry)
            heapq.heapify(_waiting)
            if not _waiting:
                return
