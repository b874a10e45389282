"""When a subscriber is told, and told again; who is told of what."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pygeoapi_prefect.engine.runs import Run
from pygeoapi_prefect.jobs import callback_urls
from pygeoapi_prefect.jobs.callbacks import (
    ATTEMPTS,
    LEASE_SECONDS,
    RETRY_SECONDS,
    Callback,
    next_attempt,
)
from pygeoapi_prefect.outgoing import POST_SECONDS

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def attempt(state: str, age: float = 0.0, **changes: Any) -> Run:
    at = (NOW - timedelta(seconds=age)).isoformat()
    ended = None if state == "RUNNING" else at
    fields = {"id": "1", "name": "x", "state_type": state, "created": at, "end_time": ended}
    return Run.from_json({**fields, **changes})


def test_the_first_attempt_is_made_at_once() -> None:
    assert next_attempt([], NOW) == (0, timedelta())


def test_what_was_told_is_not_told_again() -> None:
    assert next_attempt([attempt("COMPLETED")], NOW) is None
    assert next_attempt([attempt("FAILED"), attempt("COMPLETED")], NOW) is None


@pytest.mark.parametrize("number", range(1, ATTEMPTS))
def test_pauses_grow(number: int) -> None:
    pause = RETRY_SECONDS[number - 1]
    made = [attempt("FAILED", 10_000)] * (number - 1)
    following = next_attempt([*made, attempt("FAILED", 0)], NOW)
    assert following == (number, timedelta(seconds=pause))
    assert next_attempt([*made, attempt("FAILED", pause)], NOW) == (number, timedelta())
    assert list(RETRY_SECONDS) == sorted(RETRY_SECONDS)


def test_in_the_end_it_is_given_up() -> None:
    assert next_attempt([attempt("FAILED", 10_000)] * ATTEMPTS, NOW) is None
    going_on = [*[attempt("FAILED", 10_000)] * (ATTEMPTS - 1), attempt("RUNNING", 1)]
    following = next_attempt(going_on, NOW)
    assert following is not None
    assert following[1] > timedelta()  # others wait for whoever makes it
    dead = [*going_on[:-1], attempt("RUNNING", LEASE_SECONDS + 1)]
    assert next_attempt(dead, NOW) is None


def test_an_attempt_of_a_process_that_died_is_followed_by_another() -> None:
    assert next_attempt([attempt("RUNNING", 20)], NOW) == (1, timedelta(seconds=LEASE_SECONDS - 20))
    assert next_attempt([attempt("RUNNING", LEASE_SECONDS)], NOW) == (1, timedelta())
    assert LEASE_SECONDS > POST_SECONDS


def test_all_attempts_have_one_event_id() -> None:
    callback = Callback("j", "r", "failed", "http://example.org")
    assert callback.event_id == "j:r:failed"
    assert len({callback.attempt(number) for number in range(ATTEMPTS)}) == ATTEMPTS


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("accepted", None),
        ("running", "http://example.org/p"),
        ("successful", "http://example.org/s"),
        ("failed", "http://example.org/f"),
        ("dismissed", "http://example.org/f"),
    ],
)
def test_who_is_told_of_a_status(status: str, expected: str | None) -> None:
    wanted = {
        "successUri": "http://example.org/s",
        "inProgressUri": "http://example.org/p",
        "failedUri": "http://example.org/f",
    }
    run = attempt("RUNNING", labels={"other": 1, **callback_urls.labels(wanted)})
    assert callback_urls.url(run, status) == expected
    assert callback_urls.url(attempt("RUNNING"), status) is None
