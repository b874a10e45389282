"""Hostile references to the whole server: whatever it is asked to fetch, it does not come inside.

The stack's processes look up only the names of ``support.names``, and connect to nothing beyond
this machine. The trap is a port of the loopback addresses: any connection to it is a fault.
"""

from collections.abc import Iterator

import pytest

from support import names
from support.hostile import SECONDS, assert_no_leak
from support.hostile_references import NAMES, Reference, of_kinds
from support.hostile_server import Attacker, Trap
from support.http import assert_problem, execute
from support.polling import wait_for
from support.stack import RunningStack
from support.unharmed import unharmed

REBINDING = ("rebind.example", "rebind6.example")


def parameters(*kinds: str) -> list[object]:
    return [pytest.param(one, id=one.name) for one in of_kinds(*kinds)]


@pytest.fixture(scope="module", autouse=True)
def _server_is_unharmed(stack: RunningStack) -> Iterator[None]:
    with unharmed(stack, "references"):
        yield


@pytest.mark.parametrize(
    "reference", parameters("loopback", "inside", "url", "redirect", "name", "inner")
)
def test_zones_are_not_fetched(
    stack: RunningStack, reference: Reference, attacker: Attacker, trap: Trap
) -> None:
    """The web process fetches this input while the client waits."""
    href = reference.filled(attacker.url, trap.port)
    reply = execute(stack, "zonal-statistics", {"raster": "waco-dem", "zones": {"href": href}})
    assert_problem(reply, 400, "invalid-parameter-value", "zones")
    assert_no_leak(stack, reply.text)
    assert reply.elapsed.total_seconds() < SECONDS
    assert trap.reached == []


@pytest.mark.parametrize("reference", parameters("loopback", "inside", "url", "inner"))
def test_subscribers_are_not_told(
    stack: RunningStack, reference: Reference, attacker: Attacker, trap: Trap
) -> None:
    subscriber = {"failedUri": reference.filled(attacker.url, trap.port)}
    reply = execute(stack, "simple-flow", {"name": "x"}, subscriber=subscriber)
    assert_problem(reply, 400, "invalid-parameter-value", "subscriber")
    assert_no_leak(stack, reply.text)
    assert trap.reached == []


@pytest.mark.parametrize("name", REBINDING)
def test_a_name_is_looked_up_once_for_a_fetch(stack: RunningStack, name: str, trap: Trap) -> None:
    """DNS rebinding: the first answer is public, the second is a loopback address."""
    names.give(name, *NAMES[name])
    before = len(names.refused())
    href = f"http://{name}:{trap.port}/x"
    reply = execute(stack, "zonal-statistics", {"raster": "waco-dem", "zones": {"href": href}})
    assert_problem(reply, 400, "invalid-parameter-value", "zones")
    assert names.refused()[before:] == NAMES[name][:1]  # the guard of the tests, not ours
    assert names.asked(name) == 1
    assert trap.reached == []


@pytest.mark.parametrize("name", REBINDING)
def test_a_subscriber_that_moves_inside_is_not_told(
    stack: RunningStack, name: str, trap: Trap
) -> None:
    names.give(name, *NAMES[name])
    url = f"http://{name}:{trap.port}/x"
    job_id = stack.submit("simple-flow", {"name": "x"}, subscriber={"successUri": url})
    assert names.asked(name) == 1
    stack.wait_until(job_id, "successful")
    wait_for(lambda: names.asked(name) > 1, 60, "the name is looked up before it is notified")
    assert stack.client.delete(f"/jobs/{job_id}").status_code == 200
    assert trap.reached == []


def test_what_is_allowed_is_fetched(stack: RunningStack, attacker: Attacker) -> None:
    """A positive control: what is allowed is fetched, so that the cases above could fail."""
    href = attacker.serve("control.json", lambda: b"[]")
    reply = execute(stack, "zonal-statistics", {"raster": "waco-dem", "zones": {"href": href}})
    assert_problem(reply, 400, "invalid-parameter-value", "zones")
    assert "/file/control.json" in attacker.served
