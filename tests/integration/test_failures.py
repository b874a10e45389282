"""Each failure of docs/operations.md, provoked for real: answer, log line, and recovery."""

import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import yaml

from pygeoapi_prefect import storage
from support import s3_server, web
from support.gate import DROP, HANG, OPEN, Gate, gate
from support.http import assert_problem, execute, job_of, paused_pool, prefect_run
from support.polling import wait_for, wait_for_recovery
from support.prefect_api import use_prefect
from support.stack import RunningStack

LIMIT_BYTES = 150_000  # of a file that the web process may write: its disk is full
STORES = ("missing", "unreachable", "wrong-key", "no-bucket", "full")


@dataclass
class Broken:
    """A web application whose Prefect is behind a gate, and processes with faulty stores."""

    client: httpx.Client
    prefect: Gate
    log: Path
    results: Path
    config: Path

    def post(self, process: str, **inputs: Any) -> httpx.Response:
        return self.client.post(f"/processes/{process}/execution", json={"inputs": inputs})

    def said(self, text: str, since: int = 0) -> bool:
        return text in self.log.read_text()[since:]


@pytest.fixture(scope="module")
def broken(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broken]:
    folder = tmp_path_factory.mktemp("broken")
    config = yaml.safe_load(stack.config.read_text())
    for name in STORES:
        block = f"{'local' if name == 'full' else 'remote'}-file-system/fault-{name}"
        config["resources"][f"store-{name}"] = {
            "type": "process",
            "processor": {
                "name": "vanilla_kinds.NameProcessor",
                "prefect": {"result_storage": block},
            },
        }
    own = {"result_storage": "local-file-system/fault-made-again"}
    config["resources"]["many-here"]["processor"]["prefect"] = own
    (folder / "config.yml").write_text(yaml.safe_dump(config, width=1000))
    (folder / "results").mkdir()
    bucket = "fault-bucket"
    with use_prefect(stack.prefect_api_url):
        dead = s3_server.settings(f"http://127.0.0.1:{s3_server.free_port()}")
        storage.save_remote_block("fault-unreachable", f"s3://{bucket}", dead)
        strict = s3_server.settings(s3_server.endpoint(check_keys=True), key="AKIAWRONG")
        storage.save_remote_block("fault-wrong-key", f"s3://{bucket}", strict)
        good = s3_server.settings(s3_server.endpoint())
        storage.save_remote_block("fault-no-bucket", "s3://fault-not-made", good)
        storage.save_local_block("fault-full", str(folder / "results"))
    port = int(stack.prefect_api_url.rsplit(":", 1)[1].partition("/")[0])
    log = folder / "web.log"
    with gate(port) as opened:
        own = web.environment(f"http://127.0.0.1:{opened.port}/api")
        with web.serving(own, folder / "config.yml", log, "/healthz") as client:
            limit_files(client, log)
            yield Broken(client, opened, log, folder / "results", folder / "config.yml")


def limit_files(client: httpx.Client, log: Path) -> None:
    """Every process of the application gets the limit of a full disk."""
    port = client.base_url.port
    pids = {
        connection.pid
        for connection in psutil.net_connections("tcp4")
        if connection.laddr.port == port and connection.status == psutil.CONN_LISTEN
    }
    assert pids, log.read_text()
    for pid in pids:
        for process in (psutil.Process(pid), *psutil.Process(pid).children()):
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (LIMIT_BYTES, LIMIT_BYTES))


@pytest.fixture(autouse=True)
def healed(broken: Broken) -> Iterator[None]:
    """Each test begins and ends with everything as it should be."""
    yield
    broken.prefect.mode = OPEN
    wait_for(lambda: broken.client.get("/jobs").status_code == 200, 30, "Prefect is back")


@pytest.mark.parametrize(
    ("mode", "told", "seconds"),
    [
        (DROP, "cannot be reached", 5),
        ("500", "answered 500", 5),
        ("502", "answered 502", 5),
        ("401", "rejects our credentials", 5),
        ("404", "not at its configured address", 5),
        (HANG, "cannot be reached", 15),
    ],
)
def test_an_outage_of_prefect(broken: Broken, mode: str, told: str, seconds: float) -> None:
    before = broken.post("hello-world", name="Joe")
    job = before.headers["Link"].partition(">")[0].rsplit("/", 1)[1]
    logged = len(broken.log.read_text())
    broken.prefect.mode = mode
    for method, path in (
        ("POST", "/processes/hello-world/execution"),
        ("POST", "/processes/simple-flow/execution"),
        ("GET", "/jobs"),
        ("GET", f"/jobs/{job}"),
    ):
        body = {"inputs": {"name": "Joe"}} if method == "POST" else None
        began = time.monotonic()
        reply = broken.client.request(method, path, json=body)
        assert time.monotonic() - began < seconds * 3  # generous: the machine may be busy
        assert_problem(reply, 503, detail=told)
        assert int(reply.headers["Retry-After"]) > 0
    assert broken.client.get("/healthz").status_code == 200
    ready = broken.client.get("/readyz")
    assert ready.status_code == 503
    assert "Prefect's API" in ready.json()["dependencies"]["prefect"]
    assert broken.said("Prefect's API", logged)
    broken.prefect.mode = OPEN
    wait_for_recovery(lambda: broken.client.get(f"/jobs/{job}").status_code == 200, 30, mode)
    assert broken.post("hello-world", name="Joe").status_code == 200


def test_a_request_that_prefect_did_not_take_leaves_nothing(
    broken: Broken, stack: RunningStack
) -> None:
    results = stack.state / "results"
    assert broken.post("simple-flow", name="Joe").status_code == 200
    before = {path.name for path in results.iterdir()}
    broken.prefect.mode = "401"  # after a 500 there may be a run: it is looked for first
    assert_problem(broken.post("simple-flow", name="x" * 20_000), 503)
    broken.prefect.mode = OPEN
    wait_for(lambda: {path.name for path in results.iterdir()} <= before, 60, "it is removed")


def test_a_404_that_is_not_prefects_is_no_dismissal(broken: Broken, stack: RunningStack) -> None:
    """A proxy in front of Prefect answers while somebody waits: the job is not gone."""
    with ThreadPoolExecutor(1) as pool:
        with paused_pool(stack):
            waiting = pool.submit(broken.post, "simple-flow", name="Joe")
            wait_for(lambda: known_jobs(broken, "accepted"), 30, "it waits")
            logged = len(broken.log.read_text())
            broken.prefect.mode = "404"
            wait_for(lambda: broken.said("clients go on waiting", logged), 30, "polled")
            broken.prefect.mode = OPEN
        reply = waiting.result(120)
    assert (reply.status_code, reply.text) == (200, "Hello Joe!")


def known_jobs(broken: Broken, status: str) -> list[dict[str, Any]]:
    query = {"status": status, "processID": "simple-flow"}
    jobs: list[dict[str, Any]] = broken.client.get("/jobs", params=query).json()["jobs"]
    return jobs


def test_a_block_that_was_deleted_and_made_again(broken: Broken, stack: RunningStack) -> None:
    """Its identifier is another one; its name and its folder are the same."""
    folder = broken.results.with_name("made-again")
    with use_prefect(stack.prefect_api_url):
        storage.save_local_block("fault-made-again", str(folder))
        reply = broken.post("many-here")
        assert reply.status_code == 200, reply.text
        job = job_of(reply)
        path = "/block_types/slug/local-file-system/block_documents/name/fault-made-again"
        block = stack.prefect.get(path).json()["id"]
        stack.prefect.delete(f"/block_documents/{block}").raise_for_status()
        storage.save_local_block("fault-made-again", str(folder))
    own = web.environment(stack.prefect_api_url)
    with web.serving(own, broken.config, broken.log.with_name("again.log"), "/healthz") as client:
        assert client.get(f"/jobs/{job}").json()["status"] == "successful"
        assert client.get(f"/jobs/{job}/results").status_code == 200
        assert client.delete(f"/jobs/{job}").json()["status"] == "dismissed"
        assert_problem(client.get(f"/jobs/{job}"), 404)


def test_a_block_that_does_not_exist_and_then_does(broken: Broken, stack: RunningStack) -> None:
    reply = broken.post("store-missing", name="Joe")
    assert_problem(reply, 500)
    assert "fault-missing" not in reply.text  # an operator's matter
    assert broken.said("there is no block 'remote-file-system/fault-missing'")
    with use_prefect(stack.prefect_api_url):
        url = s3_server.endpoint()
        bucket = s3_server.make_bucket("fault-made-later", url)
        storage.save_remote_block("fault-missing", bucket, s3_server.settings(url))
    wait_for_recovery(
        lambda: broken.post("store-missing", name="Joe").status_code == 200, 30, "block"
    )


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("unreachable", "cannot be reached"),
        ("wrong-key", "rejects the credentials"),
        ("no-bucket", "has no such bucket"),
    ],
)
def test_a_store_that_cannot_be_used(
    broken: Broken, stack: RunningStack, name: str, told: str
) -> None:
    reply = broken.post(f"store-{name}", name="Joe")
    assert_problem(reply, 503, detail=f"remote-file-system/fault-{name} {told}")
    assert int(reply.headers["Retry-After"]) > 0
    assert broken.said(f"store remote-file-system/fault-{name}")
    assert (
        told
        in broken.client.get("/readyz").json()["dependencies"][f"remote-file-system/fault-{name}"]
    )
    with use_prefect(stack.prefect_api_url):  # the operator corrects the block
        url = s3_server.endpoint()
        bucket = s3_server.make_bucket(f"healed-{name}", url)
        storage.save_remote_block(f"fault-{name}", bucket, s3_server.settings(url))
    wait_for_recovery(lambda: broken.post(f"store-{name}", name="Joe").status_code == 200, 30, name)


def test_a_full_disk(broken: Broken) -> None:
    # Four bytes each as they come, in memory, and twelve as they are stored.
    reply = broken.post("store-full", name="\N{GRINNING FACE}" * (LIMIT_BYTES // 10))
    assert_problem(reply, 503, detail="local-file-system/fault-full")
    assert broken.said("File too large")
    assert not list(broken.results.rglob("*.part"))
    reply = broken.post("store-full", name="x" * (LIMIT_BYTES * 2))  # kept in a file while it comes
    assert_problem(reply, 503, detail="no space")
    wait_for_recovery(lambda: broken.post("store-full", name="Joe").status_code == 200, 30, "full")


def all_successful(stack: RunningStack, *job_ids: str) -> bool:
    return all(stack.job(job_id)["status"] == "successful" for job_id in job_ids)


def test_a_paused_queue_is_told_and_jobs_wait(stack: RunningStack, broken: Broken) -> None:
    with paused_pool(stack):
        ready = broken.client.get("/readyz").json()
        job_id = stack.submit("simple-flow", {"name": "Joe"})
        waited = execute(stack, "simple-flow", {"name": "Joe"}, "wait=1")
        only_sync = execute(stack, "slow-sync", {"seconds": 0}, "wait=1")
        assert stack.job(job_id)["status"] == "accepted"
    assert "paused" in ready["dependencies"].get("pygeoapi/pygeoapi", "paused")
    assert waited.status_code == 201
    assert_problem(only_sync, 504, "timeout")
    jobs = (job_id, waited.json()["jobID"])
    wait_for_recovery(partial(all_successful, stack, *jobs), 120, "queue paused")


def test_a_worker_that_is_away(stack: RunningStack) -> None:
    """Its process is stopped: jobs are accepted, wait, and run when it goes on."""
    worker = stack.processes["worker"].find()
    assert worker is not None
    worker.suspend()
    try:
        jobs = [stack.submit("simple-flow", {"name": str(number)}) for number in range(3)]
        assert {stack.job(job)["status"] for job in jobs} == {"accepted"}
    finally:
        worker.resume()
    wait_for_recovery(partial(all_successful, stack, *jobs), 120, "worker")


def test_code_that_is_missing_in_the_store(stack: RunningStack) -> None:
    found = stack.prefect.get("/deployments/name/many-outputs/pygeoapi").json()
    code = stack.state / "flows" / Path(found["path"])
    hidden = code.with_name(code.name + ".hidden")
    code.rename(hidden)
    try:
        job_id = stack.submit("many", {})
        job = stack.wait_until(job_id, "failed", timeout=120)
        assert_problem(stack.client.get(f"/jobs/{job_id}/results"), 500, "job-failed")
    finally:
        hidden.rename(code)
    assert job["message"].startswith("The process failed") or "failed" in job["message"]
    again = stack.submit("many", {})
    wait_for_recovery(partial(all_successful, stack, again), 120, "code")


def test_a_deployment_that_was_deleted_and_is_made_again(stack: RunningStack) -> None:
    found = stack.prefect.get("/deployments/name/many-outputs/pygeoapi").json()
    stack.prefect.delete(f"/deployments/{found['id']}").raise_for_status()
    since = len(stack.log("pygeoapi"))
    try:
        assert_problem(execute(stack, "many", {}, "respond-async"), 500)
        assert "process 'many' is not deployed" in stack.log("pygeoapi")[since:]
    finally:
        command = ["plugins", "prefect", "deploy-process", "many", "-c", str(stack.config)]
        own = web.environment(stack.prefect_api_url) | {"PYGEOAPI_URL": stack.url}
        pygeoapi = Path(sys.executable).with_name("pygeoapi")
        subprocess.run([pygeoapi, *command], env=own, check=True, timeout=120)
    again = stack.submit("many", {})
    wait_for_recovery(partial(all_successful, stack, again), 120, "deployment")


def test_a_record_that_is_gone_and_put_back(stack: RunningStack) -> None:
    job_id = stack.submit("simple-flow", {"name": "Joe"})
    stack.wait_until(job_id, "successful", timeout=120)
    data = prefect_run(stack, job_id)["state"]["data"]
    record = stack.state / "results" / data["storage_key"]
    kept = record.with_name(record.name + ".kept")
    record.rename(kept)
    lost = stack.job(job_id)
    assert lost["status"] == "failed"
    assert_problem(stack.client.get(f"/jobs/{job_id}/results"), 500)
    kept.rename(record)
    wait_for_recovery(partial(all_successful, stack, job_id), 30, "record")
    assert "Hello Joe!" in stack.client.get(f"/jobs/{job_id}/results").text
