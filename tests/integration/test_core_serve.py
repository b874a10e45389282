"""``PrefectManager`` alone: pygeoapi's own Flask and Starlette applications, nothing of ours.

Both run under the servers that are used in production. docs/operations.md tells what is lost there.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from support.polling import wait_for
from support.stack import RunningStack, free_port
from support.web import environment

PYGEOAPI = str(Path(sys.executable).with_name("pygeoapi"))
SERVERS = {
    "flask": ["gunicorn", "--worker-class", "gthread", "--threads", "8", "pygeoapi.flask_app:APP"],
    "starlette": ["uvicorn", "--log-level", "warning", "pygeoapi.starlette_app:APP"],
}


@pytest.fixture(scope="module", params=sorted(SERVERS))
def core(
    request: pytest.FixtureRequest, stack: RunningStack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """pygeoapi's own application with the configuration of the stack, under a real server."""
    folder, port = tmp_path_factory.mktemp("core"), free_port()
    config = yaml.safe_load(stack.config.read_text())
    config["server"]["bind"]["port"] = port
    (folder / "config.yml").write_text(yaml.safe_dump(config, width=1000))
    own = environment(stack.prefect_api_url) | {
        "PYGEOAPI_URL": f"http://127.0.0.1:{port}",
        "PYGEOAPI_CONFIG": str(folder / "config.yml"),
        "PYGEOAPI_OPENAPI": str(folder / "openapi.json"),
    }
    generate = [PYGEOAPI, "openapi", "generate", own["PYGEOAPI_CONFIG"], "-f", "json"]
    subprocess.run([*generate, "-of", own["PYGEOAPI_OPENAPI"]], env=own, check=True, timeout=120)
    log = folder / "log"
    with log.open("wb") as output:
        bind = ["--bind", f"127.0.0.1:{port}"]
        if request.param == "starlette":
            bind = ["--host", "127.0.0.1", "--port", str(port)]
        process = subprocess.Popen(
            [sys.executable, "-m", *SERVERS[request.param], *bind],
            env=own,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        with httpx.Client(
            base_url=own["PYGEOAPI_URL"],
            timeout=90,
            trust_env=False,
            headers={"Accept": "application/json"},
        ) as client:
            wait_for(lambda: answers(client, process, log), 90, log.read_text)
            yield client
    finally:
        process.terminate()
        process.wait(20)


def answers(client: httpx.Client, process: "subprocess.Popen[bytes]", log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    try:
        return client.get("/conformance").status_code == 200
    except httpx.TransportError:
        return False


def execute(core: httpx.Client, process: str, body: Any, prefer: str = "") -> httpx.Response:
    headers = {"Prefer": prefer} if prefer else {}
    return core.post(f"/processes/{process}/execution", json=body, headers=headers)


def done(core: httpx.Client, job_id: str) -> dict[str, Any]:
    def final() -> dict[str, Any] | None:
        job: dict[str, Any] = core.get(f"/jobs/{job_id}").json()
        return job if job["status"] in ("successful", "failed", "dismissed") else None

    job = wait_for(final, 90, job_id)
    assert job is not None
    return job


@pytest.fixture
def dismissed(request: pytest.FixtureRequest) -> int:
    """Status of the answer to a dismissal.

    What pygeoapi's ``delete_job`` returns has no headers, and its Starlette application reads one:
    the job is dismissed, whatever the manager is, but the answer is a 500.
    """
    return 500 if "starlette" in request.node.name else 200


def dismiss(core: httpx.Client, job_id: str) -> httpx.Response:
    """On a connection of its own, which uvicorn closes after an error."""
    return httpx.delete(f"{core.base_url}/jobs/{job_id}", timeout=90, trust_env=False)


def test_an_unmodified_process_is_executed_synchronously(core: httpx.Client) -> None:
    reply = execute(core, "hello-world", {"inputs": {"name": "<Joe>"}})
    assert (reply.status_code, reply.json()["value"]) == (200, "Hello <Joe>!")
    job_id = reply.headers["Location"].rsplit("/", 1)[1]
    job = core.get(f"/jobs/{job_id}").json()
    assert (job["status"], job["processID"]) == ("successful", "hello-world")
    for accept in ("*/*", "text/html"):  # results are what the process has made
        results = core.get(f"/jobs/{job_id}/results", headers={"Accept": accept})
        assert results.json()["value"] == "Hello <Joe>!"


def test_the_life_of_a_job_on_the_worker(core: httpx.Client, dismissed: int) -> None:
    reply = execute(core, "simple-flow", {"inputs": {"name": "Ann"}}, "respond-async")
    assert reply.status_code == 201, reply.text
    assert reply.headers["Preference-Applied"] == "respond-async"
    job_id = reply.json()["jobID"]
    assert reply.headers["Location"].endswith(f"/jobs/{job_id}")
    assert done(core, job_id)["status"] == "successful"
    assert "Hello Ann!" in core.get(f"/jobs/{job_id}/results").text
    listed = core.get("/jobs", params={"limit": 50}).json()["jobs"]
    assert job_id in [job["jobID"] for job in listed]
    assert dismiss(core, job_id).status_code == dismissed
    assert core.get(f"/jobs/{job_id}").status_code == 404


def test_a_running_job_is_dismissed(core: httpx.Client, dismissed: int) -> None:
    job_id = execute(core, "slow", {"inputs": {"seconds": 90}}, "respond-async").json()["jobID"]
    assert core.get(f"/jobs/{job_id}/results").status_code == 404
    assert dismiss(core, job_id).status_code == dismissed
    assert done(core, job_id)["status"] == "dismissed"


@pytest.mark.parametrize(
    ("process", "inputs", "status", "told"),
    [
        ("hello-world", {"name": 3}, 400, "name"),
        ("hello-world", {"name": "x", "other": 1}, 400, "unknown input"),
        ("vanilla-raising", {"kind": "own"}, 422, "cannot be read"),
        ("vanilla-raising", {"kind": "unexpected"}, 500, "The process failed"),
        ("none", {}, 404, ""),
    ],
)
def test_errors_of_executions_keep_status_and_text(
    core: httpx.Client, process: str, inputs: dict[str, Any], status: int, told: str
) -> None:
    reply = execute(core, process, {"inputs": inputs})
    assert reply.status_code == status, reply.text
    assert told in reply.text
    assert "secret" not in reply.text


def test_unknown_jobs_are_not_found(core: httpx.Client) -> None:
    for path in ("/jobs/none", "/jobs/none/results"):
        assert core.get(path).status_code == 404
    assert core.delete("/jobs/none").status_code == 404


def test_what_core_loses(core: httpx.Client) -> None:
    """Each line of "An unmodified pygeoapi serve" in docs/operations.md."""
    inputs = {"inputs": {"name": "Ann"}}
    combined = execute(core, "simple-flow", inputs, "respond-async, wait=60")
    assert combined.status_code == 200  # neither preference reaches the manager
    assert "Preference-Applied" not in combined.headers
    assert "monitor" not in combined.headers.get("Link", "")
    job = core.get(f"/jobs/{combined.headers['Location'].rsplit('/', 1)[1]}").json()
    assert {"parameters", "finished"} <= set(job)
    assert [link["rel"].rsplit("/", 1)[1] for link in job["links"]] == ["results"]
    listed = core.get("/jobs", params={"limit": 2}).json()
    assert "numberMatched" not in listed
    assert core.get("/healthz").status_code == 404
    deleted = dismiss(core, job["jobID"])
    assert "json" not in deleted.headers["Content-Type"]
    assert "application/problem+json" not in core.get("/jobs/none").headers["Content-Type"]
