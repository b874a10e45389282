"""Prefect's event stream: its subscriber, and the names and labels of the events that we need.

Needed because ``get_events_subscriber``, the names and the labels are undocumented. If they change,
no event arrives, and only polling is left, which is slow.
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
"""Both: a run that waits for its retry is Cancelled at once, although its process is alive."""
_TAG = "prefect.tag."  # begins the identifier of a resource that is a tag
_STATES = "prefect.flow-run."  # begins the name of an event that reports a run's new state


def subscriber(chosen: EventFilter) -> PrefectEventSubscriber:
    """A subscription that reconnects after the server closed the connection cleanly."""
    return get_events_subscriber(filter=chosen, reconnect_on_clean_close=True)


def reaching(states: Iterable[str]) -> EventFilter:
    """Choose events of runs that reach a state of one of these types.

    The label contains the state's type; the name of an event contains the state's *name*, such as
    "TimedOut" or "Cached".
    """
    labels = ResourceSpecification({"prefect.state-type": [str(state) for state in states]})
    return EventFilter(
        event=EventNameFilter(prefix=[_STATES]), resource=EventResourceFilter(labels=labels)
    )


def of_tag(tag: str) -> EventFilter:
    """Choose events that report new states of runs with a tag."""
    return EventFilter(
        event=EventNameFilter(prefix=[_STATES]),
        any_resource=EventAnyResourceFilter(id=[_TAG + tag]),
    )


def of_pool(pool_id: str) -> EventFilter:
    """Choose events of runs of a work pool that are scheduled or cancelled."""
    return EventFilter(
        event=EventNameFilter(name=[SCHEDULED, *CANCELLED]),
        any_resource=EventAnyResourceFilter(id=[f"prefect.work-pool.{pool_id}"]),
    )


def tags(event: Event) -> list[str]:
    """The tags of the flow run that an event is about."""
    return [one.id.removeprefix(_TAG) for one in event.related if one.id.startswith(_TAG)]


def run_id(event: Event) -> str:
    """Prefect's identifier of the flow run that an event is about."""
    return event.resource.id.rsplit(".", 1)[1]
