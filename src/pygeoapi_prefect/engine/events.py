"""Prefect's event stream: what has just happened to flow runs."""

import asyncio
import logging
from collections.abc import Callable
from typing import NoReturn

from prefect.events.clients import get_events_subscriber
from prefect.events.filters import EventFilter

LOGGER = logging.getLogger(__name__)
RECONNECT_SECONDS = 0.5


def listen(chosen: EventFilter, on_run: Callable[[str], object]) -> NoReturn:
    """Pass on the events of flow runs, for ever; reconnects by itself.

    Args:
        chosen: Which events.
        on_run: Called with Prefect's identifier of the run that an event is about.
    """
    asyncio.run(_subscribe(chosen, on_run))
    raise AssertionError("it never ends")


async def _subscribe(chosen: EventFilter, on_run: Callable[[str], object]) -> NoReturn:
    told = ""
    while True:
        try:
            async with get_events_subscriber(
                filter=chosen, reconnect_on_clean_close=True
            ) as subscriber:
                async for event in subscriber:
                    told = ""
                    on_run(event.resource.id.rsplit(".", 1)[1])
        except Exception as error:  # the engine is down: go on trying
            if told != str(error):  # once, not twice a second for as long as it lasts
                LOGGER.warning("no events from Prefect (%s); trying on", error)
            told = str(error)
        await asyncio.sleep(RECONNECT_SECONDS)
