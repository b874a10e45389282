"""Bounds on waiting jobs and on requests, with many clients at once."""

import re
from collections import Counter as Tally
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from pygeoapi_prefect.engine.shares import owner_tag
from support.counting import Counter, counting
from support.http import assert_problem, deploy_for_nobody
from support.polling import wait_for
from support.stack import RunningStack
from support.web import environment, serving

CLIENTS = 32
OF_OWNER, OF_PROCESS, OF_ALL = 20, 25, 30
NOBODY = "admission"
COUNT = "POST /flow_runs/count"
SOON = 30.0
OPEN = {"anonymous": "admin"}
"""Access control that lets everybody in: without any, no proxy may be trusted."""
Serve = Callable[..., Any]


@pytest.fixture(scope="module")
def calls(stack: RunningStack) -> Iterator[Counter]:
    with counting(stack.prefect_api_url) as counter:
        yield counter


@pytest.fixture
def serve(stack: RunningStack, calls: Counter, tmp_path: Path) -> Serve:
    """Starts a web process; nobody polls the queue of its jobs of ``slow`` and ``careless``."""

    @contextmanager
    def run(**manager: Any) -> Iterator[httpx.Client]:
        config = yaml.safe_load(stack.config.read_text())
        config["server"]["manager"] |= manager
        for process, bounds in (("slow", {"max_queued": OF_PROCESS}), ("careless", {})):
            prefect = config["resources"][process]["processor"]["prefect"]
            prefect["deployment"] |= {"name": NOBODY, **bounds}
            deploy_for_nobody(stack, process, NOBODY)
        file = tmp_path / "config.yml"
        file.write_text(yaml.safe_dump(config, width=1000))
        try:
            with serving(environment(calls.url), file, tmp_path / "log") as web:
                yield web
        finally:
            cancel_all(stack)

    return run


def waiting(stack: RunningStack, *tags: str) -> list[dict[str, Any]]:
    """Runs in the queue that nobody polls."""
    chosen = {"state": {"type": {"any_": ["SCHEDULED"]}}, "tags": {"all_": ["pygeoapi", *tags]}}
    body = {"flow_runs": chosen, "deployments": {"name": {"any_": [NOBODY]}}}
    found: list[dict[str, Any]] = stack.prefect.post("/flow_runs/filter", json=body).json()
    return found


def cancel_all(stack: RunningStack) -> None:
    for run in waiting(stack):
        stack.prefect.delete(f"/flow_runs/{run['id']}").raise_for_status()


def post(web: httpx.Client, process: str = "slow") -> httpx.Response:
    return web.post(
        f"/processes/{process}/execution",
        json={"inputs": {"seconds": 0}},
        headers={"Prefer": "respond-async"},
    )


@contextmanager
def client(web: httpx.Client, address: str) -> Iterator[httpx.Client]:
    """A client with another address of this machine."""
    transport = httpx.HTTPTransport(local_address=address)
    with httpx.Client(base_url=web.base_url, transport=transport, timeout=60) as other:
        yield other


def burst(web: httpx.Client, number: int, process: str = "slow") -> list[httpx.Response]:
    """As many requests as given, by many clients at once."""
    with ThreadPoolExecutor(CLIENTS) as clients:
        return list(clients.map(lambda _: post(web, process), range(number)))


def fill(
    stack: RunningStack, web: httpx.Client, bound: int, process: str = "slow"
) -> list[httpx.Response]:
    """All replies to bursts until as many jobs wait as may, and to one more.

    A burst alone may end some jobs below its bound: a run that is created while Prefect counts is
    counted twice until the next count.
    """
    replies: list[httpx.Response] = []

    def is_full() -> bool:
        replies.extend(burst(web, CLIENTS, process))
        return len(waiting(stack)) >= bound

    wait_for(is_full, SOON, f"{bound} jobs")
    replies += (last := burst(web, CLIENTS, process))
    assert 201 not in {reply.status_code for reply in last}
    assert len(waiting(stack)) == bound
    return replies


def assert_quota(refused: httpx.Response, name: str, size: int) -> None:
    """The headers say which bound is used up, and when to try again."""
    seconds = int(refused.headers["Retry-After"])
    assert seconds > 0
    assert refused.headers["RateLimit-Policy"] == f'"{name}";q={size}'
    assert refused.headers["RateLimit"] == f'"{name}";r=0;t={seconds}'


def test_nothing_is_accepted_beyond_a_bound(
    stack: RunningStack, calls: Counter, serve: Serve
) -> None:
    with (
        serve(max_queued=OF_ALL, max_queued_per_owner=OF_OWNER) as web,
        client(web, "127.0.0.4") as first,
        client(web, "127.0.0.5") as second,
    ):
        assert not waiting(stack)
        calls.take()
        replies = fill(stack, first, OF_OWNER)
        assert {reply.status_code for reply in replies} == {201, 429}
        accepted = {reply.json()["jobID"] for reply in replies if reply.status_code == 201}
        names = {run["name"] for run in waiting(stack, owner_tag("127.0.0.4"))}
        assert names == {f"pygeoapi_job_{job}" for job in accepted}
        refused = next(reply for reply in replies if reply.status_code == 429)
        assert_problem(refused, 429, detail=f"{OF_OWNER} of your jobs are already waiting")
        assert_quota(refused, "waiting jobs of one client", OF_OWNER)

        replies = fill(stack, second, OF_PROCESS)
        # Requests that the process's bound refuses have a place in the owner's for a moment.
        assert {reply.status_code for reply in replies} - {429} == {201, 503}
        refused = next(reply for reply in replies if reply.status_code == 503)
        assert_problem(refused, 503, detail=f"{OF_PROCESS} jobs of this process are already")
        assert_quota(refused, "waiting jobs of one process", OF_PROCESS)

        replies = fill(stack, second, OF_ALL, "careless")
        assert {reply.status_code for reply in replies} - {429} == {201, 503}
        refused = next(reply for reply in replies if reply.status_code == 503)
        assert_problem(refused, 503, detail=f"{OF_ALL} jobs are already waiting")
        assert_quota(refused, "waiting jobs", OF_ALL)
        seen = Tally(calls.take())
        assert seen["POST /deployments/ID/create_flow_run"] == OF_ALL
        assert seen[COUNT] < OF_ALL  # of hundreds of requests, and three bounds

        run = waiting(stack, owner_tag("127.0.0.4"))[0]
        stack.prefect.delete(f"/flow_runs/{run['id']}").raise_for_status()
        wait_for(lambda: post(first).status_code == 201, SOON, "a job of whom there is room for")
        assert len(waiting(stack)) == OF_ALL


def test_a_synchronous_execution_is_refused_too(stack: RunningStack, serve: Serve) -> None:
    with serve(max_queued=1) as web:
        assert post(web).status_code == 201
        reply = web.post("/processes/slow/execution", json={"inputs": {"seconds": 0}})
        assert_problem(reply, 503, detail="1 jobs are already waiting")
        assert len(waiting(stack)) == 1


def test_requests_of_one_client_are_limited(serve: Serve) -> None:
    with serve(rate_limits=["5/minute"], trusted_proxies=1, access=OPEN) as web:
        first, second = ({"X-Forwarded-For": f"192.0.2.{one}"} for one in (1, 2))
        replies = [web.get("/processes", headers=first) for _ in range(7)]
        assert [reply.status_code for reply in replies] == [200] * 5 + [429] * 2
        assert_problem(replies[5], 429, detail="the limit is 5 per 1 minute")
        seconds = int(replies[5].headers["Retry-After"])
        assert 1 <= seconds <= 60
        for number, reply in enumerate(replies):
            assert reply.headers["RateLimit-Policy"] == '"5 per 1 minute";q=5;w=60'
            told = re.fullmatch(r'"5 per 1 minute";r=(\d+);t=(\d+)', reply.headers["RateLimit"])
            assert told
            assert int(told[1]) == max(0, 4 - number)
            assert 1 <= int(told[2]) <= 60
        assert web.get("/processes", headers=second).status_code == 200
        for probe in ("/healthz", "/readyz"):
            reply = web.get(probe, headers=first)
            assert reply.status_code == 200
            assert "RateLimit" not in reply.headers


def test_a_synchronous_execution_is_one_request(stack: RunningStack, serve: Serve) -> None:
    with serve(rate_limits=["2/minute"], trusted_proxies=1, access=OPEN) as web:
        from_afar = {"X-Forwarded-For": "2001:db8::1"}
        body = {"inputs": {"name": "Ada"}}
        replies = [
            web.post("/processes/simple-flow/execution", json=body, headers=from_afar)
            for _ in range(2)
        ]
        assert [reply.status_code for reply in replies] == [200, 200]
        assert ";r=0;" in replies[1].headers["RateLimit"]
        neighbour = {"X-Forwarded-For": "2001:db8::2"}  # of the same network
        assert web.get("/jobs", headers=neighbour).status_code == 429


def test_clients_on_this_machine_are_not_limited(serve: Serve) -> None:
    with serve(rate_limits=["1/hour"]) as web:
        replies = [web.get("/processes") for _ in range(3)]
        assert {reply.status_code for reply in replies} == {200}
        assert "RateLimit" not in replies[0].headers
