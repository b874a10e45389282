"""Which events are chosen."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from prefect.events import Event, Resource

from pygeoapi_prefect.engine.internals import events

RUN = str(uuid4())


def event(name: str, state: str = "RUNNING", related: str | None = None) -> Event:
    resource = {"prefect.resource.id": f"prefect.flow-run.{RUN}", "prefect.state-type": state}
    others = [{"prefect.resource.id": related, "prefect.resource.role": "r"}] if related else []
    before = datetime.now(UTC) - timedelta(minutes=1)  # a filter ends where it was made
    return Event(
        occurred=before, event=name, resource=Resource.model_validate(resource), related=others
    )


@pytest.mark.parametrize(("state", "chosen"), [("FAILED", True), ("RUNNING", False)])
def test_states_are_chosen_by_type_and_not_by_name(state: str, chosen: bool) -> None:
    wanted = events.reaching(["FAILED", "COMPLETED"])
    assert wanted.includes(event("prefect.flow-run.TimedOut", state)) is chosen


def test_a_pools_events_are_its_schedule_and_its_cancellations() -> None:
    wanted = events.of_pool("p")
    for name in (events.SCHEDULED, *events.CANCELLED):
        assert wanted.includes(event(name, related="prefect.work-pool.p"))
        assert not wanted.includes(event(name, related="prefect.work-pool.q"))
    assert not wanted.includes(event("prefect.flow-run.Running", related="prefect.work-pool.p"))


def test_events_of_a_tag_are_of_all_states() -> None:
    wanted = events.of_tag("pygeoapi")
    assert wanted.includes(event("prefect.flow-run.Running", related="prefect.tag.pygeoapi"))
    assert not wanted.includes(event("prefect.flow-run.Running", related="prefect.tag.other"))
    assert not wanted.includes(event("prefect.log.write", related="prefect.tag.pygeoapi"))


def test_the_run_of_an_event_is_known() -> None:
    assert events.run_id(event("prefect.flow-run.Running")) == RUN
