"""Prefect's time, on a machine whose clock may be wrong."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from pygeoapi_prefect.engine.clock import LAG, Clock


def answer(ahead: float) -> httpx.Response:
    """An answer of a server whose clock is so many seconds ahead of ours."""
    there = datetime.now(UTC) + timedelta(seconds=ahead)
    return httpx.Response(200, headers={"Date": format_datetime(there, usegmt=True)})


def difference(clock: Clock) -> float:
    return (clock.now() - datetime.now(UTC)).total_seconds()


@pytest.mark.parametrize("ahead", [-300, 300])
def test_a_wrong_clock_is_not_used(ahead: float) -> None:
    clock = Clock()
    clock.hear(answer(ahead))
    assert ahead - 1 <= difference(clock) - LAG.total_seconds() <= ahead + 1


@pytest.mark.parametrize("ahead", [-3, 0, 3])
def test_a_clock_that_is_right_is_the_more_exact_one(ahead: float) -> None:
    clock = Clock()
    clock.hear(answer(ahead))
    assert abs(difference(clock)) < 0.5


@pytest.mark.parametrize("headers", [{}, {"Date": "yesterday"}])
def test_an_answer_without_a_time_changes_nothing(headers: dict[str, str]) -> None:
    clock = Clock()
    clock.hear(httpx.Response(200, headers=headers))
    assert abs(difference(clock)) < 0.5
    clock.hear(answer(300))
    clock.hear(httpx.Response(200, headers=headers))
    assert difference(clock) > 290
