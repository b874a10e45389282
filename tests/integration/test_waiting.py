"""Many clients wait for results of jobs that nobody runs; everybody else is served meanwhile."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest
import yaml

from support.http import deploy_for_nobody
from support.polling import wait_for
from support.receiver import ADDRESS
from support.stack import RunningStack
from support.web import environment, serving

PLACES = 40
"""More than the threads of the web process."""
NOBODY = "waiting"
SOON = 30.0


@pytest.fixture(scope="module")
def web(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A web process whose jobs of ``slow`` and ``slow-sync`` go to a queue without a worker."""
    folder = tmp_path_factory.mktemp("waiting")
    config = yaml.safe_load(stack.config.read_text())
    config["server"]["manager"]["max_waiting"] = PLACES
    for process in ("slow", "slow-sync"):
        deployment = config["resources"][process]["processor"]["prefect"]["deployment"]
        config["resources"][process]["processor"]["prefect"] = {
            "deployment": {**deployment, "name": NOBODY}
        }
        deploy_for_nobody(stack, process, NOBODY)
    file = folder / "config.yml"
    file.write_text(yaml.safe_dump(config, width=1000))
    own = environment(stack.prefect_api_url) | {"OUTGOING_ALLOWED_HOSTS": ADDRESS}
    with serving(own, file, folder / "log") as client:
        yield client


@contextmanager
def posted(
    web: httpx.Client, process: str, *fields: str, **request: Any
) -> Iterator[socket.socket]:
    """A connection on which a synchronous execution was asked for."""
    body = json.dumps({"inputs": {"seconds": 0}, **request})
    lines = [
        f"POST /processes/{process}/execution HTTP/1.1",
        "Host: localhost",
        "Connection: close",
    ]
    lines += ["Content-Type: application/json", f"Content-Length: {len(body)}", *fields]
    port = web.base_url.port
    assert port is not None
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall("\r\n".join([*lines, "", body]).encode())
        yield connection


def read(connection: socket.socket) -> tuple[int, str, Any]:
    """Status, head and document of the answer."""
    received = b""
    while piece := connection.recv(65536):
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split()[1]), head.decode(), json.loads(body)


def jobs(web: httpx.Client, *statuses: str) -> list[str]:
    """Identifiers of the newest jobs with one of these statuses."""
    query: dict[str, Any] = {
        "limit": 200,
        "processID": ["slow", "slow-sync"],
        "status": list(statuses),
    }
    found = web.get("/jobs", params=query).raise_for_status().json()["jobs"]
    return [job["jobID"] for job in found]


@contextmanager
def many(web: httpx.Client) -> Iterator[list[socket.socket]]:
    """As many clients as may wait, each for a job that nobody runs."""
    wait_for(lambda: not jobs(web, "accepted"), SOON, "the jobs of the test before are gone")
    with ExitStack() as stack:
        clients = [
            stack.enter_context(posted(web, ("slow", "slow-sync")[number % 2]))
            for number in range(PLACES)
        ]
        wait_for(lambda: len(jobs(web, "accepted")) == PLACES, SOON, "all clients wait")
        yield clients


def dismiss(web: httpx.Client) -> None:
    for job in jobs(web, "accepted"):
        web.delete(f"/jobs/{job}").raise_for_status()


def test_everybody_else_is_served_while_many_wait(web: httpx.Client) -> None:
    with many(web) as clients:
        for path in ("/healthz", "/readyz", "/jobs", "/processes"):
            assert web.get(path, timeout=5).is_success
        reply = web.post(
            "/processes/slow/execution",
            json={"inputs": {"seconds": 0}},
            headers={"Prefer": "respond-async"},
            timeout=5,
        )
        assert reply.status_code == 201, reply.text
        dismiss(web)
        for connection in clients:  # each hears of the end of its job
            status, _, told = read(connection)
            assert status == 410, told
            assert "dismissed" in told["detail"]


def test_who_finds_no_place_is_told_to_come_back(web: httpx.Client) -> None:
    with many(web):
        for process in ("slow", "slow-sync"):
            with posted(web, process) as connection:
                status, head, told = read(connection)
            assert status == 503, told
            assert "\r\nRetry-After: " in head
            assert str(PLACES) in told["detail"]
        with posted(web, "slow-sync", "Prefer: wait=5") as connection:
            assert read(connection)[0] == 503
        assert len(jobs(web, "accepted")) == PLACES  # nothing half accepted
        for preference in ("wait=5", "respond-async, wait=5"):
            with posted(web, "slow", f"Prefer: {preference}") as connection:
                status, head, told = read(connection)
            assert status == 201, told
            assert told["status"] == "accepted"
            assert f"/jobs/{told['jobID']}\r\n" in head
            web.delete(f"/jobs/{told['jobID']}").raise_for_status()
        dismiss(web)


def test_no_job_of_a_client_that_left_begins(web: httpx.Client) -> None:
    with many(web) as clients:
        waiting = jobs(web, "accepted")
        for connection in clients:
            connection.close()
        wait_for(lambda: not jobs(web, "accepted"), SOON, "all jobs are cancelled")
        dismissed = jobs(web, "dismissed")
        assert set(waiting) <= set(dismissed)
        for job in waiting:
            assert "started" not in web.get(f"/jobs/{job}?f=json").json()


def test_a_job_with_a_subscriber_survives_its_client(web: httpx.Client) -> None:
    with (
        posted(web, "slow", subscriber={"successUri": f"http://{ADDRESS}:9/nobody"}) as first,
        posted(web, "slow") as second,
    ):
        wait_for(lambda: len(jobs(web, "accepted")) == 2, SOON, "both clients wait")
        first.close()
        second.close()
        wait_for(lambda: len(jobs(web, "accepted")) < 2, SOON, "one job is cancelled")
    assert len(jobs(web, "accepted")) == 1
    dismiss(web)


def test_a_wait_that_was_not_heard_of_is_found_by_polling(
    web: httpx.Client, stack: RunningStack
) -> None:
    """A run that disappears makes no event."""
    with posted(web, "slow") as connection:
        wait_for(lambda: jobs(web, "accepted"), SOON, "the client waits")
        (job,) = jobs(web, "accepted")
        named = {"flow_runs": {"name": {"any_": [f"pygeoapi_job_{job}"]}}}
        (run,) = stack.prefect.post("/flow_runs/filter", json=named).json()
        stack.prefect.delete(f"/flow_runs/{run['id']}").raise_for_status()
        status, _, told = read(connection)
    assert status == 410, told
