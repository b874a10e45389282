"""What a worker asks of Prefect, and what it makes of the answers."""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, cast

import httpx
import pytest
from prefect.client.orchestration import PrefectClient
from prefect.exceptions import ObjectNotFound

from pygeoapi_prefect.engine.routes import PAGE
from pygeoapi_prefect.engine.worker_api import CLAIM_MARK, REPEAT_MARK, WorkerApi
from pygeoapi_prefect.errors import EngineUnavailable

RUN = "0195a1c4-0000-7000-8000-000000000001"
DUE = "2026-11-28T12:00:00+00:00"


class Answers:
    """A client whose server gives these answers, one after the other."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.requests: list[tuple[str, str, Any]] = []
        self.api = WorkerApi(cast(PrefectClient, self))

    async def request(self, method: str, path: str, *, json: Any, params: Any) -> httpx.Response:
        self.requests.append((method, path, json))
        answer = self.answers.pop(0)
        if isinstance(answer, int):
            response = httpx.Response(
                answer, request=httpx.Request(method, "http://prefect" + path)
            )
            response.raise_for_status()
            return response
        return httpx.Response(200, json=answer)


def wait[T](answer: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(answer)


def test_a_claim_that_is_accepted_gives_its_state() -> None:
    server = Answers({"status": "ACCEPT", "state": {"id": "s"}})
    assert wait(server.api.claim(RUN, "worker-1")) == ("s", None)
    ((method, path, body),) = server.requests
    assert (method, path) == ("POST", f"/flow_runs/{RUN}/set_state")
    assert body == {
        "state": {"type": "PENDING", "message": f"{CLAIM_MARK}worker-1"},
        "force": False,
    }


def test_a_claim_that_somebody_else_has() -> None:
    claimed = {"id": "s", "type": "PENDING", "state_details": {"scheduled_time": DUE}}
    for state in (None, claimed):  # Prefect copies the time at which the run was due
        server = Answers({"status": "ABORT", "state": state})
        assert wait(server.api.claim(RUN, "worker-1")) == (None, None)


def test_a_claim_that_a_limit_postpones_says_until_when() -> None:
    state = {"id": "s", "type": "SCHEDULED", "state_details": {"scheduled_time": DUE}}
    server = Answers({"status": "REJECT", "state": state})
    assert wait(server.api.claim(RUN, "worker-1")) == (None, datetime.fromisoformat(DUE))


def test_many_runs_are_read_in_pages() -> None:
    ids = [str(number) for number in range(PAGE + 1)]
    server = Answers([{"id": "0"}], [{"id": str(PAGE)}])
    assert [run["id"] for run in wait(server.api.runs(ids))] == ["0", str(PAGE)]
    assert [len(body["flow_runs"]["id"]["any_"]) for _, _, body in server.requests] == [PAGE, 1]


def test_no_runs_need_no_request() -> None:
    server = Answers()
    assert wait(server.api.runs([])) == []


def test_claimed_runs_are_read_to_the_last_page() -> None:
    server = Answers([{"id": "a"}] * PAGE, [{"id": "b"}])
    assert len(wait(server.api.unfinished("pool"))) == PAGE + 1
    assert [body["offset"] for _, _, body in server.requests] == [0, PAGE]


@pytest.mark.parametrize(
    ("states", "claimant"),
    [
        ([], None),
        ([("RUNNING", None)], None),
        ([("PENDING", f"{CLAIM_MARK}a")], "a"),
        ([("PENDING", f"{CLAIM_MARK}b"), ("PENDING", f"{CLAIM_MARK}a")], "b"),
        ([("PENDING", "by Prefect's worker"), ("PENDING", f"{CLAIM_MARK}a")], None),
        ([("PENDING", None)], None),
    ],
)
def test_the_last_claim_counts(states: list[tuple[str, str | None]], claimant: str | None) -> None:
    """Prefect gives them in any order."""
    rows = [
        {"type": type_, "message": message, "timestamp": f"2026-11-28T12:00:0{9 - number}Z"}
        for number, (type_, message) in enumerate(states)
    ]
    assert wait(Answers(rows).api.claimant(RUN)) == claimant


def test_a_whole_second_is_before_its_fractions() -> None:
    rows = [
        {
            "type": "PENDING",
            "message": f"{CLAIM_MARK}{name}",
            "timestamp": f"2026-11-28T12:00:{at}Z",
        }
        for name, at in (("a", "05"), ("b", "05.000001"))
    ]
    assert wait(Answers(rows).api.claimant(RUN)) == "b"


def test_repetitions_after_a_crash_are_counted_apart() -> None:
    rows = [
        {"type": "SCHEDULED", "message": message, "timestamp": f"2026-11-28T12:00:0{number}Z"}
        for number, message in enumerate(
            [None, f"{REPEAT_MARK}x", "Handed back", f"{REPEAT_MARK}y"]
        )
    ]
    assert wait(Answers(rows).api.crash_repeats(RUN)) == 2


@pytest.mark.parametrize(
    ("run", "answers", "allowed"),
    [
        ({"job_variables": {"crash_retries": 2}}, [], 2),
        ({"deployment_id": "d"}, [{"job_variables": {"crash_retries": 3}}], 3),
        ({"deployment_id": "d"}, [{"job_variables": None}], 0),
        ({"deployment_id": "d"}, [404], 0),
        ({"job_variables": {"crash_retries": "many"}}, [], 0),
        ({}, [], 0),
    ],
)
def test_crash_retries_of_the_run_come_before_its_deployments(
    run: dict[str, Any], answers: list[Any], allowed: int
) -> None:
    assert wait(Answers(*answers).api.crash_retries(run)) == allowed


def test_a_run_that_never_began_is_put_back_at_once() -> None:
    server = Answers({}, {"status": "ACCEPT"})
    run = {"id": RUN, "run_count": 0, "empirical_policy": {"retry_delay": 600}}
    before = datetime.now(UTC)
    wait(server.api.reschedule(run, "Handed back"))
    (_, _, policy), (_, _, body) = server.requests
    assert policy == {"empirical_policy": {"retry_delay": 600, "retry_type": "reschedule"}}
    assert (body["state"]["type"], body["force"]) == ("SCHEDULED", True)
    due = datetime.fromisoformat(body["state"]["state_details"]["scheduled_time"])
    assert before <= due <= datetime.now(UTC)


def test_one_that_is_repeated_waits_for_its_retry_delay() -> None:
    server = Answers({}, {"status": "ACCEPT"})
    run = {"id": RUN, "run_count": 1, "empirical_policy": {"retry_delay": 600}}
    wait(server.api.reschedule(run, "again", retries=2))
    (_, _, policy), (_, _, body) = server.requests
    assert policy["empirical_policy"]["retries"] == 2
    due = datetime.fromisoformat(body["state"]["state_details"]["scheduled_time"])
    assert (due - datetime.now(UTC)).total_seconds() > 590


def test_a_404_says_what_is_gone_unless_the_route_is_always_there() -> None:
    with pytest.raises(ObjectNotFound):
        wait(Answers(404).api.run(RUN))
    with pytest.raises(EngineUnavailable):
        wait(Answers(404).api.unfinished("pool"))


@pytest.mark.parametrize("status", [401, 403, 429, 503])
def test_an_outage_is_told_by_the_one_rule(status: int) -> None:
    with pytest.raises(EngineUnavailable):
        wait(Answers(status).api.run(RUN))


def test_a_block_is_found_by_type_and_name() -> None:
    server = Answers({"id": "b"})
    assert wait(server.api.block_by_slug("remote-file-system/results")) == {"id": "b"}
    assert server.requests[0][1] == (
        "/block_types/slug/remote-file-system/block_documents/name/results"
    )
