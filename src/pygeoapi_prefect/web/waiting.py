"""Clients that wait for results while no thread does: the view parks them, the server waits.

A view gives its wait to the function ``PARK`` of the WSGI environment and answers nothing. The
server (``web.server``) keeps the connection, looks at the wait when it is woken, and calls the
application again when the wait is over, with the same ``Parked`` as ``RESUMED``. A WSGI server
without ``PARK`` is served too: there the view waits in its thread.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from pygeoapi_prefect.engine.waiter import Wait
from pygeoapi_prefect.jobs.commands import Pending

ARRIVED = "pygeoapi_prefect.arrived"
"""Time of a request's arrival, in seconds of ``time.monotonic``."""
PARK = "pygeoapi_prefect.park"
RESUMED = "pygeoapi_prefect.resumed"


@dataclass(frozen=True)
class Parked:
    """A client that waits.

    Attributes:
        pending: Its execution.
        abandon: Called, in a thread, if the client leaves.
    """

    pending: Pending
    abandon: Callable[[], None]

    @property
    def wait(self) -> Wait:
        """The wait, which the server looks at and closes."""
        return self.pending.wait


def park_of(environ: Mapping[str, Any]) -> Callable[[Parked], None] | None:
    """The function that parks the client of a request; None if the server cannot."""
    return cast(Callable[[Parked], None] | None, environ.get(PARK))


def resumed_of(environ: Mapping[str, Any]) -> Parked | None:
    """The client of a request whose wait is over; None if this is a new request."""
    return cast(Parked | None, environ.get(RESUMED))
