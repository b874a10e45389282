"""Prefect's event stream, which reports state changes of flow runs.

An event is only a hint to read the state: it may arrive before the state can be read, twice, or
never.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import NoReturn

from prefect.events import Event
from prefect.events.filters import EventFilter

from pygeoapi_prefect.engine.internals.events import (
    SCHEDULED,
    of_pool,
    run_id,
    subscriber,
    tags,
)

LOGGER = logging.getLogger(__name__)
RECONNECT_SECONDS = (0.5, 1.0, 2.0, 5.0)


def listen(chosen: EventFilter, on_run: Callable[[str], object]) -> NoReturn:
    """Pass on the events of flow runs forever; reconnects by itself.

    Args:
        chosen: Filter that chooses the events.
        on_run: Called with Prefect's identifier of the run that an event is about.
    """
    asyncio.run(subscribe(chosen, lambda event: on_run(run_id(event))))
    raise AssertionError("it never ends")


async def subscribe(
    chosen: EventFilter,
    on_event: Callable[[Event], object],
    on_connected: Callable[[], object] = lambda: None,
) -> NoReturn:
    """Pass on events forever; reconnects by itself.

    Args:
        chosen: Filter that chooses the events.
        on_event: Called with each of them.
        on_connected: Called after each connection, because events may have been missed before.
    """
    failures = 0
    while True:
        try:
            async with subscriber(chosen) as stream:
                failures = 0
                on_connected()
                async for event in stream:
                    on_event(event)
        except Exception as error:  # Prefect is down: try again
            if failures == 0:  # only once for each outage
                LOGGER.warning("no events from Prefect (%s); polling instead", error)
            failures += 1
        await asyncio.sleep(RECONNECT_SECONDS[min(failures, len(RECONNECT_SECONDS) - 1)])


async def follow_pool(
    pool_id: str,
    *,
    on_scheduled: Callable[[Sequence[str]], None],
    on_cancelled: Callable[[str], None],
) -> NoReturn:
    """Pass on the events of a work pool's runs forever.

    Args:
        pool_id: Prefect's identifier of the work pool.
        on_scheduled: Called with the tags of a run that was scheduled; with none when one may have
            been.
        on_cancelled: Called with the identifier of a run that must be cancelled.
    """

    def on_event(event: Event) -> None:
        if event.event == SCHEDULED:
            on_scheduled(tags(event))
        else:
            on_cancelled(run_id(event))

    await subscribe(of_pool(pool_id), on_event, on_connected=lambda: on_scheduled(()))
