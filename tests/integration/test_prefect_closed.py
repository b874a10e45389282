"""Prefect's API is closed: to who has no secret, to pages of other origins, under other names."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from support import credentials, web
from support.http import assert_problem
from support.polling import wait_for
from support.stack import RunningStack
from support.workers import Pool, Worker

WRONG = "pygeoapi:wrong"
EVIL = "http://evil.example.org"
STREAMS = ("/events/in", "/events/out", "/logs/out")
# What a page may send without asking first: no header of its own, and one of these media types.
SIMPLE = ("text/plain", "application/x-www-form-urlencoded", "")


@pytest.fixture
def nobody(stack: RunningStack) -> Iterator[httpx.Client]:
    """A client that can reach Prefect and has no secret."""
    with httpx.Client(base_url=stack.prefect_api_url, timeout=30, trust_env=False) as client:
        yield client


def deployment(flow_id: str) -> dict[str, Any]:
    """A deployment that runs a shell command on a worker, before any flow is loaded."""
    step = {"prefect.deployments.steps.run_shell_script": {"script": "touch /tmp/owned"}}
    return {
        "name": "owned",
        "flow_id": flow_id,
        "work_pool_name": "pygeoapi",
        "entrypoint": "a.py:a",
        "pull_steps": [step],
    }


def deployments(stack: RunningStack) -> list[str]:
    found = stack.prefect.post("/deployments/filter", json={}).raise_for_status().json()
    return [row["name"] for row in found]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("POST", "/flow_runs/filter"), ("POST", "/deployments/"), ("GET", "/version")),
        *(("GET", "/admin/settings"), ("POST", "/variables/"), ("GET", "/variables/name/health")),
        *(("GET", "/work_pools/pygeoapi"), ("POST", "/health"), ("GET", "//health")),
    ],
)
@pytest.mark.parametrize("auth", [None, ("pygeoapi", "wrong"), ("", "")])
def test_nothing_without_the_secret(
    nobody: httpx.Client, method: str, path: str, auth: tuple[str, str] | None
) -> None:
    body: dict[str, Any] | None = {} if method == "POST" else None
    assert nobody.request(method, path, json=body, auth=auth).status_code == 401


def test_what_stays_open(stack: RunningStack, nobody: httpx.Client) -> None:
    """Health checks, and the UI, which asks for the secret."""
    assert nobody.get("/health").json() is True
    assert nobody.get("/ready").status_code == 200
    page = nobody.get(stack.prefect_url, follow_redirects=True)
    assert "<title>" in page.text
    assert nobody.get(f"{stack.prefect_url}/ui-settings").json()["auth"] == "BASIC"


@pytest.mark.parametrize("type_", SIMPLE)
@pytest.mark.parametrize("with_secret", [False, True])
def test_a_page_in_the_operators_browser_makes_no_deployment(
    stack: RunningStack, nobody: httpx.Client, type_: str, *, with_secret: bool
) -> None:
    """Also where the browser adds the credentials of an address that the operator has opened."""
    flow_id = stack.prefect.post("/flows/", json={"name": "owned"}).json()["id"]
    sent = httpx.Request(
        "POST",
        f"{stack.prefect_api_url}/deployments/",
        content=json.dumps(deployment(flow_id)),
        headers={"Origin": EVIL} | ({"Content-Type": type_} if type_ else {}),
    )
    client = stack.prefect if with_secret else nobody
    assert client.send(sent, auth=client.auth).status_code == 403
    assert "owned" not in deployments(stack)


def test_only_pages_of_the_ui_may_read_answers(stack: RunningStack, nobody: httpx.Client) -> None:
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x"}
    for origin in (stack.prefect_url, stack.prefect_url.replace("127.0.0.1", "localhost")):
        reply = nobody.options("/flows/", headers={"Origin": origin, **asks})
        assert reply.status_code == 200
        assert reply.headers["Access-Control-Allow-Origin"] == origin
        read = stack.prefect.get("/version", headers={"Origin": origin})
        assert read.headers["Access-Control-Allow-Origin"] == origin
    refused = nobody.options("/flows/", headers={"Origin": EVIL, **asks})
    assert refused.status_code == 403
    assert "Access-Control-Allow-Origin" not in refused.headers


@pytest.mark.parametrize("path", ["/api/version", "/api/ready", "/", "/ui-settings"])
def test_another_name_for_this_machine_is_refused(stack: RunningStack, path: str) -> None:
    """DNS rebinding: the page's own name leads to 127.0.0.1, so it has the server's origin."""
    port = httpx.URL(stack.prefect_url).port
    for host in ("evil.example.org", f"evil.example.org:{port}"):
        reply = stack.prefect.get(f"{stack.prefect_url}{path}", headers={"Host": host})
        assert reply.status_code == 403
    for host in ("localhost", f"localhost:{port}", f"127.0.0.1:{port}"):
        reply = stack.prefect.get(f"{stack.prefect_url}{path}", headers={"Host": host})
        assert reply.status_code in (200, 307)


def stream(stack: RunningStack, path: str, **options: Any) -> ClientConnection:
    """A WebSocket of Prefect's server."""
    url = stack.prefect_api_url.replace("http", "ws", 1) + path
    return connect(url, proxy=None, **options)


@pytest.mark.parametrize("path", STREAMS)
@pytest.mark.parametrize("token", [None, "", WRONG])
def test_a_stream_needs_the_secret(stack: RunningStack, path: str, token: str | None) -> None:
    with stream(stack, path, subprotocols=["prefect"]) as socket:
        socket.send(json.dumps({"type": "auth", "token": token}))
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=10)
    with pytest.raises(InvalidStatus):  # without Prefect's protocol
        stream(stack, path)


@pytest.mark.parametrize("path", STREAMS)
def test_a_stream_is_not_opened_for_another_page(stack: RunningStack, path: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        stream(stack, path, subprotocols=["prefect"], origin=EVIL)
    assert refused.value.response.status_code == 403
    secret = credentials.of(stack.state)
    with stream(stack, path, subprotocols=["prefect"], origin=stack.prefect_url) as socket:
        socket.send(json.dumps({"type": "auth", "token": secret}))
        assert json.loads(socket.recv(timeout=10)) == {"type": "auth_success"}


def test_the_secret_is_only_where_it_is_needed(stack: RunningStack) -> None:
    secret = credentials.of(stack.state)
    file = stack.state / "prefect.env"
    assert file.stat().st_mode & 0o777 == 0o600
    assert f"PREFECT_API_URL={stack.prefect_api_url}\n" in file.read_text()
    for name, identity in stack.processes.items():
        process = identity.find()
        if process is None or name == "supervisor":
            continue
        assert (secret in process.environ().values()) == (name != "postgres")
    for process in psutil.process_iter(["cmdline"]):
        assert secret not in " ".join(process.info["cmdline"] or ())
    for log in (stack.state / "logs").iterdir():
        assert secret not in log.read_text(errors="replace")


def test_a_wrong_secret_is_an_outage_that_says_credentials(
    stack: RunningStack, tmp_path: Path
) -> None:
    own = web.environment(stack.prefect_api_url) | {credentials.VARIABLE: WRONG}
    log = tmp_path / "web.log"
    with web.serving(own, stack.config, log, "/healthz") as client:
        for reply in (
            client.get("/jobs", params={"f": "json"}),
            client.get("/jobs/0195a1c4-0000-7000-8000-000000000001", params={"f": "json"}),
            client.post("/processes/simple-flow/execution", json={"inputs": {"name": "Joe"}}),
            client.post("/processes/hello-world/execution", json={"inputs": {"name": "Joe"}}),
        ):
            assert_problem(reply, 503, detail="credentials")
            assert WRONG not in reply.text
        ready = client.get("/readyz")
        assert ready.status_code == 503
        assert "credentials" in ready.json()["dependencies"]["prefect"]
    assert "rejects our credentials" in log.read_text()
    assert WRONG not in log.read_text()


def test_a_command_with_a_wrong_secret_says_so(stack: RunningStack) -> None:
    line = ["plugins", "prefect", "deploy-process", "simple-flow", "-c", str(stack.config)]
    done = subprocess.run(
        [Path(sys.executable).with_name("pygeoapi"), *line],
        env=web.environment(stack.prefect_api_url) | {credentials.VARIABLE: WRONG},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert "rejects our credentials (PREFECT_API_AUTH_STRING)" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_worker_with_a_wrong_secret_says_so(stack: RunningStack, tmp_path: Path) -> None:
    pool = Pool.make(stack.prefect, tmp_path)
    worker = Worker(pool, stack.prefect_api_url, env={credentials.VARIABLE: WRONG})
    try:
        wait_for(lambda: "401" in worker.text(), 60, worker.text)
        assert WRONG not in worker.text()
        assert pool.workers() == []
    finally:
        worker.stop()


def test_jobs_begin_at_once_and_waits_end_at_once(stack: RunningStack) -> None:
    """The worker polls each 5 s, the web process each 2 s: only events are faster."""
    for number in range(3):
        began = stack.client.post(
            "/processes/simple-flow/execution", json={"inputs": {"name": str(number)}}
        )
        assert began.status_code == 200
    quickest = min(
        stack.client.post(
            "/processes/simple-flow/execution", json={"inputs": {"name": "x"}}
        ).elapsed.total_seconds()
        for _ in range(5)
    )
    assert quickest < 1
    assert os.environ[credentials.VARIABLE] == credentials.of(stack.state)
