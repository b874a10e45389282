"""One job for all repetitions of a request, and none that nobody was told of."""

import json
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from support import web
from support.gate import LATE, OPEN, Gate, gate
from support.http import assert_problem, job_of, paused_pool
from support.polling import wait_for
from support.stack import RunningStack

REPEATS = 20


def new_key() -> str:
    return str(uuid.uuid4())


def post(
    client: httpx.Client,
    key: str | None,
    process: str = "simple-flow",
    prefer: str = "respond-async",
    **inputs: Any,
) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key is not None else {}
    return client.post(
        f"/processes/{process}/execution",
        json={"inputs": inputs},
        headers=headers | ({"Prefer": prefer} if prefer else {}),
    )


def runs_of(stack: RunningStack, process: str, name: str) -> list[dict[str, Any]]:
    """The runs of a process whose request has an input with this value."""
    wanted = {
        "flow_runs": {"tags": {"all_": [f"process:{process}"]}},
        "sort": "EXPECTED_START_TIME_DESC",
        "limit": 200,
    }
    found = stack.prefect.post("/flow_runs/filter", json=wanted).json()
    return [run for run in found if name in run["parameters"].get("execution_request", "")]


@pytest.fixture(scope="module")
def other(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Another web process."""
    log = tmp_path_factory.mktemp("other") / "log"
    with web.serving(web.environment(stack.prefect_api_url), stack.config, log) as client:
        yield client


def test_a_repetition_gets_the_job_and_then_its_results(stack: RunningStack) -> None:
    key = new_key()
    first = post(stack.client, key, name="Ann")
    assert first.status_code == 201, first.text
    job_id = first.json()["jobID"]
    again = post(stack.client, f'"{key}"', name="Ann")
    assert again.status_code == 201, again.text
    assert again.json()["jobID"] == job_id
    assert again.headers["Location"] == first.headers["Location"]
    waited = post(stack.client, key, prefer="", name="Ann")
    assert (waited.status_code, waited.text) == (200, "Hello Ann!")
    assert job_of(waited) == job_id
    ended = post(stack.client, key, name="Ann")
    assert (ended.status_code, ended.json()["status"]) == (201, "successful")
    within = post(stack.client, key, prefer="respond-async, wait=5", name="Ann")
    assert (within.status_code, within.text) == (200, "Hello Ann!")


def test_a_key_belongs_to_its_body_and_process(stack: RunningStack) -> None:
    key = new_key()
    first = post(stack.client, key, name="Ann")
    assert first.status_code == 201, first.text
    assert_problem(post(stack.client, key, name="Bob"), 422, detail="another body")
    here = post(stack.client, key, "hello-world", "", name="Ann")
    assert here.status_code == 200, here.text
    assert_problem(post(stack.client, key, "hello-world", "", name="Bob"), 422)


@pytest.mark.parametrize("key", ["", '""', "a b", "x" * 256, '"a", "b"'])
def test_an_invalid_key_is_rejected(stack: RunningStack, key: str) -> None:
    reply = post(stack.client, key, name="Ann")
    assert_problem(reply, 400, "invalid-parameter-value", "Idempotency-Key")


def test_concurrent_repetitions_make_one_run(stack: RunningStack, other: httpx.Client) -> None:
    """In one web process the others are told to come back, in another Prefect decides."""
    key, name = new_key(), new_key()
    with paused_pool(stack), ThreadPoolExecutor(REPEATS) as pool:
        clients = [(stack.client, other)[number % 2] for number in range(REPEATS)]
        replies = list(pool.map(lambda client: post(client, key, name=name), clients))
        assert set(Counter(reply.status_code for reply in replies)) <= {201, 409}
        accepted = {reply.json()["jobID"] for reply in replies if reply.status_code == 201}
        assert len(accepted) == 1
        for reply in replies:
            if reply.status_code == 409:
                assert_problem(reply, 409)
                assert reply.headers["Retry-After"] == "1"
        assert len(runs_of(stack, "simple-flow", name)) == 1
        last = post(other, key, name=name)
        assert (last.status_code, {last.json()["jobID"]}) == (201, accepted)
    assert stack.wait_until_done(accepted.pop())["status"] == "successful"


def test_clients_that_wait_get_the_results_of_one_job(
    stack: RunningStack, other: httpx.Client
) -> None:
    key, name = new_key(), new_key()
    with ThreadPoolExecutor(4) as pool:
        with paused_pool(stack):
            begun = post(stack.client, key, name=name)
            assert begun.status_code == 201, begun.text
            clients = [stack.client, other, stack.client, other]
            waiting = [pool.submit(post, client, key, prefer="", name=name) for client in clients]
            # The others have been waiting meanwhile.
            reply = post(other, key, prefer="respond-async, wait=2", name=name)
            assert (reply.status_code, reply.json()["status"]) == (201, "accepted")
        for one in waiting:
            reply = one.result(60)
            assert (reply.status_code, reply.text) == (200, f"Hello {name}!")
            assert job_of(reply) == begun.json()["jobID"]
    assert len(runs_of(stack, "simple-flow", name)) == 1


def test_a_process_in_the_web_process_runs_once(stack: RunningStack, other: httpx.Client) -> None:
    key, name = new_key(), new_key()
    with ThreadPoolExecutor(REPEATS) as pool:
        clients = [(stack.client, other)[number % 2] for number in range(REPEATS)]
        replies = list(
            pool.map(lambda client: post(client, key, "hello-world", "", name=name), clients)
        )
    assert set(Counter(reply.status_code for reply in replies)) <= {200, 409}
    assert len({job_of(reply) for reply in replies if reply.status_code == 200}) == 1
    last = post(other, key, "hello-world", "", name=name)
    assert last.status_code == 200, last.text
    assert name in last.text
    assert len(runs_of(stack, "hello-world", name)) == 1


def test_a_large_request_is_stored_once(stack: RunningStack, other: httpx.Client) -> None:
    """Whoever loses a race leaves the stored request of the first one as it is."""
    key, name = new_key(), "x" * 20_000
    with paused_pool(stack), ThreadPoolExecutor(8) as pool:
        clients = [(stack.client, other)[number % 2] for number in range(8)]
        replies = list(pool.map(lambda client: post(client, key, name=name), clients))
        jobs = {reply.json()["jobID"] for reply in replies if reply.status_code == 201}
        (job_id,) = jobs
        folder = stack.state / "results" / job_id
        wait_for(lambda: len(list(folder.iterdir())) == 1, 30, lambda: str(list(folder.iterdir())))
        assert json.loads(next(folder.iterdir()).read_text())["inputs"]["name"] == name
    assert stack.wait_until_done(job_id)["status"] == "successful"


def test_a_key_lasts_as_long_as_its_job(stack: RunningStack) -> None:
    key = new_key()
    with paused_pool(stack):
        job_id = post(stack.client, key, name="Ann").json()["jobID"]
        stack.client.delete(f"/jobs/{job_id}").raise_for_status()
        again = post(stack.client, key, name="Ann")
        assert (again.status_code, again.json()["status"]) == (201, "dismissed")
        assert_problem(post(stack.client, key, prefer="", name="Ann"), 410)
        stack.client.delete(f"/jobs/{job_id}").raise_for_status()
        assert stack.client.get(f"/jobs/{job_id}").status_code == 404
        anew = post(stack.client, key, name="Bob")  # the key is free again
        assert (anew.status_code, anew.json()["status"]) == (201, "accepted")
    assert stack.wait_until_done(anew.json()["jobID"])["status"] == "successful"


@pytest.fixture
def behind_gate(stack: RunningStack, tmp_path: Path) -> Iterator[tuple[httpx.Client, Gate]]:
    """A web process whose Prefect is behind a gate, and that knows its deployment."""
    port = int(stack.prefect_api_url.rsplit(":", 1)[1].partition("/")[0])
    with gate(port) as opened:
        own = web.environment(f"http://127.0.0.1:{opened.port}/api")
        with web.serving(own, stack.config, tmp_path / "log") as client:
            assert post(client, None, prefer="", name="Joe").status_code == 200
            yield client, opened


def test_runs_that_nobody_was_told_of(
    stack: RunningStack, behind_gate: tuple[httpx.Client, Gate]
) -> None:
    """Prefect gets requests after their clients have left: those without a key are cancelled.

    With a key, the run is the job of the repetition.
    """
    client, prefect = behind_gate
    key, with_key = new_key(), new_key()
    names = [new_key() for _ in range(7)]
    sent = [(None, name) for name in names] + [(key, with_key)]

    def untold() -> list[str]:
        return [run["state_type"] for name in names for run in runs_of(stack, "simple-flow", name)]

    with paused_pool(stack), ThreadPoolExecutor(len(sent)) as pool:
        prefect.mode = LATE
        for reply in pool.map(lambda one: post(client, one[0], name=one[1]), sent):
            assert_problem(reply, 503, detail="cannot be reached")
        wait_for(lambda: prefect.held == len(sent), 30, lambda: f"{prefect.held} are kept")
        prefect.mode = OPEN
        assert client.get("/jobs").status_code == 200
        assert untold() == []
        prefect.deliver()
        wait_for(lambda: untold() == ["CANCELLED"] * len(names), 30, lambda: str(untold()))
        (run,) = runs_of(stack, "simple-flow", with_key)
        assert run["state_type"] == "SCHEDULED"
        repeated = post(client, key, name=with_key)
        assert (repeated.status_code, repeated.json()["status"]) == (201, "accepted")
        assert run["name"] == f"pygeoapi_job_{repeated.json()['jobID']}"
    assert stack.wait_until_done(repeated.json()["jobID"])["status"] == "successful"
    assert len(runs_of(stack, "simple-flow", with_key)) == 1
