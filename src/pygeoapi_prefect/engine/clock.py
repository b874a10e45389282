"""Prefect's time, which decides which runs are due; the clock of this machine may be wrong."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx

TOLERANCE = timedelta(seconds=5)
"""Difference from which this machine's clock is not used; below it, it is the more exact one."""
LAG = timedelta(seconds=2)
"""Largest age of a ``Date`` in an answer: it has whole seconds, and is made once a second."""


class Clock:
    """The time of a server, by the ``Date`` of its last answer and a clock that is never set."""

    def __init__(self) -> None:
        self._told: tuple[datetime, float] | None = None

    def hear(self, answer: httpx.Response) -> None:
        """Note the time of an answer, if it has one."""
        date = answer.headers.get("Date")
        if date is None:
            return
        try:
            self._told = parsedate_to_datetime(date).astimezone(UTC), time.monotonic()
        except ValueError:
            return

    def now(self) -> datetime:
        """The time; if this machine's clock is wrong, up to two seconds too far on."""
        here = datetime.now(UTC)
        if self._told is None:
            return here
        date, then = self._told
        there = date + timedelta(seconds=time.monotonic() - then)
        return here if abs(here - there) < TOLERANCE else there + LAG
