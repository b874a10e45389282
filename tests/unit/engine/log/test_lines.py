"""Lines of a run's log: what they hold, how long they are, and that they keep their order."""

import json
import time
from itertools import pairwise
from typing import Any

import pytest

from pygeoapi_prefect.engine.log.lines import (
    MAX_LEVEL,
    MAX_NAME,
    Line,
    Maker,
    clean,
    fit,
    timestamp,
)

RUN = "0195a1c4-0000-7000-8000-000000000001"
OTHER = "0195a1c4-0000-7000-8000-000000000002"


def read(line: Line) -> dict[str, Any]:
    return line.fields(RUN)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("Zürich \U0001f600", "Zürich \U0001f600"),
        ("a\0b", "a\\x00b"),
        ("a\ud800b", "a\\ud800b"),
        ("\udfff\0", "\\udfff\\x00"),
        ("\x1b[31m\r\n", "\x1b[31m\r\n"),
    ],
)
def test_fault_7_what_cannot_be_stored_is_escaped(text: str, expected: str) -> None:
    """Fault 7."""
    assert clean(text) == expected
    assert fit(text, 1000) == expected
    clean(text).encode()


@pytest.mark.parametrize("character", ["x", "\0", "\ud800", "é", "\U0001f600", '"', "\x1b"])
@pytest.mark.parametrize("length", [0, 90, 99, 100, 101, 5_000])
def test_fault_7_a_long_line_is_cut_and_says_so(character: str, length: int) -> None:
    """Fault 7: the limit is of what is sent."""
    fitted = fit(character * length, 100)
    assert len(json.dumps(fitted)) - 2 <= 100
    if len(json.dumps(clean(character * length))) - 2 <= 100:
        assert fitted == clean(character * length)
    else:
        assert fitted.endswith(f"(cut: the line has {length} characters)")


def test_a_huge_line_costs_no_more_than_its_beginning() -> None:
    huge = "\0" * 100_000_000
    began = time.process_time()
    assert len(fit(huge, 10_000)) <= 10_000
    assert time.process_time() - began < 0.5


def test_times_increase_strictly_whatever_the_clock_does() -> None:
    maker = Maker(1000)
    clock = [5.0, 5.0, 5.0, 4.0, 5.000001, 9.5]
    lines = [maker.make(str(number), created=now) for number, now in enumerate(clock)]
    assert [line.time for line in lines] == [5_000_000 + k for k in range(5)] + [9_500_000]
    times = [read(line)["timestamp"] for line in lines]
    assert all(earlier < later for earlier, later in pairwise(times[:-1]))


def test_a_microsecond_is_told() -> None:
    assert timestamp(1_795_881_383_000_001) == "2026-11-28T15:56:23.000001+00:00"


def test_a_line_has_the_fields_of_prefects_api() -> None:
    line = Maker(1000).make("m", level=30, name="n", created=1.5, task_run_id=OTHER)
    assert read(line) == {
        "name": "n",
        "level": 30,
        "message": "m",
        "timestamp": "1970-01-01T00:00:01.500000+00:00",
        "flow_run_id": RUN,
        "task_run_id": OTHER,
    }
    assert read(Maker(1000).make("m", run_id=OTHER))["flow_run_id"] == OTHER


def test_levels_and_names_that_prefect_cannot_hold_are_brought_into_range() -> None:
    maker = Maker(1000)
    assert [read(maker.make("", level=level))["level"] for level in (-5, 10, 99_999)] == [
        0,
        10,
        MAX_LEVEL,
    ]
    assert len(read(maker.make("", name="n" * 1000))["name"]) <= MAX_NAME


@pytest.mark.parametrize("limit", [500, 25_000])
def test_a_whole_line_is_within_prefects_limit(limit: int) -> None:
    long = Maker(max(limit, 1000)).make("é" * limit, name="ü" * 500, task_run_id=OTHER)
    assert len(json.dumps(long.fields(RUN))) <= max(limit, 1000)
