"""Hostile requests to the whole server: each is answered in time, and gives nothing away."""

import time
from collections.abc import Iterator

import pytest

from support import hostile_json, hostile_protocol
from support.hostile import SECONDS, Hostile, assert_harmless, exchange
from support.stack import RunningStack
from support.unharmed import faults, unharmed

CASES = sorted([*hostile_protocol.CASES, *hostile_json.CASES], key=lambda case: case.family)


@pytest.fixture(scope="module")
def output(stack: RunningStack) -> str:
    """Path of an output that ranges are asked of."""
    job_id = stack.submit("echo", {"echo": "x" * 1000})
    stack.wait_until(job_id, "successful")
    path = f"/jobs/{job_id}/results/echo"
    assert len(stack.client.get(path).content) >= 1000
    return path


@pytest.fixture(scope="module")
def family(stack: RunningStack, request: pytest.FixtureRequest) -> Iterator[None]:
    """Cases of one kind, after which the server is unharmed."""
    with unharmed(stack, request.param):
        yield


@pytest.mark.usefixtures("family")
@pytest.mark.parametrize(
    ("family", "case"),
    [pytest.param(case.family, case, id=case.name) for case in CASES],
    indirect=["family"],
    scope="module",
)
def test_a_hostile_request(stack: RunningStack, case: Hostile, output: str) -> None:
    began = time.monotonic()
    answers = exchange(stack.url, case, output)
    assert time.monotonic() - began < SECONDS
    assert_harmless(stack, case, answers)


def test_there_are_enough_cases() -> None:
    names = [case.name for case in CASES]
    assert len(names) >= 300
    assert len(set(names)) == len(names)


def test_errors_are_found_in_a_log() -> None:
    """A positive control: an error of the server's own is seen, also behind others."""
    trace = "    Traceback (most recent call last):"
    others = [trace, "09:00:00.001 | ERROR   | pygeoapi.api - no such collection", trace]
    own = ["09:00:00.002 | ERROR   | pygeoapi_prefect.web.problem - GET / failed", trace]
    assert list(faults("\n".join(others))) == []
    assert list(faults("\n".join([*others, *own]))) == own
    assert list(faults("\n".join([*own, *others]))) == [*own, trace]
