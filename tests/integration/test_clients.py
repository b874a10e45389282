"""Clients that others wrote: OWSLib, curl."""

import json
import shutil
import subprocess

import pytest
from owslib.ogcapi.processes import Processes

from support.stack import RunningStack


@pytest.fixture
def owslib(stack: RunningStack) -> Processes:
    return Processes(f"{stack.url}/")


def test_owslib_finds_the_processes_and_the_openapi_document(owslib: Processes) -> None:
    # It asks for the first page only.
    assert "hello-world" in {process["id"] for process in owslib.processes()}
    assert owslib.process("simple-flow")["inputs"]["name"]["schema"]["type"] == "string"
    assert any(name.endswith("/conf/core") for name in owslib.conformance()["conformsTo"])
    assert owslib.api()["openapi"].startswith("3.0.")


def test_owslib_executes_synchronously(owslib: Processes) -> None:
    # It sends "Prefer: respond-sync", which no standard knows.
    assert owslib.execute("simple-flow", inputs={"name": "Ann"}) == {"result": "Hello Ann!"}


def test_owslib_executes_asynchronously(owslib: Processes, stack: RunningStack) -> None:
    job = owslib.execute("simple-flow", inputs={"name": "Ann"}, async_=True)
    assert owslib.response_headers["Location"] == f"{stack.url}/jobs/{job['jobID']}"
    assert stack.wait_until_done(job["jobID"])["status"] == "successful"


def test_curl_follows_a_job(stack: RunningStack) -> None:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is not installed")

    def ask(*arguments: str) -> str:
        line = [curl, "--silent", "--show-error", "--fail", "--max-time", "90", "--noproxy", "*"]
        done = subprocess.run([*line, *arguments], capture_output=True, text=True, check=True)
        return done.stdout

    body = json.dumps({"inputs": {"name": "Ann"}, "response": "document"})
    headers = ("-H", "Content-Type: application/json", "-H", "Prefer: respond-async")
    job = json.loads(ask(f"{stack.url}/processes/simple-flow/execution", *headers, "-d", body))
    stack.wait_until_done(job["jobID"])
    assert json.loads(ask(f"{stack.url}/jobs/{job['jobID']}/results")) == {"result": "Hello Ann!"}
