"""Prefect's event stream: its subscriber, and the names and labels of the events that wake us.

Needed because ``get_events_subscriber`` is undocumented, and the names and labels are written down
nowhere. If they change, no event arrives and polling alone, which is slow, goes on.
"""

from collections.abc import Iterable

from prefect.events.clients import PrefectEventSubscriber, get_events_subscriber
from prefect.events.filters import (
    EventAnyResourceFilter,
    EventFilter,
    EventNameFilter,
    EventResourceFilter,
)
from prefect.events.schemas.events import Event, ResourceSpecification

SCHEDULED = "prefect.flow-run.Scheduled"
CANCELLED = ("prefect.flow-run.Cancelling", "prefect.flow-run.Cancelled")
"""Both: a run that waits for its retry is cancelled at once, though its process lives."""
_STATES = "prefect.flow-run."  # of events that say which state a run has reached


def subscriber(chosen: EventFilter) -> PrefectEventSubscriber:
    """A subscription that reconnects when the server closes the connection in good order."""
    return get_events_subscriber(filter=chosen, reconnect_on_clean_close=True)


def reaching(states: Iterable[str]) -> EventFilter:
    """Choose events of runs that reach a state of one of these types.

    By label, not by name: the name holds the state's *name*, "TimedOut" or "Cached" among them.
    """
    labels = ResourceSpecification({"prefect.state-type": [str(state) for state in states]})
    return EventFilter(
        event=EventNameFilter(prefix=[_STATES]), resource=EventResourceFilter(labels=labels)
    )


def of_tag(tag: str) -> EventFilter:
    """Choose events of the states of runs that have a tag."""
    return EventFilter(
        event=EventNameFilter(prefix=[_STATES]),
        any_resource=EventAnyResourceFilter(id=[f"prefect.tag.{tag}"]),
    )


def of_pool(pool_id: str) -> EventFilter:
    """Choose events of runs of a work pool that are scheduled or cancelled."""
    return EventFilter(
        event=EventNameFilter(name=[SCHEDULED, *CANCELLED]),
        any_resource=EventAnyResourceFilter(id=[f"prefect.work-pool.{pool_id}"]),
    )


def run_id(event: Event) -> str:
    """Prefect's identifier of the flow run that an event is about."""
    return event.resource.id.rsplit(".", 1)[1]
