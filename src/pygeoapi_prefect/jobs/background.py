"""What has to be done with Prefect later, when Prefect could not be reached."""

import threading
from collections.abc import Callable

from pygeoapi_prefect.errors import EngineUnavailable

RETRY_SECONDS = 5.0


def in_background(action: Callable[[], object]) -> None:
    """Do something in a thread of its own, as soon as Prefect can be reached."""
    threading.Thread(target=_until_done, args=(action,), daemon=True).start()


def _until_done(action: Callable[[], object]) -> None:
    waiting = threading.Event()
    while True:
        try:
            action()
        except EngineUnavailable:
            waiting.wait(RETRY_SECONDS)
        else:
            return
