"""Nudges from Prefect's event stream: a run was scheduled or is to be cancelled."""

from collections.abc import Callable
from typing import NoReturn

from prefect.events import Event

from pygeoapi_prefect.engine.events import subscribe
from pygeoapi_prefect.engine.internals.events import SCHEDULED, of_pool, run_id


async def listen(
    pool_id: str, *, on_scheduled: Callable[[], None], on_cancelled: Callable[[str], None]
) -> NoReturn:
    """Pass on the events of a work pool's runs, for ever.

    Args:
        pool_id: Prefect's identifier of the work pool.
        on_scheduled: Called when a run was scheduled, or may have been.
        on_cancelled: Called with the identifier of a run that is to be cancelled.
    """

    def on_event(event: Event) -> None:
        if event.event == SCHEDULED:
            on_scheduled()
        else:
            on_cancelled(run_id(event))

    await subscribe(of_pool(pool_id), on_event, on_connected=on_scheduled)
