"""The web application while Prefect's API is down: 503 and when to try again, never "not found"."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, override

import httpx
import pytest
import yaml

from support.http import assert_problem
from support.listening import listening
from support.polling import wait_for
from support.stack import REPOSITORY, free_port
from support.web import gunicorn, serving

PATIENCE = 5.0
JOB = "/jobs/0f0e0d0c-0b0a-4908-8706-050403020100"
NEEDING_PREFECT = [
    ("GET", "/jobs"),
    ("GET", JOB),
    ("DELETE", JOB),
    ("GET", f"{JOB}/results"),
    ("GET", f"{JOB}/results/result"),
    ("POST", "/processes/simple-flow/execution"),
    ("POST", "/processes/hello-world/execution"),
]


def environment(api_url: str) -> dict[str, str]:
    path = os.pathsep.join([str(REPOSITORY / "flows"), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PREFECT_API_URL": api_url, "PYTHONPATH": path}


class Refusing(BaseHTTPRequestHandler):
    """Answers everything with one status."""

    status = 500

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(self.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST = do_DELETE = answer  # noqa: N815 - named by http.server

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def prefect_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def web(prefect_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The application with the repository's configuration; nothing listens at Prefect's port."""
    config = REPOSITORY / "pygeoapi-config.yml"
    log = tmp_path_factory.mktemp("web") / "web.log"
    own = environment(f"http://127.0.0.1:{prefect_port}/api")
    with serving(own, config, log, ready_path="/healthz") as client:
        yield client


@pytest.fixture(params=["refused", 500])
def down(request: pytest.FixtureRequest, prefect_port: int) -> Iterator[object]:
    """How Prefect fails."""
    if request.param == "refused":
        yield request.param
        return
    with answering(prefect_port, request.param):
        yield request.param


@contextmanager
def answering(port: int, status: int) -> Iterator[None]:
    """Something at Prefect's port that answers everything with this status."""
    handler = type("Handler", (Refusing,), {"status": status})
    with listening(handler, port=port):
        yield


@pytest.mark.parametrize(("method", "path"), NEEDING_PREFECT)
def test_what_needs_prefect_is_unavailable_at_once(
    web: httpx.Client, down: object, method: str, path: str
) -> None:
    body = {"json": {"inputs": {"name": "Joe"}}} if method == "POST" else {}
    began = time.monotonic()
    reply = web.request(method, path, **body)  # type: ignore[arg-type]
    assert time.monotonic() - began < PATIENCE
    assert_problem(reply, 503, detail="Prefect's API")
    assert int(reply.headers["Retry-After"]) > 0


@pytest.mark.parametrize("status", [401, 403, 429, 503])
def test_every_refusal_that_can_heal_is_an_outage(
    web: httpx.Client, prefect_port: int, status: int
) -> None:
    with answering(prefect_port, status):
        began = time.monotonic()
        assert_problem(web.get(JOB), 503, detail=f"Prefect's API answered {status}")
        assert time.monotonic() - began < PATIENCE


def test_asynchronous_execution_is_refused_not_lost(web: httpx.Client, down: object) -> None:
    reply = web.post(
        "/processes/echo/execution",
        json={"inputs": {"echo": "x"}},
        headers={"Prefer": "respond-async"},
    )
    assert_problem(reply, 503)
    assert "Location" not in reply.headers


def test_readiness_names_prefect(web: httpx.Client, down: object) -> None:
    began = time.monotonic()
    reply = web.get("/readyz")
    assert time.monotonic() - began < PATIENCE
    assert reply.status_code == 503
    assert reply.json()["status"] == "unavailable"
    assert "Prefect's API" in reply.json()["dependencies"]["prefect"]
    assert reply.headers["Cache-Control"] == "no-store"


def test_what_needs_no_prefect_goes_on(web: httpx.Client, down: object) -> None:
    assert web.get("/healthz").json() == {"status": "ok"}
    assert {p["id"] for p in web.get("/processes").json()["processes"]} >= {"echo", "hello-world"}
    assert web.get("/processes/echo").json()["id"] == "echo"
    assert web.get("/collections/lakes?f=json").json()["id"] == "lakes"
    assert_problem(web.get("/processes/other"), 404, "no-such-process")
    bad = web.post("/processes/simple-flow/execution", json={"inputs": {"name": 3}})
    assert_problem(bad, 400, "invalid-parameter-value")
    assert_problem(web.get("/jobs/x"), 404, "no-such-job")


@pytest.mark.parametrize("path", ["/", "/conformance"])
def test_pygeoapi_s_own_documents_have_pages_that_need_no_internet(
    web: httpx.Client, path: str
) -> None:
    by_header = web.get(path, headers={"Accept": "text/html"})
    assert by_header.status_code == 200
    assert by_header.text == web.get(path, params={"f": "html"}).text
    assert "/assets/bootstrap.min.css" in by_header.text
    assert "default-src 'none'" in by_header.headers["Content-Security-Policy"]
    assert web.get(path).headers["Content-Type"].startswith("application/json")
    if path == "/conformance":
        assert all(name in by_header.text for name in web.get(path).json()["conformsTo"])
    else:
        as_rdf = web.get(path, params={"f": "jsonld"})
        assert as_rdf.headers["Content-Type"].startswith("application/ld+json")


def test_links_begin_with_the_public_url(web: httpx.Client) -> None:
    for path in ("/processes?limit=1", "/processes/echo"):
        hrefs = [link["href"] for link in web.get(path).json()["links"]]
        assert all(href.startswith(f"{web.base_url}/".replace("//p", "/p")) for href in hrefs)


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("sync_timeout_seconds", "server.manager.sync_timeout_seconds: "),
        ("sync_timeout", "server.manager.sync_timeout: unknown key; did you mean sync_timeout_s"),
    ],
)
def test_a_wrong_configuration_stops_the_start_with_one_clear_line(
    tmp_path: Path, key: str, told: str
) -> None:
    config = yaml.safe_load((REPOSITORY / "pygeoapi-config.yml").read_text())
    config["server"]["manager"][key] = "long"
    file, log = tmp_path / "config.yml", tmp_path / "web.log"
    file.write_text(yaml.safe_dump(config, width=1000))
    own = environment("http://127.0.0.1:9/api") | {"PYGEOAPI_CONFIG": str(file)}
    process = gunicorn(own, free_port(), log)
    try:
        wait_for(lambda: process.poll() is not None, 60, log.read_text)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 3
    said = [line for line in log.read_text().splitlines() if "cannot start" in line]
    assert len(said) == 1
    assert told in said[0]
    assert "Traceback" not in log.read_text()


WRONG = {
    "absent": ({"name": "no_such_module.Processor"}, "cannot load no_such_module"),
    "misnamed": (
        {"name": "pygeoapi_prefect.examples.echo.EchoProcessor"},
        "its process_description has the id 'echo'",
    ),
    "misplaced": (
        {"name": "HelloWorld", "prefect": {"deployment": {"name": "d"}}},
        "processor.prefect.deployment.queue",
    ),
}


def test_processes_that_cannot_be_loaded_are_named_and_the_others_are_served(
    prefect_port: int, tmp_path: Path
) -> None:
    """Fault 22."""
    config = yaml.safe_load((REPOSITORY / "pygeoapi-config.yml").read_text())
    before = [key for key, value in config["resources"].items() if value["type"] == "process"]
    for name, (processor, _) in WRONG.items():
        config["resources"][name] = {"type": "process", "processor": processor}
    file, log = tmp_path / "config.yml", tmp_path / "log"
    file.write_text(yaml.safe_dump(config, width=1000))
    own = environment(f"http://127.0.0.1:{prefect_port}/api")
    with serving(own, file, log, ready_path="/healthz") as client:
        listed = client.get("/processes", params={"limit": 100}).json()["processes"]
        assert {process["id"] for process in listed} == set(before)
        for page in ("/processes", "/openapi", "/"):
            for shown in ("json", "html"):
                assert client.get(page, params={"f": shown}).status_code == 200
        paths = client.get("/openapi").json()["paths"]
        state = client.get("/readyz").json()["dependencies"]
        for name, (_, told) in WRONG.items():
            refused = client.get(f"/processes/{name}")
            assert_problem(refused, 503, detail=f"'{name}' is not available")
            assert told not in refused.text
            assert_problem(client.post(f"/processes/{name}/execution", json={}), 503)
            assert f"/processes/{name}/execution" not in paths
            assert state[f"process {name}"].startswith("cannot be loaded")
            (line,) = [
                line for line in log.read_text().splitlines() if f"'{name}' is not served" in line
            ]
            assert told in line
    assert "Traceback" not in log.read_text()


def test_probes_stay_at_the_root_when_all_else_has_a_prefix(
    prefect_port: int, tmp_path: Path
) -> None:
    config = yaml.safe_load((REPOSITORY / "pygeoapi-config.yml").read_text())
    config["server"]["api_rules"] = {"url_prefix": "v{api_major}", "api_version": "1.2.3"}
    (tmp_path / "config.yml").write_text(yaml.safe_dump(config, width=1000))
    own = environment(f"http://127.0.0.1:{prefect_port}/api")
    with serving(own, tmp_path / "config.yml", tmp_path / "log", ready_path="/healthz") as client:
        document = client.get("/v1/openapi").json()
        root = str(client.base_url).rstrip("/")
        assert document["servers"] == [{"url": f"{root}/v1"}]
        assert client.get(f"{root}/v1/processes").status_code == 200
        for path, status in (("/healthz", 200), ("/readyz", 503)):
            (server,) = document["paths"][path]["servers"]
            assert client.get(server["url"] + path).status_code == status
            assert client.get(f"/v1{path}").status_code == 404
