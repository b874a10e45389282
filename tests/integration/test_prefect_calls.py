"""How often a web process asks Prefect: each call costs ten to fifty milliseconds."""

import uuid
from collections import Counter as Tally
from collections.abc import Iterator

import httpx
import pytest

from support.counting import Counter, counting
from support.polling import wait_for
from support.stack import RunningStack
from support.web import environment, serving

CREATE = "POST /deployments/ID/create_flow_run"
FIND = "POST /flow_runs/filter"
COUNT = "POST /flow_runs/count"
READ = "GET /flow_runs/ID"
ASYNC = {"Prefer": "respond-async"}
BODY = {"inputs": {"name": "Ada"}}


@pytest.fixture(scope="module")
def calls(stack: RunningStack) -> Iterator[Counter]:
    with counting(stack.prefect_api_url) as counter:
        yield counter


@pytest.fixture(scope="module")
def web(
    stack: RunningStack, calls: Counter, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """A web process that has done all of this once: what is asked once is not counted."""
    own = environment(calls.url) | {
        "RESULT_BLOCK": "local-file-system/pygeoapi-results",
        "CODE_BLOCK": "local-file-system/pygeoapi-flows",
    }
    log = tmp_path_factory.mktemp("web") / "log"
    with serving(own, stack.config, log) as client:
        job = finished(client, submit(client))
        client.get(f"/jobs/{job}/results").raise_for_status()
        client.post("/processes/simple-flow/execution", json=BODY).raise_for_status()
        client.post("/processes/hello-world/execution", json=BODY).raise_for_status()
        yield client


def submit(web: httpx.Client) -> str:
    reply = web.post("/processes/simple-flow/execution", json=BODY, headers=ASYNC)
    assert reply.status_code == 201, reply.text
    return str(reply.json()["jobID"])


def finished(web: httpx.Client, job: str) -> str:
    def status() -> str:
        return str(web.get(f"/jobs/{job}", params={"f": "json"}).json()["status"])

    wait_for(lambda: status() == "successful", 60, status)
    return job


def test_submission_status_and_results_take_one_call_each(
    web: httpx.Client, calls: Counter
) -> None:
    calls.take()
    job = submit(web)
    seen = Tally(calls.take())
    assert seen.pop(COUNT, 0) <= 1  # of the jobs that wait, far from the bound once in 25 s
    assert seen == {CREATE: 1}
    finished(web, job)
    calls.take()
    web.get(f"/jobs/{job}", params={"f": "json"}).raise_for_status()
    assert calls.take() == [FIND]
    web.get(f"/jobs/{job}/results").raise_for_status()
    assert calls.take() == [FIND]


def test_a_key_takes_one_call_more(web: httpx.Client, calls: Counter) -> None:
    calls.take()
    headers = ASYNC | {"Idempotency-Key": str(uuid.uuid4())}
    for expected in ([FIND, CREATE], [FIND]):
        reply = web.post("/processes/simple-flow/execution", json=BODY, headers=headers)
        assert reply.status_code == 201, reply.text
        assert calls.take() == expected


def test_a_synchronous_execution_creates_and_reads(web: httpx.Client, calls: Counter) -> None:
    calls.take()
    reply = web.post("/processes/simple-flow/execution", json=BODY)
    assert reply.status_code == 200, reply.text
    seen = Tally(calls.take())
    assert seen.pop(CREATE) == 1
    # Once at once, and once or more after the event. Each two seconds of a wait, all waits of the
    # process together are polled.
    assert 1 <= seen.pop(READ) <= 5
    assert seen.pop(COUNT, 0) <= 1 + reply.elapsed.total_seconds() / 2
    assert seen.pop(FIND, 0) <= 1
    assert not seen


def test_a_local_execution_is_recorded_in_two_calls(web: httpx.Client, calls: Counter) -> None:
    calls.take()
    reply = web.post("/processes/hello-world/execution", json=BODY)
    assert reply.status_code == 200, reply.text
    seen = Tally(calls.take())
    seen.pop(FIND, None)  # the wait of the test before may be polled once more
    assert seen == {"POST /flow_runs/": 1, "POST /flow_runs/ID/set_state": 1}


def test_connections_are_kept(web: httpx.Client, calls: Counter) -> None:
    job = finished(web, submit(web))
    before = calls.connections
    for _ in range(20):
        web.get(f"/jobs/{job}", params={"f": "json"}).raise_for_status()
    assert calls.connections - before <= 2
