"""Messages that hold client text: cleaned and cut where they are stored and where they are sent."""

import pytest

from support.http import assert_problem, execute, prefect_run
from support.stack import RunningStack

INVALID = "invalid-parameter-value"
SHOWN = 1100  # a message, and "attempt 2 of 3" or the like


@pytest.mark.parametrize("process_id", ["careless", "careless-here"])
@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("unprintable", "nothing\\x00 \\ud800 \\x1b[31mred"),
        ("unprintable-task", "a task's\\x00 \\udfff"),
        ("long", "xxx..."),
    ],
)
def test_what_a_flow_says_of_its_failure(
    stack: RunningStack, process_id: str, kind: str, told: str
) -> None:
    """Fault 32: a NUL kept a job running for minutes; fault 26: a message had 12 MB."""
    reply = execute(stack, process_id, {"kind": kind})
    assert_problem(reply, 400, INVALID, told)
    page = stack.client.get("/jobs", params={"processID": process_id, "limit": 1})
    job = page.json()["jobs"][0]
    assert job["status"] == "failed"
    assert told in job["message"]
    assert len(job["message"]) < SHOWN
    assert len(page.content) < 4 * SHOWN
    state = prefect_run(stack, job["jobID"])["state"]
    assert len(state["message"]) <= 1000
    assert told in state["message"]
    failure = state["data"]["pygeoapi_failure"]
    assert (failure["kind"], failure["status"]) == ("InvalidJobParameterError", 400)
    assert told in failure["detail"]


def test_a_long_name_is_not_sent_back(stack: RunningStack) -> None:
    """Fault 26: a 400 or 404 tells a client what it sent in a few characters only."""
    long = "n" * 5_000_000
    replies = [
        execute(stack, "echo", {long: 1}),
        execute(stack, "echo", {"message": "x"}, outputs={long: {}}),
        execute(stack, "echo", {"message": "x"}, subscriber={long: "http://localhost/"}),
        execute(stack, "echo", {"message": "x"}, subscriber={"successUri": long}),
        execute(stack, "echo", {f"n{i}": 1 for i in range(100_000)}),
        execute(stack, "echo", {"message": {"value": "x", "mediaType": long}}),
        execute(stack, "echo", {"message": {"href": f"http://{long}/"}}),
        execute(stack, "echo", {"message": {"href": long}}),
        stack.client.get("/jobs", params={"n" * 3000: "1"}),
        stack.client.get("/jobs/" + "n" * 3000),
        stack.client.get("/processes/" + "n" * 3000),
    ]
    for reply in replies:
        assert reply.status_code in (400, 404), reply.text[:200]
        assert len(reply.content) < 3000, reply.text[:200]


def test_at_most_five_unknown_inputs_are_named(stack: RunningStack) -> None:
    """Fault 26."""
    reply = execute(stack, "echo", {f"n{i}": 1 for i in range(9)})
    assert_problem(reply, 400, INVALID, "'n0', 'n1', 'n2', 'n3', 'n4' and 4 more")
    assert "n5" not in reply.text
