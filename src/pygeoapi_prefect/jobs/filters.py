"""The query of ``GET /jobs``: parsed, then as a filter of Prefect's API.

Parameters and their meaning are those of OGC API - Processes - Part 1, 18-062r2, requirements class
*Job list*: each narrows the list, all may be combined.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, time, timedelta
from typing import Any

from rfc3339_validator import validate_rfc3339

from pygeoapi_prefect.engine.runs import Run
from pygeoapi_prefect.engine.states import StateType
from pygeoapi_prefect.errors import InvalidJobParameterError
from pygeoapi_prefect.jobs import status
from pygeoapi_prefect.models.message import named

PARAMETERS = ("type", "processID", "status", "datetime", "minDuration", "maxDuration")
STATES: dict[str, list[StateType]] = {
    state: [prefect for prefect, known in status.STATUS.items() if known == state]
    for state in status.STATUS.values()
}
BEGUN = ("running", "successful", "failed", "dismissed")
"""Of these a duration is known (/req/job-list/minDuration-response)."""
OPEN = ("", "..")
# Times are shown with milliseconds: a job that is shown with the time of a bound is within it.
SHOWN = timedelta(milliseconds=1)
SMALLEST = timedelta(microseconds=1)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


@dataclass(frozen=True)
class JobFilter:
    """Filter of the job list; the default matches all.

    Attributes:
        process_ids: Identifiers of processes, any of them; none means all.
        statuses: OGC statuses, any of them; none means all.
        created_from: Earliest time of creation.
        created_to: Latest time of creation.
        min_duration: Shortest duration, in seconds.
        max_duration: Longest duration, in seconds.
    """

    process_ids: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    created_from: datetime | None = None
    created_to: datetime | None = None
    min_duration: float | None = None
    max_duration: float | None = None

    @property
    def has_duration(self) -> bool:
        """True if jobs must be read one by one: Prefect cannot filter by duration."""
        return self.min_duration is not None or self.max_duration is not None

    def as_prefect(self, tags_of_all: Sequence[str]) -> dict[str, Any]:
        """All but the durations, as ``FlowRunFilter`` of Prefect's API.

        Each condition narrows the list. None may be joined by ``or_`` with another one: the tags
        decide whose jobs are found.

        Args:
            tags_of_all: Tags that a job must have, all of them.
        """
        tags: dict[str, Any] = {"all_": list(tags_of_all)}
        if self.process_ids:
            tags["any_"] = [status.PROCESS_TAG_PREFIX + one for one in self.process_ids]
        chosen: dict[str, Any] = {"tags": tags}
        statuses = self.statuses or (BEGUN if self.has_duration else ())
        if statuses:
            types = [kind for one in statuses for kind in STATES[one]]
            chosen["state"] = {"type": {"any_": types}}
        times = {"after_": self.created_from, "before_": self.created_to}
        if any(times.values()):
            chosen["expected_start_time"] = {
                key: value.isoformat() for key, value in times.items() if value is not None
            }
        if self.has_duration:
            chosen["start_time"] = {"is_null_": False}
        return chosen

    def accepts_duration(self, run: Run, now: datetime) -> bool:
        """Return true if the duration of a run so far, or in all, matches.

        Args:
            run: The run; one that has not begun has no duration and is not accepted.
            now: The time at which a run that goes on is looked at.
        """
        started, finished = status.started(run), status.finished(run)
        if started is None or (run.is_final and finished is None):
            return False
        seconds = ((finished or now) - started).total_seconds()
        return seconds >= (self.min_duration or 0.0) and (
            self.max_duration is None or seconds <= self.max_duration
        )


def parse(query: Mapping[str, Sequence[str]]) -> JobFilter:
    """Read the parameters of the job list.

    Args:
        query: Values by name, as often as each was given. An array may be given as one value with
            commas or by repeating the parameter.

    Raises:
        InvalidJobParameterError: A value does not have the form that it must have; names it.
    """
    for kind in _array(query, "type"):
        if kind != "process":
            raise InvalidJobParameterError("'type' must be 'process'")
    statuses = _array(query, "status")
    for one in statuses:
        if one not in STATES:
            known = ", ".join(STATES)
            raise InvalidJobParameterError(
                f"'status' must be one or more of {known}, not {named(one)}"
            )
    created = _interval(_single(query, "datetime"))
    return JobFilter(
        _array(query, "processID"),
        statuses,
        *created,
        _seconds(query, "minDuration"),
        _seconds(query, "maxDuration"),
    )


def _array(query: Mapping[str, Sequence[str]], name: str) -> tuple[str, ...]:
    values = [part for text in query.get(name, ()) for part in text.split(",")]
    if any(not value or "\0" in value for value in values):
        raise InvalidJobParameterError(f"'{name}' has an empty value")
    return tuple(dict.fromkeys(values))


def _single(query: Mapping[str, Sequence[str]], name: str) -> str | None:
    values = query.get(name, ())
    if len(values) > 1:
        raise InvalidJobParameterError(f"'{name}' must not be repeated")
    return values[0] if values else None


def _seconds(query: Mapping[str, Sequence[str]], name: str) -> float | None:
    text = _single(query, name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise InvalidJobParameterError(f"'{name}' must be a whole number of seconds, at least 0")
    return float(text)


def _interval(text: str | None) -> tuple[datetime | None, datetime | None]:
    """An instant or an interval, either end of which may be open (/req/job-list/datetime-*)."""
    if text is None:
        return None, None
    first, slash, second = text.partition("/")
    if not slash:
        return _earliest(first), _latest(first)
    start = None if first in OPEN else _earliest(first)
    end = None if second in OPEN else _latest(second)
    if start is not None and end is not None and end < start:
        raise InvalidJobParameterError("'datetime' must not end before it begins")
    return start, end


def _earliest(text: str) -> datetime:
    day = _date(text)
    return datetime.combine(day, time.min, UTC) if day is not None else _instant(text)


def _latest(text: str) -> datetime:
    day = _date(text)
    if day is not None:
        return datetime.combine(day, time.max, UTC)
    instant = _instant(text)
    return instant + SHOWN - SMALLEST if instant.microsecond % 1000 == 0 else instant


def _date(text: str) -> date | None:
    if not _DAY.fullmatch(text):
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if MINYEAR < day.year < MAXYEAR else None


def _instant(text: str) -> datetime:
    try:
        if not validate_rfc3339(text.upper()):
            raise ValueError(text)
        instant = datetime.fromisoformat(text.upper()).astimezone(UTC)
        if not MINYEAR < instant.year < MAXYEAR:  # a bound can be moved, by a time zone too
            raise ValueError(text)
    except (ValueError, OverflowError) as error:
        raise InvalidJobParameterError(
            "'datetime' must be a date, a date-time of RFC 3339 such as 2026-11-23T09:30:00Z, or "
            "an interval of two, such as 2026-11-23/.. with an open end"
        ) from error
    return instant
