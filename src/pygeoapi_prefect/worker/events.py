"""Nudges from Prefect's event stream: a run was scheduled or is to be cancelled.

An event is only a hint to look: it may come before the state can be read, or twice, or never.
"""

import asyncio
from collections.abc import Callable

from prefect.events.clients import get_events_subscriber
from prefect.events.filters import EventAnyResourceFilter, EventFilter, EventNameFilter
from prefect.logging.loggers import get_logger

LOGGER = get_logger("pygeoapi.worker")
SCHEDULED = "prefect.flow-run.Scheduled"
# A run that waits for its retry is cancelled at once by the server, though its process lives.
CANCELLED = ("prefect.flow-run.Cancelling", "prefect.flow-run.Cancelled")
RECONNECT_SECONDS = (0.5, 1.0, 2.0, 5.0)


async def listen(
    pool_id: str,
    *,
    on_connected: Callable[[], None],
    on_scheduled: Callable[[], None],
    on_cancelled: Callable[[str], None],
) -> None:
    """Pass on the events of a work pool's runs, for ever; reconnects by itself.

    Args:
        pool_id: Prefect's identifier of the work pool.
        on_connected: Called after each connection: events may have been missed before.
        on_scheduled: Called when a run was scheduled.
        on_cancelled: Called with the identifier of a run that is to be cancelled.
    """
    chosen = EventFilter(
        event=EventNameFilter(name=[SCHEDULED, *CANCELLED]),
        any_resource=EventAnyResourceFilter(id=[f"prefect.work-pool.{pool_id}"]),
    )
    failures = 0
    while True:
        try:
            async with get_events_subscriber(
                filter=chosen, reconnect_on_clean_close=True
            ) as subscriber:
                failures = 0
                on_connected()
                async for event in subscriber:
                    if event.event == SCHEDULED:
                        on_scheduled()
                    else:
                        on_cancelled(event.resource.id.rsplit(".", 1)[1])
        except Exception as error:
            if failures == 0:
                LOGGER.warning("No events from Prefect (%s); polling meanwhile", error)
            failures += 1
        await asyncio.sleep(RECONNECT_SECONDS[min(failures, len(RECONNECT_SECONDS)) - 1])
